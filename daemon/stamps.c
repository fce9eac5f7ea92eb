/* SPDX-License-Identifier: MIT */
/*
 * Serving stamps.  One packet is served per turn and peer: the loop tells again of what is left,
 * after the others, and a peer that asks and waits costs no receive that finds nothing.
 *
 * The one thing a reader would get wrong: a packet may be served twice (see stamps.h), so a handler
 * must come to the same state when it is called again.
 */
#include "daemon/stamps-state.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include <vdsotime/page.h>

#include "daemon/keeper.h"
#include "daemon/loop.h"
#include "daemon/packet.h"
#include "daemon/quota.h"

_Static_assert(STAMP_PACKET_MAX <= QUOTA_REQUESTS_MAX, "a packet can be charged");
_Static_assert((int)STAMP_REFUSAL_COUNT <= (int)STATISTICS_REFUSALS, "each has its count");

int stamps_read_clock(const struct stamps *s, int32_t clock_id, struct stamp_record *record)
{
	int64_t time_ns;
	uint64_t counter_ticks;
	int r = keeper_read(s->set.keeper, clock_id, &time_ns, &counter_ticks);

	if (r < 0)
		return r;
	record->time_ns = time_ns;
	record->counter_ticks = counter_ticks;
	if (counter_ticks != 0)
		record->flags |= STAMP_FLAG_PAGE;
	return 0;
}

void stamp_stall_timer(struct stamp_peer *sp, bool wanted)
{
	if (wanted == sp->timed)
		return;

	unsigned int watched = loop_io_watched(sp->peer.io);

	sp->timed = wanted;
	if (wanted) {
		peer_timer_start(&sp->peer, stamps_of(sp)->stall_timeout_ns);
		loop_io_events(sp->peer.io, watched | LOOP_WRITE);
	} else {
		peer_timer_stop(&sp->peer);
		loop_io_events(sp->peer.io, watched & ~(unsigned int)LOOP_WRITE);
	}
}

static int serve_hello(struct stamp_peer *sp, const struct stamp_request *q, struct stamp_record *a)
{
	sp->greeted = true;
	sp->parting = q->version == 0;
	a->version = q->version == 0 || q->version > STAMP_VERSION ? STAMP_VERSION : q->version;
	a->packet_max = STAMP_PACKET_MAX;
	return sp->parting ? -EPROTONOSUPPORT : 0;
}

static int serve_attach(
	struct stamp_peer *sp, const struct stamp_request *q, struct stamp_record *a)
{
	struct stamps *s = stamps_of(sp);
	struct keeper_status status;

	(void)q;
	if (keeper_page_fd(s->set.keeper) < 0)
		return -ENODATA;
	if (peer_keeps_descriptor(&sp->peer))
		return -EBUSY;
	keeper_status(s->set.keeper, &status);
	a->flags = status.page_on ? STAMP_FLAG_PAGE : 0;
	a->page_major = VDSOTIME_PAGE_MAJOR;
	a->page_minor = VDSOTIME_PAGE_MINOR;
	a->page_size_bytes = (uint32_t)status.page_size_bytes;
	a->epoch = status.epoch;
	return 0;
}

static int serve_stamp(struct stamp_peer *sp, const struct stamp_request *q, struct stamp_record *a)
{
	return stamps_read_clock(stamps_of(sp), q->clock_id, a);
}

#define SERVE(NAME, name, number, request, record, text) [number] = serve_##name,
static int (*const serve[STAMP_OPS])(struct stamp_peer *sp, const struct stamp_request *q,
	struct stamp_record *a) = { STAMP_REQUESTS(SERVE) };

static int records_send(struct stamp_peer *sp, size_t count, int page_fd)
{
	struct stamps *s = stamps_of(sp);
	int r = packet_send(sp->peer.fd, s->records, count, page_fd);

	if (r == 0)
		s->set.statistics.sent_bytes += count * sizeof(s->records[0]);
	return r;
}

/* The answer to an ATTACH is out. */
static void attach_count(struct stamp_peer *sp, int error)
{
	struct statistics *statistics = &sp->peer.set->statistics;

	sp->peer.descriptor_sent |= error == 0;
	statistics->attached += error == 0;
	statistics->attach_refused_page += error == -ENODATA;
	statistics->attach_refused_busy += error == -EBUSY;
	statistics->attach_refused_system +=
		error != 0 && error != -ENODATA && error != -EBUSY && !sp->parting;
}

static bool peer_lost(int error)
{
	return error == -EPIPE || error == -ECONNRESET || error == -ENOTCONN;
}

/* Serve a packet that was checked, and send the reply.  0; -EAGAIN: not taken now; else -errno. */
static int packet_serve(struct stamp_peer *sp, const struct stamp_request *requests, size_t count)
{
	struct stamps *s = stamps_of(sp);
	struct stamp_record *attach = NULL; /* there is one at most */
	uint64_t stamps = 0;
	uint64_t refused = 0;
	int r;

	sp->parting = false; /* its own HELLO says so, also when it is served again */
	for (size_t i = 0; i < count; i++) {
		struct stamp_record *record = &s->records[i];

		*record = (struct stamp_record){ .op = requests[i].op };
		record->error = sp->parting ? -EPROTONOSUPPORT
					    : serve[requests[i].op](sp, &requests[i], record);
		if (record->op == STAMP_OP_ATTACH)
			attach = record;
		stamps += record->op == STAMP_OP_STAMP && record->error == 0;
		refused += record->op == STAMP_OP_SUBSCRIBE && record->error == -EDQUOT;
	}

	bool attached = attach != NULL && attach->error == 0;

	r = records_send(sp, count, attached ? keeper_page_fd(s->set.keeper) : -1);
	if (attached && r < 0 && r != -EAGAIN && !peer_lost(r)) {
		/* the kernel would not take the page's descriptor */
		*attach = (struct stamp_record){ .op = STAMP_OP_ATTACH, .error = r };
		r = records_send(sp, count, -1);
	}
	if (r < 0)
		return r; /* a packet that stalls is served again: counted is what got out */
	if (attach != NULL)
		attach_count(sp, attach->error);
	s->set.statistics.stamps += stamps;
	s->set.statistics.subscriptions_refused += refused;
	return 0;
}

/* Keep the packet until its reply is taken. */
static int packet_stall(struct stamp_peer *sp, const struct stamp_request *requests, size_t count)
{
	struct stamps *s = stamps_of(sp);

	if (sp->stalled == NULL) {
		int r = peer_hold(&sp->peer, sizeof(s->requests));

		if (r < 0)
			return r;
		sp->stalled = slab_take(&s->stalled);
		memcpy(sp->stalled, requests, count * sizeof(*requests));
		sp->stalled_count = count;
		sp->peer.owing = true;
		stamp_stall_timer(sp, true);
		loop_io_events(sp->peer.io, LOOP_WRITE);
	}
	return 0;
}

static void packet_settled(struct stamp_peer *sp)
{
	stamp_stall_timer(sp, false);
	if (sp->stalled == NULL)
		return;
	slab_put(&stamps_of(sp)->stalled, sp->stalled);
	sp->stalled = NULL;
	peer_let_go(&sp->peer, sizeof(stamps_of(sp)->requests));
	sp->peer.owing = false;
	loop_io_events(sp->peer.io, LOOP_READ);
}

static int packet_answer(struct stamp_peer *sp, const struct stamp_request *requests, size_t count)
{
	int r = packet_serve(sp, requests, count);

	if (r == -EAGAIN)
		return packet_stall(sp, requests, count);
	packet_settled(sp);
	return r < 0 ? r : sp->parting ? -EPROTONOSUPPORT : 0;
}

/* Receive one packet and answer it.  0, also when nothing is there; negative: close. */
static int packet_turn(struct stamp_peer *sp)
{
	struct stamps *s = stamps_of(sp);
	struct statistics *statistics = &s->set.statistics;
	enum stamp_refusal refusal;
	size_t bytes = 0;
	size_t count = 0;
	int r;

	r = throttle_hold(&sp->peer);
	if (r != 0)
		return r < 0 ? r : 0;
	r = packet_receive(sp->peer.fd, s->requests, &bytes);
	if (r < 0)
		return r == -EAGAIN ? 0 : r;

	int64_t began_ns = peer_set_now_ns(&s->set);

	statistics->frames++;
	peer_received(&sp->peer, bytes);
	refusal = stamp_request_check(s->requests, bytes, sp->greeted, &count);
	if (refusal != STAMP_ACCEPTED) {
		statistics->refused[refusal]++;
		return -EPROTO;
	}
	peer_charge_requests(&sp->peer, (uint32_t)count, began_ns);
	r = packet_answer(sp, s->requests, count);
	peer_served(&sp->peer, began_ns);
	return r;
}

static int stamp_turn(struct peer *p, unsigned int events)
{
	struct stamp_peer *sp = (struct stamp_peer *)p;
	int r = 0;

	if (!p->owing && events & LOOP_WRITE)
		stamp_stall_timer(sp, false);
	if (!(events & (p->owing ? LOOP_WRITE : LOOP_READ)))
		return 0;
	if (p->owing)
		r = packet_answer(sp, sp->stalled, sp->stalled_count);
	return r == 0 && !p->owing ? packet_turn(sp) : r;
}

static void stamp_expired(struct peer *p)
{
	p->set->statistics.stalled++;
}

static void stamp_gone(struct peer *p)
{
	struct stamp_peer *sp = (struct stamp_peer *)p;
	struct stamps *s = stamps_of(sp);

	slab_put(&s->stalled, sp->stalled);
	slab_put(&s->peers, sp);
}

static const struct peer_calls stamp_calls = {
	.turn = stamp_turn,
	.tick = stamp_tick,
	.expired = stamp_expired,
	.gone = stamp_gone,
};

int stamps_init(struct stamps *s, struct loop *loop, struct quota *quota,
	const struct keeper *keeper, uint32_t peers_max)
{
	*s = (struct stamps){
		.set = {
			.loop = loop,
			.quota = quota,
			.keeper = keeper,
			.calls = &stamp_calls,
			.peer_bytes = sizeof(struct stamp_peer),
		},
	};
	/* One more, for whoever is turned away once its user is known. */
	if (slab_init(&s->peers, peers_max + 1, sizeof(struct stamp_peer)) < 0 ||
		slab_init(&s->stalled, peers_max, sizeof(s->requests)) < 0) {
		stamps_deinit(s);
		return -ENOMEM;
	}
	return 0;
}

void stamps_deinit(struct stamps *s)
{
	peer_set_close(&s->set);
	slab_deinit(&s->peers);
	slab_deinit(&s->stalled);
}

int stamps_accept(struct stamps *s, int fd)
{
	struct stamp_peer *sp = slab_take(&s->peers);

	if (sp == NULL)
		return -ENOMEM;
	*sp = (struct stamp_peer){ 0 };

	int r = peer_init(&sp->peer, &s->set, fd);

	if (r < 0)
		slab_put(&s->peers, sp);
	return r;
}

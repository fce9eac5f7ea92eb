/* SPDX-License-Identifier: MIT */
/*
 * Reading, framing, writing; what a message means is varlink.c's.
 *
 * The one thing a reader would get wrong: the input is either in the peer's own buffer or in the
 * shared scratch, and the scratch is good for one turn only: input_keep() moves what is left of it.
 */
#include "daemon/dialogue.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "daemon/keeper.h"
#include "daemon/loop.h"
#include "daemon/quota.h"
#include "daemon/schedule.h"

_Static_assert((int)VARLINK_REFUSAL_COUNT <= (int)STATISTICS_REFUSALS, "each has its count");

/* What the peer's one timer waits for. */
enum waiting {
	WAITING_NOTHING,
	WAITING_FRAME, /* the rest of a message */
	WAITING_STALL /* room for the rest of a reply */
};

struct dialogue {
	struct peer peer;
	char *kept; /* from the slab; NULL: no input is left over */
	size_t kept_bytes;
	struct varlink_reply reply; /* under way, when it has a text */
	size_t sent_bytes; /* of it */
	struct varlink_stream stream;
	struct schedule schedule; /* of the ticks */
	enum waiting waiting;
};

/* What is to be served in this turn. */
struct input {
	char *at;
	size_t bytes;
};

static struct dialogues *dialogues_of(const struct dialogue *d)
{
	return (struct dialogues *)(void *)d->peer.set;
}

static bool has_frame(const char *at, size_t bytes)
{
	return bytes > 0 && memchr(at, '\0', bytes) != NULL;
}

static void wait_for(struct dialogue *d, enum waiting what)
{
	struct dialogues *ds = dialogues_of(d);

	if (what == d->waiting)
		return;
	d->waiting = what;
	if (what == WAITING_NOTHING)
		peer_timer_stop(&d->peer);
	else
		peer_timer_start(&d->peer,
			what == WAITING_FRAME ? ds->frame_timeout_ns : ds->stall_timeout_ns);
}

/*
 * Send on what is under way.  0, also when the peer cannot take all of it now; negative: it is
 * gone.
 */
static int reply_flush(struct dialogue *d)
{
	struct statistics *statistics = &d->peer.set->statistics;

	while (d->reply.text != NULL) {
		ssize_t n = send(d->peer.fd, d->reply.text + d->sent_bytes,
			d->reply.bytes - d->sent_bytes, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0)
			return errno == EAGAIN || errno == EINTR ? 0 : -errno;
		statistics->sent_bytes += (uint64_t)n;
		d->sent_bytes += (size_t)n;
		if (d->sent_bytes == d->reply.bytes) {
			peer_let_go(&d->peer, d->reply.bytes);
			varlink_reply_release(&d->reply);
		}
	}
	return 0;
}

/* reply is the dialogue's from here. */
static int reply_start(struct dialogue *d, const struct varlink_reply *reply)
{
	int r = peer_hold(&d->peer, reply->bytes);

	d->reply = *reply;
	d->sent_bytes = 0;
	return r < 0 ? r : reply_flush(d);
}

static void stream_end(struct dialogue *d)
{
	peer_unsubscribe(&d->peer);
	d->stream = (struct varlink_stream){ 0 };
}

/* What the loop is to watch, and what the timer is for, given how things stand. */
static void arrange(struct dialogue *d)
{
	bool waits = d->reply.text != NULL;
	bool streams = d->peer.ticks != NULL;
	bool more = !streams && has_frame(d->kept, d->kept_bytes);

	d->peer.owing = waits || more;
	if (waits)
		wait_for(d, WAITING_STALL);
	else if (d->kept_bytes > 0 && !more && !streams)
		wait_for(d, WAITING_FRAME);
	else
		wait_for(d, WAITING_NOTHING);
	if (waits)
		loop_io_events(d->peer.io, LOOP_WRITE);
	else if (more)
		loop_io_events(d->peer.io, 0);
	else
		loop_io_events(d->peer.io, LOOP_READ);
	if (more && !waits && d->peer.waiting[THROTTLE_REQUEST].link == NULL)
		loop_io_again(d->peer.io);
}

/* The stream's next reply for that cause.  1; 0: it has nothing to say; negative: close. */
static int stream_say(struct dialogue *d, enum varlink_cause cause)
{
	struct varlink_reply reply;
	uint64_t lost = d->stream.lost;
	int r = varlink_stream_next(&d->stream, cause, &reply);

	if (r < 0)
		return r;
	d->peer.set->statistics.ticks_lost += d->stream.lost - lost;
	if (reply.text == NULL)
		return 0;
	d->peer.set->statistics.ticks++;
	r = reply_start(d, &reply);
	if (d->stream.method == NULL) {
		stream_end(d);
		/* What came meanwhile was kept, and has its turn. */
		loop_io_again(d->peer.io);
	}
	return r < 0 ? r : 1;
}

/*
 * Tell of every event that is new, as far as the peer takes it; the rest waits for the next
 * occasion.
 */
static int stream_events(struct dialogue *d)
{
	int r = 1;

	while (r > 0 && d->peer.ticks != NULL && d->reply.text == NULL)
		r = stream_say(d, VARLINK_EVENT);
	return r < 0 ? r : 0;
}

/* Ticks are lost, and counted, when the reply before them is still under way. */
static int stream_due(struct dialogue *d, int64_t now_ns)
{
	uint64_t lost = 0;
	bool due = schedule_take(&d->schedule, now_ns, &lost);
	bool blocked = d->reply.text != NULL;
	int r = 0;

	lost += due && blocked;
	d->stream.lost += lost;
	d->peer.set->statistics.ticks_lost += lost;
	if (due && !blocked)
		r = stream_say(d, VARLINK_TICK);
	if (r >= 0 && d->peer.ticks != NULL)
		loop_timer_start(d->peer.ticks, schedule_wait_ns(&d->schedule, now_ns));
	return r;
}

/* There may be events to tell of, or a tick, or both. */
static int stream_tick(struct peer *p, int64_t now_ns)
{
	struct dialogue *d = (struct dialogue *)p;
	int r = stream_events(d);

	if (r >= 0 && d->peer.ticks != NULL && d->stream.interval_ns > 0)
		r = stream_due(d, now_ns);
	if (r >= 0)
		arrange(d);
	return r;
}

/* A method has left a stream: 0, or negative where there is no room for it. */
static int stream_begin(struct dialogue *d, const struct varlink_stream *stream)
{
	int r = peer_subscribe(&d->peer);

	if (r < 0)
		return r;
	d->stream = *stream;
	if (stream->interval_ns > 0) {
		schedule_start(&d->schedule, peer_set_now_ns(d->peer.set), stream->interval_ns);
		loop_timer_start(d->peer.ticks, stream->interval_ns);
	}
	return 0;
}

/* Receive what is there behind the input that is left.  1; 0: nothing came; negative: close. */
static int input_receive(struct dialogue *d, struct input *in)
{
	ssize_t n = recv(
		d->peer.fd, in->at + in->bytes, DIALOGUE_MESSAGE_MAX - in->bytes, MSG_DONTWAIT);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	if (n == 0)
		return -ENOTCONN;
	peer_received(&d->peer, (uint64_t)n);
	in->bytes += (size_t)n;
	return 1;
}

static int message_serve(struct dialogue *d, char *message, size_t bytes)
{
	struct dialogues *ds = dialogues_of(d);
	struct statistics *statistics = &ds->set.statistics;
	int64_t began_ns = peer_set_now_ns(&ds->set);
	struct varlink_reply reply = { 0 };
	struct varlink_stream stream;
	bool privileged = quota_privileged(ds->set.quota, d->peer.user->uid);
	int r = varlink_serve(ds->service, privileged, message, bytes, &reply, &stream);

	statistics->frames++;
	if (r > 0) {
		statistics->refused[r]++;
		return -EPROTO;
	}
	if (r == 0 && stream.method != NULL && stream_begin(d, &stream) < 0) {
		statistics->subscriptions_refused++;
		varlink_reply_release(&reply);
		r = varlink_denied(&reply);
	}
	if (r < 0)
		return r;
	peer_charge_requests(&d->peer, 1, began_ns);
	r = reply_start(d, &reply);
	peer_served(&d->peer, began_ns);
	return r;
}

/* Serve whole messages until the turn is over, a reply does not get out, or a stream begins. */
static int input_serve(struct dialogue *d, struct input *in)
{
	for (int i = 0; i < PEER_TURN && d->reply.text == NULL && d->peer.ticks == NULL; i++) {
		char *end = in->bytes > 0 ? memchr(in->at, '\0', in->bytes) : NULL;
		int r;

		if (end == NULL)
			break;
		r = throttle_hold(&d->peer);
		if (r != 0)
			return r < 0 ? r : 0;
		wait_for(d, WAITING_NOTHING);
		r = message_serve(d, in->at, (size_t)(end - in->at));
		if (r < 0)
			return r;
		in->bytes -= (size_t)(end + 1 - in->at);
		in->at = end + 1;
	}
	return 0;
}

/*
 * Keep what is left for the next turn.  0, or negative: it is longer than a message may be, or so
 * much waits behind a stream that nothing more could be read.
 */
static int input_keep(struct dialogue *d, const struct input *in)
{
	struct dialogues *ds = dialogues_of(d);

	if (in->bytes == DIALOGUE_MESSAGE_MAX &&
		(d->peer.ticks != NULL || !has_frame(in->at, in->bytes))) {
		ds->set.statistics.refused[VARLINK_REFUSAL_LENGTH]++;
		return -EMSGSIZE;
	}
	if (in->bytes == 0 && d->kept != NULL) {
		slab_put(&ds->inputs, d->kept);
		d->kept = NULL;
		peer_let_go(&d->peer, DIALOGUE_MESSAGE_MAX);
	} else if (in->bytes > 0 && d->kept == NULL) {
		if (peer_hold(&d->peer, DIALOGUE_MESSAGE_MAX) < 0)
			return -ENOBUFS;
		d->kept = slab_take(&ds->inputs); /* there is one for every peer */
	}
	if (in->bytes > 0)
		memmove(d->kept, in->at, in->bytes);
	d->kept_bytes = in->bytes;
	return 0;
}

static int dialogue_turn(struct peer *p, unsigned int events)
{
	struct dialogue *d = (struct dialogue *)p;
	struct dialogues *ds = dialogues_of(d);
	struct input in = { d->kept != NULL ? d->kept : ds->scratch, d->kept_bytes };
	int r = 0;

	if (d->reply.text != NULL) {
		if (!(events & LOOP_WRITE))
			return 0;
		r = reply_flush(d);
		if (r == 0)
			r = stream_events(d);
	} else if (in.bytes < DIALOGUE_MESSAGE_MAX &&
		   (d->peer.ticks != NULL || !has_frame(in.at, in.bytes)))
		r = input_receive(d, &in);
	if (r >= 0)
		r = input_serve(d, &in);
	if (r == 0)
		r = input_keep(d, &in);
	if (r == 0)
		arrange(d);
	return r;
}

static void dialogue_expired(struct peer *p)
{
	struct dialogue *d = (struct dialogue *)p;

	if (d->waiting == WAITING_STALL)
		p->set->statistics.stalled++;
	else
		p->set->statistics.unfinished++;
}

static void dialogue_gone(struct peer *p)
{
	struct dialogue *d = (struct dialogue *)p;
	struct dialogues *ds = dialogues_of(d);

	varlink_reply_release(&d->reply);
	slab_put(&ds->inputs, d->kept);
	slab_put(&ds->peers, d);
}

static const struct peer_calls dialogue_calls = {
	.turn = dialogue_turn,
	.tick = stream_tick,
	.expired = dialogue_expired,
	.gone = dialogue_gone,
};

int dialogues_init(struct dialogues *ds, struct loop *loop, struct quota *quota,
	const struct keeper *keeper, const struct varlink_service *service, uint32_t peers_max)
{
	*ds = (struct dialogues){
		.set = {
			.loop = loop,
			.quota = quota,
			.keeper = keeper,
			.calls = &dialogue_calls,
			.peer_bytes = sizeof(struct dialogue),
		},
		.service = service,
	};
	/* One more, for whoever is turned away once its user is known. */
	if (slab_init(&ds->peers, peers_max + 1, sizeof(struct dialogue)) < 0 ||
		slab_init(&ds->inputs, peers_max, DIALOGUE_MESSAGE_MAX) < 0) {
		dialogues_deinit(ds);
		return -ENOMEM;
	}
	return 0;
}

void dialogues_deinit(struct dialogues *ds)
{
	peer_set_close(&ds->set);
	slab_deinit(&ds->peers);
	slab_deinit(&ds->inputs);
}

int dialogues_accept(struct dialogues *ds, int fd)
{
	struct dialogue *d = slab_take(&ds->peers);

	if (d == NULL)
		return -ENOMEM;
	*d = (struct dialogue){ 0 };

	int r = peer_init(&d->peer, &ds->set, fd);

	if (r < 0)
		slab_put(&ds->peers, d);
	return r;
}

void dialogues_event(struct dialogues *ds)
{
	for (struct peer *p = ds->set.first; p != NULL; p = p->next) {
		if (p->ticks != NULL)
			peer_tick_soon(p);
	}
}

/* SPDX-License-Identifier: MIT */
/*
 * Subscriptions: a record each interval, of a clock as it is then.
 *
 * The one thing a reader would get wrong: a tick for which there is no room is lost, and not sent
 * later; the next that gets through says how many were.
 */
#include "daemon/stamps-state.h"

#include <errno.h>

#include "daemon/loop.h"
#include "daemon/packet.h"

static void subscription_end(struct stamp_peer *sp)
{
	peer_unsubscribe(&sp->peer);
	sp->subscription = (struct subscription){ 0 };
}

/* 0; -EAGAIN: it was lost; else the peer is gone. */
static int tick_send(struct stamp_peer *sp, struct stamp_record *tick)
{
	struct stamps *s = stamps_of(sp);
	int r;

	if (sp->peer.owing)
		return -EAGAIN;
	(void)stamps_read_clock(s, sp->subscription.clock_id, tick); /* it is one that is served */
	r = packet_send(sp->peer.fd, tick, 1, -1);
	if (r == 0)
		s->set.statistics.sent_bytes += sizeof(*tick);
	return r;
}

static void subscription_lose(struct stamp_peer *sp, uint64_t ticks)
{
	sp->subscription.lost += ticks;
	stamps_of(sp)->set.statistics.ticks_lost += ticks;
}

static int subscription_tick(struct stamp_peer *sp)
{
	struct subscription *sub = &sp->subscription;
	struct stamp_record tick = { .op = STAMP_OP_TICK, .lost = sub->lost };
	int r;

	tick.flags = sub->left == 1 ? STAMP_FLAG_LAST : 0;
	r = tick_send(sp, &tick);
	stamp_stall_timer(sp, r == -EAGAIN || sp->peer.owing);
	if (r == -EAGAIN) {
		subscription_lose(sp, 1);
		return 0;
	}
	if (r < 0)
		return r;
	stamps_of(sp)->set.statistics.ticks++;
	sub->lost = 0;
	if (sub->left > 0 && --sub->left == 0)
		subscription_end(sp);
	return 0;
}

int stamp_tick(struct peer *p, int64_t now_ns)
{
	struct stamp_peer *sp = (struct stamp_peer *)p;
	struct subscription *sub = &sp->subscription;
	uint64_t skipped = 0;
	int r = 0;

	if (schedule_take(&sub->schedule, now_ns, &skipped)) {
		subscription_lose(sp, skipped);
		r = subscription_tick(sp);
	}
	if (r == 0 && p->ticks != NULL)
		loop_timer_start(p->ticks, schedule_wait_ns(&sub->schedule, now_ns));
	return r;
}

int serve_subscribe(
	struct stamp_peer *sp, const struct stamp_request *q, struct stamp_record *answer)
{
	struct stamps *s = stamps_of(sp);
	struct stamp_record probe;
	int r;

	subscription_end(sp);
	if (q->interval_us == 0)
		return 0;
	if (q->interval_us < STAMP_INTERVAL_MIN_US)
		return -ERANGE;
	r = stamps_read_clock(s, q->clock_id, &probe);
	if (r < 0)
		return r;
	r = peer_subscribe(&sp->peer);
	if (r < 0)
		return r == -ENOBUFS ? -EDQUOT : r;
	sp->subscription = (struct subscription){
		.clock_id = q->clock_id,
		.left = q->count,
	};
	schedule_start(&sp->subscription.schedule, peer_set_now_ns(&s->set),
		(uint64_t)q->interval_us * 1000);
	loop_timer_start(sp->peer.ticks, sp->subscription.schedule.interval_ns);
	answer->interval_us = q->interval_us;
	answer->count = q->count;
	return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * Two lists through the peers, their ends in their user.
 *
 * The one thing a reader would get wrong: a user is gone with its last peer, which may be the one
 * whose turn was just called, though it waited in both lists.
 */
#include "daemon/throttle.h"

#include <errno.h>
#include <poll.h>
#include <stddef.h>

#include "daemon/loop.h"
#include "daemon/peer.h"
#include "daemon/quota.h"

/* A limit that was lifted meanwhile is seen after this. */
#define LOOK_NS UINT64_C(1000000000)

/* Whoever connects again and again has those of its user's who wait looked through this seldom. */
#define SWEEP_NS 100000000

/*
 * What a user may take of a round, its last frame or tick apart: that of some packets with a few
 * requests.  Another user waits for so much, and for the frame that is being served, whatever this
 * one does.
 */
#define TURN_NS 10000

/* And what it may take where there is no other: the page waits for so much. */
#define TURN_ALONE_NS 1000000

/* By its rate. */
static uint64_t wait_ns(const struct peer *p)
{
	uint64_t ns;

	if (!quota_is_metered(p->set->quota, p->user))
		return 0;
	ns = quota_wait_ns(p->set->quota, p->user, peer_set_now_ns(p->set));
	return ns < LOOK_NS ? ns : LOOK_NS;
}

/* Has the user had its share of this round? */
static bool turn_is_over(const struct peer_set *set, const struct quota_user *user)
{
	uint64_t share_ns = set->quota->users > 1 ? TURN_NS : TURN_ALONE_NS;

	return user->turn_ns >= share_ns && user->round == loop_round(set->loop);
}

void throttle_served(struct peer *p, uint64_t ns)
{
	struct quota_user *user = p->user;
	unsigned int round = loop_round(p->set->loop);

	user->turn_ns = (user->round == round ? user->turn_ns : 0) + ns;
	user->round = round;
}

/* NULL: nobody waits. */
static struct peer *anybody(const struct quota_user *user)
{
	struct peer *first = user->waiting[THROTTLE_TICK].first;

	return first != NULL ? first : user->waiting[THROTTLE_REQUEST].first;
}

static void waiting_unlink(struct peer *p, enum throttle_cause cause)
{
	struct throttle_queue *queue = &p->user->waiting[cause];
	struct throttle_place *place = &p->waiting[cause];

	*place->link = place->next;
	if (place->next != NULL)
		place->next->waiting[cause].link = place->link;
	else
		queue->end = place->link;
	place->link = NULL;
	if (anybody(p->user) == NULL)
		p->user->waiting_timer = loop_timer_free(p->user->waiting_timer);
}

static void waiting_append(struct peer *p, enum throttle_cause cause)
{
	struct throttle_queue *queue = &p->user->waiting[cause];
	struct throttle_place *place = &p->waiting[cause];

	if (queue->first == NULL)
		queue->end = &queue->first;
	place->next = NULL;
	place->link = queue->end;
	*queue->end = p;
	queue->end = &place->next;
}

/* Is there nobody to answer any more? */
static bool hung_up(const struct peer *p)
{
	struct pollfd poll_fd = { .fd = p->fd };

	return poll(&poll_fd, 1, 0) > 0;
}

static void read_on(struct peer *p)
{
	loop_io_events(p->io, loop_io_watched(p->io) | LOOP_READ);
}

static void request_turn(struct peer *p)
{
	p->admitted = true;
	read_on(p);
	if (quota_is_metered(p->set->quota, p->user) && hung_up(p))
		peer_settle(p, -EPIPE);
	else
		peer_settle(p, p->set->calls->turn(p, LOOP_READ));
}

/* The first in that queue, if it need not wait for the rate; else NULL. */
static struct peer *first_ready(const struct quota_user *user, enum throttle_cause cause)
{
	struct peer *p = user->waiting[cause].first;

	return p != NULL && cause == THROTTLE_REQUEST && wait_ns(p) > 0 ? NULL : p;
}

/* Give somebody a turn, out of the queues by turns; false: nobody is ready. */
static bool user_turn(struct quota_user *user)
{
	enum throttle_cause last = user->cause;
	enum throttle_cause other = last == THROTTLE_TICK ? THROTTLE_REQUEST : THROTTLE_TICK;
	enum throttle_cause cause = first_ready(user, other) != NULL ? other : last;
	struct peer *p = first_ready(user, cause);

	if (p == NULL)
		return false;
	user->cause = cause;
	waiting_unlink(p, cause);
	if (cause == THROTTLE_TICK)
		peer_tick(p);
	else
		request_turn(p);
	return true;
}

static void throttle_due(void *data)
{
	struct quota_user *user = data;
	const struct peer_set *set = anybody(user)->set;
	uint32_t uid = user->uid;

	for (int i = 0; i < PEER_TURN && !turn_is_over(set, user); i++) {
		if (!user_turn(user))
			break;
		if (quota_find(set->quota, uid) != user || anybody(user) == NULL)
			return;
	}
	loop_timer_start(user->waiting_timer,
		user->waiting[THROTTLE_TICK].first != NULL ? 0 : wait_ns(anybody(user)));
}

void throttle_sweep(struct quota_user *user, int64_t now_ns)
{
	struct peer *next;

	if (now_ns - user->swept_ns >= 0 && now_ns - user->swept_ns < SWEEP_NS)
		return;
	user->swept_ns = now_ns;
	for (struct peer *p = user->waiting[THROTTLE_REQUEST].first; p != NULL; p = next) {
		next = p->waiting[THROTTLE_REQUEST].next;
		if (hung_up(p))
			peer_settle(p, -EPIPE);
	}
}

/* While somebody of the user's waits, whoever comes does. */
static bool has_turn(const struct peer *p)
{
	return anybody(p->user) == NULL && !turn_is_over(p->set, p->user);
}

/* true: p waits now, for ns or for its user's next turn. */
static bool wait_in(struct peer *p, enum throttle_cause cause, uint64_t ns)
{
	struct quota_user *user = p->user;
	bool first = user->waiting[cause].first == NULL;

	if (user->waiting_timer == NULL) {
		if (loop_timer_new(p->set->loop, throttle_due, user, &user->waiting_timer) < 0)
			return false;
		loop_timer_yield(user->waiting_timer);
		loop_timer_start(user->waiting_timer, ns);
	} else if (cause == THROTTLE_TICK && first) {
		/* requests wait for the rate, perhaps */
		loop_timer_start(user->waiting_timer, 0);
	}
	waiting_append(p, cause);
	return true;
}

int throttle_hold(struct peer *p)
{
	bool admitted = p->admitted;
	uint64_t ns;

	p->admitted = false;
	if (p->waiting[THROTTLE_REQUEST].link != NULL)
		return 1;
	if (admitted || p->set->draining)
		return 0;
	ns = wait_ns(p);
	if (ns > 0 && hung_up(p))
		return -EPIPE;
	if ((ns == 0 && has_turn(p)) || !wait_in(p, THROTTLE_REQUEST, ns))
		return 0;
	loop_io_events(p->io, loop_io_watched(p->io) & ~(unsigned int)LOOP_READ);
	p->set->statistics.throttled += ns > 0;
	return 1;
}

bool throttle_hold_tick(struct peer *p)
{
	return !p->set->draining && !has_turn(p) && wait_in(p, THROTTLE_TICK, 0);
}

void throttle_leave(struct peer *p, enum throttle_cause cause)
{
	if (p->waiting[cause].link == NULL)
		return;
	waiting_unlink(p, cause);
	if (cause == THROTTLE_TICK) {
		loop_timer_start(p->ticks, 0);
		return;
	}
	read_on(p);
	loop_io_again(p->io); /* a call that was received and kept is not told of by the socket */
}

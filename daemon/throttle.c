/* SPDX-License-Identifier: MIT */
/*
 * A list through the peers, its ends in their user.
 *
 * The one thing a reader would get wrong: a user is gone with its last peer, which may be the one
 * whose turn was just called.  While somebody waits the user is there.
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
 * What a user may take of a round, its last frame apart: that of some packets with a few requests.
 * Another user waits for so much, and for the frame that is being served, whatever this one does.
 */
#define TURN_NS 10000

/* By its rate. */
static uint64_t wait_ns(const struct peer *p)
{
	uint64_t ns;

	if (!quota_is_metered(p->set->quota, p->user))
		return 0;
	ns = quota_wait_ns(p->set->quota, p->user, peer_set_now_ns(p->set));
	return ns < LOOK_NS ? ns : LOOK_NS;
}

/* Has the user had its share of this round, and is there somebody else? */
static bool turn_is_over(const struct peer *p)
{
	return p->user->turn_ns >= TURN_NS && p->user->round == loop_round(p->set->loop) &&
	       p->set->quota->users > 1;
}

void throttle_served(struct peer *p, uint64_t ns)
{
	struct quota_user *user = p->user;
	unsigned int round = loop_round(p->set->loop);

	user->turn_ns = (user->round == round ? user->turn_ns : 0) + ns;
	user->round = round;
}

static void waiting_unlink(struct peer *p)
{
	struct quota_user *user = p->user;

	*p->waiting_link = p->waiting_next;
	if (p->waiting_next != NULL)
		p->waiting_next->waiting_link = p->waiting_link;
	else
		user->waiting_end = p->waiting_link;
	p->waiting_link = NULL;
	if (user->waiting == NULL)
		user->waiting_timer = loop_timer_free(user->waiting_timer);
}

static void waiting_append(struct peer *p)
{
	struct quota_user *user = p->user;

	if (user->waiting == NULL)
		user->waiting_end = &user->waiting;
	p->waiting_next = NULL;
	p->waiting_link = user->waiting_end;
	*user->waiting_end = p;
	user->waiting_end = &p->waiting_next;
}

/* Is there nobody to answer any more? */
static bool hung_up(const struct peer *p)
{
	struct pollfd poll_fd = { .fd = p->fd };

	return poll(&poll_fd, 1, 0) > 0;
}

static void throttle_due(void *data)
{
	struct quota_user *user = data;

	for (int i = 0; i < PEER_TURN; i++) {
		struct peer *p = user->waiting;
		bool alone = p->waiting_next == NULL;

		if (wait_ns(p) > 0 || turn_is_over(p))
			break;
		waiting_unlink(p);
		p->admitted = true;
		loop_io_events(p->io, LOOP_READ);
		if (quota_is_metered(p->set->quota, user) && hung_up(p))
			peer_settle(p, -EPIPE);
		else
			peer_settle(p, p->set->calls->turn(p, LOOP_READ));
		if (alone)
			return;
	}
	loop_timer_start(user->waiting_timer, wait_ns(user->waiting));
}

void throttle_sweep(struct quota_user *user, int64_t now_ns)
{
	struct peer *next;

	if (now_ns - user->swept_ns >= 0 && now_ns - user->swept_ns < SWEEP_NS)
		return;
	user->swept_ns = now_ns;
	for (struct peer *p = user->waiting; p != NULL; p = next) {
		next = p->waiting_next;
		if (hung_up(p))
			peer_settle(p, -EPIPE);
	}
}

int throttle_hold(struct peer *p)
{
	struct quota_user *user = p->user;
	bool admitted = p->admitted;
	uint64_t ns;

	p->admitted = false;
	if (p->waiting_link != NULL)
		return 1;
	if (admitted || p->set->draining)
		return 0;
	ns = wait_ns(p);
	if (ns > 0 && hung_up(p))
		return -EPIPE;
	if (user->waiting == NULL) {
		if (ns == 0 && !turn_is_over(p))
			return 0;
		if (loop_timer_new(p->set->loop, throttle_due, user, &user->waiting_timer) < 0)
			return 0;
		loop_timer_yield(user->waiting_timer);
		loop_timer_start(user->waiting_timer, ns);
	}
	waiting_append(p);
	loop_io_events(p->io, 0);
	p->set->statistics.throttled += ns > 0;
	return 1;
}

void throttle_leave(struct peer *p)
{
	if (p->waiting_link == NULL)
		return;
	waiting_unlink(p);
	loop_io_events(p->io, LOOP_READ);
	loop_io_again(p->io); /* a call that was received and kept is not told of by the socket */
}

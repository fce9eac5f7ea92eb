/* SPDX-License-Identifier: MIT */
/*
 * A list through the peers, its ends in their user.
 *
 * The one thing a reader would get wrong: a user is gone with its last peer, which may be the one
 * whose turn was just called.  While somebody waits the user is there.
 */
#include "daemon/throttle.h"

#include <stddef.h>

#include "daemon/loop.h"
#include "daemon/peer.h"
#include "daemon/quota.h"

/* A limit that was lifted meanwhile is seen after this. */
#define LOOK_NS UINT64_C(1000000000)

static uint64_t wait_ns(const struct peer *p)
{
	uint64_t ns = quota_wait_ns(p->set->quota, p->user, peer_set_now_ns(p->set));

	return ns < LOOK_NS ? ns : LOOK_NS;
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

/* No more have their turn at once than of any other peer's frames. */
static void throttle_due(void *data)
{
	struct quota_user *user = data;

	for (int i = 0; i < PEER_TURN; i++) {
		struct peer *p = user->waiting;
		bool alone = p->waiting_next == NULL;

		if (wait_ns(p) > 0)
			break;
		waiting_unlink(p);
		p->admitted = true;
		loop_io_events(p->io, LOOP_READ);
		peer_settle(p, p->set->calls->turn(p, LOOP_READ));
		if (alone)
			return;
	}
	loop_timer_start(user->waiting_timer, wait_ns(user->waiting));
}

bool throttle_hold(struct peer *p)
{
	struct quota_user *user = p->user;
	bool admitted = p->admitted;

	p->admitted = false;
	if (p->waiting_link != NULL)
		return true;
	if (admitted || p->set->draining || !quota_is_metered(p->set->quota, user))
		return false;
	if (user->waiting == NULL) {
		uint64_t ns = wait_ns(p);

		if (ns == 0 ||
			loop_timer_new(p->set->loop, throttle_due, user, &user->waiting_timer) < 0)
			return false;
		loop_timer_start(user->waiting_timer, ns);
	}
	waiting_append(p);
	loop_io_events(p->io, 0);
	p->set->statistics.throttled++;
	return true;
}

void throttle_leave(struct peer *p)
{
	if (p->waiting_link == NULL)
		return;
	waiting_unlink(p);
	loop_io_events(p->io, LOOP_READ);
	loop_io_again(p->io);
}

/* SPDX-License-Identifier: MIT */
/*
 * Peers that wait for their user's next turn: because it has had its share of this round of the
 * loop; or, with a request, because it has asked more than its rate allows.  Nobody reads from
 * those who wait with a request, so that what they send piles up at their own end; a tick that
 * waits is not due again, and what comes due meanwhile is late or lost as schedule.h says.
 *
 * Each user has two queues, one of requests and one of ticks, first come first served over both
 * sockets, which take turns; and while anybody waits, a timer.  So the rounds go by users, and one
 * with a thousand busy connections has no more of them than one with a single one.
 *
 * The one thing a reader would get wrong: a peer that waits with a request is not read.  That it
 * has gone is seen when its turn comes, before anything of it is charged, or when its place is
 * needed.
 */
#ifndef VDSOTIMED_THROTTLE_H
#define VDSOTIMED_THROTTLE_H

#include <stdbool.h>
#include <stdint.h>

struct peer;
struct quota_user;

/* What a peer waits with. */
enum throttle_cause { THROTTLE_TICK, THROTTLE_REQUEST, THROTTLE_CAUSES };

struct throttle_queue {
	struct peer *first;
	struct peer **end; /* where the next is linked to; with first NULL it says nothing */
};

/* A peer's, in its user's queue. */
struct throttle_place {
	struct peer *next;
	struct peer **link; /* NULL: it does not wait there */
};

/* One for each user that has peers waiting. */
#define THROTTLE_WATCHERS 1

/*
 * To be asked before a frame of p is served.  0: now; 1: not now; p waits, and has a turn with
 * LOOP_READ when it may; -EPIPE: it would have to wait, and has hung up: close it.
 */
int throttle_hold(struct peer *p);

/* As it is for a tick of p, for which no rate counts: true: not now; peer_tick() is called then. */
bool throttle_hold_tick(struct peer *p);

/*
 * Close those of user's peers that are not read and have hung up; when it has just been done, do
 * nothing. user may be gone afterwards.  now_ns: MONOTONIC.
 */
void throttle_sweep(struct quota_user *user, int64_t now_ns);

/* A frame or tick of p took ns to serve. */
void throttle_served(struct peer *p, uint64_t ns);

/* p waits no more with that, if it did: it has its turn, or its tick, in the next round. */
void throttle_leave(struct peer *p, enum throttle_cause cause);

#endif

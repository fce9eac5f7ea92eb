/* SPDX-License-Identifier: MIT */
/*
 * Peers that wait for their user's next turn: because it has had its share of this round of the
 * loop, and others are there; or because it has asked more than its rate allows.  Nobody reads from
 * them meanwhile, so that what they send piles up at their own end.
 *
 * Each user has a queue, first come first served over both sockets, and while it has one, a timer.
 * So the rounds go by users, and one with a thousand busy connections has no more of them than one
 * with a single one.
 *
 * The one thing a reader would get wrong: a peer that waits is not watched at all.  That it has
 * gone is seen when its turn comes, before anything of it is charged, or when its place is needed.
 */
#ifndef VDSOTIMED_THROTTLE_H
#define VDSOTIMED_THROTTLE_H

#include <stdint.h>

struct peer;
struct quota_user;

/* One for each user that has peers waiting. */
#define THROTTLE_WATCHERS 1

/*
 * To be asked before a frame of p is served.  0: now; 1: not now; p waits, and has a turn with
 * LOOP_READ when it may; -EPIPE: it would have to wait, and has hung up: close it.
 */
int throttle_hold(struct peer *p);

/*
 * Close those of user's peers that wait and have hung up; when it has just been done, do nothing.
 * user may be gone afterwards.  now_ns: MONOTONIC.
 */
void throttle_sweep(struct quota_user *user, int64_t now_ns);

/* A frame of p took ns to serve. */
void throttle_served(struct peer *p, uint64_t ns);

/* p waits no more, if it did: it is watched for reading, and has a turn in the next round. */
void throttle_leave(struct peer *p);

#endif

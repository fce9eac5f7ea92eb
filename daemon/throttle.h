/* SPDX-License-Identifier: MIT */
/*
 * Peers that wait because their user has asked too much: nobody reads from them until the user may
 * ask again, so that what they send piles up at their own end.
 *
 * Each user has a queue, first come first served over both sockets, and while it has one, a timer.
 *
 * The one thing a reader would get wrong: a peer that waits is not watched at all; that it has gone
 * is seen when its turn comes.
 */
#ifndef VDSOTIMED_THROTTLE_H
#define VDSOTIMED_THROTTLE_H

#include <stdbool.h>

struct peer;

/* One for each user that has peers waiting. */
#define THROTTLE_WATCHERS 1

/*
 * To be asked before a frame of p is served.  True: not now; p waits, and has a turn with LOOP_READ
 * when it may.
 */
bool throttle_hold(struct peer *p);

/* p waits no more, if it did: it is watched for reading, and has a turn in the next round. */
void throttle_leave(struct peer *p);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * What a peer of the stamp socket is made of: private to the files that serve it.
 *
 * stamps.c        its life, its packets and their answers
 * stamps-ticks.c  its subscription
 */
#ifndef VDSOTIMED_STAMPS_STATE_H
#define VDSOTIMED_STAMPS_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/schedule.h"
#include "daemon/stamps.h"

struct subscription {
	struct schedule schedule;
	int32_t clock_id;
	uint32_t left; /* ticks to send; 0: no end */
	uint64_t lost; /* since the last one sent */
};

struct stamp_peer {
	struct peer peer;
	struct stamp_request *stalled; /* the packet whose reply is not taken; NULL: none */
	size_t stalled_count;
	struct subscription subscription;
	bool greeted;
	bool parting; /* close it once its reply is out */
	bool timed; /* the stall timer runs */
};

static inline struct stamps *stamps_of(const struct stamp_peer *sp)
{
	return (struct stamps *)(void *)sp->peer.set;
}

/* A stamp of that clock into record.  0, or as keeper_read(). */
int stamps_read_clock(const struct stamps *s, int32_t clock_id, struct stamp_record *record);

/* While it runs the socket is watched for room, which ends it. */
void stamp_stall_timer(struct stamp_peer *sp, bool wanted);

/*
 * Answer a SUBSCRIBE; what sp had subscribed to before is over.  0, also for one that only ends it;
 * -ERANGE: the interval; -EDQUOT or -ENOSPC: peer_subscribe(); what keeper_read() says of the
 * clock.
 */
int serve_subscribe(
	struct stamp_peer *sp, const struct stamp_request *q, struct stamp_record *answer);

/* For struct peer_calls. */
int stamp_tick(struct peer *p, int64_t now_ns);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The conversations on the stamp socket: packets of requests in, packets of records out
 * (proto/wire/stamp.h), and the ticks of those who subscribed.
 *
 * A packet is served from one scratch buffer of the whole socket, at once, and nothing is
 * allocated.  When the peer does not take its reply, the packet of requests is kept and served
 * again once it does, so that its stamps are fresh; until then no other is read from that peer.
 *
 * The one thing a reader would get wrong: stall_timeout_ns and the members of set that the owner
 * sets must be there before anyone is accepted.
 */
#ifndef VDSOTIMED_STAMPS_H
#define VDSOTIMED_STAMPS_H

#include <stdint.h>

#include "daemon/peer.h"
#include "daemon/slab.h"
#include "proto/wire/stamp.h"

struct keeper;

struct stamps {
	struct peer_set set;
	uint64_t stall_timeout_ns;
	struct slab peers;
	struct slab stalled; /* packets of requests whose replies are not taken */
	struct stamp_request requests[STAMP_PACKET_MAX];
	struct stamp_record records[STAMP_PACKET_MAX];
};

/*
 * loop, quota and keeper are borrowed.  0 or -ENOMEM; nothing is allocated after.  The timeouts are
 * the owner's to set before anyone is accepted, and at any time after.
 */
int stamps_init(struct stamps *s, struct loop *loop, struct quota *quota,
	const struct keeper *keeper, uint32_t peers_max);

/* Closes every connection.  May be called twice, and on a zeroed object. */
void stamps_deinit(struct stamps *s);

/* Take in a connection.  fd is consumed on success only.  0, -ENOMEM, or as peer_init(). */
int stamps_accept(struct stamps *s, int fd);

#endif

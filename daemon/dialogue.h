/* SPDX-License-Identifier: MIT */
/*
 * The conversations on the Varlink socket: a stream of messages, each ended by a NUL, answered in
 * order.
 *
 * Between its messages a peer holds no buffer: what is received goes through one scratch buffer of
 * the whole socket, and only the beginning of a message that has not come whole is kept.  A peer
 * has at most one reply under way; until it is taken no further message of that peer is served or
 * read.
 *
 * The one thing a reader would get wrong: while a method streams to a peer, its further messages
 * wait, but its socket is still read, or the loop would never learn that the peer has gone.  So
 * what waits is bounded, and a peer that sends more is closed.
 */
#ifndef VDSOTIMED_DIALOGUE_H
#define VDSOTIMED_DIALOGUE_H

#include <stdint.h>

#include "daemon/peer.h"
#include "daemon/slab.h"
#include "daemon/varlink.h"

struct keeper;

/* Bytes of a message, its NUL counted. */
#define DIALOGUE_MESSAGE_MAX 4096

struct dialogues {
	struct peer_set set;
	const struct varlink_service *service;
	uint64_t frame_timeout_ns;
	uint64_t stall_timeout_ns;
	struct slab peers;
	struct slab inputs; /* messages that have not come whole, or are not served yet */
	char scratch[DIALOGUE_MESSAGE_MAX];
};

/* As stamps_init(), stamps_deinit(), stamps_accept(); service is borrowed too. */
int dialogues_init(struct dialogues *ds, struct loop *loop, struct quota *quota,
	const struct keeper *keeper, const struct varlink_service *service, uint32_t peers_max);
void dialogues_deinit(struct dialogues *ds);
int dialogues_accept(struct dialogues *ds, int fd);

/* Something has happened that streams tell of: each does so, in its user's turn. */
void dialogues_event(struct dialogues *ds);

#endif

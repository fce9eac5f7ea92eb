/* SPDX-License-Identifier: MIT */
/*
 * A peer: one connection, charged to the user behind it, with its watcher and one timer, in the set
 * of those connected to the same socket.  What it says is the business of the conversation
 * (stamps.c, dialogue.c), which embeds it as its first member and lends it its memory.  Whatever is
 * held for it, and each request, is charged through here.
 *
 * The one thing a reader would get wrong: a peer closes only here, after its conversation has
 * returned; a conversation asks for it by a negative return and must not touch the peer after.
 */
#ifndef VDSOTIMED_PEER_H
#define VDSOTIMED_PEER_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/statistics.h"
#include "daemon/throttle.h"

struct keeper;
struct loop;
struct loop_io;
struct loop_timer;
struct peer;
struct quota;
struct quota_user;

/* Frames of one peer that are served before the others have their turn; see throttle.h, too. */
#define PEER_TURN 16

/* Bytes of replies that the kernel holds for a peer that does not read (it doubles this). */
#define PEER_SEND_BUFFER_BYTES 32768

/*
 * What a peer has from the start; PEER_WATCHERS adds its subscription's timer and its user's
 * waiting timer.
 */
#define PEER_OWN_WATCHERS 2
#define PEER_WATCHERS (PEER_OWN_WATCHERS + 1 + THROTTLE_WATCHERS)

/* How the peers of one socket are talked to. */
struct peer_calls {
	/*
	 * Its socket can be read or written (LOOP_READ, LOOP_WRITE), or loop_io_again() was asked
	 * for. Serves at most PEER_TURN frames.  0, or negative: close it.
	 */
	int (*turn)(struct peer *p, unsigned int events);
	/*
	 * A tick of its subscription is due, or was a while ago, or peer_tick_soon() was asked
	 * for. now_ns: MONOTONIC.  0, or negative: close it.
	 */
	int (*tick)(struct peer *p, int64_t now_ns);
	/* Its time is over: count why.  It is closed after this. */
	void (*expired)(struct peer *p);
	/* It is gone: release what the conversation holds, and the memory of p itself. */
	void (*gone)(struct peer *p);
};

/*
 * The peers of one socket, and what they share.  All members but the last three are set by the
 * owner.
 */
struct peer_set {
	struct loop *loop;
	struct quota *quota;
	const struct keeper *keeper; /* tells the time */
	uint32_t peer_bytes; /* of a peer as the conversation embeds it */
	const struct peer_calls *calls;
	void (*emptied)(void *data); /* while draining: the last has gone */
	void *data;
	struct statistics statistics;
	struct peer *first;
	bool draining;
};

struct peer {
	struct peer_set *set;
	struct peer *next;
	struct peer **link;
	struct quota_user *user;
	struct loop_io *io;
	struct loop_timer *timer;
	struct loop_timer *ticks; /* of its subscription; NULL: it has none */
	int fd;
	uint64_t held_bytes; /* charged to the user */
	struct throttle_place waiting[THROTTLE_CAUSES]; /* these two are throttle.c's */
	bool admitted;
	bool owing; /* the conversation has a reply under way, or frames that are not served yet */
	bool descriptor_sent; /* set by the conversation; see peer_keeps_descriptor() */
	bool lingering; /* closed but for its seat; see peer.c */
	uint64_t drain_bytes; /* to be received yet of what had come when draining began */
};

/*
 * Take in a connection: ask who it is, charge the user, watch it for reading.  fd: the peer's own
 * on success, and only then.  0; -EUSERS, -EDQUOT, -ENOBUFS (see quota.h); -ENOSPC; what
 * getsockopt() said.
 */
int peer_init(struct peer *p, struct peer_set *set, int fd);

/*
 * Close every peer once what it has sent so far is answered, whatever its user's rate, and what it
 * is owed is taken.  They have their turns from the loop as before; only those who have nothing to
 * wait for are closed before this returns.
 */
void peer_set_drain(struct peer_set *set);

/* Close them all, now: with ECONNRESET those whose input was not read. */
void peer_set_close(struct peer_set *set);

/*
 * Close p if r, as a conversation's turn returned it, says so; to be called with whatever comes
 * back from serving it outside its turn.
 */
void peer_settle(struct peer *p, int r);

/* Serve a tick of p now, and charge its user's turn for it.  p may be gone afterwards. */
void peer_tick(struct peer *p);

/*
 * bytes more, or fewer, are held for p; what is held at the end goes with it.  0, or -ENOBUFS: its
 * user has used its share up, which is counted, and p must be closed.
 */
int peer_hold(struct peer *p, uint64_t bytes);
void peer_let_go(struct peer *p, uint64_t bytes);

/*
 * Give p a subscription: p->ticks, after which it has a tick, in its user's turn, and which is not
 * started yet.  0; -EDQUOT or -ENOBUFS, which are the caller's to count once they are told;
 * -ENOSPC.
 */
int peer_subscribe(struct peer *p);

/* p, which has a subscription, has a tick as soon as its user's turn comes. */
void peer_tick_soon(struct peer *p);

/*
 * May a descriptor that p was sent still wait to be taken?  It is so while anything waits that was
 * sent since.  What waits counts against our own limit of descriptors, whoever it was sent to.
 */
bool peer_keeps_descriptor(struct peer *p);

/* May be called without one. */
void peer_unsubscribe(struct peer *p);

/* So much was received from p. */
void peer_received(struct peer *p, uint64_t bytes);

/* A frame with that many requests of p's is served from now on. */
void peer_charge_requests(struct peer *p, uint32_t count, int64_t now_ns);

/* It has been served. */
void peer_served(struct peer *p, int64_t began_ns);

/* CLOCK_MONOTONIC, as it is served. */
int64_t peer_set_now_ns(const struct peer_set *set);

/* Call expired() and close it unless the timer is stopped or started again before. */
void peer_timer_start(struct peer *p, uint64_t after_ns);
void peer_timer_stop(struct peer *p);

#endif

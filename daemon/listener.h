/* SPDX-License-Identifier: MIT */
/*
 * A listening socket: hands over each connection as it comes, and outlives the want of descriptors.
 *
 * At EMFILE or ENFILE the kernel keeps the connection waiting and the descriptor ready, which would
 * spin the loop (a million rounds a second, measured).  So a descriptor is held in reserve: it is
 * given up to accept and close that one connection, taken back, and the listener rests for an
 * eighth of a second.
 */
#ifndef VDSOTIMED_LISTENER_H
#define VDSOTIMED_LISTENER_H

#include <stdint.h>

struct loop;
struct loop_io;
struct loop_timer;

/* Connections taken in one turn, before the others have theirs. */
#define LISTENER_TURN 16
/* Where nothing is left to accept with: two tries each, sixteen a second. */
#define LISTENER_REST_NS UINT64_C(125000000)

#define LISTENER_WATCHERS 2

struct listener {
	int fd;
	int reserve_fd;
	struct loop_io *io;
	struct loop_timer *rest;
	void (*accepted)(void *data, int fd);
	void (*starved)(void *data);
	void *data;
};

#define LISTENER_NULL \
	{ \
		.fd = -1, .reserve_fd = -1 \
	}

/*
 * fd: listening, not blocking; the listener's own from here in every case.  accepted: takes over a
 * connection's fd, which is close-on-exec and does not block.  starved: a connection was turned
 * away for want of a descriptor or memory.  0, -ENOSPC, or what open() said.
 */
int listener_init(struct listener *l, struct loop *loop, int fd,
	void (*accepted)(void *data, int fd), void (*starved)(void *data), void *data);

/* May be called twice, and on LISTENER_NULL. */
void listener_deinit(struct listener *l);

#endif

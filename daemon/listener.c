/* SPDX-License-Identifier: MIT */
/*
 * accept4() until nobody waits, or the turn is over: what is left is told again by the loop.
 *
 * The one thing a reader would get wrong: accept4() also reports errors of the connection that was
 * to be (ECONNABORTED and the like).  They concern nobody here; only want of descriptors or memory
 * is ours.
 */
#include "daemon/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/loop.h"

static int reserve_open(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* Turn one connection away with the descriptor held for this, and let the others wait a little. */
static void starve(struct listener *l)
{
	if (l->reserve_fd >= 0) {
		close(l->reserve_fd);
		l->reserve_fd = -1;

		int fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd >= 0)
			close(fd);
	}
	l->starved(l->data);
	loop_io_events(l->io, 0);
	loop_timer_start(l->rest, LISTENER_REST_NS);
}

static void listener_rested(void *data)
{
	struct listener *l = data;

	if (l->reserve_fd < 0)
		l->reserve_fd = reserve_open();
	loop_io_events(l->io, LOOP_READ);
}

static bool out_of_resources(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

static void listener_ready(void *data, unsigned int events)
{
	struct listener *l = data;

	if (events & LOOP_ERROR) {
		loop_timer_start(l->rest, LISTENER_REST_NS);
		return;
	}
	for (int i = 0; i < LISTENER_TURN; i++) {
		int fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd >= 0) {
			l->accepted(l->data, fd);
			continue;
		}
		if (errno == EAGAIN)
			return;
		if (out_of_resources(errno)) {
			starve(l);
			return;
		}
	}
}

int listener_init(struct listener *l, struct loop *loop, int fd,
	void (*accepted)(void *data, int fd), void (*starved)(void *data), void *data)
{
	int r;

	*l = (struct listener){
		.fd = fd,
		.accepted = accepted,
		.starved = starved,
		.data = data,
	};
	l->reserve_fd = r = reserve_open();
	if (r >= 0)
		r = loop_timer_new(loop, listener_rested, l, &l->rest);
	if (r >= 0)
		r = loop_io_new(loop, fd, LOOP_READ, listener_ready, l, &l->io);
	if (r < 0)
		listener_deinit(l);
	return r;
}

void listener_deinit(struct listener *l)
{
	l->io = loop_io_free(l->io);
	l->rest = loop_timer_free(l->rest);
	if (l->fd >= 0)
		close(l->fd);
	if (l->reserve_fd >= 0)
		close(l->reserve_fd);
	*l = (struct listener)LISTENER_NULL;
}

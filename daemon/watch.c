/* SPDX-License-Identifier: MIT */
#include "daemon/watch.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "daemon/log.h"
#include "daemon/loop.h"

struct watch {
	int fd;
	struct loop_io *io;
	void (*call)(void *data);
	void *data;
};

/* The last second that the kernel knows; the timer is there to be cancelled, not to expire. */
#define FOREVER_S ((time_t)(INT64_MAX / 1000000000))

static int arm(const struct watch *w)
{
	const struct itimerspec forever = { .it_value = { .tv_sec = FOREVER_S } };

	/* a clock that was set since is told here, too: the timer is armed all the same */
	if (timerfd_settime(w->fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &forever, NULL) <
			0 &&
		errno != ECANCELED)
		return -errno;
	return 0;
}

static void on_readable(void *data, unsigned int events)
{
	struct watch *w = data;
	uint64_t expirations;
	int r;

	if (events & LOOP_ERROR) {
		log_error("cannot watch the clock any longer, steps are found by sampling");
		return;
	}
	if (read(w->fd, &expirations, sizeof(expirations)) < 0 && errno != ECANCELED)
		return;
	r = arm(w);
	if (r < 0)
		log_error("cannot watch the clock any longer, steps are found by sampling: %s",
			strerror(-r));
	w->call(w->data);
}

int watch_new(struct watch **ret, struct loop *loop, void (*call)(void *data), void *data)
{
	struct watch *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return -ENOMEM;
	w->call = call;
	w->data = data;
	w->fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	r = w->fd < 0 ? -errno : arm(w);
	if (r == 0)
		r = loop_io_new(loop, w->fd, LOOP_READ, on_readable, w, &w->io);
	if (r < 0) {
		watch_free(w);
		return r;
	}
	*ret = w;
	return 0;
}

struct watch *watch_free(struct watch *w)
{
	if (!w)
		return NULL;
	loop_io_free(w->io);
	if (w->fd >= 0)
		close(w->fd);
	free(w);
	return NULL;
}

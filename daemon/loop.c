/* SPDX-License-Identifier: MIT */
/*
 * libev, and the only file that knows it.
 *
 * EVFLAG_NOENV, so that LIBEV_FLAGS in the environment chooses no other backend.  No ev_periodic:
 * libev would open a timerfd of its own for it.  Each ev_timer is started against a clock read just
 * now, since libev's idea of now is as old as the round.
 *
 * Signals come by signalfd.  libev's own way has a pipe inside, and it aborts where epoll_ctl() has
 * no memory for that.
 *
 * The one thing a reader would get wrong: an event fed to libev inside a callback is delivered in
 * the same round, before the other descriptors' turn.  loop_io_again() therefore goes through a
 * list that a timer of zero length empties in the round after.
 */
#include "daemon/loop.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <ev.h>

#include "daemon/reserve.h"
#include "daemon/slab.h"

/* When the kernel would not watch a signal's descriptor. */
#define SIGNAL_RETRY_S 0.1

struct loop_io {
	ev_io ev;
	struct loop *loop;
	void (*call)(void *data, unsigned int events);
	struct loop_io *again_next; /* in loop->again, when again_link is not NULL */
	struct loop_io **again_link;
};

struct loop_timer {
	ev_timer ev;
	struct loop *loop;
	void (*call)(void *data);
};

struct loop_signal {
	ev_io ev; /* of fd, a signalfd */
	ev_timer retry;
	struct loop *loop;
	int fd;
	int signum;
	bool was_blocked;
	void (*call)(void *data, int signum);
};

union watcher {
	struct loop_io io;
	struct loop_timer timer;
};

/* For libev's tables, which double as they grow. */
#define RESERVE_BYTES_PER_WATCHER 512
#define RESERVE_BYTES_LEAST 65536

struct loop {
	struct ev_loop *ev;
	struct slab watchers; /* of union watcher */
	struct loop_io *again;
	ev_timer again_timer;
};

static void again_unlink(struct loop_io *w)
{
	if (w->again_link == NULL)
		return;
	*w->again_link = w->again_next;
	if (w->again_next != NULL)
		w->again_next->again_link = w->again_link;
	w->again_link = NULL;
	w->again_next = NULL;
}

/*
 * Those who ask again while they are called wait for the round after: the list is taken over first.
 */
static void again_fire(struct ev_loop *ev, ev_timer *timer, int events)
{
	struct loop *l = timer->data;
	struct loop_io *due = l->again;

	(void)ev;
	(void)events;
	l->again = NULL;
	if (due != NULL)
		due->again_link = &due;
	while (due != NULL) {
		struct loop_io *w = due;

		again_unlink(w);
		w->call(w->ev.data, LOOP_READ);
	}
}

/* In place of libev's realloc() and free(): where it has no memory, it aborts. */
static void *allocate(void *old, long bytes)
{
	return reserve_realloc(old, (size_t)bytes);
}

int loop_new(struct loop **ret, uint32_t watchers_max)
{
	struct loop *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return -ENOMEM;
	if (reserve_hold(RESERVE_BYTES_LEAST + RESERVE_BYTES_PER_WATCHER * (size_t)watchers_max) <
		0) {
		free(l);
		return -ENOMEM;
	}
	ev_set_allocator(allocate);
	if (slab_init(&l->watchers, watchers_max, sizeof(union watcher)) < 0) {
		reserve_release();
		free(l);
		return -ENOMEM;
	}
	l->ev = ev_loop_new(EVFLAG_NOENV | EVBACKEND_EPOLL | EVBACKEND_POLL);
	if (l->ev == NULL) {
		slab_deinit(&l->watchers);
		reserve_release();
		free(l);
		return -ENOSYS;
	}
	ev_timer_init(&l->again_timer, again_fire, 0., 0.);
	l->again_timer.data = l;
	*ret = l;
	return 0;
}

uint32_t loop_watcher_bytes(void)
{
	return sizeof(union watcher);
}

struct loop *loop_free(struct loop *l)
{
	if (l == NULL)
		return NULL;
	ev_loop_destroy(l->ev);
	slab_deinit(&l->watchers);
	reserve_release();
	free(l);
	return NULL;
}

/* libev returns when nothing is watched; whoever has nothing to wait for should not wait. */
void loop_run(struct loop *l)
{
	ev_run(l->ev, 0);
}

void loop_stop(struct loop *l)
{
	ev_break(l->ev, EVBREAK_ALL);
}

void loop_once(struct loop *l, bool wait)
{
	ev_run(l->ev, wait ? EVRUN_ONCE : EVRUN_NOWAIT);
}

unsigned int loop_round(const struct loop *l)
{
	return ev_iteration(l->ev);
}

static int events_to_ev(unsigned int events)
{
	return (events & LOOP_READ ? EV_READ : 0) | (events & LOOP_WRITE ? EV_WRITE : 0);
}

static unsigned int events_from_ev(int events)
{
	return (events & EV_READ ? (unsigned int)LOOP_READ : 0U) |
	       (events & EV_WRITE ? (unsigned int)LOOP_WRITE : 0U);
}

static void io_fire(struct ev_loop *ev, ev_io *io, int events)
{
	struct loop_io *w = (struct loop_io *)(void *)io;
	unsigned int told = events_from_ev(events);

	(void)ev;
	if (events & EV_ERROR)
		told = LOOP_READ | LOOP_ERROR;
	w->call(io->data, told);
}

int loop_io_new(struct loop *l, int fd, unsigned int events,
	void (*call)(void *data, unsigned int events), void *data, struct loop_io **ret)
{
	struct loop_io *w = slab_take(&l->watchers);

	if (w == NULL)
		return -ENOSPC;
	*w = (struct loop_io){ .loop = l, .call = call };
	ev_io_init(&w->ev, io_fire, fd, events_to_ev(events));
	w->ev.data = data;
	if (events != 0)
		ev_io_start(l->ev, &w->ev);
	*ret = w;
	return 0;
}

struct loop_io *loop_io_free(struct loop_io *w)
{
	if (w == NULL)
		return NULL;
	again_unlink(w);
	ev_io_stop(w->loop->ev, &w->ev);
	slab_put(&w->loop->watchers, w);
	return NULL;
}

void loop_io_events(struct loop_io *w, unsigned int events)
{
	int wanted = events_to_ev(events);

	if (ev_is_active(&w->ev) ? (w->ev.events & (EV_READ | EV_WRITE)) == wanted : wanted == 0)
		return;
	ev_io_stop(w->loop->ev, &w->ev);
	ev_io_set(&w->ev, w->ev.fd, wanted);
	if (wanted != 0)
		ev_io_start(w->loop->ev, &w->ev);
}

unsigned int loop_io_watched(struct loop_io *w)
{
	return ev_is_active(&w->ev) ? events_from_ev(w->ev.events) : 0;
}

void loop_io_again(struct loop_io *w)
{
	struct loop *l = w->loop;

	if (w->again_link != NULL)
		return;
	w->again_next = l->again;
	w->again_link = &l->again;
	if (l->again != NULL)
		l->again->again_link = &w->again_next;
	l->again = w;
	if (!ev_is_active(&l->again_timer)) {
		ev_timer_set(&l->again_timer, 0., 0.);
		ev_timer_start(l->ev, &l->again_timer);
	}
}

static void timer_fire(struct ev_loop *ev, ev_timer *timer, int events)
{
	struct loop_timer *t = (struct loop_timer *)(void *)timer;

	(void)ev;
	(void)events;
	t->call(timer->data);
}

int loop_timer_new(struct loop *l, void (*call)(void *data), void *data, struct loop_timer **ret)
{
	struct loop_timer *t = slab_take(&l->watchers);

	if (t == NULL)
		return -ENOSPC;
	*t = (struct loop_timer){ .loop = l, .call = call };
	ev_timer_init(&t->ev, timer_fire, 0., 0.);
	t->ev.data = data;
	*ret = t;
	return 0;
}

struct loop_timer *loop_timer_free(struct loop_timer *t)
{
	if (t == NULL)
		return NULL;
	ev_timer_stop(t->loop->ev, &t->ev);
	slab_put(&t->loop->watchers, t);
	return NULL;
}

static void timer_start(struct loop_timer *t, double after_s, double repeat_s)
{
	ev_timer_stop(t->loop->ev, &t->ev);
	ev_now_update(t->loop->ev);
	ev_timer_set(&t->ev, after_s, repeat_s);
	ev_timer_start(t->loop->ev, &t->ev);
}

void loop_timer_start(struct loop_timer *t, uint64_t after_ns)
{
	timer_start(t, (double)after_ns * 1e-9, 0.);
}

void loop_timer_start_periodic(struct loop_timer *t, uint64_t period_ns)
{
	timer_start(t, (double)period_ns * 1e-9, (double)period_ns * 1e-9);
}

void loop_timer_yield(struct loop_timer *t)
{
	ev_set_priority(&t->ev, EV_MINPRI);
}

void loop_timer_stop(struct loop_timer *t)
{
	ev_timer_stop(t->loop->ev, &t->ev);
}

static void signal_fire(struct ev_loop *ev, ev_io *io, int events)
{
	struct loop_signal *s = (struct loop_signal *)(void *)io;
	struct signalfd_siginfo info;

	if (events & EV_ERROR) {
		ev_timer_set(&s->retry, SIGNAL_RETRY_S, 0.);
		ev_timer_start(ev, &s->retry);
	}
	/* One at a time: the call may free s, and what is left is told again. */
	if (read(s->fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
		s->call(io->data, s->signum);
}

static void signal_retry(struct ev_loop *ev, ev_timer *timer, int events)
{
	struct loop_signal *s = timer->data;

	(void)events;
	ev_io_start(ev, &s->ev);
}

/* Signals that came and were not told are dropped: the default action is not what was asked for. */
static void signal_release(struct loop_signal *s)
{
	struct signalfd_siginfo info;
	sigset_t set;

	while (read(s->fd, &info, sizeof(info)) > 0)
		;
	close(s->fd);
	sigemptyset(&set);
	sigaddset(&set, s->signum);
	if (!s->was_blocked)
		(void)sigprocmask(SIG_UNBLOCK, &set, NULL);
}

int loop_signal_new(struct loop *l, int signum, void (*call)(void *data, int signum), void *data,
	struct loop_signal **ret)
{
	struct loop_signal *s = calloc(1, sizeof(*s));
	sigset_t set;
	sigset_t before;

	if (s == NULL)
		return -ENOMEM;
	sigemptyset(&set);
	sigaddset(&set, signum);
	s->fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (s->fd < 0 || sigprocmask(SIG_BLOCK, &set, &before) < 0) {
		int r = -errno;

		if (s->fd >= 0)
			close(s->fd);
		free(s);
		return r;
	}
	s->loop = l;
	s->signum = signum;
	s->was_blocked = sigismember(&before, signum);
	s->call = call;
	ev_io_init(&s->ev, signal_fire, s->fd, EV_READ);
	s->ev.data = data;
	ev_timer_init(&s->retry, signal_retry, 0., 0.);
	s->retry.data = s;
	ev_io_start(l->ev, &s->ev);
	*ret = s;
	return 0;
}

struct loop_signal *loop_signal_free(struct loop_signal *s)
{
	if (s == NULL)
		return NULL;
	ev_io_stop(s->loop->ev, &s->ev);
	ev_timer_stop(s->loop->ev, &s->retry);
	signal_release(s);
	free(s);
	return NULL;
}

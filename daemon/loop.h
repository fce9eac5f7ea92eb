/* SPDX-License-Identifier: MIT */
/*
 * The event loop: descriptors, timers and signals call back.  libev stands behind it and shows
 * nowhere else.
 *
 * Handles come from a slab whose size is fixed when the loop is made, so that watching another
 * descriptor never allocates.  Timers run on CLOCK_MONOTONIC and count from the call that starts
 * them.
 *
 * The one thing a reader would get wrong: a descriptor must be given up here before it is closed,
 * and a regular file or memfd cannot be watched at all.  One thread; not async-signal-safe, but for
 * what it says.
 */
#ifndef VDSOTIMED_LOOP_H
#define VDSOTIMED_LOOP_H

#include <stdbool.h>
#include <stdint.h>

struct loop;
struct loop_io;
struct loop_timer;
struct loop_signal;

enum {
	LOOP_READ = 1 << 0,
	LOOP_WRITE = 1 << 1,
	/* told only, with LOOP_READ: the kernel would not watch it (no memory) */
	LOOP_ERROR = 1 << 2
};

/*
 * watchers_max: how many descriptors and timers together may be open at once.
 * 0, -ENOMEM, or -ENOSYS when no backend of libev works here (no epoll, no poll).
 */
int loop_new(struct loop **ret, uint32_t watchers_max);

/* Memory of a descriptor or timer that is watched. */
uint32_t loop_watcher_bytes(void);

/* Takes NULL, returns NULL.  Handles still open die with it. */
struct loop *loop_free(struct loop *l);

/* Call back until loop_stop(); what was ready in the last round is still called. */
void loop_run(struct loop *l);
void loop_stop(struct loop *l);

/* One round: wait for the first event (wait), or just look, and call back.  For tests. */
void loop_once(struct loop *l, bool wait);

/*
 * Watch fd (borrowed) for events (LOOP_READ | LOOP_WRITE, or 0: nothing for now).  Level-triggered:
 * what is not taken is told again in the next round.  After LOOP_ERROR it is not watched, until
 * loop_io_events() asks again.  0 or -ENOSPC (watchers_max are open).
 */
int loop_io_new(struct loop *l, int fd, unsigned int events,
	void (*call)(void *data, unsigned int events), void *data, struct loop_io **ret);
struct loop_io *loop_io_free(struct loop_io *w);
void loop_io_events(struct loop_io *w, unsigned int events);

/* What it is watched for now. */
unsigned int loop_io_watched(struct loop_io *w);

/* Counts rounds; wraps. */
unsigned int loop_round(const struct loop *l);

/*
 * Call w back in the next round as if LOOP_READ had come: its owner has more to do, after the
 * others.
 */
void loop_io_again(struct loop_io *w);

/* A timer, not started.  0 or -ENOSPC. */
int loop_timer_new(struct loop *l, void (*call)(void *data), void *data, struct loop_timer **ret);
struct loop_timer *loop_timer_free(struct loop_timer *t);

/*
 * Call back once after after_ns, or every period_ns from now; starting again replaces what was set.
 */
void loop_timer_start(struct loop_timer *t, uint64_t after_ns);
void loop_timer_start_periodic(struct loop_timer *t, uint64_t period_ns);
void loop_timer_stop(struct loop_timer *t);

/* From now on, t is called back after all others of its round.  t: not started. */
void loop_timer_yield(struct loop_timer *t);

/*
 * Call back, from the loop, when signal signum came.  It is blocked in this thread, and in those
 * that it starts from now on, as long as the handle lives.  One handle per signal in a process.
 * 0, -ENOMEM, or what signalfd() said.
 */
int loop_signal_new(struct loop *l, int signum, void (*call)(void *data, int signum), void *data,
	struct loop_signal **ret);
struct loop_signal *loop_signal_free(struct loop_signal *s);

#endif

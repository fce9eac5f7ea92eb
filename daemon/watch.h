/* SPDX-License-Identifier: MIT */
/*
 * The watch: the kernel's word, at once, that REALTIME was set.
 *
 * A timerfd on CLOCK_REALTIME with TFD_TIMER_CANCEL_ON_SET becomes readable with ECANCELED when the
 * clock is stepped, at a leap second, and at resume from suspend.  It is our own, as libev makes
 * one only for its periodics and keeps its news to itself.  Frequency changes, a paused machine and
 * a change of clocksource cancel nothing: those the keeper's samples find.
 */
#ifndef VDSOTIMED_WATCH_H
#define VDSOTIMED_WATCH_H

struct loop;
struct watch;

/* call: from the loop, after the clock was set.  0, -ENOMEM, or what timerfd_create() said. */
int watch_new(struct watch **ret, struct loop *loop, void (*call)(void *data), void *data);

/* Takes NULL, returns NULL. */
struct watch *watch_free(struct watch *w);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * A schedule: ticks that are due at whole multiples of an interval from a start, whenever the loop
 * gets round to them.
 *
 * A loop that is late by a few ticks makes up for them, one at a time, so that whoever counts ticks
 * does not miss any; of more than that it gives the oldest up.  Pure: the time is handed in.
 */
#ifndef VDSOTIMED_SCHEDULE_H
#define VDSOTIMED_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

/* Ticks that may be late at once. */
#define SCHEDULE_LATE_MAX 16

struct schedule {
	int64_t started_ns; /* MONOTONIC */
	uint64_t interval_ns;
	uint64_t taken; /* ticks that came due and were taken or given up */
};

/* interval_ns: 1 or more. */
void schedule_start(struct schedule *s, int64_t now_ns, uint64_t interval_ns);

/* Is a tick due?  Then it is taken, and *ret_skipped is the number of those given up before it. */
bool schedule_take(struct schedule *s, int64_t now_ns, uint64_t *ret_skipped);

/* ns until the next one is due: 0 to interval_ns. */
uint64_t schedule_wait_ns(const struct schedule *s, int64_t now_ns);

#endif

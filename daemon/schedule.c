/* SPDX-License-Identifier: MIT */
/*
 * Whole multiples of the interval, counted from the start: no tick's lateness shifts the next.
 *
 * The one thing a reader would get wrong: now may lie before the start or far after it, as the
 * clock that is served is the kernel's and a machine may be restored from a snapshot.  Neither must
 * cost more than a wait of one interval or a number of skipped ticks.
 */
#include "daemon/schedule.h"

void schedule_start(struct schedule *s, int64_t now_ns, uint64_t interval_ns)
{
	*s = (struct schedule){ .started_ns = now_ns, .interval_ns = interval_ns };
}

/* Ticks that have come due since the start. */
static uint64_t due_until(const struct schedule *s, int64_t now_ns)
{
	if (now_ns <= s->started_ns)
		return 0;
	return ((uint64_t)now_ns - (uint64_t)s->started_ns) / s->interval_ns;
}

bool schedule_take(struct schedule *s, int64_t now_ns, uint64_t *ret_skipped)
{
	uint64_t due = due_until(s, now_ns);
	uint64_t late = due > s->taken ? due - s->taken : 0;
	uint64_t skipped = late > SCHEDULE_LATE_MAX ? late - SCHEDULE_LATE_MAX : 0;

	if (late == 0)
		return false;
	s->taken += skipped + 1;
	*ret_skipped = skipped;
	return true;
}

uint64_t schedule_wait_ns(const struct schedule *s, int64_t now_ns)
{
	uint64_t due_ns = (s->taken + 1) * s->interval_ns;
	uint64_t since_ns =
		now_ns <= s->started_ns ? 0 : (uint64_t)now_ns - (uint64_t)s->started_ns;
	uint64_t wait_ns = due_ns > since_ns ? due_ns - since_ns : 0;

	return wait_ns < s->interval_ns ? wait_ns : s->interval_ns;
}

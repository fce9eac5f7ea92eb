/* SPDX-License-Identifier: MIT */
#include "daemon/sync.h"

#include <stdlib.h>
#include <sys/timex.h>

#define NSEC_PER_USEC 1000
#define NSEC_PER_SEC 1000000000
#define NSEC_PER_DAY (86400 * (int64_t)NSEC_PER_SEC)
/* kernel/time/ntp.c, second_overflow(): time_maxerror += MAXFREQ / NSEC_PER_USEC */
#define KERNEL_GROWTH_US 500

/* struct timex.tick, include/linux/timex.h: a us of it is 100 ppm, at USER_HZ 100 */
#define NOMINAL_TICK_US 10000
#define PPB_PER_TICK_US 100000

/*
 * How long ago a claim may have been made that is found at the first look: before the end of the
 * second then begun (which a step may stretch) the kernel adds nothing to it.
 */
#define UNSEEN_NS (2 * (int64_t)NSEC_PER_SEC)

/* The kernel leaps at the first tick of a second. */
#define LEAP_LATE_NS (50 * INT64_C(1000000))

void sync_init(struct sync *s)
{
	*s = (struct sync){ .leap = VDSOTIME_LEAP_UNKNOWN };
}

void sync_forget(struct sync *s)
{
	s->has_claim = false;
	s->was_set = true;
}

void sync_take_report(struct sync *s, const struct chrony_report *report)
{
	s->has_come = true;
	s->come = *report;
}

void sync_drop_report(struct sync *s)
{
	s->has_come = false;
	s->has_report = false;
}

bool sync_is_reported(const struct sync *s)
{
	return s->has_report;
}

/* What STA_INS and STA_DEL ask for, unless the kernel has done it. */
static uint32_t leap_of(const struct os_timex *t)
{
	if (t->state == TIME_WAIT)
		return VDSOTIME_LEAP_NONE;
	if (t->status & STA_INS)
		return VDSOTIME_LEAP_INSERT;
	return t->status & STA_DEL ? VDSOTIME_LEAP_DELETE : VDSOTIME_LEAP_NONE;
}

/*
 * The leap that clocks may still be about to make.  kernel/time/ntp.c, __do_adjtimex(), tells
 * TIME_OOP and TIME_WAIT from the second's very beginning, some ms before the tick that moves the
 * clocks; what tells then whether it has is the time of day, see sync_until_leap_ns().
 */
static uint32_t due_of(const struct os_timex *t)
{
	if (t->status & STA_INS)
		return t->state == TIME_WAIT ? VDSOTIME_LEAP_NONE : VDSOTIME_LEAP_INSERT;
	return t->status & STA_DEL ? VDSOTIME_LEAP_DELETE : VDSOTIME_LEAP_NONE;
}

/*
 * A drop of the number is a claim, and so is a rise that the kernel cannot have made, as it adds
 * whole multiples, and the first that is seen, whatever has been added to it.
 */
static void look_for_claim(struct sync *s, const struct os_timex *t, int64_t boottime_ns)
{
	/* one for the second begun, one since a step lets a second end early */
	int64_t seconds = (boottime_ns - s->last_look_ns) / NSEC_PER_SEC + 2;
	int64_t grown_us = seconds * KERNEL_GROWTH_US;

	int64_t rise_us = t->maxerror_us - s->last_maxerror_us;

	if (s->has_look && rise_us >= 0 && rise_us <= grown_us && rise_us % KERNEL_GROWTH_US == 0)
		return;
	/* seconds may end early and often when the clock is set: any number of them may be in it */
	s->claim_is_zero = t->maxerror_us % KERNEL_GROWTH_US == 0;
	s->has_claim = !s->claim_is_zero;
	s->claim_ns = (uint64_t)t->maxerror_us * NSEC_PER_USEC;
	s->claimed_at_ns = s->has_look ? s->last_look_ns : boottime_ns - UNSEEN_NS;
}

/* What the kernel was told, and by that the state. */
static void look_at_kernel(
	struct sync *s, const struct os_timex *timex, int64_t boottime_ns, bool was_set)
{
	s->due = due_of(timex);
	s->told_done = timex->state == TIME_OOP || timex->state == TIME_WAIT;
	if (timex->status & STA_UNSYNC) {
		s->state = KEEPER_SYNC_UNSYNCHRONISED;
		s->leap = VDSOTIME_LEAP_UNKNOWN;
		s->has_claim = s->has_look = false;
		return;
	}
	s->leap = leap_of(timex);
	look_for_claim(s, timex, boottime_ns);
	/* a claim found with it may have been made before it */
	if (was_set)
		s->has_claim = false;
	s->has_look = true;
	s->last_maxerror_us = timex->maxerror_us;
	s->state = s->has_claim ? KEEPER_SYNC_CLAIMED : KEEPER_SYNC_UNQUANTIFIED;
}

/* The rate that adjtimex asks for, against nominal. */
static int64_t rate_of(const struct os_timex *t)
{
	return t->frequency * 1000 / 65536 + (t->tick_us - NOMINAL_TICK_US) * PPB_PER_TICK_US;
}

/* Some ns for drift_ppb over elapsed_ns; centuries at any drift stay within 64 bits. */
static uint64_t drift_ns(uint64_t elapsed_ns, uint64_t drift_ppb)
{
	return elapsed_ns / NSEC_PER_SEC * drift_ppb +
	       elapsed_ns % NSEC_PER_SEC * drift_ppb / NSEC_PER_SEC + 1;
}

/*
 * A clock that was set makes what was asked before that was noticed void, also when the reply is
 * still under way: it may be of the clock as it was.  And where a look came between question and
 * reply, it is not known which of the rates before and after it the reply is of.
 */
static void adopt_report(struct sync *s, int64_t boottime_ns)
{
	if (s->was_set) {
		s->valid_from_ns = boottime_ns;
		s->has_report = false;
	}
	s->was_set = false;
	if (s->has_come && s->come.asked_at_ns >= s->valid_from_ns &&
		s->come.asked_at_ns >= s->last_look_ns) {
		s->has_report = true;
		s->report = s->come;
		s->report_rate_ppb = s->rate_ppb;
		s->report_moved_ns = 0;
	}
	s->has_come = false;
}

/* When the rate changed between two looks is not known: the larger distance is that of all. */
static void age_report(struct sync *s, const struct os_timex *timex, int64_t boottime_ns)
{
	uint64_t before_ppb = (uint64_t)llabs(s->rate_ppb - s->report_rate_ppb);
	uint64_t now_ppb = (uint64_t)llabs(rate_of(timex) - s->report_rate_ppb);
	uint64_t moved_ppb = before_ppb > now_ppb ? before_ppb : now_ppb;

	if (boottime_ns - s->report.asked_at_ns > SYNC_REPORT_AGE_MAX_NS)
		s->has_report = false;
	if (moved_ppb && boottime_ns > s->last_look_ns)
		s->report_moved_ns +=
			drift_ns((uint64_t)(boottime_ns - s->last_look_ns), moved_ppb);
}

void sync_look(struct sync *s, const struct os_timex *timex, int error, int64_t boottime_ns)
{
	if (error) {
		sync_init(s);
		/* nor is it known whether a clock was set */
		s->valid_from_ns = boottime_ns;
		return;
	}
	bool was_set = s->was_set;

	adopt_report(s, boottime_ns);
	if (s->has_report)
		age_report(s, timex, boottime_ns);
	look_at_kernel(s, timex, boottime_ns, was_set);
	if (s->has_report)
		s->state =
			s->report.synchronised ? KEEPER_SYNC_CLAIMED : KEEPER_SYNC_UNSYNCHRONISED;
	s->rate_ppb = rate_of(timex);
	s->last_look_ns = boottime_ns;
}

uint64_t sync_error_ns(const struct sync *s, int64_t boottime_ns, uint64_t drift_ppb)
{
	int64_t since_ns = s->has_report ? s->report.asked_at_ns : s->claimed_at_ns;
	uint64_t claim_ns = s->has_report ? s->report.bound_ns + s->report_moved_ns : s->claim_ns;

	if (s->state != KEEPER_SYNC_CLAIMED || (!s->has_report && !s->has_claim))
		return SYNC_NO_BOUND;
	return claim_ns +
	       drift_ns(boottime_ns > since_ns ? (uint64_t)(boottime_ns - since_ns) : 0, drift_ppb);
}

int64_t sync_until_leap_ns(const struct sync *s, int64_t realtime_ns)
{
	int64_t until;

	if ((s->due != VDSOTIME_LEAP_INSERT && s->due != VDSOTIME_LEAP_DELETE) || realtime_ns < 0)
		return INT64_MAX;
	until = NSEC_PER_DAY - realtime_ns % NSEC_PER_DAY;
	if (s->due == VDSOTIME_LEAP_DELETE)
		until -= NSEC_PER_SEC;
	if (until <= 0 && until > -LEAP_LATE_NS)
		return 0;
	if (until > NSEC_PER_DAY - LEAP_LATE_NS)
		return 0;
	/* the kernel says that it is done, and by the time of day it is */
	if (s->told_done)
		return INT64_MAX;
	return until < 0 ? until + NSEC_PER_DAY : until;
}

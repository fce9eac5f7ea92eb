/* SPDX-License-Identifier: MIT */
#include "daemon/sync.h"

#include <sys/timex.h>

#define NSEC_PER_USEC 1000
#define NSEC_PER_SEC 1000000000
#define NSEC_PER_DAY (86400 * (int64_t)NSEC_PER_SEC)
/* kernel/time/ntp.c, second_overflow(): time_maxerror += MAXFREQ / NSEC_PER_USEC */
#define KERNEL_GROWTH_US 500

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

void sync_look(struct sync *s, const struct os_timex *timex, int error, int64_t boottime_ns)
{
	if (error) {
		sync_init(s);
		return;
	}
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
	s->has_look = true;
	s->last_maxerror_us = timex->maxerror_us;
	s->last_look_ns = boottime_ns;
	s->state = s->has_claim ? KEEPER_SYNC_CLAIMED : KEEPER_SYNC_UNQUANTIFIED;
}

uint64_t sync_error_ns(const struct sync *s, int64_t boottime_ns, uint64_t drift_ppb)
{
	uint64_t age_ns;

	if (s->state != KEEPER_SYNC_CLAIMED || !s->has_claim)
		return SYNC_NO_BOUND;
	age_ns = boottime_ns > s->claimed_at_ns ? (uint64_t)(boottime_ns - s->claimed_at_ns) : 0;
	/* seconds and the rest apart, so that centuries at any drift stay within 64 bits */
	return s->claim_ns + age_ns / NSEC_PER_SEC * drift_ppb +
	       age_ns % NSEC_PER_SEC * drift_ppb / NSEC_PER_SEC + 1;
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

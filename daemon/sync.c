/* SPDX-License-Identifier: MIT */
#include "daemon/sync.h"

#include <sys/timex.h>

#define NSEC_PER_USEC 1000
#define NSEC_PER_SEC 1000000000
#define NSEC_PER_DAY (86400 * (int64_t)NSEC_PER_SEC)
/* kernel/time/ntp.c, second_overflow(): time_maxerror += MAXFREQ / NSEC_PER_USEC */
#define KERNEL_GROWTH_US 500

void sync_init(struct sync *s)
{
	*s = (struct sync){ .last_maxerror_us = -1, .leap = VDSOTIME_LEAP_UNKNOWN };
}

void sync_forget(struct sync *s)
{
	s->has_claim = false;
	s->last_maxerror_us = -1;
}

static uint32_t leap_of(const struct os_timex *t)
{
	if (t->status & STA_INS)
		return VDSOTIME_LEAP_INSERT;
	return t->status & STA_DEL ? VDSOTIME_LEAP_DELETE : VDSOTIME_LEAP_NONE;
}

/* A drop of the number is a claim; so is the first that is seen, whatever has been added to it. */
static void look_for_claim(struct sync *s, const struct os_timex *t, int64_t monotonic_ns)
{
	bool first = s->last_maxerror_us < 0;

	if (!first && t->maxerror_us >= s->last_maxerror_us)
		return;
	s->has_claim = true;
	s->claim_ns = (uint64_t)t->maxerror_us * NSEC_PER_USEC;
	s->claimed_at_ns = monotonic_ns;
	s->claim_is_zero = first ? t->maxerror_us % KERNEL_GROWTH_US == 0
				 : t->maxerror_us == 0 || t->maxerror_us == KERNEL_GROWTH_US;
}

void sync_look(struct sync *s, const struct os_timex *timex, int error, int64_t monotonic_ns)
{
	if (error) {
		sync_init(s);
		return;
	}
	s->maxerror_ns = (uint64_t)timex->maxerror_us * NSEC_PER_USEC;
	if (timex->status & STA_UNSYNC) {
		s->state = KEEPER_SYNC_UNSYNCHRONISED;
		s->leap = VDSOTIME_LEAP_UNKNOWN;
		sync_forget(s);
		return;
	}
	s->leap = leap_of(timex);
	look_for_claim(s, timex, monotonic_ns);
	s->last_maxerror_us = timex->maxerror_us;
	s->state = s->claim_is_zero ? KEEPER_SYNC_UNQUANTIFIED : KEEPER_SYNC_CLAIMED;
}

uint64_t sync_error_ns(const struct sync *s, int64_t monotonic_ns, uint64_t drift_ppb)
{
	uint64_t age_ns, grown;

	if (s->state != KEEPER_SYNC_CLAIMED || !s->has_claim)
		return SYNC_NO_BOUND;
	age_ns = monotonic_ns > s->claimed_at_ns ? (uint64_t)(monotonic_ns - s->claimed_at_ns) : 0;
	/* in microseconds, so that years of age at any drift stay within 64 bits */
	grown = s->claim_ns + age_ns / NSEC_PER_USEC * drift_ppb / 1000000 + 1;
	return grown < s->maxerror_ns ? grown : s->maxerror_ns;
}

int64_t sync_until_leap_ns(const struct sync *s, int64_t realtime_ns)
{
	int64_t until;

	if ((s->leap != VDSOTIME_LEAP_INSERT && s->leap != VDSOTIME_LEAP_DELETE) || realtime_ns < 0)
		return INT64_MAX;
	until = NSEC_PER_DAY - realtime_ns % NSEC_PER_DAY;
	if (s->leap == VDSOTIME_LEAP_DELETE)
		until -= NSEC_PER_SEC;
	return until < 0 ? 0 : until;
}

/* SPDX-License-Identifier: MIT */
/*
 * What may be said of REALTIME against UTC: whether anyone disciplines it, what error they claim, and since
 * when.
 *
 * The kernel keeps one number, maxerror, which a daemon writes (its claim) and the kernel then grows by
 * 500 us a second.  That growth is far too much for a real oscillator, so each drop of the number is taken
 * as a new claim, and grown from there at our own MaxDrift; the kernel's own number, when smaller, wins.
 *
 * The one thing a reader would get wrong: a claim of 0 is no claim.  timesyncd and phc2sys write 0, which
 * says nothing of their error; seen some seconds later it is a small multiple of 500 us, and looks like an
 * excellent bound.  A number that is 0, or that only the kernel's growth can have made, is unquantified.
 *
 * Pure.
 */
#ifndef VDSOTIMED_SYNC_H
#define VDSOTIMED_SYNC_H

#include <stdbool.h>
#include <stdint.h>

#include <vdsotime/quality.h>

#include "daemon/keeper.h"
#include "daemon/os.h"

#define SYNC_NO_BOUND UINT64_MAX

struct sync {
	enum keeper_sync state;
	bool has_claim;
	bool claim_is_zero; /* what was written was 0 */
	int64_t last_maxerror_us; /* of the last look; -1: none */
	uint64_t claim_ns; /* at claimed_at_ns */
	int64_t claimed_at_ns; /* MONOTONIC */
	uint64_t maxerror_ns; /* the kernel's, at the last look */
	uint32_t leap; /* enum vdsotime_leap */
};

void sync_init(struct sync *s);

/* Take a look at what adjtimex said at monotonic_ns; error: 0, or why it said nothing. */
void sync_look(struct sync *s, const struct os_timex *timex, int error, int64_t monotonic_ns);

/* REALTIME was set: no earlier claim holds. */
void sync_forget(struct sync *s);

/* The bound at monotonic_ns with the claim grown at drift_ppb, or SYNC_NO_BOUND. */
uint64_t sync_error_ns(const struct sync *s, int64_t monotonic_ns, uint64_t drift_ppb);

/* Ns of UTC until the second that a leap is due in begins to repeat or is left out; INT64_MAX: none. */
int64_t sync_until_leap_ns(const struct sync *s, int64_t realtime_ns);

#endif

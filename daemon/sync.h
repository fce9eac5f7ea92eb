/* SPDX-License-Identifier: MIT */
/*
 * What may be said of REALTIME against UTC: whether anyone disciplines it, what error they claim,
 * and since when.
 *
 * The kernel keeps one number, maxerror, which a daemon writes (its claim) and the kernel then
 * grows by 500 us a second.  That growth is far too much for a real oscillator, so each drop of the
 * number is taken as a new claim, made right after the look before, and grown from there at our own
 * MaxDrift.  A rise that the kernel's growth cannot have made is a claim too, if a humbler one.
 *
 * The one thing a reader would get wrong: a claim of 0 is no claim.  timesyncd and phc2sys write 0,
 * which says nothing of their error; seen some seconds later it is a small multiple of 500 us, and
 * looks like an excellent bound.  A number that is 0, or that only the kernel's growth can have
 * made, is unquantified.
 *
 * Where chronyd is asked for its own report (see chrony.h), that stands in the place of the
 * kernel's number while it is fresh: it is the same daemon's word, of seconds ago.  It was given at
 * the rate that the clock had then, so any change of rate since then (chronyd may have begun a
 * slew) counts against it until the next.
 *
 * Pure.
 */
#ifndef VDSOTIMED_SYNC_H
#define VDSOTIMED_SYNC_H

#include <stdbool.h>
#include <stdint.h>

#include <vdsotime/quality.h>

#include "daemon/chrony.h"
#include "daemon/keeper.h"
#include "daemon/os.h"

#define SYNC_NO_BOUND UINT64_MAX

/* An older report is dropped: chronyd is gone, or is held up. */
#define SYNC_REPORT_AGE_MAX_NS INT64_C(16000000000)

struct sync {
	enum keeper_sync state;
	bool has_claim;
	bool claim_is_zero; /* what was written was 0 */
	bool has_look;
	int64_t last_maxerror_us; /* of the last look */
	int64_t last_look_ns; /* BOOTTIME */
	uint64_t claim_ns; /* at claimed_at_ns */
	int64_t claimed_at_ns; /* BOOTTIME, no later than it was made */
	bool has_come;
	struct chrony_report come; /* since the last look */
	bool has_report;
	struct chrony_report report;
	int64_t report_rate_ppb; /* of the last look before it came */
	uint64_t report_moved_ns; /* what changes of the rate may have added since */
	int64_t rate_ppb; /* of the last look */
	bool was_set; /* REALTIME was, since the last look */
	int64_t valid_from_ns; /* BOOTTIME; a report asked for earlier is of another clock */
	uint32_t leap; /* enum vdsotime_leap: what may be told */
	uint32_t due; /* enum vdsotime_leap: what the kernel will do, synchronised or not */
	bool told_done; /* the kernel says that the leap is over, some ms before it is */
};

void sync_init(struct sync *s);

/* Take a look at what adjtimex said at boottime_ns; error: 0, or why it said nothing. */
void sync_look(struct sync *s, const struct os_timex *timex, int error, int64_t boottime_ns);

/* chronyd's report; in force with the next look. */
void sync_take_report(struct sync *s, const struct chrony_report *report);

/* The chronyd that was asked is asked no more. */
void sync_drop_report(struct sync *s);

/* Does the state rest on chronyd's report, and not on what the kernel was told? */
bool sync_is_reported(const struct sync *s);

/*
 * REALTIME was set before the look that comes next: no claim made before that look holds, and only
 * a new one will do.
 */
void sync_forget(struct sync *s);

/* The bound at boottime_ns with the claim grown at drift_ppb, or SYNC_NO_BOUND. */
uint64_t sync_error_ns(const struct sync *s, int64_t boottime_ns, uint64_t drift_ppb);

/*
 * Ns of REALTIME until a second begins to repeat or is left out; 0 also while the kernel, which
 * leaps at a tick, may not have done so yet; INT64_MAX: none is due.
 */
int64_t sync_until_leap_ns(const struct sync *s, int64_t realtime_ns);

#endif

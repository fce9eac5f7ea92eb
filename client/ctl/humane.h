/* SPDX-License-Identifier: MIT */
/*
 * Numbers as people write and read them: durations with a unit that fits, times as RFC 3339 in UTC.
 *
 * Text goes into a caller's buffer of HUMANE_BYTES and is returned.  What one would get wrong:
 * rounding is for the eye; whoever computes takes --json.
 */
#ifndef VDSOTIMED_CTL_HUMANE_H
#define VDSOTIMED_CTL_HUMANE_H

#include <stdint.h>

enum { HUMANE_BYTES = 64 };

/* "850 ns", "-3.14 us", "27.0 ms", "1.20 s", "2min 5s", "3h 12min", "41d 7h"; cut, not rounded. */
const char *humane_duration(char buf[HUMANE_BYTES], int64_t duration_ns);

/* The same of a bound, which is rounded up: it is never shown smaller than it is. */
const char *humane_bound(char buf[HUMANE_BYTES], uint64_t duration_ns);

/* "2400 Hz", "24.00 MHz", "2.445 GHz". */
const char *humane_frequency(char buf[HUMANE_BYTES], uint64_t frequency_hz);

/* "+12 ns": a difference keeps its sign and its nanoseconds below 10 us. */
const char *humane_difference(char buf[HUMANE_BYTES], int64_t difference_ns);

/* "2026-11-23T16:09:46.123456789" and zone ("Z"): ns since 1970 without leap seconds. */
const char *humane_date(char buf[HUMANE_BYTES], int64_t time_ns, const char *zone);

/* The part of an epoch that counts disturbances; above it is what tells pages apart. */
static inline uint32_t humane_epoch(uint64_t epoch)
{
	return (uint32_t)epoch;
}

/* "-1.000000001": seconds and nine digits. */
const char *humane_seconds(char buf[HUMANE_BYTES], int64_t time_ns);

/*
 * Read a duration: "5", "0.5" (seconds), "100ms", "20us", "7ns", "2min", "1h".  0 and ns (0 to
 * 2^62); -EINVAL when it is none; -ERANGE when it is too long.
 */
int humane_parse_duration(const char *text, int64_t *ret_ns);

/*
 * Read a whole number from min to max: decimal digits and nothing else, but for a '-' before them
 * where min is negative.  0; -EINVAL when it is none; -ERANGE when it is out of range.
 */
int humane_parse_number(const char *text, int64_t min, int64_t max, int64_t *ret);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * A quantity as people write it: 100ms, 1 s, 50ppm; or a bare number where there is no unit to
 * have.
 *
 * The one thing a reader would get wrong: where there are units, one must be given.  A bare 100 is
 * refused, because nobody can tell what it meant.
 */
#ifndef VDSOTIMED_QUANTITY_H
#define VDSOTIMED_QUANTITY_H

#include <stddef.h>
#include <stdint.h>

/* A table of them: smallest first, its factor 1, a NULL name at the end. */
struct quantity_unit {
	const char *name;
	uint64_t factor;
};

extern const struct quantity_unit quantity_durations[]; /* in ns: ns, us, ms, s, min */
extern const struct quantity_unit quantity_rates[]; /* in ppb: ppb, ppm, % */
extern const struct quantity_unit quantity_sizes[]; /* in bytes: B, K, M, G; of 1024 each */

/* units NULL: a bare number.  0, -EINVAL, or -ERANGE when it does not fit. */
int quantity_parse(const char *text, const struct quantity_unit *units, uint64_t *ret);

/* In the largest unit that leaves no fraction; cut when text is too short. */
void quantity_format(
	char *text, size_t size_bytes, const struct quantity_unit *units, uint64_t value);

#endif

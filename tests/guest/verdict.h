/* SPDX-License-Identifier: MIT */
/*
 * The verdict: what holds for every scenario, and the line that tells of it.
 *
 * No time goes back without a new epoch.  Where a clock was disturbed, each time by at least one
 * new epoch, reads are within the page's bound again, or have left the page, within a tenth of a
 * second; where none was, no read is outside at all.  The page answers most reads.  Whatever the
 * kernel was made to do it has done.
 */
#ifndef VDSOTIMED_TESTS_GUEST_VERDICT_H
#define VDSOTIMED_TESTS_GUEST_VERDICT_H

#include <stdbool.h>
#include <stdint.h>

#include <vdsotime/client.h>

#define VERDICT_OUTSIDE_LIMIT_NS INT64_C(100000000)
#define VERDICT_READS_LEAST 100 /* of a tally: less has shown nothing */

/* What everything is read through; set before the first scenario. */
extern struct vdsotime *verdict_handle;

/* The page, or what answers for it, now; the page's epoch. */
struct vdsotime_snapshot verdict_page(void);
uint64_t verdict_epoch(void);

/* Ns as ms, for people. */
double verdict_ms(int64_t ns);

/* A TAP line: fails also when the kernel has refused something. */
__attribute__((format(printf, 3, 4))) void verdict_tell(
	bool ok, const char *name, const char *figures, ...);

/* A scenario begins: the tally counts from 0.  The epoch. */
uint64_t verdict_begin(void);

/*
 * It ends.  began: the epoch in which it began; disturbances: how often a clock was disturbed; ok:
 * what else was asked of it; figures: told before the tally's, "" for none.
 */
void verdict_end(
	const char *name, uint64_t began, uint64_t disturbances, bool ok, const char *figures);

#endif

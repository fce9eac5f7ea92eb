/* SPDX-License-Identifier: MIT */
/*
 * The tally: a thread that reads five clocks of the page for ever, each between two answers of the
 * kernel, and counts what it should not have seen.
 *
 * The one thing a reader would get wrong: outside means further from the kernel than the page's own
 * tracking bound, and only while the page answers; a reader that was sent to the vDSO is right.
 */
#ifndef VDSOTIMED_TESTS_GUEST_TALLY_H
#define VDSOTIMED_TESTS_GUEST_TALLY_H

#include <stdint.h>

#include <vdsotime/client.h>

struct tally {
	uint64_t reads;
	uint64_t page_reads; /* of them, those that the page answered */
	uint64_t back; /* times that went back without a new epoch */
	int64_t back_ns; /* the furthest of them */
	int64_t off_ns; /* the furthest of the page from between the kernel's two answers */
	int64_t outside_since_ns; /* MONOTONIC; 0: within the bound */
	int64_t outside_longest_ns; /* without a good read between */
	int64_t outside_worst_ns;
	int64_t gap_ns; /* the longest MONOTONIC between two reads */
};

/* Start the thread, for the life of the process.  0 or -errno. */
int tally_start(const struct vdsotime *handle);

/* Count from 0. */
void tally_clear(void);

struct tally tally_get(void);

/* Have the thread wait, and go on. */
void tally_hold(void);
void tally_release(void);

#endif

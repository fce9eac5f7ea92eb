/* SPDX-License-Identifier: MIT */
/*
 * What heap.c counts, in the file that $HEAP_FILE names: tests read and write it while the program
 * runs.  faults.py draws the same.
 */
#ifndef TESTS_FAULT_HEAP_H
#define TESTS_FAULT_HEAP_H

#include <stdint.h>

struct heap {
	uint64_t allocations; /* that were asked for */
	uint64_t live_blocks;
	uint64_t live_bytes;
	uint64_t peak_bytes; /* of live_bytes; a test may set it back */
	uint64_t failed; /* that were refused */
	int64_t countdown; /* allocations until one is refused; negative: none is */
	uint64_t for_good; /* not 0: and all after it */
};

#endif

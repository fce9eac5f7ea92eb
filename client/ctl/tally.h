/* SPDX-License-Identifier: MIT */
/*
 * A tally: numbers gathered up to a limit set at the start, and what is told of them.
 */
#ifndef VDSOTIMED_CTL_TALLY_H
#define VDSOTIMED_CTL_TALLY_H

#include <stddef.h>
#include <stdint.h>

struct tally {
	int64_t *numbers;
	size_t count;
	size_t capacity;
};

struct tally_summary {
	int64_t minimum;
	int64_t median;
	int64_t p99;
	int64_t p999; /* 99.9 % */
	int64_t maximum;
};

/* 0 or -ENOMEM.  capacity from 1. */
int tally_init(struct tally *t, size_t capacity);

/* May be called twice, and on a tally that is all zero. */
void tally_deinit(struct tally *t);

/* One more number; nothing when it is full. */
void tally_add(struct tally *t, int64_t number);

/*
 * Sorts the numbers.  A percentile is the smallest number with so many of all at or below it.  0;
 * -ENODATA when there are none.
 */
int tally_summarise(struct tally *t, struct tally_summary *ret);

#endif

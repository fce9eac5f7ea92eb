/* SPDX-License-Identifier: MIT */
/* The histogram's elements are powers of two: the place of the highest bit is the element. */
#include "daemon/statistics.h"

void statistics_served(struct statistics *s, uint64_t ns)
{
	unsigned int place = ns == 0 ? 0 : 63U - (unsigned int)__builtin_clzll(ns);

	s->serve_time[place < STATISTICS_HISTOGRAM ? place : STATISTICS_HISTOGRAM - 1]++;
}

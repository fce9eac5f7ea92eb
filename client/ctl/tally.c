/* SPDX-License-Identifier: MIT */
/*
 * A tally: see tally.h.
 */
#include "client/ctl/tally.h"

#include <errno.h>
#include <stdlib.h>

int tally_init(struct tally *t, size_t capacity)
{
	int64_t *numbers = calloc(capacity, sizeof(*numbers));

	if (!numbers)
		return -ENOMEM;
	*t = (struct tally){ .numbers = numbers, .capacity = capacity };
	return 0;
}

void tally_deinit(struct tally *t)
{
	free(t->numbers);
	*t = (struct tally){ 0 };
}

void tally_add(struct tally *t, int64_t number)
{
	if (t->count < t->capacity)
		t->numbers[t->count++] = number;
}

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static int64_t percentile(const struct tally *t, size_t permille)
{
	size_t rank = (t->count * permille + 999) / 1000;

	return t->numbers[rank > 0 ? rank - 1 : 0];
}

int tally_summarise(struct tally *t, struct tally_summary *ret)
{
	if (t->count == 0)
		return -ENODATA;
	qsort(t->numbers, t->count, sizeof(*t->numbers), compare);
	*ret = (struct tally_summary){
		.minimum = t->numbers[0],
		.median = percentile(t, 500),
		.p99 = percentile(t, 990),
		.p999 = percentile(t, 999),
		.maximum = t->numbers[t->count - 1],
	};
	return 0;
}

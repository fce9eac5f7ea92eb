/* SPDX-License-Identifier: MIT */
#include "tests/guest/ratio.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <vdsotime/attach.h>
#include <vdsotime/page.h>

/* So few that a batch is seldom interrupted, so many that the counter's own cost is not seen. */
#define VDSO_READS 10
#define PAGE_READS 100
#define BATCHES 401 /* odd: a median is one of them */

static const struct vdsotime *handle;
static const struct vdsotime_page *page;

/* Else what nobody looks at would not be computed. */
static inline void keep(int64_t ns)
{
	__asm__ __volatile__("" : : "r"(ns));
}

static inline bool read_inline(void)
{
	int64_t ns = 0;
	enum vdsotime_page_result r =
		vdsotime_page_read_ns(page, CLOCK_REALTIME, VDSOTIME_COUNTER_FENCE, &ns);

	keep(ns);
	return r == VDSOTIME_PAGE_READ;
}

static inline bool read_call(void)
{
	int64_t ns;

	return vdsotime_gettime_ns(handle, CLOCK_REALTIME, &ns) == 0;
}

static inline bool read_call_relaxed(void)
{
	int64_t ns;

	return vdsotime_gettime_ns_relaxed(handle, CLOCK_REALTIME, &ns) == 0;
}

static inline bool read_vdso(void)
{
	struct timespec now;

	return clock_gettime(CLOCK_REALTIME, &now) == 0;
}

/* Ticks of one read; inlined, so that what it reads with is not called through a pointer. */
__attribute__((always_inline)) static inline double cost_ticks(
	bool (*read)(void), int reads, bool *failed)
{
	uint64_t start = vdsotime_stamp();

	for (int i = 0; i < reads; i++)
		*failed |= !read();
	return (double)(vdsotime_stamp() - start) / reads;
}

static int compare_double(const void *a, const void *b)
{
	double x, y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return (x > y) - (x < y);
}

static double median(double values[static BATCHES])
{
	qsort(values, BATCHES, sizeof(values[0]), compare_double);
	return values[BATCHES / 2];
}

static bool page_answers(uint64_t *ret_counter_hz)
{
	struct vdsotime_status s;

	if (vdsotime_status(handle, &s) < 0 || s.path != VDSOTIME_PATH_PAGE)
		return false;
	*ret_counter_hz = s.counter_hz;
	return true;
}

static int measure(struct ratio *ret)
{
	static double vdso[BATCHES], ways[RATIO_WAYS][BATCHES], times[RATIO_WAYS][BATCHES];
	uint64_t counter_hz;
	bool failed = !page_answers(&counter_hz);

	for (int i = 0; i < BATCHES && !failed; i++) {
		vdso[i] = cost_ticks(read_vdso, VDSO_READS, &failed);
		ways[RATIO_INLINE][i] = cost_ticks(read_inline, PAGE_READS, &failed);
		ways[RATIO_CALL][i] = cost_ticks(read_call, PAGE_READS, &failed);
		ways[RATIO_CALL_RELAXED][i] = cost_ticks(read_call_relaxed, PAGE_READS, &failed);
		for (int way = 0; way < RATIO_WAYS; way++)
			times[way][i] = vdso[i] / ways[way][i];
	}
	if (failed || !page_answers(&counter_hz))
		return -EAGAIN;
	double ns_per_tick = 1e9 / (double)counter_hz;

	ret->vdso_ns = median(vdso) * ns_per_tick;
	for (int way = 0; way < RATIO_WAYS; way++) {
		ret->page_ns[way] = median(ways[way]) * ns_per_tick;
		ret->times[way] = median(times[way]);
	}
	return 0;
}

int ratio_measure(const struct vdsotime *handle_of_caller, struct ratio *ret)
{
	int r = vdsotime_page_attach(getenv("VDSOTIME_RUNTIME_DIR"), &page);

	if (r < 0)
		return r;
	handle = handle_of_caller;
	r = measure(ret);
	vdsotime_page_detach(page);
	return r;
}

/* SPDX-License-Identifier: MIT */
#include "tests/guest/steps.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/guest/kernel.h"

static uint64_t epoch(const struct vdsotime *handle)
{
	struct vdsotime_status s;

	return vdsotime_status(handle, &s) == 0 ? s.epoch : 0;
}

/* Ns from a step, begun in this epoch, until the page has another and says what the kernel says. */
static int64_t followed_after_ns(const struct vdsotime *handle, uint64_t old, int64_t start)
{
	for (;;) {
		int64_t before = kernel_ns(CLOCK_REALTIME);
		struct vdsotime_snapshot s = { 0 };

		vdsotime_snapshot(handle, &s);
		int64_t after = kernel_ns(CLOCK_REALTIME);
		int64_t took = kernel_ns(CLOCK_MONOTONIC) - start;
		int64_t slack = (int64_t)s.tracking_ns;
		bool follows = s.path == VDSOTIME_PATH_PAGE && s.epoch != old &&
			       s.realtime_ns >= before - slack && s.realtime_ns <= after + slack;

		if (follows || took >= STEPS_NEVER_NS)
			return took;
		nanosleep(&(struct timespec){ .tv_nsec = 50000 }, NULL);
	}
}

static int compare_ns(const void *a, const void *b)
{
	int64_t x, y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return (x > y) - (x < y);
}

void steps_make(const struct vdsotime *handle, int64_t ret_latency_ns[static STEPS])
{
	static const int64_t steps_ns[] = { NSEC_PER_MSEC, -NSEC_PER_MSEC, NSEC_PER_SEC,
		-NSEC_PER_SEC, 3600 * NSEC_PER_SEC, -7200 * NSEC_PER_SEC, 3600 * NSEC_PER_SEC,
		1000000 * NSEC_PER_SEC, -1000000 * NSEC_PER_SEC };

	for (unsigned int i = 0; i < STEPS; i++) {
		uint64_t old = epoch(handle);
		int64_t start = kernel_ns(CLOCK_MONOTONIC);

		kernel_set_realtime(kernel_ns(CLOCK_REALTIME) +
				    steps_ns[i % (sizeof(steps_ns) / sizeof(steps_ns[0]))]);
		ret_latency_ns[i] = followed_after_ns(handle, old, start);
		kernel_sleep_ms(10);
	}
	qsort(ret_latency_ns, STEPS, sizeof(ret_latency_ns[0]), compare_ns);
}

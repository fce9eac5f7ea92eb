/* SPDX-License-Identifier: MIT */
/*
 * Reads as fast as it can and watches every answer: never earlier than the one before, never
 * farther from the kernel's than the bound that came with it.  It says each path that it finds
 * itself on, and tries to get back to the page; what is wrong it says and ends.
 *
 *     reader RUNTIME_DIR      until its standard input ends; then a line `reads N`
 */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vdsotime/client.h>

#define NSEC_PER_SEC INT64_C(1000000000)
#define READS_A_ROUND 1000

static const clockid_t clocks[] = { CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW,
	CLOCK_BOOTTIME, CLOCK_TAI };
#define CLOCKS (sizeof(clocks) / sizeof(clocks[0]))

static int64_t kernel_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

/* The bound of the page now, or what a fallback may be ahead by, which is its last bound. */
static int64_t bound_ns(const struct vdsotime *t, int64_t before)
{
	struct vdsotime_snapshot s;

	if (vdsotime_snapshot(t, &s) < 0 || s.path != VDSOTIME_PATH_PAGE)
		return before;
	return (int64_t)s.tracking_ns;
}

static void check_round(const struct vdsotime *t, int64_t last[CLOCKS], int64_t bound)
{
	for (int i = 0; i < READS_A_ROUND; i++) {
		size_t c = (size_t)i % CLOCKS;
		int64_t before = kernel_ns(clocks[c]), now, after;
		int r = vdsotime_gettime_ns(t, clocks[c], &now);

		after = kernel_ns(clocks[c]);
		if (r < 0) {
			printf("FAILED: clock %d: %s\n", clocks[c], strerror(-r));
			exit(1);
		}
		if (now < last[c]) {
			printf("BACKWARD: clock %d by %lld ns\n", clocks[c],
				(long long)(last[c] - now));
			exit(1);
		}
		if (now < before - bound || now > after + bound) {
			printf("WRONG: clock %d: %lld not in %lld..%lld +- %lld\n", clocks[c],
				(long long)now, (long long)before, (long long)after,
				(long long)bound);
			exit(1);
		}
		last[c] = now;
	}
}

static bool input_ended(void)
{
	struct pollfd p = { .fd = 0, .events = POLLIN };

	return poll(&p, 1, 0) > 0;
}

int main(int argc, char **argv)
{
	struct vdsotime *t;
	int64_t last[CLOCKS] = { 0 };
	int64_t bound = NSEC_PER_SEC / 10;
	unsigned long long reads = 0;
	uint32_t path = 0;
	int r = vdsotime_attach(&t, argc > 1 ? argv[1] : NULL, VDSOTIME_FALLBACK);

	if (r < 0) {
		printf("FAILED: attach: %s\n", strerror(-r));
		return 1;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	while (!input_ended()) {
		struct vdsotime_status s;

		bound = bound_ns(t, bound);
		/* what is asked for next may be read a round later */
		check_round(t, last, bound + NSEC_PER_SEC / 100);
		reads += READS_A_ROUND;
		vdsotime_status(t, &s);
		if (s.path != path)
			printf("%s: %s\n", vdsotime_path_name(s.path),
				vdsotime_nopage_text(s.reason));
		path = s.path;
		if (s.path != VDSOTIME_PATH_PAGE)
			vdsotime_refresh(t);
	}
	printf("reads %llu\n", reads);
	vdsotime_detach(t);
	return 0;
}

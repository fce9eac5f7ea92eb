/* SPDX-License-Identifier: MIT */
/*
 * The stamp socket of a real daemon as the library's users have it: requests between readings of
 * the kernel, within the page's own bound, and a subscription whose ticks and losses add up.  It
 * says what is wrong, and ends with 1.
 *
 *     stamper RUNTIME_DIR [forbid]     forbid: as a process that may not read the counter
 * (PR_SET_TSC)
 */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <vdsotime/client.h>

#define NSEC_PER_SEC INT64_C(1000000000)
#define ROUNDS 50
#define TICKS 40
#define TICK_US 2000

/* of a timespec whose seconds have 64 bits */
#ifdef SYS_clock_gettime64
#define SYS_GETTIME SYS_clock_gettime64
#else
#define SYS_GETTIME SYS_clock_gettime
#endif

static const clockid_t clocks[] = { CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW,
	CLOCK_BOOTTIME, CLOCK_TAI };
#define CLOCKS (sizeof(clocks) / sizeof(clocks[0]))

static void fail(const char *what, int r)
{
	printf("%s: %s\n", what, r < 0 ? strerror(-r) : "wrong");
	exit(1);
}

static const struct vdsotime *page;
static bool forbidden;

/*
 * What the page says now of its distance from the kernel; when it has just run out, what it said
 * last.  A process that may not read the counter asks for that as one that may.
 */
static int64_t bound_ns(void)
{
	static int64_t last = INT64_MAX / 4;
	struct vdsotime_status status;

	if (forbidden)
		prctl(PR_SET_TSC, PR_TSC_ENABLE);
	vdsotime_status(page, &status);
	if (forbidden)
		prctl(PR_SET_TSC, PR_TSC_SIGSEGV);
	if (status.path == VDSOTIME_PATH_PAGE)
		last = (int64_t)status.tracking_ns;
	return last;
}

static int64_t larger(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* The system call, since libc's ends in the vDSO, and that in the counter. */
static int64_t kernel_ns(clockid_t id)
{
	struct timespec ts = { 0 };

	syscall(SYS_GETTIME, id, &ts);
	return ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

static void check_requests(struct vdsotime_stamps *s, size_t n)
{
	static struct vdsotime_stamps_record r[VDSOTIME_STAMPS_MAX];
	const struct timespec patience = { .tv_sec = 10 };
	clockid_t ids[VDSOTIME_STAMPS_MAX];
	int64_t before[CLOCKS], after[CLOCKS], bound = bound_ns();

	for (size_t c = 0; c < CLOCKS; c++)
		before[c] = kernel_ns(clocks[c]);
	for (size_t i = 0; i < n; i++)
		ids[i] = clocks[i % CLOCKS];
	int result = vdsotime_stamps_request(s, ids, n, &patience, r);

	if (result < 0)
		fail("request", result);
	for (size_t c = 0; c < CLOCKS; c++)
		after[c] = kernel_ns(clocks[c]);
	bound = larger(bound, bound_ns());
	for (size_t c = 0; c < CLOCKS; c++)
		before[c] -= bound;
	for (size_t i = 0; i < n; i++) {
		if (r[i].error || r[i].time_ns < before[i % CLOCKS] ||
			r[i].time_ns > after[i % CLOCKS] + bound)
			fail("a record", r[i].error);
		if (!!r[i].counter_ticks != !!(r[i].flags & VDSOTIME_STAMPS_PAGE))
			fail("a record's counter", 0);
		before[i % CLOCKS] = r[i].time_ns;
	}
}

static void check_refusals(struct vdsotime_stamps *s)
{
	static const clockid_t ids[] = { CLOCK_PROCESS_CPUTIME_ID, CLOCK_MONOTONIC, -1 };
	struct vdsotime_stamps_record r[3];
	int result = vdsotime_stamps_request(s, ids, 3, NULL, r);

	if (result < 0 || r[0].error != -EINVAL || r[1].error || r[2].error != -EINVAL)
		fail("clocks that are not served", result);
	if (vdsotime_stamps_subscribe(s, CLOCK_PROCESS_CPUTIME_ID, 1000, 0, NULL) != -EINVAL ||
		vdsotime_stamps_subscribe(s, CLOCK_REALTIME, 10, 0, NULL) != -ERANGE)
		fail("subscriptions that are not served", 0);
}

/*
 * Ticks come at their interval; those that cannot be told of are counted; requests go on
 * meanwhile.
 */
static void check_ticks(struct vdsotime_stamps *s)
{
	const struct timespec none = { 0 }, patience = { .tv_sec = 10 };
	struct vdsotime_stamps_record tick = { 0 };
	int64_t bound = bound_ns(), start = kernel_ns(CLOCK_MONOTONIC), last = start - bound;
	uint64_t due = 0;
	int r = vdsotime_stamps_subscribe(s, CLOCK_MONOTONIC, TICK_US, TICKS, &patience);

	if (r < 0)
		fail("subscribe", r);
	while (!(tick.flags & VDSOTIME_STAMPS_LAST)) {
		struct pollfd p = { .fd = vdsotime_stamps_get_fd(s), .events = POLLIN };

		if (poll(&p, 1, 10000) != 1)
			fail("poll", -ETIMEDOUT);
		while ((r = vdsotime_stamps_read(s, &none, &tick)) == 0) {
			int64_t now = kernel_ns(CLOCK_MONOTONIC);

			bound = larger(bound, bound_ns());
			if (tick.time_ns < last || tick.time_ns > now + bound)
				fail("a tick", 0);
			last = tick.time_ns;
			due += 1 + tick.lost;
			if (due % 8 == 0)
				check_requests(s, 7);
		}
		if (r != -ETIMEDOUT && r != -ENODATA)
			fail("read", r);
	}
	if (last - start < (int64_t)due * TICK_US * 1000 - bound)
		fail("ticks before their time", 0);
	if (vdsotime_stamps_read(s, &none, &tick) != -ENODATA)
		fail("a tick behind the last", 0);
	printf("%d ticks, %llu of them lost; the page's bound was %lld ns at most\n", TICKS,
		(unsigned long long)due - TICKS, (long long)bound);
}

int main(int argc, char **argv)
{
	struct vdsotime_stamps *s;
	struct vdsotime *t;
	int r;

	if (argc < 2)
		return 2;
	r = vdsotime_attach(&t, argv[1], VDSOTIME_FALLBACK);
	if (r < 0)
		fail("attach", r);
	page = t;
	forbidden = argc > 2;
	if (forbidden && prctl(PR_SET_TSC, PR_TSC_SIGSEGV) < 0)
		return 77;
	r = vdsotime_stamps_connect(&s, argv[1], 0);
	if (r < 0)
		fail("connect", r);
	for (int i = 0; i < ROUNDS; i++) {
		check_requests(s, 1);
		check_requests(s, VDSOTIME_STAMPS_MAX);
	}
	check_refusals(s);
	check_ticks(s);
	vdsotime_stamps_close(s);
	vdsotime_detach(t);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * The library with a page of its own making, on whatever machine this was compiled for: attach, and
 * every read against the kernel's; ordered reads of two threads against each other; a stamp and its
 * time.
 *
 *     foreign-page      says the counter that answers, and ends with 0; with 77 where there is none
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include <vdsotime/client.h>

#include "tests/fixtures/fake-daemon.h"
#include "tests/fixtures/live-page.h"

#define NSEC_PER_SEC INT64_C(1000000000)
/* emulators are slow, and their counters coarse */
#define TRACKING_NS 50000000
#define RELAYS 20000

static const clockid_t clocks[] = { CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW,
	CLOCK_BOOTTIME, CLOCK_TAI };

static struct vdsotime *t;
static _Atomic int64_t latest_ns;
static _Atomic int inversions;

static int64_t kernel_ns(clockid_t id)
{
	struct timespec ts;

	assert_int_equal(clock_gettime(id, &ts), 0);
	return ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

static void check_clock(clockid_t id)
{
	int64_t before = kernel_ns(id) - TRACKING_NS, ns = 0, relaxed = 0, after = 0;
	struct timespec ts = { 0 };

	assert_int_equal(vdsotime_gettime(t, id, &ts), 0);
	assert_int_equal(vdsotime_gettime_ns(t, id, &ns), 0);
	assert_int_equal(vdsotime_gettime_ns_relaxed(t, id, &relaxed), 0);
	assert_int_equal(vdsotime_gettime_ns_after(t, id, ns, &after), 0);
	int64_t end = kernel_ns(id) + TRACKING_NS;

	assert_true(ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec <= ns);
	assert_true(before <= ns && ns <= end);
	assert_true(before <= relaxed && relaxed <= end);
	assert_true(ns <= after && after <= end);
}

static void check_instant(void)
{
	struct vdsotime_snapshot s;
	uint64_t stamp;
	int64_t before, then, after;

	assert_int_equal(vdsotime_snapshot(t, &s), 0);
	assert_true(s.path == VDSOTIME_PATH_PAGE && s.counter_ticks != 0);
	assert_int_equal(vdsotime_gettime_ns(t, CLOCK_MONOTONIC, &before), 0);
	stamp = vdsotime_stamp();
	assert_int_equal(vdsotime_gettime_ns(t, CLOCK_MONOTONIC, &after), 0);
	assert_int_equal(vdsotime_resolve(t, stamp, CLOCK_MONOTONIC, &then), 0);
	/* a bare stamp may have been taken a little early */
	assert_true(before - NSEC_PER_SEC / 1000 <= then && then <= after);
}

/* What the other thread has seen is never later than what this one reads then. */
static void *relay(void *data)
{
	(void)data;
	for (int i = 0; i < RELAYS; i++) {
		int64_t seen = atomic_load(&latest_ns), ns;

		assert_int_equal(vdsotime_gettime_ns(t, CLOCK_MONOTONIC, &ns), 0);
		inversions += ns < seen;
		while (seen < ns && !atomic_compare_exchange_weak(&latest_ns, &seen, ns))
			;
	}
	return NULL;
}

static void check_threads(void)
{
	pthread_t other;

	assert_int_equal(pthread_create(&other, NULL, relay, NULL), 0);
	relay(NULL);
	pthread_join(other, NULL);
	assert_int_equal(inversions, 0);
}

int main(void)
{
	struct vdsotime_status status;
	struct fake_daemon daemon_;
	struct live_page page;
	int window_log2 = 1;

	if (VDSOTIME_COUNTER_HERE == VDSOTIME_COUNTER_NONE)
		return 77;
	live_page_new(&page, F_SEAL_SHRINK, sizeof(struct vdsotime_page));
	/* as long as the arithmetic allows, but not half an hour */
	while (window_log2 < 40 && page.ns_per_tick * (double)(UINT64_C(2) << window_log2) < 4e9)
		window_log2++;
	live_page_aim(&page, (uint32_t)window_log2, TRACKING_NS);
	live_page_publish(&page);
	fake_daemon_start(&daemon_, page.fd);
	assert_int_equal(vdsotime_attach(&t, daemon_.dir, VDSOTIME_FALLBACK), 0);
	live_page_aim(&page, (uint32_t)window_log2, TRACKING_NS);
	live_page_publish(&page);
	assert_int_equal(vdsotime_status(t, &status), 0);
	printf("%s: %s; counter %u, %s, %.3f ns a tick, pages of %ld bytes\n",
		vdsotime_path_name(status.path), vdsotime_nopage_text(status.reason),
		status.counter,
		vdsotime_counter_can(VDSOTIME_COUNTER_RDTSCP) ? "two ordered reads" : "no rdtscp",
		page.ns_per_tick, sysconf(_SC_PAGESIZE));
	assert_int_equal(status.path, VDSOTIME_PATH_PAGE);
	for (size_t i = 0; i < sizeof(clocks) / sizeof(clocks[0]); i++)
		check_clock(clocks[i]);
	check_instant();
	check_threads();
	vdsotime_detach(t);
	fake_daemon_stop(&daemon_);
	live_page_free(&page);
	return 0;
}

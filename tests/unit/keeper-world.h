/* SPDX-License-Identifier: MIT */
/*
 * The keeper's world for its unit tests: one keeper on the operating system of fake-os.h, the page
 * as a reader maps it, and the events that were heard.  Each test begins with a quiet machine.
 */
#ifndef TESTS_KEEPER_WORLD_H
#define TESTS_KEEPER_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include <vdsotime/page.h>
#include <vdsotime/vdso.h>

#include "daemon/keeper.h"
#include "daemon/line.h"
#include "tests/unit/fake-os.h"

#define MS INT64_C(1000000)
#define SEC INT64_C(1000000000)
#define DAY_NS (86400 * SEC)

static const struct keeper_options defaults = {
	.period_ns = 100 * MS,
	.fast_period_ns = 10 * MS,
	.max_drift_ppb = 50000,
	.max_slew_ppb = 100000000,
};

static struct fake_os f;
static struct vdsotime_vdso vdso;
static struct keeper *k;
static const struct vdsotime_page *page;
static uint64_t due_ns;

static struct event heard[64];
static unsigned int heard_count;

static inline void on_event(void *data, const struct event *e)
{
	(void)data;
	if (heard_count < 64)
		heard[heard_count++] = *e;
}

static inline bool was_heard(enum event_kind kind)
{
	for (unsigned int i = 0; i < heard_count; i++)
		if (heard[i].kind == kind)
			return true;
	return false;
}

static inline int64_t amount_heard(enum event_kind kind)
{
	for (unsigned int i = 0; i < heard_count; i++)
		if (heard[i].kind == kind)
			return heard[i].amount;
	fail_msg("no %s", event_name(kind));
	return 0;
}

static inline void map_page(void)
{
	void *p = mmap(
		NULL, sizeof(struct vdsotime_page), PROT_READ, MAP_SHARED, keeper_page_fd(k), 0);

	assert_true(p != MAP_FAILED);
	page = p;
}

static inline void unmap_page(void)
{
	union {
		const void *mapped;
		void *address;
	} u = { .mapped = page };

	if (page)
		munmap(u.address, sizeof(*page));
	page = NULL;
}

static inline void start(const struct keeper_options *options, int fd)
{
	assert_int_equal(keeper_new(&k, options, &f.os, &vdso, fd), 0);
	keeper_on_event(k, on_event, NULL);
	heard_count = 0;
	due_ns = (uint64_t)(10 * MS);
	map_page();
}

static inline int begin(void **state)
{
	(void)state;
	fake_os_init(&f);
	f.clocksource = "tsc";
	f.counter_kind = VDSOTIME_COUNTER_TSC;
	start(&defaults, -1);
	return 0;
}

static inline int end(void **state)
{
	(void)state;
	unmap_page();
	k = keeper_free(k);
	return 0;
}

static inline void tick(void)
{
	fake_os_pass(&f, (double)due_ns);
	due_ns = keeper_tick(k);
}

static inline void settle(void)
{
	for (int i = 0; i < 500; i++)
		tick();
	assert_int_equal(due_ns, defaults.period_ns);
}

static inline struct vdsotime_line line(void)
{
	struct vdsotime_line l;

	assert_true(vdsotime_page_line(page, &l));
	return l;
}

/* Of this page: how many disturbances. */
static inline uint32_t epoch(void)
{
	return (uint32_t)line().extra[VDSOTIME_EXTRA_EPOCH];
}

static inline bool page_is_on(void)
{
	struct vdsotime_line l = line();

	return line_covers(&l, f.x + f.counter_offset);
}

/* Each clock of the page against the kernel's. */
static inline void expect_followed(void)
{
	struct vdsotime_line l = line();
	struct vdsotime_instant i;
	const int32_t clocks[] = { CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW,
		CLOCK_BOOTTIME, CLOCK_TAI };

	assert_true(page_is_on());
	vdsotime_line_instant(&l, f.x + f.counter_offset, &i);
	const int64_t read[] = { i.realtime_ns, i.monotonic_ns, i.monotonic_raw_ns, i.boottime_ns,
		i.tai_ns };
	for (int c = 0; c < 5; c++)
		assert_true(
			(uint64_t)llabs(read[c] - fake_os_clock(&f, clocks[c])) <= i.tracking_ns);
	assert_true(i.tracking_ns < 100000);
}

static inline int next_life(void)
{
	int fd = dup(keeper_page_store_fd(k));

	unmap_page();
	k = keeper_free(k);
	return fd;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

#endif

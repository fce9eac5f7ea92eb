/* SPDX-License-Identifier: MIT */
/* The keeper: what happens to the clocks, and what of it is on the page and in the log. */
#include <endian.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include <vdsotime/page.h>
#include <vdsotime/vdso.h>

#include "daemon/chrony.h"
#include "daemon/keeper.h"
#include "daemon/line.h"
#include "daemon/os.h"
#include "daemon/vmclock.h"

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

static void on_event(void *data, const struct event *e)
{
	(void)data;
	if (heard_count < 64)
		heard[heard_count++] = *e;
}

static bool was_heard(enum event_kind kind)
{
	for (unsigned int i = 0; i < heard_count; i++)
		if (heard[i].kind == kind)
			return true;
	return false;
}

static int64_t amount_heard(enum event_kind kind)
{
	for (unsigned int i = 0; i < heard_count; i++)
		if (heard[i].kind == kind)
			return heard[i].amount;
	fail_msg("no %s", event_name(kind));
	return 0;
}

static void map_page(void)
{
	void *p = mmap(
		NULL, sizeof(struct vdsotime_page), PROT_READ, MAP_SHARED, keeper_page_fd(k), 0);

	assert_true(p != MAP_FAILED);
	page = p;
}

static void unmap_page(void)
{
	union {
		const void *mapped;
		void *address;
	} u = { .mapped = page };

	if (page)
		munmap(u.address, sizeof(*page));
	page = NULL;
}

static void start(const struct keeper_options *options, int fd)
{
	assert_int_equal(keeper_new(&k, options, &f.os, &vdso, fd), 0);
	keeper_on_event(k, on_event, NULL);
	heard_count = 0;
	due_ns = (uint64_t)(10 * MS);
	map_page();
}

static int begin(void **state)
{
	(void)state;
	fake_os_init(&f);
	f.clocksource = "tsc";
	f.counter_kind = VDSOTIME_COUNTER_TSC;
	start(&defaults, -1);
	return 0;
}

static int end(void **state)
{
	(void)state;
	unmap_page();
	k = keeper_free(k);
	return 0;
}

static void tick(void)
{
	fake_os_pass(&f, (double)due_ns);
	due_ns = keeper_tick(k);
}

static void settle(void)
{
	for (int i = 0; i < 500; i++)
		tick();
	assert_int_equal(due_ns, defaults.period_ns);
}

static struct vdsotime_line line(void)
{
	struct vdsotime_line l;

	assert_true(vdsotime_page_line(page, &l));
	return l;
}

/* Of this page: how many disturbances. */
static uint32_t epoch(void)
{
	return (uint32_t)line().extra[VDSOTIME_EXTRA_EPOCH];
}

static bool page_is_on(void)
{
	struct vdsotime_line l = line();

	return line_covers(&l, f.x + f.counter_offset);
}

/* Each clock of the page against the kernel's. */
static void expect_followed(void)
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

static void test_way_down_from_a_lead_is_not_held_against_the_page(void **state)
{
	struct keeper_status status;

	(void)state;
	tick();
	keeper_status(k, &status);
	assert_true(status.tracking_known);
	assert_true(status.residual_ns > 1000);
	assert_int_equal(status.residual_max_ns, 0);
	settle();
	keeper_status(k, &status);
	assert_in_range(status.samples, 100, 500);
	assert_true(status.residual_max_ns < 100);
	assert_true(status.residual_rms_ps < 100000);
}

static void test_page_is_on_from_the_first_moment(void **state)
{
	(void)state;
	assert_true(page_is_on());
	expect_followed();
	assert_int_equal(epoch(), 0);
}

static void test_quiet_page_is_renewed_with_no_event(void **state)
{
	uint64_t generation;

	(void)state;
	settle();
	generation = line().extra[VDSOTIME_EXTRA_GENERATION];
	for (int i = 0; i < 100; i++) {
		tick();
		expect_followed();
	}
	assert_int_equal(line().extra[VDSOTIME_EXTRA_GENERATION], generation + 100);
	assert_int_equal(heard_count, 0);
	assert_int_equal(epoch(), 0);
}

static void test_set_clock_is_followed_and_told(void **state)
{
	const int64_t steps[] = { 1, -1, MS, -MS, 1000000 * SEC, -1000000 * SEC };

	(void)state;
	settle();
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		uint64_t before = epoch();

		heard_count = 0;
		f.realtime_offset_ns += steps[i];
		keeper_interrupt(k);
		expect_followed();
		assert_int_equal(epoch(), before + 1);
		assert_int_equal(heard_count, 1);
		assert_int_equal(amount_heard(EVENT_CLOCK_SET), steps[i]);
		assert_int_equal(heard[0].epoch, line().extra[VDSOTIME_EXTRA_EPOCH]);
		assert_true(llabs(heard[0].realtime_ns - fake_os_clock(&f, CLOCK_REALTIME)) < MS);
		tick();
		assert_int_equal(epoch(), before + 1);
	}
}

static void test_tai_change_is_followed_and_told(void **state)
{
	(void)state;
	settle();
	assert_false(line().extra[VDSOTIME_EXTRA_FLAGS] & VDSOTIME_FLAGS_TAI_KNOWN);
	f.tai_offset_s = 37;
	tick();
	expect_followed();
	assert_int_equal(amount_heard(EVENT_TAI_CHANGED), 37 * SEC);
	assert_int_equal(epoch(), 1);
	assert_true(line().extra[VDSOTIME_EXTRA_FLAGS] & VDSOTIME_FLAGS_TAI_KNOWN);
}

static void test_suspend_is_followed_and_told_by_its_name(void **state)
{
	(void)state;
	settle();
	/* the counter ran on, MONOTONIC did not */
	f.counter_offset += (uint64_t)FAKE_KHZ * 2600;
	f.boottime_offset_ns += 2600 * MS;
	f.realtime_offset_ns += 2600 * MS;
	assert_false(page_is_on());
	keeper_interrupt(k);
	expect_followed();
	assert_true(was_heard(EVENT_SUSPENDED));
	assert_true(was_heard(EVENT_CLOCK_SET));
	assert_false(was_heard(EVENT_JUMPED));
	assert_true(llabs(amount_heard(EVENT_SUSPENDED) - 2600 * MS) < 100);
	assert_int_equal(epoch(), 1);
}

static void test_jump_is_followed_and_told(void **state)
{
	(void)state;
	settle();
	/* a snapshot was loaded, or the machine moved: the clocks went on elsewhere */
	f.monotonic_ns += 2017e6;
	f.raw_ns += 2017e6;
	tick();
	expect_followed();
	assert_true(llabs(amount_heard(EVENT_JUMPED) - 2017 * MS) < MS);
	assert_int_equal(epoch(), 1);
	assert_int_equal(due_ns, defaults.fast_period_ns);
}

/* ADJ_OFFSET of half a second at a time constant of 0, say: the kernel slews it by an eighth. */
static void test_rate_beyond_max_slew_is_a_jump_for_as_long_as_it_lasts(void **state)
{
	(void)state;
	settle();
	f.factor = 1.125;
	tick();
	expect_followed();
	assert_true(llabs(amount_heard(EVENT_JUMPED) - 100 * MS / 8) < MS);
	assert_int_equal(epoch(), 1);
	assert_int_equal(due_ns, defaults.fast_period_ns);
	for (uint64_t i = 2; i < 10; i++) {
		tick();
		expect_followed();
		assert_int_equal(epoch(), i);
	}
	/* what is left of it is within the bound */
	f.factor = 1.094;
	heard_count = 0;
	for (int i = 0; i < 10; i++)
		tick();
	assert_false(was_heard(EVENT_JUMPED));
	assert_int_equal(epoch(), 9);
}

/* What of a VMClock the keeper can see move. */
struct fake_vmclock {
	uint32_t magic, size_bytes, version, sequence;
	uint64_t marker, flags, time[9], generation;
};

static struct fake_vmclock *begin_with_vmclock(void)
{
	struct fake_vmclock *clock;

	end(NULL);
	f.vmclock_fd = memfd_create("vmclock", MFD_CLOEXEC);
	assert_int_equal(ftruncate(f.vmclock_fd, sizeof(*clock)), 0);
	clock = mmap(NULL, sizeof(*clock), PROT_READ | PROT_WRITE, MAP_SHARED, f.vmclock_fd, 0);
	assert_true(clock != MAP_FAILED);
	*clock = (struct fake_vmclock){ htole32(0x4b4c4356), htole32(112), htole32(1), 0, 1,
		htole64(1 << 8), { 0 }, 1 };
	start(&defaults, -1);
	close(f.vmclock_fd);
	f.vmclock_fd = -1;
	return clock;
}

static void test_move_to_another_host_is_followed_and_told(void **state)
{
	struct fake_vmclock *clock = begin_with_vmclock();
	struct keeper_status s;

	(void)state;
	settle();
	f.timex = (struct os_timex){ .state = TIME_OK, .maxerror_us = 1234, .tick_us = 10000 };
	tick();
	keeper_status(k, &s);
	assert_int_equal(s.vmclock, VMCLOCK_PRESENT);
	assert_int_equal(s.sync, KEEPER_SYNC_CLAIMED);
	heard_count = 0;
	/* by less than would be seen */
	f.counter_offset += FAKE_KHZ;
	clock->marker++;
	tick();
	expect_followed();
	assert_true(llabs(amount_heard(EVENT_MIGRATED) + MS) < 1000);
	/* what was claimed before does not hold for the time that has been missed */
	assert_true(was_heard(EVENT_SYNC_CHANGED));
	assert_int_equal(heard_count, 2);
	assert_int_equal(epoch(), 1);
	assert_int_equal(heard[0].epoch, line().extra[VDSOTIME_EXTRA_EPOCH]);
	assert_int_equal(due_ns, defaults.fast_period_ns);
	tick();
	assert_int_equal(epoch(), 1);
	munmap(clock, sizeof(*clock));
}

static void test_snapshot_is_followed_and_told_by_its_name(void **state)
{
	struct fake_vmclock *clock = begin_with_vmclock();

	(void)state;
	settle();
	f.monotonic_ns += 2017e6;
	f.raw_ns += 2017e6;
	clock->marker++;
	clock->generation++;
	/* told once the clocks can be read, not lost */
	f.clock_error = -EIO;
	tick();
	f.clock_error = 0;
	assert_int_equal(heard_count, 0);
	tick();
	expect_followed();
	assert_int_equal(heard_count, 1);
	assert_true(llabs(amount_heard(EVENT_RESTORED) - 2017 * MS) < MS);
	assert_int_equal(epoch(), 1);
	munmap(clock, sizeof(*clock));
}

static void test_move_without_the_page_is_told_too(void **state)
{
	struct fake_vmclock *clock = begin_with_vmclock();
	struct keeper_options o = defaults;
	uint64_t before;

	(void)state;
	o.counter = KEEPER_COUNTER_OFF;
	keeper_configure(k, &o);
	tick();
	before = epoch();
	heard_count = 0;
	clock->marker++;
	tick();
	assert_int_equal(amount_heard(EVENT_MIGRATED), 0);
	assert_int_equal(epoch(), before + 1);
	munmap(clock, sizeof(*clock));
}

static void test_counter_that_ran_backwards_is_followed_and_told(void **state)
{
	(void)state;
	settle();
	f.counter_offset -= (uint64_t)FAKE_KHZ * 300;
	assert_false(page_is_on());
	tick();
	expect_followed();
	assert_true(was_heard(EVENT_COUNTER_BACKWARDS));
	assert_int_equal(epoch(), 1);
}

static void test_rate_change_is_followed_faster_without_an_epoch(void **state)
{
	(void)state;
	settle();
	f.factor = 1 + 20e-6;
	f.timex.frequency = 20 * 65536;
	tick();
	assert_int_equal(due_ns, defaults.fast_period_ns);
	assert_true(llabs(amount_heard(EVENT_RATE_CHANGED) - 20000) <= 1);
	/* a small one, as sync daemons make them all day, is no news */
	heard_count = 0;
	f.factor = 1 + 21e-6;
	f.timex.frequency = 21 * 65536;
	tick();
	assert_int_equal(heard_count, 0);
	settle();
	expect_followed();
	assert_int_equal(epoch(), 0);
}

static void test_clocksource_change_is_told_and_the_rate_found_anew(void **state)
{
	(void)state;
	settle();
	f.clocksource = "hpet";
	f.ns_per_tick *= 1 + 80e-6;
	tick();
	assert_true(was_heard(EVENT_CLOCKSOURCE_CHANGED));
	assert_int_equal(epoch(), 1);
	assert_int_equal(due_ns, defaults.fast_period_ns);
	expect_followed();
	settle();
	expect_followed();
	assert_int_equal(epoch(), 1);
}

/* The rate is fitted from before to after: nothing of that holds when the machine slept in
 * between. */
static void test_suspend_during_calibration_does_not_spoil_the_rate(void **state)
{
	struct keeper_status s;

	(void)state;
	f.clocksource = "hpet";
	tick();
	f.counter_offset += (uint64_t)FAKE_KHZ * 600;
	f.boottime_offset_ns += 600 * MS;
	f.realtime_offset_ns += 600 * MS;
	for (int i = 0; i < 20; i++)
		tick();
	keeper_status(k, &s);
	assert_true(llabs((int64_t)s.counter_hz - INT64_C(1000) * FAKE_KHZ) < 100000);
	expect_followed();
}

static void test_counter_that_the_kernel_no_longer_lists_is_left(void **state)
{
	struct keeper_status s;

	(void)state;
	settle();
	f.clocksource = "hpet";
	f.clocksources = "hpet acpi_pm";
	tick();
	assert_true(was_heard(EVENT_PAGE_OFF));
	assert_false(page_is_on());
	keeper_status(k, &s);
	assert_false(s.counter_usable);
	assert_string_equal(
		s.counter_reason, "the kernel does not list it as a usable clocksource");
	/* steps are told to those who wait for them, page or not */
	uint64_t before = epoch();
	f.realtime_offset_ns += SEC;
	tick();
	assert_int_equal(epoch(), before + 1);
	heard_count = 0;
	f.clocksource = "tsc";
	f.clocksources = "tsc hpet acpi_pm";
	tick();
	tick();
	assert_true(was_heard(EVENT_PAGE_ON));
	expect_followed();
}

static void test_counter_policy_is_obeyed_from_the_next_round(void **state)
{
	struct keeper_options o = defaults;

	(void)state;
	settle();
	o.counter = KEEPER_COUNTER_OFF;
	keeper_configure(k, &o);
	tick();
	assert_false(page_is_on());
	/* a rate is found, and proven */
	keeper_configure(k, &defaults);
	for (int i = 0; i < 3; i++)
		tick();
	expect_followed();
}

/* As far may its last readers have been from the kernel. */
static void test_page_that_goes_off_has_the_bound_of_its_last_line(void **state)
{
	struct keeper_options o = defaults;
	struct vdsotime_instant last;
	struct vdsotime_line before;

	(void)state;
	settle();
	before = line();
	fake_os_pass(&f, 100 * MS);
	vdsotime_line_instant(&before, f.x + f.counter_offset, &last);
	o.counter = KEEPER_COUNTER_OFF;
	keeper_configure(k, &o);
	keeper_tick(k);
	assert_false(page_is_on());
	assert_true(last.tracking_ns > before.extra[VDSOTIME_EXTRA_TRACKING]);
	assert_true(line().extra[VDSOTIME_EXTRA_TRACKING] >= last.tracking_ns);
}

/* Its readers ask the kernel, for whose answer no line has a bound. */
static void test_page_that_is_off_bounds_no_error(void **state)
{
	struct keeper_options o = defaults;

	(void)state;
	f.timex.status = STA_PLL;
	f.timex.state = TIME_OK;
	f.timex.maxerror_us = 1234;
	settle();
	assert_true(line().extra[VDSOTIME_EXTRA_ERROR] != VDSOTIME_NO_ERROR_BOUND);
	o.counter = KEEPER_COUNTER_OFF;
	keeper_configure(k, &o);
	keeper_tick(k);
	assert_true(line().meta & VDSOTIME_META_OFF);
	assert_true(line().extra[VDSOTIME_EXTRA_ERROR] == VDSOTIME_NO_ERROR_BOUND);
	/* nor does one that was never on */
	end(state);
	start(&o, -1);
	assert_true(line().meta & VDSOTIME_META_OFF);
	assert_true(line().extra[VDSOTIME_EXTRA_ERROR] == VDSOTIME_NO_ERROR_BOUND);
}

static void test_refused_timex_is_a_state_and_no_failure(void **state)
{
	struct keeper_status s;

	(void)state;
	f.timex_error = -EPERM;
	tick();
	keeper_status(k, &s);
	assert_int_equal(s.sync, KEEPER_SYNC_UNKNOWN);
	assert_true(s.error_ns == UINT64_MAX);
	assert_true(was_heard(EVENT_SYNC_CHANGED));
	assert_int_equal(
		VDSOTIME_FLAGS_QUALITY(line().extra[VDSOTIME_EXTRA_FLAGS]), VDSOTIME_QUALITY_NONE);
	expect_followed();
}

static void test_claim_is_on_the_page_with_its_growth(void **state)
{
	struct vdsotime_line l;

	(void)state;
	settle();
	assert_true(line().extra[VDSOTIME_EXTRA_ERROR] == VDSOTIME_NO_ERROR_BOUND);
	f.timex.status = STA_PLL;
	f.timex.state = TIME_OK;
	f.timex.maxerror_us = 1234;
	tick();
	l = line();
	assert_int_equal(
		VDSOTIME_FLAGS_QUALITY(l.extra[VDSOTIME_EXTRA_FLAGS]), VDSOTIME_QUALITY_CLAIMED);
	assert_true(l.extra[VDSOTIME_EXTRA_ERROR] >= 1234000 + l.extra[VDSOTIME_EXTRA_TRACKING]);
	/* 50 us a second, 32 fraction bits */
	assert_true(l.extra[VDSOTIME_EXTRA_ERROR_GROWTH] >=
		    l.extra[VDSOTIME_EXTRA_TRACKING_GROWTH] + 214748);
	assert_true(was_heard(EVENT_SYNC_CHANGED));
	/* whoever set the clock has claimed nothing yet */
	f.realtime_offset_ns += SEC;
	tick();
	assert_true(line().extra[VDSOTIME_EXTRA_ERROR] == VDSOTIME_NO_ERROR_BOUND);
}

static void report(uint64_t bound_ns)
{
	const struct chrony_report r = {
		.synchronised = bound_ns > 0,
		.bound_ns = bound_ns,
		.asked_at_ns = fake_os_clock(&f, CLOCK_BOOTTIME),
	};

	keeper_take_report(k, &r);
}

static void test_chronyds_report_is_on_the_page_and_told(void **state)
{
	struct keeper_status s;
	uint64_t before;

	(void)state;
	settle();
	before = epoch();
	report(4711);
	tick();
	assert_int_equal(VDSOTIME_FLAGS_QUALITY(line().extra[VDSOTIME_EXTRA_FLAGS]),
		VDSOTIME_QUALITY_CLAIMED);
	/* 100 ms at 50 ppm */
	assert_in_range(line().extra[VDSOTIME_EXTRA_ERROR] - line().extra[VDSOTIME_EXTRA_TRACKING],
		4711 + 5000, 4711 + 5100);
	keeper_status(k, &s);
	assert_true(s.sync_reported);
	assert_true(was_heard(EVENT_SYNC_CHANGED));
	/* a clock that was set is another clock */
	f.realtime_offset_ns += SEC;
	tick();
	assert_true(line().extra[VDSOTIME_EXTRA_ERROR] == VDSOTIME_NO_ERROR_BOUND);
	keeper_status(k, &s);
	assert_false(s.sync_reported);
	assert_int_equal(epoch(), before + 1);
	report(4711);
	tick();
	assert_true(line().extra[VDSOTIME_EXTRA_ERROR] != VDSOTIME_NO_ERROR_BOUND);
	/* nor does chronyd speak for ever; and who has spoken is news of its own */
	f.timex.status = STA_PLL;
	f.timex.state = TIME_OK;
	f.timex.maxerror_us = 1234;
	tick();
	heard_count = 0;
	keeper_take_report(k, NULL);
	tick();
	assert_int_equal(VDSOTIME_FLAGS_QUALITY(line().extra[VDSOTIME_EXTRA_FLAGS]),
		VDSOTIME_QUALITY_CLAIMED);
	assert_true(line().extra[VDSOTIME_EXTRA_ERROR] >= 1234000);
	assert_true(was_heard(EVENT_SYNC_CHANGED));
}

/* The kernel's own doing, at the first tick of the second. */
static void leap(int64_t by_ns)
{
	f.realtime_offset_ns += by_ns;
	f.tai_offset_s -= (int32_t)(by_ns / SEC);
	f.timex.state = by_ns < 0 ? TIME_OOP : TIME_WAIT;
}

static void expect_no_line_past(int64_t realtime_ns)
{
	struct vdsotime_line l = line();
	struct vdsotime_instant i;
	uint64_t window = UINT64_C(1) << (l.meta & VDSOTIME_META_WINDOW_MASK);

	if (!line_is_on(&l))
		return;
	vdsotime_line_instant(&l, l.word[VDSOTIME_WORD_COUNTER] + window - 1, &i);
	assert_true(i.realtime_ns < realtime_ns);
}

static void pass_leap(uint32_t status, int64_t odd_ns, int64_t by_ns)
{
	f.tai_offset_s = 37;
	f.timex.status = status;
	f.timex.state = status & STA_INS ? TIME_INS : TIME_DEL;
	f.timex.maxerror_us = 1500;
	f.realtime_offset_ns = odd_ns - 90 * SEC - (int64_t)f.monotonic_ns;
	settle();
	while (fake_os_clock(&f, CLOCK_REALTIME) < odd_ns - 2 * SEC)
		tick();
	assert_int_equal(VDSOTIME_FLAGS_QUALITY(line().extra[VDSOTIME_EXTRA_FLAGS]),
		VDSOTIME_QUALITY_UNQUANTIFIED);
	f.timex.maxerror_us = 900;
	heard_count = 0;
	while (fake_os_clock(&f, CLOCK_REALTIME) < odd_ns + 3 * MS) {
		tick();
		expect_no_line_past(odd_ns);
	}
	assert_false(page_is_on());
	uint64_t before = epoch();
	leap(by_ns);
	keeper_interrupt(k);
	expect_followed();
	assert_int_equal(amount_heard(EVENT_LEAP_SECOND), -by_ns / SEC);
	assert_false(was_heard(EVENT_CLOCK_SET));
	assert_false(was_heard(EVENT_TAI_CHANGED));
	assert_true(epoch() > before);
	/* the kernel's own step says nothing against its daemon's claim */
	assert_int_equal(VDSOTIME_FLAGS_QUALITY(line().extra[VDSOTIME_EXTRA_FLAGS]),
		VDSOTIME_QUALITY_CLAIMED);
}

static void test_no_line_reaches_an_inserted_second(void **state)
{
	(void)state;
	pass_leap(STA_INS, 20000 * DAY_NS, -SEC);
}

static void test_no_line_reaches_a_deleted_second(void **state)
{
	(void)state;
	pass_leap(STA_DEL, 20000 * DAY_NS - SEC, SEC);
}

static int64_t leap_in_sample_ns;

/* After REALTIME was looked at, and before TAI is. */
static void leap_in_the_midst(struct fake_os *fake, int32_t clock_id)
{
	if (clock_id == CLOCK_BOOTTIME) {
		leap(leap_in_sample_ns);
		fake->on_read = NULL;
	}
}

static void pass_leap_in_the_midst(uint32_t status, int64_t odd_ns, int64_t by_ns)
{
	f.tai_offset_s = 37;
	f.timex.status = status;
	f.timex.state = status & STA_INS ? TIME_INS : TIME_DEL;
	f.realtime_offset_ns = odd_ns + MS - (int64_t)f.monotonic_ns;
	keeper_interrupt(k);
	heard_count = 0;
	leap_in_sample_ns = by_ns;
	f.on_read = leap_in_the_midst;
	uint64_t before = epoch();
	keeper_interrupt(k);
	keeper_interrupt(k);
	assert_int_equal(amount_heard(EVENT_LEAP_SECOND), -by_ns / SEC);
	assert_false(was_heard(EVENT_CLOCK_SET));
	assert_false(was_heard(EVENT_TAI_CHANGED));
	assert_true(epoch() > before);
}

static void test_leap_in_the_midst_of_a_sample_keeps_its_name(void **state)
{
	(void)state;
	pass_leap_in_the_midst(STA_INS, 20000 * DAY_NS, -SEC);
	end(NULL);
	begin(NULL);
	pass_leap_in_the_midst(STA_DEL, 20000 * DAY_NS - SEC, SEC);
}

static void test_leap_is_announced_once(void **state)
{
	(void)state;
	settle();
	f.timex.status = STA_INS;
	f.timex.state = TIME_OK;
	tick();
	assert_int_equal(amount_heard(EVENT_LEAP_ANNOUNCED), 1);
	assert_int_equal(epoch(), 0);
	heard_count = 0;
	f.timex.state = TIME_INS;
	tick();
	/* and withdrawn */
	f.timex.status = STA_PLL;
	tick();
	assert_int_equal(heard_count, 0);
	f.timex.status = STA_DEL;
	tick();
	assert_int_equal(amount_heard(EVENT_LEAP_ANNOUNCED), -1);
}

/* Somebody's doing, whatever is announced. */
static void test_second_that_is_no_leap_is_a_set_clock(void **state)
{
	(void)state;
	settle();
	f.timex.status = STA_INS;
	f.timex.state = TIME_INS;
	tick();
	heard_count = 0;
	f.realtime_offset_ns -= SEC;
	tick();
	assert_int_equal(amount_heard(EVENT_CLOCK_SET), -SEC);
	f.tai_offset_s++;
	tick();
	assert_int_equal(amount_heard(EVENT_TAI_CHANGED), SEC);
	/* and the other way round from what is due */
	f.realtime_offset_ns += SEC;
	f.tai_offset_s--;
	tick();
	assert_false(was_heard(EVENT_LEAP_SECOND));
	assert_int_equal(epoch(), 3);
}

static int next_life(void)
{
	int fd = dup(keeper_page_store_fd(k));

	unmap_page();
	k = keeper_free(k);
	return fd;
}

static void test_next_life_goes_on_without_an_epoch(void **state)
{
	struct keeper_status s;
	uint64_t generation;

	(void)state;
	f.boottime_offset_ns = 86400 * SEC + 12345;
	tick();
	settle();
	generation = line().extra[VDSOTIME_EXTRA_GENERATION];
	uint64_t before = epoch();
	int fd = next_life();
	fake_os_pass(&f, 3e9);
	start(&defaults, fd);
	keeper_status(k, &s);
	assert_true(s.page_restored);
	assert_int_equal(line().extra[VDSOTIME_EXTRA_GENERATION], generation + 1);
	assert_int_equal(epoch(), before);
	expect_followed();
}

static void interrupt_always(struct fake_os *fake, int32_t clock_id)
{
	(void)clock_id;
	fake_os_pass(fake, fake->reads % 2 ? 3000 : 90000);
}

/* Lives so short, on a machine so busy, that the rate is never known well: that is no
 * disturbance. */
static void test_short_lives_on_a_busy_machine_are_not_taken_for_jumps(void **state)
{
	uint64_t before;

	(void)state;
	f.on_read = interrupt_always;
	end(NULL);
	start(&defaults, -1);
	before = epoch();
	for (int i = 0; i < 200; i++) {
		int fd;

		fake_os_pass(&f, (double)((i % 23) * 10 * MS));
		fd = next_life();
		fake_os_pass(&f, (double)((i % 17) * 3 * MS));
		start(&defaults, fd);
	}
	assert_int_equal(epoch(), before);
}

static void expect_next_life_to_bump(void (*disturb)(void))
{
	uint64_t before;
	int fd;

	end(NULL);
	begin(NULL);
	settle();
	before = epoch();
	fd = next_life();
	fake_os_pass(&f, 500e6);
	disturb();
	start(&defaults, fd);
	assert_int_equal(epoch(), before + 1);
	expect_followed();
}

static void set_clock(void)
{
	f.realtime_offset_ns += 17;
}

static void suspend(void)
{
	f.boottime_offset_ns += SEC;
}

static void change_tai(void)
{
	f.tai_offset_s++;
}

static void jump(void)
{
	f.raw_ns += 5e6;
	f.monotonic_ns += 5e6;
}

static void rewind_counter(void)
{
	f.counter_offset -= (uint64_t)FAKE_KHZ * 100000;
}

static void test_next_life_knows_what_happened_meanwhile(void **state)
{
	(void)state;
	expect_next_life_to_bump(set_clock);
	expect_next_life_to_bump(suspend);
	expect_next_life_to_bump(change_tai);
	expect_next_life_to_bump(jump);
	expect_next_life_to_bump(rewind_counter);
}

static void change_clocksource_once(struct fake_os *fake, int32_t clock_id)
{
	(void)clock_id;
	fake->clocksource = "hpet";
	fake->on_read = NULL;
}

/* The calibration has seen it: nobody else will. */
static void test_clocksource_that_changes_while_the_next_life_starts_is_told(void **state)
{
	uint32_t before = epoch();
	int fd = next_life();

	(void)state;
	f.on_read = change_clocksource_once;
	start(&defaults, fd);
	assert_int_equal(epoch(), before + 1);
	tick();
	assert_int_equal(epoch(), before + 1);
}

static void test_clock_that_cannot_be_read_publishes_nothing(void **state)
{
	uint64_t generation = line().extra[VDSOTIME_EXTRA_GENERATION];

	(void)state;
	f.clock_error = -EIO;
	tick();
	assert_int_equal(line().extra[VDSOTIME_EXTRA_GENERATION], generation);
	f.clock_error = 0;
	tick();
	assert_int_equal(line().extra[VDSOTIME_EXTRA_GENERATION], generation + 1);
}

static void test_clock_that_cannot_be_read_at_start_is_an_error(void **state)
{
	struct keeper *other = NULL;

	(void)state;
	f.clock_error = -EIO;
	assert_int_equal(keeper_new(&other, &defaults, &f.os, &vdso, -1), -EIO);
	assert_null(other);
}

static void test_machine_without_a_counter_has_a_page_that_says_so(void **state)
{
	struct keeper_status s;
	int64_t ns;
	uint64_t counter = 1;

	end(state);
	f.counter_kind = VDSOTIME_COUNTER_NONE;
	start(&defaults, -1);
	tick();
	assert_true(line().meta & VDSOTIME_META_OFF);
	keeper_status(k, &s);
	assert_false(s.page_on);
	assert_string_equal(s.counter_name, "none");
	assert_int_equal(keeper_read(k, CLOCK_REALTIME, &ns, &counter), 0);
	assert_int_equal(counter, 0);
	assert_true(llabs(ns - fake_os_clock(&f, CLOCK_REALTIME)) < 1000);
}

static void test_read_refuses_what_the_page_does_not_have(void **state)
{
	const int32_t ids[] = { -1, CLOCK_PROCESS_CPUTIME_ID, CLOCK_REALTIME_COARSE, 31, 32, 4711 };
	int64_t ns = 4711;

	(void)state;
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
		assert_int_equal(keeper_read(k, ids[i], &ns, NULL), -EINVAL);
	assert_int_equal(ns, 4711);
}

static void test_skew_between_cpus_is_in_the_bound(void **state)
{
	struct keeper_options o = defaults;
	uint64_t without = line().extra[VDSOTIME_EXTRA_TRACKING];

	end(state);
	fake_os_init(&f);
	f.warp.worst_ticks = 1000000;
	start(&defaults, -1);
	assert_false(page_is_on());
	end(state);
	o.counter = KEEPER_COUNTER_TRUST;
	start(&o, -1);
	assert_true(page_is_on());
	assert_true(line().extra[VDSOTIME_EXTRA_TRACKING] >= without / 2 + 385000);
}

/* A second of rounds, and what was begun in one of them is over in the next. */
static void pass_second(void)
{
	for (uint64_t passed = 0; passed <= (uint64_t)SEC; passed += due_ns)
		tick();
}

static void test_cpus_that_come_are_compared(void **state)
{
	struct keeper_status s;

	(void)state;
	settle();
	pass_second();
	assert_int_equal(f.warp_starts, 0);
	f.cpus_online = 2;
	f.warp = (struct os_warp){ .cpus = 2, .pinned = true };
	f.warp_polls = 3;
	while (f.warp_starts == 0)
		tick();
	/* nobody waits for it */
	uint64_t generation = line().extra[VDSOTIME_EXTRA_GENERATION];
	for (int i = 0; i < 4; i++)
		tick();
	assert_int_equal(line().extra[VDSOTIME_EXTRA_GENERATION], generation + 4);
	keeper_status(k, &s);
	assert_int_equal(s.warp_cpus, 2);
	assert_true(s.warp_pinned);
	assert_true(page_is_on());
	pass_second();
	assert_int_equal(f.warp_starts, 1);
	assert_int_equal(heard_count, 0);
	assert_int_equal(epoch(), 0);
}

static unsigned int looks;

static int count_look(void *ctx, uint32_t *ret)
{
	(void)ctx;
	looks++;
	*ret = 1;
	return 0;
}

/* It is a file that is read, and rounds may be short. */
static void test_cpus_are_looked_at_once_a_second(void **state)
{
	(void)state;
	settle();
	f.os.cpu_online_count = count_look;
	looks = 0;
	for (int64_t end_ns = fake_os_clock(&f, CLOCK_MONOTONIC) + 20 * SEC;
		fake_os_clock(&f, CLOCK_MONOTONIC) < end_ns;)
		tick();
	/* the round after a second is over is a tenth late at most */
	assert_in_range(looks, 18, 20);
}

static void test_cpu_that_comes_out_of_step_ends_the_page(void **state)
{
	struct keeper_status s;

	(void)state;
	settle();
	f.cpus_online = 2;
	f.warp = (struct os_warp){ .worst_ticks = FAKE_KHZ, .cpus = 2, .pinned = true };
	pass_second();
	tick();
	assert_false(page_is_on());
	assert_true(llabs(amount_heard(EVENT_CPUS_OUT_OF_STEP) - MS) < 1000);
	assert_true(was_heard(EVENT_PAGE_OFF));
	assert_int_equal(epoch(), 1);
	/* it is not forgotten when they go again */
	f.cpus_online = 1;
	f.warp = (struct os_warp){ .cpus = 1, .pinned = true };
	heard_count = 0;
	pass_second();
	pass_second();
	assert_int_equal(f.warp_starts, 2);
	keeper_status(k, &s);
	assert_int_equal(s.warp_ticks, FAKE_KHZ);
	assert_false(s.counter_usable);
	assert_int_equal(heard_count, 0);
}

static void test_trusted_cpu_that_comes_out_of_step_widens_the_bound(void **state)
{
	struct keeper_options o = defaults;

	(void)state;
	o.counter = KEEPER_COUNTER_TRUST;
	keeper_configure(k, &o);
	settle();
	uint64_t before = epoch(), bound = line().extra[VDSOTIME_EXTRA_TRACKING];
	heard_count = 0;
	f.cpus_online = 2;
	f.warp = (struct os_warp){ .worst_ticks = FAKE_KHZ, .cpus = 2, .pinned = true };
	pass_second();
	tick();
	assert_true(page_is_on());
	assert_true(was_heard(EVENT_CPUS_OUT_OF_STEP));
	assert_int_equal(epoch(), before + 1);
	assert_true(line().extra[VDSOTIME_EXTRA_TRACKING] >= bound / 2 + MS);
}

static void test_cpus_that_cannot_be_compared_are_told(void **state)
{
	struct keeper_status s;

	end(state);
	f.cpus_online = 2;
	f.warp.cpus = 2;
	start(&defaults, -1);
	settle();
	f.cpus_online = 4;
	f.warp_error = -EAGAIN;
	pass_second();
	keeper_status(k, &s);
	assert_string_equal(
		s.counter_reason, "it is the kernel's clocksource; CPUs were not compared");
	assert_true(page_is_on());
	assert_int_equal(heard_count, 0);
}

/* The counter of this test is not the CPU's, so keeper_read() finds the page expired. */
static void test_stamp_of_a_late_daemon_does_not_go_back_behind_its_page(void **state)
{
	struct vdsotime_line l;
	int64_t end_ns, ns;

	(void)state;
	settle();
	l = line();
	end_ns = (int64_t)(l.word[VDSOTIME_WORD_MONOTONIC] + line_window_ns(&l));
	/* the kernel was slowed down right after the page was written, and the daemon was late */
	f.factor = 0.95;
	fake_os_pass(&f, (double)line_window_ns(&l) + 1000);
	assert_true(fake_os_clock(&f, CLOCK_MONOTONIC) < end_ns - 5 * MS);
	assert_int_equal(keeper_read(k, CLOCK_MONOTONIC, &ns, NULL), 0);
	assert_true(llabs(ns - end_ns) <= 1);
	fake_os_pass(&f, 100e6);
	assert_int_equal(keeper_read(k, CLOCK_MONOTONIC, &ns, NULL), 0);
	assert_true(llabs(ns - fake_os_clock(&f, CLOCK_MONOTONIC)) < 1000);
}

/* The host's own clocks and counter, as the daemon has them. */
static void test_real_clocks_are_followed(void **state)
{
	struct os host;
	struct vdsotime_vdso real;
	struct os_counter info;
	int64_t page_ns, kernel_ns;

	end(state);
	(void)vdsotime_vdso_resolve(NULL, &real);
	os_host_init(&host, &real);
	host.counter_info(host.ctx, &info);
	if (info.kind == VDSOTIME_COUNTER_NONE)
		skip();
	struct keeper_options o = defaults;
	o.counter = KEEPER_COUNTER_TRUST;
	assert_int_equal(keeper_new(&k, &o, &host, &real, -1), 0);
	map_page();
	for (int i = 0; i < 20; i++) {
		int64_t before;
		struct keeper_status s;

		host.sleep_ns(host.ctx, keeper_tick(k));
		keeper_status(k, &s);
		assert_int_equal(keeper_read_kernel(k, CLOCK_REALTIME, &before), 0);
		assert_int_equal(keeper_read(k, CLOCK_REALTIME, &page_ns, NULL), 0);
		assert_int_equal(keeper_read_kernel(k, CLOCK_REALTIME, &kernel_ns), 0);
		assert_true(page_ns >= before - (int64_t)s.tracking_ns - MS);
		assert_true(page_ns <= kernel_ns + (int64_t)s.tracking_ns + MS);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_page_is_on_from_the_first_moment),
		TEST(test_quiet_page_is_renewed_with_no_event),
		TEST(test_way_down_from_a_lead_is_not_held_against_the_page),
		TEST(test_set_clock_is_followed_and_told),
		TEST(test_tai_change_is_followed_and_told),
		TEST(test_suspend_is_followed_and_told_by_its_name),
		TEST(test_jump_is_followed_and_told),
		TEST(test_rate_beyond_max_slew_is_a_jump_for_as_long_as_it_lasts),
		TEST(test_move_to_another_host_is_followed_and_told),
		TEST(test_snapshot_is_followed_and_told_by_its_name),
		TEST(test_move_without_the_page_is_told_too),
		TEST(test_counter_that_ran_backwards_is_followed_and_told),
		TEST(test_rate_change_is_followed_faster_without_an_epoch),
		TEST(test_clocksource_change_is_told_and_the_rate_found_anew),
		TEST(test_suspend_during_calibration_does_not_spoil_the_rate),
		TEST(test_counter_that_the_kernel_no_longer_lists_is_left),
		TEST(test_counter_policy_is_obeyed_from_the_next_round),
		TEST(test_page_that_goes_off_has_the_bound_of_its_last_line),
		TEST(test_page_that_is_off_bounds_no_error),
		TEST(test_refused_timex_is_a_state_and_no_failure),
		TEST(test_claim_is_on_the_page_with_its_growth),
		TEST(test_chronyds_report_is_on_the_page_and_told),
		TEST(test_no_line_reaches_an_inserted_second),
		TEST(test_no_line_reaches_a_deleted_second),
		TEST(test_leap_in_the_midst_of_a_sample_keeps_its_name),
		TEST(test_leap_is_announced_once),
		TEST(test_second_that_is_no_leap_is_a_set_clock),
		TEST(test_next_life_goes_on_without_an_epoch),
		TEST(test_short_lives_on_a_busy_machine_are_not_taken_for_jumps),
		TEST(test_next_life_knows_what_happened_meanwhile),
		TEST(test_clocksource_that_changes_while_the_next_life_starts_is_told),
		TEST(test_clock_that_cannot_be_read_publishes_nothing),
		TEST(test_clock_that_cannot_be_read_at_start_is_an_error),
		TEST(test_machine_without_a_counter_has_a_page_that_says_so),
		TEST(test_read_refuses_what_the_page_does_not_have),
		TEST(test_skew_between_cpus_is_in_the_bound),
		TEST(test_cpus_that_come_are_compared),
		TEST(test_cpus_are_looked_at_once_a_second),
		TEST(test_cpu_that_comes_out_of_step_ends_the_page),
		TEST(test_trusted_cpu_that_comes_out_of_step_widens_the_bound),
		TEST(test_cpus_that_cannot_be_compared_are_told),
		TEST(test_stamp_of_a_late_daemon_does_not_go_back_behind_its_page),
		TEST(test_real_clocks_are_followed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

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

#include "tests/unit/keeper-world.h"

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
		keeper_tick(k);
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
	keeper_tick(k);
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

/* From one end of what it may be to the other. */
static void test_rate_within_max_slew_is_no_jump_from_either_side(void **state)
{
	const double factors[] = { 0.905, 1.095 };

	(void)state;
	for (int i = 0; i < 4; i++) {
		f.factor = factors[i % 2];
		f.timex.tick_us = (int64_t)(10000 * f.factor + 0.5);
		for (int n = 0; n < 20; n++)
			tick();
		settle();
	}
	assert_true(was_heard(EVENT_RATE_CHANGED));
	assert_false(was_heard(EVENT_JUMPED));
	assert_int_equal(epoch(), 0);
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

/*
 * The rate is fitted from before to after: nothing of that holds when the machine slept in
 * between.
 */
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

/* A guest whose clocks stand still in a pause, while its counter goes on. */
static void begin_on_kvm_clock(void)
{
	end(NULL);
	fake_os_init(&f);
	f.counter_kind = VDSOTIME_COUNTER_TSC;
	f.clocksource = "kvm-clock";
	f.clocksources = "kvm-clock tsc acpi_pm";
	f.timex = (struct os_timex){ .state = TIME_OK, .maxerror_us = 1234, .tick_us = 10000 };
	start(&defaults, -1);
}

static void expect_claimed(bool claimed)
{
	assert_true((line().extra[VDSOTIME_EXTRA_ERROR] != VDSOTIME_NO_ERROR_BOUND) == claimed);
	assert_int_equal(VDSOTIME_FLAGS_QUALITY(line().extra[VDSOTIME_EXTRA_FLAGS]),
		claimed ? VDSOTIME_QUALITY_CLAIMED : VDSOTIME_QUALITY_UNQUANTIFIED);
}

static void test_counter_that_parts_from_the_clocks_ends_the_claim(void **state)
{
	(void)state;
	for (int backwards = 0; backwards < 2; backwards++) {
		begin_on_kvm_clock();
		settle();
		expect_claimed(true);
		f.counter_offset += (uint64_t)((backwards ? -100000 : 10000) * FAKE_KHZ);
		for (int i = 0; i < 500; i++) {
			tick();
			expect_claimed(false);
		}
		assert_true(was_heard(backwards ? EVENT_COUNTER_BACKWARDS : EVENT_JUMPED));
		assert_true(was_heard(EVENT_SYNC_CHANGED));
		f.timex.maxerror_us = 999;
		tick();
		expect_claimed(true);
	}
}

/* Where the counter is not the kernel's clocksource, nothing else tells that it runs faster now. */
static void expect_bound_kept(void)
{
	struct vdsotime_line l = line();
	struct vdsotime_instant i;

	if (!page_is_on())
		return;
	vdsotime_line_instant(&l, f.x + f.counter_offset, &i);
	assert_true((uint64_t)llabs(i.monotonic_ns - fake_os_clock(&f, CLOCK_MONOTONIC)) <=
		    i.tracking_ns);
}

static void test_rate_of_another_host_is_not_taken_for_that_of_this(void **state)
{
	(void)state;
	for (int told = 0; told < 2; told++) {
		struct fake_vmclock *clock;

		begin_on_kvm_clock();
		clock = begin_with_vmclock();
		settle();
		f.ns_per_tick *= 2.6 / 2.1;
		clock->marker += (uint64_t)told;
		/* what is on the page already does not know; the next line must */
		tick();
		for (int i = 0; i < 50; i++) {
			expect_bound_kept();
			fake_os_pass(&f, 0.9 * (double)due_ns);
			expect_bound_kept();
			tick();
		}
		assert_true(page_is_on());
		munmap(clock, sizeof(*clock));
	}
}

static int32_t held_up_at;
static double hold_up_ns;

/* Once, before that clock is read. */
static void hold_up(struct fake_os *fake, int32_t clock_id)
{
	if (clock_id != held_up_at || hold_up_ns == 0)
		return;
	fake_os_pass(fake, hold_up_ns);
	hold_up_ns = 0;
}

static void test_hold_up_within_a_sample_moves_no_clock(void **state)
{
	const int32_t clocks[] = { CLOCK_MONOTONIC_RAW, CLOCK_REALTIME, CLOCK_TAI, CLOCK_BOOTTIME };

	(void)state;
	f.tai_offset_s = 37;
	tick();
	settle();
	heard_count = 0;
	f.on_read = hold_up;
	for (size_t i = 0; i < sizeof(clocks) / sizeof(clocks[0]); i++)
		for (double ns = 50e6; ns < 10e9; ns *= 5) {
			held_up_at = clocks[i];
			hold_up_ns = ns;
			tick();
			assert_true(hold_up_ns == 0);
			expect_followed();
			assert_false(was_heard(EVENT_TAI_CHANGED));
			settle();
		}
	f.on_read = NULL;
}

/* Readers may have been kept ahead of the kernel while it was off. */
static void test_page_that_is_on_again_is_another_epoch(void **state)
{
	uint32_t off;

	(void)state;
	begin_on_kvm_clock();
	settle();
	f.counter_offset += 10 * FAKE_KHZ;
	tick();
	off = epoch();
	assert_false(page_is_on());
	tick();
	assert_true(page_is_on());
	assert_int_equal(epoch(), off + 1);
}

static void test_tai_beyond_what_the_page_can_tell_ends_it(void **state)
{
	(void)state;
	settle();
	f.tai_offset_s = INT16_MAX + 1;
	tick();
	assert_false(page_is_on());
	assert_false(line().extra[VDSOTIME_EXTRA_FLAGS] & VDSOTIME_FLAGS_TAI_KNOWN);
	f.tai_offset_s = INT16_MAX;
	tick();
	expect_followed();
}

static void test_rate_is_proven_at_any_fast_period(void **state)
{
	struct keeper_options o = defaults;

	(void)state;
	for (uint64_t ms = 1; ms <= 10; ms++) {
		int rounds = 0;

		o.fast_period_ns = ms * (uint64_t)MS;
		o.counter = KEEPER_COUNTER_OFF;
		keeper_configure(k, &o);
		tick();
		tick();
		o.counter = KEEPER_COUNTER_AUTO;
		keeper_configure(k, &o);
		while (!page_is_on() && rounds++ < 20)
			tick();
		assert_true(page_is_on());
	}
}

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
		TEST(test_rate_within_max_slew_is_no_jump_from_either_side),
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
		TEST(test_clock_that_cannot_be_read_publishes_nothing),
		TEST(test_clock_that_cannot_be_read_at_start_is_an_error),
		TEST(test_machine_without_a_counter_has_a_page_that_says_so),
		TEST(test_read_refuses_what_the_page_does_not_have),
		TEST(test_stamp_of_a_late_daemon_does_not_go_back_behind_its_page),
		TEST(test_real_clocks_are_followed),
		TEST(test_counter_that_parts_from_the_clocks_ends_the_claim),
		TEST(test_rate_of_another_host_is_not_taken_for_that_of_this),
		TEST(test_hold_up_within_a_sample_moves_no_clock),
		TEST(test_page_that_is_on_again_is_another_epoch),
		TEST(test_tai_beyond_what_the_page_can_tell_ends_it),
		TEST(test_rate_is_proven_at_any_fast_period),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

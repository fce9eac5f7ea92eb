/* SPDX-License-Identifier: MIT */
/* The sampler: brackets, and offsets that are exact where they can be. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "daemon/sampler.h"

#include "tests/unit/fake-os.h"

static struct fake_os f;
static struct sampler s;

static int begin(void **state)
{
	(void)state;
	fake_os_init(&f);
	sampler_init(&s, &f.os, true);
	return 0;
}

static struct sample take(void)
{
	struct sample sample;

	assert_int_equal(sampler_take(&s, &sample), 0);
	fake_os_pass(&f, 1e8 + 12345);
	return sample;
}

static void test_clock_lies_within_half_a_bracket(void **state)
{
	double monotonic = f.monotonic_ns - (double)f.x * f.ns_per_tick;
	double raw = f.raw_ns - (double)f.x * f.ns_per_tick;

	(void)state;
	for (int i = 0; i < 50; i++) {
		struct sample p = take();
		double half = (double)p.monotonic.bracket_ticks / 2 * f.ns_per_tick + 1;

		assert_true((double)llabs(p.monotonic.ns -
					  (int64_t)(monotonic + (double)p.monotonic.counter_ticks *
									f.ns_per_tick)) <= half);
		assert_true(
			(double)llabs(p.raw.ns - (int64_t)(raw + (double)p.raw.counter_ticks *
									 f.ns_per_tick)) <= half);
	}
}

static void interrupt_often(struct fake_os *fake, int32_t clock_id)
{
	(void)clock_id;
	if (fake->reads % 5 != 3)
		fake_os_pass(fake, 20000);
}

static void test_narrowest_of_several_brackets_is_kept(void **state)
{
	uint64_t quiet = take().monotonic.bracket_ticks;

	(void)state;
	f.on_read = interrupt_often;
	for (int i = 0; i < 10; i++)
		assert_int_equal(take().monotonic.bracket_ticks, quiet);
}

static uint64_t backwards_from;

static void counter_goes_back(struct fake_os *fake, int32_t clock_id)
{
	(void)clock_id;
	if (fake->reads == backwards_from)
		fake->counter_offset -= 5000000;
}

static void test_bracket_in_which_the_counter_ran_backwards_loses(void **state)
{
	(void)state;
	for (backwards_from = f.reads + 1; backwards_from < 6; backwards_from++) {
		begin(NULL);
		f.on_read = counter_goes_back;
		assert_true(take().monotonic.bracket_ticks < 1000);
	}
}

static void test_coarse_clocks_give_the_realtime_offset_exactly(void **state)
{
	(void)state;
	for (int i = 0; i < 200; i++) {
		struct sample p = take();

		assert_int_equal(p.realtime_offset_ns, f.realtime_offset_ns);
		assert_int_equal(p.offset_slack_ns, 0);
		f.realtime_offset_ns += i % 2 ? 1 : -7;
	}
}

/* A tick between the two coarse reads. */
static void tick_in_between(struct fake_os *fake, int32_t clock_id)
{
	if (clock_id == CLOCK_MONOTONIC_COARSE && fake->reads % 2)
		fake_os_pass(fake, 4e6);
}

static void test_tick_between_coarse_clocks_is_no_step(void **state)
{
	(void)state;
	f.on_read = tick_in_between;
	for (int i = 0; i < 50; i++)
		assert_int_equal(take().realtime_offset_ns, f.realtime_offset_ns);
}

static void test_offset_without_coarse_clocks_does_not_flicker(void **state)
{
	int64_t first;

	(void)state;
	f.coarse_tick_ns = 0;
	first = take().realtime_offset_ns;
	assert_true(llabs(first - f.realtime_offset_ns) < 40);
	for (int i = 0; i < 200; i++) {
		struct sample p = take();

		assert_int_equal(p.realtime_offset_ns, first);
		assert_true((uint64_t)llabs(first - f.realtime_offset_ns) <= p.offset_slack_ns);
	}
}

static void test_step_without_coarse_clocks_is_seen_at_once(void **state)
{
	const int64_t steps[] = { 1000, -1000, 1000000, -INT64_C(3600000000000) };

	(void)state;
	f.coarse_tick_ns = 0;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		struct sample before = take(), after;

		f.realtime_offset_ns += steps[i];
		after = take();
		assert_int_not_equal(after.realtime_offset_ns, before.realtime_offset_ns);
		assert_true((uint64_t)llabs(after.realtime_offset_ns - f.realtime_offset_ns) <=
			    after.offset_slack_ns);
	}
}

/* Coarse clocks that tick at every try: what is known stays. */
static void tick_always(struct fake_os *fake, int32_t clock_id)
{
	if (clock_id == CLOCK_MONOTONIC_COARSE)
		fake_os_pass(fake, 5e6);
}

static void test_exact_offset_survives_a_sample_without(void **state)
{
	(void)state;
	take();
	f.on_read = tick_always;
	assert_int_equal(take().realtime_offset_ns, f.realtime_offset_ns);
}

static void test_boottime_of_a_machine_never_suspended_is_exact(void **state)
{
	(void)state;
	for (int i = 0; i < 50; i++) {
		struct sample p = take();

		assert_int_equal(p.boottime_offset_ns, 0);
		assert_int_equal(p.offset_slack_ns, 0);
	}
}

static void test_suspend_is_seen_and_then_kept(void **state)
{
	int64_t offset;

	(void)state;
	take();
	f.boottime_offset_ns = 2648000123;
	offset = take().boottime_offset_ns;
	assert_true(llabs(offset - f.boottime_offset_ns) < 40);
	for (int i = 0; i < 50; i++) {
		struct sample p = take();

		assert_int_equal(p.boottime_offset_ns, offset);
		assert_true((uint64_t)llabs(offset - f.boottime_offset_ns) <= p.offset_slack_ns);
	}
}

static void test_assumed_offsets_are_kept_while_they_agree(void **state)
{
	(void)state;
	f.boottime_offset_ns = 7000000000;
	f.coarse_tick_ns = 0;
	sampler_assume(&s, f.realtime_offset_ns + 5, f.boottime_offset_ns - 5);
	assert_int_equal(take().realtime_offset_ns, f.realtime_offset_ns + 5);
	assert_int_equal(take().boottime_offset_ns, f.boottime_offset_ns - 5);
	sampler_assume(&s, f.realtime_offset_ns + 5000, 0);
	assert_true(llabs(take().realtime_offset_ns - f.realtime_offset_ns) < 40);
	assert_true(llabs(take().boottime_offset_ns - f.boottime_offset_ns) < 40);
}

static void test_tai_offset_is_whole_seconds(void **state)
{
	const int32_t offsets[] = { 0, 37, 38, -1, 400 };

	(void)state;
	for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
		f.tai_offset_s = offsets[i];
		assert_int_equal(take().tai_offset_s, offsets[i]);
	}
}

static void test_refused_timex_is_no_failure(void **state)
{
	struct sample p;

	(void)state;
	f.timex_error = -EPERM;
	p = take();
	assert_int_equal(p.timex_error, -EPERM);
	assert_int_equal(p.realtime_offset_ns, f.realtime_offset_ns);
}

static void test_clock_that_fails_is(void **state)
{
	struct sample p = { .tai_offset_s = 4711 };

	(void)state;
	f.clock_error = -EINVAL;
	assert_int_equal(sampler_take(&s, &p), -EINVAL);
	assert_int_equal(p.tai_offset_s, 4711);
}

static uint64_t no_counter(void *ctx)
{
	(void)ctx;
	fail_msg("the counter was read");
	return 0;
}

static void test_counter_that_is_not_there_is_not_read(void **state)
{
	struct sample p;

	(void)state;
	f.os.counter_read = no_counter;
	sampler_init(&s, &f.os, false);
	p = take();
	assert_int_equal(p.monotonic.counter_ticks, 0);
	assert_int_equal(p.realtime_offset_ns, f.realtime_offset_ns);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_clock_lies_within_half_a_bracket, begin),
		cmocka_unit_test_setup(test_narrowest_of_several_brackets_is_kept, begin),
		cmocka_unit_test_setup(
			test_bracket_in_which_the_counter_ran_backwards_loses, begin),
		cmocka_unit_test_setup(test_coarse_clocks_give_the_realtime_offset_exactly, begin),
		cmocka_unit_test_setup(test_tick_between_coarse_clocks_is_no_step, begin),
		cmocka_unit_test_setup(test_offset_without_coarse_clocks_does_not_flicker, begin),
		cmocka_unit_test_setup(test_step_without_coarse_clocks_is_seen_at_once, begin),
		cmocka_unit_test_setup(test_exact_offset_survives_a_sample_without, begin),
		cmocka_unit_test_setup(test_boottime_of_a_machine_never_suspended_is_exact, begin),
		cmocka_unit_test_setup(test_suspend_is_seen_and_then_kept, begin),
		cmocka_unit_test_setup(test_assumed_offsets_are_kept_while_they_agree, begin),
		cmocka_unit_test_setup(test_tai_offset_is_whole_seconds, begin),
		cmocka_unit_test_setup(test_refused_timex_is_no_failure, begin),
		cmocka_unit_test_setup(test_clock_that_fails_is, begin),
		cmocka_unit_test_setup(test_counter_that_is_not_there_is_not_read, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

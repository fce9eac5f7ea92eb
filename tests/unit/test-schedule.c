/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "daemon/schedule.h"

static void test_tick_is_due_at_each_multiple_and_not_before(void **state)
{
	struct schedule s;
	uint64_t skipped = 99;

	(void)state;
	schedule_start(&s, 1000, 100);
	assert_int_equal(schedule_wait_ns(&s, 1000), 100);
	assert_false(schedule_take(&s, 1099, &skipped));
	assert_int_equal(skipped, 99);
	assert_int_equal(schedule_wait_ns(&s, 1099), 1);
	assert_true(schedule_take(&s, 1100, &skipped));
	assert_int_equal(skipped, 0);
	assert_false(schedule_take(&s, 1100, &skipped));
	assert_int_equal(schedule_wait_ns(&s, 1130), 70);
	assert_true(schedule_take(&s, 1299, &skipped));
	assert_int_equal(schedule_wait_ns(&s, 1299), 1);
}

static void test_late_ticks_are_made_up_one_at_a_time(void **state)
{
	struct schedule s;
	uint64_t skipped;

	(void)state;
	schedule_start(&s, 0, 100);
	for (int i = 0; i < SCHEDULE_LATE_MAX; i++) {
		assert_int_equal(schedule_wait_ns(&s, 1650), 0);
		assert_true(schedule_take(&s, 1650, &skipped));
		assert_int_equal(skipped, 0);
	}
	assert_false(schedule_take(&s, 1650, &skipped));
	assert_int_equal(schedule_wait_ns(&s, 1650), 50);
}

static void test_too_many_late_ticks_are_given_up(void **state)
{
	struct schedule s;
	uint64_t skipped;
	uint64_t taken = 0;
	uint64_t given_up = 0;

	(void)state;
	schedule_start(&s, 0, 100);
	for (; schedule_take(&s, 100000, &skipped); taken++)
		given_up += skipped;
	assert_int_equal(taken, SCHEDULE_LATE_MAX);
	assert_int_equal(given_up, 1000 - SCHEDULE_LATE_MAX);
}

static void test_clock_that_jumps_costs_no_more_than_an_interval(void **state)
{
	struct schedule s;
	uint64_t skipped;

	(void)state;
	schedule_start(&s, 5000, 100);
	assert_false(schedule_take(&s, INT64_MIN, &skipped));
	assert_int_equal(schedule_wait_ns(&s, INT64_MIN), 100);
	assert_true(schedule_take(&s, INT64_MAX, &skipped));
	assert_in_range(skipped, UINT64_C(92233720368547000), UINT64_C(92233720368547758));
	assert_int_equal(schedule_wait_ns(&s, 0), 100);
}

/* Whatever the loop does, each tick that came due is taken or given up, once. */
static void test_random_lateness_comes_out_even(void **state)
{
	unsigned int seed = 4711;
	struct schedule s;
	int64_t now_ns = 0;
	uint64_t counted = 0;
	uint64_t skipped;

	(void)state;
	print_message("seed %u\n", seed);
	schedule_start(&s, now_ns, 1000);
	for (int i = 0; i < 100000; i++) {
		now_ns += (int64_t)schedule_wait_ns(&s, now_ns);
		now_ns += rand_r(&seed) % 50 == 0 ? rand_r(&seed) % 40000 : rand_r(&seed) % 500;
		if (schedule_take(&s, now_ns, &skipped))
			counted += skipped + 1;
	}
	while (schedule_take(&s, now_ns, &skipped))
		counted += skipped + 1;
	assert_int_equal(counted, now_ns / 1000);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tick_is_due_at_each_multiple_and_not_before),
		cmocka_unit_test(test_late_ticks_are_made_up_one_at_a_time),
		cmocka_unit_test(test_too_many_late_ticks_are_given_up),
		cmocka_unit_test(test_clock_that_jumps_costs_no_more_than_an_interval),
		cmocka_unit_test(test_random_lateness_comes_out_even),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

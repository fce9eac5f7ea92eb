/* SPDX-License-Identifier: MIT */
/* A line as the writer's side sees it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/line.h"

static struct vdsotime_line line_of(uint32_t meta, uint64_t counter)
{
	struct vdsotime_line line = {
		.meta = meta, .word = { counter, UINT64_C(0x80000000) }, /* half a ns a tick */
	};

	line.extra[VDSOTIME_EXTRA_GENERATION] = 1;
	return line;
}

static void test_window_ends_before_its_last_tick(void **state)
{
	struct vdsotime_line line = line_of(10, 5000);

	(void)state;
	assert_true(line_covers(&line, 5000));
	assert_true(line_covers(&line, 5000 + 1023));
	assert_false(line_covers(&line, 5000 + 1024));
	/* a counter that ran backwards */
	assert_false(line_covers(&line, 4999));
	assert_int_equal(line_window_ns(&line), 512);
}

static void test_counter_may_wrap_within_a_window(void **state)
{
	struct vdsotime_line line = line_of(10, UINT64_MAX - 5);

	(void)state;
	assert_true(line_covers(&line, 3));
	assert_false(line_covers(&line, 1023));
}

static void test_line_never_published_or_off_covers_nothing(void **state)
{
	struct vdsotime_line line = line_of(10, 5000);

	(void)state;
	line.extra[VDSOTIME_EXTRA_GENERATION] = 0;
	assert_false(line_is_on(&line));
	assert_false(line_covers(&line, 5000));
	line = line_of(10 | VDSOTIME_META_OFF, 5000);
	assert_false(line_is_on(&line));
	assert_false(line_covers(&line, 5000));
	line = line_of(10 | 37u << VDSOTIME_META_TAI_SHIFT, 5000);
	assert_true(line_is_on(&line));
}

static void test_window_lasts_as_long_as_asked_and_less_than_twice(void **state)
{
	const double rates[] = { 0.2, 0.38519, 1, 41.666666, 100, 1000 };

	(void)state;
	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		for (uint64_t ns = 20000; ns < 2000000000; ns = ns * 3 / 2) {
			uint32_t log2 = line_window_log2(ns, rates[i]);
			double lasts = (double)(UINT64_C(1) << log2) * rates[i];

			assert_true(lasts >= (double)ns);
			assert_true(lasts < 2.0001 * (double)ns);
			lasts = (double)(UINT64_C(1) << line_window_log2_within(ns, rates[i])) *
				rates[i];
			assert_true(lasts <= (double)ns);
			assert_true(lasts > (double)ns / 2.0001);
		}
	}
}

static void test_no_window_is_longer_than_a_page_may_have(void **state)
{
	(void)state;
	for (double rate = 0.1; rate < 1000; rate *= 1.1) {
		double lasts = (double)(UINT64_C(1) << line_window_log2(UINT64_MAX, rate)) * rate;

		assert_true(lasts <= (double)LINE_WINDOW_MAX_NS);
		assert_true(lasts > (double)LINE_WINDOW_MAX_NS / 2.0001);
	}
}

static void test_window_of_next_to_nothing_is_one_tick(void **state)
{
	(void)state;
	assert_int_equal(line_window_log2_within(0, 0.4), 0);
	assert_int_equal(line_window_log2_within(5, 40), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_window_ends_before_its_last_tick),
		cmocka_unit_test(test_counter_may_wrap_within_a_window),
		cmocka_unit_test(test_line_never_published_or_off_covers_nothing),
		cmocka_unit_test(test_window_lasts_as_long_as_asked_and_less_than_twice),
		cmocka_unit_test(test_no_window_is_longer_than_a_page_may_have),
		cmocka_unit_test(test_window_of_next_to_nothing_is_one_tick),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

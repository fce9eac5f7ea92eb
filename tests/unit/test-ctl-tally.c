/* SPDX-License-Identifier: MIT */
/*
 * What the measuring verbs stand on: tallies, brackets and the relay that looks for time going
 * back.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client/ctl/bracket.h"
#include "client/ctl/relay.h"
#include "client/ctl/tally.h"

static void test_a_tally_tells_its_ranks(void **state)
{
	struct tally_summary s;
	struct tally t;

	(void)state;
	assert_int_equal(tally_init(&t, 200), 0);
	for (int64_t i = 200; i > 0; i--)
		tally_add(&t, i);
	assert_int_equal(tally_summarise(&t, &s), 0);
	assert_int_equal(s.minimum, 1);
	assert_int_equal(s.median, 100);
	assert_int_equal(s.p99, 198);
	assert_int_equal(s.p999, 200);
	assert_int_equal(s.maximum, 200);
	tally_deinit(&t);
	tally_deinit(&t);
}

/* 99 % of ten are not nine. */
static void test_a_rank_between_two_numbers_is_the_upper(void **state)
{
	struct tally_summary s;
	struct tally t;

	(void)state;
	assert_int_equal(tally_init(&t, 10), 0);
	for (int64_t i = 1; i <= 10; i++)
		tally_add(&t, i);
	assert_int_equal(tally_summarise(&t, &s), 0);
	assert_int_equal(s.median, 5);
	assert_int_equal(s.p99, 10);
	tally_deinit(&t);
}

static void test_a_tally_of_one_is_that_one(void **state)
{
	struct tally_summary s;
	struct tally t;

	(void)state;
	assert_int_equal(tally_init(&t, 1), 0);
	tally_add(&t, -7);
	assert_int_equal(tally_summarise(&t, &s), 0);
	assert_int_equal(s.minimum, -7);
	assert_int_equal(s.median, -7);
	assert_int_equal(s.p99, -7);
	assert_int_equal(s.maximum, -7);
	tally_deinit(&t);
}

static void test_an_empty_tally_has_nothing_to_tell(void **state)
{
	struct tally_summary s = { .median = 42 };
	struct tally t;

	(void)state;
	assert_int_equal(tally_init(&t, 1), 0);
	assert_int_equal(tally_summarise(&t, &s), -ENODATA);
	assert_int_equal(s.median, 42);
	tally_deinit(&t);
}

static void test_a_full_tally_takes_no_more(void **state)
{
	struct tally_summary s;
	struct tally t;

	(void)state;
	assert_int_equal(tally_init(&t, 2), 0);
	tally_add(&t, 1);
	tally_add(&t, 2);
	tally_add(&t, 99);
	assert_int_equal(tally_summarise(&t, &s), 0);
	assert_int_equal(s.maximum, 2);
	tally_deinit(&t);
}

static void test_a_bracket_tells_from_its_middle(void **state)
{
	static const struct {
		struct bracket bracket;
		int64_t difference, uncertainty, outside;
	} cases[] = {
		{ { 100, 120, 140 }, 0, 20, 0 },
		{ { 100, 100, 140 }, -20, 20, 0 },
		{ { 100, 145, 140 }, 25, 20, 5 },
		{ { 100, 70, 140 }, -50, 20, 30 },
		{ { 100, 101, 101 }, 1, 1, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_int_equal(bracket_difference_ns(&cases[i].bracket), cases[i].difference);
		assert_int_equal(bracket_uncertainty_ns(&cases[i].bracket), cases[i].uncertainty);
		assert_int_equal(bracket_outside_ns(&cases[i].bracket), cases[i].outside);
	}
}

static void test_a_bracket_holds_the_kernels_own_clock(void **state)
{
	struct vdsotime *t;
	struct bracket b;

	(void)state;
	assert_int_equal(vdsotime_attach(&t, "/nonexistent", VDSOTIME_FALLBACK), 0);
	assert_int_equal(bracket_gettime(t, CLOCK_MONOTONIC, 8, &b), 0);
	assert_int_equal(bracket_outside_ns(&b), 0);
	assert_true(b.before_ns > 0);
	assert_int_equal(bracket_snapshot(t, CLOCK_BOOTTIME, 8, &b), 0);
	assert_int_equal(bracket_outside_ns(&b), 0);
	assert_int_equal(bracket_gettime(t, 77, 8, &b), -EINVAL);
	vdsotime_detach(t);
}

/* Clocks that the relay is to catch, or not. */

static _Atomic int64_t ticks;

static int read_forward(const struct vdsotime *t, clockid_t id, int64_t *ret)
{
	(void)t;
	(void)id;
	*ret = atomic_fetch_add(&ticks, 1);
	return 0;
}

/* Every thousandth read is 300 behind. */
static int read_backward(const struct vdsotime *t, clockid_t id, int64_t *ret)
{
	int64_t tick = atomic_fetch_add(&ticks, 1);

	(void)t;
	(void)id;
	*ret = tick % 1000 == 999 ? tick - 300 : tick;
	return 0;
}

static int read_failing(const struct vdsotime *t, clockid_t id, int64_t *ret)
{
	(void)t;
	(void)id;
	(void)ret;
	return -EIO;
}

static void test_a_relay_finds_nothing_in_a_clock_that_goes_on(void **state)
{
	struct relay_count count;

	(void)state;
	assert_int_equal(relay_alone(NULL, 0, read_forward, 1000000, &count), 0);
	assert_true(count.reads > 0);
	assert_int_equal(count.backward, 0);
	assert_int_equal(relay_pair(NULL, 0, read_forward, 1000000, &count), 0);
	assert_true(count.reads > 0);
	assert_int_equal(count.backward, 0);
	assert_int_equal(count.backward_ns, 0);
}

static void test_a_relay_finds_a_clock_that_goes_back(void **state)
{
	struct relay_count count;

	(void)state;
	assert_int_equal(relay_alone(NULL, 0, read_backward, 5000000, &count), 0);
	assert_true(count.backward > 0);
	assert_int_equal(count.backward_ns, 299);
	assert_int_equal(relay_pair(NULL, 0, read_backward, 5000000, &count), 0);
	assert_true(count.backward > 0);
	assert_true(count.backward_ns <= 299);
}

static void test_a_relay_ends_with_the_clocks_error(void **state)
{
	struct relay_count count = { .reads = 42 };

	(void)state;
	assert_int_equal(relay_alone(NULL, 0, read_failing, 1000000, &count), -EIO);
	assert_int_equal(relay_pair(NULL, 0, read_failing, 1000000, &count), -EIO);
	assert_int_equal(count.reads, 42);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_tally_tells_its_ranks),
		cmocka_unit_test(test_a_rank_between_two_numbers_is_the_upper),
		cmocka_unit_test(test_a_tally_of_one_is_that_one),
		cmocka_unit_test(test_an_empty_tally_has_nothing_to_tell),
		cmocka_unit_test(test_a_full_tally_takes_no_more),
		cmocka_unit_test(test_a_bracket_tells_from_its_middle),
		cmocka_unit_test(test_a_bracket_holds_the_kernels_own_clock),
		cmocka_unit_test(test_a_relay_finds_nothing_in_a_clock_that_goes_on),
		cmocka_unit_test(test_a_relay_finds_a_clock_that_goes_back),
		cmocka_unit_test(test_a_relay_ends_with_the_clocks_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

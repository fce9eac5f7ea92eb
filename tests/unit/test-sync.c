/* SPDX-License-Identifier: MIT */
/* What may be said of REALTIME against UTC, whoever disciplines it, and when a second is odd. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/timex.h>

#include <cmocka.h>

#include <vdsotime/quality.h>

#include "daemon/sync.h"

#define MS INT64_C(1000000)
#define SEC INT64_C(1000000000)
#define DRIFT_PPB 50000
#define DAY_NS (86400 * SEC)

static struct sync s;
static struct os_timex t;
static int64_t now_ns;

static int begin(void **state)
{
	(void)state;
	sync_init(&s);
	t = (struct os_timex){ .tick_us = 10000, .state = TIME_OK };
	now_ns = 1000 * SEC;
	return 0;
}

static void look(int64_t after_ns, int64_t maxerror_us)
{
	now_ns += after_ns;
	t.maxerror_us = maxerror_us;
	sync_look(&s, &t, 0, now_ns);
}

static uint64_t error_ns(void)
{
	return sync_error_ns(&s, now_ns, DRIFT_PPB);
}

static void test_nothing_is_known_before_a_look(void **state)
{
	(void)state;
	assert_int_equal(s.state, KEEPER_SYNC_UNKNOWN);
	assert_int_equal(s.leap, VDSOTIME_LEAP_UNKNOWN);
	assert_true(error_ns() == SYNC_NO_BOUND);
	assert_int_equal(sync_until_leap_ns(&s, 0), INT64_MAX);
}

static void test_refusal_is_a_state_of_its_own(void **state)
{
	(void)state;
	look(0, 1234);
	sync_look(&s, &t, -EPERM, now_ns);
	assert_int_equal(s.state, KEEPER_SYNC_UNKNOWN);
	assert_int_equal(s.leap, VDSOTIME_LEAP_UNKNOWN);
	assert_true(error_ns() == SYNC_NO_BOUND);
}

static void test_unsynchronised_has_no_bound(void **state)
{
	(void)state;
	t.status = STA_UNSYNC;
	look(0, 1234);
	assert_int_equal(s.state, KEEPER_SYNC_UNSYNCHRONISED);
	assert_int_equal(s.leap, VDSOTIME_LEAP_UNKNOWN);
	assert_true(error_ns() == SYNC_NO_BOUND);
	/* nor does it become a claim when the flag goes without a number */
	t.status = 0;
	look(SEC, 16000000);
	assert_int_equal(s.state, KEEPER_SYNC_UNQUANTIFIED);
	assert_true(error_ns() == SYNC_NO_BOUND);
}

static void test_claim_at_start_is_taken_with_what_has_grown_on_it(void **state)
{
	(void)state;
	look(0, 23171);
	assert_int_equal(s.state, KEEPER_SYNC_CLAIMED);
	/* and with up to two seconds of drift, since it may have been made so long ago */
	assert_true(error_ns() >= 23171000 + 2 * 50000);
	assert_true(error_ns() < 23171000 + 2 * 50000 + 2000);
}

static void test_zero_at_start_is_no_claim_however_long_ago(void **state)
{
	(void)state;
	/* written as 0 by timesyncd or phc2sys, grown by the kernel since */
	for (int64_t us = 0; us <= 15000000; us += 500 * 997) {
		begin(NULL);
		look(0, us);
		assert_int_equal(s.state, KEEPER_SYNC_UNQUANTIFIED);
		assert_true(error_ns() == SYNC_NO_BOUND);
		/* and stays none while it grows */
		for (int i = 1; i < 100; i++)
			look(SEC, us + i * 500);
		assert_int_equal(s.state, KEEPER_SYNC_UNQUANTIFIED);
	}
}

static void test_drop_to_zero_is_no_claim(void **state)
{
	(void)state;
	look(0, 23171);
	look(100 * MS, 0);
	assert_int_equal(s.state, KEEPER_SYNC_UNQUANTIFIED);
	assert_true(error_ns() == SYNC_NO_BOUND);
	/* nor one that a second or two have been added to before it was seen */
	look(100 * MS, 23171 + 500);
	assert_int_equal(s.state, KEEPER_SYNC_CLAIMED);
	look(100 * MS, 500);
	assert_int_equal(s.state, KEEPER_SYNC_UNQUANTIFIED);
	look(100 * MS, 23171 + 1000);
	look(3 * SEC, 1500);
	assert_int_equal(s.state, KEEPER_SYNC_UNQUANTIFIED);
	/* however many seconds, short ones of a clock that was set, it may have been */
	look(100 * MS, 23171 + 1000);
	look(100 * MS, 20000);
	assert_int_equal(s.state, KEEPER_SYNC_UNQUANTIFIED);
}

static void test_claim_grows_at_our_drift_and_not_the_kernels(void **state)
{
	(void)state;
	look(0, 30000);
	look(100 * MS, 1200);
	for (int i = 1; i <= 64; i++)
		look(SEC, 1200 + i * 500);
	assert_int_equal(s.state, KEEPER_SYNC_CLAIMED);
	/* the kernel says 33.2 ms; 64.1 s at 50 ppm are 3.2 ms */
	assert_in_range(error_ns(), 1200000 + 64100 * 50, 1200000 + 64100 * 50 + 2000);
}

static void test_claim_may_have_been_made_right_after_the_look_before(void **state)
{
	(void)state;
	look(0, 30000);
	look(SEC, 1200);
	assert_true(error_ns() >= 1200000 + 1000 * 50);
}

static void test_each_drop_is_a_new_anchor(void **state)
{
	(void)state;
	look(0, 30000);
	for (int i = 0; i < 10; i++) {
		look(32 * SEC, 1003 - i * 10);
		look(32 * SEC, 1003 - i * 10 + 16000);
		assert_in_range(error_ns(), 1003000 - i * 10000 + 64000 * 50,
			1005000 - i * 10000 + 64000 * 50);
	}
}

static void test_humbler_claim_is_taken(void **state)
{
	(void)state;
	look(0, 1200);
	look(100 * MS, 80123);
	assert_int_equal(s.state, KEEPER_SYNC_CLAIMED);
	assert_true(error_ns() >= 80123000);
}

static void test_growth_by_the_kernel_is_no_claim(void **state)
{
	uint64_t before;

	(void)state;
	look(0, 1207);
	before = error_ns();
	/* the second ended between two looks close together */
	look(100 * MS, 1707);
	assert_true(error_ns() < before + 100 * 50 + 2000);
}

static void test_set_clock_has_no_claim_until_a_new_one(void **state)
{
	(void)state;
	look(0, 1207);
	sync_forget(&s);
	look(100 * MS, 1207);
	assert_int_equal(s.state, KEEPER_SYNC_UNQUANTIFIED);
	assert_true(error_ns() == SYNC_NO_BOUND);
	look(SEC, 1707);
	assert_int_equal(s.state, KEEPER_SYNC_UNQUANTIFIED);
	look(SEC, 903);
	assert_int_equal(s.state, KEEPER_SYNC_CLAIMED);
}

/* It may have been made before the clock was set. */
static void test_claim_found_with_a_set_clock_is_not_believed(void **state)
{
	(void)state;
	look(0, 1207);
	sync_forget(&s);
	look(100 * MS, 903);
	assert_int_equal(s.state, KEEPER_SYNC_UNQUANTIFIED);
	look(SEC, 1403);
	assert_int_equal(s.state, KEEPER_SYNC_UNQUANTIFIED);
	look(SEC, 903);
	assert_int_equal(s.state, KEEPER_SYNC_CLAIMED);
}

static void take_report(int64_t asked_ago_ns, uint64_t bound_ns)
{
	const struct chrony_report report = {
		.synchronised = bound_ns > 0,
		.bound_ns = bound_ns,
		.asked_at_ns = now_ns - asked_ago_ns,
	};

	sync_take_report(&s, &report);
}

static void test_report_stands_in_the_place_of_the_kernels_claim(void **state)
{
	(void)state;
	look(0, 23171);
	now_ns += MS;
	take_report(MS, 5000);
	/* not before a look has seen that the clock was not set */
	assert_true(error_ns() >= 23171000);
	look(100 * MS, 23171);
	assert_true(sync_is_reported(&s));
	assert_int_equal(s.state, KEEPER_SYNC_CLAIMED);
	/* 101 ms at 50 ppm */
	assert_in_range(error_ns(), 5000 + 5050, 5000 + 5050 + 10);
	look(3 * SEC, 23171 + 1500);
	assert_in_range(error_ns(), 5000 + 155050, 5000 + 155050 + 10);
}

/* What the rate was when it was answered, nobody knows then. */
static void test_report_with_a_look_between_question_and_reply_is_void(void **state)
{
	(void)state;
	look(0, 23171);
	now_ns += MS;
	t.tick_us = 10833;
	look(3 * SEC, 23171 + 1500);
	take_report(3 * SEC, 5000);
	look(100 * MS, 23171 + 1500);
	assert_false(sync_is_reported(&s));
	take_report(0, 5000);
	look(100 * MS, 23171 + 1500);
	assert_true(sync_is_reported(&s));
}

static void test_refused_timex_voids_what_was_asked_before(void **state)
{
	(void)state;
	look(0, 23171);
	sync_forget(&s);
	now_ns += 100 * MS;
	sync_look(&s, &t, -EPERM, now_ns);
	now_ns += MS;
	take_report(2 * MS, 5000);
	look(100 * MS, 23171);
	assert_false(sync_is_reported(&s));
}

static void test_report_holds_also_where_the_kernel_was_told_nothing(void **state)
{
	(void)state;
	/* chronyd without rtcsync */
	t.status = STA_UNSYNC;
	look(0, 16000000);
	take_report(0, 5000);
	look(100 * MS, 16000000);
	assert_int_equal(s.state, KEEPER_SYNC_CLAIMED);
	assert_in_range(error_ns(), 10000, 10010);
	assert_int_equal(s.leap, VDSOTIME_LEAP_UNKNOWN);
}

static void test_chronyd_that_is_not_synchronised_is_believed(void **state)
{
	(void)state;
	look(0, 1207);
	take_report(0, 0);
	look(100 * MS, 1207);
	assert_true(sync_is_reported(&s));
	assert_int_equal(s.state, KEEPER_SYNC_UNSYNCHRONISED);
	assert_true(error_ns() == SYNC_NO_BOUND);
}

static void test_old_report_gives_way_to_the_kernels_claim(void **state)
{
	(void)state;
	look(0, 23171);
	take_report(0, 5000);
	look(SYNC_REPORT_AGE_MAX_NS, 23171 + 8000);
	assert_true(sync_is_reported(&s));
	look(1, 23171 + 8000);
	assert_false(sync_is_reported(&s));
	assert_int_equal(s.state, KEEPER_SYNC_CLAIMED);
	assert_true(error_ns() >= 23171000);
	/* one that was too old when it came does not count either */
	take_report(SYNC_REPORT_AGE_MAX_NS + 1, 5000);
	look(0, 23171 + 8000);
	assert_false(sync_is_reported(&s));
}

static void test_chronyd_that_is_asked_no_more_is_forgotten(void **state)
{
	(void)state;
	look(0, 23171);
	take_report(0, 5000);
	look(100 * MS, 23171);
	take_report(0, 4000);
	sync_drop_report(&s);
	look(100 * MS, 23171);
	assert_false(sync_is_reported(&s));
	assert_true(error_ns() >= 23171000);
}

static void test_change_of_the_rate_counts_against_a_report(void **state)
{
	uint64_t before;

	(void)state;
	/* 12 ppm, as at the report */
	t.frequency = 12 * 65536;
	look(0, 23171);
	take_report(0, 5000);
	look(100 * MS, 23171);
	assert_in_range(error_ns(), 10000, 10010);
	before = error_ns();
	/* a slew began somewhere in between: 300 ppm for a second, and 50 for drift */
	t.tick_us = 10003;
	look(SEC, 23171 + 500);
	assert_in_range(error_ns(), before + 350000, before + 350010);
	/* it ended somewhere in between */
	t.tick_us = 10000;
	look(SEC, 23171 + 1000);
	assert_in_range(error_ns(), before + 700000, before + 700020);
	look(SEC, 23171 + 1500);
	assert_in_range(error_ns(), before + 750000, before + 750020);
	/* frequency as well as tick, downwards too */
	t.frequency = 2 * 65536;
	look(SEC, 23171 + 2000);
	assert_in_range(error_ns(), before + 810000, before + 810030);
	/* the next report knows of all that */
	take_report(0, 5000);
	look(100 * MS, 23171 + 2000);
	assert_in_range(error_ns(), 10000, 10010);
}

static void test_set_clock_has_no_report_until_one_asked_for_since(void **state)
{
	(void)state;
	look(0, 23171);
	take_report(0, 5000);
	look(100 * MS, 23171);
	/* as the keeper does: seen by a look, told before it is taken in */
	sync_forget(&s);
	take_report(MS, 4000);
	look(0, 23171);
	assert_false(sync_is_reported(&s));
	assert_int_equal(s.state, KEEPER_SYNC_UNQUANTIFIED);
	/* a reply that was under way */
	take_report(MS, 4000);
	look(100 * MS, 23171);
	assert_false(sync_is_reported(&s));
	take_report(0, 4000);
	look(100 * MS, 23171);
	assert_true(sync_is_reported(&s));
	assert_int_equal(s.state, KEEPER_SYNC_CLAIMED);
}

static void test_report_is_not_used_where_the_rate_cannot_be_seen(void **state)
{
	(void)state;
	take_report(0, 5000);
	sync_look(&s, &t, -EPERM, now_ns);
	assert_int_equal(s.state, KEEPER_SYNC_UNKNOWN);
	assert_false(sync_is_reported(&s));
	assert_true(error_ns() == SYNC_NO_BOUND);
}

static void test_bound_is_never_zero_nor_overflows(void **state)
{
	(void)state;
	look(0, 30000);
	look(100 * MS, 1);
	assert_true(error_ns() > 1000);
	assert_true(sync_error_ns(&s, INT64_MAX, 500000) > UINT64_C(4000000000000000));
	assert_true(sync_error_ns(&s, INT64_MAX, 500000) != SYNC_NO_BOUND);
	/* a clock read before the claim */
	assert_true(sync_error_ns(&s, 0, DRIFT_PPB) >= 1000);
}

static void test_leap_is_told_and_counted_down(void **state)
{
	(void)state;
	t.status = STA_INS;
	t.state = TIME_INS;
	look(0, 1207);
	assert_int_equal(s.leap, VDSOTIME_LEAP_INSERT);
	assert_int_equal(sync_until_leap_ns(&s, 20000 * DAY_NS - 7), 7);
	assert_int_equal(sync_until_leap_ns(&s, 20000 * DAY_NS - 3 * SEC), 3 * SEC);
	t.status = STA_DEL;
	t.state = TIME_DEL;
	look(0, 1207);
	assert_int_equal(s.leap, VDSOTIME_LEAP_DELETE);
	assert_int_equal(sync_until_leap_ns(&s, 20000 * DAY_NS - 3 * SEC), 2 * SEC);
}

static void test_leap_that_the_kernel_is_late_with_is_waited_for(void **state)
{
	(void)state;
	t.status = STA_INS;
	t.state = TIME_INS;
	look(0, 1207);
	assert_int_equal(sync_until_leap_ns(&s, 20000 * DAY_NS + 3 * MS), 0);
	assert_true(sync_until_leap_ns(&s, 20000 * DAY_NS + SEC) > 86000 * SEC);
	t.status = STA_DEL;
	look(0, 1207);
	assert_int_equal(sync_until_leap_ns(&s, 20000 * DAY_NS - SEC + 3 * MS), 0);
	assert_true(sync_until_leap_ns(&s, 20000 * DAY_NS - SEC / 2) > 86000 * SEC);
}

static void test_leap_that_is_over_is_none(void **state)
{
	(void)state;
	t.status = STA_INS;
	t.state = TIME_OOP;
	look(0, 1207);
	assert_int_equal(s.leap, VDSOTIME_LEAP_INSERT);
	assert_int_equal(sync_until_leap_ns(&s, 20000 * DAY_NS - 7), INT64_MAX);
	t.state = TIME_WAIT;
	look(0, 1207);
	assert_int_equal(s.leap, VDSOTIME_LEAP_NONE);
	assert_int_equal(sync_until_leap_ns(&s, 20000 * DAY_NS - 7), INT64_MAX);
}

static void test_unsynchronised_kernel_leaps_too(void **state)
{
	(void)state;
	t.status = STA_UNSYNC | STA_INS;
	t.state = TIME_ERROR;
	look(0, 16000000);
	assert_int_equal(s.leap, VDSOTIME_LEAP_UNKNOWN);
	assert_int_equal(sync_until_leap_ns(&s, 20000 * DAY_NS - 7), 7);
}

static void test_time_before_1970_has_no_leap(void **state)
{
	(void)state;
	t.status = STA_INS;
	look(0, 1207);
	assert_int_equal(sync_until_leap_ns(&s, -5), INT64_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_nothing_is_known_before_a_look, begin),
		cmocka_unit_test_setup(test_refusal_is_a_state_of_its_own, begin),
		cmocka_unit_test_setup(test_unsynchronised_has_no_bound, begin),
		cmocka_unit_test_setup(
			test_claim_at_start_is_taken_with_what_has_grown_on_it, begin),
		cmocka_unit_test_setup(test_zero_at_start_is_no_claim_however_long_ago, begin),
		cmocka_unit_test_setup(test_drop_to_zero_is_no_claim, begin),
		cmocka_unit_test_setup(test_claim_grows_at_our_drift_and_not_the_kernels, begin),
		cmocka_unit_test_setup(
			test_claim_may_have_been_made_right_after_the_look_before, begin),
		cmocka_unit_test_setup(test_each_drop_is_a_new_anchor, begin),
		cmocka_unit_test_setup(test_humbler_claim_is_taken, begin),
		cmocka_unit_test_setup(test_growth_by_the_kernel_is_no_claim, begin),
		cmocka_unit_test_setup(test_set_clock_has_no_claim_until_a_new_one, begin),
		cmocka_unit_test_setup(test_claim_found_with_a_set_clock_is_not_believed, begin),
		cmocka_unit_test_setup(test_report_stands_in_the_place_of_the_kernels_claim, begin),
		cmocka_unit_test_setup(
			test_report_with_a_look_between_question_and_reply_is_void, begin),
		cmocka_unit_test_setup(test_refused_timex_voids_what_was_asked_before, begin),
		cmocka_unit_test_setup(
			test_report_holds_also_where_the_kernel_was_told_nothing, begin),
		cmocka_unit_test_setup(test_chronyd_that_is_not_synchronised_is_believed, begin),
		cmocka_unit_test_setup(test_old_report_gives_way_to_the_kernels_claim, begin),
		cmocka_unit_test_setup(test_chronyd_that_is_asked_no_more_is_forgotten, begin),
		cmocka_unit_test_setup(test_change_of_the_rate_counts_against_a_report, begin),
		cmocka_unit_test_setup(
			test_set_clock_has_no_report_until_one_asked_for_since, begin),
		cmocka_unit_test_setup(
			test_report_is_not_used_where_the_rate_cannot_be_seen, begin),
		cmocka_unit_test_setup(test_bound_is_never_zero_nor_overflows, begin),
		cmocka_unit_test_setup(test_leap_is_told_and_counted_down, begin),
		cmocka_unit_test_setup(test_leap_that_the_kernel_is_late_with_is_waited_for, begin),
		cmocka_unit_test_setup(test_leap_that_is_over_is_none, begin),
		cmocka_unit_test_setup(test_unsynchronised_kernel_leaps_too, begin),
		cmocka_unit_test_setup(test_time_before_1970_has_no_leap, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

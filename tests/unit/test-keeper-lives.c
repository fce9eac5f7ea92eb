/* SPDX-License-Identifier: MIT */
/* A keeper that takes over the page of an earlier life, and what happened meanwhile. */
#include <sys/timex.h>

#include "tests/unit/keeper-world.h"

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

/*
 * Lives so short, on a machine so busy, that the rate is never known well: that is no
 * disturbance.
 */
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

static void expect_next_life_to_tell(void (*disturb)(void), enum event_kind kind, int64_t amount)
{
	int fd;

	end(NULL);
	begin(NULL);
	f.timex = (struct os_timex){ .state = TIME_OK, .maxerror_us = 1234, .tick_us = 10000 };
	settle();
	fd = next_life();
	fake_os_pass(&f, 500e6);
	disturb();
	start(&defaults, fd);
	/* at once, no claim of before holds; and the first round tells why */
	assert_true(line().extra[VDSOTIME_EXTRA_ERROR] == VDSOTIME_NO_ERROR_BOUND);
	tick();
	assert_true(line().extra[VDSOTIME_EXTRA_ERROR] == VDSOTIME_NO_ERROR_BOUND);
	assert_true(llabs(amount_heard(kind) - amount) < 1000);
	assert_int_equal(keeper_events(k)->count, heard_count);
	f.timex.maxerror_us = 999;
	tick();
	assert_true(line().extra[VDSOTIME_EXTRA_ERROR] != VDSOTIME_NO_ERROR_BOUND);
}

static void sleep_for_hours(void)
{
	f.boottime_offset_ns += 36000 * SEC;
	f.realtime_offset_ns += 36000 * SEC;
}

static void test_next_life_tells_what_happened_and_believes_no_claim_of_before(void **state)
{
	(void)state;
	expect_next_life_to_tell(set_clock, EVENT_CLOCK_SET, 17);
	expect_next_life_to_tell(sleep_for_hours, EVENT_SUSPENDED, 36000 * SEC);
	expect_next_life_to_tell(change_tai, EVENT_TAI_CHANGED, SEC);
	expect_next_life_to_tell(jump, EVENT_JUMPED, 5 * MS);
}

static void test_next_life_believes_a_claim_that_this_one_believed(void **state)
{
	int fd;

	(void)state;
	f.timex = (struct os_timex){ .state = TIME_OK, .maxerror_us = 1234, .tick_us = 10000 };
	tick();
	settle();
	assert_true(line().extra[VDSOTIME_EXTRA_ERROR] != VDSOTIME_NO_ERROR_BOUND);
	fd = next_life();
	fake_os_pass(&f, 500e6);
	start(&defaults, fd);
	assert_true(line().extra[VDSOTIME_EXTRA_ERROR] != VDSOTIME_NO_ERROR_BOUND);
	/*
	 * but none that it had forgotten: the clock was set, and nobody has claimed anything since
	 */
	f.realtime_offset_ns += SEC;
	tick();
	assert_true(line().extra[VDSOTIME_EXTRA_ERROR] == VDSOTIME_NO_ERROR_BOUND);
	fd = next_life();
	fake_os_pass(&f, 500e6);
	start(&defaults, fd);
	assert_true(line().extra[VDSOTIME_EXTRA_ERROR] == VDSOTIME_NO_ERROR_BOUND);
}

/* The claim may be of before it slept. */
static void test_first_life_on_a_machine_that_has_slept_believes_no_claim(void **state)
{
	(void)state;
	for (int slept = 0; slept < 2; slept++) {
		end(NULL);
		fake_os_init(&f);
		f.clocksource = "tsc";
		f.counter_kind = VDSOTIME_COUNTER_TSC;
		f.timex = (struct os_timex){
			.state = TIME_OK, .maxerror_us = 1234, .tick_us = 10000
		};
		f.boottime_offset_ns = slept * SEC;
		start(&defaults, -1);
		assert_true((line().extra[VDSOTIME_EXTRA_ERROR] == VDSOTIME_NO_ERROR_BOUND) ==
			    (slept == 1));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_next_life_goes_on_without_an_epoch),
		TEST(test_short_lives_on_a_busy_machine_are_not_taken_for_jumps),
		TEST(test_next_life_knows_what_happened_meanwhile),
		TEST(test_clocksource_that_changes_while_the_next_life_starts_is_told),
		TEST(test_next_life_tells_what_happened_and_believes_no_claim_of_before),
		TEST(test_next_life_believes_a_claim_that_this_one_believed),
		TEST(test_first_life_on_a_machine_that_has_slept_believes_no_claim),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

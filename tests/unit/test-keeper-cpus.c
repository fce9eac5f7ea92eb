/* SPDX-License-Identifier: MIT */
/* The keeper and CPUs that come, go, or differ. */
#include <errno.h>

#include "tests/unit/keeper-world.h"

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

/* All CPUs but one were off meanwhile. */
static void test_cpus_are_compared_again_after_a_suspend(void **state)
{
	unsigned int begun;

	(void)state;
	pass_second();
	pass_second();
	assert_int_equal(f.warp_starts, 0);
	f.boottime_offset_ns += SEC;
	pass_second();
	assert_int_equal(f.warp_starts, 1);
	pass_second();
	pass_second();
	assert_int_equal(f.warp_starts, 1);
	/* and once more where that could not begin */
	f.warp_error = -EAGAIN;
	f.boottime_offset_ns += SEC;
	pass_second();
	f.warp_error = 0;
	begun = f.warp_starts;
	pass_second();
	pass_second();
	assert_int_equal(f.warp_starts, begun + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_skew_between_cpus_is_in_the_bound),
		TEST(test_cpus_that_come_are_compared),
		TEST(test_cpus_are_looked_at_once_a_second),
		TEST(test_cpu_that_comes_out_of_step_ends_the_page),
		TEST(test_trusted_cpu_that_comes_out_of_step_widens_the_bound),
		TEST(test_cpus_that_cannot_be_compared_are_told),
		TEST(test_cpus_are_compared_again_after_a_suspend),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

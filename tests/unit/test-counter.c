/* SPDX-License-Identifier: MIT */
/* Which counter is used, and the reason that is told. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <vdsotime/counter.h>

#include "daemon/counter.h"

#include "tests/unit/fake-os.h"

static struct fake_os f;

static struct counter_choice choose(
	enum keeper_counter_policy policy, const char *current, const char *available)
{
	const struct counter_facts facts = { current, available, &f.warp, f.cpus_online };
	struct counter_choice c;

	counter_choose(&f.os, policy, &facts, &c);
	return c;
}

static int begin(void **state)
{
	(void)state;
	fake_os_init(&f);
	f.counter_kind = VDSOTIME_COUNTER_TSC;
	return 0;
}

static void test_the_kernels_own_counter_is_used(void **state)
{
	struct counter_choice c = choose(KEEPER_COUNTER_AUTO, "tsc", "tsc hpet acpi_pm");

	(void)state;
	assert_true(c.usable);
	assert_string_equal(c.name, "tsc");
	assert_string_equal(c.reason, "it is the kernel's clocksource");
	assert_int_equal(c.registration.scale_hz, 1000);
}

static void test_counter_that_the_kernel_lists_is_used_without_its_rate(void **state)
{
	struct counter_choice c = choose(KEEPER_COUNTER_AUTO, "hpet", "hpet acpi_pm tsc");

	(void)state;
	assert_true(c.usable);
	assert_int_equal(c.registration.scale_hz, 0);
}

static void test_counter_that_the_kernel_does_not_list_is_not_used(void **state)
{
	const char *const lists[] = { "hpet acpi_pm", "tsc-early hpet", "xtsc", "ts",
		"hpet  acpi" };

	(void)state;
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		struct counter_choice c = choose(KEEPER_COUNTER_AUTO, "hpet", lists[i]);

		assert_false(c.usable);
		assert_string_equal(
			c.reason, "the kernel does not list it as a usable clocksource");
	}
}

static void test_unknown_clocksources_are_no_word_of_the_kernel(void **state)
{
	struct counter_choice c = choose(KEEPER_COUNTER_AUTO, "", "");

	(void)state;
	assert_false(c.usable);
	assert_string_equal(c.reason, "the kernel's clocksources cannot be read");
}

static void test_policy_overrules_the_kernel(void **state)
{
	(void)state;
	assert_true(choose(KEEPER_COUNTER_TRUST, "hpet", "hpet acpi_pm").usable);
	assert_true(choose(KEEPER_COUNTER_TRUST, "", "").usable);
	assert_false(choose(KEEPER_COUNTER_OFF, "tsc", "tsc hpet").usable);
	assert_string_equal(choose(KEEPER_COUNTER_OFF, "tsc", "tsc").reason,
		"switched off by the configuration");
}

static void test_counters_out_of_step_are_used_only_when_trusted(void **state)
{
	(void)state;
	f.warp.worst_ticks = 1;
	assert_false(choose(KEEPER_COUNTER_AUTO, "tsc", "tsc hpet").usable);
	assert_string_equal(choose(KEEPER_COUNTER_AUTO, "tsc", "tsc hpet").reason,
		"the CPUs' counters are out of step");
	assert_true(choose(KEEPER_COUNTER_TRUST, "tsc", "tsc hpet").usable);
}

/* As where threads may not be pinned, and the scheduler keeps them all on one. */
static void test_comparison_of_one_cpu_with_itself_is_none(void **state)
{
	(void)state;
	f.cpus_online = 2;
	for (f.warp.cpus = 0; f.warp.cpus < 2; f.warp.cpus++) {
		assert_true(choose(KEEPER_COUNTER_AUTO, "tsc", "tsc hpet").usable);
		assert_string_equal(choose(KEEPER_COUNTER_AUTO, "tsc", "tsc hpet").reason,
			"it is the kernel's clocksource; CPUs were not compared");
		assert_true(choose(KEEPER_COUNTER_AUTO, "hpet", "tsc hpet").usable);
		assert_string_equal(choose(KEEPER_COUNTER_AUTO, "hpet", "tsc hpet").reason,
			"the kernel lists it as a usable clocksource; CPUs were not compared");
	}
	assert_string_equal(choose(KEEPER_COUNTER_AUTO, "tsc", "tsc hpet").reason,
		"it is the kernel's clocksource");
	f.cpus_online = 1;
	f.warp.cpus = 1;
	assert_string_equal(choose(KEEPER_COUNTER_AUTO, "tsc", "tsc hpet").reason,
		"it is the kernel's clocksource");
}

static void test_no_counter_cannot_be_trusted(void **state)
{
	struct counter_choice c;

	(void)state;
	f.counter_kind = VDSOTIME_COUNTER_NONE;
	c = choose(KEEPER_COUNTER_TRUST, "tsc", "tsc");
	assert_false(c.usable);
	assert_string_equal(c.name, "none");
	assert_int_equal(c.kind, VDSOTIME_COUNTER_NONE);
}

static void test_each_architecture_has_its_clocksource(void **state)
{
	struct counter_choice c;

	(void)state;
	f.counter_kind = VDSOTIME_COUNTER_CNTVCT;
	f.counter_hz = 24000000;
	c = choose(KEEPER_COUNTER_AUTO, "arch_sys_counter", "arch_sys_counter");
	assert_true(c.usable);
	assert_string_equal(c.name, "cntvct");
	assert_int_equal(c.registration.scale_hz, 1);
	assert_int_equal(c.registration.frequency_hz, 24000000);
	f.counter_kind = VDSOTIME_COUNTER_RISCV_TIME;
	c = choose(KEEPER_COUNTER_AUTO, "riscv_clocksource", "riscv_clocksource");
	assert_true(c.usable);
	assert_string_equal(c.name, "time");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_the_kernels_own_counter_is_used, begin),
		cmocka_unit_test_setup(
			test_counter_that_the_kernel_lists_is_used_without_its_rate, begin),
		cmocka_unit_test_setup(
			test_counter_that_the_kernel_does_not_list_is_not_used, begin),
		cmocka_unit_test_setup(test_unknown_clocksources_are_no_word_of_the_kernel, begin),
		cmocka_unit_test_setup(test_policy_overrules_the_kernel, begin),
		cmocka_unit_test_setup(test_counters_out_of_step_are_used_only_when_trusted, begin),
		cmocka_unit_test_setup(test_comparison_of_one_cpu_with_itself_is_none, begin),
		cmocka_unit_test_setup(test_no_counter_cannot_be_trusted, begin),
		cmocka_unit_test_setup(test_each_architecture_has_its_clocksource, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* The raw rate: the kernel's own numbers, found from samples and given up when they are not. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/rate.h"

#define MASK56 ((UINT64_C(1) << 56) - 1)
#define BRACKET_TICKS 104

static const struct rate_registration tsc = { .scale_hz = 1000, .mask = UINT64_MAX };

/*
 * What kernels have printed when they registered these: "clocksource: NAME: mask: ... max_cycles:
 * ..., max_idle_ns: ... ns", which are functions of mult and shift (kernel/time/clocksource.c,
 * clocks_calc_max_nsecs()).
 */
static const struct registered {
	uint64_t frequency;
	uint32_t scale_hz;
	uint64_t mask;
	uint32_t shift;
	uint64_t max_cycles;
	uint64_t max_idle_ns;
} registered[] = {
	{ 2596132, 1000, UINT64_MAX, 24, 0x256bf670eee, 440795311217 }, /* tsc */
	{ 24000000, 1, MASK56, 24, 0x588fe9dc0, 440795202592 }, /* arch_sys_counter */
	{ 19200000, 1, MASK56, 24, 0x46d987e47, 440795202767 },
	{ 54000000, 1, MASK56, 24, 0xc743ce346, 440795203123 },
	{ 62500000, 1, MASK56, 23, 0x1cd42e208c, 881590405314 },
	{ 10000000, 1, UINT64_MAX, 24, 0x24e6a1710, 440795202120 }, /* riscv_clocksource */
	{ 3579545, 1, 0xffffff, 23, 0xffffff, 2085701024 }, /* acpi_pm */
};

static void test_rate_of_registration_is_the_kernels(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(registered) / sizeof(registered[0]); i++) {
		const struct registered *r = &registered[i];
		double rate = rate_of_registration(r->frequency, r->scale_hz, r->mask);
		double mult = ldexp(rate, (int)r->shift);
		uint64_t whole = (uint64_t)mult, adjust = whole * 11 / 100;
		uint64_t cycles = UINT64_MAX / (whole + adjust);

		if (cycles > r->mask)
			cycles = r->mask;
		assert_true(mult == (double)whole);
		assert_int_equal(cycles, r->max_cycles);
		assert_int_equal((cycles * (whole - adjust) >> r->shift) >> 1, r->max_idle_ns);
	}
}

static struct sample_point point(double ns_per_tick, uint64_t ticks, double error_ns)
{
	return (struct sample_point){
		.counter_ticks = 777000000 + ticks,
		.bracket_ticks = BRACKET_TICKS,
		.ns = 5000000000 + (int64_t)floor((double)ticks * ns_per_tick + error_ns),
	};
}

static void add(struct rate *r, double ns_per_tick, uint64_t ticks, double error_ns)
{
	struct sample_point p = point(ns_per_tick, ticks, error_ns);

	rate_add(r, &p);
}

static void test_whole_khz_is_found_within_a_second(void **state)
{
	const uint64_t khz[] = { 800000, 1996249, 2596132, 3400001, 4999999 };

	(void)state;
	for (size_t i = 0; i < sizeof(khz) / sizeof(khz[0]); i++) {
		double rate = rate_of_registration(khz[i], 1000, UINT64_MAX);
		struct rate r;

		rate_init(&r, &tsc);
		add(&r, rate, 0, 15);
		assert_true(r.ns_per_tick == 0);
		add(&r, rate, khz[i] * 1000, -15);
		assert_true(r.exact);
		assert_true(r.ns_per_tick == rate);
		assert_true(r.uncertainty == 0);
	}
}

static void test_short_baseline_is_not_snapped(void **state)
{
	double rate = rate_of_registration(2596132, 1000, UINT64_MAX);
	struct rate r;

	(void)state;
	rate_init(&r, &tsc);
	add(&r, rate, 0, 0);
	/* 4 ms: nothing is said at all; 10 ms: a fit that leaves room for several kHz */
	add(&r, rate, 2596132 * 4, 0);
	assert_true(r.ns_per_tick == 0);
	add(&r, rate, 2596132 * 10, 0);
	assert_false(r.exact);
	assert_true(fabs(r.ns_per_tick / rate - 1) <= r.uncertainty);
	assert_true(r.uncertainty > 0 && r.uncertainty < 2e-5);
}

static void test_hardware_frequency_needs_no_long_baseline(void **state)
{
	const struct rate_registration reg = { 1, 24000000, MASK56 };
	double rate = rate_of_registration(24000000, 1, MASK56);
	struct rate r;

	(void)state;
	rate_init(&r, &reg);
	add(&r, rate, 0, 0);
	add(&r, rate, 240000, 0);
	assert_true(r.exact);
	assert_true(r.ns_per_tick == rate);
}

static void test_wrong_hardware_frequency_is_not_believed(void **state)
{
	const struct rate_registration reg = { 1, 24000000, MASK56 };
	struct rate r;

	(void)state;
	rate_init(&r, &reg);
	for (uint64_t i = 0; i < 10; i++)
		add(&r, 1000.0 / 19.2, i * 1920000, 0);
	assert_false(r.exact);
	assert_true(fabs(r.ns_per_tick / (1000.0 / 19.2) - 1) < 1e-6);
}

static void test_exact_rate_that_does_not_hold_is_given_up_for_good(void **state)
{
	double rate = rate_of_registration(2596132, 1000, UINT64_MAX), other = rate * (1 + 3e-6);
	uint64_t step = UINT64_C(2596132000);
	struct rate r;
	uint64_t i;

	(void)state;
	rate_init(&r, &tsc);
	add(&r, rate, 0, 0);
	add(&r, rate, step, 0);
	assert_true(r.exact);
	/* one sample that is off is no reason */
	add(&r, rate, 2 * step, 500);
	assert_true(r.exact);
	for (i = 3; i < 160; i++)
		add(&r, other, i * step, 0);
	assert_false(r.exact);
	assert_true(fabs(r.ns_per_tick / other - 1) < 1e-7);
}

static void test_foreign_counter_is_fitted_ever_better(void **state)
{
	const struct rate_registration none = { .mask = UINT64_MAX };
	double rate = 0.38519 * (1 + 1.2345e-5), uncertainty = 1;
	struct rate r;

	(void)state;
	rate_init(&r, &none);
	for (uint64_t i = 0; i <= 64; i = i ? 2 * i : 1) {
		add(&r, rate, i * 259613200, i & 1 ? 15 : -15);
		assert_false(r.exact);
		if (i == 0)
			continue;
		assert_true(fabs(r.ns_per_tick / rate - 1) <= r.uncertainty);
		assert_true(r.uncertainty < uncertainty);
		uncertainty = r.uncertainty;
	}
	assert_true(uncertainty < 2e-8);
}

static void test_slow_wander_is_followed(void **state)
{
	const struct rate_registration none = { .mask = UINT64_MAX };
	struct rate r;
	double rate = 0.4, ns = 0;

	(void)state;
	rate_init(&r, &none);
	for (int i = 0; i < 6000; i++) {
		struct sample_point p = { (uint64_t)i * 250000000, BRACKET_TICKS, (int64_t)ns };

		rate_add(&r, &p);
		/* a part in 10^9 each tenth of a second */
		rate *= 1 + 1e-9;
		ns += 250000000 * rate;
	}
	/* within what a baseline of two minutes can lag */
	assert_true(fabs(r.ns_per_tick / rate - 1) < 1e-6);
}

static void test_restart_keeps_the_rate_as_an_assumption(void **state)
{
	double rate = rate_of_registration(2596132, 1000, UINT64_MAX);
	struct rate r;

	(void)state;
	rate_init(&r, &tsc);
	add(&r, rate, 0, 0);
	add(&r, rate, 2596132000, 0);
	rate_restart(&r);
	assert_false(r.exact);
	assert_true(r.ns_per_tick == rate);
	assert_true(r.uncertainty >= 1e-3);
	/* and after a jump of both it is found again */
	add(&r, rate, UINT64_C(1) << 50, 0);
	add(&r, rate, (UINT64_C(1) << 50) + 2596132000, 0);
	assert_true(r.exact);
	assert_true(r.ns_per_tick == rate);
}

static void test_time_that_does_not_pass_starts_anew(void **state)
{
	struct rate r;

	(void)state;
	rate_init(&r, &tsc);
	add(&r, 0.4, 1000000, 0);
	add(&r, 0.4, 1000000, 0);
	add(&r, 0.4, 10, 0);
	assert_true(r.ns_per_tick == 0);
	assert_int_equal(r.first.counter_ticks, 777000010);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rate_of_registration_is_the_kernels),
		cmocka_unit_test(test_whole_khz_is_found_within_a_second),
		cmocka_unit_test(test_short_baseline_is_not_snapped),
		cmocka_unit_test(test_hardware_frequency_needs_no_long_baseline),
		cmocka_unit_test(test_wrong_hardware_frequency_is_not_believed),
		cmocka_unit_test(test_exact_rate_that_does_not_hold_is_given_up_for_good),
		cmocka_unit_test(test_foreign_counter_is_fitted_ever_better),
		cmocka_unit_test(test_slow_wander_is_followed),
		cmocka_unit_test(test_restart_keeps_the_rate_as_an_assumption),
		cmocka_unit_test(test_time_that_does_not_pass_starts_anew),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

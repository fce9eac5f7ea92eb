/* SPDX-License-Identifier: MIT */
/*
 * Samples in, lines out: monotone where they change, at the model where they aim, within their
 * bound.
 */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "daemon/discipline.h"
#include "daemon/line.h"

#include "tests/unit/fake-os.h"

#define MS 1e6
#define MAX_SLEW_PPB 100000000

static struct fake_os f;
static struct sampler s;
static struct discipline d;
static struct discipline_news news;
static struct vdsotime_line line;

static const struct rate_registration tsc = { .scale_hz = 1000, .mask = UINT64_MAX };

static void sample(void)
{
	struct sample p;

	assert_int_equal(sampler_take(&s, &p), 0);
	discipline_add(&d, &p, MAX_SLEW_PPB, &news);
}

static uint64_t ticks_of(double ns)
{
	return (uint64_t)(ns / f.ns_per_tick);
}

static struct discipline_order order_of(double target_ns)
{
	return (struct discipline_order){
		.now_ticks = f.x,
		.until_ticks = f.x + ticks_of(50000),
		.target_ticks = f.x + ticks_of(target_ns),
		.window_log2 = 29,
		.bent_window_log2 = 27,
		.max_slew_ppb = MAX_SLEW_PPB,
	};
}

/* The next line, after old where that is one; published on the page of the test. */
static struct vdsotime_line next(const struct vdsotime_line *old, double target_ns)
{
	struct discipline_order o = order_of(target_ns);
	struct vdsotime_line l = { 0 };

	o.old = old;
	discipline_line(&d, &o, &l);
	l.extra[VDSOTIME_EXTRA_GENERATION] = 1;
	return l;
}

static int begin(void **state)
{
	(void)state;
	fake_os_init(&f);
	sampler_init(&s, &f.os, true);
	discipline_init(&d, &tsc);
	for (int i = 0; i < 40; i++) {
		sample();
		fake_os_pass(&f, 100 * MS);
	}
	sample();
	line = next(NULL, 100 * MS);
	return 0;
}

static struct vdsotime_instant read_at(const struct vdsotime_line *l, uint64_t counter)
{
	struct vdsotime_instant i;

	vdsotime_line_instant(l, counter, &i);
	return i;
}

static double error_ns(const struct vdsotime_line *l)
{
	return (double)(read_at(l, f.x).monotonic_ns - (int64_t)floor(f.monotonic_ns));
}

static double raw_error_ns(const struct vdsotime_line *l)
{
	return (double)(read_at(l, f.x).monotonic_raw_ns - (int64_t)floor(f.raw_ns));
}

static void expect_within_bound(const struct vdsotime_line *l)
{
	assert_true(fabs(error_ns(l)) <= (double)read_at(l, f.x).tracking_ns);
	assert_true(fabs(raw_error_ns(l)) <= (double)read_at(l, f.x).tracking_ns);
}

/* No reader of the new line is before one of the old, while both may be in use. */
static void expect_monotone(const struct vdsotime_line *old, const struct vdsotime_line *l)
{
	for (uint64_t i = 0; i <= 10; i++) {
		uint64_t at = f.x + i * ticks_of(50000) / 10;

		assert_true(read_at(l, at).monotonic_ns >= read_at(old, at).monotonic_ns);
		assert_true(read_at(l, at).monotonic_raw_ns >= read_at(old, at).monotonic_raw_ns);
	}
}

static void test_no_line_before_there_is_a_rate_and_its_proof(void **state)
{
	(void)state;
	discipline_init(&d, &tsc);
	assert_false(discipline_ready(&d));
	for (int i = 0; i < 3; i++) {
		sample();
		assert_int_equal(discipline_ready(&d), i == 2);
		fake_os_pass(&f, 10 * MS);
	}
	assert_true(discipline_is_moving(&d));
}

/* The first two samples make a rate; what came between them is in it. */
static void test_rate_over_a_jump_is_not_believed(void **state)
{
	(void)state;
	discipline_init(&d, &tsc);
	sample();
	fake_os_pass(&f, 10 * MS);
	f.counter_offset += ticks_of(9 * MS);
	sample();
	assert_true(d.rate.ns_per_tick > 0);
	assert_false(discipline_ready(&d));
	for (int i = 0; i < 3; i++) {
		fake_os_pass(&f, 10 * MS);
		sample();
		assert_int_equal(news.jumped, i == 0);
	}
	assert_true(discipline_ready(&d));
	assert_true(fabs(d.rate.ns_per_tick / f.ns_per_tick - 1) < 1e-4);
}

/* Once it is the counter that has jumped; twice in a row it is the rate. */
static void test_proven_rate_is_given_up_at_the_second_jump(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		f.counter_offset += ticks_of(3 * MS);
		fake_os_pass(&f, 10 * MS);
		sample();
		assert_true(news.jumped);
		assert_int_equal(discipline_ready(&d), i == 0);
	}
	fake_os_pass(&f, 10 * MS);
	sample();
	fake_os_pass(&f, 10 * MS);
	sample();
	assert_true(discipline_ready(&d));
}

static void test_quiet_clock_settles_and_stays_near(void **state)
{
	(void)state;
	for (int i = 0; i < 400; i++) {
		struct vdsotime_line old = line;

		fake_os_pass(&f, 100 * MS);
		assert_true(fabs(error_ns(&line)) <= 5);
		assert_true(fabs(raw_error_ns(&line)) <= 5);
		sample();
		line = next(&old, 100 * MS);
		expect_monotone(&old, &line);
		expect_within_bound(&line);
	}
	assert_false(discipline_is_moving(&d));
	assert_true(d.rate.exact);
}

static void test_line_meets_the_model_at_the_target(void **state)
{
	const double steps_ns[] = { 300, -300, 20000, -20000, 3 * MS, -3 * MS };

	(void)state;
	for (size_t i = 0; i < sizeof(steps_ns) / sizeof(steps_ns[0]); i++) {
		struct vdsotime_line old;

		begin(NULL);
		/* a line that is off by so much */
		line.word[VDSOTIME_WORD_MONOTONIC] += (uint64_t)(int64_t)steps_ns[i];
		old = line;
		line = next(&old, 100 * MS);
		expect_monotone(&old, &line);
		expect_within_bound(&line);
		fake_os_pass(&f, 100 * MS);
		/* a flatter line begins to be one only when the old is out of use */
		assert_true(fabs(error_ns(&line)) <= 10 + fabs(steps_ns[i]) * 1e-3);
	}
}

static void test_line_is_bent_no_further_than_to_twice_or_two_thirds(void **state)
{
	const double far_ns[] = { 500 * MS, -500 * MS };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct vdsotime_line old;
		double rate;

		begin(NULL);
		line.word[VDSOTIME_WORD_MONOTONIC] += (uint64_t)(int64_t)far_ns[i];
		old = line;
		line = next(&old, 10 * MS);
		rate = (double)line.word[VDSOTIME_WORD_MULT] * 0x1p-32 / f.ns_per_tick;
		assert_true(rate > 0.666 && rate < 2.001);
		expect_monotone(&old, &line);
		/* and nobody follows it for long */
		assert_int_equal(line.meta & VDSOTIME_META_WINDOW_MASK, 27);
		for (int step = 0; step < 8; step++) {
			expect_within_bound(&line);
			fake_os_pass(&f, 5 * MS);
		}
	}
}

static void test_told_rate_change_is_fed_forward(void **state)
{
	(void)state;
	fake_os_pass(&f, 60 * MS);
	f.factor = 1 + 100e-6;
	f.timex.frequency = 100 * 65536;
	fake_os_pass(&f, 40 * MS);
	sample();
	assert_true(news.rate_changed);
	assert_in_range(news.rate_change_ppb, 99999, 100001);
	assert_true(discipline_is_moving(&d));
	struct vdsotime_line old = line;
	line = next(&old, 10 * MS);
	expect_monotone(&old, &line);
	fake_os_pass(&f, 10 * MS);
	assert_true(fabs(error_ns(&line)) <= 10);
	sample();
	assert_false(news.rate_changed);
	old = line;
	line = next(&old, 10 * MS);
	fake_os_pass(&f, 10 * MS);
	assert_true(fabs(error_ns(&line)) <= 5);
}

static void test_tick_length_is_told_too(void **state)
{
	(void)state;
	f.factor = 1 + 0.05;
	f.timex.tick_us = 10500;
	fake_os_pass(&f, 10 * MS);
	sample();
	assert_in_range(news.rate_change_ppb, 49999999, 50000001);
}

static void test_refused_timex_leaves_the_rate_to_the_samples(void **state)
{
	(void)state;
	f.timex_error = -EPERM;
	f.factor = 1 + 100e-6;
	for (int i = 0; i < 5; i++) {
		fake_os_pass(&f, 10 * MS);
		sample();
		assert_false(news.rate_changed);
		assert_false(news.jumped);
	}
	struct vdsotime_line old = line;
	line = next(&old, 10 * MS);
	fake_os_pass(&f, 10 * MS);
	assert_true(fabs(error_ns(&line)) <= 100);
}

static void test_bound_covers_the_largest_slew_unseen(void **state)
{
	const double rates[] = { 1 + 0.0833, 1 - 0.0833, 1 + 0.099, 1 - 0.099, 1 };

	(void)state;
	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		begin(NULL);
		f.factor = rates[i];
		for (int step = 0; step < 100; step++) {
			fake_os_pass(&f, 2 * MS);
			expect_within_bound(&line);
		}
	}
}

static void test_jump_of_the_clocks_starts_anew(void **state)
{
	const double jumps_ns[] = { 2.6e9, -2.6e9, 500000, -500000 };

	(void)state;
	for (size_t i = 0; i < sizeof(jumps_ns) / sizeof(jumps_ns[0]); i++) {
		begin(NULL);
		fake_os_pass(&f, 100 * MS);
		f.counter_offset += (uint64_t)(int64_t)(jumps_ns[i] / f.ns_per_tick);
		sample();
		assert_true(news.jumped);
		assert_true(fabs((double)news.jump_ns + jumps_ns[i]) < 1000);
		assert_true(discipline_is_moving(&d));
		/* the rate is known still */
		assert_true(discipline_ready(&d));
		assert_true(fabs(d.monotonic.slope / f.ns_per_tick - 1) < 1e-9);
	}
}

static void test_jump_of_monotonic_alone_is_one(void **state)
{
	(void)state;
	fake_os_pass(&f, 100 * MS);
	f.monotonic_ns += 50 * MS;
	sample();
	assert_true(news.jumped);
}

static void test_jump_does_not_spoil_the_rate(void **state)
{
	(void)state;
	fake_os_pass(&f, 100 * MS);
	f.counter_offset += ticks_of(3.6e12);
	for (int i = 0; i < 30; i++) {
		sample();
		assert_true(fabs(d.rate.ns_per_tick / f.ns_per_tick - 1) < 1e-5);
		fake_os_pass(&f, 10 * MS);
	}
	assert_true(d.rate.exact);
}

static void test_slow_sample_is_no_jump(void **state)
{
	(void)state;
	/* the daemon was stopped for a minute, and then slewed clocks were read under load */
	f.factor = 1.08;
	fake_os_pass(&f, 60000 * MS);
	sample();
	assert_false(news.jumped);
}

static void test_line_after_one_that_ran_out_starts_at_its_end(void **state)
{
	struct discipline_order o;
	struct vdsotime_line old = line, l = { 0 };
	uint64_t end = old.word[VDSOTIME_WORD_COUNTER] + (UINT64_C(1) << 29);

	(void)state;
	/* it ran ahead by 70 us; readers who found it expired do not go back behind its end */
	old.word[VDSOTIME_WORD_MONOTONIC] += 70000;
	f.monotonic_ns += (double)(end - f.x) * f.ns_per_tick;
	f.raw_ns += (double)(end - f.x) * f.ns_per_tick;
	f.x = end;
	sample();
	o = order_of(100 * MS);
	o.expired = &old;
	discipline_line(&d, &o, &l);
	assert_true(read_at(&l, f.x).monotonic_ns >= read_at(&old, end).monotonic_ns);
	assert_true(error_ns(&l) < 70100);
	/* nor behind the kernel, of which they have had answers since */
	fake_os_pass(&f, 3000 * MS);
	sample();
	o = order_of(100 * MS);
	o.expired = &old;
	discipline_line(&d, &o, &l);
	assert_true(error_ns(&l) >= 0);
	expect_within_bound(&l);
}

static void test_line_that_is_about_to_run_out_is_outlived(void **state)
{
	struct discipline_order o;
	struct vdsotime_line old = line, l = { 0 };
	uint64_t end = old.word[VDSOTIME_WORD_COUNTER] + (UINT64_C(1) << 29);
	uint64_t now = end - ticks_of(20000);

	(void)state;
	f.monotonic_ns += (double)(now - f.x) * f.ns_per_tick;
	f.raw_ns += (double)(now - f.x) * f.ns_per_tick;
	f.x = now;
	sample();
	o = order_of(100 * MS);
	o.expired = &old;
	/* the bound of a slow world is too small to explain those 20 us */
	old.extra[VDSOTIME_EXTRA_TRACKING_GROWTH] = 0;
	discipline_line(&d, &o, &l);
	assert_true(read_at(&l, o.now_ticks).monotonic_ns >= read_at(&old, end).monotonic_ns);
}

/* Who has no line to go on from has the kernel's answer, and gets one until the line is there. */
static void test_fresh_line_is_ahead_of_a_clock_that_runs_away_meanwhile(void **state)
{
	struct discipline_order o = order_of(1 * MS);
	struct vdsotime_line l = { 0 };

	(void)state;
	discipline_line(&d, &o, &l);
	f.factor = 1 + MAX_SLEW_PPB * 1e-9;
	while (f.x < o.until_ticks) {
		assert_true(error_ns(&l) >= 0);
		fake_os_pass(&f, 5000);
	}
}

static void test_page_error_is_page_less_kernel(void **state)
{
	struct sample_point p = { f.x, 0, (int64_t)floor(f.monotonic_ns) };
	double before = discipline_page_error_ns(&line, &p);

	(void)state;
	p.ns += 1000;
	assert_true(fabs(before - 1000 - discipline_page_error_ns(&line, &p)) < 1e-6);
	assert_true(fabs(before - error_ns(&line)) < 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_no_line_before_there_is_a_rate_and_its_proof, begin),
		cmocka_unit_test_setup(test_rate_over_a_jump_is_not_believed, begin),
		cmocka_unit_test_setup(test_proven_rate_is_given_up_at_the_second_jump, begin),
		cmocka_unit_test_setup(test_quiet_clock_settles_and_stays_near, begin),
		cmocka_unit_test_setup(test_line_meets_the_model_at_the_target, begin),
		cmocka_unit_test_setup(
			test_line_is_bent_no_further_than_to_twice_or_two_thirds, begin),
		cmocka_unit_test_setup(test_told_rate_change_is_fed_forward, begin),
		cmocka_unit_test_setup(test_tick_length_is_told_too, begin),
		cmocka_unit_test_setup(test_refused_timex_leaves_the_rate_to_the_samples, begin),
		cmocka_unit_test_setup(test_bound_covers_the_largest_slew_unseen, begin),
		cmocka_unit_test_setup(test_jump_of_the_clocks_starts_anew, begin),
		cmocka_unit_test_setup(test_jump_of_monotonic_alone_is_one, begin),
		cmocka_unit_test_setup(test_jump_does_not_spoil_the_rate, begin),
		cmocka_unit_test_setup(test_slow_sample_is_no_jump, begin),
		cmocka_unit_test_setup(test_line_after_one_that_ran_out_starts_at_its_end, begin),
		cmocka_unit_test_setup(test_line_that_is_about_to_run_out_is_outlived, begin),
		cmocka_unit_test_setup(
			test_fresh_line_is_ahead_of_a_clock_that_runs_away_meanwhile, begin),
		cmocka_unit_test_setup(test_page_error_is_page_less_kernel, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* The page: publishing, reading, taking over, resolving, and refusing what is no page. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <vdsotime/page.h>

#include "proto/page/publish.h"

#define NSEC_PER_SEC INT64_C(1000000000)
#define MONOTONIC_NS INT64_C(5000000000123)
#define REALTIME_OFFSET_NS INT64_C(1795000000999999999)
#define BOOTTIME_OFFSET_NS INT64_C(777)
#define RAW_NS INT64_C(4999999999123)
#define TAI_OFFSET_S 37
/* half a nanosecond a tick, and a little less for the raw clock */
#define MULT UINT64_C(0x80000000)
#define RAW_MULT UINT64_C(0x7ff00000)

static const struct page_identity identity = {
	.boot_id = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 },
	.time_namespace_dev = 4,
	.time_namespace_inode = 4026531834,
	.counter_kind = VDSOTIME_COUNTER_HERE,
};

static struct vdsotime_page *page;

static int make_page(void **state)
{
	(void)state;
	page = aligned_alloc(4096, sizeof(*page));
	assert_non_null(page);
	memset(page, 0, sizeof(*page));
	page_format(page, &identity, 2000000000, 42);
	return 0;
}

static int drop_page(void **state)
{
	(void)state;
	free(page);
	return 0;
}

static struct vdsotime_line line_of(uint64_t generation, uint64_t counter)
{
	struct vdsotime_line line = {
		.meta = 40 | (uint32_t)TAI_OFFSET_S << VDSOTIME_META_TAI_SHIFT,
		.word = { counter, MULT, MONOTONIC_NS, REALTIME_OFFSET_NS, BOOTTIME_OFFSET_NS,
			RAW_MULT, RAW_NS },
	};

	line.extra[VDSOTIME_EXTRA_GENERATION] = generation;
	line.extra[VDSOTIME_EXTRA_EPOCH] = 9;
	line.extra[VDSOTIME_EXTRA_CHECK] = vdsotime_line_check(&line);
	return line;
}

static void publish_line(const struct vdsotime_line *value)
{
	struct vdsotime_line line = *value;

	line.extra[VDSOTIME_EXTRA_CHECK] = vdsotime_line_check(&line);
	page_publish(page, &line);
}

static void publish(uint64_t generation, uint64_t counter)
{
	const struct vdsotime_line line = line_of(generation, counter);

	publish_line(&line);
}

static enum vdsotime_page_result read_ns(int32_t clock, int64_t *ret)
{
	return vdsotime_page_read_ns(page, clock, VDSOTIME_COUNTER_FENCE, ret);
}

static int64_t base_of(int32_t clock)
{
	switch (clock) {
	case VDSOTIME_PAGE_REALTIME:
		return MONOTONIC_NS + REALTIME_OFFSET_NS;
	case VDSOTIME_PAGE_MONOTONIC:
		return MONOTONIC_NS;
	case VDSOTIME_PAGE_MONOTONIC_RAW:
		return RAW_NS;
	case VDSOTIME_PAGE_BOOTTIME:
		return MONOTONIC_NS + BOOTTIME_OFFSET_NS;
	default:
		return MONOTONIC_NS + REALTIME_OFFSET_NS + TAI_OFFSET_S * NSEC_PER_SEC;
	}
}

static const int32_t clocks[] = { VDSOTIME_PAGE_REALTIME, VDSOTIME_PAGE_MONOTONIC,
	VDSOTIME_PAGE_MONOTONIC_RAW, VDSOTIME_PAGE_BOOTTIME, VDSOTIME_PAGE_TAI };
#define CLOCKS (sizeof(clocks) / sizeof(clocks[0]))

static void test_each_clock_is_its_base_and_what_the_counter_ran(void **state)
{
	uint64_t counter = vdsotime_counter_read(VDSOTIME_COUNTER_FENCE) - 1000000;

	(void)state;
	publish(1, counter);
	for (size_t i = 0; i < CLOCKS; i++) {
		uint64_t mult = clocks[i] == VDSOTIME_PAGE_MONOTONIC_RAW ? RAW_MULT : MULT;
		uint64_t before = vdsotime_counter_read(VDSOTIME_COUNTER_FENCE) - counter;
		int64_t now = 0;

		assert_int_equal(read_ns(clocks[i], &now), VDSOTIME_PAGE_READ);
		uint64_t after = vdsotime_counter_read(VDSOTIME_COUNTER_FENCE) - counter;

		assert_in_range(now - base_of(clocks[i]), before * mult >> 32, after * mult >> 32);
	}
}

static void test_a_snapshot_is_of_one_instant(void **state)
{
	uint64_t counter = vdsotime_counter_read(VDSOTIME_COUNTER_FENCE) - 1000000;
	struct vdsotime_instant i = { 0 };

	(void)state;
	publish(1, counter);
	assert_int_equal(
		vdsotime_page_read_instant(page, VDSOTIME_COUNTER_RELAXED, &i), VDSOTIME_PAGE_READ);
	int64_t elapsed = (int64_t)((i.counter_ticks - counter) * MULT >> 32);

	assert_int_equal(i.monotonic_ns, MONOTONIC_NS + elapsed);
	assert_int_equal(i.realtime_ns, i.monotonic_ns + REALTIME_OFFSET_NS);
	assert_int_equal(i.boottime_ns, i.monotonic_ns + BOOTTIME_OFFSET_NS);
	assert_int_equal(i.tai_ns, i.realtime_ns + TAI_OFFSET_S * NSEC_PER_SEC);
	assert_int_equal(i.epoch, 9);
	assert_int_equal(i.tai_offset_s, TAI_OFFSET_S);
}

static void test_seconds_and_nanoseconds_agree_with_ns(void **state)
{
	uint64_t counter = vdsotime_counter_read(VDSOTIME_COUNTER_FENCE);

	(void)state;
	/* from just before a second's end to four seconds on: each carry is met */
	for (uint64_t back = 0; back < UINT64_C(8000000000); back += 399999999) {
		int64_t sec = 0, before = 0, after = 0;
		uint32_t nsec = 0;

		publish(back + 1, counter - back);
		assert_int_equal(read_ns(VDSOTIME_PAGE_REALTIME, &before), VDSOTIME_PAGE_READ);
		assert_int_equal(vdsotime_page_read_sec(page, VDSOTIME_PAGE_REALTIME,
					 VDSOTIME_COUNTER_FENCE, &sec, &nsec),
			VDSOTIME_PAGE_READ);
		assert_int_equal(read_ns(VDSOTIME_PAGE_REALTIME, &after), VDSOTIME_PAGE_READ);
		assert_true(nsec < NSEC_PER_SEC);
		assert_in_range(sec * NSEC_PER_SEC + nsec, before, after);
	}
}

static void test_division_by_a_billion_is_exact(void **state)
{
	const uint64_t edges[] = { 0, 1, 999999999, 1000000000, 1000000001, UINT32_MAX,
		(uint64_t)UINT32_MAX + 1, UINT64_C(1795450186123456789), INT64_MAX, UINT64_MAX,
		UINT64_C(18446744073) * 1000000000, UINT64_C(18446744073) * 1000000000 - 1 };
	uint64_t seed = 88172645463325252;

	(void)state;
	for (size_t i = 0; i < sizeof(edges) / sizeof(edges[0]); i++) {
		assert_int_equal(vdsotime_seconds(edges[i]), edges[i] / 1000000000);
		assert_int_equal(vdsotime_seconds_by_product(edges[i]), edges[i] / 1000000000);
	}
	for (int i = 0; i < 100000; i++) {
		seed ^= seed << 13;
		seed ^= seed >> 7;
		seed ^= seed << 17;
		assert_int_equal(vdsotime_seconds(seed), seed / 1000000000);
		assert_int_equal(vdsotime_seconds_by_product(seed), seed / 1000000000);
	}
}

static void test_a_line_past_its_window_is_stale(void **state)
{
	uint64_t counter = vdsotime_counter_read(VDSOTIME_COUNTER_FENCE);
	struct vdsotime_line line = line_of(1, counter - (1 << 20));
	struct vdsotime_instant instant = { 0 };
	struct vdsotime_bounded bounded;
	int64_t now = -7, sec = -7;
	uint32_t nsec;

	(void)state;
	line.meta = 20;
	publish_line(&line);
	assert_int_equal(read_ns(VDSOTIME_PAGE_MONOTONIC, &now), VDSOTIME_PAGE_STALE);
	assert_int_equal(now, -7);
	assert_int_equal(vdsotime_page_read_sec(page, VDSOTIME_PAGE_MONOTONIC,
				 VDSOTIME_COUNTER_FENCE, &sec, &nsec),
		VDSOTIME_PAGE_STALE);
	assert_int_equal(sec, -7);
	assert_int_equal(vdsotime_page_read_instant(page, VDSOTIME_COUNTER_FENCE, &instant),
		VDSOTIME_PAGE_STALE);
	assert_int_equal(vdsotime_page_read_bounded(page, VDSOTIME_COUNTER_FENCE, &bounded),
		VDSOTIME_PAGE_STALE);
}

static void test_a_counter_before_the_line_is_stale(void **state)
{
	int64_t now;

	(void)state;
	publish(1, vdsotime_counter_read(VDSOTIME_COUNTER_FENCE) + (UINT64_C(1) << 50));
	assert_int_equal(read_ns(VDSOTIME_PAGE_MONOTONIC, &now), VDSOTIME_PAGE_STALE);
}

static void test_a_page_that_is_off_is_stale(void **state)
{
	struct vdsotime_line line = line_of(1, vdsotime_counter_read(VDSOTIME_COUNTER_FENCE) - 10);
	int64_t now;

	(void)state;
	line.meta = VDSOTIME_META_OFF;
	publish_line(&line);
	assert_int_equal(read_ns(VDSOTIME_PAGE_MONOTONIC, &now), VDSOTIME_PAGE_STALE);
}

static void test_bounds_grow_with_age(void **state)
{
	struct vdsotime_line line =
		line_of(1, vdsotime_counter_read(VDSOTIME_COUNTER_FENCE) - 2000000000);
	struct vdsotime_bounded b = { 0 };

	(void)state;
	line.extra[VDSOTIME_EXTRA_ERROR] = 1000;
	line.extra[VDSOTIME_EXTRA_ERROR_GROWTH] = (UINT64_C(1) << 32) / 1000000; /* 1 ppm */
	publish_line(&line);
	assert_int_equal(
		vdsotime_page_read_bounded(page, VDSOTIME_COUNTER_FENCE, &b), VDSOTIME_PAGE_READ);
	/* a second old or a little more */
	assert_in_range(b.error_ns, 1000 + 999, 1000 + 1500);
}

/* What is cut off of the growth, and of the clock itself, is in the bound. */
static void test_a_bound_that_does_not_grow_is_a_ns_wider(void **state)
{
	struct vdsotime_line line = line_of(1, vdsotime_counter_read(VDSOTIME_COUNTER_FENCE) - 10);
	struct vdsotime_instant instant = { 0 };
	struct vdsotime_bounded bounded = { 0 };

	(void)state;
	line.extra[VDSOTIME_EXTRA_ERROR] = 1000;
	line.extra[VDSOTIME_EXTRA_TRACKING] = 500;
	publish_line(&line);
	assert_int_equal(vdsotime_page_read_bounded(page, VDSOTIME_COUNTER_FENCE, &bounded),
		VDSOTIME_PAGE_READ);
	assert_int_equal(vdsotime_page_read_instant(page, VDSOTIME_COUNTER_FENCE, &instant),
		VDSOTIME_PAGE_READ);
	assert_true(bounded.error_ns >= 1001);
	assert_int_equal(instant.error_ns, 1001);
	assert_int_equal(instant.tracking_ns, 501);
}

/* TAI may be told to be behind UTC: the kernel takes it. */
static void test_tai_may_lie_behind_utc(void **state)
{
	struct vdsotime_line line = line_of(1, vdsotime_counter_read(VDSOTIME_COUNTER_FENCE) - 10);
	struct vdsotime_instant instant = { 0 };
	int64_t utc = 0, tai = 0;

	(void)state;
	line.meta = 40 | (uint32_t)-TAI_OFFSET_S << VDSOTIME_META_TAI_SHIFT;
	publish_line(&line);
	assert_int_equal(read_ns(VDSOTIME_PAGE_REALTIME, &utc), VDSOTIME_PAGE_READ);
	assert_int_equal(read_ns(VDSOTIME_PAGE_TAI, &tai), VDSOTIME_PAGE_READ);
	assert_in_range(tai - utc + TAI_OFFSET_S * NSEC_PER_SEC, 0, NSEC_PER_SEC);
	assert_int_equal(vdsotime_page_read_instant(page, VDSOTIME_COUNTER_FENCE, &instant),
		VDSOTIME_PAGE_READ);
	assert_int_equal(instant.tai_ns - instant.realtime_ns, -TAI_OFFSET_S * NSEC_PER_SEC);
	assert_int_equal(instant.tai_offset_s, -TAI_OFFSET_S);
}

/* All ones, and what else no clock can be off by, stays out of anybody's reach. */
static void test_a_bound_does_not_overflow(void **state)
{
	const uint64_t words[] = { VDSOTIME_NO_ERROR_BOUND, VDSOTIME_NO_ERROR_BOUND - 1,
		UINT64_C(1) << 63, (UINT64_C(1) << 63) - 1 };
	struct vdsotime_line line =
		line_of(1, vdsotime_counter_read(VDSOTIME_COUNTER_FENCE) - 2000000000);
	struct vdsotime_instant instant = { 0 };
	struct vdsotime_bounded bounded = { 0 };

	(void)state;
	line.extra[VDSOTIME_EXTRA_ERROR_GROWTH] = UINT32_MAX;
	line.extra[VDSOTIME_EXTRA_TRACKING_GROWTH] = UINT32_MAX;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		line.extra[VDSOTIME_EXTRA_ERROR] = words[i];
		line.extra[VDSOTIME_EXTRA_TRACKING] = words[i];
		publish_line(&line);
		assert_int_equal(vdsotime_page_read_bounded(page, VDSOTIME_COUNTER_FENCE, &bounded),
			VDSOTIME_PAGE_READ);
		assert_int_equal(vdsotime_page_read_instant(page, VDSOTIME_COUNTER_FENCE, &instant),
			VDSOTIME_PAGE_READ);
		if (words[i] >> 63) {
			assert_true(bounded.error_ns == VDSOTIME_NO_ERROR_BOUND);
			assert_true(instant.error_ns == VDSOTIME_NO_ERROR_BOUND);
			assert_true(instant.tracking_ns == VDSOTIME_NO_ERROR_BOUND);
		} else {
			assert_true(bounded.error_ns > words[i] + 990000000);
			assert_true(instant.error_ns > words[i] + 990000000);
			assert_true(instant.tracking_ns > words[i] + 990000000);
		}
	}
}

/* By the tick a bound grows no slower than by the ns, hardly faster, and without overflow. */
static void test_growth_per_tick_is_rounded_up(void **state)
{
	uint64_t seed = 20;

	(void)state;
	for (int i = 0; i < 1000000; i++) {
		unsigned int window = (unsigned int)(seed >> 58);
		uint64_t mult = (seed = seed * 6364136223846793005u + 1) >> window;
		uint64_t growth = (seed = seed * 6364136223846793005u + 1) >> 32;
		uint64_t ticks =
			(seed = seed * 6364136223846793005u + 1) & ((UINT64_C(1) << window) - 1);
		uint64_t per_tick = vdsotime_growth_per_tick(growth, mult);
		uint64_t grown = (ticks * mult >> 32) * growth >> 32;

		assert_true(per_tick <= mult || per_tick == 1);
		assert_true(ticks * per_tick >> 32 >= grown);
		/* a 2^-32 ns for each tick, and what the age in whole ns had lost */
		assert_true((ticks * per_tick >> 32) - grown <= (ticks >> 32) + 2);
	}
	assert_int_equal(vdsotime_growth_per_tick(UINT32_MAX, UINT64_MAX), UINT64_MAX - UINT32_MAX);
	assert_int_equal(vdsotime_growth_per_tick(0, MULT), 1);
	/* the high half of the word is not used */
	assert_int_equal(vdsotime_growth_per_tick(UINT64_MAX, UINT64_MAX),
		vdsotime_growth_per_tick(UINT32_MAX, UINT64_MAX));
}

static void test_backup_answers_while_the_primary_is_written(void **state)
{
	int64_t now;

	(void)state;
	publish(1, vdsotime_counter_read(VDSOTIME_COUNTER_FENCE) - 100);
	page->line[0].seq |= 1;
	page->line[0].word[VDSOTIME_WORD_MONOTONIC] = 1;
	assert_int_equal(read_ns(VDSOTIME_PAGE_MONOTONIC, &now), VDSOTIME_PAGE_READ);
	assert_true(now >= MONOTONIC_NS);
}

static void test_a_reader_gives_up_when_both_lines_are_odd(void **state)
{
	struct vdsotime_line copy;
	int64_t now;

	(void)state;
	publish(1, vdsotime_counter_read(VDSOTIME_COUNTER_FENCE) - 100);
	page->line[0].seq |= 1;
	page->line[1].seq |= 1;
	assert_int_equal(read_ns(VDSOTIME_PAGE_MONOTONIC, &now), VDSOTIME_PAGE_BUSY);
	assert_false(vdsotime_page_line(page, &copy));
}

static void test_an_odd_line_of_a_dead_writer_is_written_over(void **state)
{
	struct vdsotime_line value = line_of(1, 5), copy;

	(void)state;
	page->line[0].seq = 7;
	vdsotime_line_store(&page->line[0], &value);
	assert_int_equal(page->line[0].seq, 8);
	assert_true(vdsotime_line_load(&page->line[0], &copy));
	assert_int_equal(copy.word[VDSOTIME_WORD_COUNTER], 5);
}

static void test_nothing_is_recovered_from_a_page_never_published(void **state)
{
	struct vdsotime_line line;

	(void)state;
	assert_int_equal(page_recover(page, &line), 0);
}

/*
 * The writer dies after each of its stores; whoever takes over finds a whole line, and so do
 * readers.
 */
static void test_recover_after_a_death_at_each_store(void **state)
{
	(void)state;
	for (int done = 0; done <= 2 * (int)sizeof(struct vdsotime_line); done++) {
		struct vdsotime_line value = line_of(2, 200), found;
		uint8_t *from = (uint8_t *)&value;
		int half = (int)sizeof(struct vdsotime_line);

		memset(page->line, 0, sizeof(page->line));
		memset(page->ring, 0, sizeof(page->ring));
		publish(1, 100);
		/* the first `done` bytes of a publication: primary, then backup */
		for (int i = 0; i < 2; i++) {
			int n = done - i * half < half ? done - i * half : half;

			value.seq = n == half ? 4 : 3;
			if (n > 0)
				memcpy(&page->line[i], from, (size_t)n < 4 ? 4 : (size_t)n);
		}
		assert_int_equal(page_recover(page, &found), 1);
		uint64_t generation = found.extra[VDSOTIME_EXTRA_GENERATION];

		assert_int_equal(generation, done >= half ? 2 : 1);
		for (int i = 0; i < 2; i++) {
			struct vdsotime_line copy;

			assert_true(vdsotime_line_load(&page->line[i], &copy));
			assert_int_equal(copy.extra[VDSOTIME_EXTRA_GENERATION], generation);
			assert_int_equal(copy.word[VDSOTIME_WORD_COUNTER], generation * 100);
		}
		assert_int_equal(page->ring[generation % VDSOTIME_PAGE_RING]
					 .extra[VDSOTIME_EXTRA_GENERATION],
			generation);
	}
}

/* PROTOCOL.md's sum, by hand. */
static void test_the_check_word_is_the_sum_of_the_protocol(void **state)
{
	const uint64_t factor = UINT64_C(0x9e3779b97f4a7c15);
	struct vdsotime_line line = { .meta = 5 };

	(void)state;
	assert_int_equal(vdsotime_line_check(&(struct vdsotime_line){ 0 }), 0);
	line.extra[VDSOTIME_EXTRA_FLAGS] = 3;
	uint64_t sum = 5;

	for (int i = 0; i < 14; i++)
		sum *= factor;
	sum = (sum + 3) * factor;
	assert_int_equal(vdsotime_line_check(&line), sum);
	line.extra[VDSOTIME_EXTRA_CHECK] = 77;
	assert_int_equal(vdsotime_line_check(&line), sum);
}

static void test_a_line_that_is_not_intact_is_not_told(void **state)
{
	struct vdsotime_line line;

	(void)state;
	publish(1, 100);
	assert_true(vdsotime_page_intact(page));
	page->line[0].extra[VDSOTIME_EXTRA_ERROR] ^= 16;
	assert_false(vdsotime_page_intact(page));
	assert_true(vdsotime_page_line(page, &line));
	assert_int_equal(line.extra[VDSOTIME_EXTRA_ERROR], 0);
	page->line[1].extra[VDSOTIME_EXTRA_CHECK] ^= 1;
	assert_false(vdsotime_page_line(page, &line));
	/* a line that is being written is no matter */
	page->line[0].seq |= 1;
	page->line[1].extra[VDSOTIME_EXTRA_CHECK] ^= 1;
	assert_true(vdsotime_page_intact(page));
}

static void test_a_page_that_is_not_intact_is_not_taken_over(void **state)
{
	struct vdsotime_line line;

	(void)state;
	for (int i = 0; i < 2; i++) {
		publish(1, 100);
		page->line[i].word[VDSOTIME_WORD_MONOTONIC] ^= 1;
		assert_false(page_recover(page, &line));
		/* one that its writer was at, at its death, is repaired */
		page->line[i].seq |= 1;
		assert_true(page_recover(page, &line));
		assert_true(vdsotime_page_intact(page));
	}
	/* a slot that is not is written again */
	page->ring[1].word[VDSOTIME_WORD_RAW] ^= 1;
	assert_true(page_recover(page, &line));
	assert_true(vdsotime_line_intact(&page->ring[1]));
}

static void test_epoch_word_follows_the_epoch(void **state)
{
	struct vdsotime_line line = line_of(1, 0);

	(void)state;
	line.extra[VDSOTIME_EXTRA_EPOCH] = UINT64_C(0x1234567890);
	publish_line(&line);
	assert_int_equal(page->epoch, 0x34567890);
}

static int resolve(uint64_t stamp, int64_t *ret)
{
	return vdsotime_page_resolve(page, VDSOTIME_PAGE_MONOTONIC, stamp, ret);
}

/*
 * Lines a million ticks apart, each a million ns further than its rate says: so one sees which was
 * used.
 */
static void publish_staircase(uint64_t generations)
{
	for (uint64_t g = 1; g <= generations; g++) {
		struct vdsotime_line line = line_of(g, g * 1000000);

		line.meta = 21;
		line.word[VDSOTIME_WORD_MONOTONIC] = g * 2000000;
		publish_line(&line);
	}
}

static void test_an_old_stamp_is_resolved_by_the_line_of_its_time(void **state)
{
	int64_t ns;

	(void)state;
	publish_staircase(3000);
	for (uint64_t g = 3000 - VDSOTIME_PAGE_RING + 2; g <= 3000; g++) {
		assert_true(resolve(g * 1000000, &ns));
		assert_int_equal(ns, g * 2000000);
		assert_true(resolve(g * 1000000 + 999999, &ns));
		assert_int_equal(ns, g * 2000000 + 499999);
	}
}

static void test_a_stamp_older_than_the_ring_is_refused(void **state)
{
	int64_t ns;

	(void)state;
	publish_staircase(3000);
	assert_false(resolve((3000 - VDSOTIME_PAGE_RING) * UINT64_C(1000000), &ns));
	assert_false(resolve(0, &ns));
}

static void test_a_stamp_of_the_future_or_in_a_gap_is_refused(void **state)
{
	struct vdsotime_line late = line_of(11, 100 * UINT64_C(1000000));
	int64_t ns;

	(void)state;
	publish_staircase(10);
	publish_line(&late);
	/* generation 10 held for 2^21 ticks */
	assert_true(resolve(10 * 1000000 + (1 << 21) - 1, &ns));
	assert_false(resolve(10 * 1000000 + (1 << 21), &ns));
	assert_false(resolve(100 * UINT64_C(1000000) + (UINT64_C(1) << 40), &ns));
}

static void publish_run(uint64_t generation, uint64_t lines, uint64_t monotonic_ns)
{
	for (uint64_t i = 1; i <= lines; i++) {
		struct vdsotime_line line = line_of(generation + i - 1, i * 1000000);

		line.meta = 21;
		line.word[VDSOTIME_WORD_MULT] = UINT64_C(1) << 32;
		line.word[VDSOTIME_WORD_MONOTONIC] = monotonic_ns + i * 1000000;
		publish_line(&line);
	}
}

/* The older lines are of the same counter values, and of other times. */
static void test_a_counter_that_begins_anew_leaves_the_older_lines_behind(void **state)
{
	const uint64_t lengths[] = { 1, 2, 400, 600, 601, 1023, 1024, 1500 };
	const uint64_t slept_ns = 60000000000;
	struct vdsotime_line line;
	int64_t ns;

	(void)state;
	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		uint64_t oldest =
			lengths[i] >= VDSOTIME_PAGE_RING ? lengths[i] - VDSOTIME_PAGE_RING + 1 : 1;

		memset(page->line, 0, sizeof(page->line));
		memset(page->ring, 0, sizeof(page->ring));
		publish_run(1, 600, 0);
		publish_run(600 + VDSOTIME_PAGE_RING, lengths[i], slept_ns);
		assert_true(page_recover(page, &line));
		for (uint64_t j = 0; j <= lengths[i]; j++) {
			uint64_t stamp = j * 1000000 + 5;

			assert_int_equal(resolve(stamp, &ns), j >= oldest);
			if (j >= oldest)
				assert_int_equal(ns, slept_ns + stamp);
		}
	}
}

/* By a spoiled line no stamp is resolved; nor by an older one, which was no longer in force. */
static void test_a_spoiled_slot_of_the_ring_resolves_nothing(void **state)
{
	struct vdsotime_line *slot = &page->ring[2500 % VDSOTIME_PAGE_RING];
	int64_t ns;

	(void)state;
	publish_staircase(3000);
	slot->word[VDSOTIME_WORD_COUNTER] ^= 1;
	assert_false(resolve(2500 * UINT64_C(1000000) + 5, &ns));
	assert_true(resolve(2501 * UINT64_C(1000000), &ns));
	assert_int_equal(ns, 2501 * UINT64_C(2000000));
	slot->word[VDSOTIME_WORD_COUNTER] ^= 1;
	assert_true(resolve(2500 * UINT64_C(1000000) + 5, &ns));
}

static void test_a_page_of_another_kin_is_refused_with_the_reason(void **state)
{
	struct vdsotime_page_reader self = { .counter_kind = VDSOTIME_COUNTER_HERE };
	struct vdsotime_page_header good = page->header;

	(void)state;
	memcpy(self.boot_id, identity.boot_id, sizeof(self.boot_id));
#define CHECK() vdsotime_page_check(page, sizeof(*page), &self)
	assert_int_equal(CHECK(), VDSOTIME_PAGE_OK);
	page->header.magic ^= 1;
	assert_int_equal(CHECK(), VDSOTIME_PAGE_BAD_MAGIC);
	page->header = good;
	page->header.major++;
	assert_int_equal(CHECK(), VDSOTIME_PAGE_BAD_VERSION);
	page->header = good;
	page->header.minor++;
	assert_int_equal(CHECK(), VDSOTIME_PAGE_OK);
	page->header = good;
	page->header.size_bytes++;
	assert_int_equal(CHECK(), VDSOTIME_PAGE_BAD_SIZE);
	page->header = good;
	page->header.ring_entries--;
	assert_int_equal(CHECK(), VDSOTIME_PAGE_BAD_SIZE);
	page->header = good;
	page->header.boot_id[15] ^= 0x80;
	assert_int_equal(CHECK(), VDSOTIME_PAGE_BAD_BOOT_ID);
	page->header = good;
	page->header.counter_kind++;
	assert_int_equal(CHECK(), VDSOTIME_PAGE_BAD_COUNTER);
	page->header = good;
	page->header.counter_kind = VDSOTIME_COUNTER_NONE;
	self.counter_kind = VDSOTIME_COUNTER_NONE;
	assert_int_equal(CHECK(), VDSOTIME_PAGE_BAD_COUNTER);
	self.counter_kind = VDSOTIME_COUNTER_HERE;
	page->header = good;
	assert_int_equal(
		vdsotime_page_check(page, sizeof(*page) - 1, &self), VDSOTIME_PAGE_BAD_SIZE);
	assert_int_equal(vdsotime_page_check(page, 127, &self), VDSOTIME_PAGE_BAD_SIZE);
#undef CHECK
}

static void test_only_a_page_of_the_same_identity_is_taken_over(void **state)
{
	struct page_identity other = identity;

	(void)state;
	assert_true(page_is_ours(page, sizeof(*page), &identity));
	other.time_namespace_inode++;
	assert_false(page_is_ours(page, sizeof(*page), &other));
	other = identity;
	other.time_namespace_dev++;
	assert_false(page_is_ours(page, sizeof(*page), &other));
	other = identity;
	other.boot_id[0]++;
	assert_false(page_is_ours(page, sizeof(*page), &other));
	/* it is told apart by these, and may have been calibrated otherwise */
	assert_int_equal(page->header.instance, 42);
	page->header.instance++;
	page->header.counter_hz++;
	assert_true(page_is_ours(page, sizeof(*page), &identity));
}

/* A later writer has put there what this one would not keep up. */
static void test_a_page_of_another_minor_is_not_taken_over(void **state)
{
	(void)state;
	page->header.minor++;
	assert_false(page_is_ours(page, sizeof(*page), &identity));
	page->header.minor--;
	for (size_t i = 0; i < 7; i++) {
		page->header.reserved[i] = 1;
		assert_false(page_is_ours(page, sizeof(*page), &identity));
		page->header.reserved[i] = 0;
	}
	assert_true(page_is_ours(page, sizeof(*page), &identity));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_page, drop_page)
	const struct CMUnitTest tests[] = {
		TEST(test_each_clock_is_its_base_and_what_the_counter_ran),
		TEST(test_a_snapshot_is_of_one_instant),
		TEST(test_seconds_and_nanoseconds_agree_with_ns),
		TEST(test_division_by_a_billion_is_exact),
		TEST(test_a_line_past_its_window_is_stale),
		TEST(test_a_counter_before_the_line_is_stale),
		TEST(test_a_page_that_is_off_is_stale),
		TEST(test_bounds_grow_with_age),
		TEST(test_a_bound_that_does_not_grow_is_a_ns_wider),
		TEST(test_a_bound_does_not_overflow),
		TEST(test_tai_may_lie_behind_utc),
		TEST(test_growth_per_tick_is_rounded_up),
		TEST(test_backup_answers_while_the_primary_is_written),
		TEST(test_a_reader_gives_up_when_both_lines_are_odd),
		TEST(test_an_odd_line_of_a_dead_writer_is_written_over),
		TEST(test_nothing_is_recovered_from_a_page_never_published),
		TEST(test_recover_after_a_death_at_each_store),
		TEST(test_the_check_word_is_the_sum_of_the_protocol),
		TEST(test_a_line_that_is_not_intact_is_not_told),
		TEST(test_a_page_that_is_not_intact_is_not_taken_over),
		TEST(test_epoch_word_follows_the_epoch),
		TEST(test_an_old_stamp_is_resolved_by_the_line_of_its_time),
		TEST(test_a_stamp_older_than_the_ring_is_refused),
		TEST(test_a_stamp_of_the_future_or_in_a_gap_is_refused),
		TEST(test_a_counter_that_begins_anew_leaves_the_older_lines_behind),
		TEST(test_a_spoiled_slot_of_the_ring_resolves_nothing),
		TEST(test_a_page_of_another_kin_is_refused_with_the_reason),
		TEST(test_only_a_page_of_the_same_identity_is_taken_over),
		TEST(test_a_page_of_another_minor_is_not_taken_over),
	};

	return cmocka_run_group_tests_name("page", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * A page that goes wrong after it was attached to: status and refresh see it, bit by bit, and a
 * refresh leaves it.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include <vdsotime/client.h>

#include "tests/fixtures/fake-daemon.h"
#include "tests/fixtures/live-page.h"

#define NSEC_PER_SEC INT64_C(1000000000)
#define WINDOW_LOG2 30
#define TRACKING_NS 5000000
#define HOUR_NS (3600 * NSEC_PER_SEC)

static struct live_page page;
static struct fake_daemon daemon_;
static struct vdsotime *t;

/* So that no test sees the end of its window. */
static void renew(void)
{
	live_page_aim(&page, WINDOW_LOG2, TRACKING_NS);
	live_page_publish(&page);
}

static int start(void **state)
{
	(void)state;
	live_page_start(&page, WINDOW_LOG2, TRACKING_NS);
	fake_daemon_start(&daemon_, page.fd);
	return vdsotime_attach(&t, daemon_.dir, 0);
}

static int stop(void **state)
{
	(void)state;
	t = vdsotime_detach(t);
	fake_daemon_stop(&daemon_);
	live_page_free(&page);
	return 0;
}

static struct vdsotime_status status(void)
{
	struct vdsotime_status s;

	assert_int_equal(vdsotime_status(t, &s), 0);
	return s;
}

static int64_t kernel_ns(clockid_t id)
{
	struct timespec ts = { 0 };

	assert_int_equal(clock_gettime(id, &ts), 0);
	return ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

/* Status says that the page is wrong, or does not take its answers from it. */
static void assert_seen(const char *what, unsigned int line, unsigned int bit)
{
	struct vdsotime_status s = status();

	if (s.path == VDSOTIME_PATH_PAGE && s.reason != VDSOTIME_NOPAGE_CROSS_CHECK)
		fail_msg("%s: bit %u of line %u is not seen", what, bit, line);
}

static void flip(unsigned int line, size_t at, unsigned int bit)
{
	((uint8_t *)&page.page->line[line])[at + bit / 8] ^= (uint8_t)(1u << bit % 8);
}

/* Every bit but those of the sequence, in the clocks, the bounds and all else. */
static void check_bits(unsigned int line)
{
	assert_int_equal(status().reason, VDSOTIME_NOPAGE_NONE);
	for (unsigned int bit = 8 * offsetof(struct vdsotime_line, meta);
		bit < 8 * sizeof(struct vdsotime_line); bit++) {
		flip(line, 0, bit);
		assert_seen("line", line, bit);
		flip(line, 0, bit);
	}
	assert_int_equal(status().reason, VDSOTIME_NOPAGE_NONE);
}

static void test_a_flipped_bit_is_seen(void **state)
{
	(void)state;
	for (unsigned int line = 0; line < 2; line++) {
		renew();
		check_bits(line);
		/* and when a dead writer has left the other one half-written */
		renew();
		page.page->line[!line].seq |= 1;
		check_bits(line);
	}
}

/* The sequence: nothing of the time is in it. */
static void test_bits_that_do_no_harm(void **state)
{
	int64_t ns = 0;

	(void)state;
	renew();
	for (unsigned int bit = 0; bit < 32; bit++) {
		flip(0, 0, bit);
		int64_t before = kernel_ns(CLOCK_REALTIME) - TRACKING_NS;

		assert_int_equal(vdsotime_gettime_ns(t, CLOCK_REALTIME, &ns), 0);
		assert_in_range(ns, before, kernel_ns(CLOCK_REALTIME) + TRACKING_NS);
		flip(0, 0, bit);
	}
}

/* Wrong in both copies alike, as by a daemon that errs. */
static void test_a_clock_that_is_wrong_in_both_copies_is_seen(void **state)
{
	static const enum vdsotime_word words[] = { VDSOTIME_WORD_COUNTER, VDSOTIME_WORD_MONOTONIC,
		VDSOTIME_WORD_REALTIME, VDSOTIME_WORD_BOOTTIME, VDSOTIME_WORD_RAW };

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		renew();
		page.line.word[words[i]] -= (uint64_t)(20 * TRACKING_NS);
		live_page_publish(&page);
		assert_seen("word", 2, (unsigned int)words[i]);
		renew();
		assert_int_equal(status().reason, VDSOTIME_NOPAGE_NONE);
	}
	/* a bound that excuses everything is none */
	page.line.word[VDSOTIME_WORD_MONOTONIC] += (uint64_t)HOUR_NS;
	page.line.extra[VDSOTIME_EXTRA_TRACKING] = (uint64_t)(2 * HOUR_NS);
	live_page_publish(&page);
	assert_seen("bound", 2, 0);
}

static void test_a_refresh_leaves_a_page_that_is_wrong(void **state)
{
	struct vdsotime_status s;
	int64_t ns = 0;

	(void)state;
	renew();
	page.line.word[VDSOTIME_WORD_REALTIME] += (uint64_t)HOUR_NS;
	live_page_publish(&page);
	/* a handle does not change by itself */
	assert_int_equal(vdsotime_gettime_ns(t, CLOCK_REALTIME, &ns), 0);
	assert_true(ns > kernel_ns(CLOCK_REALTIME) + HOUR_NS / 2);
	assert_int_equal(vdsotime_refresh(t), -ERANGE);
	s = status();
	assert_int_not_equal(s.path, VDSOTIME_PATH_PAGE);
	assert_int_equal(s.reason, VDSOTIME_NOPAGE_CROSS_CHECK);
	assert_int_equal(vdsotime_gettime_ns(t, CLOCK_REALTIME, &ns), 0);
	assert_true(ns <= kernel_ns(CLOCK_REALTIME));
	/* and comes back to it once it is right */
	renew();
	assert_int_equal(vdsotime_refresh(t), 0);
	assert_int_equal(status().path, VDSOTIME_PATH_PAGE);
	assert_int_equal(status().reason, VDSOTIME_NOPAGE_NONE);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
	const struct CMUnitTest tests[] = {
		TEST(test_a_flipped_bit_is_seen),
		TEST(test_bits_that_do_no_harm),
		TEST(test_a_clock_that_is_wrong_in_both_copies_is_seen),
		TEST(test_a_refresh_leaves_a_page_that_is_wrong),
	};

	return cmocka_run_group_tests_name("crosscheck", tests, NULL, NULL);
}

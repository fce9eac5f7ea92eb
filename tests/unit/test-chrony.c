/* SPDX-License-Identifier: MIT */
/* What chronyd's tracking report says, and what is no report at all. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/chrony.h"

#define SEQUENCE 0x12345678

/* clang-format off */

/*
 * What chronyd 4.3 answered with two sources and without: `chronyc tracking` said at the same time
 * "System time: 0.000001271 seconds fast", "Root delay: 0.000005897", "Root dispersion:
 * 0.000000185"; the dispersion grows between two looks.
 */
static const uint8_t synchronised[CHRONY_FRAME_BYTES] = {
	0x06, 0x02, 0x00, 0x00, 0x00, 0x21, 0x00, 0x05, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x12, 0x34, 0x56, 0x78, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x7f, 0x00, 0x00, 0x01, 0x7f, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00,
	0x00, 0x09, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x6b, 0x04, 0xa7, 0x62, 0x0d,
	0x48, 0x1e, 0x4c, 0xdd, 0x55, 0x66, 0x58, 0xc9, 0x2f, 0x60, 0xc9, 0xd0, 0x9f,
	0xf9, 0xdf, 0xf2, 0xc3, 0xf4, 0xe9, 0xe9, 0x04, 0x84, 0x49, 0xfa, 0xc8, 0xed,
	0xde, 0xe0, 0xc5, 0xde, 0xd8, 0xd6, 0xb8, 0x88, 0x76, 0xfe, 0x83, 0x05, 0x49,
};

/* One with `local stratum 8` and no source. */
static const uint8_t local[CHRONY_FRAME_BYTES] = {
	0x06, 0x02, 0x00, 0x00, 0x00, 0x21, 0x00, 0x05, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x12, 0x34, 0x56, 0x78, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x7f, 0x7f, 0x01, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x6b, 0x04, 0xa7, 0x46, 0x35,
	0x07, 0xd7, 0x5c,
};

/* The same chronyd to a request of 103 bytes: STT_BADPKTLENGTH. */
static const uint8_t error[] = {
	0x06, 0x02, 0x00, 0x00, 0x00, 0x21, 0x00, 0x01, 0x00, 0x13, 0x00, 0x00, 0x00,
	0x00, 0x00, 0x00, 0x12, 0x34, 0x56, 0x78, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
	0x00, 0x00,
};

/* To this request: version 6, CMD_REQUEST, REQ_TRACKING, first attempt. */
static const uint8_t request[CHRONY_FRAME_BYTES] = {
	0x06, 0x01, 0x00, 0x00, 0x00, 0x21, 0x00, 0x00, 0x12, 0x34, 0x56, 0x78,
};

/* clang-format on */

static uint8_t frame[CHRONY_FRAME_BYTES + 8];
static struct chrony_report report;

static int parse(void)
{
	return chrony_parse(frame, CHRONY_FRAME_BYTES, SEQUENCE, &report);
}

static int begin(void **state)
{
	(void)state;
	memcpy(frame, synchronised, sizeof(synchronised));
	memset(&report, 0xa5, sizeof(report));
	return 0;
}

/* chrony's float, from its two parts. */
static void put_float(size_t at, int32_t exponent, int32_t coefficient)
{
	uint32_t bits = (uint32_t)exponent << 25 | ((uint32_t)coefficient & 0x1ffffff);

	for (int i = 0; i < 4; i++)
		frame[at + (size_t)i] = (uint8_t)(bits >> (24 - 8 * i));
}

#define CORRECTION 68
#define ROOT_DELAY 92
#define ROOT_DISPERSION 96

static void put_zeros(void)
{
	put_float(CORRECTION, 0, 0);
	put_float(ROOT_DELAY, 0, 0);
	put_float(ROOT_DISPERSION, 0, 0);
}

static void test_report_of_a_real_chronyd_is_its_three_numbers(void **state)
{
	(void)state;
	assert_int_equal(parse(), 0);
	assert_true(report.synchronised);
	/* 1271 + 5897 / 2 and a dispersion of some hundred ns to microseconds */
	assert_in_range(report.bound_ns, 1271 + 2948 + 100, 1271 + 2948 + 200);
}

static void test_each_number_counts_as_documented(void **state)
{
	static const struct {
		size_t at;
		int32_t sign;
		uint64_t ns;
	} parts[] = {
		{ CORRECTION, 1, 250000000 },
		{ CORRECTION, -1, 250000000 },
		{ ROOT_DELAY, 1, 125000000 },
		{ ROOT_DISPERSION, 1, 250000000 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		put_zeros();
		/* 2^23 * 2^(0 - 25) s */
		put_float(parts[i].at, 0, parts[i].sign * (1 << 23));
		assert_int_equal(parse(), 0);
		/* never below, and what is added for rounding is less than a millionth */
		assert_in_range(report.bound_ns, parts[i].ns, parts[i].ns + 250);
	}
}

/* As they are on the wire; worked out by hand from how candm.h describes them. */
static void test_floats_are_those_of_chronys_protocol(void **state)
{
	static const struct {
		uint8_t bytes[4];
		uint64_t ns; /* rounded down; 0: none, or one that is beyond every bound */
	} floats[] = {
		{ { 0x00, 0x80, 0x00, 0x00 }, 250000000 }, /* 2^23, exponent 0 */
		{ { 0x00, 0xff, 0xff, 0xff }, 499999970 }, /* the largest coefficient */
		{ { 0x01, 0x00, 0x00, 0x00 }, 500000000 }, /* the least, -2^24 */
		{ { 0x01, 0x80, 0x00, 0x00 }, 250000000 }, /* -2^23, exponent 0 */
		{ { 0x01, 0xff, 0xff, 0xff }, 29 }, /* -1 */
		{ { 0x00, 0x00, 0x00, 0x01 }, 29 },
		{ { 0x02, 0x80, 0x00, 0x00 }, 500000000 }, /* 2^23, exponent 1 */
		{ { 0x08, 0x80, 0x00, 0x00 }, 4000000000 }, /* exponent 4 */
		{ { 0xfe, 0x80, 0x00, 0x00 }, 125000000 }, /* exponent -1 */
		{ { 0xf8, 0x80, 0x00, 0x00 }, 15625000 }, /* exponent -4 */
		{ { 0xd8, 0x80, 0x00, 0x00 }, 238 }, /* exponent -20 */
		{ { 0xd9, 0x80, 0x00, 0x00 }, 238 }, /* -2^23, exponent -20 */
		{ { 0x7e, 0x00, 0x00, 0x01 }, 0 }, /* the largest exponent, 63: 2^38 s */
		{ { 0x7e, 0x00, 0x00, 0x00 }, 0 },
		{ { 0x00, 0x00, 0x00, 0x00 }, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(floats) / sizeof(floats[0]); i++) {
		put_zeros();
		memcpy(frame + CORRECTION, floats[i].bytes, 4);
		assert_int_equal(parse(), floats[i].ns > 0 ? 0 : -EBADMSG);
		if (floats[i].ns > 0)
			assert_in_range(report.bound_ns, floats[i].ns,
				floats[i].ns + floats[i].ns / 1000000 + 1);
	}
	/* the least of all, exponent -64 */
	put_float(CORRECTION, 0, 0);
	memcpy(frame + CORRECTION, (const uint8_t[]){ 0x80, 0xff, 0xff, 0xff }, 4);
	assert_int_equal(parse(), 0);
	assert_int_equal(report.bound_ns, 1);
}

static void test_bound_is_never_zero(void **state)
{
	(void)state;
	put_zeros();
	assert_int_equal(parse(), -EBADMSG);
	/* the smallest float */
	put_float(ROOT_DISPERSION, -64, 1);
	assert_int_equal(parse(), 0);
	assert_int_equal(report.bound_ns, 1);
}

static void test_local_reference_is_synchronised_to_nobody(void **state)
{
	(void)state;
	memcpy(frame, local, sizeof(local));
	assert_int_equal(parse(), 0);
	assert_false(report.synchronised);
	assert_int_equal(report.bound_ns, 0);
}

static void test_leap_states_are_told_apart(void **state)
{
	(void)state;
	for (uint8_t leap = 0; leap < 3; leap++) {
		frame[55] = leap;
		assert_int_equal(parse(), 0);
		assert_true(report.synchronised);
	}
	frame[55] = 3;
	assert_int_equal(parse(), 0);
	assert_false(report.synchronised);
	assert_int_equal(report.bound_ns, 0);
	frame[55] = 4;
	assert_int_equal(parse(), -EBADMSG);
	frame[54] = 1;
	frame[55] = 0;
	assert_int_equal(parse(), -EBADMSG);
}

static void test_numbers_that_cannot_be_are_refused(void **state)
{
	(void)state;
	put_float(ROOT_DELAY, 0, -1);
	put_float(CORRECTION, 0, 1 << 23);
	assert_int_equal(parse(), -EBADMSG);
	begin(NULL);
	put_float(ROOT_DISPERSION, 0, -1);
	put_float(CORRECTION, 0, 1 << 23);
	assert_int_equal(parse(), -EBADMSG);
	for (size_t at = ROOT_DELAY; at <= ROOT_DISPERSION; at += 4) {
		begin(NULL);
		put_float(at, 63, (1 << 24) - 1);
		assert_int_equal(parse(), -EBADMSG);
		begin(NULL);
		put_float(at, 0, -(1 << 24));
		assert_int_equal(parse(), -EBADMSG);
	}
	begin(NULL);
	put_float(CORRECTION, 63, -(1 << 24));
	assert_int_equal(parse(), -EBADMSG);
	/* 16 s are the kernel's limit, and ours */
	put_zeros();
	put_float(CORRECTION, 5, (1 << 24) - 8);
	assert_int_equal(parse(), 0);
	assert_in_range(report.bound_ns, 15999990000, CHRONY_BOUND_MAX_NS);
	put_float(CORRECTION, 5, (1 << 24) - 1);
	assert_int_equal(parse(), -EBADMSG);
}

static void test_every_length_but_its_own_is_refused(void **state)
{
	(void)state;
	for (size_t n = 0; n <= sizeof(frame); n++)
		assert_int_equal(chrony_parse(frame, n, SEQUENCE, &report),
			n == CHRONY_FRAME_BYTES ? 0 : -EBADMSG);
	assert_int_equal(chrony_parse(error, sizeof(error), SEQUENCE, &report), -EBADMSG);
}

static void test_every_other_head_is_refused(void **state)
{
	/* version, kind of packet, command, reply, status, sequence */
	static const size_t places[] = { 0, 1, 4, 5, 6, 7, 8, 9, 16, 17, 18, 19 };

	(void)state;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
		for (unsigned int bit = 0; bit < 8; bit++) {
			begin(NULL);
			frame[places[i]] ^= (uint8_t)(1 << bit);
			assert_int_equal(parse(), -EBADMSG);
		}
}

/* Whatever the bits: no report without a bound, and none with one that nobody could use. */
static void test_any_bits_are_a_sane_report_or_none(void **state)
{
	uint32_t seed = 1, taken = 0;

	(void)state;
	for (int i = 0; i < 100000; i++) {
		begin(NULL);
		for (size_t at = 28; at < CHRONY_FRAME_BYTES; at++) {
			seed = seed * 1664525 + 1013904223;
			if (at < 52 || at > 55)
				frame[at] = (uint8_t)(seed >> 24);
		}
		if (parse() < 0)
			continue;
		taken++;
		assert_true(report.synchronised);
		assert_in_range(report.bound_ns, 1, CHRONY_BOUND_MAX_NS);
	}
	assert_true(taken > 1000);
}

static void test_request_is_as_long_as_its_reply(void **state)
{
	struct chrony c = { 0 };

	(void)state;
	memset(frame, 0xa5, sizeof(frame));
	chrony_ask(&c, SEQUENCE, 1000, frame);
	assert_memory_equal(frame, request, sizeof(request));
	assert_int_equal(frame[CHRONY_FRAME_BYTES], 0xa5);
	assert_int_equal(c.counts.requests, 1);
}

static void ask(struct chrony *c, uint32_t sequence, int64_t boottime_ns)
{
	uint8_t ignored[CHRONY_FRAME_BYTES];

	chrony_ask(c, sequence, boottime_ns, ignored);
}

static int take(struct chrony *c)
{
	return chrony_take(c, synchronised, sizeof(synchronised), &report);
}

static void test_report_is_of_when_it_was_asked_for(void **state)
{
	struct chrony c = { 0 };

	(void)state;
	ask(&c, SEQUENCE, 4711);
	assert_int_equal(take(&c), 0);
	assert_int_equal(report.asked_at_ns, 4711);
	assert_int_equal(c.counts.reports, 1);
	assert_int_equal(c.counts.lost, 0);
}

static void test_what_was_not_asked_for_is_refused(void **state)
{
	struct chrony c = { 0 };

	(void)state;
	assert_int_equal(take(&c), -EBADMSG);
	ask(&c, SEQUENCE, 1000);
	assert_int_equal(take(&c), 0);
	/* the same once more */
	report.asked_at_ns = 7;
	assert_int_equal(take(&c), -EBADMSG);
	assert_int_equal(report.asked_at_ns, 7);
	assert_int_equal(c.counts.refused, 2);
	assert_int_equal(c.counts.reports, 1);
}

static void test_refused_reply_leaves_room_for_the_true_one(void **state)
{
	struct chrony c = { 0 };

	(void)state;
	ask(&c, SEQUENCE, 1000);
	assert_int_equal(chrony_take(&c, error, sizeof(error), &report), -EBADMSG);
	assert_int_equal(take(&c), 0);
	assert_int_equal(c.counts.refused, 1);
	assert_int_equal(c.counts.lost, 0);
}

static void test_late_reply_is_refused_and_its_request_lost(void **state)
{
	struct chrony c = { 0 };

	(void)state;
	ask(&c, SEQUENCE, 1000);
	ask(&c, SEQUENCE + 1, 2000);
	assert_int_equal(c.counts.lost, 1);
	assert_int_equal(take(&c), -EBADMSG);
	assert_int_equal(c.counts.refused, 1);
	/* one that could not be sent is lost once */
	chrony_lose(&c);
	chrony_lose(&c);
	assert_int_equal(c.counts.lost, 2);
	assert_int_equal(c.counts.requests, 2);
	/* and a chronyd that is back is taken */
	ask(&c, SEQUENCE, 3000);
	assert_int_equal(take(&c), 0);
	assert_int_equal(report.asked_at_ns, 3000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_report_of_a_real_chronyd_is_its_three_numbers, begin),
		cmocka_unit_test_setup(test_each_number_counts_as_documented, begin),
		cmocka_unit_test_setup(test_floats_are_those_of_chronys_protocol, begin),
		cmocka_unit_test_setup(test_bound_is_never_zero, begin),
		cmocka_unit_test_setup(test_local_reference_is_synchronised_to_nobody, begin),
		cmocka_unit_test_setup(test_leap_states_are_told_apart, begin),
		cmocka_unit_test_setup(test_numbers_that_cannot_be_are_refused, begin),
		cmocka_unit_test_setup(test_every_length_but_its_own_is_refused, begin),
		cmocka_unit_test_setup(test_every_other_head_is_refused, begin),
		cmocka_unit_test_setup(test_any_bits_are_a_sane_report_or_none, begin),
		cmocka_unit_test_setup(test_request_is_as_long_as_its_reply, begin),
		cmocka_unit_test_setup(test_report_is_of_when_it_was_asked_for, begin),
		cmocka_unit_test_setup(test_what_was_not_asked_for_is_refused, begin),
		cmocka_unit_test_setup(test_refused_reply_leaves_room_for_the_true_one, begin),
		cmocka_unit_test_setup(test_late_reply_is_refused_and_its_request_lost, begin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

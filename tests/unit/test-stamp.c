/* SPDX-License-Identifier: MIT */
/* The stamp socket's packets: their bytes, and every reason to refuse one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/wire/stamp.h"

#define CLOCK_TAI 11

static void test_requests_have_the_documented_bytes(void **state)
{
	static const unsigned char hello[16] = { 1, 0, 0, 0, 1, 0, 0, 0, 0x56, 0x44, 0x74, 0x53 };
	static const unsigned char attach[16] = { 2 };
	static const unsigned char stamp[16] = { 3, 0, 0, 0, 11 };
	static const unsigned char subscribe[16] = { 4, 0, 0, 0, 11, 0, 0, 0, 0x10, 0x27, 0, 0, 7 };
	struct stamp_request made[4] = { stamp_hello(), stamp_attach(), stamp_stamp(CLOCK_TAI),
		stamp_subscribe(CLOCK_TAI, 10000, 7) };

	(void)state;
	if (*(const unsigned char *)&(uint16_t){ 1 } != 1)
		skip(); /* the bytes above are those of a little-endian machine */
	assert_memory_equal(&made[0], hello, 16);
	assert_memory_equal(&made[1], attach, 16);
	assert_memory_equal(&made[2], stamp, 16);
	assert_memory_equal(&made[3], subscribe, 16);
}

static void test_one_packet_may_greet_attach_and_stamp(void **state)
{
	struct stamp_request packet[3] = { stamp_hello(), stamp_attach(), stamp_stamp(0) };
	size_t count = 0;

	(void)state;
	assert_int_equal(
		stamp_request_check(packet, sizeof(packet), false, &count), STAMP_ACCEPTED);
	assert_int_equal(count, 3);
	assert_int_equal(
		stamp_request_check(&packet[1], 2 * sizeof(*packet), true, &count), STAMP_ACCEPTED);
	assert_int_equal(count, 2);
}

static void test_packet_of_no_whole_requests_is_refused(void **state)
{
	struct stamp_request packet[STAMP_PACKET_MAX + 1];
	size_t count = 99;

	(void)state;
	for (size_t i = 0; i < STAMP_PACKET_MAX + 1; i++)
		packet[i] = stamp_stamp(1);
	for (size_t bytes = 0; bytes < 64; bytes++) {
		enum stamp_refusal expected =
			bytes > 0 && bytes % 16 == 0 ? STAMP_ACCEPTED : STAMP_REFUSAL_LENGTH;

		assert_int_equal(stamp_request_check(packet, bytes, true, &count), expected);
	}
	assert_int_equal(stamp_request_check(packet, 256 * 16, true, &count), STAMP_ACCEPTED);
	assert_int_equal(count, 256);
	assert_int_equal(stamp_request_check(packet, 257 * 16, true, &count), STAMP_REFUSAL_LENGTH);
	assert_int_equal(stamp_request_check(packet, SIZE_MAX, true, &count), STAMP_REFUSAL_LENGTH);
	assert_int_equal(count, 256);
}

static void test_every_impropriety_has_its_reason(void **state)
{
	static const struct {
		struct stamp_request request;
		bool greeted;
		enum stamp_refusal refusal;
	} cases[] = {
		{ { .op = STAMP_OP_STAMP }, false, STAMP_REFUSAL_HELLO_MISSING },
		{ { .op = 0 }, false, STAMP_REFUSAL_HELLO_MISSING },
		{ { .op = STAMP_OP_HELLO, .version = 1, .magic = STAMP_MAGIC }, true,
			STAMP_REFUSAL_HELLO_REPEATED },
		{ { .op = STAMP_OP_HELLO, .version = 1 }, false, STAMP_REFUSAL_MAGIC },
		{ { .op = STAMP_OP_HELLO, .version = 1, .magic = 0x56447453 }, false,
			STAMP_REFUSAL_MAGIC },
		{ { .op = STAMP_OP_HELLO, .version = 1, .magic = STAMP_MAGIC, .flags = 1 }, false,
			STAMP_REFUSAL_RESERVED },
		{ { .op = STAMP_OP_HELLO, .reserved = 1, .version = 1, .magic = STAMP_MAGIC },
			false, STAMP_REFUSAL_RESERVED },
		{ { .op = 0 }, true, STAMP_REFUSAL_OPERATION },
		{ { .op = STAMP_OP_TICK }, true, STAMP_REFUSAL_OPERATION },
		{ { .op = STAMP_OPS }, true, STAMP_REFUSAL_OPERATION },
		{ { .op = UINT16_MAX }, true, STAMP_REFUSAL_OPERATION },
		{ { .op = STAMP_OP_ATTACH, .word = 1 }, true, STAMP_REFUSAL_RESERVED },
		{ { .op = STAMP_OP_ATTACH, .words = 1 }, true, STAMP_REFUSAL_RESERVED },
		{ { .op = STAMP_OP_STAMP, .reserved = 0x8000 }, true, STAMP_REFUSAL_RESERVED },
		{ { .op = STAMP_OP_STAMP, .words = UINT64_C(1) << 63 }, true,
			STAMP_REFUSAL_RESERVED },
		{ { .op = STAMP_OP_SUBSCRIBE, .interval_us = 0, .count = 1 }, true,
			STAMP_REFUSAL_RESERVED },
		{ { .op = STAMP_OP_SUBSCRIBE }, true, STAMP_ACCEPTED },
		{ { .op = STAMP_OP_STAMP, .clock_id = INT32_MIN }, true, STAMP_ACCEPTED },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct stamp_request packet[2] = { cases[i].request, stamp_stamp(0) };
		size_t count;

		assert_int_equal(stamp_request_check(packet, 32, cases[i].greeted, &count),
			cases[i].refusal);
		if (!cases[i].greeted)
			continue;
		packet[1] = cases[i].request;
		packet[0] = stamp_stamp(0);
		assert_int_equal(stamp_request_check(packet, 32, true, &count), cases[i].refusal);
	}
}

static void test_second_attach_and_late_hello_are_refused(void **state)
{
	struct stamp_request packet[3] = { stamp_attach(), stamp_stamp(0), stamp_attach() };
	size_t count;

	(void)state;
	assert_int_equal(
		stamp_request_check(packet, 48, true, &count), STAMP_REFUSAL_ATTACH_REPEATED);
	packet[0] = stamp_hello();
	packet[2] = stamp_hello();
	assert_int_equal(
		stamp_request_check(packet, 48, false, &count), STAMP_REFUSAL_HELLO_REPEATED);
}

/*
 * Any single bit that is set in a proper request of 16 bytes either is of a value's or is refused.
 */
static void test_no_reserved_bit_passes(void **state)
{
	struct stamp_request proper[3] = { stamp_attach(), stamp_stamp(0),
		stamp_subscribe(0, 0, 0) };
	unsigned int passed[3] = { 0 };
	size_t count;

	(void)state;
	for (unsigned int i = 0; i < 3; i++) {
		for (unsigned int bit = 16; bit < 128; bit++) {
			unsigned char bytes[16];
			struct stamp_request flipped;

			memcpy(bytes, &proper[i], 16);
			bytes[bit / 8] ^= (unsigned char)(1 << bit % 8);
			memcpy(&flipped, bytes, 16);
			passed[i] +=
				stamp_request_check(&flipped, 16, true, &count) == STAMP_ACCEPTED;
		}
	}
	assert_int_equal(passed[0], 0);
	assert_int_equal(passed[1], 32); /* the clock */
	assert_int_equal(passed[2], 32 + 32); /* the clock and the interval, not the count alone */
}

static void test_reply_must_answer_each_request_in_order(void **state)
{
	struct stamp_request requests[2] = { stamp_hello(), stamp_stamp(0) };
	struct stamp_record reply[2] = {
		{ .op = STAMP_OP_HELLO, .version = 1, .packet_max = 256 },
		{ .op = STAMP_OP_STAMP,
			.flags = STAMP_FLAG_PAGE,
			.time_ns = -5,
			.counter_ticks = 9 },
	};
	struct stamp_record swapped[2] = { reply[1], reply[0] };

	(void)state;
	assert_true(stamp_reply_check(requests, 2, reply, 64));
	assert_false(stamp_reply_check(requests, 2, reply, 63));
	assert_false(stamp_reply_check(requests, 2, reply, 32));
	assert_false(stamp_reply_check(requests, 2, reply, 96));
	assert_false(stamp_reply_check(requests, 2, swapped, 64));
	assert_false(stamp_reply_check(requests, 0, reply, 0));
}

static void test_improper_records_are_seen(void **state)
{
	struct stamp_request request = stamp_stamp(0);
	static const struct stamp_record bad[] = {
		{ .op = STAMP_OP_STAMP, .error = 1 },
		{ .op = STAMP_OP_STAMP, .error = -22, .flags = STAMP_FLAG_PAGE },
		{ .op = STAMP_OP_STAMP, .error = -22, .lost = 1 },
		{ .op = STAMP_OP_STAMP, .counter_ticks = 1 },
		{ .op = STAMP_OP_STAMP, .flags = STAMP_FLAG_LAST },
		{ .op = STAMP_OP_STAMP, .flags = 1 << 15 },
		{ .op = STAMP_OP_STAMP, .lost = 1 },
		{ .op = STAMP_OP_TICK },
		{ .op = 0 },
	};
	static const struct stamp_record good[] = {
		{ .op = STAMP_OP_STAMP },
		{ .op = STAMP_OP_STAMP, .error = -22 },
		{ .op = STAMP_OP_STAMP, .time_ns = INT64_MAX },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_false(stamp_reply_check(&request, 1, &bad[i], 32));
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		assert_true(stamp_reply_check(&request, 1, &good[i], 32));
}

static void test_ticks_are_told_from_replies(void **state)
{
	struct stamp_record ticks[2] = {
		{ .op = STAMP_OP_TICK, .time_ns = 1, .lost = 3 },
		{ .op = STAMP_OP_TICK,
			.flags = STAMP_FLAG_LAST | STAMP_FLAG_PAGE,
			.counter_ticks = 1 },
	};
	struct stamp_record stamp = { .op = STAMP_OP_STAMP };
	size_t count = 0;

	(void)state;
	assert_true(stamp_tick_check(ticks, 64, &count));
	assert_int_equal(count, 2);
	assert_false(stamp_tick_check(ticks, 65, &count));
	assert_false(stamp_tick_check(ticks, 0, &count));
	assert_false(stamp_tick_check(&stamp, 32, &count));
	ticks[0].error = -1;
	assert_false(stamp_tick_check(ticks, 64, &count));
}

static void test_everything_has_a_name(void **state)
{
	(void)state;
	assert_string_equal(stamp_op_name(STAMP_OP_HELLO), "hello");
	assert_string_equal(stamp_op_name(STAMP_OP_TICK), "tick");
	assert_string_equal(stamp_op_name(0), "unknown");
	assert_string_equal(stamp_op_name(UINT32_MAX), "unknown");
	for (uint32_t op = 1; op < STAMP_OPS; op++)
		assert_string_not_equal(stamp_op_name(op), "unknown");
	assert_string_equal(stamp_refusal_name(STAMP_REFUSAL_LENGTH), "length");
	assert_string_equal(stamp_refusal_name(STAMP_REFUSAL_COUNT), "unknown");
	for (int i = 1; i < STAMP_REFUSAL_COUNT; i++)
		assert_in_range(strlen(stamp_refusal_name((enum stamp_refusal)i)), 4, 15);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests_have_the_documented_bytes),
		cmocka_unit_test(test_one_packet_may_greet_attach_and_stamp),
		cmocka_unit_test(test_packet_of_no_whole_requests_is_refused),
		cmocka_unit_test(test_every_impropriety_has_its_reason),
		cmocka_unit_test(test_second_attach_and_late_hello_are_refused),
		cmocka_unit_test(test_no_reserved_bit_passes),
		cmocka_unit_test(test_reply_must_answer_each_request_in_order),
		cmocka_unit_test(test_improper_records_are_seen),
		cmocka_unit_test(test_ticks_are_told_from_replies),
		cmocka_unit_test(test_everything_has_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

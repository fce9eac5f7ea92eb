/* SPDX-License-Identifier: MIT */
/* Numbers as people write and read them. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client/ctl/humane.h"

static void test_durations_take_the_unit_that_fits(void **state)
{
	static const struct {
		int64_t ns;
		const char *text;
	} cases[] = {
		{ 0, "0 ns" },
		{ 1, "1 ns" },
		{ 999, "999 ns" },
		{ 1000, "1.00 us" },
		{ 1234, "1.23 us" },
		{ -3140, "-3.14 us" },
		{ 9999, "9.99 us" },
		{ 12345, "12.3 us" },
		{ 999999, "999 us" },
		{ 1000000, "1.00 ms" },
		{ 27000000, "27.0 ms" },
		{ 999999999, "999 ms" },
		{ 1000000000, "1.00 s" },
		{ 119999999999, "119 s" },
		{ 120000000000, "2min 0s" },
		{ 125000000000, "2min 5s" },
		{ 3599999999999, "59min 59s" },
		{ 11520000000000, "3h 12min" },
		{ 86400000000000, "1d 0h" },
		{ INT64_MAX, "106751d 23h" },
		{ INT64_MIN, "-106751d 23h" },
	};
	char buf[HUMANE_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_string_equal(humane_duration(buf, cases[i].ns), cases[i].text);
	assert_string_equal(humane_bound(buf, UINT64_MAX), "213503d 23h");
}

static void test_bounds_are_never_shown_smaller_than_they_are(void **state)
{
	static const struct {
		uint64_t ns;
		const char *text;
	} cases[] = {
		{ 0, "0 ns" },
		{ 999, "999 ns" },
		{ 1000, "1.00 us" },
		{ 1001, "1.01 us" },
		{ 9999, "10.0 us" },
		{ 12301, "12.4 us" },
		{ 999001, "1.00 ms" },
		{ 1999999, "2.00 ms" },
		{ 2000000, "2.00 ms" },
		{ 400000001, "401 ms" },
		{ 1000000001, "1.01 s" },
		{ 119000000001, "2min 0s" },
		{ 3599000000001, "1h 0min" },
		{ 86340000000001, "1d 0h" },
		{ 90000000000001, "1d 2h" },
	};
	char buf[HUMANE_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_string_equal(humane_bound(buf, cases[i].ns), cases[i].text);
}

static void test_differences_keep_sign_and_nanoseconds(void **state)
{
	char buf[HUMANE_BYTES];

	(void)state;
	assert_string_equal(humane_difference(buf, 0), "0 ns");
	assert_string_equal(humane_difference(buf, 12), "+12 ns");
	assert_string_equal(humane_difference(buf, -9999), "-9999 ns");
	assert_string_equal(humane_difference(buf, 10000), "+10.0 us");
	assert_string_equal(humane_difference(buf, INT64_MIN), "-106751d 23h");
}

static void test_frequencies_take_the_unit_that_fits(void **state)
{
	char buf[HUMANE_BYTES];

	(void)state;
	assert_string_equal(humane_frequency(buf, 0), "0 Hz");
	assert_string_equal(humane_frequency(buf, 999999), "999999 Hz");
	assert_string_equal(humane_frequency(buf, 24000000), "24.00 MHz");
	assert_string_equal(humane_frequency(buf, 2445406000), "2.445 GHz");
}

static void test_dates_are_utc_with_nine_digits(void **state)
{
	static const struct {
		int64_t ns;
		const char *text;
	} cases[] = {
		{ 0, "1970-01-01T00:00:00.000000000Z" },
		{ 1795450186732462025, "2026-11-23T16:09:46.732462025Z" },
		{ 951782399999999999, "2000-02-28T23:59:59.999999999Z" },
		{ 951782400000000000, "2000-02-29T00:00:00.000000000Z" },
		{ -1, "1969-12-31T23:59:59.999999999Z" },
		{ INT64_MAX, "2262-04-11T23:47:16.854775807Z" },
		{ INT64_MIN, "1677-09-21T00:12:43.145224192Z" },
	};
	char buf[HUMANE_BYTES];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		assert_string_equal(humane_date(buf, cases[i].ns, "Z"), cases[i].text);
	assert_string_equal(humane_date(buf, 0, " TAI"), "1970-01-01T00:00:00.000000000 TAI");
}

static void test_seconds_have_nine_digits_and_the_sign(void **state)
{
	char buf[HUMANE_BYTES];

	(void)state;
	assert_string_equal(humane_seconds(buf, 0), "0.000000000");
	assert_string_equal(humane_seconds(buf, 1000000001), "1.000000001");
	assert_string_equal(humane_seconds(buf, -1), "-0.000000001");
	assert_string_equal(humane_seconds(buf, INT64_MIN), "-9223372036.854775808");
}

static void test_durations_are_read_in_every_unit(void **state)
{
	static const struct {
		const char *text;
		int64_t ns;
	} cases[] = {
		{ "0", 0 },
		{ "5", 5000000000 },
		{ "0.5", 500000000 },
		{ ".5", 500000000 },
		{ "5.", 5000000000 },
		{ "1.000000001", 1000000001 },
		{ "1.0000000019", 1000000001 },
		{ "30s", 30000000000 },
		{ "30sec", 30000000000 },
		{ "100ms", 100000000 },
		{ "1.5ms", 1500000 },
		{ "20us", 20000 },
		{ "7ns", 7 },
		{ "2min", 120000000000 },
		{ "1h", 3600000000000 },
		{ "0001", 1000000000 },
		{ "4611686018", 4611686018000000000 },
	};
	int64_t ns;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_int_equal(humane_parse_duration(cases[i].text, &ns), 0);
		assert_int_equal(ns, cases[i].ns);
	}
}

static void test_what_is_no_duration_is_refused(void **state)
{
	static const struct {
		const char *text;
		int error;
	} cases[] = {
		{ "", -EINVAL },
		{ ".", -EINVAL },
		{ "s", -EINVAL },
		{ "-1", -EINVAL },
		{ "+1", -EINVAL },
		{ " 1", -EINVAL },
		{ "1 ", -EINVAL },
		{ "1 s", -EINVAL },
		{ "1.2.3", -EINVAL },
		{ "1e3", -EINVAL },
		{ "0x10", -EINVAL },
		{ "inf", -EINVAL },
		{ "nan", -EINVAL },
		{ "1weeks", -EINVAL },
		{ "4611686019", -ERANGE },
		{ "99999999h", -ERANGE },
		{ "99999999999999999999999", -ERANGE },
	};
	int64_t ns = 42;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_int_equal(humane_parse_duration(cases[i].text, &ns), cases[i].error);
		assert_int_equal(ns, 42);
	}
}

static void test_numbers_are_digits_and_nothing_else(void **state)
{
	static const struct {
		const char *text;
		int64_t min, max;
		int result;
		int64_t number;
	} cases[] = {
		{ "0", 0, 9, 0, 0 },
		{ "9", 0, 9, 0, 9 },
		{ "0010", 1, 10, 0, 10 },
		{ "-3", -3, 9, 0, -3 },
		{ "-0", -3, 9, 0, 0 },
		{ "9223372036854775807", 0, INT64_MAX, 0, INT64_MAX },
		{ "-9223372036854775808", INT64_MIN, 0, 0, INT64_MIN },
		{ "10", 0, 9, -ERANGE, 0 },
		{ "0", 1, 9, -ERANGE, 0 },
		{ "-4", -3, 9, -ERANGE, 0 },
		{ "9223372036854775808", 0, INT64_MAX, -ERANGE, 0 },
		{ "-9223372036854775809", INT64_MIN, 0, -ERANGE, 0 },
		{ "18446744073709551617", 0, 9, -ERANGE, 0 },
		{ "", 0, 9, -EINVAL, 0 },
		{ "-", -3, 9, -EINVAL, 0 },
		{ "--1", -3, 9, -EINVAL, 0 },
		{ "- 1", -3, 9, -EINVAL, 0 },
		{ "-1", 0, 9, -EINVAL, 0 },
		{ "-0", 0, 9, -EINVAL, 0 },
		{ "+1", -3, 9, -EINVAL, 0 },
		{ " 1", 0, 9, -EINVAL, 0 },
		{ "\t1", 0, 9, -EINVAL, 0 },
		{ "1 ", 0, 9, -EINVAL, 0 },
		{ "1.0", 0, 9, -EINVAL, 0 },
		{ "0x1", 0, 9, -EINVAL, 0 },
		{ "99999999999999999999x", 0, 9, -EINVAL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		int64_t number = 42;
		int r = humane_parse_number(cases[i].text, cases[i].min, cases[i].max, &number);

		assert_int_equal(r, cases[i].result);
		assert_int_equal(number, r < 0 ? 42 : cases[i].number);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_durations_take_the_unit_that_fits),
		cmocka_unit_test(test_bounds_are_never_shown_smaller_than_they_are),
		cmocka_unit_test(test_differences_keep_sign_and_nanoseconds),
		cmocka_unit_test(test_frequencies_take_the_unit_that_fits),
		cmocka_unit_test(test_dates_are_utc_with_nine_digits),
		cmocka_unit_test(test_seconds_have_nine_digits_and_the_sign),
		cmocka_unit_test(test_durations_are_read_in_every_unit),
		cmocka_unit_test(test_what_is_no_duration_is_refused),
		cmocka_unit_test(test_numbers_are_digits_and_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "daemon/quantity.h"

static const struct {
	const struct quantity_unit *units;
	const char *text;
	uint64_t value;
} good[] = {
	{ quantity_durations, "0ns", 0 },
	{ quantity_durations, "100ms", 100000000 },
	{ quantity_durations, "100 ms", 100000000 },
	{ quantity_durations, "1s", 1000000000 },
	{ quantity_durations, "2min", UINT64_C(120000000000) },
	{ quantity_durations, "18446744073709551615ns", UINT64_MAX },
	{ quantity_durations, "18446744073s", UINT64_C(18446744073000000000) },
	{ quantity_rates, "50ppm", 50000 },
	{ quantity_rates, "7ppb", 7 },
	{ quantity_rates, "10%", 100000000 },
	{ quantity_sizes, "16M", 16 << 20 },
	{ quantity_sizes, "64 K", 65536 },
	{ quantity_sizes, "1B", 1 },
	{ quantity_sizes, "4G", UINT64_C(1) << 32 },
	{ NULL, "8192", 8192 },
	{ NULL, "007", 7 },
};

static const struct {
	const struct quantity_unit *units;
	const char *text;
	int error;
} bad[] = {
	{ quantity_durations, "", -EINVAL },
	{ quantity_durations, "100", -EINVAL },
	{ quantity_durations, "ms", -EINVAL },
	{ quantity_durations, " 1ms", -EINVAL },
	{ quantity_durations, "+1ms", -EINVAL },
	{ quantity_durations, "-1ms", -EINVAL },
	{ quantity_durations, "1.5ms", -EINVAL },
	{ quantity_durations, "1e3ms", -EINVAL },
	{ quantity_durations, "1 ms 2", -EINVAL },
	{ quantity_durations, "1MS", -EINVAL },
	{ quantity_durations, "1ppm", -EINVAL },
	{ quantity_durations, "18446744073709551616ns", -ERANGE },
	{ quantity_durations, "18446744074s", -ERANGE },
	{ NULL, "8k", -EINVAL },
	{ NULL, "18446744073709551616", -ERANGE },
};

static void test_good_text_is_understood(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		uint64_t value = ~good[i].value;
		assert_int_equal(quantity_parse(good[i].text, good[i].units, &value), 0);
		assert_int_equal(value, good[i].value);
	}
}

static void test_bad_text_is_refused_and_nothing_written(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint64_t value = 4711;
		assert_int_equal(quantity_parse(bad[i].text, bad[i].units, &value), bad[i].error);
		assert_int_equal(value, 4711);
	}
}

static void test_what_was_formatted_is_understood_again(void **state)
{
	static const struct quantity_unit *const tables[] = { quantity_durations, quantity_rates,
		quantity_sizes, NULL };
	static const uint64_t values[] = { 0, 1, 999, 1000, 1001, 100000000, UINT64_C(60000000000),
		UINT64_MAX };

	(void)state;
	for (size_t i = 0; i < 4; i++)
		for (size_t j = 0; j < sizeof(values) / sizeof(values[0]); j++) {
			char text[32];
			uint64_t value;
			quantity_format(text, sizeof(text), tables[i], values[j]);
			assert_int_equal(quantity_parse(text, tables[i], &value), 0);
			assert_int_equal(value, values[j]);
		}
}

static void test_largest_whole_unit_is_chosen(void **state)
{
	char text[32];

	(void)state;
	quantity_format(text, sizeof(text), quantity_durations, 100000000);
	assert_string_equal(text, "100ms");
	quantity_format(text, sizeof(text), quantity_durations, 1500000000);
	assert_string_equal(text, "1500ms");
	quantity_format(text, sizeof(text), quantity_rates, 100000000);
	assert_string_equal(text, "10%");
	quantity_format(text, sizeof(text), NULL, 64);
	assert_string_equal(text, "64");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good_text_is_understood),
		cmocka_unit_test(test_bad_text_is_refused_and_nothing_written),
		cmocka_unit_test(test_what_was_formatted_is_understood_again),
		cmocka_unit_test(test_largest_whole_unit_is_chosen),
	};

	return cmocka_run_group_tests_name("quantity", tests, NULL, NULL);
}

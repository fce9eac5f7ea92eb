/* SPDX-License-Identifier: MIT */
/* The names of clocks, and the path by which each is said to be answered. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "client/ctl/clockid.h"
#include "client/ctl/reader.h"

static void test_names_are_read_as_people_write_them(void **state)
{
	static const struct {
		const char *text;
		clockid_t id;
	} cases[] = {
		{ "REALTIME", CLOCK_REALTIME },
		{ "realtime", CLOCK_REALTIME },
		{ "CLOCK_REALTIME", CLOCK_REALTIME },
		{ "clock_tai", CLOCK_TAI },
		{ "Monotonic-Raw", CLOCK_MONOTONIC_RAW },
		{ "monotonic_raw", CLOCK_MONOTONIC_RAW },
		{ "raw", CLOCK_MONOTONIC_RAW },
		{ "boottime", CLOCK_BOOTTIME },
		{ "process-cputime", CLOCK_PROCESS_CPUTIME_ID },
		{ "0", CLOCK_REALTIME },
		{ "11", CLOCK_TAI },
		{ "-6", -6 },
		{ "2147483647", INT32_MAX },
	};
	clockid_t id;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_int_equal(clockid_parse(cases[i].text, &id), 0);
		assert_int_equal(id, cases[i].id);
	}
}

static void test_what_is_no_clock_is_refused(void **state)
{
	static const char *const cases[] = {
		"",
		"CLOCK_",
		"real",
		"realtimes",
		"real time",
		"-",
		"+1",
		" 1",
		"1 ",
		"0x1",
		"1.0",
		"2147483648",
		"-2147483649",
		"99999999999999999999",
	};
	clockid_t id = 77;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		assert_int_equal(clockid_parse(cases[i], &id), -EINVAL);
		assert_int_equal(id, 77);
	}
}

static void test_every_clock_of_the_page_has_its_own_name_and_member(void **state)
{
	const struct vdsotime_snapshot snapshot = {
		.realtime_ns = 100 + CLOCK_REALTIME,
		.monotonic_ns = 100 + CLOCK_MONOTONIC,
		.monotonic_raw_ns = 100 + CLOCK_MONOTONIC_RAW,
		.boottime_ns = 100 + CLOCK_BOOTTIME,
		.tai_ns = 100 + CLOCK_TAI,
	};

	(void)state;
	for (int i = 0; i < CLOCKID_PAGE_CLOCKS; i++) {
		clockid_t id;

		assert_non_null(clockid_name(clockid_page[i]));
		assert_int_equal(clockid_parse(clockid_name(clockid_page[i]), &id), 0);
		assert_int_equal(id, clockid_page[i]);
		assert_int_equal(clockid_of_snapshot(&snapshot, id), 100 + id);
	}
	assert_string_equal(clockid_name(CLOCK_MONOTONIC_RAW), "MONOTONIC_RAW");
	assert_null(clockid_name(77));
	assert_true(clockid_is_date(CLOCK_REALTIME));
	assert_true(clockid_is_date(CLOCK_TAI));
	assert_true(clockid_is_date(CLOCK_REALTIME_COARSE));
	assert_false(clockid_is_date(CLOCK_MONOTONIC));
	assert_false(clockid_is_date(CLOCK_BOOTTIME));
}

static void test_the_path_is_told_for_each_clock(void **state)
{
	const struct vdsotime_status page = { .path = VDSOTIME_PATH_PAGE,
		.clocks = 1u << CLOCK_REALTIME | 1u << CLOCK_TAI };
	const struct vdsotime_status vdso = { .path = VDSOTIME_PATH_VDSO,
		.clocks = 1u << CLOCK_REALTIME };
	const struct vdsotime_status none = { .path = VDSOTIME_PATH_SYSCALL };

	(void)state;
	assert_string_equal(
		reader_path(&page, CLOCK_REALTIME), vdsotime_path_name(VDSOTIME_PATH_PAGE));
	/* Another time namespace: the page does not answer MONOTONIC. */
	assert_string_equal(
		reader_path(&page, CLOCK_MONOTONIC), vdsotime_path_name(VDSOTIME_PATH_VDSO));
	assert_string_equal(
		reader_path(&page, CLOCK_REALTIME_COARSE), vdsotime_path_name(VDSOTIME_PATH_VDSO));
	assert_string_equal(reader_path(&page, CLOCK_THREAD_CPUTIME_ID),
		vdsotime_path_name(VDSOTIME_PATH_SYSCALL));
	assert_string_equal(reader_path(&page, -6), vdsotime_path_name(VDSOTIME_PATH_SYSCALL));
	assert_string_equal(
		reader_path(&page, INT32_MAX), vdsotime_path_name(VDSOTIME_PATH_SYSCALL));
	assert_string_equal(
		reader_path(&vdso, CLOCK_REALTIME), vdsotime_path_name(VDSOTIME_PATH_VDSO));
	assert_string_equal(
		reader_path(&none, CLOCK_REALTIME), vdsotime_path_name(VDSOTIME_PATH_SYSCALL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_are_read_as_people_write_them),
		cmocka_unit_test(test_what_is_no_clock_is_refused),
		cmocka_unit_test(test_every_clock_of_the_page_has_its_own_name_and_member),
		cmocka_unit_test(test_the_path_is_told_for_each_clock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

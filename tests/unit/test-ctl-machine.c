/* SPDX-License-Identifier: MIT */
/* What can be known without the daemon. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timex.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/ctl/machine.h"

static const char *state_of(const struct value *v)
{
	return value_get_string(v, "state");
}

static void test_the_clocks_state_is_told_with_its_origin(void **state)
{
	static const struct {
		int clock_state;
		struct timex timex;
		const char *name;
		const char *leap;
		int64_t error_ns; /* -1: none */
	} cases[] = {
		{ TIME_ERROR, { .status = STA_UNSYNC, .maxerror = 16000000 }, "unsynchronised",
			"unknown", -1 },
		{ TIME_OK, { .status = STA_UNSYNC }, "unsynchronised", "none", -1 },
		{ TIME_OK, { .maxerror = 0 }, "unquantified", "none", -1 },
		{ TIME_OK, { .maxerror = 12500 }, "unquantified", "none", -1 },
		{ TIME_OK, { .maxerror = 12501 }, "claimed", "none", 12501000 },
		{ TIME_OK, { .maxerror = 12500, .esterror = 3 }, "unquantified", "none", -1 },
		{ TIME_OK, { .maxerror = 12501, .esterror = 3 }, "claimed", "none", 12501000 },
		{ TIME_INS, { .maxerror = 7, .status = STA_INS }, "claimed", "insert", 7000 },
		{ TIME_OOP, { .maxerror = 7 }, "claimed", "insert", 7000 },
		{ TIME_DEL, { .maxerror = 7 }, "claimed", "delete", 7000 },
		{ TIME_WAIT, { .maxerror = 7 }, "claimed", "none", 7000 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct value *v = machine_synchronisation(cases[i].clock_state, &cases[i].timex);
		int64_t error_ns = -1;

		assert_string_equal(state_of(v), cases[i].name);
		assert_string_equal(value_get_string(v, "leap"), cases[i].leap);
		value_get_int(v, "errorNSec", &error_ns);
		assert_int_equal(error_ns, cases[i].error_ns);
		assert_non_null(value_get_string(v, "origin"));
		value_free(v);
	}
}

static void test_a_kernel_that_may_not_be_asked_is_unknown_and_no_error(void **state)
{
	const struct timex timex = { 0 };
	struct value *v = machine_synchronisation(-EPERM, &timex);
	int64_t number;

	(void)state;
	assert_string_equal(state_of(v), "unknown");
	assert_false(value_get_int(v, "errorNSec", &number));
	assert_false(value_get_int(v, "taiOffsetSec", &number));
	value_free(v);
}

static void test_an_offset_of_zero_is_not_known(void **state)
{
	struct timex timex = { .tai = 37, .freq = -65536 };
	struct value *v = machine_synchronisation(TIME_OK, &timex);
	int64_t number;

	(void)state;
	assert_true(value_get_int(v, "taiOffsetSec", &number));
	assert_int_equal(number, 37);
	assert_true(value_get_int(v, "frequencyPpb", &number));
	assert_int_equal(number, -1000);
	value_free(v);
	timex.tai = 0;
	v = machine_synchronisation(TIME_OK, &timex);
	assert_false(value_get_int(v, "taiOffsetSec", &number));
	value_free(v);
}

static void write_file(const char *dir, const char *name, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void remove_file(const char *dir, const char *name)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	unlink(path);
}

static void test_the_clocksource_is_read_from_sysfs(void **state)
{
	char dir[] = "/tmp/test-ctl-machine-XXXXXX";
	const struct value *available;
	struct value *v;
	int64_t cost_ns;

	(void)state;
	assert_non_null(mkdtemp(dir));
	write_file(dir, "current_clocksource", "hpet\n");
	write_file(dir, "available_clocksource", "tsc hpet acpi_pm \n");
	v = machine_clocksource(dir);
	available = value_get(v, "available");
	assert_string_equal(value_get_string(v, "current"), "hpet");
	assert_int_equal(value_length(available), 3);
	assert_string_equal(value_at_string(available, 2), "acpi_pm");
	assert_true(value_get_int(v, "vdsoCostNSec", &cost_ns) && cost_ns > 0);
	assert_true(value_get_int(v, "systemCallCostNSec", &cost_ns) && cost_ns > 0);
	value_free(v);
	remove_file(dir, "current_clocksource");
	remove_file(dir, "available_clocksource");
	rmdir(dir);
}

static void test_without_sysfs_the_clocksource_is_not_known(void **state)
{
	struct value *v = machine_clocksource("/nonexistent");
	bool avoids;

	(void)state;
	assert_null(value_get_string(v, "current"));
	assert_int_equal(value_length(value_get(v, "available")), 0);
	assert_true(value_get_bool(v, "avoidsSystemCall", &avoids));
	value_free(v);
}

static void test_this_processs_vdso_is_told(void **state)
{
	struct value *v = machine_vdso();
	bool usable;

	(void)state;
	assert_true(value_get_bool(v, "usable", &usable));
	assert_true(value_length(value_get(v, "functions")) >= 5);
	assert_string_equal(
		value_get_string(value_at(value_get(v, "functions"), 0), "name"), "clock_gettime");
	if (usable)
		assert_non_null(value_get_string(value_at(value_get(v, "functions"), 0), "symbol"));
	value_free(v);
	v = machine_describe();
	assert_non_null(value_get_string(v, "kernel"));
	assert_non_null(value_get_string(v, "architecture"));
	value_free(v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_clocks_state_is_told_with_its_origin),
		cmocka_unit_test(test_a_kernel_that_may_not_be_asked_is_unknown_and_no_error),
		cmocka_unit_test(test_an_offset_of_zero_is_not_known),
		cmocka_unit_test(test_the_clocksource_is_read_from_sysfs),
		cmocka_unit_test(test_without_sysfs_the_clocksource_is_not_known),
		cmocka_unit_test(test_this_processs_vdso_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

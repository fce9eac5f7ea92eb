/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "daemon/args.h"

static struct args args;
static int code;

/* What getopt_long() and we say to stdout and stderr is not for the test's own reader. */
static int parse(const char *first, const char *second)
{
	char *argv[] = { (char *)(uintptr_t) "vdsotimed", (char *)(uintptr_t)first,
		(char *)(uintptr_t)second, NULL };
	int saved[2] = { dup(STDOUT_FILENO), dup(STDERR_FILENO) };
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	fflush(NULL);
	dup2(null, STDOUT_FILENO);
	dup2(null, STDERR_FILENO);
	optind = 0;
	code = -1;
	int r = args_parse(first ? second ? 3 : 2 : 1, argv, &args, &code);
	fflush(NULL);
	dup2(saved[0], STDOUT_FILENO);
	dup2(saved[1], STDERR_FILENO);
	close(saved[0]);
	close(saved[1]);
	close(null);
	return r;
}

static void test_nothing_given_is_nothing_set(void **state)
{
	(void)state;
	assert_int_equal(parse(NULL, NULL), 0);
	assert_null(args.runtime_dir);
	assert_null(args.config);
	assert_false(args.check_config);
	assert_false(args.has_log_level);
}

static void test_options_are_taken(void **state)
{
	(void)state;
	assert_int_equal(parse("--runtime-dir=/a", "--config=/b"), 0);
	assert_string_equal(args.runtime_dir, "/a");
	assert_string_equal(args.config, "/b");
	assert_int_equal(parse("--runtime-dir", "/c"), 0);
	assert_string_equal(args.runtime_dir, "/c");
	assert_int_equal(parse("--check-config", "--log-level=debug"), 0);
	assert_true(args.check_config);
	assert_true(args.has_log_level);
	assert_int_equal(args.log_level, LEVEL_DEBUG);
}

static void test_wrong_ones_leave_with_2_and_change_nothing(void **state)
{
	static const char *const wrong[] = { "--colour", "-x", "stray", "--log-level=loud",
		"--runtime-dir", "--check-config=yes", "--runtime-dir=", "--config=", "--check",
		"--conf=/x", "--h", "--ver" };

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		args.runtime_dir = "untouched";
		assert_int_equal(parse(wrong[i], NULL), -ECANCELED);
		assert_int_equal(code, EXIT_USAGE);
		assert_string_equal(args.runtime_dir, "untouched");
	}
}

static void test_help_and_version_leave_with_0(void **state)
{
	(void)state;
	assert_int_equal(parse("--help", NULL), -ECANCELED);
	assert_int_equal(code, EXIT_SUCCESS);
	assert_int_equal(parse("-h", NULL), -ECANCELED);
	assert_int_equal(code, EXIT_SUCCESS);
	assert_int_equal(parse("--version", NULL), -ECANCELED);
	assert_int_equal(code, EXIT_SUCCESS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing_given_is_nothing_set),
		cmocka_unit_test(test_options_are_taken),
		cmocka_unit_test(test_wrong_ones_leave_with_2_and_change_nothing),
		cmocka_unit_test(test_help_and_version_leave_with_0),
	};

	return cmocka_run_group_tests_name("args", tests, NULL, NULL);
}

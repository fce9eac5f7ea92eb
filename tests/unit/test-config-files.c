/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "daemon/config-files.h"
#include "tests/unit/scratch.h"

static struct config_files files = CONFIG_FILES_NULL;
static char bad[256];

static char etc[300], run[300], lib[300];
static const char *const dirs[] = { etc, run, lib, NULL };

static int setup(void **state)
{
	int r = scratch_setup(state);

	snprintf(etc, sizeof(etc), "%s", scratch_path("etc"));
	snprintf(run, sizeof(run), "%s", scratch_path("run"));
	snprintf(lib, sizeof(lib), "%s", scratch_path("lib"));
	return r;
}

static int teardown(void **state)
{
	config_files_deinit(&files);
	config_files_deinit(&files);
	return scratch_teardown(state);
}

/* Compares with a list of paths relative to the scratch directory, separated by blanks. */
static void assert_found(const char *expected)
{
	char found[4096] = "";

	config_files_deinit(&files);
	assert_int_equal(config_files_find(&files, dirs, bad), 0);
	for (size_t i = 0; i < files.count; i++) {
		if (i)
			strcat(found, " ");
		strcat(found, files.paths[i] + strlen(scratch_dir) + 1);
	}
	assert_null(files.paths[files.count]);
	assert_string_equal(found, expected);
}

static void test_nothing_is_found_where_nothing_is(void **state)
{
	(void)state;
	assert_found("");
}

static void test_first_main_file_is_the_only_one(void **state)
{
	(void)state;
	scratch_write("lib/vdsotimed.conf", "x");
	assert_found("lib/vdsotimed.conf");
	scratch_write("run/vdsotimed.conf", "x");
	assert_found("run/vdsotimed.conf");
	scratch_write("etc/vdsotimed.conf", "x");
	assert_found("etc/vdsotimed.conf");
}

static void test_drop_ins_are_sorted_by_name_over_all_directories(void **state)
{
	(void)state;
	scratch_write("etc/vdsotimed.conf.d/20.conf", "x");
	scratch_write("lib/vdsotimed.conf.d/10.conf", "x");
	scratch_write("lib/vdsotimed.conf.d/30.conf", "x");
	scratch_write("run/vdsotimed.conf.d/25.conf", "x");
	assert_found("lib/vdsotimed.conf.d/10.conf etc/vdsotimed.conf.d/20.conf "
		     "run/vdsotimed.conf.d/25.conf lib/vdsotimed.conf.d/30.conf");
}

static void test_drop_in_hides_its_namesake_further_down(void **state)
{
	(void)state;
	scratch_write("lib/vdsotimed.conf.d/10.conf", "x");
	scratch_write("etc/vdsotimed.conf.d/10.conf", "x");
	assert_found("etc/vdsotimed.conf.d/10.conf");
}

static void test_empty_file_and_link_to_null_mask(void **state)
{
	(void)state;
	scratch_write("lib/vdsotimed.conf", "x");
	scratch_write("lib/vdsotimed.conf.d/10.conf", "x");
	scratch_write("lib/vdsotimed.conf.d/20.conf", "x");
	scratch_write("etc/vdsotimed.conf.d/10.conf", "");
	assert_int_equal(symlink("/dev/null", scratch_path("etc/vdsotimed.conf.d/20.conf")), 0);
	assert_found("lib/vdsotimed.conf");
	assert_int_equal(symlink("/dev/null", scratch_path("etc/vdsotimed.conf")), 0);
	assert_found("");
}

static void test_drop_ins_count_under_a_masked_main_file(void **state)
{
	(void)state;
	scratch_write("etc/vdsotimed.conf", "");
	scratch_write("lib/vdsotimed.conf", "x");
	scratch_write("lib/vdsotimed.conf.d/10.conf", "x");
	assert_found("lib/vdsotimed.conf.d/10.conf");
}

static void test_only_visible_conf_files_are_drop_ins(void **state)
{
	(void)state;
	scratch_write("etc/vdsotimed.conf.d/10.conf~", "x");
	scratch_write("etc/vdsotimed.conf.d/.hidden.conf", "x");
	scratch_write("etc/vdsotimed.conf.d/.conf", "x");
	scratch_write("etc/vdsotimed.conf.d/README", "x");
	scratch_write("etc/vdsotimed.conf.d/10.conf", "x");
	assert_found("etc/vdsotimed.conf.d/10.conf");
}

static void test_dangling_link_is_blamed(void **state)
{
	(void)state;
	scratch_write("etc/vdsotimed.conf.d/10.conf", "x");
	assert_int_equal(symlink("/nonexistent", scratch_path("etc/vdsotimed.conf.d/20.conf")), 0);
	assert_int_equal(config_files_find(&files, dirs, bad), -ENOENT);
	assert_string_equal(bad, scratch_path("etc/vdsotimed.conf.d/20.conf"));
	assert_int_equal(files.count, 0);
}

static void test_too_many_files_are_refused(void **state)
{
	char name[64];

	(void)state;
	for (int i = 0; i < CONFIG_FILES_MAX; i++) {
		snprintf(name, sizeof(name), "etc/vdsotimed.conf.d/%03d.conf", i);
		scratch_write(name, "x");
	}
	assert_int_equal(config_files_find(&files, dirs, bad), 0);
	assert_int_equal(files.count, CONFIG_FILES_MAX);
	config_files_deinit(&files);
	scratch_write("etc/vdsotimed.conf", "x");
	assert_int_equal(config_files_find(&files, dirs, bad), -E2BIG);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_nothing_is_found_where_nothing_is),
		TEST(test_first_main_file_is_the_only_one),
		TEST(test_drop_ins_are_sorted_by_name_over_all_directories),
		TEST(test_drop_in_hides_its_namesake_further_down),
		TEST(test_empty_file_and_link_to_null_mask),
		TEST(test_drop_ins_count_under_a_masked_main_file),
		TEST(test_only_visible_conf_files_are_drop_ins),
		TEST(test_dangling_link_is_blamed),
		TEST(test_too_many_files_are_refused),
	};

	return cmocka_run_group_tests_name("config-files", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>

#include "daemon/lock.h"
#include "tests/unit/scratch.h"

static void test_second_daemon_is_told_who_is_first(void **state)
{
	struct lock first = LOCK_NULL, second = LOCK_NULL;
	pid_t holder = 0;

	(void)state;
	assert_int_equal(lock_take(&first, scratch_dir, &holder), 0);
	assert_int_equal(lock_take(&second, scratch_dir, &holder), LOCK_HELD);
	assert_int_equal(holder, getpid());
	assert_int_equal(second.fd, -1);
	lock_release(&first);
}

static void test_release_leaves_nothing_and_frees_the_place(void **state)
{
	struct lock l = LOCK_NULL;
	pid_t holder;

	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(lock_take(&l, scratch_dir, &holder), 0);
		assert_int_equal(access(scratch_path("lock"), F_OK), 0);
		lock_release(&l);
		lock_release(&l);
		assert_int_equal(access(scratch_path("lock"), F_OK), -1);
	}
}

static void test_file_of_a_dead_daemon_is_no_obstacle(void **state)
{
	struct lock l = LOCK_NULL;
	pid_t holder;

	(void)state;
	pid_t child = fork();
	if (child == 0) {
		_exit(lock_take(&l, scratch_dir, &holder) == 0 ? 0 : 1);
	}
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(access(scratch_path("lock"), F_OK), 0);
	assert_int_equal(lock_take(&l, scratch_dir, &holder), 0);
	lock_release(&l);
}

/* A lock on a file that has left the directory guards nothing. */
static void test_lock_on_a_removed_file_does_not_count(void **state)
{
	struct lock first = LOCK_NULL, second = LOCK_NULL;
	pid_t holder;

	(void)state;
	assert_int_equal(lock_take(&first, scratch_dir, &holder), 0);
	assert_int_equal(unlink(scratch_path("lock")), 0);
	assert_int_equal(lock_take(&second, scratch_dir, &holder), 0);
	lock_release(&second);
	lock_release(&first);
}

static void test_directory_must_be_one(void **state)
{
	struct lock l = LOCK_NULL;
	pid_t holder;

	(void)state;
	assert_int_equal(lock_take(&l, scratch_path("none"), &holder), -ENOENT);
	scratch_write("file", "x");
	assert_int_equal(lock_take(&l, scratch_path("file"), &holder), -ENOTDIR);
	lock_release(&l);
}

static void test_directory_open_to_everyone_is_refused(void **state)
{
	struct lock l = LOCK_NULL;
	pid_t holder;

	(void)state;
	assert_int_equal(chmod(scratch_dir, 01777), 0);
	assert_int_equal(lock_take(&l, scratch_dir, &holder), LOCK_EXPOSED);
	assert_int_equal(access(scratch_path("lock"), F_OK), -1);
}

static void test_link_in_the_place_of_the_file_is_not_followed(void **state)
{
	struct lock l = LOCK_NULL;
	pid_t holder;

	(void)state;
	scratch_write("victim", "text");
	assert_int_equal(symlink(scratch_path("victim"), scratch_path("lock")), 0);
	assert_int_equal(lock_take(&l, scratch_dir, &holder), LOCK_NO_FILE);
	struct stat st;
	assert_int_equal(stat(scratch_path("victim"), &st), 0);
	assert_int_equal(st.st_size, 4);
}

/* Many takers at a time, again and again: never two of them inside. */
static void test_never_two_holders(void **state)
{
	enum { TAKERS = 4, ROUNDS = 300 };
	pid_t takers[TAKERS];

	(void)state;
	for (int i = 0; i < TAKERS; i++) {
		takers[i] = fork();
		if (takers[i] != 0)
			continue;
		for (int n = 0; n < ROUNDS; n++) {
			struct lock l = LOCK_NULL;
			pid_t holder;
			if (lock_take(&l, scratch_dir, &holder) != 0)
				continue;
			if (mkdir(scratch_path("inside"), 0700) < 0)
				_exit(1);
			if (rmdir(scratch_path("inside")) < 0)
				_exit(2);
			lock_release(&l);
		}
		_exit(0);
	}
	for (int i = 0; i < TAKERS; i++) {
		int status;
		assert_int_equal(waitpid(takers[i], &status, 0), takers[i]);
		assert_int_equal(status, 0);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_second_daemon_is_told_who_is_first),
		TEST(test_release_leaves_nothing_and_frees_the_place),
		TEST(test_file_of_a_dead_daemon_is_no_obstacle),
		TEST(test_lock_on_a_removed_file_does_not_count),
		TEST(test_directory_must_be_one),
		TEST(test_directory_open_to_everyone_is_refused),
		TEST(test_link_in_the_place_of_the_file_is_not_followed),
		TEST(test_never_two_holders),
	};

	return cmocka_run_group_tests_name("lock", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>

#include "daemon/socket-file.h"
#include "tests/unit/scratch.h"

static int connect_to(const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	int r;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", scratch_path(name));
	r = connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0 ? -errno : 0;
	close(fd);
	return r;
}

static int listen_here(struct socket_file *f)
{
	return socket_file_listen(f, scratch_dir, "stamp", SOCK_SEQPACKET);
}

/* The next descriptor shows that none was left behind. */
static int next_descriptor(void)
{
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	close(fd);
	return fd;
}

static void test_everyone_may_connect_whatever_the_umask(void **state)
{
	struct socket_file f = { 0 };
	struct stat st;
	mode_t before = umask(077);
	int fd = listen_here(&f);

	(void)state;
	umask(before);
	assert_true(fd >= 0);
	assert_int_equal(stat(scratch_path("stamp"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0666);
	assert_int_equal(connect_to("stamp"), 0);
	assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	socket_file_remove(&f);
	socket_file_remove(&f);
	assert_int_equal(access(scratch_path("stamp"), F_OK), -1);
	close(fd);
}

static void test_file_of_a_dead_daemon_is_replaced(void **state)
{
	struct socket_file dead = { 0 }, f = { 0 };

	(void)state;
	close(listen_here(&dead));
	assert_int_equal(connect_to("stamp"), -ECONNREFUSED);
	int fd = listen_here(&f);
	assert_true(fd >= 0);
	assert_int_equal(connect_to("stamp"), 0);
	socket_file_remove(&f);
	close(fd);
}

static void test_what_is_no_socket_is_left_alone(void **state)
{
	struct socket_file f = { 0 };
	int next = next_descriptor();
	struct stat st;

	(void)state;
	scratch_write("stamp", "text");
	assert_int_equal(listen_here(&f), -EADDRINUSE);
	socket_file_remove(&f);
	assert_int_equal(stat(scratch_path("stamp"), &st), 0);
	assert_int_equal(st.st_size, 4);
	assert_int_equal(unlink(scratch_path("stamp")), 0);
	assert_int_equal(symlink("/dev/null", scratch_path("stamp")), 0);
	assert_int_equal(listen_here(&f), -EADDRINUSE);
	assert_int_equal(next_descriptor(), next);
}

static void test_file_that_somebody_else_put_there_is_not_removed(void **state)
{
	struct socket_file f = { 0 };
	int fd = listen_here(&f);

	(void)state;
	assert_int_equal(unlink(scratch_path("stamp")), 0);
	scratch_write("stamp", "theirs");
	socket_file_remove(&f);
	assert_int_equal(access(scratch_path("stamp"), F_OK), 0);
	close(fd);
}

static void test_missing_or_too_long_directory_is_refused(void **state)
{
	struct socket_file f = { 0 };
	int next = next_descriptor();
	char deep[sizeof(f.address.sun_path)];

	(void)state;
	assert_int_equal(socket_file_listen(&f, "/nowhere/at/all", "stamp", SOCK_STREAM), -ENOENT);
	memset(deep, 'd', sizeof(deep));
	/* with a slash, the name and the end, one byte too many */
	deep[sizeof(deep) - sizeof("/stamp") + 1] = '\0';
	assert_int_equal(socket_file_listen(&f, deep, "stamp", SOCK_STREAM), -ENAMETOOLONG);
	deep[sizeof(deep) - sizeof("/stamp")] = '\0';
	assert_int_equal(socket_file_listen(&f, deep, "stamp", SOCK_STREAM), -ENOENT);
	assert_int_equal(next_descriptor(), next);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, scratch_setup, scratch_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_everyone_may_connect_whatever_the_umask),
		TEST(test_file_of_a_dead_daemon_is_replaced),
		TEST(test_what_is_no_socket_is_left_alone),
		TEST(test_file_that_somebody_else_put_there_is_not_removed),
		TEST(test_missing_or_too_long_directory_is_refused),
	};

	return cmocka_run_group_tests_name("socket-file", tests, NULL, NULL);
}

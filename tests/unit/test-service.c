/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "daemon/log.h"
#include "daemon/service.h"
#include "tests/unit/scratch.h"

/*
 * What a service manager would be: a datagram socket, and descriptors from 3 on with their
 * names.
 */
static int manager = -1;
static char logged[4096];

static int catch_record(const struct log_record *record)
{
	size_t used = strlen(logged);

	snprintf(logged + used, sizeof(logged) - used, "%s\n", record->message);
	return 0;
}

static struct sockaddr_un address(const char *name)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", scratch_path(name));
	return a;
}

static int bound_socket(int type, const char *name)
{
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	struct sockaddr_un a = address(name);

	assert_int_equal(bind(fd, (const struct sockaddr *)&a, sizeof(a)), 0);
	return fd;
}

static int setup(void **state)
{
	int r = scratch_setup(state);

	logged[0] = 0;
	log_set_sink(catch_record);
	unsetenv("LISTEN_FDS");
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	return r;
}

static int teardown(void **state)
{
	if (manager >= 0)
		close(manager);
	manager = -1;
	return scratch_teardown(state);
}

static void be_managed(void)
{
	manager = bound_socket(SOCK_DGRAM, "notify");
	setenv("NOTIFY_SOCKET", scratch_path("notify"), 1);
}

/* The next datagram that we were told; *ret_fd: a descriptor that came with it, or -1. */
static const char *told(int *ret_fd)
{
	static char text[1024];
	char control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { .iov_base = text, .iov_len = sizeof(text) - 1 };
	struct msghdr m = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(manager, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	*ret_fd = -1;
	if (n < 0)
		return "";
	text[n] = 0;
	const struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	if (c && c->cmsg_type == SCM_RIGHTS)
		memcpy(ret_fd, CMSG_DATA(c), sizeof(*ret_fd));
	return text;
}

static void tell_each(struct service *s)
{
	service_notify_alive(s);
	service_notify_stopping(s);
	service_notify_status(s, "not this one");
	service_notify_ready(s, "all is well");
	service_notify_reloading(s, 1000);
	service_notify_reloading(s, 1234567);
}

/* Until there is no room for another; how many went. */
static int fill(void)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un to = address("notify");
	int n = 0;

	while (sendto(fd, "FULL", 4, MSG_DONTWAIT, (const struct sockaddr *)&to, sizeof(to)) == 4)
		n++;
	assert_int_equal(errno, EAGAIN);
	close(fd);
	return n;
}

static void drain(int n)
{
	int fd;

	while (n-- > 0)
		assert_string_equal(told(&fd), "FULL");
}

/* Puts fds at 3 and on, as an exec by the service manager would. */
static void pass(const int *fds, unsigned int n, const char *names)
{
	char number[16];
	int high[8];

	/* Out of the way first: they may be where others shall go. */
	for (unsigned int i = 0; i < n; i++) {
		high[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 100);
		assert_true(high[i] >= 100);
		close(fds[i]);
	}
	for (unsigned int i = 0; i < n; i++) {
		assert_int_equal(dup2(high[i], 3 + (int)i), 3 + (int)i);
		close(high[i]);
	}
	snprintf(number, sizeof(number), "%d", (int)getpid());
	setenv("LISTEN_PID", number, 1);
	snprintf(number, sizeof(number), "%u", n);
	setenv("LISTEN_FDS", number, 1);
	setenv("LISTEN_FDNAMES", names, 1);
}

static int listener(int type, const char *name)
{
	int fd = bound_socket(type, name);

	assert_int_equal(listen(fd, 1), 0);
	return fd;
}

static void test_without_a_service_manager_nothing_happens(void **state)
{
	struct service s = SERVICE_NULL;

	(void)state;
	assert_int_equal(service_init(&s), 0);
	assert_false(s.notified);
	assert_int_equal(s.watchdog_ns, 0);
	for (enum service_fd i = 0; i < SERVICE_FDS; i++)
		assert_int_equal(service_take_fd(&s, i), -1);
	service_notify_ready(&s, "text");
	service_notify_stopping(&s);
	assert_int_equal(service_keep_page(&s, 0), -ENOTCONN);
	assert_string_equal(logged, "");
	service_deinit(&s);
	service_deinit(&s);
}

static void test_descriptors_are_known_by_name_not_order(void **state)
{
	struct service s = SERVICE_NULL;

	(void)state;
	int page = memfd_create("page", MFD_CLOEXEC);
	int stamp = listener(SOCK_SEQPACKET, "stamp"), varlink = listener(SOCK_STREAM, "varlink");
	pass((int[]){ page, varlink, stamp }, 3, "page:varlink:stamp");
	assert_int_equal(service_init(&s), 0);
	assert_int_equal(service_take_fd(&s, SERVICE_FD_PAGE), 3);
	assert_int_equal(service_take_fd(&s, SERVICE_FD_VARLINK), 4);
	assert_int_equal(service_take_fd(&s, SERVICE_FD_STAMP), 5);
	assert_int_equal(service_take_fd(&s, SERVICE_FD_STAMP), -1);
	assert_string_equal(logged, "");
	for (int fd = 3; fd <= 5; fd++) {
		assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
		close(fd);
	}
}

static void test_descriptors_of_no_use_are_closed_with_a_warning(void **state)
{
	struct service s = SERVICE_NULL;

	(void)state;
	int strange = memfd_create("strange", MFD_CLOEXEC);
	int wrong = listener(SOCK_STREAM, "wrong"), deaf = bound_socket(SOCK_STREAM, "deaf");
	int first = listener(SOCK_STREAM, "first"), second = listener(SOCK_STREAM, "second");
	pass((int[]){ strange, wrong, deaf, first, second }, 5,
		"tcp:stamp:varlink:varlink:varlink");
	assert_int_equal(service_init(&s), 0);
	assert_string_equal(logged,
		"passed descriptor 3: its name tcp is not known, closed\n"
		"passed descriptor 4: named stamp, but of another type, closed\n"
		"passed descriptor 5: named varlink, but of another type, closed\n"
		"passed descriptor 7: a second one named varlink, closed\n");
	assert_int_equal(s.fds[SERVICE_FD_STAMP], -1);
	assert_int_equal(s.fds[SERVICE_FD_VARLINK], 6);
	service_deinit(&s);
	for (int fd = 3; fd <= 7; fd++)
		assert_int_equal(fcntl(fd, F_GETFD), -1);
}

static void test_the_manager_is_told(void **state)
{
	struct service s = SERVICE_NULL;
	int fd;

	(void)state;
	be_managed();
	assert_int_equal(service_init(&s), 0);
	assert_true(s.notified);
	service_notify_ready(&s, "all is well");
	assert_string_equal(told(&fd), "READY=1\nSTATUS=all is well");
	service_notify_status(&s, "still");
	assert_string_equal(told(&fd), "STATUS=still");
	service_notify_reloading(&s, 1234567);
	assert_string_equal(told(&fd), "RELOADING=1\nMONOTONIC_USEC=1234");
	service_notify_alive(&s);
	assert_string_equal(told(&fd), "WATCHDOG=1");
	service_notify_stopping(&s);
	assert_string_equal(told(&fd), "STOPPING=1\nSTATUS=Stopping");
	service_deinit(&s);
}

static void test_the_page_replaces_the_one_kept(void **state)
{
	struct service s = SERVICE_NULL;
	struct stat ours, kept;
	int fd;

	(void)state;
	be_managed();
	assert_int_equal(service_init(&s), 0);
	int page = memfd_create("page", MFD_CLOEXEC);
	assert_int_equal(service_keep_page(&s, page), 0);
	assert_string_equal(told(&fd), "FDSTOREREMOVE=1\nFDNAME=page");
	assert_string_equal(told(&fd), "FDSTORE=1\nFDNAME=page\nFDPOLL=0");
	assert_int_equal(fstat(page, &ours), 0);
	assert_int_equal(fstat(fd, &kept), 0);
	assert_int_equal(ours.st_ino, kept.st_ino);
	close(fd);
	close(page);
	service_deinit(&s);
}

static void test_an_abstract_address_will_do(void **state)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	struct service s = SERVICE_NULL;
	int fd;

	(void)state;
	/* As long as there may be, and without a zero at its end. */
	char name[sizeof(a.sun_path) + 1] = { 0 };
	memset(name, 'n', sizeof(name) - 1);
	int used = snprintf(name, sizeof(name), "@vdsotime-test-%d-", (int)getpid());
	name[used] = 'n';
	memcpy(a.sun_path + 1, name + 1, sizeof(a.sun_path) - 1);
	manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(manager, (const struct sockaddr *)&a, sizeof(a)), 0);
	setenv("NOTIFY_SOCKET", name, 1);
	assert_int_equal(service_init(&s), 0);
	service_notify_alive(&s);
	assert_string_equal(told(&fd), "WATCHDOG=1");
	service_deinit(&s);
}

static void test_addresses_of_no_use_are_told(void **state)
{
	struct service s = SERVICE_NULL;
	char long_path[sizeof(((struct sockaddr_un *)NULL)->sun_path) + 1] = { 0 };

	(void)state;
	memset(long_path, '/', sizeof(long_path) - 1);
	const char *const addresses[] = { "", "@", "notify", "vsock:2:1234", long_path };
	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		logged[0] = 0;
		setenv("NOTIFY_SOCKET", addresses[i], 1);
		assert_int_equal(service_init(&s), 0);
		assert_false(s.notified);
		assert_non_null(strstr(logged, "$NOTIFY_SOCKET: "));
		assert_non_null(strstr(logged, addresses[i]));
		service_notify_alive(&s);
		assert_int_equal(service_keep_page(&s, 0), -ENOTCONN);
		service_deinit(&s);
	}
}

static void test_the_manager_is_told_when_no_descriptor_is_to_be_had(void **state)
{
	struct service s = SERVICE_NULL;
	struct rlimit limit, none;
	int fd;

	(void)state;
	be_managed();
	assert_int_equal(service_init(&s), 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = (struct rlimit){ .rlim_cur = 0, .rlim_max = limit.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	service_notify_alive(&s);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_string_equal(told(&fd), "WATCHDOG=1");
	service_deinit(&s);
}

static void assert_each_is_told(void)
{
	int fd;

	assert_string_equal(told(&fd), "RELOADING=1\nMONOTONIC_USEC=1234");
	assert_string_equal(told(&fd), "READY=1\nSTATUS=all is well");
	assert_string_equal(told(&fd), "STOPPING=1\nSTATUS=Stopping");
	assert_string_equal(told(&fd), "WATCHDOG=1");
	assert_string_equal(told(&fd), "");
}

/* Should it be waited for, this test hangs. */
static void test_a_manager_that_does_not_read_is_told_later(void **state)
{
	struct service s = SERVICE_NULL;
	int fd;

	(void)state;
	be_managed();
	assert_int_equal(service_init(&s), 0);
	int n = fill();
	tell_each(&s);
	service_notify_owed(&s);
	drain(n);
	assert_string_equal(told(&fd), "");
	service_notify_owed(&s);
	assert_each_is_told();
	service_notify_owed(&s);
	assert_string_equal(told(&fd), "");

	/* Room for one: the next is not told before it, and a newer status in its stead. */
	n = fill();
	service_notify_status(&s, "old");
	service_notify_stopping(&s);
	drain(1);
	service_notify_status(&s, "new");
	drain(n - 1);
	assert_string_equal(told(&fd), "STATUS=new");
	service_notify_owed(&s);
	assert_string_equal(told(&fd), "STOPPING=1\nSTATUS=Stopping");
	assert_string_equal(told(&fd), "");
	service_deinit(&s);
}

static void test_a_manager_that_comes_back_is_told_what_it_missed(void **state)
{
	struct service s = SERVICE_NULL;

	(void)state;
	be_managed();
	assert_int_equal(service_init(&s), 0);
	close(manager);
	manager = -1;
	tell_each(&s);
	assert_int_equal(service_keep_page(&s, 0), -ECONNREFUSED);
	assert_int_equal(unlink(scratch_path("notify")), 0);
	service_notify_owed(&s);
	assert_int_equal(service_keep_page(&s, 0), -ENOENT);
	be_managed();
	service_notify_owed(&s);
	assert_each_is_told();
	service_deinit(&s);
}

static void test_the_page_does_not_wait_for_ever(void **state)
{
	struct service s = SERVICE_NULL;

	(void)state;
	be_managed();
	assert_int_equal(service_init(&s), 0);
	fill();
	assert_int_equal(service_keep_page(&s, 0), -EAGAIN);
	assert_string_equal(logged,
		"the service manager does not keep the page: Resource temporarily unavailable\n");
	service_deinit(&s);
}

static void test_watchdog_interval_is_taken(void **state)
{
	struct service s = SERVICE_NULL;

	(void)state;
	setenv("WATCHDOG_USEC", "5000000", 1);
	assert_int_equal(service_init(&s), 0);
	assert_int_equal(s.watchdog_ns, UINT64_C(5000000000));
	setenv("WATCHDOG_USEC", "soon", 1);
	assert_int_equal(service_init(&s), 0);
	assert_int_equal(s.watchdog_ns, 0);
	assert_non_null(strstr(logged, "WATCHDOG_USEC"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	/* Low descriptors are handed over below: whatever the test runner left open goes. */
	for (int fd = 3; fd < 16; fd++)
		close(fd);

	const struct CMUnitTest tests[] = {
		TEST(test_without_a_service_manager_nothing_happens),
		TEST(test_descriptors_are_known_by_name_not_order),
		TEST(test_descriptors_of_no_use_are_closed_with_a_warning),
		TEST(test_the_manager_is_told),
		TEST(test_the_page_replaces_the_one_kept),
		TEST(test_an_abstract_address_will_do),
		TEST(test_addresses_of_no_use_are_told),
		TEST(test_the_manager_is_told_when_no_descriptor_is_to_be_had),
		TEST(test_a_manager_that_does_not_read_is_told_later),
		TEST(test_a_manager_that_comes_back_is_told_what_it_missed),
		TEST(test_the_page_does_not_wait_for_ever),
		TEST(test_watchdog_interval_is_taken),
	};

	return cmocka_run_group_tests_name("service", tests, NULL, NULL);
}

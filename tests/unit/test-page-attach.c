/* SPDX-License-Identifier: MIT */
/*
 * Attaching without libc: a good page is taken, and whoever listens can neither hold it up nor lie.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <vdsotime/attach.h>

#include "tests/fixtures/fake-daemon.h"
#include "tests/fixtures/live-page.h"

#define WINDOW_LOG2 31
#define TRACKING_NS 1000000
/* A connection that waits for ever is ended by then. */
#define ALARM_SEC 20

#ifdef SYS_ppoll_time64
#define NR_WAIT SYS_ppoll_time64
#else
#define NR_WAIT SYS_ppoll
#endif

struct world {
	struct live_page page;
	struct fake_daemon daemon;
};

static struct world w;

static int start(void **state)
{
	(void)state;
	live_page_start(&w.page, WINDOW_LOG2, TRACKING_NS);
	fake_daemon_start(&w.daemon, w.page.fd);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	fake_daemon_stop(&w.daemon);
	live_page_free(&w.page);
	return 0;
}

static int attach(void)
{
	const struct vdsotime_page *page = NULL;
	int r = vdsotime_page_attach(w.daemon.dir, &page);

	assert_true((r == 0) == (page != NULL));
	vdsotime_page_detach(page);
	return r;
}

static void test_a_good_page_is_taken(void **state)
{
	(void)state;
	assert_int_equal(attach(), 0);
}

/* A stopped daemon's backlog fills up; connect(2) to it would wait for ever. */
static void test_a_full_backlog_is_not_waited_for(void **state)
{
	char dir[] = "/tmp/vdsotimed-test-XXXXXX";
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const struct vdsotime_page *page = NULL;
	int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	int waiting[8];
	int count = 0, r = 0;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/" STAMP_SOCKET, dir);
	assert_int_equal(bind(listener, (const struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(listener, 1), 0);
	while (r == 0 && count < 8) {
		waiting[count] = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0);
		r = connect(waiting[count++], (const struct sockaddr *)&address, sizeof(address));
	}
	assert_int_equal(r, -1);
	assert_int_equal(errno, EAGAIN);
	alarm(ALARM_SEC);
	assert_int_equal(vdsotime_page_attach(dir, &page), -EAGAIN);
	alarm(0);
	while (count > 0)
		close(waiting[--count]);
	close(listener);
	unlink(address.sun_path);
	rmdir(dir);
}

static void test_a_daemon_that_does_not_answer_is_left(void **state)
{
	(void)state;
	w.daemon.silent = true;
	alarm(ALARM_SEC);
	assert_int_equal(attach(), -EAGAIN);
	alarm(0);
}

static void test_an_answer_of_more_than_was_asked_for_is_refused(void **state)
{
	(void)state;
	w.daemon.bytes = 3 * sizeof(struct stamp_record);
	assert_int_equal(attach(), -EPROTO);
	w.daemon.bytes = sizeof(struct stamp_record);
	assert_int_equal(attach(), -EPROTO);
	w.daemon.bytes = 2 * sizeof(struct stamp_record);
	w.daemon.n_fds = 2;
	assert_int_equal(attach(), -EPROTO);
	w.daemon.n_fds = 0;
	assert_int_equal(attach(), -EPROTO);
}

/* Within so wide a bound any time would do. */
static void test_a_page_without_a_sensible_bound_is_refused(void **state)
{
	(void)state;
	live_page_aim(&w.page, WINDOW_LOG2, 4000000000);
	live_page_publish(&w.page);
	assert_int_equal(attach(), 0);
	for (int shift = 33; shift < 64; shift += 10) {
		live_page_aim(&w.page, WINDOW_LOG2, UINT64_C(1) << shift);
		live_page_publish(&w.page);
		assert_int_equal(attach(), -ERANGE);
	}
}

/* An old filter answers EPERM to calls that it does not know. */
static void forbid_waiting(void)
{
	struct sock_filter lines[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NR_WAIT, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(lines) / sizeof(lines[0]), lines };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, 2, &program, 0, 0))
		_exit(77);
}

static void test_an_answer_is_received_where_poll_is_forbidden(void **state)
{
	pid_t child = fork();
	int status = 0;

	(void)state;
	assert_true(child >= 0);
	if (child == 0) {
		const struct vdsotime_page *page;

		forbid_waiting();
		alarm(ALARM_SEC);
		_exit(vdsotime_page_attach(w.daemon.dir, &page) == 0 ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
	const struct CMUnitTest tests[] = {
		TEST(test_a_good_page_is_taken),
		TEST(test_a_full_backlog_is_not_waited_for),
		TEST(test_a_daemon_that_does_not_answer_is_left),
		TEST(test_an_answer_of_more_than_was_asked_for_is_refused),
		TEST(test_a_page_without_a_sensible_bound_is_refused),
		TEST(test_an_answer_is_received_where_poll_is_forbidden),
	};

	return cmocka_run_group_tests_name("page-attach", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * A process that forks and executes another program while the library is at work in its threads:
 * the child reads on until then, and the program finds no descriptor of the library's.
 *
 *     test-exec fds      is that program: it ends with the number of descriptors that it has
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <vdsotime/client.h>

#include "tests/fixtures/fake-daemon.h"
#include "tests/fixtures/live-page.h"

#define WINDOW_LOG2 31
#define TRACKING_NS 100000000
/* So many that some fall between the receipt of a descriptor and its close. */
#define EXECUTIONS 200
#define FDS_MAX 128
#define READ_FAILED 200

static struct live_page page;
static struct fake_daemon page_daemon, stamp_daemon;
static atomic_bool stopping;

/* As much of the world as descriptors of 0 to FDS_MAX show. */
static int count_fds(void)
{
	int count = 0;

	for (int fd = 0; fd < FDS_MAX; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

/* Forks, reads with t (if any) in the child, executes.  What the program ended with. */
static int execute(const struct vdsotime *t)
{
	struct vdsotime_snapshot s;
	pid_t child = fork();
	int status;

	assert_true(child >= 0);
	if (child == 0) {
		if (t && (vdsotime_snapshot(t, &s) < 0 || s.path != VDSOTIME_PATH_PAGE))
			_exit(READ_FAILED);
		execl("/proc/self/exe", "test-exec", "fds", NULL);
		_exit(READ_FAILED + 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* Attaches and connects without end. */
static void *dial(void *data)
{
	(void)data;
	while (!stopping) {
		struct vdsotime_stamps *s = NULL;
		struct vdsotime *t = NULL;

		vdsotime_attach(&t, page_daemon.dir, VDSOTIME_FALLBACK);
		vdsotime_detach(t);
		vdsotime_stamps_connect(&s, stamp_daemon.dir, 0);
		vdsotime_stamps_close(s);
	}
	return NULL;
}

/* Sleeps for an epoch that does not come: NULL, or t when it did not sleep out its time. */
static void *wait_for_epoch(void *t)
{
	const struct timespec patience = { .tv_nsec = 50000000 };
	void *awake = NULL;
	struct vdsotime_status s;

	vdsotime_status(t, &s);
	while (!stopping)
		if (vdsotime_wait_epoch(t, s.epoch, &patience) != -ETIMEDOUT)
			awake = t;
	return awake;
}

static void test_an_executed_program_has_no_descriptor_of_the_librarys(void **state)
{
	int before = execute(NULL);
	struct vdsotime *t = NULL;
	struct vdsotime_stamps *s = NULL;
	pthread_t dialling, waiting;
	void *awake = NULL;

	(void)state;
	assert_true(before < FDS_MAX);
	live_page_new(&page, F_SEAL_SHRINK, sizeof(struct vdsotime_page));
	live_page_aim(&page, WINDOW_LOG2, TRACKING_NS);
	page.line.extra[VDSOTIME_EXTRA_EPOCH] = 7;
	live_page_publish(&page);
	fake_daemon_start(&page_daemon, page.fd);
	fake_daemon_start(&stamp_daemon, page.fd);
	/* HELLO alone is answered there */
	stamp_daemon.bytes = sizeof(struct stamp_record);
	stamp_daemon.n_fds = 0;
	assert_int_equal(vdsotime_attach(&t, page_daemon.dir, 0), 0);
	assert_int_equal(vdsotime_stamps_connect(&s, stamp_daemon.dir, 0), 0);
	assert_true(vdsotime_stamps_get_fd(s) >= 0);
	assert_int_equal(pthread_create(&dialling, NULL, dial, NULL), 0);
	assert_int_equal(pthread_create(&waiting, NULL, wait_for_epoch, t), 0);
	for (int i = 0; i < EXECUTIONS; i++) {
		live_page_aim(&page, WINDOW_LOG2, TRACKING_NS);
		live_page_publish(&page);
		assert_int_equal(execute(t), before);
	}
	stopping = true;
	pthread_join(dialling, NULL);
	pthread_join(waiting, &awake);
	assert_null(awake);
	vdsotime_stamps_close(s);
	vdsotime_detach(t);
	fake_daemon_stop(&stamp_daemon);
	fake_daemon_stop(&page_daemon);
	live_page_free(&page);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_executed_program_has_no_descriptor_of_the_librarys),
	};

	if (argc > 1 && strcmp(argv[1], "fds") == 0)
		return count_fds();
	return cmocka_run_group_tests_name("exec", tests, NULL, NULL);
}

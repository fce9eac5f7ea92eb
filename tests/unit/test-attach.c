/* SPDX-License-Identifier: MIT */
/*
 * Attaching: a good page is taken, and each way in which one can be bad has its own reason, its own
 * errno, and leaves no descriptor behind.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <vdsotime/client.h>

#include "tests/fixtures/fake-daemon.h"
#include "tests/fixtures/live-page.h"

#define GOOD_SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)
#define NOBODY 65534
/* windows of minutes, bounds of a millisecond: what is tested here is not speed */
#define WINDOW_LOG2 31
#define TRACKING_NS 1000000

struct world {
	struct live_page page;
	struct fake_daemon daemon;
};

static struct world w;

static void start_with(unsigned int seals, uint64_t bytes)
{
	live_page_new(&w.page, seals, bytes);
	live_page_aim(&w.page, WINDOW_LOG2, TRACKING_NS);
	live_page_publish(&w.page);
	fake_daemon_start(&w.daemon, w.page.fd);
}

static int start(void **state)
{
	(void)state;
	start_with(GOOD_SEALS, sizeof(struct vdsotime_page));
	return 0;
}

static int stop(void **state)
{
	(void)state;
	fake_daemon_stop(&w.daemon);
	live_page_free(&w.page);
	return 0;
}

/* The fake daemon is of this process: its ends of what was closed are not counted. */
static unsigned int open_fds(void)
{
	unsigned int n = 0;
	DIR *d;

	fake_daemon_settle(&w.daemon);
	d = opendir("/proc/self/fd");
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static uint32_t reason_of(const struct vdsotime *t)
{
	struct vdsotime_status s;

	assert_int_equal(vdsotime_status(t, &s), 0);
	assert_int_not_equal(s.path, VDSOTIME_PATH_PAGE);
	return s.reason;
}

/* Refused with this errno; with VDSOTIME_FALLBACK answered without the page, for this reason. */
static void assert_refused(const char *dir, int error, uint32_t reason)
{
	struct vdsotime *t = NULL;
	unsigned int fds = open_fds();
	struct timespec ts;

	assert_int_equal(vdsotime_attach(&t, dir, 0), -error);
	assert_null(t);
	assert_int_equal(vdsotime_attach(&t, dir, VDSOTIME_FALLBACK), 0);
	assert_int_equal(reason_of(t), reason);
	assert_int_equal(vdsotime_gettime(t, CLOCK_MONOTONIC, &ts), 0);
	assert_int_equal(vdsotime_refresh(t), -error);
	assert_null(vdsotime_detach(t));
	assert_int_equal(open_fds(), fds);
}

static void test_a_good_page_is_taken(void **state)
{
	unsigned int fds = open_fds();
	struct vdsotime *t = NULL;
	struct vdsotime_status s;

	(void)state;
	assert_int_equal(vdsotime_attach(&t, w.daemon.dir, 0), 0);
	assert_int_equal(vdsotime_status(t, &s), 0);
	assert_int_equal(s.path, VDSOTIME_PATH_PAGE);
	assert_int_equal(s.reason, VDSOTIME_NOPAGE_NONE);
	assert_int_equal(s.clocks, 1 << 0 | 1 << 1 | 1 << 4 | 1 << 7 | 1 << 11);
	assert_int_equal(s.generation, 1);
	assert_int_equal(s.quality, VDSOTIME_QUALITY_UNSYNCHRONISED);
	assert_int_equal(vdsotime_refresh(t), 0);
	/* the mapping needs no descriptor */
	assert_int_equal(open_fds(), fds);
	vdsotime_detach(t);
}

static void test_the_environment_names_the_directory(void **state)
{
	struct vdsotime *t = NULL;

	(void)state;
	setenv("VDSOTIME_RUNTIME_DIR", w.daemon.dir, 1);
	assert_int_equal(vdsotime_attach(&t, NULL, 0), 0);
	unsetenv("VDSOTIME_RUNTIME_DIR");
	vdsotime_detach(t);
}

static void test_unknown_flags_and_long_directories_are_refused(void **state)
{
	struct vdsotime *t = NULL;
	char longer[200];

	(void)state;
	memset(longer, 'x', sizeof(longer) - 1);
	longer[102] = '\0';
	assert_int_equal(vdsotime_attach(&t, w.daemon.dir, 1u << 31), -EINVAL);
	assert_int_equal(vdsotime_attach(&t, longer, VDSOTIME_FALLBACK), -ENAMETOOLONG);
	longer[101] = '\0';
	assert_int_equal(vdsotime_attach(&t, longer, 0), -ENOENT);
	assert_int_equal(vdsotime_attach(&t, "", 0), -EINVAL);
	assert_null(t);
}

static void test_no_daemon(void **state)
{
	(void)state;
	assert_refused("/nonexistent", ENOENT, VDSOTIME_NOPAGE_NO_DAEMON);
	/* a socket that nobody listens on any more */
	shutdown(w.daemon.listener, SHUT_RDWR);
	assert_refused(w.daemon.dir, ENOENT, VDSOTIME_NOPAGE_NO_DAEMON);
}

static void test_answers_that_are_none(void **state)
{
	struct fake_daemon good = w.daemon;

	(void)state;
	w.daemon.bytes = sizeof(struct stamp_record);
	assert_refused(w.daemon.dir, EPROTO, VDSOTIME_NOPAGE_PROTOCOL);
	w.daemon.bytes = 2 * sizeof(struct stamp_record) + 8;
	assert_refused(w.daemon.dir, EPROTO, VDSOTIME_NOPAGE_PROTOCOL);
	w.daemon.bytes = 0;
	assert_refused(w.daemon.dir, EPROTO, VDSOTIME_NOPAGE_PROTOCOL);
	w.daemon.bytes = good.bytes;
	w.daemon.records[1].op = STAMP_OP_STAMP;
	assert_refused(w.daemon.dir, EPROTO, VDSOTIME_NOPAGE_PROTOCOL);
	memcpy(w.daemon.records, good.records, sizeof(good.records));
	w.daemon.records[0] =
		(struct stamp_record){ .op = STAMP_OP_HELLO, .error = -EPROTONOSUPPORT };
	assert_refused(w.daemon.dir, EPROTONOSUPPORT, VDSOTIME_NOPAGE_VERSION);
	memcpy(w.daemon.records, good.records, sizeof(good.records));
	w.daemon.records[1] = (struct stamp_record){ .op = STAMP_OP_ATTACH, .error = -ENODATA };
	w.daemon.n_fds = 0;
	assert_refused(w.daemon.dir, ENXIO, VDSOTIME_NOPAGE_OFF);
	w.daemon.records[1].error = -ETOOMANYREFS;
	assert_refused(w.daemon.dir, EBADF, VDSOTIME_NOPAGE_NO_FD);
	w.daemon.records[1].error = -EBUSY;
	assert_refused(w.daemon.dir, EBADF, VDSOTIME_NOPAGE_NO_FD);
	/* what is no error number is no answer */
	w.daemon.records[1].error = EBUSY;
	assert_refused(w.daemon.dir, EPROTO, VDSOTIME_NOPAGE_PROTOCOL);
}

static void test_a_daemon_that_says_nothing_is_left_after_a_second(void **state)
{
	struct vdsotime *t = NULL;

	(void)state;
	w.daemon.silent = true;
	assert_int_equal(vdsotime_attach(&t, w.daemon.dir, 0), -ETIMEDOUT);
}

static void sleep_until(struct timespec start, long ms)
{
	start.tv_nsec += ms * 1000000;
	start.tv_sec += start.tv_nsec / 1000000000;
	start.tv_nsec %= 1000000000;
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &start, NULL) == EINTR)
		;
}

struct queue {
	struct timespec start;
	int served; /* by the daemon, which waits for its request */
	int next; /* leaves no room for a third */
};

static void *leave_one_by_one(void *data)
{
	const struct queue *q = data;

	sleep_until(q->start, 900);
	close(q->served);
	sleep_until(q->start, 1800);
	close(q->next);
	return NULL;
}

/*
 * Nine tenths of it on the way into the queue, and as much again in it: the daemon's good answer
 * comes too late.
 */
static void test_a_second_is_one_from_the_first_call_to_the_last(void **state)
{
	struct vdsotime *t = NULL;
	struct queue q;
	pthread_t leaving;

	(void)state;
	/* still alive by then: it is not what is late */
	live_page_aim(&w.page, WINDOW_LOG2 + 5, TRACKING_NS);
	live_page_publish(&w.page);
	q.served = fake_daemon_dial(&w.daemon);
	assert_int_equal(listen(w.daemon.listener, 0), 0);
	/* there is room for it once the daemon has taken the first */
	q.next = fake_daemon_dial(&w.daemon);
	clock_gettime(CLOCK_MONOTONIC, &q.start);
	assert_int_equal(pthread_create(&leaving, NULL, leave_one_by_one, &q), 0);
	int r = vdsotime_attach(&t, w.daemon.dir, 0);

	pthread_join(leaving, NULL);
	t = vdsotime_detach(t);
	assert_int_equal(r, -ETIMEDOUT);
}

static void on_alarm(int signum)
{
	(void)signum;
}

static void test_signals_do_not_prolong_the_wait_for_a_silent_daemon(void **state)
{
	const struct sigaction act = { .sa_handler = on_alarm, .sa_flags = SA_RESTART };
	const struct itimerval often = { { 0, 50000 }, { 0, 50000 } }, never = { 0 };
	struct timespec before, after;
	struct vdsotime *t = NULL;

	(void)state;
	w.daemon.silent = true;
	assert_int_equal(sigaction(SIGALRM, &act, NULL), 0);
	setitimer(ITIMER_REAL, &often, NULL);
	clock_gettime(CLOCK_MONOTONIC, &before);
	int r = vdsotime_attach(&t, w.daemon.dir, 0);

	clock_gettime(CLOCK_MONOTONIC, &after);
	setitimer(ITIMER_REAL, &never, NULL);
	assert_int_equal(r, -ETIMEDOUT);
	/* the timer would have kept it for ever; a slow machine may take its time */
	assert_true(after.tv_sec - before.tv_sec < 30);
}

static void test_errno_is_the_callers(void **state)
{
	struct vdsotime *t = NULL;
	const struct timespec now = { 0 };

	(void)state;
	errno = EXDEV;
	assert_int_equal(vdsotime_attach(&t, "/nonexistent", 0), -ENOENT);
	assert_int_equal(errno, EXDEV);
	assert_int_equal(vdsotime_attach(&t, w.daemon.dir, 0), 0);
	assert_int_equal(vdsotime_wait_epoch(t, 0, &now), -ETIMEDOUT);
	vdsotime_detach(t);
	assert_int_equal(errno, EXDEV);
}

static void test_no_descriptor_or_two(void **state)
{
	(void)state;
	w.daemon.n_fds = 0;
	assert_refused(w.daemon.dir, EBADF, VDSOTIME_NOPAGE_NO_FD);
	w.daemon.n_fds = 2;
	assert_refused(w.daemon.dir, EBADF, VDSOTIME_NOPAGE_NO_FD);
}

static void test_descriptors_that_are_no_page(void **state)
{
	int pipes[2];

	(void)state;
	assert_int_equal(pipe(pipes), 0);
	w.daemon.fds[0] = pipes[0];
	assert_refused(w.daemon.dir, EBADFD, VDSOTIME_NOPAGE_FILE);
	close(pipes[0]);
	close(pipes[1]);
	/* a file on a disk cannot be sealed: it may shrink under its readers */
	w.daemon.fds[0] = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	assert_refused(w.daemon.dir, ETXTBSY, VDSOTIME_NOPAGE_SEALS);
	close(w.daemon.fds[0]);
}

static void test_a_page_of_another_owner(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(fchown(w.page.fd, NOBODY, NOBODY), 0);
	assert_refused(w.daemon.dir, EBADFD, VDSOTIME_NOPAGE_FILE);
	/* but whoever owns the directory is the daemon */
	assert_int_equal(chown(w.daemon.dir, NOBODY, NOBODY), 0);
	struct vdsotime *t = NULL;

	assert_int_equal(vdsotime_attach(&t, w.daemon.dir, 0), 0);
	vdsotime_detach(t);
}

static void replace_page(unsigned int seals, uint64_t bytes)
{
	stop(NULL);
	start_with(seals, bytes);
}

static void test_a_page_that_could_shrink(void **state)
{
	(void)state;
	replace_page(F_SEAL_GROW, sizeof(struct vdsotime_page));
	assert_refused(w.daemon.dir, ETXTBSY, VDSOTIME_NOPAGE_SEALS);
}

static void test_a_page_of_the_wrong_size(void **state)
{
	(void)state;
	replace_page(GOOD_SEALS, sizeof(struct vdsotime_page) - 4096);
	assert_refused(w.daemon.dir, EFBIG, VDSOTIME_NOPAGE_SIZE);
	replace_page(GOOD_SEALS, sizeof(struct vdsotime_page) + 4096);
	assert_refused(w.daemon.dir, EFBIG, VDSOTIME_NOPAGE_SIZE);
	/* what says that it is larger than it is */
	replace_page(GOOD_SEALS, sizeof(struct vdsotime_page));
	w.page.page->header.size_bytes += 4096;
	assert_refused(w.daemon.dir, EFBIG, VDSOTIME_NOPAGE_SIZE);
}

static void test_an_empty_file(void **state)
{
	(void)state;
	w.daemon.fds[0] = memfd_create("empty", MFD_CLOEXEC);
	assert_refused(w.daemon.dir, EFBIG, VDSOTIME_NOPAGE_SIZE);
	close(w.daemon.fds[0]);
}

static void test_headers_of_another_kin(void **state)
{
	struct vdsotime_page_header *h = &w.page.page->header;
	const struct vdsotime_page_header good = *h;

	(void)state;
	h->magic = __builtin_bswap64(h->magic);
	assert_refused(w.daemon.dir, EBADMSG, VDSOTIME_NOPAGE_MAGIC);
	*h = good;
	h->major++;
	assert_refused(w.daemon.dir, EPROTONOSUPPORT, VDSOTIME_NOPAGE_VERSION);
	*h = good;
	h->boot_id[7] ^= 1;
	assert_refused(w.daemon.dir, ESTALE, VDSOTIME_NOPAGE_BOOT_ID);
	*h = good;
	h->counter_kind = 3 - h->counter_kind;
	assert_refused(w.daemon.dir, ENODEV, VDSOTIME_NOPAGE_COUNTER);
	*h = good;
	h->counter_kind = VDSOTIME_COUNTER_NONE;
	assert_refused(w.daemon.dir, ENXIO, VDSOTIME_NOPAGE_OFF);
}

static void test_a_page_that_is_off_or_stale(void **state)
{
	(void)state;
	w.page.line.meta |= VDSOTIME_META_OFF;
	live_page_publish(&w.page);
	assert_refused(w.daemon.dir, ENXIO, VDSOTIME_NOPAGE_OFF);
	live_page_aim(&w.page, 4, TRACKING_NS);
	live_page_publish(&w.page);
	assert_refused(w.daemon.dir, ETIMEDOUT, VDSOTIME_NOPAGE_STALE);
}

/* Each clock is checked, each way: two milliseconds are more than the bound of one. */
static void test_a_page_that_disagrees_with_the_kernel(void **state)
{
	static const int words[] = { VDSOTIME_WORD_MONOTONIC, VDSOTIME_WORD_REALTIME,
		VDSOTIME_WORD_BOOTTIME, VDSOTIME_WORD_RAW };

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		for (int sign = -1; sign <= 1; sign += 2) {
			live_page_aim(&w.page, WINDOW_LOG2, TRACKING_NS);
			w.page.line.word[words[i]] += (uint64_t)(sign * 2 * TRACKING_NS);
			live_page_publish(&w.page);
			assert_refused(w.daemon.dir, ERANGE, VDSOTIME_NOPAGE_CROSS_CHECK);
		}
	}
	live_page_aim(&w.page, WINDOW_LOG2, TRACKING_NS);
	w.page.line.meta += UINT32_C(1) << VDSOTIME_META_TAI_SHIFT;
	live_page_publish(&w.page);
	assert_refused(w.daemon.dir, ERANGE, VDSOTIME_NOPAGE_CROSS_CHECK);
}

static void test_another_time_namespace_gets_realtime_and_tai(void **state)
{
	struct vdsotime *t = NULL;
	struct vdsotime_status s;

	(void)state;
	w.page.page->header.time_namespace_inode++;
	/* where MONOTONIC is another: 1000 s */
	w.page.line.word[VDSOTIME_WORD_MONOTONIC] += UINT64_C(1000000000000);
	w.page.line.word[VDSOTIME_WORD_REALTIME] -= UINT64_C(1000000000000);
	live_page_publish(&w.page);
	assert_int_equal(vdsotime_attach(&t, w.daemon.dir, 0), 0);
	assert_int_equal(vdsotime_status(t, &s), 0);
	assert_int_equal(s.path, VDSOTIME_PATH_PAGE);
	assert_int_equal(s.reason, VDSOTIME_NOPAGE_TIME_NAMESPACE);
	assert_int_equal(s.clocks, 1 << 0 | 1 << 11);
	assert_in_range(s.age_ns, 0, INT64_C(60000000000));
	struct timespec own, ours;

	assert_int_equal(clock_gettime(CLOCK_MONOTONIC, &own), 0);
	assert_int_equal(vdsotime_gettime(t, CLOCK_MONOTONIC, &ours), 0);
	assert_in_range(ours.tv_sec, own.tv_sec, own.tv_sec + 60);
	vdsotime_detach(t);
}

#if defined(__x86_64__) || defined(__i386__)

/* In a child, as there is no way back from a counter that kills. */
static void test_a_process_that_may_not_read_the_counter_goes_by_system_calls(void **state)
{
	int status;
	pid_t child = fork();

	(void)state;
	if (child == 0) {
		struct vdsotime *t = NULL;
		struct vdsotime_status s;
		struct timespec ts;

		if (prctl(PR_SET_TSC, PR_TSC_SIGSEGV) != 0)
			_exit(77);
		if (vdsotime_attach(&t, w.daemon.dir, 0) != -EOPNOTSUPP)
			_exit(1);
		if (vdsotime_attach(&t, w.daemon.dir, VDSOTIME_FALLBACK) != 0)
			_exit(2);
		if (vdsotime_gettime(t, CLOCK_REALTIME, &ts) != 0)
			_exit(3);
		vdsotime_status(t, &s);
		_exit(s.path == VDSOTIME_PATH_SYSCALL && s.reason == VDSOTIME_NOPAGE_COUNTER_TRAPS
				? 0
				: 4);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

#endif

/* Attach as NOBODY, in a child; its exit code is the negated result. */
static int attach_as_nobody(const char *dir)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		struct vdsotime *t = NULL;

		if (setgid(NOBODY) < 0 || setuid(NOBODY) < 0)
			_exit(255);
		_exit(-vdsotime_attach(&t, dir, 0));
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void test_a_socket_that_this_user_may_not_open(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	/* mkdtemp() gives 0700 */
	assert_int_equal(attach_as_nobody(w.daemon.dir), EACCES);
}

/* Root's directory, with a socket that somebody else managed to put there. */
static void test_a_listener_that_is_not_to_be_trusted(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	assert_int_equal(chown(w.daemon.dir, 1, 1), 0);
	fake_daemon_stop(&w.daemon);
	assert_int_equal(seteuid(NOBODY), 0);
	fake_daemon_start(&w.daemon, w.page.fd);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(chown(w.daemon.dir, 1, 1), 0);
	assert_refused(w.daemon.dir, EPERM, VDSOTIME_NOPAGE_PEER);
}

static void test_every_reason_has_words(void **state)
{
	(void)state;
	for (uint32_t i = 0; i <= VDSOTIME_NOPAGE_SLOW_COUNTER; i++)
		assert_string_not_equal(vdsotime_nopage_text(i), "unknown");
	assert_string_equal(vdsotime_nopage_text(VDSOTIME_NOPAGE_SLOW_COUNTER + 1), "unknown");
	assert_string_equal(vdsotime_path_name(VDSOTIME_PATH_PAGE), "page");
	assert_string_equal(vdsotime_path_name(0), "unknown");
	assert_string_equal(vdsotime_quality_name(VDSOTIME_QUALITY_CLAIMED), "claimed");
	assert_string_equal(vdsotime_quality_name(UINT32_MAX), "unknown");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
	const struct CMUnitTest tests[] = {
		TEST(test_a_good_page_is_taken),
		TEST(test_the_environment_names_the_directory),
		TEST(test_unknown_flags_and_long_directories_are_refused),
		TEST(test_no_daemon),
		TEST(test_answers_that_are_none),
		TEST(test_a_daemon_that_says_nothing_is_left_after_a_second),
		TEST(test_a_second_is_one_from_the_first_call_to_the_last),
		TEST(test_signals_do_not_prolong_the_wait_for_a_silent_daemon),
		TEST(test_errno_is_the_callers),
		TEST(test_no_descriptor_or_two),
		TEST(test_descriptors_that_are_no_page),
		TEST(test_a_page_of_another_owner),
		TEST(test_a_page_that_could_shrink),
		TEST(test_a_page_of_the_wrong_size),
		TEST(test_an_empty_file),
		TEST(test_headers_of_another_kin),
		TEST(test_a_page_that_is_off_or_stale),
		TEST(test_a_page_that_disagrees_with_the_kernel),
		TEST(test_another_time_namespace_gets_realtime_and_tai),
#if defined(__x86_64__) || defined(__i386__)
		TEST(test_a_process_that_may_not_read_the_counter_goes_by_system_calls),
#endif
		TEST(test_a_socket_that_this_user_may_not_open),
		TEST(test_a_listener_that_is_not_to_be_trusted),
		cmocka_unit_test(test_every_reason_has_words),
	};

	return cmocka_run_group_tests_name("attach", tests, NULL, NULL);
}

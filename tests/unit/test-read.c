/* SPDX-License-Identifier: MIT */
/*
 * The library's reads: what the page answers, what it leaves to the vDSO, and how one becomes the
 * other.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <vdsotime/client.h>

#include "client/handle.h"
#include "tests/fixtures/fake-daemon.h"
#include "tests/fixtures/live-page.h"

#define NSEC_PER_SEC INT64_C(1000000000)
#define WINDOW_LOG2 31
#define TRACKING_NS 1000000

static struct live_page page;
static struct fake_daemon daemon_;
static struct vdsotime *t;

static int start(void **state)
{
	(void)state;
	live_page_start(&page, WINDOW_LOG2, TRACKING_NS);
	fake_daemon_start(&daemon_, page.fd);
	return vdsotime_attach(&t, daemon_.dir, 0);
}

static int stop(void **state)
{
	(void)state;
	t = vdsotime_detach(t);
	fake_daemon_stop(&daemon_);
	live_page_free(&page);
	return 0;
}

static int64_t ns_of(struct timespec ts)
{
	return ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

static int64_t kernel_ns(clockid_t id)
{
	struct timespec ts = { 0 };

	assert_int_equal(clock_gettime(id, &ts), 0);
	return ns_of(ts);
}

static uint32_t path(void)
{
	struct vdsotime_status s;

	assert_int_equal(vdsotime_status(t, &s), 0);
	return s.path;
}

static const clockid_t page_clocks[] = { CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW,
	CLOCK_BOOTTIME, CLOCK_TAI };
#define PAGE_CLOCKS (sizeof(page_clocks) / sizeof(page_clocks[0]))

/* Each form of each clock within the bound of the kernel's own. */
static void test_every_form_agrees_with_the_kernel(void **state)
{
	(void)state;
	for (size_t i = 0; i < PAGE_CLOCKS; i++) {
		clockid_t id = page_clocks[i];
		int64_t before = kernel_ns(id) - TRACKING_NS;
		struct timespec ts = { 0 }, relaxed = { 0 };
		int64_t ns = 0, relaxed_ns = 0, after_ns = 0;

		assert_int_equal(vdsotime_gettime(t, id, &ts), 0);
		assert_int_equal(vdsotime_gettime_relaxed(t, id, &relaxed), 0);
		assert_int_equal(vdsotime_gettime_ns(t, id, &ns), 0);
		assert_int_equal(vdsotime_gettime_ns_relaxed(t, id, &relaxed_ns), 0);
		assert_int_equal(vdsotime_gettime_ns_after(t, id, 0, &after_ns), 0);
		int64_t after = kernel_ns(id) + TRACKING_NS;

		assert_in_range(ns_of(ts), before, after);
		assert_in_range(ns_of(relaxed), before, after);
		assert_in_range(ns, before, after);
		assert_in_range(relaxed_ns, before, after);
		assert_in_range(after_ns, before, after);
	}
}

static void test_a_causal_read_is_never_before_its_cause(void **state)
{
	int64_t later = kernel_ns(CLOCK_REALTIME) + 3600 * NSEC_PER_SEC;
	int64_t ns = 0;

	(void)state;
	assert_int_equal(vdsotime_gettime_ns_after(t, CLOCK_REALTIME, later, &ns), 0);
	assert_int_equal(ns, later);
}

/* Ids that the page lacks: the same results as clock_gettime(), the errors among them. */
static void test_other_clocks_are_those_of_clock_gettime(void **state)
{
	static const clockid_t others[] = { CLOCK_REALTIME_COARSE, CLOCK_MONOTONIC_COARSE,
		CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID, CLOCK_REALTIME_ALARM,
		CLOCK_BOOTTIME_ALARM, 10, 12, 15, 31, 32, 33, 63, 64, 1000, -1, -2, -6, INT32_MAX,
		INT32_MIN };

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		struct timespec before = { 0 }, ours = { -7, -7 }, after = { 0 };
		int r = clock_gettime(others[i], &before) == 0 ? 0 : -errno;

		assert_int_equal(vdsotime_gettime(t, others[i], &ours), r);
		if (r < 0) {
			assert_int_equal(ours.tv_sec, -7);
			continue;
		}
		clock_gettime(others[i], &after);
		assert_in_range(ns_of(ours), ns_of(before), ns_of(after));
	}
}

static void test_a_snapshot_holds_five_clocks_of_one_instant(void **state)
{
	struct vdsotime_snapshot s = { 0 };

	(void)state;
	assert_int_equal(vdsotime_snapshot(t, &s), 0);
	assert_int_equal(s.path, VDSOTIME_PATH_PAGE);
	assert_int_equal(
		s.realtime_ns - s.monotonic_ns, (int64_t)page.line.word[VDSOTIME_WORD_REALTIME]);
	assert_int_equal(
		s.boottime_ns - s.monotonic_ns, (int64_t)page.line.word[VDSOTIME_WORD_BOOTTIME]);
	assert_in_range(s.realtime_ns, kernel_ns(CLOCK_REALTIME) - NSEC_PER_SEC,
		kernel_ns(CLOCK_REALTIME) + TRACKING_NS);
	assert_true(s.tracking_ns >= TRACKING_NS);
	assert_int_not_equal(s.counter_ticks, 0);
}

static void expire(void)
{
	live_page_aim(&page, 4, TRACKING_NS);
	live_page_publish(&page);
}

static void test_past_its_window_the_vdso_answers(void **state)
{
	struct vdsotime_snapshot s = { 0 };
	struct vdsotime_interval interval;
	struct vdsotime_status status;

	(void)state;
	expire();
	assert_int_equal(vdsotime_status(t, &status), 0);
	assert_int_equal(status.path, VDSOTIME_PATH_VDSO);
	assert_int_equal(status.reason, VDSOTIME_NOPAGE_STALE);
	assert_int_equal(status.tracking_ns, UINT64_MAX);
	for (size_t i = 0; i < PAGE_CLOCKS; i++) {
		int64_t before = kernel_ns(page_clocks[i]), ns = 0;

		assert_int_equal(vdsotime_gettime_ns(t, page_clocks[i], &ns), 0);
		assert_in_range(ns, before, kernel_ns(page_clocks[i]));
	}
	assert_int_equal(vdsotime_snapshot(t, &s), 0);
	assert_int_equal(s.path, VDSOTIME_PATH_VDSO);
	assert_int_equal(s.counter_ticks, 0);
	assert_int_equal(vdsotime_interval(t, &interval), -ENODATA);
	/* and back, by itself */
	live_page_aim(&page, WINDOW_LOG2, TRACKING_NS);
	live_page_publish(&page);
	assert_int_equal(path(), VDSOTIME_PATH_PAGE);
}

/*
 * A page that was ahead when it ended: its readers hold their breath until the kernel has caught
 * up.
 */
static void test_time_does_not_go_back_when_the_page_ends(void **state)
{
	int64_t last = 0, now = 0;
	unsigned int from_page = 0, held = 0;

	(void)state;
	/* again, where this thread was not running when the page ended */
	for (int tries = 0; tries < 20 && (from_page == 0 || held == 0); tries++) {
		live_page_aim(&page, 22, TRACKING_NS);
		page.line.word[VDSOTIME_WORD_MONOTONIC] += TRACKING_NS / 2;
		live_page_publish(&page);
		for (int i = 0; i < 200000; i++) {
			assert_int_equal(vdsotime_gettime_ns(t, CLOCK_MONOTONIC, &now), 0);
			assert_true(now >= last);
			from_page += now > kernel_ns(CLOCK_MONOTONIC);
			held += now == last;
			last = now;
		}
	}
	assert_true(from_page > 0);
	assert_true(held > 0);
	assert_true(now <= kernel_ns(CLOCK_MONOTONIC));
}

/*
 * The vDSO of the handle, during which its daemon comes back, behind the kernel but within its
 * bound.
 */
static int vdso_while_the_page_comes_back(int32_t id, struct vdsotime_timespec *ret)
{
	struct timespec ts;
	int r = clock_gettime(id, &ts);

	ret->sec = ts.tv_sec;
	ret->nsec = ts.tv_nsec;
	live_page_aim(&page, WINDOW_LOG2, TRACKING_NS);
	page.line.word[VDSOTIME_WORD_MONOTONIC] -= TRACKING_NS / 2;
	live_page_publish(&page);
	return r;
}

static void test_time_does_not_go_back_when_the_page_comes_back_within_a_read(void **state)
{
	struct vdsotime_vdso spoiled;
	int64_t first = 0, second = 0;

	(void)state;
	expire();
	spoiled = t->vdso;
	vdsotime_vdso_set(
		&spoiled, VDSOTIME_CLOCK_GETTIME, (uintptr_t)vdso_while_the_page_comes_back);
	t->vdso = spoiled;
	assert_int_equal(vdsotime_gettime_ns(t, CLOCK_MONOTONIC, &first), 0);
	assert_int_equal(vdsotime_gettime_ns(t, CLOCK_MONOTONIC, &second), 0);
	assert_int_equal(path(), VDSOTIME_PATH_PAGE);
	assert_true(second >= first);
}

/* REALTIME alone and REALTIME in a snapshot are of one time line, wherever the others come from. */
static void test_a_snapshot_in_another_time_namespace_agrees_with_single_reads(void **state)
{
	struct vdsotime_snapshot s = { 0 };
	int64_t before = 0, after = 0;

	(void)state;
	page.page->header.time_namespace_inode++;
	live_page_aim(&page, WINDOW_LOG2, TRACKING_NS);
	/* ahead, and within the bound: it must show in both */
	page.line.word[VDSOTIME_WORD_REALTIME] += TRACKING_NS / 2;
	live_page_publish(&page);
	t = vdsotime_detach(t);
	assert_int_equal(vdsotime_attach(&t, daemon_.dir, 0), 0);
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(vdsotime_gettime_ns(t, CLOCK_REALTIME, &before), 0);
		assert_int_equal(vdsotime_snapshot(t, &s), 0);
		assert_int_equal(vdsotime_gettime_ns(t, CLOCK_REALTIME, &after), 0);
		assert_in_range(s.realtime_ns, before, after);
	}
	assert_int_equal(s.path, VDSOTIME_PATH_VDSO);
	assert_true(s.tracking_ns >= TRACKING_NS);
}

/* A page whose window still runs is not over because both its lines were being written. */
static void test_a_busy_page_does_not_lift_the_vdso(void **state)
{
	int64_t ns = 0;

	(void)state;
	live_page_aim(&page, 20, UINT64_C(1000000000));
	live_page_publish(&page);
	page.page->line[0].seq |= 1;
	page.page->line[1].seq |= 1;
	assert_int_equal(vdsotime_gettime_ns(t, CLOCK_MONOTONIC, &ns), 0);
	assert_true(ns <= kernel_ns(CLOCK_MONOTONIC));
}

/* Farther than its bound the page cannot have been: then it is the clock that was set. */
static void test_a_clock_set_back_after_the_page_ended_is_believed(void **state)
{
	int64_t ns = 0;

	(void)state;
	live_page_aim(&page, 4, TRACKING_NS);
	page.line.word[VDSOTIME_WORD_REALTIME] += UINT64_C(3600000000000);
	live_page_publish(&page);
	assert_int_equal(vdsotime_gettime_ns(t, CLOCK_REALTIME, &ns), 0);
	assert_true(ns <= kernel_ns(CLOCK_REALTIME));
}

static void claim(uint64_t error_ns)
{
	live_page_aim(&page, WINDOW_LOG2, TRACKING_NS);
	page.line.extra[VDSOTIME_EXTRA_ERROR] = error_ns;
	page.line.extra[VDSOTIME_EXTRA_FLAGS] = VDSOTIME_QUALITY_CLAIMED | VDSOTIME_LEAP_INSERT
										   << 8;
	live_page_publish(&page);
}

static void test_an_interval_is_given_for_claims_only(void **state)
{
	struct vdsotime_interval i = { 0 };

	(void)state;
	assert_int_equal(vdsotime_interval(t, &i), -ENODATA);
	claim(5000000);
	int64_t now = kernel_ns(CLOCK_REALTIME);

	assert_int_equal(vdsotime_interval(t, &i), 0);
	assert_int_equal(i.quality, VDSOTIME_QUALITY_CLAIMED);
	assert_int_equal(i.leap, VDSOTIME_LEAP_INSERT);
	assert_true(i.latest_ns - i.earliest_ns >= 10000000);
	assert_true(i.earliest_ns < now && now < i.latest_ns);
	assert_true(vdsotime_interval_after(&i, i.earliest_ns - 1));
	assert_false(vdsotime_interval_after(&i, i.earliest_ns));
	assert_true(vdsotime_interval_before(&i, i.latest_ns + 1));
	assert_false(vdsotime_interval_before(&i, i.latest_ns));
	/* a claim without a number is none */
	claim(VDSOTIME_NO_ERROR_BOUND - 10);
	assert_int_equal(vdsotime_interval(t, &i), -ENODATA);
}

static void test_waiting_until_a_time_is_over(void **state)
{
	const struct timespec ms = { .tv_nsec = 1000000 };
	const struct timespec bad = { .tv_nsec = NSEC_PER_SEC };
	int64_t now = kernel_ns(CLOCK_REALTIME);

	(void)state;
	assert_int_equal(vdsotime_wait_until_past(t, now, NULL), -ENODATA);
	claim(5000000);
	assert_int_equal(vdsotime_wait_until_past(t, now - NSEC_PER_SEC, NULL), 0);
	now = kernel_ns(CLOCK_REALTIME);
	assert_int_equal(vdsotime_wait_until_past(t, now, NULL), 0);
	/* twice the error, as the clock may be late as well as early */
	assert_true(kernel_ns(CLOCK_REALTIME) >= now + 5000000 - TRACKING_NS);
	assert_int_equal(vdsotime_wait_until_past(t, INT64_MAX, &ms), -ETIMEDOUT);
	assert_int_equal(vdsotime_wait_until_past(t, now, &bad), -EINVAL);
}

static void *bump_epoch(void *data)
{
	const struct timespec pause = { .tv_nsec = 20000000 };

	(void)data;
	nanosleep(&pause, NULL);
	page.line.extra[VDSOTIME_EXTRA_EPOCH]++;
	live_page_publish(&page);
	return NULL;
}

static void test_waiting_for_another_epoch(void **state)
{
	const struct timespec ms = { .tv_nsec = 1000000 };
	const struct timespec minute = { .tv_sec = 60 };
	pthread_t thread;

	(void)state;
	assert_int_equal(vdsotime_wait_epoch(t, 7, NULL), 0);
	assert_int_equal(vdsotime_wait_epoch(t, 0, &ms), -ETIMEDOUT);
	/* nobody wakes us here: a waiter that started late must see it by looking */
	assert_int_equal(pthread_create(&thread, NULL, bump_epoch, NULL), 0);
	pthread_join(thread, NULL);
	assert_int_equal(vdsotime_wait_epoch(t, 0, &minute), 0);
}

/* There is no epoch to be had from it, whatever its word for sleepers says. */
static void test_a_page_with_both_lines_spoiled_is_not_waited_for(void **state)
{
	const struct timespec moments = { .tv_sec = 10 };

	(void)state;
	for (int i = 0; i < 2; i++)
		page.page->line[i].word[VDSOTIME_WORD_MONOTONIC] ^= UINT64_C(1) << 40;
	assert_int_equal(vdsotime_wait_epoch(t, 0, &moments), -ENODATA);
	assert_int_equal(vdsotime_wait_epoch(t, 7, &moments), -ENODATA);
	/* mended */
	live_page_publish(&page);
	assert_int_equal(vdsotime_wait_epoch(t, 7, &moments), 0);
}

static void on_alarm(int signum)
{
	(void)signum;
}

static void test_a_signal_ends_a_wait(void **state)
{
	const struct sigaction act = { .sa_handler = on_alarm };

	(void)state;
	assert_int_equal(sigaction(SIGALRM, &act, NULL), 0);
	alarm(1);
	assert_int_equal(vdsotime_wait_epoch(t, 0, NULL), -EINTR);
}

/* What reads take is what a status says, also where no line is what its writer wrote. */
static void test_a_page_with_both_lines_spoiled_answers_and_is_told_to_be_wrong(void **state)
{
	struct vdsotime_snapshot s = { 0 };
	struct vdsotime_status status;

	(void)state;
	for (int i = 0; i < 2; i++) {
		page.page->line[i].word[VDSOTIME_WORD_MONOTONIC] ^= UINT64_C(1) << 40;
		assert_int_equal(vdsotime_snapshot(t, &s), 0);
		assert_int_equal(s.path, VDSOTIME_PATH_PAGE);
		assert_int_equal(vdsotime_status(t, &status), 0);
		assert_int_equal(status.path, VDSOTIME_PATH_PAGE);
		assert_int_equal(status.reason, VDSOTIME_NOPAGE_CROSS_CHECK);
	}
	/* nothing that it says is handed on */
	assert_int_equal(status.tracking_ns, UINT64_MAX);
	assert_int_equal(status.generation, 0);
	assert_int_equal(status.age_ns, -1);
	/* a writer that died within both */
	page.page->line[0].seq |= 1;
	page.page->line[1].seq |= 1;
	assert_int_equal(vdsotime_status(t, &status), 0);
	assert_int_equal(status.path, VDSOTIME_PATH_VDSO);
	assert_int_equal(status.reason, VDSOTIME_NOPAGE_STALE);
}

static void test_stamps_are_resolved_while_the_page_remembers(void **state)
{
	int64_t before = 0, after = 0, then = 0;

	(void)state;
	assert_int_equal(vdsotime_gettime_ns(t, CLOCK_REALTIME, &before), 0);
	uint64_t stamp = vdsotime_stamp();

	assert_int_equal(vdsotime_gettime_ns(t, CLOCK_REALTIME, &after), 0);
	for (int i = 0; i < 100; i++) {
		live_page_aim(&page, WINDOW_LOG2, TRACKING_NS);
		live_page_publish(&page);
	}
	assert_int_equal(vdsotime_resolve(t, stamp, CLOCK_REALTIME, &then), 0);
	/* a relaxed stamp may have been taken a little early */
	assert_in_range(then, before - 1000, after);
	assert_int_equal(vdsotime_resolve(t, stamp, CLOCK_REALTIME_COARSE, &then), -EINVAL);
	assert_int_equal(vdsotime_resolve(t, stamp, -1, &then), -EINVAL);
	assert_int_equal(vdsotime_resolve(t, 1, CLOCK_REALTIME, &then), -ERANGE);
	for (int i = 0; i < VDSOTIME_PAGE_RING; i++) {
		page.line.word[VDSOTIME_WORD_COUNTER]++;
		live_page_publish(&page);
	}
	assert_int_equal(vdsotime_resolve(t, stamp, CLOCK_REALTIME, &then), -ERANGE);
}

static void test_a_child_reads_on(void **state)
{
	int status;
	pid_t child;

	(void)state;
	child = fork();
	if (child == 0) {
		int64_t ns;

		_exit(vdsotime_gettime_ns(t, CLOCK_MONOTONIC, &ns) == 0 &&
					path() == VDSOTIME_PATH_PAGE
				? 0
				: 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
	const struct CMUnitTest tests[] = {
		TEST(test_every_form_agrees_with_the_kernel),
		TEST(test_a_causal_read_is_never_before_its_cause),
		TEST(test_other_clocks_are_those_of_clock_gettime),
		TEST(test_a_snapshot_holds_five_clocks_of_one_instant),
		TEST(test_past_its_window_the_vdso_answers),
		TEST(test_time_does_not_go_back_when_the_page_ends),
		TEST(test_time_does_not_go_back_when_the_page_comes_back_within_a_read),
		TEST(test_a_snapshot_in_another_time_namespace_agrees_with_single_reads),
		TEST(test_a_busy_page_does_not_lift_the_vdso),
		TEST(test_a_clock_set_back_after_the_page_ended_is_believed),
		TEST(test_an_interval_is_given_for_claims_only),
		TEST(test_waiting_until_a_time_is_over),
		TEST(test_waiting_for_another_epoch),
		TEST(test_a_page_with_both_lines_spoiled_is_not_waited_for),
		TEST(test_a_signal_ends_a_wait),
		TEST(test_a_page_with_both_lines_spoiled_answers_and_is_told_to_be_wrong),
		TEST(test_stamps_are_resolved_while_the_page_remembers),
		TEST(test_a_child_reads_on),
	};

	return cmocka_run_group_tests_name("read", tests, NULL, NULL);
}

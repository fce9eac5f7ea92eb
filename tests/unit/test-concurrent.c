/* SPDX-License-Identifier: MIT */
/*
 * One handle, used from everywhere at once while its page is published 1000 times a second:
 * threads, signal handlers, and never the allocator.
 *
 * The lines published are pieces of one curve whose slope changes at each, so that a read of two
 * pieces mixed is a read out of order.  VDSOTIME_RELAY_SECONDS: how long each clock is read by two
 * threads.
 */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include <vdsotime/client.h>

#include "client/ctl/relay.h"
#include "tests/fixtures/fake-daemon.h"
#include "tests/fixtures/live-page.h"

#define NSEC_PER_SEC INT64_C(1000000000)
#define WINDOW_LOG2 30
#define TRACKING_NS 100000000

static struct live_page page;
static struct fake_daemon daemon_;
static struct vdsotime *t;
static pthread_t publisher;
static atomic_bool stopping;

static const clockid_t clocks[] = { CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW,
	CLOCK_BOOTTIME, CLOCK_TAI };
#define CLOCKS (sizeof(clocks) / sizeof(clocks[0]))

/* The line goes on from where it is by now, a nanosecond later at most, with another slope. */
static void bend(struct vdsotime_line *line, uint64_t mult)
{
	uint64_t now = vdsotime_counter_read_fence();
	uint64_t ticks = now - line->word[VDSOTIME_WORD_COUNTER];

	line->word[VDSOTIME_WORD_MONOTONIC] += (ticks * line->word[VDSOTIME_WORD_MULT] >> 32) + 1;
	line->word[VDSOTIME_WORD_RAW] += (ticks * line->word[VDSOTIME_WORD_RAW_MULT] >> 32) + 1;
	line->word[VDSOTIME_WORD_COUNTER] = now;
	line->word[VDSOTIME_WORD_MULT] = mult;
	line->word[VDSOTIME_WORD_RAW_MULT] = mult;
}

static void *publish(void *data)
{
	const struct timespec pause = { .tv_nsec = 900000 };
	uint64_t mult = page.line.word[VDSOTIME_WORD_MULT];

	(void)data;
	for (unsigned int i = 0; !stopping; i++) {
		bend(&page.line, i % 2 ? mult : mult + mult / 1000000);
		/* what the steeper slope may gain until this one is published, be that a second */
		page.line.word[VDSOTIME_WORD_MONOTONIC] += 1000;
		page.line.word[VDSOTIME_WORD_RAW] += 1000;
		live_page_publish(&page);
		nanosleep(&pause, NULL);
	}
	return NULL;
}

static int start(void **state)
{
	(void)state;
	live_page_start(&page, WINDOW_LOG2, TRACKING_NS);
	fake_daemon_start(&daemon_, page.fd);
	if (vdsotime_attach(&t, daemon_.dir, 0) < 0)
		return -1;
	stopping = false;
	return pthread_create(&publisher, NULL, publish, NULL);
}

static int stop(void **state)
{
	(void)state;
	stopping = true;
	pthread_join(publisher, NULL);
	t = vdsotime_detach(t);
	fake_daemon_stop(&daemon_);
	live_page_free(&page);
	return 0;
}

static void test_no_thread_reads_before_what_another_has_read(void **state)
{
	const char *seconds = getenv("VDSOTIME_RELAY_SECONDS");
	int64_t duration_ns = (int64_t)((seconds ? atof(seconds) : 0.4) * 1e9);

	(void)state;
	for (size_t c = 0; c < CLOCKS; c++) {
		struct relay_count count = { 0 };

		assert_int_equal(
			relay_pair(t, clocks[c], vdsotime_gettime_ns, duration_ns, &count), 0);
		print_message("# clock %d: %llu ordered reads, %llu backward, by %lld ns\n",
			clocks[c], (unsigned long long)count.reads,
			(unsigned long long)count.backward, (long long)count.backward_ns);
		assert_true(count.reads > 0);
		assert_int_equal(count.backward, 0);
	}
}

/* What the main flow and its signal handler tell each other; of one thread. */
static volatile int64_t main_ns, handler_ns;
static volatile sig_atomic_t handled, wrong;

static void on_alarm(int signum)
{
	int64_t floor_ns = main_ns, ns = 0;
	struct vdsotime_snapshot s;
	struct vdsotime_interval i;
	struct vdsotime_status status;

	(void)signum;
	wrong |= vdsotime_gettime_ns(t, CLOCK_MONOTONIC, &ns) < 0 || ns < floor_ns;
	wrong |= vdsotime_snapshot(t, &s) < 0 || s.monotonic_ns < ns;
	wrong |= vdsotime_status(t, &status) < 0;
	wrong |= vdsotime_interval(t, &i) == 0;
	handler_ns = s.monotonic_ns;
	handled++;
}

static void test_a_signal_handler_reads_on_the_same_handle(void **state)
{
	const struct sigaction act = { .sa_handler = on_alarm };
	const struct itimerval often = { { .tv_usec = 500 }, { .tv_usec = 500 } };
	const struct itimerval off = { { 0 }, { 0 } };

	(void)state;
	main_ns = handler_ns = handled = wrong = 0;
	assert_int_equal(sigaction(SIGALRM, &act, NULL), 0);
	setitimer(ITIMER_REAL, &often, NULL);
	while (handled < 200) {
		int64_t floor_ns = handler_ns, ns = 0;

		wrong |= vdsotime_gettime_ns(t, CLOCK_MONOTONIC, &ns) < 0 || ns < floor_ns;
		main_ns = ns;
	}
	setitimer(ITIMER_REAL, &off, NULL);
	assert_int_equal(wrong, 0);
}

/* A sanitizer has an allocator of its own; clang says so by a feature, gcc by a macro. */
#ifdef __has_feature
#define SANITIZED __has_feature(address_sanitizer)
#elif defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#else
#define SANITIZED 0
#endif

#if defined(__GLIBC__) && !SANITIZED

/* The allocator with a counter in front, for the library too. */
void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *old, size_t bytes);

static _Thread_local unsigned int allocations;

void *malloc(size_t bytes)
{
	allocations++;
	return __libc_malloc(bytes);
}

void *calloc(size_t count, size_t bytes)
{
	allocations++;
	return __libc_calloc(count, bytes);
}

void *realloc(void *old, size_t bytes)
{
	allocations++;
	return __libc_realloc(old, bytes);
}

static void test_nothing_is_allocated_after_attaching(void **state)
{
	const struct timespec ms = { .tv_nsec = 1000000 };
	unsigned int before = allocations;
	struct vdsotime_snapshot s;
	struct vdsotime_status status;
	struct timespec ts;
	int64_t ns;

	(void)state;
	for (size_t c = 0; c < CLOCKS; c++) {
		vdsotime_gettime(t, clocks[c], &ts);
		vdsotime_gettime_ns_relaxed(t, clocks[c], &ns);
		vdsotime_resolve(t, vdsotime_stamp(), clocks[c], &ns);
	}
	vdsotime_gettime(t, CLOCK_THREAD_CPUTIME_ID, &ts);
	vdsotime_snapshot(t, &s);
	vdsotime_status(t, &status);
	vdsotime_wait_epoch(t, status.epoch, &ms);
	vdsotime_wait_until_past(t, 0, &ms);
	vdsotime_refresh(t);
	vdsotime_nopage_text(status.reason);
	assert_int_equal(allocations, before);
	/* the counter counts */
	struct vdsotime *other = NULL;

	assert_int_equal(vdsotime_attach(&other, "/nonexistent", VDSOTIME_FALLBACK), 0);
	assert_true(allocations > before);
	vdsotime_detach(other);
}

#else

static void test_nothing_is_allocated_after_attaching(void **state)
{
	(void)state;
	skip();
}

#endif

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
	const struct CMUnitTest tests[] = {
		TEST(test_no_thread_reads_before_what_another_has_read),
		TEST(test_a_signal_handler_reads_on_the_same_handle),
		TEST(test_nothing_is_allocated_after_attaching),
	};

	return cmocka_run_group_tests_name("concurrent", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
#include "tests/guest/tally.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "tests/guest/kernel.h"

#define CLOCKS 5
#define MONOTONIC 1
#define READS 20 /* between two moments in which others may look */

/*
 * Longer between the kernel's two answers: the thread was held up, or the clock was disturbed just
 * there; the next read will tell.
 */
#define BRACKET_NS (20 * NSEC_PER_MSEC)

static const clockid_t clocks[CLOCKS] = { CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW,
	CLOCK_BOOTTIME, CLOCK_TAI };

struct look {
	struct vdsotime_snapshot page;
	int64_t before_ns[CLOCKS];
	int64_t page_ns[CLOCKS];
	int64_t after_ns[CLOCKS];
};

static const struct vdsotime *handle;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct tally tally;

static void take(struct look *l)
{
	for (int i = 0; i < CLOCKS; i++)
		l->before_ns[i] = kernel_ns(clocks[i]);
	if (vdsotime_snapshot(handle, &l->page) < 0)
		abort();
	for (int i = CLOCKS; i-- > 0;)
		l->after_ns[i] = kernel_ns(clocks[i]);
	l->page_ns[0] = l->page.realtime_ns;
	l->page_ns[1] = l->page.monotonic_ns;
	l->page_ns[2] = l->page.monotonic_raw_ns;
	l->page_ns[3] = l->page.boottime_ns;
	l->page_ns[4] = l->page.tai_ns;
}

static void compare_kernel(struct tally *t, const struct look *l)
{
	int64_t now = l->after_ns[MONOTONIC], worst = 0;

	for (int i = 0; i < CLOCKS; i++) {
		int64_t width = l->after_ns[i] - l->before_ns[i];

		if (width < 0 || width > BRACKET_NS)
			return;
		if (l->before_ns[i] - l->page_ns[i] > worst)
			worst = l->before_ns[i] - l->page_ns[i];
		if (l->page_ns[i] - l->after_ns[i] > worst)
			worst = l->page_ns[i] - l->after_ns[i];
	}
	if (worst > t->off_ns)
		t->off_ns = worst;
	if (worst <= (int64_t)l->page.tracking_ns) {
		t->outside_since_ns = 0;
		return;
	}
	if (!t->outside_since_ns)
		t->outside_since_ns = now;
	if (now - t->outside_since_ns > t->outside_longest_ns)
		t->outside_longest_ns = now - t->outside_since_ns;
	if (worst > t->outside_worst_ns)
		t->outside_worst_ns = worst;
}

static void compare_last(struct tally *t, const struct look *l, const struct look *last)
{
	int64_t back = 0;

	if (l->page.path != VDSOTIME_PATH_PAGE || last->page.path != VDSOTIME_PATH_PAGE ||
		l->page.epoch != last->page.epoch)
		return;
	for (int i = 0; i < CLOCKS; i++)
		if (last->page_ns[i] - l->page_ns[i] > back)
			back = last->page_ns[i] - l->page_ns[i];
	if (back == 0)
		return;
	t->back++;
	if (back > t->back_ns)
		t->back_ns = back;
}

static void count(struct tally *t, const struct look *l, const struct look *last)
{
	int64_t gap = l->after_ns[MONOTONIC] - last->after_ns[MONOTONIC];

	t->reads++;
	if (last->after_ns[MONOTONIC] && gap > t->gap_ns)
		t->gap_ns = gap;
	compare_last(t, l, last);
	if (l->page.path == VDSOTIME_PATH_PAGE) {
		t->page_reads++;
		compare_kernel(t, l);
	} else {
		t->outside_since_ns = 0;
	}
}

static void *read_for_ever(void *data)
{
	struct look last = { 0 };

	(void)data;
	for (;;) {
		pthread_mutex_lock(&lock);
		for (int i = 0; i < READS; i++) {
			struct look l;

			take(&l);
			count(&tally, &l, &last);
			last = l;
		}
		pthread_mutex_unlock(&lock);
		nanosleep(&(struct timespec){ .tv_nsec = 500000 }, NULL);
	}
	return NULL;
}

int tally_start(const struct vdsotime *handle_of_all)
{
	pthread_t thread;

	handle = handle_of_all;
	return -pthread_create(&thread, NULL, read_for_ever, NULL);
}

void tally_clear(void)
{
	pthread_mutex_lock(&lock);
	tally = (struct tally){ 0 };
	pthread_mutex_unlock(&lock);
}

struct tally tally_get(void)
{
	struct tally t;

	pthread_mutex_lock(&lock);
	t = tally;
	pthread_mutex_unlock(&lock);
	return t;
}

void tally_hold(void)
{
	pthread_mutex_lock(&lock);
}

void tally_release(void)
{
	pthread_mutex_unlock(&lock);
}

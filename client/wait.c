/* SPDX-License-Identifier: MIT */
/* The two calls that sleep: until the epoch changes, and until a time is surely over. */
#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "client/deadline.h"
#include "client/handle.h"
#include "client/kept.h"

#define NSEC_PER_SEC 1000000000

#ifdef SYS_futex_time64
#define SYS_FUTEX SYS_futex_time64
#else
#define SYS_FUTEX SYS_futex
#endif

/* Sleep while *word is value, until deadline_ns.  The map is read-only: FUTEX_WAIT needs no
 * more. */
static int futex_wait(const uint32_t *word, uint32_t value, int64_t deadline_ns)
{
	/* what the system call takes, whatever this libc's time_t */
	const struct {
		int64_t sec;
		int64_t nsec;
	} until = { deadline_ns / NSEC_PER_SEC, deadline_ns % NSEC_PER_SEC };

	/* FUTEX_WAIT_BITSET takes an absolute time on MONOTONIC */
	if (syscall(SYS_FUTEX, word, FUTEX_WAIT_BITSET, value,
		    deadline_ns == DEADLINE_NEVER ? NULL : &until, NULL,
		    FUTEX_BITSET_MATCH_ANY) < 0)
		return -errno;
	return 0;
}

/*
 * The word and the line disagree: the writer is between the two, or has died there.  A moment's
 * sleep, so that nobody spins until its successor has mended it; -ETIMEDOUT when the wait is over.
 */
static int wait_for_writer(const struct vdsotime *t, int64_t deadline_ns)
{
	const struct timespec pause = { .tv_nsec = 1000000 };
	int64_t left_ns;
	int r = deadline_left(&t->vdso, deadline_ns, &left_ns);

	if (r < 0)
		return r;
	if (left_ns == 0)
		return -ETIMEDOUT;
	return -clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
}

int vdsotime_wait_epoch(const struct vdsotime *t, uint64_t seen, const struct timespec *timeout)
{
	ERRNO_KEPT;
	struct vdsotime_line line;
	int64_t deadline_ns;
	int r = deadline_init(&t->vdso, timeout, &deadline_ns);

	if (r < 0)
		return r;
	if (!t->page)
		return -ENODATA;
	for (;;) {
		/* also after a wait that failed: a writer may have died between its store and its
		 * wake */
		if (vdsotime_page_line(t->page, &line) && line.extra[VDSOTIME_EXTRA_EPOCH] != seen)
			return 0;
		if (r < 0)
			return r;
		r = futex_wait(&t->page->epoch, (uint32_t)seen, deadline_ns);
		if (r == -EAGAIN)
			r = wait_for_writer(t, deadline_ns);
	}
}

int vdsotime_wait_until_past(
	const struct vdsotime *t, int64_t time_ns, const struct timespec *timeout)
{
	ERRNO_KEPT;
	struct vdsotime_interval i;
	int64_t deadline_ns, left_ns, sleep_ns;
	int r = deadline_init(&t->vdso, timeout, &deadline_ns);

	if (r < 0)
		return r;
	for (;;) {
		r = vdsotime_interval(t, &i);
		if (r < 0)
			return r;
		if (vdsotime_interval_after(&i, time_ns))
			return 0;
		r = deadline_left(&t->vdso, deadline_ns, &left_ns);
		if (r < 0)
			return r;
		if (left_ns == 0)
			return -ETIMEDOUT;
		/* the bound may shrink meanwhile: sleeps stay short enough to see it */
		if (__builtin_sub_overflow(time_ns, i.earliest_ns, &sleep_ns) ||
			sleep_ns > NSEC_PER_SEC / 10)
			sleep_ns = NSEC_PER_SEC / 10;
		sleep_ns++;
		if (sleep_ns > left_ns)
			sleep_ns = left_ns;
		const struct timespec pause = deadline_timespec(sleep_ns);

		r = clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
		if (r)
			return -r;
	}
}

/* SPDX-License-Identifier: MIT */
/* The two calls that sleep: until the epoch changes, and until a time is surely over. */
#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "client/deadline.h"
#include "client/handle.h"
#include "client/kept.h"

#define NSEC_PER_SEC 1000000000

/*
 * Looks at a page, a millisecond apart, that find no line intact before it is given up: a live
 * writer may have changed both lines within one.
 */
#define SPOILED_MAX 16

/* The call with 64-bit times, and the machine's own; some machines have but one. */
#ifdef SYS_futex_time64
#define FUTEX_TIME64 SYS_futex_time64
#else
#define FUTEX_TIME64 SYS_futex
#endif
#ifdef SYS_futex
#define FUTEX_NATIVE SYS_futex
#else
#define FUTEX_NATIVE SYS_futex_time64
#endif

/* FUTEX_WAIT_BITSET takes an absolute time on MONOTONIC.  until == NULL: without end. */
static int futex(long number, const uint32_t *word, uint32_t value, const void *until)
{
	return syscall(number, word, FUTEX_WAIT_BITSET, value, until, NULL,
		       FUTEX_BITSET_MATCH_ANY) < 0
		       ? -errno
		       : 0;
}

/*
 * Sleep while *word is value, until deadline_ns.  The map is read-only: FUTEX_WAIT needs no more.
 * The times are what the calls take, whatever this libc's time_t.
 */
static int futex_wait(const uint32_t *word, uint32_t value, int64_t deadline_ns)
{
	const int64_t sec = deadline_ns / NSEC_PER_SEC, nsec = deadline_ns % NSEC_PER_SEC;
	const struct {
		int64_t sec;
		int64_t nsec;
	} until = { sec, nsec };
	const struct {
		long sec;
		long nsec;
	} native = { sec < LONG_MAX ? (long)sec : LONG_MAX, (long)nsec };
	const bool never = deadline_ns == DEADLINE_NEVER;
	int r = futex(FUTEX_TIME64, word, value, never ? NULL : &until);

	/* a 32-bit kernel before Linux 5.1, and a seccomp filter older than that */
	if (r == -ENOSYS || r == -EPERM)
		r = futex(FUTEX_NATIVE, word, value, never ? NULL : &native);
	return r;
}

/*
 * The word and the line disagree: the writer is between the two, or has died there.  Or no line is
 * intact.  A moment's sleep, so that nobody spins until its successor has mended it; -ETIMEDOUT
 * when the wait is over.
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
	int spoiled = 0;
	int r = deadline_init(&t->vdso, timeout, &deadline_ns);

	if (r < 0)
		return r;
	if (!t->page)
		return -ENODATA;
	for (;;) {
		/*
		 * also after a wait that failed: a writer may have died between its store and its
		 * wake
		 */
		spoiled = vdsotime_page_line(t->page, &line) ? 0 : spoiled + 1;
		if (spoiled == 0 && line.extra[VDSOTIME_EXTRA_EPOCH] != seen)
			return 0;
		if (r < 0)
			return r;
		if (spoiled == SPOILED_MAX)
			return -ENODATA;
		if (spoiled == 0)
			r = futex_wait(&t->page->epoch, (uint32_t)seen, deadline_ns);
		if (spoiled > 0 || r == -EAGAIN)
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

/* SPDX-License-Identifier: MIT */
/* The two calls that sleep: until the epoch changes, and until a time is surely over. */
#include <errno.h>
#include <linux/futex.h>
#include <stdbool.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "client/handle.h"

#define NSEC_PER_SEC 1000000000

/* When a wait ends, on MONOTONIC; INT64_MAX: never. */
static int deadline_of(const struct vdsotime *t, const struct timespec *timeout, int64_t *ret_ns)
{
	int64_t now;
	int r = handle_read_vdso(t, CLOCK_MONOTONIC, &now);

	if (r < 0)
		return r;
	if (!timeout) {
		*ret_ns = INT64_MAX;
		return 0;
	}
	if (timeout->tv_sec < 0 || timeout->tv_nsec < 0 || timeout->tv_nsec >= NSEC_PER_SEC)
		return -EINVAL;
	if (__builtin_mul_overflow((int64_t)timeout->tv_sec, (int64_t)NSEC_PER_SEC, ret_ns) ||
		__builtin_add_overflow(*ret_ns, now + timeout->tv_nsec, ret_ns))
		*ret_ns = INT64_MAX;
	return 0;
}

static struct timespec timespec_of(int64_t ns)
{
	return (struct timespec){
		.tv_sec = (time_t)(ns / NSEC_PER_SEC),
		.tv_nsec = (long)(ns % NSEC_PER_SEC),
	};
}

#ifdef SYS_futex_time64
#define SYS_FUTEX SYS_futex_time64
#else
#define SYS_FUTEX SYS_futex
#endif

/* Sleep while *word is value, until deadline_ns.  The map is read-only: FUTEX_WAIT needs no more. */
static int futex_wait(const uint32_t *word, uint32_t value, int64_t deadline_ns)
{
	/* what the system call takes, whatever this libc's time_t */
	const struct {
		int64_t sec;
		int64_t nsec;
	} until = { deadline_ns / NSEC_PER_SEC, deadline_ns % NSEC_PER_SEC };

	/* FUTEX_WAIT_BITSET takes an absolute time on MONOTONIC */
	if (syscall(SYS_FUTEX, word, FUTEX_WAIT_BITSET, value,
		    deadline_ns == INT64_MAX ? NULL : &until, NULL, FUTEX_BITSET_MATCH_ANY) < 0)
		return -errno;
	return 0;
}

int vdsotime_wait_epoch(const struct vdsotime *t, uint64_t seen, const struct timespec *timeout)
{
	struct vdsotime_line line;
	int64_t deadline_ns;
	int r = deadline_of(t, timeout, &deadline_ns);

	if (r < 0)
		return r;
	if (!t->page)
		return -ENODATA;
	for (;;) {
		if (vdsotime_page_line(t->page, &line) && line.extra[VDSOTIME_EXTRA_EPOCH] != seen)
			return 0;
		r = futex_wait(&t->page->epoch, (uint32_t)seen, deadline_ns);
		/* EAGAIN: the word is ahead of the line that we saw, look again */
		if (r < 0 && r != -EAGAIN)
			return r;
	}
}

int vdsotime_wait_until_past(
	const struct vdsotime *t, int64_t time_ns, const struct timespec *timeout)
{
	struct vdsotime_interval i;
	int64_t deadline_ns, now_ns, sleep_ns;
	int r = deadline_of(t, timeout, &deadline_ns);

	if (r < 0)
		return r;
	for (;;) {
		r = vdsotime_interval(t, &i);
		if (r < 0)
			return r;
		if (vdsotime_interval_after(&i, time_ns))
			return 0;
		r = handle_read_vdso(t, CLOCK_MONOTONIC, &now_ns);
		if (r < 0)
			return r;
		if (now_ns >= deadline_ns)
			return -ETIMEDOUT;
		/* the bound may shrink meanwhile: sleeps stay short enough to see it */
		if (__builtin_sub_overflow(time_ns, i.earliest_ns, &sleep_ns) ||
			sleep_ns > NSEC_PER_SEC / 10)
			sleep_ns = NSEC_PER_SEC / 10;
		sleep_ns++;
		if (sleep_ns > deadline_ns - now_ns)
			sleep_ns = deadline_ns - now_ns;
		const struct timespec pause = timespec_of(sleep_ns);

		r = clock_nanosleep(CLOCK_MONOTONIC, 0, &pause, NULL);
		if (r)
			return -r;
	}
}

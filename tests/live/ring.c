/* SPDX-License-Identifier: MIT */
/*
 * Stamps against what ordered reads said at their moments, over the page's whole ring: every stamp
 * that the page still remembers has the time of its snapshot, within the tracking bound of that;
 * what it has forgotten is -ERANGE, and only the oldest of all is forgotten.
 *
 *     ring RUNTIME_DIR SECONDS      says what it found, and ends with 1 when something is wrong
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <vdsotime/client.h>

#define SNAPSHOTS_MAX 20000
#define CLOCKS 5

static struct vdsotime_snapshot snapshots[SNAPSHOTS_MAX];
static const clockid_t clocks[CLOCKS] = { CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW,
	CLOCK_BOOTTIME, CLOCK_TAI };

static int64_t said(const struct vdsotime_snapshot *s, int clock)
{
	const int64_t times[CLOCKS] = { s->realtime_ns, s->monotonic_ns, s->monotonic_raw_ns,
		s->boottime_ns, s->tai_ns };

	return times[clock];
}

/* The largest difference of its five clocks; -1: forgotten; -2: farther off than the bound. */
static int64_t resolve(const struct vdsotime *t, const struct vdsotime_snapshot *s)
{
	int64_t largest = 0;

	for (int c = 0; c < CLOCKS; c++) {
		int64_t then, difference;
		int r = vdsotime_resolve(t, s->counter_ticks, clocks[c], &then);

		if (r < 0)
			return r == -ERANGE ? -1 : -2;
		difference = llabs(then - said(s, c));
		if (difference > (int64_t)s->tracking_ns)
			return -2;
		largest = difference > largest ? difference : largest;
	}
	return largest;
}

static size_t gather(const struct vdsotime *t, double seconds)
{
	const struct timespec pause = { .tv_nsec = 900000 };
	struct vdsotime_snapshot s;
	size_t n = 0;
	int64_t end_ns;

	vdsotime_gettime_ns(t, CLOCK_MONOTONIC, &end_ns);
	end_ns += (int64_t)(seconds * 1e9);
	do {
		if (vdsotime_snapshot(t, &s) == 0 && s.path == VDSOTIME_PATH_PAGE)
			snapshots[n++] = s;
		nanosleep(&pause, NULL);
	} while (s.monotonic_ns < end_ns && n < SNAPSHOTS_MAX);
	return n;
}

int main(int argc, char **argv)
{
	size_t n, forgotten = 0, resolved = 0;
	struct vdsotime *t;
	int64_t largest = 0;
	bool remembered = false;

	if (argc != 3)
		return 2;
	if (vdsotime_attach(&t, argv[1], 0) < 0)
		return 1;
	n = gather(t, atof(argv[2]));
	/*
	 * the newest first, as the ring is overwritten meanwhile: once it forgets it has forgotten
	 * all before
	 */
	for (size_t i = n; i-- > 0;) {
		int64_t difference = resolve(t, &snapshots[i]);

		if (difference == -2 || (difference >= 0 && forgotten > 0)) {
			printf("WRONG: stamp %zu of %zu\n", i, n);
			return 1;
		}
		forgotten += difference < 0;
		resolved += difference >= 0;
		largest = difference > largest ? difference : largest;
		remembered |= difference >= 0;
	}
	printf("%zu stamps of %.3f s resolved, at most %lld ns off; %zu older ones forgotten\n",
		resolved,
		remembered ? (double)(snapshots[n - 1].monotonic_ns -
				      snapshots[n - resolved].monotonic_ns) /
				     1e9
			   : 0,
		(long long)largest, forgotten);
	vdsotime_detach(t);
	return 0;
}

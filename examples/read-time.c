/* SPDX-License-Identifier: MIT */
/*
 * The time, twice a second, and where it came from.
 *
 *     cc -o read-time read-time.c $(pkg-config --cflags --libs libvdsotime-client)
 *
 * Stop the daemon and it goes on from the vDSO; start it again and it is back on the page.
 */
#include <stdio.h>
#include <string.h>

#include <vdsotime/client.h>

int main(void)
{
	const struct timespec pause = { .tv_nsec = 500000000 };
	struct vdsotime *t;
	int r = vdsotime_attach(&t, NULL, VDSOTIME_FALLBACK);

	if (r < 0) {
		fprintf(stderr, "cannot attach: %s\n", strerror(-r));
		return 1;
	}
	for (;;) {
		struct vdsotime_status s;
		struct timespec now;

		vdsotime_gettime(t, CLOCK_REALTIME, &now);
		vdsotime_status(t, &s);
		printf("%lld.%09ld %s: %s\n", (long long)now.tv_sec, now.tv_nsec,
			vdsotime_path_name(s.path), vdsotime_nopage_text(s.reason));
		fflush(stdout);
		if (s.path != VDSOTIME_PATH_PAGE)
			vdsotime_refresh(t);
		nanosleep(&pause, NULL);
	}
}

/* SPDX-License-Identifier: MIT */
/*
 * The watch, on the real loop.  The clock may not be set here, so what the kernel says of a set
 * clock is for the guest test; here: that it is armed, quiet while nothing happens, and gone when
 * freed.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/loop.h"
#include "daemon/watch.h"

static struct loop *loop;
static unsigned int calls;

static void on_set(void *data)
{
	(void)data;
	calls++;
}

static void stop(void *data)
{
	loop_stop(data);
}

static int begin(void **state)
{
	(void)state;
	calls = 0;
	return loop_new(&loop, 16);
}

static int end(void **state)
{
	(void)state;
	loop = loop_free(loop);
	return 0;
}

/* How many timerfds on CLOCK_REALTIME with both flags of arm() are open: /proc/PID/fdinfo tells. */
static int count_armed(void)
{
	DIR *dir = opendir("/proc/self/fdinfo");
	const struct dirent *e;
	int count = 0;

	assert_non_null(dir);
	while ((e = readdir(dir))) {
		char path[300], line[128];
		int clock = -1, flags = 0, ticks = -1;
		FILE *file;

		snprintf(path, sizeof(path), "/proc/self/fdinfo/%s", e->d_name);
		file = fopen(path, "re");
		if (!file)
			continue;
		while (fgets(line, sizeof(line), file)) {
			sscanf(line, "clockid: %d", &clock);
			sscanf(line, "settime flags: %o", (unsigned int *)&flags);
			sscanf(line, "ticks: %d", &ticks);
		}
		fclose(file);
		count += clock == 0 && flags == 3 && ticks == 0;
	}
	closedir(dir);
	return count;
}

static void test_watch_is_armed_until_it_is_freed(void **state)
{
	struct watch *w = NULL;
	int before = count_armed();

	(void)state;
	assert_int_equal(watch_new(&w, loop, on_set, NULL), 0);
	assert_int_equal(count_armed(), before + 1);
	assert_null(watch_free(w));
	assert_int_equal(count_armed(), before);
	assert_null(watch_free(NULL));
}

static void test_nothing_is_called_while_the_clock_is_left_alone(void **state)
{
	struct loop_timer *timer = NULL;
	struct watch *w = NULL;

	(void)state;
	assert_int_equal(watch_new(&w, loop, on_set, NULL), 0);
	assert_int_equal(loop_timer_new(loop, stop, loop, &timer), 0);
	loop_timer_start(timer, 50000000);
	loop_run(loop);
	assert_int_equal(calls, 0);
	loop_timer_free(timer);
	watch_free(w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_watch_is_armed_until_it_is_freed, begin, end),
		cmocka_unit_test_setup_teardown(
			test_nothing_is_called_while_the_clock_is_left_alone, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

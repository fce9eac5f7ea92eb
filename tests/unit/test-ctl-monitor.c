/* SPDX-License-Identifier: MIT */
/* What monitor says of a page whose epoch changes between two of its lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

#include <fcntl.h>
#include <inttypes.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <vdsotime/client.h>

#include "client/ctl/verbs.h"
#include "tests/fixtures/fake-daemon.h"
#include "tests/fixtures/live-page.h"

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)
#define WINDOW_LOG2 31
#define TRACKING_NS 1000000

static struct live_page page;
static struct fake_daemon server;
static char printed[4096];

static int setup(void **state)
{
	(void)state;
	live_page_new(&page, SEALS, sizeof(*page.page));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	live_page_free(&page);
	return 0;
}

/* Take in what monitor prints at *data, a pipe's end; after its first line raise the epoch. */
static void *read_and_disturb(void *data)
{
	const int *fd = data;
	size_t bytes = 0;
	bool disturbed = false;
	ssize_t got;

	memset(printed, 0, sizeof(printed));
	while ((got = read(*fd, printed + bytes, sizeof(printed) - 1 - bytes)) > 0) {
		bytes += (size_t)got;
		if (disturbed || !memchr(printed, '\n', bytes))
			continue;
		disturbed = true;
		page.line.extra[VDSOTIME_EXTRA_EPOCH]++;
		live_page_aim(&page, WINDOW_LOG2, TRACKING_NS);
		live_page_publish(&page);
		syscall(SYS_futex, &page.page->epoch, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
	}
	return NULL;
}

/* Two lines of monitor, with the epoch raised by one between them. */
static const char *monitor_from(uint64_t epoch, enum ctl_json json)
{
	struct ctl ctl = {
		.err = stderr,
		.json = json,
		.n_given = 2,
		.given = { { "count", "2" }, { "interval", "5" } },
	};
	pthread_t thread;
	int ends[2], status;

	page.line.extra[VDSOTIME_EXTRA_EPOCH] = epoch;
	live_page_aim(&page, WINDOW_LOG2, TRACKING_NS);
	live_page_publish(&page);
	fake_daemon_start(&server, page.fd);
	ctl.runtime_dir = server.dir;
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	ctl.out = fdopen(ends[1], "w");
	assert_int_equal(pthread_create(&thread, NULL, read_and_disturb, &ends[0]), 0);
	status = verb_monitor(&ctl, 0, NULL);
	fclose(ctl.out);
	pthread_join(thread, NULL);
	close(ends[0]);
	fake_daemon_stop(&server);
	assert_int_equal(status, CTL_OK);
	return printed;
}

static void test_the_first_disturbance_of_a_page_is_one(void **state)
{
	const char *out = monitor_from(0, CTL_JSON_SHORT);

	(void)state;
	if (!strstr(out, "\"path\":\"page\""))
		skip();
	assert_non_null(strstr(out, "{\"event\":\"tick\""));
	assert_non_null(strstr(out, "\n{\"event\":\"disturbed\""));
}

static void test_people_see_the_part_of_an_epoch_that_counts(void **state)
{
	const uint64_t epoch = UINT64_C(0x89abcdef00000004);
	const char *out = monitor_from(epoch, CTL_JSON_OFF);
	char whole[64];

	(void)state;
	if (!strstr(out, "  page  "))
		skip();
	assert_non_null(strstr(out, "  epoch 4  "));
	assert_non_null(strstr(out, "disturbed  page  epoch 5  "));
	out = monitor_from(epoch, CTL_JSON_SHORT);
	snprintf(whole, sizeof(whole), "\"epoch\":%" PRIu64 ",", epoch + 1);
	assert_non_null(strstr(out, whole));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_the_first_disturbance_of_a_page_is_one, setup, teardown),
		cmocka_unit_test_setup_teardown(
			test_people_see_the_part_of_an_epoch_that_counts, setup, teardown),
	};

	return cmocka_run_group_tests_name("ctl-monitor", tests, NULL, NULL);
}

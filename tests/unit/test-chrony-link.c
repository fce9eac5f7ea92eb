/* SPDX-License-Identifier: MIT */
/*
 * The link, on the real loop, with this test in the place of chronyd on a port of the loopback.
 *
 * clock_gettime() is this program's own, so that the loop's timers go by what the test says.
 */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/chrony-link.h"
#include "daemon/log.h"
#include "daemon/loop.h"
#include "daemon/os.h"

#define NOW_NS 4711000
#define MS UINT64_C(1000000)

static struct loop *loop;
static struct chrony_link *chrony_link;
static struct chrony_report last;
static unsigned int reports;
static char logged[4096];
static int server = -1; /* chronyd's */
static uint16_t port;
static struct sockaddr_in client; /* who asked */

static uint64_t clock_ns = 1000000 * MS;

/* Of every clock, as libev asks it for two. */
int clock_gettime(clockid_t clock_id, struct timespec *ret)
{
	(void)clock_id;
	ret->tv_sec = (time_t)(clock_ns / (1000 * MS));
	ret->tv_nsec = (long)(clock_ns % (1000 * MS));
	return 0;
}

static int catch_record(const struct log_record *record)
{
	size_t used = strlen(logged);

	snprintf(logged + used, sizeof(logged) - used, "<%d>%s\n", (int)record->level,
		record->message);
	return 0;
}

static int now(void *ctx, int32_t clock_id, int64_t *ret)
{
	(void)ctx;
	assert_int_equal(clock_id, CLOCK_BOOTTIME);
	*ret = NOW_NS;
	return 0;
}

static const struct os os = { .clock_gettime_ns = now };

static void on_report(void *data, const struct chrony_report *report)
{
	assert_ptr_equal(data, &reports);
	last = *report;
	reports++;
}

static int open_server(uint16_t at)
{
	struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(at),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	socklen_t bytes = sizeof(address);
	const struct timeval patience = { .tv_sec = 10 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &bytes), 0);
	port = ntohs(address.sin_port);
	return fd;
}

static int begin(void **state)
{
	(void)state;
	logged[0] = 0;
	reports = 0;
	log_set_sink(catch_record);
	server = open_server(0);
	return loop_new(&loop, CHRONY_WATCHERS) ||
	       chrony_link_new(&chrony_link, loop, &os, on_report, &reports);
}

static int end(void **state)
{
	(void)state;
	chrony_link = chrony_link_free(chrony_link);
	loop = loop_free(loop);
	if (server >= 0)
		close(server);
	server = -1;
	log_set_sink(NULL);
	return 0;
}

/* Ask anew at once, as the next round would. */
static void ask(void)
{
	chrony_link_ask(chrony_link, port);
}

/* The reply that chronyd would give, of half a second, to the request that is there. */
static void receive(uint8_t ret_reply[CHRONY_FRAME_BYTES])
{
	uint8_t request[CHRONY_FRAME_BYTES + 1];
	socklen_t bytes = sizeof(client);
	ssize_t n =
		recvfrom(server, request, sizeof(request), 0, (struct sockaddr *)&client, &bytes);

	assert_int_equal(n, CHRONY_FRAME_BYTES);
	memset(ret_reply, 0, CHRONY_FRAME_BYTES);
	ret_reply[0] = request[0];
	ret_reply[1] = 2;
	memcpy(ret_reply + 4, request + 4, 2);
	ret_reply[7] = 5;
	memcpy(ret_reply + 16, request + 8, 4);
	/* root dispersion: 2^23 * 2^(1 - 25) */
	ret_reply[96] = 1 << 1;
	ret_reply[97] = 0x80;
}

static void reply(int from, const void *frame, size_t bytes)
{
	assert_int_equal(
		sendto(from, frame, bytes, 0, (struct sockaddr *)&client, sizeof(client)), bytes);
}

static const struct chrony_counts *counts(void)
{
	return chrony_link_counts(chrony_link);
}

static void test_nobody_is_asked_by_default(void **state)
{
	(void)state;
	assert_int_equal(chrony_link_port(chrony_link), 0);
	loop_once(loop, false);
	assert_int_equal(counts()->requests, 0);
	assert_string_equal(logged, "");
}

static void test_report_comes_through(void **state)
{
	uint8_t frame[CHRONY_FRAME_BYTES];

	(void)state;
	ask();
	receive(frame);
	reply(server, frame, sizeof(frame));
	loop_once(loop, true);
	assert_int_equal(reports, 1);
	assert_true(last.synchronised);
	assert_in_range(last.bound_ns, 500000000, 500000500);
	assert_int_equal(last.asked_at_ns, NOW_NS);
	assert_non_null(strstr(logged, "<6>chronyd answers at 127.0.0.1, port "));
	ask();
	receive(frame);
	reply(server, frame, sizeof(frame));
	loop_once(loop, true);
	assert_int_equal(counts()->reports, 2);
}

/* A timer fires when its time is over, not at its end. */
static void pass(uint64_t ns)
{
	clock_ns += ns;
	loop_once(loop, false);
}

static void test_chronyd_is_asked_in_every_period(void **state)
{
	uint8_t frame[CHRONY_FRAME_BYTES];

	(void)state;
	ask();
	pass(MS);
	for (unsigned int i = 1; i <= 4; i++) {
		receive(frame);
		reply(server, frame, sizeof(frame));
		loop_once(loop, true);
		assert_int_equal(reports, i);
		pass(CHRONY_PERIOD_NS - 2 * MS);
		assert_int_equal(counts()->requests, i);
		pass(2 * MS);
		assert_int_equal(counts()->requests, i + 1);
	}
	assert_int_equal(counts()->lost, 0);
	/* and no more when it is not to be */
	chrony_link_ask(chrony_link, 0);
	pass(2 * CHRONY_PERIOD_NS);
	assert_int_equal(counts()->requests, 5);
}

static void test_silent_chronyd_is_told_of_and_asked_again(void **state)
{
	uint8_t first[CHRONY_FRAME_BYTES], frame[CHRONY_FRAME_BYTES];

	(void)state;
	ask();
	receive(first);
	pass(CHRONY_PERIOD_NS + MS);
	assert_int_equal(counts()->lost, 1);
	assert_non_null(strstr(logged, "timed out"));
	/* too late */
	reply(server, first, sizeof(first));
	loop_once(loop, true);
	assert_int_equal(counts()->refused, 1);
	receive(frame);
	reply(server, frame, sizeof(frame));
	loop_once(loop, true);
	assert_int_equal(reports, 1);
}

static void test_requests_differ_in_what_must_come_back(void **state)
{
	uint8_t first[CHRONY_FRAME_BYTES], second[CHRONY_FRAME_BYTES];

	(void)state;
	ask();
	receive(first);
	ask();
	receive(second);
	assert_memory_not_equal(first + 16, second + 16, 4);
	/* the first comes late: it goes to a socket that is no more */
	assert_int_equal(counts()->lost, 1);
}

static void test_bad_replies_are_counted_and_the_true_one_is_taken(void **state)
{
	uint8_t frame[CHRONY_FRAME_BYTES + 40] = { 0 };

	(void)state;
	ask();
	receive(frame);
	/* too long, although it begins well */
	reply(server, frame, sizeof(frame));
	reply(server, frame, CHRONY_FRAME_BYTES - 1);
	reply(server, frame, 0);
	frame[16] ^= 1;
	reply(server, frame, CHRONY_FRAME_BYTES);
	frame[16] ^= 1;
	loop_once(loop, true);
	assert_int_equal(reports, 0);
	assert_int_equal(counts()->refused, 4);
	assert_non_null(strstr(logged, "<4>No report from chronyd"));
	/* and told once */
	assert_string_equal(strchr(logged, '\n'), "\n");
	assert_non_null(strstr(logged, "its reply cannot be used"));
	reply(server, frame, CHRONY_FRAME_BYTES);
	loop_once(loop, true);
	assert_int_equal(reports, 1);
}

static void test_nobody_elses_datagrams_come_in(void **state)
{
	uint8_t frame[CHRONY_FRAME_BYTES];
	uint16_t true_port = port;
	int other = open_server(0);

	(void)state;
	port = true_port;
	ask();
	receive(frame);
	reply(other, frame, sizeof(frame));
	loop_once(loop, false);
	assert_int_equal(reports, 0);
	assert_int_equal(counts()->refused, 0);
	close(other);
	reply(server, frame, sizeof(frame));
	loop_once(loop, true);
	assert_int_equal(reports, 1);
}

static void test_flood_does_not_hold_up_the_loop(void **state)
{
	uint8_t frame[CHRONY_FRAME_BYTES];
	uint64_t before;

	(void)state;
	ask();
	receive(frame);
	frame[16] ^= 1;
	for (int i = 0; i < 40; i++)
		reply(server, frame, sizeof(frame));
	for (int i = 0; i < 5; i++) {
		before = counts()->refused;
		loop_once(loop, true);
		assert_in_range(counts()->refused - before, 1, 8);
	}
	assert_int_equal(counts()->refused, 40);
}

static void test_absent_chronyd_is_told_once_and_taken_when_it_comes(void **state)
{
	uint8_t frame[CHRONY_FRAME_BYTES];

	(void)state;
	close(server);
	ask();
	loop_once(loop, true);
	assert_int_equal(counts()->lost, 1);
	assert_non_null(strstr(logged, "Connection refused"));
	assert_string_equal(strchr(logged, '\n'), "\n");
	server = open_server(port);
	ask();
	receive(frame);
	reply(server, frame, sizeof(frame));
	loop_once(loop, true);
	assert_int_equal(reports, 1);
	assert_non_null(strstr(logged, "chronyd answers"));
}

static void test_who_is_asked_no_more_is_not_heard(void **state)
{
	uint8_t frame[CHRONY_FRAME_BYTES];

	(void)state;
	ask();
	receive(frame);
	chrony_link_ask(chrony_link, 0);
	assert_int_equal(chrony_link_port(chrony_link), 0);
	reply(server, frame, sizeof(frame));
	loop_once(loop, false);
	assert_int_equal(reports, 0);
	assert_int_equal(counts()->refused, 0);
	assert_int_equal(counts()->lost, 1);
}

static void test_another_port_is_another_chronyd(void **state)
{
	uint8_t frame[CHRONY_FRAME_BYTES];
	int former = server;

	(void)state;
	ask();
	receive(frame);
	server = open_server(0);
	ask();
	reply(former, frame, sizeof(frame));
	close(former);
	receive(frame);
	reply(server, frame, sizeof(frame));
	loop_once(loop, true);
	assert_int_equal(reports, 1);
	assert_int_equal(counts()->refused, 0);
}

static void test_full_loop_is_tried_again(void **state)
{
	struct loop_timer *first;
	uint8_t frame[CHRONY_FRAME_BYTES];

	(void)state;
	assert_int_equal(loop_timer_new(loop, NULL, NULL, &first), 0);
	ask();
	assert_non_null(strstr(logged, "No space left"));
	loop_timer_free(first);
	ask();
	receive(frame);
	reply(server, frame, sizeof(frame));
	loop_once(loop, true);
	assert_int_equal(reports, 1);
	assert_null(chrony_link_free(NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_nobody_is_asked_by_default, begin, end),
		cmocka_unit_test_setup_teardown(test_report_comes_through, begin, end),
		cmocka_unit_test_setup_teardown(test_chronyd_is_asked_in_every_period, begin, end),
		cmocka_unit_test_setup_teardown(
			test_silent_chronyd_is_told_of_and_asked_again, begin, end),
		cmocka_unit_test_setup_teardown(
			test_requests_differ_in_what_must_come_back, begin, end),
		cmocka_unit_test_setup_teardown(
			test_bad_replies_are_counted_and_the_true_one_is_taken, begin, end),
		cmocka_unit_test_setup_teardown(test_nobody_elses_datagrams_come_in, begin, end),
		cmocka_unit_test_setup_teardown(test_flood_does_not_hold_up_the_loop, begin, end),
		cmocka_unit_test_setup_teardown(
			test_absent_chronyd_is_told_once_and_taken_when_it_comes, begin, end),
		cmocka_unit_test_setup_teardown(test_who_is_asked_no_more_is_not_heard, begin, end),
		cmocka_unit_test_setup_teardown(test_another_port_is_another_chronyd, begin, end),
		cmocka_unit_test_setup_teardown(test_full_loop_is_tried_again, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * What the daemon puts on the stamp socket, byte by byte, at a time that stands still: the answers
 * to each request, refusals, ticks; and the exchange that PROTOCOL.md draws.
 *
 * The bytes are those of a little-endian machine with the errno values of most of them; elsewhere
 * they are not compared.  sendmsg() is this program's own, so that a reply can be held up.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <vdsotime/page.h>

#include "daemon/loop.h"
#include "daemon/server.h"
#include "daemon/statistics.h"
#include "proto/wire/stamp.h"
#include "tests/unit/fake-keeper.h"

/* The fake keeper's clocks show this, plus the clock's id; its counter shows 4711. */
#define TIME_NS INT64_C(0x0807060504030200)
#define TIME(id) (id), 2, 3, 4, 5, 6, 7, 8
#define COUNTER 0x67, 0x12, 0, 0, 0, 0, 0, 0
#define ZERO8 0, 0, 0, 0, 0, 0, 0, 0
#define ERROR(low) (low), 0xff, 0xff, 0xff

static unsigned int held_up; /* replies yet to be refused for want of room */
static int not_passed; /* errno of every packet with a descriptor; 0: they are passed */

ssize_t sendmsg(int fd, const struct msghdr *message, int flags)
{
	if (held_up > 0) {
		held_up--;
		errno = EAGAIN;
		return -1;
	}
	if (not_passed != 0 && message->msg_controllen > 0) {
		errno = not_passed;
		return -1;
	}
	return syscall(SYS_sendmsg, fd, message, flags);
}

struct world {
	char folder[32];
	struct keeper keeper;
	struct loop *loop;
	struct server *server;
	struct server_facts facts;
	int fd; /* a connection */
	int received_fd; /* the descriptor that came with the last packet; -1: none */
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct server_options options = SERVER_OPTIONS_DEFAULT;
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	options.peers_max = 16;
	options.peers_reserved = 1;
	options.subscriptions_max = 1;
	strcpy(w->folder, "/tmp/test-record-XXXXXX");
	assert_non_null(mkdtemp(w->folder));
	fake_keeper_init(&w->keeper);
	w->keeper.time_ns = TIME_NS;
	w->keeper.page_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	w->facts = (struct server_facts){ .version = "1", .runtime_dir = w->folder };
	assert_int_equal(loop_new(&w->loop, server_watchers(&options)), 0);
	assert_int_equal(server_new(&w->server, &options, w->loop, &w->keeper, &w->facts), 0);
	assert_int_equal(server_listen(w->server, SERVER_STAMP), 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/stamp", w->folder);
	w->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(w->fd, (struct sockaddr *)&address, sizeof(address)), 0);
	w->received_fd = -1;
	held_up = 0;
	not_passed = 0;
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	close(w->fd);
	if (w->received_fd >= 0)
		close(w->received_fd);
	assert_null(server_free(w->server));
	assert_null(loop_free(w->loop));
	close(w->keeper.page_fd);
	assert_int_equal(rmdir(w->folder), 0);
	free(w);
	return 0;
}

static struct world *world_of(void **state)
{
	if (*(const unsigned char *)&(uint16_t){ 1 } != 1 || EPROTONOSUPPORT != 93)
		skip(); /* the bytes here are others' */
	return *state;
}

static void turn(struct world *w)
{
	for (int i = 0; i < 8; i++)
		loop_once(w->loop, false);
}

static void say(struct world *w, const struct stamp_request *requests, size_t count)
{
	size_t bytes = count * sizeof(*requests);

	assert_int_equal(send(w->fd, requests, bytes, MSG_NOSIGNAL), bytes);
	turn(w);
}

/* The next packet's length; 0: closed, -EAGAIN: none. */
static ssize_t hear(struct world *w, void *packet, size_t bytes)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
	struct iovec part = { packet, bytes };
	struct msghdr m = { .msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(w->fd, &m, MSG_TRUNC | MSG_CMSG_CLOEXEC);
	const struct cmsghdr *c = n < 0 ? NULL : CMSG_FIRSTHDR(&m);

	if (w->received_fd >= 0)
		close(w->received_fd);
	w->received_fd = -1;
	if (c != NULL)
		memcpy(&w->received_fd, CMSG_DATA(c), sizeof(int));
	return n < 0 ? -errno : n;
}

/* The next packet must be these bytes, and no more. */
static void expect(struct world *w, const unsigned char *records, size_t bytes)
{
	unsigned char packet[STAMP_PACKET_MAX * sizeof(struct stamp_record)];

	assert_int_equal(hear(w, packet, sizeof(packet)), bytes);
	assert_memory_equal(packet, records, bytes);
}

static const unsigned char hello_record[32] = { 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1 };

static void greet(struct world *w)
{
	struct stamp_request hello = stamp_hello();

	say(w, &hello, 1);
	expect(w, hello_record, 32);
}

static void test_greeting_and_page(void **state)
{
	static const unsigned char attach_record[32] = { 2, 0, 1, 0, 0, 0, 0, 0,
		VDSOTIME_PAGE_MAJOR, 0, VDSOTIME_PAGE_MINOR, 0, 0, 0x10, 0, 0, 0xec, 3 };
	struct world *w = world_of(state);
	struct stamp_request attach = stamp_attach();

	greet(w);
	assert_int_equal(w->received_fd, -1);
	say(w, &attach, 1);
	expect(w, attach_record, 32);
	assert_true(w->received_fd >= 0);
}

static void test_stamps_of_each_clock(void **state)
{
	static const int32_t ids[] = { 0, 1, 4, 7, 11 };
	static const unsigned char records[6 * 32] = {
		3, 0, 1, 0, 0, 0, 0, 0, TIME(0), COUNTER, ZERO8, /* REALTIME */
		3, 0, 1, 0, 0, 0, 0, 0, TIME(1), COUNTER, ZERO8, /* MONOTONIC */
		3, 0, 1, 0, 0, 0, 0, 0, TIME(4), COUNTER, ZERO8, /* MONOTONIC_RAW */
		3, 0, 1, 0, 0, 0, 0, 0, TIME(7), COUNTER, ZERO8, /* BOOTTIME */
		3, 0, 1, 0, 0, 0, 0, 0, TIME(11), COUNTER, ZERO8, /* TAI */
		3, 0, 0, 0, ERROR(0xea), ZERO8, ZERO8, ZERO8, /* -EINVAL */
	};
	static const unsigned char without_page[32] = { 3, 0, 0, 0, 0, 0, 0, 0, TIME(1) };
	static const unsigned char before_1970[32] = { 3, 0, 0, 0, 0, 0, 0, 0, 0xfe, 0xff, 0xff,
		0xff, 0xff, 0xff, 0xff, 0xff };
	struct world *w = world_of(state);
	struct stamp_request packet[6];

	greet(w);
	for (int i = 0; i < 5; i++)
		packet[i] = stamp_stamp(ids[i]);
	packet[5] = stamp_stamp(2);
	say(w, packet, 6);
	expect(w, records, sizeof(records));
	w->keeper.counter_ticks = 0;
	say(w, &packet[1], 1);
	expect(w, without_page, 32);
	w->keeper.time_ns = -2;
	say(w, &packet[0], 1);
	expect(w, before_1970, 32);
}

static const unsigned char refused_hello[2 * 32] = { 1, 0, 0, 0, ERROR(0xa3), 1, 0, 0, 0, 0, 1, 0,
	0, ZERO8, ZERO8, /* -EPROTONOSUPPORT */
	3, 0, 0, 0, ERROR(0xa3), ZERO8, ZERO8, ZERO8 };

static void test_version_that_is_not_spoken(void **state)
{
	struct world *w = world_of(state);
	struct stamp_request packet[2] = { stamp_hello(), stamp_stamp(0) };

	packet[0].version = 0;
	say(w, packet, 2);
	expect(w, refused_hello, sizeof(refused_hello));
	assert_int_equal(hear(w, packet, sizeof(packet)), 0);
}

/* unix(7): too many descriptors are under way already. */
static void test_page_that_the_kernel_does_not_pass(void **state)
{
	static const unsigned char records[2 * 32] = {
		2, 0, 0, 0, ERROR(0x93), ZERO8, ZERO8, ZERO8, /* -ETOOMANYREFS */
		3, 0, 1, 0, 0, 0, 0, 0, TIME(4), COUNTER, ZERO8, /* and a stamp all the same */
	};
	struct world *w = world_of(state);
	struct stamp_request packet[2] = { stamp_attach(), stamp_stamp(4) };
	struct statistics s;

	greet(w);
	not_passed = ETOOMANYREFS;
	say(w, packet, 2);
	expect(w, records, sizeof(records));
	assert_int_equal(w->received_fd, -1);
	server_statistics(w->server, SERVER_STAMP, &s);
	assert_int_equal(s.attached, 0);
	assert_int_equal(s.attach_refused_system, 1);
	/* and it goes on */
	not_passed = 0;
	say(w, packet, 1);
	hear(w, packet, sizeof(packet));
	assert_true(w->received_fd >= 0);
	server_statistics(w->server, SERVER_STAMP, &s);
	assert_int_equal(s.attached, 1);
	assert_int_equal(s.attach_refused_system, 1);
}

static void test_page_before_the_last_one_was_taken(void **state)
{
	static const unsigned char busy[32] = { 2, 0, 0, 0, ERROR(0xf0) }; /* -EBUSY */
	struct world *w = world_of(state);
	struct stamp_request attach = stamp_attach();
	struct stamp_record granted;

	greet(w);
	say(w, &attach, 1);
	say(w, &attach, 1);
	assert_int_equal(hear(w, &granted, sizeof(granted)), sizeof(granted));
	assert_int_equal(granted.error, 0);
	assert_true(w->received_fd >= 0);
	expect(w, busy, sizeof(busy));
	assert_int_equal(w->received_fd, -1);
}

/* A packet whose reply is not taken at once is served again, and answered the same. */
static void test_refusal_that_is_held_up_is_the_same(void **state)
{
	struct world *w = world_of(state);
	struct stamp_request packet[2] = { stamp_hello(), stamp_stamp(0) };

	packet[0].version = 0;
	held_up = 1;
	say(w, packet, 2);
	assert_int_equal(held_up, 0);
	expect(w, refused_hello, sizeof(refused_hello));
	assert_int_equal(hear(w, packet, sizeof(packet)), 0);
}

static void test_subscription_and_its_ticks(void **state)
{
	static const unsigned char granted[32] = { 4, 0, 0, 0, 0, 0, 0, 0, 0xe8, 3, 0, 0, 2 };
	static const unsigned char ended[32] = { 4 };
	static const unsigned char refused[2 * 32] = {
		4, 0, 0, 0, ERROR(0xde), ZERO8, ZERO8, ZERO8, /* -ERANGE */
		4, 0, 0, 0, ERROR(0xea), ZERO8, ZERO8, ZERO8, /* -EINVAL */
	};
	static const unsigned char ticks[2][32] = {
		{ 5, 0, 1, 0, 0, 0, 0, 0, 7, 0x2f, 0x34, 5, 5, 6, 7, 8, COUNTER, 4 },
		{ 5, 0, 3, 0, 0, 0, 0, 0, 7, 0x2f, 0x34, 5, 5, 6, 7, 8, COUNTER, ZERO8 }, /* LAST */
	};
	struct world *w = world_of(state);
	struct stamp_request packet[2] = { stamp_subscribe(7, 1000, 2) };
	unsigned char nothing[32];

	greet(w);
	say(w, packet, 1);
	expect(w, granted, 32);
	/* 20 are due: 16 are made up for, 4 are lost */
	w->keeper.time_ns += 20 * INT64_C(1000000);
	for (int i = 0; i < 2; i++) {
		loop_once(w->loop, true);
		expect(w, ticks[i], 32);
	}
	turn(w);
	assert_int_equal(hear(w, nothing, sizeof(nothing)), -EAGAIN);
	packet[0] = stamp_subscribe(7, 999, 0);
	packet[1] = stamp_subscribe(2, 1000, 0);
	say(w, packet, 2);
	expect(w, refused, sizeof(refused));
	packet[0] = stamp_subscribe(0, 0, 0);
	say(w, packet, 1);
	expect(w, ended, 32);
}

/* A line of the drawing: the ops that it names, count of them, their bytes.  False: it is none. */
static bool read_drawn(
	const char *line, struct stamp_request *ret, size_t *ret_count, size_t *ret_bytes)
{
	const char *end = strstr(line, " bytes ");
	const char *times = strstr(line, " x ");

	if (end == NULL || strncmp(line, "      |  ", 9) != 0)
		return false;
	while (end[-1] >= '0' && end[-1] <= '9')
		end--;
	*ret_bytes = strtoul(end, NULL, 10);
	*ret_count = 0;
	if (strstr(line, "HELLO") != NULL)
		ret[(*ret_count)++] = stamp_hello();
	if (strstr(line, "ATTACH") != NULL)
		ret[(*ret_count)++] = stamp_attach();
	for (size_t n = times == NULL ? 0 : strtoul(times + 3, NULL, 10); n > 0; n--)
		ret[(*ret_count)++] = stamp_stamp(1);
	return true;
}

static void test_exchange_goes_as_it_is_drawn(void **state)
{
	static struct stamp_record records[STAMP_PACKET_MAX];
	struct world *w = world_of(state);
	FILE *f = fopen(SOURCE_ROOT "/proto/PROTOCOL.md", "re");
	struct stamp_request packet[STAMP_PACKET_MAX];
	char line[512];
	size_t count;
	size_t bytes;
	unsigned int drawn = 0;

	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		if (!read_drawn(line, packet, &count, &bytes))
			continue;
		assert_non_null(fgets(line, sizeof(line), f));
		drawn++;
		if (strstr(line, "-->") != NULL) {
			assert_int_equal(bytes, count * sizeof(*packet));
			say(w, packet, count);
			continue;
		}
		assert_non_null(strstr(line, "<--"));
		assert_int_equal(hear(w, records, sizeof(records)), bytes);
		assert_true(stamp_reply_check(packet, count, records, bytes));
		assert_int_equal(w->received_fd >= 0, strstr(line, "descriptor") != NULL);
	}
	fclose(f);
	assert_int_equal(drawn, 4);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	static const struct CMUnitTest tests[] = {
		TEST(test_greeting_and_page),
		TEST(test_stamps_of_each_clock),
		TEST(test_page_that_the_kernel_does_not_pass),
		TEST(test_page_before_the_last_one_was_taken),
		TEST(test_version_that_is_not_spoken),
		TEST(test_refusal_that_is_held_up_is_the_same),
		TEST(test_subscription_and_its_ticks),
		TEST(test_exchange_goes_as_it_is_drawn),
	};

	return cmocka_run_group_tests_name("record", tests, NULL, NULL);
}

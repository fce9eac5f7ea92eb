/* SPDX-License-Identifier: MIT */
/*
 * The client's end of the stamp socket, against a daemon that is this test itself: what it answers
 * is sent before it is asked for, so each case happens in one thread, in a known order.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include <vdsotime/client.h>

#include "proto/wire/stamp.h"

#define REALTIME 0
#define MONOTONIC 1

static const struct timespec no_time = { 0 };
static const struct timespec ms = { .tv_nsec = 1000000 };
static const struct timespec minute = { .tv_sec = 60 };

static struct {
	char dir[64];
	char path[96];
	int listener;
	struct stamp_record hello; /* what is answered to HELLO */
	size_t hello_bytes;
	long hesitation_ms; /* before that */
	int peer; /* the daemon's end of the connection */
	bool greeted;
	struct vdsotime_stamps *stamps;
} w;

/* All of it, whatever signals come. */
static void sleep_ms(long ms_left)
{
	struct timespec left = { .tv_nsec = ms_left * 1000000 };

	while (nanosleep(&left, &left) < 0 && errno == EINTR)
		;
}

/* Takes one connection, and the greeting that must come first on it. */
static void *greet(void *data)
{
	const struct stamp_request expected = stamp_hello();
	struct stamp_request request = { 0 };

	(void)data;
	w.peer = accept(w.listener, NULL, NULL);
	w.greeted = recv(w.peer, &request, sizeof(request), MSG_TRUNC) == sizeof(request) &&
		    memcmp(&request, &expected, sizeof(request)) == 0;
	sleep_ms(w.hesitation_ms);
	if (w.hello_bytes)
		send(w.peer, &w.hello, w.hello_bytes, MSG_NOSIGNAL);
	return NULL;
}

/* The result of connecting to a daemon that answers w.hello. */
static int dial(void)
{
	pthread_t thread;
	int r;

	assert_int_equal(pthread_create(&thread, NULL, greet, NULL), 0);
	r = vdsotime_stamps_connect(&w.stamps, w.dir, 0);
	pthread_join(thread, NULL);
	assert_true(w.greeted);
	return r;
}

static int listen_only(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	(void)state;
	memset(&w, 0, sizeof(w));
	w.peer = -1;
	w.hello = (struct stamp_record){
		.op = STAMP_OP_HELLO, .version = STAMP_VERSION, .packet_max = STAMP_PACKET_MAX
	};
	w.hello_bytes = sizeof(w.hello);
	strcpy(w.dir, "/tmp/vdsotimed-test-XXXXXX");
	assert_non_null(mkdtemp(w.dir));
	snprintf(w.path, sizeof(w.path), "%s/" STAMP_SOCKET, w.dir);
	memcpy(address.sun_path, w.path, sizeof(w.path));
	w.listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	assert_true(w.listener >= 0);
	assert_int_equal(bind(w.listener, (const struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(w.listener, 8), 0);
	return 0;
}

static int start(void **state)
{
	listen_only(state);
	assert_int_equal(dial(), 0);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	w.stamps = vdsotime_stamps_close(w.stamps);
	if (w.peer >= 0)
		close(w.peer);
	close(w.listener);
	unlink(w.path);
	rmdir(w.dir);
	return 0;
}

/* What the daemon sends next. */
static void say(const struct stamp_record *records, size_t count)
{
	ssize_t bytes = (ssize_t)(count * sizeof(*records));

	assert_int_equal(send(w.peer, records, (size_t)bytes, MSG_NOSIGNAL), bytes);
}

static void say_stamp(int64_t time_ns)
{
	const struct stamp_record r = { .op = STAMP_OP_STAMP, .time_ns = time_ns };

	say(&r, 1);
}

static void say_tick(int64_t time_ns, uint64_t lost, uint16_t flags)
{
	const struct stamp_record r = {
		.op = STAMP_OP_TICK, .flags = flags, .time_ns = time_ns, .lost = lost
	};

	say(&r, 1);
}

static void say_subscribed(int error)
{
	const struct stamp_record r = { .op = STAMP_OP_SUBSCRIBE, .error = error };

	say(&r, 1);
}

static int ask_one(int64_t *ret_ns)
{
	const clockid_t id = REALTIME;
	struct vdsotime_stamps_record record = { 0 };
	int r = vdsotime_stamps_request(w.stamps, &id, 1, &ms, &record);

	*ret_ns = record.time_ns;
	return r;
}

/* The next tick, without waiting: its time, or the negative result. */
static int64_t tick(uint64_t lost)
{
	struct vdsotime_stamps_record record = { 0 };
	int r = vdsotime_stamps_read(w.stamps, &no_time, &record);

	if (r < 0)
		return r;
	assert_int_equal(record.lost, lost);
	return record.time_ns;
}

static void subscribe(void)
{
	say_subscribed(0);
	assert_int_equal(vdsotime_stamps_subscribe(w.stamps, MONOTONIC, 1000, 0, &ms), 0);
}

static void test_records_come_in_the_order_of_their_clocks(void **state)
{
	static const clockid_t ids[] = { REALTIME, 99, MONOTONIC };
	const struct stamp_record reply[] = {
		{ .op = STAMP_OP_STAMP,
			.flags = STAMP_FLAG_PAGE,
			.time_ns = 5,
			.counter_ticks = 6 },
		{ .op = STAMP_OP_STAMP, .error = -EINVAL },
		{ .op = STAMP_OP_STAMP, .time_ns = -7 },
	};
	struct stamp_request seen[3];
	struct vdsotime_stamps_record r[3];

	(void)state;
	say(reply, 3);
	assert_int_equal(vdsotime_stamps_request(w.stamps, ids, 3, NULL, r), 0);
	assert_int_equal(recv(w.peer, seen, sizeof(seen), MSG_TRUNC), sizeof(seen));
	for (int i = 0; i < 3; i++) {
		const struct stamp_request expected = stamp_stamp(ids[i]);

		assert_memory_equal(&seen[i], &expected, sizeof(expected));
		assert_int_equal(r[i].time_ns, reply[i].time_ns);
		assert_int_equal(r[i].error, reply[i].error);
	}
	assert_int_equal(r[0].flags, VDSOTIME_STAMPS_PAGE);
	assert_int_equal(r[0].counter_ticks, 6);
	assert_int_equal(r[2].flags, 0);
}

static void test_256_clocks_and_no_more(void **state)
{
	static struct stamp_record reply[VDSOTIME_STAMPS_MAX];
	static struct vdsotime_stamps_record r[VDSOTIME_STAMPS_MAX];
	static const clockid_t ids[VDSOTIME_STAMPS_MAX + 1];

	(void)state;
	for (int i = 0; i < VDSOTIME_STAMPS_MAX; i++)
		reply[i] = (struct stamp_record){ .op = STAMP_OP_STAMP, .time_ns = i };
	say(reply, VDSOTIME_STAMPS_MAX);
	assert_int_equal(vdsotime_stamps_request(w.stamps, ids, VDSOTIME_STAMPS_MAX, &ms, r), 0);
	assert_int_equal(r[255].time_ns, 255);
	assert_int_equal(vdsotime_stamps_request(w.stamps, ids, 0, &ms, r), -EINVAL);
	assert_int_equal(
		vdsotime_stamps_request(w.stamps, ids, VDSOTIME_STAMPS_MAX + 1, &ms, r), -EINVAL);
}

static void test_ticks_are_read_one_by_one(void **state)
{
	struct vdsotime_stamps_record record;
	struct stamp_record two[2] = {
		{ .op = STAMP_OP_TICK, .time_ns = 3 },
		{ .op = STAMP_OP_TICK, .time_ns = 4, .lost = 9, .flags = STAMP_FLAG_LAST },
	};

	(void)state;
	assert_int_equal(vdsotime_stamps_read(w.stamps, NULL, &record), -ENODATA);
	subscribe();
	assert_int_equal(tick(0), -ETIMEDOUT);
	say_tick(1, 0, 0);
	say_tick(2, 5, 0);
	say(two, 2);
	assert_int_equal(tick(0), 1);
	assert_int_equal(tick(5), 2);
	assert_int_equal(tick(0), 3);
	assert_int_equal(vdsotime_stamps_read(w.stamps, NULL, &record), 0);
	assert_int_equal(record.lost, 9);
	assert_int_equal(record.flags, VDSOTIME_STAMPS_LAST);
	/* none will come any more */
	assert_int_equal(vdsotime_stamps_read(w.stamps, NULL, &record), -ENODATA);
}

static void test_ticks_met_on_the_way_to_a_reply_are_kept(void **state)
{
	int64_t ns;

	(void)state;
	subscribe();
	for (int i = 0; i < 100; i++)
		say_tick(i, 0, 0);
	say_stamp(77);
	say_tick(100, 0, 0);
	assert_int_equal(ask_one(&ns), 0);
	assert_int_equal(ns, 77);
	for (int i = 0; i <= 100; i++)
		assert_int_equal(tick(0), i);
	assert_int_equal(tick(0), -ETIMEDOUT);
}

/* Nothing is lost in silence: neither a tick nor the news that it was the last. */
static void test_ticks_without_room_are_counted(void **state)
{
	static struct stamp_record many[VDSOTIME_STAMPS_MAX];
	struct vdsotime_stamps_record record;
	int64_t ns;

	(void)state;
	subscribe();
	for (int i = 0; i < VDSOTIME_STAMPS_MAX; i++)
		many[i] = (struct stamp_record){ .op = STAMP_OP_TICK, .time_ns = i };
	say(many, VDSOTIME_STAMPS_MAX);
	say_tick(1000, 2, 0);
	say_tick(1001, 3, STAMP_FLAG_LAST);
	say_stamp(77);
	assert_int_equal(ask_one(&ns), 0);
	for (int i = 0; i < VDSOTIME_STAMPS_MAX - 1; i++)
		assert_int_equal(tick(0), i);
	assert_int_equal(vdsotime_stamps_read(w.stamps, &no_time, &record), 0);
	assert_int_equal(record.time_ns, 1001);
	assert_int_equal(record.lost, 2 + 3 + 2);
	assert_int_equal(record.flags, VDSOTIME_STAMPS_LAST);
	assert_int_equal(tick(0), -ENODATA);
}

static void test_a_new_subscription_takes_the_place_of_the_old(void **state)
{
	int64_t ns;

	(void)state;
	subscribe();
	say_tick(1, 0, 0);
	assert_int_equal(tick(0), 1);
	say_tick(2, 0, 0);
	say_subscribed(0);
	say_tick(3, 0, 0);
	assert_int_equal(vdsotime_stamps_subscribe(w.stamps, REALTIME, 2000, 7, &ms), 0);
	assert_int_equal(tick(0), 3);
	say_tick(4, 0, 0);
	say_subscribed(-ERANGE);
	assert_int_equal(vdsotime_stamps_subscribe(w.stamps, REALTIME, 1, 0, &ms), -ERANGE);
	assert_int_equal(tick(0), -ENODATA);
	subscribe();
	say_tick(5, 0, 0);
	say_stamp(6);
	assert_int_equal(ask_one(&ns), 0);
	/* 5 is kept by now, and of the past all the same */
	subscribe();
	assert_int_equal(tick(0), -ETIMEDOUT);
	say_subscribed(0);
	assert_int_equal(vdsotime_stamps_subscribe(w.stamps, REALTIME, 0, 0, &ms), 0);
	assert_int_equal(tick(0), -ENODATA);
	assert_int_equal(vdsotime_stamps_subscribe(w.stamps, REALTIME, 0, 1, &ms), -EINVAL);
}

static void test_a_late_reply_is_not_taken_for_the_next(void **state)
{
	int64_t ns;

	(void)state;
	assert_int_equal(ask_one(&ns), -ETIMEDOUT);
	assert_int_equal(ask_one(&ns), -ETIMEDOUT);
	say_stamp(1);
	say_stamp(2);
	say_stamp(3);
	assert_int_equal(ask_one(&ns), 0);
	assert_int_equal(ns, 3);
}

static bool is_readable(void)
{
	struct pollfd p = { .fd = vdsotime_stamps_get_fd(w.stamps), .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

static void test_a_subscription_whose_reply_is_late_is_one_all_the_same(void **state)
{
	int64_t ns;

	(void)state;
	assert_int_equal(vdsotime_stamps_subscribe(w.stamps, REALTIME, 1000, 0, &ms), -ETIMEDOUT);
	/* of the one before */
	say_tick(1, 0, 0);
	say_subscribed(0);
	say_tick(2, 0, 0);
	assert_int_equal(tick(0), 2);
	say_stamp(3);
	assert_int_equal(ask_one(&ns), 0);
	assert_int_equal(ns, 3);
	/* refused, or the end of one */
	assert_int_equal(vdsotime_stamps_subscribe(w.stamps, REALTIME, 1000, 0, &ms), -ETIMEDOUT);
	say_subscribed(-EDQUOT);
	assert_int_equal(tick(0), -ENODATA);
	assert_int_equal(vdsotime_stamps_subscribe(w.stamps, REALTIME, 0, 0, &ms), -ETIMEDOUT);
	say_subscribed(0);
	assert_int_equal(tick(0), -ENODATA);
	assert_false(is_readable());
}

/* A daemon that is slow to answer: the subscription, and then its first tick. */
static void *answer_late(void *data)
{
	const int *error = data;

	sleep_ms(20);
	say_tick(1, 0, 0);
	say_subscribed(*error);
	if (*error == 0)
		say_tick(2, 0, 0);
	return NULL;
}

static int read_while_answered(int error, int64_t *ret_ns)
{
	struct vdsotime_stamps_record record = { 0 };
	pthread_t thread;
	int r;

	assert_int_equal(pthread_create(&thread, NULL, answer_late, &error), 0);
	r = vdsotime_stamps_read(w.stamps, &minute, &record);
	pthread_join(thread, NULL);
	*ret_ns = record.time_ns;
	return r;
}

static void test_a_read_waits_for_the_reply_to_a_subscription(void **state)
{
	int64_t ns;

	(void)state;
	assert_int_equal(vdsotime_stamps_subscribe(w.stamps, REALTIME, 1000, 0, &ms), -ETIMEDOUT);
	assert_int_equal(tick(0), -ETIMEDOUT);
	assert_int_equal(read_while_answered(0, &ns), 0);
	assert_int_equal(ns, 2);
	/* until there is none */
	assert_int_equal(vdsotime_stamps_subscribe(w.stamps, REALTIME, 1000, 0, &ms), -ETIMEDOUT);
	assert_int_equal(read_while_answered(-EDQUOT, &ns), -ENODATA);
	/* nobody waits for the reply to the end of one */
	assert_int_equal(vdsotime_stamps_subscribe(w.stamps, REALTIME, 0, 0, &ms), -ETIMEDOUT);
	assert_int_equal(
		vdsotime_stamps_read(w.stamps, &minute, &(struct vdsotime_stamps_record){ 0 }),
		-ENODATA);
}

/* What comes before the last reply of all is of no subscription that anybody still wants. */
static void test_of_two_late_subscriptions_the_last_one_counts(void **state)
{
	int64_t ns;

	(void)state;
	assert_int_equal(vdsotime_stamps_subscribe(w.stamps, REALTIME, 1000, 2, &ms), -ETIMEDOUT);
	assert_int_equal(vdsotime_stamps_subscribe(w.stamps, MONOTONIC, 1000, 0, &ms), -ETIMEDOUT);
	say_subscribed(0);
	say_tick(1, 0, 0);
	say_tick(2, 0, STAMP_FLAG_LAST);
	say_subscribed(0);
	say_tick(3, 0, 0);
	say_stamp(77);
	say_tick(4, 0, 0);
	assert_int_equal(ask_one(&ns), 0);
	assert_int_equal(ns, 77);
	assert_int_equal(tick(0), 3);
	assert_int_equal(tick(0), 4);
	assert_int_equal(tick(0), -ETIMEDOUT);
	/* the end of one is late, and the next one's reply is waited for */
	assert_int_equal(vdsotime_stamps_subscribe(w.stamps, REALTIME, 1000, 1, &ms), -ETIMEDOUT);
	say_subscribed(0);
	say_tick(5, 0, STAMP_FLAG_LAST);
	subscribe();
	say_tick(6, 0, 0);
	assert_int_equal(tick(0), 6);
	assert_int_equal(tick(0), -ETIMEDOUT);
	/* refused, though the one before it was not */
	assert_int_equal(vdsotime_stamps_subscribe(w.stamps, REALTIME, 1000, 0, &ms), -ETIMEDOUT);
	say_subscribed(0);
	say_tick(7, 0, 0);
	say_subscribed(-EDQUOT);
	assert_int_equal(vdsotime_stamps_subscribe(w.stamps, MONOTONIC, 1000, 0, &ms), -EDQUOT);
	assert_int_equal(tick(0), -ENODATA);
}

static void test_what_was_not_sent_leaves_the_subscription(void **state)
{
	const struct timespec bad = { .tv_nsec = -1 };

	(void)state;
	subscribe();
	say_tick(1, 0, 0);
	assert_int_equal(vdsotime_stamps_subscribe(w.stamps, REALTIME, 1000, 0, &bad), -EINVAL);
	assert_int_equal(vdsotime_stamps_subscribe(w.stamps, REALTIME, 0, 5, &ms), -EINVAL);
	assert_int_equal(tick(0), 1);
}

/* All of it: who waits for an edge of the descriptor is not called again for what lies there. */
static void test_what_has_come_is_taken_in_without_a_subscription(void **state)
{
	int64_t ns;

	(void)state;
	assert_int_equal(ask_one(&ns), -ETIMEDOUT);
	say_stamp(1);
	for (int i = 0; i < 100; i++)
		say_tick(i, 0, 0);
	assert_true(is_readable());
	assert_int_equal(tick(0), -ENODATA);
	assert_false(is_readable());
	assert_int_equal(tick(0), -ENODATA);
	close(w.peer);
	w.peer = -1;
	assert_int_equal(tick(0), -ECONNRESET);
}

/* A daemon that sends without end does not hold a call that nobody wanted to wait. */
static void test_what_comes_without_end_does_not_hold_a_read(void **state)
{
	const int packets = 4096, bytes = packets * 1024;

	(void)state;
	if (setsockopt(w.peer, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)) < 0)
		skip();
	for (int i = 0; i < packets; i++)
		say_tick(i, 0, 0);
	assert_int_equal(tick(0), -ENODATA);
	assert_true(is_readable());
	/* and what it leaves there does no harm */
	for (int i = 0; i < packets && is_readable(); i++)
		assert_int_equal(tick(0), -ENODATA);
	assert_false(is_readable());
	/* nor one that waits for the reply to a subscription */
	assert_int_equal(
		vdsotime_stamps_subscribe(w.stamps, REALTIME, 1000, 0, &no_time), -ETIMEDOUT);
	for (int i = 0; i < packets; i++)
		say_tick(i, 0, 0);
	assert_int_equal(tick(0), -ETIMEDOUT);
	assert_true(is_readable());
}

static void test_timeouts(void **state)
{
	static const struct timespec bad[] = { { .tv_sec = -1 }, { .tv_nsec = -1 },
		{ .tv_nsec = 1000000000 } };
	const clockid_t id = REALTIME;
	struct vdsotime_stamps_record record;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(
			vdsotime_stamps_request(w.stamps, &id, 1, &bad[i], &record), -EINVAL);
		assert_int_equal(vdsotime_stamps_read(w.stamps, &bad[i], &record), -EINVAL);
	}
	/* as long as one likes */
	say_stamp(1);
	assert_int_equal(vdsotime_stamps_request(w.stamps, &id, 1,
				 &(struct timespec){ .tv_sec = INT32_MAX }, &record),
		0);
	/* a daemon that takes nothing in: no reply at first, then no room to ask */
	for (int i = 0; i < 1000; i++)
		assert_int_equal(
			vdsotime_stamps_request(w.stamps, &id, 1, &no_time, &record), -ETIMEDOUT);
	assert_int_equal(vdsotime_stamps_request(w.stamps, &id, 1, &ms, &record), -ETIMEDOUT);
}

/* A daemon could send them faster than they are taken in: the time that is up ends the wait. */
static void test_ticks_do_not_hold_a_wait(void **state)
{
	const clockid_t id = REALTIME;
	struct vdsotime_stamps_record record;

	(void)state;
	subscribe();
	for (int i = 0; i < 100; i++)
		say_tick(i, 0, 0);
	say_stamp(77);
	assert_int_equal(vdsotime_stamps_request(w.stamps, &id, 1, &no_time, &record), -ETIMEDOUT);
	for (int i = 0; i < 100; i++)
		assert_int_equal(tick(0), i);
}

static void on_alarm(int signum)
{
	(void)signum;
}

static void test_a_signal_ends_a_wait_and_nothing_else(void **state)
{
	const struct sigaction act = { .sa_handler = on_alarm };
	const struct itimerval soon = { .it_value = { .tv_usec = 20000 } };
	const clockid_t id = REALTIME;
	struct vdsotime_stamps_record record;
	int64_t ns;

	(void)state;
	assert_int_equal(sigaction(SIGALRM, &act, NULL), 0);
	setitimer(ITIMER_REAL, &soon, NULL);
	assert_int_equal(vdsotime_stamps_request(w.stamps, &id, 1, &minute, &record), -EINTR);
	say_stamp(1);
	say_stamp(2);
	assert_int_equal(ask_one(&ns), 0);
	assert_int_equal(ns, 2);
}

static void test_signals_do_not_end_the_greeting(void **state)
{
	const struct sigaction act = { .sa_handler = on_alarm, .sa_flags = SA_RESTART };
	const struct itimerval often = { { .tv_usec = 500 }, { .tv_usec = 500 } }, off = { 0 };

	(void)state;
	w.hesitation_ms = 20;
	assert_int_equal(sigaction(SIGALRM, &act, NULL), 0);
	setitimer(ITIMER_REAL, &often, NULL);
	assert_int_equal(dial(), 0);
	setitimer(ITIMER_REAL, &off, NULL);
}

static void test_a_closed_connection_stays_so(void **state)
{
	int64_t ns;

	(void)state;
	subscribe();
	close(w.peer);
	w.peer = -1;
	assert_int_equal(ask_one(&ns), -ECONNRESET);
	assert_int_equal(ask_one(&ns), -ECONNRESET);
	assert_int_equal(tick(0), -ECONNRESET);
	assert_int_equal(vdsotime_stamps_subscribe(w.stamps, 0, 1000, 0, &ms), -ECONNRESET);
}

/* Each with a new connection: what is no packet of the protocol ends it, for good. */
static void test_what_is_not_of_the_protocol_ends_the_connection(void **state)
{
	struct stamp_record tick_record = { .op = STAMP_OP_TICK, .time_ns = 1 };
	struct stamp_record bad[][2] = {
		{ { .op = STAMP_OP_SUBSCRIBE } },
		{ { .op = STAMP_OP_HELLO } },
		{ { .op = 0 } },
		{ { .op = 999 } },
		{ { .op = STAMP_OP_STAMP, .flags = 8 } },
		{ { .op = STAMP_OP_STAMP, .error = 1 } },
		{ { .op = STAMP_OP_STAMP, .lost = 1 } },
		{ { .op = STAMP_OP_STAMP, .error = -EINVAL, .counter_ticks = 1 } },
		{ { .op = STAMP_OP_TICK, .error = -EIO } },
		{ { .op = STAMP_OP_TICK, .flags = 4 } },
		{ { .op = STAMP_OP_STAMP }, { .op = STAMP_OP_STAMP } },
	};
	int64_t ns;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		say(bad[i], bad[i][1].op ? 2 : 1);
		assert_int_equal(ask_one(&ns), -EPROTO);
		assert_int_equal(ask_one(&ns), -EPROTO);
		stop(state);
		start(state);
	}
	for (size_t bytes = 1; bytes < sizeof(tick_record); bytes += 5) {
		assert_int_equal(send(w.peer, &tick_record, bytes, 0), bytes);
		assert_int_equal(ask_one(&ns), -EPROTO);
		stop(state);
		start(state);
	}
	/* nor are they taken for a reply that is owed */
	assert_int_equal(ask_one(&ns), -ETIMEDOUT);
	assert_int_equal(send(w.peer, &bad[0][0], 5, 0), 5);
	assert_int_equal(ask_one(&ns), -EPROTO);
	stop(state);
	start(state);
	assert_int_equal(ask_one(&ns), -ETIMEDOUT);
	say_subscribed(0);
	assert_int_equal(ask_one(&ns), -EPROTO);
	stop(state);
	start(state);
	/* longer than any packet may be */
	static struct stamp_record long_reply[VDSOTIME_STAMPS_MAX + 1];

	for (size_t i = 0; i <= VDSOTIME_STAMPS_MAX; i++)
		long_reply[i].op = STAMP_OP_TICK;
	say(long_reply, VDSOTIME_STAMPS_MAX + 1);
	assert_int_equal(ask_one(&ns), -EPROTO);
	stop(state);
	start(state);
	/* a reply that nobody asked for */
	subscribe();
	say_stamp(1);
	assert_int_equal(tick(0), -EPROTO);
}

static void test_descriptors_that_come_along_are_dropped(void **state)
{
	struct stamp_record reply = { .op = STAMP_OP_STAMP };
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov = { .iov_base = &reply, .iov_len = sizeof(reply) };
	struct msghdr m = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	int next = dup(w.peer);
	int64_t ns;

	(void)state;
	close(next);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &w.peer, sizeof(int));
	assert_int_equal(sendmsg(w.peer, &m, 0), sizeof(reply));
	assert_int_equal(ask_one(&ns), 0);
	assert_int_equal(fcntl(next, F_GETFD), -1);
}

static void test_the_descriptor_is_for_poll_and_not_for_children(void **state)
{
	struct pollfd p = { .fd = vdsotime_stamps_get_fd(w.stamps), .events = POLLIN };

	(void)state;
	assert_int_equal(fcntl(p.fd, F_GETFD), FD_CLOEXEC);
	subscribe();
	assert_int_equal(poll(&p, 1, 0), 0);
	say_tick(1, 0, 0);
	assert_int_equal(poll(&p, 1, 0), 1);
	assert_int_equal(tick(0), 1);
	assert_int_equal(poll(&p, 1, 0), 0);
}

static void test_greetings_that_are_none(void **state)
{
	const struct stamp_record good = w.hello;

	(void)state;
	w.hello.op = STAMP_OP_STAMP;
	assert_int_equal(dial(), -EPROTO);
	close(w.peer);
	w.hello = (struct stamp_record){ .op = STAMP_OP_HELLO, .error = -EPROTONOSUPPORT };
	assert_int_equal(dial(), -EPROTONOSUPPORT);
	close(w.peer);
	w.hello = good;
	w.hello.version = STAMP_VERSION + 1;
	assert_int_equal(dial(), -EPROTONOSUPPORT);
	close(w.peer);
	w.hello = good;
	w.hello_bytes = 7;
	assert_int_equal(dial(), -EPROTO);
	close(w.peer);
	w.hello_bytes = 0;
	assert_int_equal(dial(), -ETIMEDOUT);
	assert_null(w.stamps);
}

static void test_no_daemon_and_bad_arguments(void **state)
{
	struct vdsotime_stamps *s = NULL;
	char longer[200];

	(void)state;
	memset(longer, 'x', sizeof(longer) - 1);
	longer[102] = '\0';
	assert_int_equal(vdsotime_stamps_connect(&s, "/nonexistent", 0), -ENOENT);
	assert_int_equal(vdsotime_stamps_connect(&s, longer, 0), -ENAMETOOLONG);
	longer[101] = '\0';
	assert_int_equal(vdsotime_stamps_connect(&s, longer, 0), -ENOENT);
	assert_int_equal(vdsotime_stamps_connect(&s, "", 0), -EINVAL);
	assert_int_equal(vdsotime_stamps_connect(&s, w.dir, 1), -EINVAL);
	assert_null(s);
	assert_null(vdsotime_stamps_close(NULL));
	close(w.listener);
	w.listener = -1;
	assert_int_equal(vdsotime_stamps_connect(&s, w.dir, 0), -ENOENT);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
#define TEST_LISTENER(name) cmocka_unit_test_setup_teardown(name, listen_only, stop)
	const struct CMUnitTest tests[] = {
		TEST(test_records_come_in_the_order_of_their_clocks),
		TEST(test_256_clocks_and_no_more),
		TEST(test_ticks_are_read_one_by_one),
		TEST(test_ticks_met_on_the_way_to_a_reply_are_kept),
		TEST(test_ticks_without_room_are_counted),
		TEST(test_a_new_subscription_takes_the_place_of_the_old),
		TEST(test_a_late_reply_is_not_taken_for_the_next),
		TEST(test_a_subscription_whose_reply_is_late_is_one_all_the_same),
		TEST(test_a_read_waits_for_the_reply_to_a_subscription),
		TEST(test_of_two_late_subscriptions_the_last_one_counts),
		TEST(test_what_was_not_sent_leaves_the_subscription),
		TEST(test_what_has_come_is_taken_in_without_a_subscription),
		TEST(test_what_comes_without_end_does_not_hold_a_read),
		TEST(test_timeouts),
		TEST(test_ticks_do_not_hold_a_wait),
		TEST(test_a_signal_ends_a_wait_and_nothing_else),
		TEST(test_a_closed_connection_stays_so),
		TEST(test_what_is_not_of_the_protocol_ends_the_connection),
		TEST(test_descriptors_that_come_along_are_dropped),
		TEST(test_the_descriptor_is_for_poll_and_not_for_children),
		TEST_LISTENER(test_signals_do_not_end_the_greeting),
		TEST_LISTENER(test_greetings_that_are_none),
		TEST_LISTENER(test_no_daemon_and_bad_arguments),
	};

	return cmocka_run_group_tests_name("stamps", tests, NULL, NULL);
}

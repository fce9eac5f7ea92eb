/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "daemon/loop.h"

#define MS UINT64_C(1000000)
#define WATCHERS 8

struct world {
	struct loop *loop;
	int pair[2];
	struct loop_io *io;
	struct loop_timer *timer;
	unsigned int calls;
	unsigned int events;
	unsigned int again;
	unsigned int others;
	char order[64];
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_int_equal(loop_new(&w->loop, WATCHERS), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, w->pair), 0);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	loop_io_free(w->io);
	loop_timer_free(w->timer);
	assert_null(loop_free(w->loop));
	close(w->pair[0]);
	close(w->pair[1]);
	free(w);
	return 0;
}

static void on_io(void *data, unsigned int events)
{
	struct world *w = data;

	w->calls++;
	w->events = events;
}

static void test_readable_descriptor_calls_back_until_it_is_read(void **state)
{
	struct world *w = *state;
	char c;

	assert_int_equal(loop_io_new(w->loop, w->pair[0], LOOP_READ, on_io, w, &w->io), 0);
	loop_once(w->loop, false);
	assert_int_equal(w->calls, 0);
	assert_int_equal(write(w->pair[1], "x", 1), 1);
	loop_once(w->loop, false);
	loop_once(w->loop, false);
	assert_int_equal(w->calls, 2);
	assert_int_equal(w->events, LOOP_READ);
	assert_int_equal(read(w->pair[0], &c, 1), 1);
	loop_once(w->loop, false);
	assert_int_equal(w->calls, 2);
}

static void test_events_can_be_changed_and_set_to_none(void **state)
{
	struct world *w = *state;

	assert_int_equal(loop_io_new(w->loop, w->pair[0], 0, on_io, w, &w->io), 0);
	assert_int_equal(write(w->pair[1], "x", 1), 1);
	loop_once(w->loop, false);
	assert_int_equal(w->calls, 0);
	loop_io_events(w->io, LOOP_WRITE);
	loop_once(w->loop, false);
	assert_int_equal(w->events, LOOP_WRITE);
	loop_io_events(w->io, LOOP_READ | LOOP_WRITE);
	loop_once(w->loop, false);
	assert_int_equal(w->events, LOOP_READ | LOOP_WRITE);
	loop_io_events(w->io, 0);
	w->calls = 0;
	loop_once(w->loop, false);
	assert_int_equal(w->calls, 0);
}

static void on_greedy(void *data, unsigned int events)
{
	struct world *w = data;

	(void)events;
	w->again++;
	w->order[strlen(w->order)] = 'g';
	loop_io_again(w->io);
}

static void on_other(void *data, unsigned int events)
{
	struct world *w = data;

	(void)events;
	w->order[strlen(w->order)] = 'o';
	w->others++;
}

static void test_again_lets_the_others_have_their_turn(void **state)
{
	struct world *w = *state;
	struct loop_io *other;

	assert_int_equal(loop_io_new(w->loop, w->pair[0], 0, on_greedy, w, &w->io), 0);
	assert_int_equal(loop_io_new(w->loop, w->pair[1], LOOP_WRITE, on_other, w, &other), 0);
	loop_io_again(w->io);
	loop_io_again(w->io);
	for (int i = 0; i < 10; i++)
		loop_once(w->loop, true);
	assert_in_range(w->again, 9, 10);
	assert_int_equal(w->others, 10);
	assert_null(strstr(w->order, "gg"));
	loop_io_free(other);
}

static void on_suicide(void *data, unsigned int events)
{
	struct world *w = data;

	(void)events;
	w->calls++;
	loop_io_again(w->io);
	w->io = loop_io_free(w->io);
}

static void test_handle_may_be_freed_while_it_is_called_and_asked_again(void **state)
{
	struct world *w = *state;

	assert_int_equal(loop_io_new(w->loop, w->pair[0], LOOP_WRITE, on_suicide, w, &w->io), 0);
	for (int i = 0; i < 3; i++)
		loop_once(w->loop, false);
	assert_int_equal(w->calls, 1);
}

static void on_timer(void *data)
{
	struct world *w = data;

	if (++w->calls == 3)
		loop_stop(w->loop);
}

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void test_periodic_timer_fires_until_stopped(void **state)
{
	struct world *w = *state;
	int64_t began_ns = now_ns();

	assert_int_equal(loop_timer_new(w->loop, on_timer, w, &w->timer), 0);
	loop_timer_start_periodic(w->timer, 2 * MS);
	loop_run(w->loop);
	assert_int_equal(w->calls, 3);
	assert_true(now_ns() - began_ns >= (int64_t)(6 * MS - MS / 2));
	loop_timer_stop(w->timer);
	usleep(5000);
	loop_once(w->loop, false);
	assert_int_equal(w->calls, 3);
}

static void on_yielding_timer(void *data)
{
	struct world *w = data;

	w->others = w->calls;
}

/* Whichever was started first. */
static void test_timer_that_yields_fires_last_of_its_round(void **state)
{
	struct world *w = *state;
	struct loop_timer *yielding;
	unsigned int round = loop_round(w->loop);

	assert_int_equal(loop_timer_new(w->loop, on_timer, w, &w->timer), 0);
	assert_int_equal(loop_timer_new(w->loop, on_yielding_timer, w, &yielding), 0);
	loop_timer_yield(yielding);
	for (int i = 0; i < 2; i++) {
		w->calls = w->others = 0;
		loop_timer_start(i == 0 ? yielding : w->timer, 0);
		loop_timer_start(i == 0 ? w->timer : yielding, 0);
		usleep(1000);
		loop_once(w->loop, false);
		assert_int_equal(w->calls, 1);
		assert_int_equal(w->others, 1);
	}
	assert_int_equal(loop_round(w->loop), round + 2);
	loop_timer_free(yielding);
}

static void test_timer_fires_once_and_counts_from_its_start(void **state)
{
	struct world *w = *state;

	assert_int_equal(loop_timer_new(w->loop, on_timer, w, &w->timer), 0);
	loop_once(w->loop, false);
	usleep(20000); /* the loop's own idea of now is old */
	loop_timer_start(w->timer, 10 * MS);

	int64_t began_ns = now_ns();

	loop_once(w->loop, false);
	assert_int_equal(w->calls, 0);
	loop_once(w->loop, true);
	assert_true(now_ns() - began_ns >= (int64_t)(9 * MS));
	assert_int_equal(w->calls, 1);
	usleep(12000);
	loop_once(w->loop, false);
	assert_int_equal(w->calls, 1);
}

static void on_signal(void *data, int signum)
{
	struct world *w = data;

	w->events = (unsigned int)signum;
	loop_stop(w->loop);
}

static void test_signal_calls_back_from_the_loop(void **state)
{
	struct world *w = *state;
	struct loop_signal *s;

	assert_int_equal(loop_signal_new(w->loop, SIGUSR1, on_signal, w, &s), 0);
	assert_int_equal(raise(SIGUSR1), 0);
	assert_int_equal(w->events, 0);
	loop_run(w->loop);
	assert_int_equal(w->events, SIGUSR1);
	assert_null(loop_signal_free(s));
}

static void test_handles_run_out_and_come_back(void **state)
{
	struct world *w = *state;
	struct loop_timer *timers[WATCHERS];
	struct loop_timer *more;

	for (int i = 0; i < WATCHERS; i++)
		assert_int_equal(loop_timer_new(w->loop, on_timer, w, &timers[i]), 0);
	assert_int_equal(loop_timer_new(w->loop, on_timer, w, &more), -ENOSPC);
	assert_int_equal(loop_io_new(w->loop, w->pair[0], LOOP_READ, on_io, w, &w->io), -ENOSPC);
	timers[3] = loop_timer_free(timers[3]);
	assert_int_equal(loop_io_new(w->loop, w->pair[0], LOOP_READ, on_io, w, &w->io), 0);
	for (int i = 0; i < WATCHERS; i++)
		loop_timer_free(timers[i]);
}

static void test_null_is_freed_to_null(void **state)
{
	(void)state;
	assert_null(loop_free(NULL));
	assert_null(loop_io_free(NULL));
	assert_null(loop_timer_free(NULL));
	assert_null(loop_signal_free(NULL));
}

/* LIBEV_FLAGS=8 would ask for kqueue, which is not to be had. */
static void test_environment_chooses_no_backend(void **state)
{
	struct loop *loop;
	int r;

	(void)state;
	setenv("LIBEV_FLAGS", "8", 1);
	r = loop_new(&loop, 1);
	unsetenv("LIBEV_FLAGS");
	assert_int_equal(r, 0);
	loop_free(loop);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(test_readable_descriptor_calls_back_until_it_is_read),
		TEST(test_events_can_be_changed_and_set_to_none),
		TEST(test_again_lets_the_others_have_their_turn),
		TEST(test_handle_may_be_freed_while_it_is_called_and_asked_again),
		TEST(test_periodic_timer_fires_until_stopped),
		TEST(test_timer_that_yields_fires_last_of_its_round),
		TEST(test_timer_fires_once_and_counts_from_its_start),
		TEST(test_signal_calls_back_from_the_loop),
		TEST(test_handles_run_out_and_come_back),
		TEST(test_null_is_freed_to_null),
		TEST(test_environment_chooses_no_backend),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* The rounds of users, with a real loop and connections, and times that the test says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/loop.h"
#include "daemon/peer.h"
#include "daemon/quota.h"
#include "daemon/throttle.h"
#include "tests/unit/fake-keeper.h"

#define PEERS (PEER_TURN + 4)

/* Longer than half of a user's share of a round, and no longer than the whole. */
#define SHORT_NS 6000

static struct {
	struct keeper keeper;
	struct loop *loop;
	struct quota quota;
	struct peer_set set;
	struct peer peers[PEERS];
	int ends[PEERS];
	unsigned int turns;
	unsigned int ticks;
	const struct peer *ticked[2 * PEERS];
	int64_t tick_ns; /* what one takes */
	int tick_result;
} w;

static int on_turn(struct peer *p, unsigned int events)
{
	(void)events;
	w.turns++;
	assert_int_equal(throttle_hold(p), 0);
	return 0;
}

static int on_tick(struct peer *p, int64_t now_ns)
{
	(void)now_ns;
	w.ticked[w.ticks++] = p;
	w.keeper.time_ns += w.tick_ns;
	return w.tick_result;
}

static void on_gone(struct peer *p)
{
	(void)p;
}

static void on_emptied(void *data)
{
	(void)data;
}

static const struct peer_calls calls = { .turn = on_turn, .tick = on_tick, .gone = on_gone };

static int setup(void **state)
{
	const struct quota_limits limits = {
		.peers_max = 2 * PEERS,
		.peers_per_user_max = 2 * PEERS,
		.subscriptions_per_user_max = PEERS,
		.bytes_per_user_max = UINT64_MAX,
	};

	(void)state;
	fake_keeper_init(&w.keeper);
	w.keeper.time_ns = 1000000;
	w.turns = 0;
	w.ticks = 0;
	w.tick_ns = SHORT_NS;
	w.tick_result = 0;
	assert_int_equal(loop_new(&w.loop, 2 * PEERS * PEER_WATCHERS), 0);
	assert_int_equal(quota_init(&w.quota, &limits), 0);
	w.set = (struct peer_set){
		.loop = w.loop,
		.quota = &w.quota,
		.keeper = &w.keeper,
		.calls = &calls,
		.emptied = on_emptied,
	};
	for (int i = 0; i < PEERS; i++) {
		int fds[2];

		assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
		assert_int_equal(peer_init(&w.peers[i], &w.set, fds[0]), 0);
		w.ends[i] = fds[1];
	}
	loop_once(w.loop, false);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	peer_set_close(&w.set);
	quota_deinit(&w.quota);
	w.loop = loop_free(w.loop);
	for (int i = 0; i < PEERS; i++)
		if (w.ends[i] >= 0)
			close(w.ends[i]);
	return 0;
}

/* Another user is there, with a connection that does nothing. */
static struct quota_user *another(void)
{
	struct quota_user *user;

	assert_int_equal(quota_charge_peer(&w.quota, geteuid() + 4711, &user), 0);
	return user;
}

static void test_share_of_a_round_is_the_sum_over_frames_and_peers(void **state)
{
	struct quota_user *other = another();

	(void)state;
	assert_int_equal(throttle_hold(&w.peers[0]), 0);
	throttle_served(&w.peers[0], SHORT_NS);
	assert_int_equal(throttle_hold(&w.peers[1]), 0);
	throttle_served(&w.peers[1], SHORT_NS);
	assert_int_equal(throttle_hold(&w.peers[0]), 1);
	assert_int_equal(throttle_hold(&w.peers[1]), 1);
	/* nobody waits for a rate, so that is not what is counted */
	assert_int_equal(w.set.statistics.throttled, 0);
	loop_once(w.loop, false);
	loop_once(w.loop, false);
	assert_int_equal(w.turns, 2);
	quota_release_peer(&w.quota, other);
}

/* All of a user's peers wait, until the next round. */
static void hold_all(void)
{
	assert_int_equal(throttle_hold(&w.peers[0]), 0);
	throttle_served(&w.peers[0], 2 * SHORT_NS);
	for (int i = 0; i < PEERS; i++)
		assert_int_equal(throttle_hold(&w.peers[i]), 1);
}

/* Also those whose frames take no time at all. */
static void test_waiting_peers_have_so_many_turns_of_a_round(void **state)
{
	struct quota_user *other = another();

	(void)state;
	hold_all();
	loop_once(w.loop, false);
	assert_int_equal(w.turns, PEER_TURN);
	loop_once(w.loop, false);
	assert_int_equal(w.turns, PEERS);
	quota_release_peer(&w.quota, other);
}

static void hang_up(int peer)
{
	close(w.ends[peer]);
	w.ends[peer] = -1;
}

static void test_those_who_hung_up_are_looked_for_now_and_then(void **state)
{
	struct quota_user *other = another();
	struct quota_user *user = w.peers[0].user;
	int64_t now_ns = INT64_C(5000000000);

	(void)state;
	hold_all();
	hang_up(1);
	throttle_sweep(user, now_ns);
	assert_int_equal(w.set.statistics.peers, PEERS - 1);
	hang_up(2);
	throttle_sweep(user, now_ns);
	throttle_sweep(user, now_ns + 99999999);
	assert_int_equal(w.set.statistics.peers, PEERS - 1);
	throttle_sweep(user, now_ns + 100000000);
	assert_int_equal(w.set.statistics.peers, PEERS - 2);
	/* a machine that was restored from a snapshot does not wait for the time of before */
	hang_up(3);
	throttle_sweep(user, now_ns / 2);
	assert_int_equal(w.set.statistics.peers, PEERS - 3);
	quota_release_peer(&w.quota, other);
}

static void test_share_is_new_in_each_round(void **state)
{
	struct quota_user *other = another();

	(void)state;
	for (int i = 0; i < 4; i++) {
		assert_int_equal(throttle_hold(&w.peers[0]), 0);
		throttle_served(&w.peers[0], SHORT_NS);
		assert_int_equal(throttle_hold(&w.peers[0]), 0);
		loop_once(w.loop, false);
	}
	quota_release_peer(&w.quota, other);
}

static void test_who_is_alone_has_the_round(void **state)
{
	(void)state;
	for (int i = 0; i < 4; i++) {
		assert_int_equal(throttle_hold(&w.peers[0]), 0);
		throttle_served(&w.peers[0], SHORT_NS);
	}
}

/* Every peer has a subscription, and one tick that is due, each after the one before. */
static void subscribe_all(void)
{
	for (int i = 0; i < PEERS; i++)
		assert_int_equal(peer_subscribe(&w.peers[i]), 0);
	for (int i = 0; i < PEERS; i++)
		loop_timer_start(w.peers[i].ticks, 0);
}

/* A thousand of them take no more of a round than a few, and come in the order they were due. */
static void test_ticks_wait_for_their_users_next_turn(void **state)
{
	struct quota_user *other = another();

	(void)state;
	subscribe_all();
	for (unsigned int rounds = 1; rounds <= PEERS / 2; rounds++) {
		loop_once(w.loop, false);
		assert_int_equal(w.ticks, 2 * rounds);
	}
	for (int i = 0; i < PEERS; i++)
		assert_ptr_equal(w.ticked[i], &w.peers[i]);
	quota_release_peer(&w.quota, other);
}

/* Of those who have had their tick, and of those who wait for it, which is not a second one. */
static void test_ticks_that_are_wanted_soon_wait_too(void **state)
{
	struct quota_user *other = another();

	(void)state;
	subscribe_all();
	loop_once(w.loop, false);
	assert_int_equal(w.ticks, 2);
	for (int i = 0; i < PEERS; i++)
		peer_tick_soon(&w.peers[i]);
	for (unsigned int rounds = 2; rounds <= PEERS / 2 + 1; rounds++) {
		loop_once(w.loop, false);
		assert_int_equal(w.ticks, 2 * rounds);
	}
	loop_once(w.loop, false);
	assert_int_equal(w.ticks, PEERS + 2);
	for (int i = 0; i < PEERS + 2; i++)
		assert_ptr_equal(w.ticked[i], &w.peers[i % PEERS]);
	quota_release_peer(&w.quota, other);
}

static void test_ticks_of_who_is_alone_leave_room_for_the_page(void **state)
{
	(void)state;
	w.tick_ns = 400000;
	subscribe_all();
	loop_once(w.loop, false);
	assert_int_equal(w.ticks, 3);
	loop_once(w.loop, false);
	assert_int_equal(w.ticks, 6);
}

/* Where each takes a whole turn, too. */
static void test_ticks_and_requests_take_turns(void **state)
{
	struct quota_user *other = another();

	(void)state;
	w.tick_ns = 2 * SHORT_NS;
	subscribe_all();
	loop_once(w.loop, false);
	for (int i = 0; i < 3; i++)
		assert_int_equal(throttle_hold(&w.peers[i]), 1);
	for (unsigned int rounds = 1; rounds <= 3; rounds++) {
		loop_once(w.loop, false);
		assert_int_equal(w.turns, rounds);
		assert_int_equal(w.ticks, 1 + rounds);
	}
	quota_release_peer(&w.quota, other);
}

static void test_tick_may_be_the_end_of_its_user(void **state)
{
	struct quota_user *other = another();
	struct peer *p = &w.peers[0];

	(void)state;
	for (int i = 1; i < PEERS; i++)
		peer_settle(&w.peers[i], -EPIPE);
	assert_int_equal(peer_subscribe(p), 0);
	throttle_served(p, 2 * SHORT_NS);
	assert_true(throttle_hold_tick(p));
	assert_int_equal(throttle_hold(p), 1);
	w.tick_result = -EPIPE;
	/* the request may have been first */
	for (int i = 0; i < 2; i++)
		loop_once(w.loop, false);
	assert_int_equal(w.ticks, 1);
	assert_int_equal(w.set.statistics.peers, 0);
	assert_null(quota_find(&w.quota, geteuid()));
	quota_release_peer(&w.quota, other);
}

/* A subscription that ends has no tick any more, and a stop lets nobody wait. */
static void test_waiting_tick_goes_with_its_subscription_or_at_the_stop(void **state)
{
	struct quota_user *other = another();

	(void)state;
	subscribe_all();
	loop_once(w.loop, false);
	peer_unsubscribe(&w.peers[2]);
	peer_unsubscribe(&w.peers[PEERS - 1]);
	loop_once(w.loop, false);
	assert_int_equal(w.ticks, 4);
	assert_ptr_equal(w.ticked[2], &w.peers[3]);
	for (int i = 0; i < PEERS; i++)
		w.peers[i].owing = true;
	peer_set_drain(&w.set);
	loop_once(w.loop, false);
	assert_int_equal(w.ticks, PEERS - 2);
	quota_release_peer(&w.quota, other);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(test_share_of_a_round_is_the_sum_over_frames_and_peers),
		TEST(test_waiting_peers_have_so_many_turns_of_a_round),
		TEST(test_those_who_hung_up_are_looked_for_now_and_then),
		TEST(test_share_is_new_in_each_round),
		TEST(test_who_is_alone_has_the_round),
		TEST(test_ticks_wait_for_their_users_next_turn),
		TEST(test_ticks_that_are_wanted_soon_wait_too),
		TEST(test_ticks_of_who_is_alone_leave_room_for_the_page),
		TEST(test_ticks_and_requests_take_turns),
		TEST(test_tick_may_be_the_end_of_its_user),
		TEST(test_waiting_tick_goes_with_its_subscription_or_at_the_stop),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

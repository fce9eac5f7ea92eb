/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/quota.h"

static const struct quota_limits limits = {
	.peers_max = 16,
	.peers_reserved = 4,
	.peers_per_user_max = 6,
	.subscriptions_per_user_max = 2,
	.requests_per_user = 100,
	.bytes_per_user_max = 1000,
	.privileged_uid = 500,
};

static int setup(void **state)
{
	struct quota *q = calloc(1, sizeof(*q));

	assert_int_equal(quota_init(q, &limits), 0);
	*state = q;
	return 0;
}

static int teardown(void **state)
{
	struct quota *q = *state;

	quota_deinit(q);
	quota_deinit(q);
	free(q);
	return 0;
}

static void test_user_is_held_to_its_share(void **state)
{
	struct quota *q = *state;
	struct quota_user *users[6];
	struct quota_user *other;

	for (int i = 0; i < 6; i++)
		assert_int_equal(quota_charge_peer(q, 1000, &users[i]), 0);
	assert_int_equal(quota_charge_peer(q, 1000, &other), -EDQUOT);
	assert_int_equal(quota_charge_peer(q, 1001, &other), 0);
	assert_int_equal(q->users, 2);
	quota_release_peer(q, users[5]);
	assert_int_equal(quota_charge_peer(q, 1000, &users[5]), 0);
	for (int i = 0; i < 6; i++)
		quota_release_peer(q, users[i]);
	quota_release_peer(q, other);
	assert_int_equal(quota_charges(q), 0);
	assert_int_equal(q->users, 0);
}

static void test_reserve_is_for_the_privileged(void **state)
{
	struct quota *q = *state;
	struct quota_user *users[16];
	struct quota_user *none = NULL;

	for (uint32_t i = 0; i < 12; i++)
		assert_int_equal(quota_charge_peer(q, 1000 + i, &users[i]), 0);
	assert_int_equal(quota_charge_peer(q, 2000, &none), -EUSERS);
	assert_int_equal(quota_charge_peer(q, 0, &users[12]), 0);
	assert_int_equal(quota_charge_peer(q, 500, &users[13]), 0);
	assert_int_equal(quota_charge_peer(q, 0, &users[14]), 0);
	assert_int_equal(quota_charge_peer(q, 0, &users[15]), 0);
	assert_int_equal(quota_charge_peer(q, 0, &none), -EUSERS);
	assert_null(none);
	for (int i = 0; i < 16; i++)
		quota_release_peer(q, users[i]);
	assert_int_equal(quota_charges(q), 0);
}

static void test_privileged_have_no_share(void **state)
{
	struct quota *q = *state;
	struct quota_user *user = NULL;

	for (int i = 0; i < 12; i++)
		assert_int_equal(quota_charge_peer(q, 500, &user), 0);
	assert_int_equal(user->peers, 12);
	assert_true(quota_privileged(q, 0));
	assert_true(quota_privileged(q, 500));
	assert_false(quota_privileged(q, 65534));
	for (int i = 0; i < 12; i++)
		quota_release_peer(q, user);
}

static void test_subscriptions_are_counted_apart(void **state)
{
	struct quota *q = *state;
	struct quota_user *user;

	assert_int_equal(quota_charge_peer(q, 7, &user), 0);
	assert_int_equal(quota_charge_subscription(q, user), 0);
	assert_int_equal(quota_charge_subscription(q, user), 0);
	assert_int_equal(quota_charge_subscription(q, user), -EDQUOT);
	assert_int_equal(quota_charges(q), 3);
	quota_release_subscription(q, user);
	quota_release_subscription(q, user);
	quota_release_peer(q, user);
	assert_int_equal(quota_charges(q), 0);
}

static void test_bytes_are_held_to_a_share(void **state)
{
	struct quota *q = *state;
	struct quota_user *user;
	struct quota_user *other;

	assert_int_equal(quota_charge_peer(q, 7, &user), 0);
	assert_int_equal(quota_charge_peer(q, 500, &other), 0);
	assert_int_equal(quota_charge_bytes(q, user, 600), 0);
	assert_int_equal(quota_charge_bytes(q, user, 401), -ENOBUFS);
	assert_int_equal(quota_charge_bytes(q, user, UINT64_MAX), -ENOBUFS);
	assert_int_equal(quota_charge_bytes(q, user, 400), 0);
	assert_int_equal(quota_charge_bytes(q, other, 5000), 0);
	assert_int_equal(q->bytes, 6000);
	quota_release_bytes(q, user, 400);
	assert_int_equal(quota_charge_bytes(q, user, 1), 0);
	quota_release_bytes(q, user, 601);
	quota_release_bytes(q, other, 5000);
	assert_int_equal(q->bytes, 0);
	quota_release_peer(q, user);
	quota_release_peer(q, other);
}

#define SECOND INT64_C(1000000000)

/* 100 requests a second, of a user who was quiet. */
static void test_requests_come_back_with_time(void **state)
{
	struct quota *q = *state;
	int64_t now_ns = 5 * SECOND;
	struct quota_user *user;
	unsigned int asked = 0;

	assert_int_equal(quota_charge_peer(q, 7, &user), 0);
	while (quota_wait_ns(q, user, now_ns) == 0) {
		quota_charge_requests(q, user, 1, now_ns);
		asked++;
	}
	assert_int_equal(asked, 101); /* the burst, and the one that overdraws it */
	assert_int_equal(quota_wait_ns(q, user, now_ns), SECOND / 100);
	assert_int_equal(quota_wait_ns(q, user, now_ns + SECOND / 100 - 1), 1);
	assert_int_equal(quota_wait_ns(q, user, now_ns + SECOND / 100), 0);
	/* a whole packet at once is charged, and waited for */
	now_ns += SECOND;
	quota_charge_requests(q, user, QUOTA_REQUESTS_MAX, now_ns);
	assert_int_equal(quota_wait_ns(q, user, now_ns), (1 + 256 - 100) * (SECOND / 100));
	quota_release_peer(q, user);
}

static void test_rate_holds_over_any_time(void **state)
{
	struct quota *q = *state;
	unsigned int seed = 4711;
	int64_t now_ns = SECOND;
	struct quota_user *user;
	uint64_t asked = 0;

	print_message("seed %u\n", seed);
	assert_int_equal(quota_charge_peer(q, 7, &user), 0);
	while (now_ns < 1001 * SECOND) {
		uint32_t count = 1 + (uint32_t)(rand_r(&seed) % QUOTA_REQUESTS_MAX);

		now_ns += (int64_t)quota_wait_ns(q, user, now_ns);
		quota_charge_requests(q, user, count, now_ns);
		asked += count;
	}
	assert_in_range(asked, 100 * 1000, 100 * 1001 + 2 * QUOTA_REQUESTS_MAX);
	quota_release_peer(q, user);
}

static void test_privileged_and_unlimited_never_wait(void **state)
{
	struct quota *q = *state;
	struct quota_limits none = limits;
	struct quota_user *users[2];

	assert_int_equal(quota_charge_peer(q, 500, &users[0]), 0);
	assert_int_equal(quota_charge_peer(q, 7, &users[1]), 0);
	assert_false(quota_is_metered(q, users[0]));
	assert_true(quota_is_metered(q, users[1]));
	for (int i = 0; i < 1000; i++) {
		quota_charge_requests(q, users[0], 256, SECOND);
		quota_charge_requests(q, users[1], 256, SECOND);
	}
	assert_int_equal(quota_wait_ns(q, users[0], SECOND), 0);
	assert_int_not_equal(quota_wait_ns(q, users[1], SECOND), 0);
	none.requests_per_user = 0;
	quota_configure(q, &none);
	assert_int_equal(quota_wait_ns(q, users[1], SECOND), 0);
	quota_release_peer(q, users[0]);
	quota_release_peer(q, users[1]);
}

static void test_connecting_again_pays_no_debt(void **state)
{
	struct quota *q = *state;
	struct quota_user *user;

	assert_int_equal(quota_charge_peer(q, 7, &user), 0);
	quota_charge_requests(q, user, 256, SECOND);
	assert_int_equal(quota_wait_ns(q, user, SECOND), 156 * (SECOND / 100));
	quota_release_peer(q, user);
	assert_int_equal(q->users, 0);
	assert_int_equal(quota_charge_peer(q, 7, &user), 0);
	assert_int_equal(quota_wait_ns(q, user, SECOND), 156 * (SECOND / 100));
	quota_release_peer(q, user);
	/* nor does anybody else pay it, or pay it off, who shares its place among those who left */
	for (uint32_t uid = 8; uid < 8 + 8 * QUOTA_LEFT; uid++) {
		if (quota_privileged(q, uid))
			continue;
		assert_int_equal(quota_charge_peer(q, uid, &user), 0);
		assert_int_equal(quota_wait_ns(q, user, SECOND), 0);
		quota_release_peer(q, user);
	}
	assert_int_equal(quota_charge_peer(q, 7, &user), 0);
	assert_int_equal(quota_wait_ns(q, user, SECOND), 156 * (SECOND / 100));
	quota_release_peer(q, user);
}

/* A machine restored from a snapshot, and a limit that was raised: nobody waits longer for it. */
static void test_debt_is_never_above_the_largest_charge(void **state)
{
	struct quota *q = *state;
	struct quota_limits more = limits;
	struct quota_user *user;

	assert_int_equal(quota_charge_peer(q, 7, &user), 0);
	quota_charge_requests(q, user, 256, 900 * SECOND);
	assert_int_equal(quota_wait_ns(q, user, SECOND), 256 * (SECOND / 100));
	assert_int_equal(quota_wait_ns(q, user, SECOND + 256 * (SECOND / 100)), 0);
	quota_charge_requests(q, user, 256, SECOND);
	more.requests_per_user = 256;
	quota_configure(q, &more);
	assert_in_range(quota_wait_ns(q, user, SECOND), 1, SECOND);
	quota_release_peer(q, user);
}

static void test_new_limits_leave_the_size_as_it_was(void **state)
{
	struct quota *q = *state;
	struct quota_limits more = limits;
	struct quota_user *user;

	more.peers_max = 1000;
	more.peers_reserved = 1000;
	more.peers_per_user_max = 1;
	quota_configure(q, &more);
	assert_int_equal(q->limits.peers_max, 16);
	assert_int_equal(quota_charge_peer(q, 7, &user), 0);
	quota_release_peer(q, user);
	more.peers_reserved = 0;
	quota_configure(q, &more);
	assert_int_equal(quota_charge_peer(q, 7, &user), 0);
	assert_int_equal(quota_charge_peer(q, 7, &user), -EDQUOT);
	quota_release_peer(q, user);
}

static void test_senseless_limits_are_refused(void **state)
{
	struct quota_limits bad = limits;
	struct quota q;

	(void)state;
	bad.peers_reserved = bad.peers_max;
	assert_int_equal(quota_init(&q, &bad), -EINVAL);
	bad.peers_max = bad.peers_reserved = 0;
	assert_int_equal(quota_init(&q, &bad), -EINVAL);
}

/* Against a model: an array of counts. */
static void test_random_charges_come_out_even(void **state)
{
	struct quota *q = *state;
	unsigned int seed = 20260;
	uint32_t held[8] = { 0 };
	struct quota_user *users[8] = { 0 };
	uint32_t total = 0;

	print_message("seed %u\n", seed);
	for (int step = 0; step < 20000; step++) {
		uint32_t uid = (uint32_t)(rand_r(&seed) % 8);

		if (rand_r(&seed) % 2 == 0) {
			int expected = total >= (uid == 0 ? 16U : 12U) ? -EUSERS
				       : uid != 0 && held[uid] >= 6    ? -EDQUOT
								       : 0;

			assert_int_equal(quota_charge_peer(q, uid, &users[uid]), expected);
			held[uid] += expected == 0;
			total += expected == 0;
		} else if (held[uid] > 0) {
			quota_release_peer(q, users[uid]);
			held[uid]--;
			total--;
		}
		assert_int_equal(quota_charges(q), total);
	}
	for (uint32_t uid = 0; uid < 8; uid++) {
		while (held[uid]-- > 0)
			quota_release_peer(q, users[uid]);
	}
	assert_int_equal(q->users, 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(test_user_is_held_to_its_share),
		TEST(test_reserve_is_for_the_privileged),
		TEST(test_privileged_have_no_share),
		TEST(test_subscriptions_are_counted_apart),
		TEST(test_bytes_are_held_to_a_share),
		TEST(test_requests_come_back_with_time),
		TEST(test_rate_holds_over_any_time),
		TEST(test_privileged_and_unlimited_never_wait),
		TEST(test_connecting_again_pays_no_debt),
		TEST(test_debt_is_never_above_the_largest_charge),
		TEST(test_new_limits_leave_the_size_as_it_was),
		cmocka_unit_test(test_senseless_limits_are_refused),
		TEST(test_random_charges_come_out_even),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

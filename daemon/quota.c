/* SPDX-License-Identifier: MIT */
/*
 * A hash of users with chains, over a slab that has room for one user per possible connection:
 * charging cannot fail for want of memory.
 *
 * The rate is kept as one time, that at which all requests so far are paid for: each moves it on by
 * its price, and whoever owes more than a burst waits.
 *
 * The one thing a reader would get wrong: a user's entry lives exactly as long as it has a
 * connection, so a pointer to it is good for whoever holds one, and for nobody else.
 */
#include "daemon/quota.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

/*
 * Uids are handed out in rows: multiplying spreads them over the upper bits (Knuth's 2^32 / phi).
 */
static uint32_t hash(uint32_t uid)
{
	return (uid * UINT32_C(2654435769)) >> 12;
}

static struct quota_user **bucket_of(const struct quota *q, uint32_t uid)
{
	return &q->buckets[hash(uid) & q->bucket_mask];
}

static struct quota_user **find(const struct quota *q, uint32_t uid)
{
	struct quota_user **link = bucket_of(q, uid);

	while (*link != NULL && (*link)->uid != uid)
		link = &(*link)->next;
	return link;
}

int quota_init(struct quota *q, const struct quota_limits *limits)
{
	uint32_t buckets = 16;

	if (limits->peers_max == 0 || limits->peers_reserved >= limits->peers_max)
		return -EINVAL;
	while (buckets < limits->peers_max && buckets < UINT32_C(1) << 16)
		buckets *= 2;
	*q = (struct quota){ .limits = *limits, .bucket_mask = buckets - 1 };
	q->buckets = calloc(buckets, sizeof(struct quota_user *));
	if (q->buckets == NULL ||
		slab_init(&q->slab, limits->peers_max, sizeof(struct quota_user)) < 0) {
		quota_deinit(q);
		return -ENOMEM;
	}
	return 0;
}

void quota_deinit(struct quota *q)
{
	slab_deinit(&q->slab);
	free(q->buckets);
	*q = (struct quota){ 0 };
}

void quota_configure(struct quota *q, const struct quota_limits *limits)
{
	uint32_t peers_max = q->limits.peers_max;

	q->limits = *limits;
	q->limits.peers_max = peers_max;
	if (q->limits.peers_reserved >= peers_max)
		q->limits.peers_reserved = peers_max - 1;
}

bool quota_privileged(const struct quota *q, uint32_t uid)
{
	return uid == 0 || uid == q->limits.privileged_uid;
}

static struct quota_user *user_new(struct quota *q, uint32_t uid)
{
	struct quota_left *left = &q->left[hash(uid) % QUOTA_LEFT];
	struct quota_user *user = slab_take(&q->slab);

	*user = (struct quota_user){ .uid = uid };
	if (left->uid == uid)
		user->paid_ns = left->paid_ns;
	q->users++;
	return user;
}

static void user_free(struct quota *q, struct quota_user *user)
{
	struct quota_left *left = &q->left[hash(user->uid) % QUOTA_LEFT];

	if (user->paid_ns != 0)
		*left = (struct quota_left){ user->uid, user->paid_ns };
	slab_put(&q->slab, user);
	q->users--;
}

int quota_charge_peer(struct quota *q, uint32_t uid, struct quota_user **ret)
{
	bool privileged = quota_privileged(q, uid);
	uint32_t reserved = privileged ? 0 : q->limits.peers_reserved;
	struct quota_user **link = find(q, uid);
	struct quota_user *user = *link;

	if (q->peers >= q->limits.peers_max - reserved)
		return -EUSERS;
	if (!privileged && (user == NULL ? 0 : user->peers) >= q->limits.peers_per_user_max)
		return -EDQUOT;
	if (user == NULL)
		*link = user = user_new(q, uid);
	user->peers++;
	q->peers++;
	*ret = user;
	return 0;
}

struct quota_user *quota_find(const struct quota *q, uint32_t uid)
{
	return *find(q, uid);
}

void quota_release_peer(struct quota *q, struct quota_user *user)
{
	q->peers--;
	if (--user->peers > 0)
		return;
	*find(q, user->uid) = user->next;
	user_free(q, user);
}

int quota_charge_subscription(struct quota *q, struct quota_user *user)
{
	if (user->subscriptions >= q->limits.subscriptions_per_user_max)
		return -EDQUOT;
	user->subscriptions++;
	q->subscriptions++;
	return 0;
}

void quota_release_subscription(struct quota *q, struct quota_user *user)
{
	user->subscriptions--;
	q->subscriptions--;
}

int quota_charge_bytes(struct quota *q, struct quota_user *user, uint64_t bytes)
{
	if (!quota_privileged(q, user->uid) &&
		(user->bytes > q->limits.bytes_per_user_max ||
			bytes > q->limits.bytes_per_user_max - user->bytes))
		return -ENOBUFS;
	user->bytes += bytes;
	q->bytes += bytes;
	return 0;
}

void quota_release_bytes(struct quota *q, struct quota_user *user, uint64_t bytes)
{
	user->bytes -= bytes;
	q->bytes -= bytes;
}

bool quota_is_metered(const struct quota *q, const struct quota_user *user)
{
	return q->limits.requests_per_user != 0 && !quota_privileged(q, user->uid);
}

static int64_t price_ns(const struct quota *q, uint32_t count)
{
	return (int64_t)count * 1000000000 / q->limits.requests_per_user;
}

/*
 * What the user has asked for and not paid for.  It cannot be more than a burst and the largest
 * charge: what is was noted at a lower rate, or before the clock went back, and is forgiven.
 */
static int64_t owed_ns(const struct quota *q, struct quota_user *user, int64_t now_ns)
{
	int64_t most_ns = QUOTA_BURST_NS + price_ns(q, QUOTA_REQUESTS_MAX);

	if (user->paid_ns - most_ns > now_ns)
		user->paid_ns = now_ns + most_ns;
	return user->paid_ns > now_ns ? user->paid_ns - now_ns : 0;
}

uint64_t quota_wait_ns(const struct quota *q, struct quota_user *user, int64_t now_ns)
{
	int64_t wait_ns;

	if (!quota_is_metered(q, user))
		return 0;
	wait_ns = owed_ns(q, user, now_ns) - QUOTA_BURST_NS;
	return wait_ns > 0 ? (uint64_t)wait_ns : 0;
}

void quota_charge_requests(
	const struct quota *q, struct quota_user *user, uint32_t count, int64_t now_ns)
{
	if (quota_is_metered(q, user))
		user->paid_ns = now_ns + owed_ns(q, user, now_ns) + price_ns(q, count);
}

uint64_t quota_charges(const struct quota *q)
{
	return (uint64_t)q->peers + q->subscriptions;
}

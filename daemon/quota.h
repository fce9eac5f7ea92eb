/* SPDX-License-Identifier: MIT */
/*
 * Who may have how much.  Each connection, each subscription and the memory that is held for them
 * is charged to the user behind it, so that one user can use up neither the daemon nor the others'
 * share, and is given back when it ends.  Requests are charged against a rate, and come back with
 * time.
 *
 * A user is a uid as SO_PEERCRED tells it, and is known while it has a connection.  Root and the
 * daemon's own uid are privileged: no limit per user, and a reserve of connections that others
 * cannot reach, so that an operator gets in while somebody floods.
 *
 * The one thing a reader would get wrong: every charge is one object held by the caller, and is
 * released exactly once.  quota_charges() and the bytes are 0 at exit, and tests look.  What a user
 * owes in requests outlives its connections, or it would be rid of it by connecting again.
 */
#ifndef VDSOTIMED_QUOTA_H
#define VDSOTIMED_QUOTA_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/slab.h"
#include "daemon/throttle.h"

struct quota_limits {
	uint32_t peers_max; /* in all */
	uint32_t peers_reserved; /* of these, for the privileged alone; less than peers_max */
	uint32_t peers_per_user_max; /* not for the privileged */
	uint32_t subscriptions_per_user_max;
	uint32_t requests_per_user; /* in a second, not for the privileged; 0: no limit */
	uint64_t bytes_per_user_max; /* not for the privileged */
	uint32_t privileged_uid; /* beside 0 */
};

/* What a user who was quiet may ask at once: that of so long. */
#define QUOTA_BURST_NS INT64_C(1000000000)

/* Requests that may be charged at once. */
#define QUOTA_REQUESTS_MAX 256

struct loop_timer;

/* A user while it is charged for something; the quota's own. */
struct quota_user {
	uint32_t uid;
	uint32_t peers;
	uint32_t subscriptions;
	uint64_t bytes;
	int64_t paid_ns; /* MONOTONIC: all that it has asked for is paid for then */
	unsigned int round; /* these six are throttle.c's */
	uint64_t turn_ns;
	struct throttle_queue waiting[THROTTLE_CAUSES];
	enum throttle_cause cause; /* of the last turn */
	struct loop_timer *waiting_timer; /* NULL: nobody waits */
	int64_t swept_ns;
	struct quota_user *next;
};

/* What those who have left owe; a later one may take an earlier one's place. */
#define QUOTA_LEFT 1024

struct quota_left {
	uint32_t uid;
	int64_t paid_ns;
};

struct quota {
	struct quota_limits limits;
	uint32_t peers;
	uint32_t subscriptions;
	uint32_t users;
	uint64_t bytes;
	struct quota_left left[QUOTA_LEFT];
	struct slab slab; /* peers_max users: nobody is known without a connection */
	struct quota_user **buckets;
	uint32_t bucket_mask;
};

/* 0, -EINVAL (the reserve leaves nothing), or -ENOMEM.  Nothing is allocated after this. */
int quota_init(struct quota *q, const struct quota_limits *limits);

/* May be called twice, and on a zeroed quota. */
void quota_deinit(struct quota *q);

/* New limits from now on; peers_max stays as it was. */
void quota_configure(struct quota *q, const struct quota_limits *limits);

/* Root, or the daemon's own user? */
bool quota_privileged(const struct quota *q, uint32_t uid);

/*
 * Charge a connection.  0; -EUSERS (peers_max, or its open part, is used up); -EDQUOT (this user's
 * is).
 */
int quota_charge_peer(struct quota *q, uint32_t uid, struct quota_user **ret);

/* The user who is charged under that uid; NULL: none is. */
struct quota_user *quota_find(const struct quota *q, uint32_t uid);

/* user may be gone afterwards.  Its subscriptions are released before. */
void quota_release_peer(struct quota *q, struct quota_user *user);

/* 0 or -EDQUOT; no user is privileged here. */
int quota_charge_subscription(struct quota *q, struct quota_user *user);
void quota_release_subscription(struct quota *q, struct quota_user *user);

/* 0 or -ENOBUFS (bytes_per_user_max). */
int quota_charge_bytes(struct quota *q, struct quota_user *user, uint64_t bytes);
void quota_release_bytes(struct quota *q, struct quota_user *user, uint64_t bytes);

/* Is this user held to a rate? */
bool quota_is_metered(const struct quota *q, const struct quota_user *user);

/* ns until it may ask again; 0: it may.  now_ns: MONOTONIC, which may go back. */
uint64_t quota_wait_ns(const struct quota *q, struct quota_user *user, int64_t now_ns);

/*
 * It has asked for count things, 1 to QUOTA_REQUESTS_MAX.  More than it may is charged all the
 * same, and waited for before the next.
 */
void quota_charge_requests(
	const struct quota *q, struct quota_user *user, uint32_t count, int64_t now_ns);

/* Objects charged now, of all kinds and users. */
uint64_t quota_charges(const struct quota *q);

#endif

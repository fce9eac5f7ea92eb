/* SPDX-License-Identifier: MIT */
/*
 * Who may have how much.  Each connection and each subscription is charged to the user behind it,
 * so that one user can use up neither the daemon nor the others' share, and is given back when it
 * ends.
 *
 * A user is a uid as SO_PEERCRED tells it, and is known while it has a connection.  Root and the
 * daemon's own uid are privileged: no limit per user, and a reserve of connections that others
 * cannot reach, so that an operator gets in while somebody floods.
 *
 * The one thing a reader would get wrong: every charge is one object held by the caller, and is
 * released exactly once.  quota_charges() is 0 at exit, and tests look.
 */
#ifndef VDSOTIMED_QUOTA_H
#define VDSOTIMED_QUOTA_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/slab.h"

struct quota_limits {
	uint32_t peers_max; /* in all */
	uint32_t peers_reserved; /* of these, for the privileged alone; less than peers_max */
	uint32_t peers_per_user_max; /* not for the privileged */
	uint32_t subscriptions_per_user_max;
	uint32_t privileged_uid; /* beside 0 */
};

/* A user while it is charged for something; the quota's own. */
struct quota_user {
	uint32_t uid;
	uint32_t peers;
	uint32_t subscriptions;
	struct quota_user *next;
};

struct quota {
	struct quota_limits limits;
	uint32_t peers;
	uint32_t subscriptions;
	uint32_t users;
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

/* user may be gone afterwards.  Its subscriptions are released before. */
void quota_release_peer(struct quota *q, struct quota_user *user);

/* 0 or -EDQUOT; no user is privileged here. */
int quota_charge_subscription(struct quota *q, struct quota_user *user);
void quota_release_subscription(struct quota *q, struct quota_user *user);

/* Objects charged now, of all kinds and users. */
uint64_t quota_charges(const struct quota *q);

#endif

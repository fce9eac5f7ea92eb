/* SPDX-License-Identifier: MIT */
/*
 * The life of a connection.
 *
 * The one thing a reader would get wrong: a Unix socket that is closed with unread input makes its
 * peer see ECONNRESET, on SOCK_SEQPACKET before the reply that it was already sent.  So closing is:
 * shut both directions, after which nothing more can arrive, read what is there, then close.  When
 * all are closed at once there is no time for this, and whoever had asked for more is told so.
 *
 * A descriptor that was sent and not taken outlives our end, and the kernel lets a user have only
 * so many under way, to all others together (unix(7), ETOOMANYREFS).  So a connection has one at
 * most, and while it waits a closed one lingers: our end is shut, but open, and keeps its seat.
 */
#include "daemon/peer.h"

#include <errno.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <linux/sockios.h>

#include "daemon/keeper.h"
#include "daemon/loop.h"
#include "daemon/quota.h"

/* A receive queue holds no more than the sender's SO_SNDBUF: a few hundred packets by default. */
#define DISCARD_MAX 1024

/* A seat is free so long after what it lingered for was taken. */
#define LINGER_LOOK_NS UINT64_C(500000000)

static int peer_uid(int fd, uint32_t *ret)
{
	struct ucred credentials;
	socklen_t bytes = sizeof(credentials);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &bytes) < 0)
		return -errno;
	*ret = credentials.uid;
	return 0;
}

static void discard_input(int fd)
{
	char discarded[4096];

	shutdown(fd, SHUT_RDWR);
	for (int i = 0; i < DISCARD_MAX; i++) {
		if (recv(fd, discarded, sizeof(discarded), MSG_DONTWAIT) <= 0)
			break;
	}
}

static void peer_unlink(struct peer *p)
{
	*p->link = p->next;
	if (p->next != NULL)
		p->next->link = p->link;
}

static int hold(struct peer *p, uint64_t bytes)
{
	int r = quota_charge_bytes(p->set->quota, p->user, bytes);

	if (r < 0)
		return r;
	p->held_bytes += bytes;
	p->set->statistics.held_bytes += bytes;
	return 0;
}

void peer_let_go(struct peer *p, uint64_t bytes)
{
	quota_release_bytes(p->set->quota, p->user, bytes);
	p->held_bytes -= bytes;
	p->set->statistics.held_bytes -= bytes;
}

int peer_hold(struct peer *p, uint64_t bytes)
{
	int r = hold(p, bytes);

	if (r < 0)
		p->set->statistics.overdrawn++;
	return r;
}

static void tick_due(void *data)
{
	struct peer *p = data;

	if (!throttle_hold_tick(p))
		peer_tick(p);
}

int peer_subscribe(struct peer *p)
{
	struct peer_set *set = p->set;
	int r = quota_charge_subscription(set->quota, p->user);

	if (r >= 0) {
		r = hold(p, loop_watcher_bytes());
		if (r < 0)
			quota_release_subscription(set->quota, p->user);
	}
	if (r < 0)
		return r;
	r = loop_timer_new(set->loop, tick_due, p, &p->ticks);
	if (r < 0) {
		peer_let_go(p, loop_watcher_bytes());
		quota_release_subscription(set->quota, p->user);
		return r;
	}
	set->statistics.subscriptions++;
	return 0;
}

void peer_tick_soon(struct peer *p)
{
	/* One that waits has it when its turn comes, and must not wait twice. */
	if (p->waiting[THROTTLE_TICK].link == NULL)
		loop_timer_start(p->ticks, 0);
}

void peer_unsubscribe(struct peer *p)
{
	if (p->ticks == NULL)
		return;
	throttle_leave(p, THROTTLE_TICK);
	p->ticks = loop_timer_free(p->ticks);
	peer_let_go(p, loop_watcher_bytes());
	quota_release_subscription(p->set->quota, p->user);
	p->set->statistics.subscriptions--;
}

static void peer_close(struct peer *p, bool gently)
{
	struct peer_set *set = p->set;
	struct quota_user *user = p->user;
	int fd = p->fd;

	throttle_leave(p, THROTTLE_REQUEST);
	loop_io_free(p->io);
	loop_timer_free(p->timer);
	peer_unlink(p);
	peer_unsubscribe(p);
	peer_let_go(p, p->held_bytes);
	set->calls->gone(p);
	if (gently)
		discard_input(fd);
	close(fd);
	quota_release_peer(set->quota, user);
	set->statistics.peers--;
	if (set->draining && set->first == NULL)
		set->emptied(set->data);
}

bool peer_keeps_descriptor(struct peer *p)
{
	int bytes = 0;

	if (p->descriptor_sent && (ioctl(p->fd, SIOCOUTQ, &bytes) < 0 || bytes == 0))
		p->descriptor_sent = false;
	return p->descriptor_sent;
}

static void peer_linger(struct peer *p)
{
	throttle_leave(p, THROTTLE_REQUEST);
	peer_unsubscribe(p);
	p->io = loop_io_free(p->io);
	discard_input(p->fd);
	p->owing = false;
	p->lingering = true;
	loop_timer_start(p->timer, LINGER_LOOK_NS);
}

static void peer_end(struct peer *p)
{
	if (!p->set->draining && peer_keeps_descriptor(p))
		peer_linger(p);
	else
		peer_close(p, true);
}

void peer_settle(struct peer *p, int r)
{
	if (r < 0 || (p->set->draining && !p->owing && p->drain_bytes == 0))
		peer_end(p);
}

static void peer_ready(void *data, unsigned int events)
{
	struct peer *p = data;

	peer_settle(p, events & LOOP_ERROR ? -ENOMEM : p->set->calls->turn(p, events));
}

static void peer_expired(void *data)
{
	struct peer *p = data;

	if (!p->lingering)
		p->set->calls->expired(p);
	peer_end(p);
}

/* Where there is no place, those that are held by peers who have gone are free. */
static int charge(struct peer_set *set, uint32_t uid, struct quota_user **ret)
{
	struct quota_user *user;
	int r = quota_charge_peer(set->quota, uid, ret);

	if (r >= 0)
		return r;
	user = quota_find(set->quota, uid);
	if (user == NULL)
		return r;
	throttle_sweep(user, peer_set_now_ns(set));
	return quota_charge_peer(set->quota, uid, ret);
}

int peer_init(struct peer *p, struct peer_set *set, int fd)
{
	int send_buffer_bytes = PEER_SEND_BUFFER_BYTES;
	uint32_t uid = UINT32_MAX;
	int r = peer_uid(fd, &uid);

	if (r < 0)
		return r;
	*p = (struct peer){ .set = set, .fd = fd };
	r = charge(set, uid, &p->user);
	if (r < 0)
		return r;
	r = hold(p, set->peer_bytes + PEER_OWN_WATCHERS * loop_watcher_bytes());
	if (r >= 0)
		r = loop_timer_new(set->loop, peer_expired, p, &p->timer);
	if (r >= 0)
		r = loop_io_new(set->loop, fd, LOOP_READ, peer_ready, p, &p->io);
	if (r < 0) {
		loop_timer_free(p->timer);
		peer_let_go(p, p->held_bytes);
		quota_release_peer(set->quota, p->user);
		return r;
	}
	/* Where this fails the kernel's own bound stands. */
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &send_buffer_bytes, sizeof(send_buffer_bytes));
	p->next = set->first;
	p->link = &set->first;
	if (p->next != NULL)
		p->next->link = &p->next;
	set->first = p;
	set->statistics.peers++;
	set->statistics.accepted++;
	return 0;
}

/* Bytes that wait to be received, of all packets where there are packets. */
static uint64_t queued_bytes(int fd)
{
	int bytes = 0;

	return ioctl(fd, SIOCINQ, &bytes) < 0 || bytes < 0 ? 0 : (uint64_t)bytes;
}

void peer_set_drain(struct peer_set *set)
{
	struct peer *next;

	if (set->first == NULL) {
		set->emptied(set->data);
		return;
	}
	set->draining = true;
	for (struct peer *p = set->first; p != NULL; p = next) {
		next = p->next;
		throttle_leave(p, THROTTLE_REQUEST);
		throttle_leave(p, THROTTLE_TICK);
		p->drain_bytes = queued_bytes(p->fd);
		peer_settle(p, 0);
	}
}

void peer_set_close(struct peer_set *set)
{
	set->draining = false;
	while (set->first != NULL)
		peer_close(set->first, false);
}

void peer_received(struct peer *p, uint64_t bytes)
{
	p->set->statistics.received_bytes += bytes;
	p->drain_bytes -= bytes < p->drain_bytes ? bytes : p->drain_bytes;
}

void peer_charge_requests(struct peer *p, uint32_t count, int64_t now_ns)
{
	p->set->statistics.requests += count;
	quota_charge_requests(p->set->quota, p->user, count, now_ns);
}

static uint64_t since_ns(const struct peer_set *set, int64_t began_ns)
{
	int64_t now_ns = peer_set_now_ns(set);

	return now_ns > began_ns ? (uint64_t)(now_ns - began_ns) : 0;
}

void peer_served(struct peer *p, int64_t began_ns)
{
	uint64_t ns = since_ns(p->set, began_ns);

	statistics_served(&p->set->statistics, ns);
	throttle_served(p, ns);
}

void peer_tick(struct peer *p)
{
	int64_t began_ns = peer_set_now_ns(p->set);
	int r = p->set->calls->tick(p, began_ns);

	throttle_served(p, since_ns(p->set, began_ns));
	peer_settle(p, r);
}

int64_t peer_set_now_ns(const struct peer_set *set)
{
	int64_t now_ns = 0;

	(void)keeper_read(set->keeper, CLOCK_MONOTONIC, &now_ns, NULL);
	return now_ns;
}

void peer_timer_start(struct peer *p, uint64_t after_ns)
{
	loop_timer_start(p->timer, after_ns);
}

void peer_timer_stop(struct peer *p)
{
	loop_timer_stop(p->timer);
}

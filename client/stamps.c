/* SPDX-License-Identifier: MIT */
/*
 * The client's end of the stamp socket: requests of many clocks in one packet, and the ticks of a
 * subscription.
 *
 * Replies come in the order of their requests, and packets of ticks between them.  So a wait for a
 * reply keeps the ticks that it meets; and a reply whose caller has given up is owed, and dropped
 * when it comes, but for what it says of a subscription.
 *
 * The one thing a reader would get wrong: a tick that was met before the reply to SUBSCRIBE is one
 * of the subscription before; so it is only the reply to the last SUBSCRIBE that begins anything.
 */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <vdsotime/client.h>

#include "client/deadline.h"
#include "client/dial.h"
#include "client/kept.h"
#include "proto/wire/stamp.h"

/* Ticks kept while a reply is waited for: a packet of them fits when there are none yet. */
#define TICKS_MAX STAMP_PACKET_MAX

/* Packets of no use, more than a socket's buffer holds by default: then a read minds its time. */
#define USELESS_MAX 1024

struct vdsotime_stamps {
	int fd;
	int broken; /* 0, or the error that ended the connection */
	uint64_t owed; /* replies that nobody waits for any more */
	uint64_t subscribing; /* SUBSCRIBEs whose replies have not come */
	bool wanted; /* by the last of them: a subscription, and not the end of one */
	bool subscribed;
	size_t first_tick;
	size_t n_ticks;
	struct stamp_record ticks[TICKS_MAX];
	struct stamp_request requests[STAMP_PACKET_MAX];
	struct stamp_record records[STAMP_PACKET_MAX];
};

/* A wait takes its time from system calls: the vDSO is fatal to some of those who come here. */
static const struct vdsotime_vdso no_vdso;

static int broken(struct vdsotime_stamps *s, int error)
{
	shutdown(s->fd, SHUT_RDWR);
	s->broken = -error;
	return -error;
}

/* Until the socket is ready.  0; -ETIMEDOUT; -EINTR. */
static int await(const struct vdsotime_stamps *s, short events, int64_t deadline_ns)
{
	struct pollfd p = { .fd = s->fd, .events = events };
	struct timespec left = { 0 };
	int64_t left_ns;
	int r;

	if (deadline_ns != DEADLINE_NEVER) {
		r = deadline_left(&no_vdso, deadline_ns, &left_ns);
		if (r < 0)
			return r;
		left = deadline_timespec(left_ns);
	}
	r = ppoll(&p, 1, deadline_ns == DEADLINE_NEVER ? NULL : &left, NULL);
	if (r < 0)
		return -errno;
	return r == 0 ? -ETIMEDOUT : 0;
}

/*
 * With no room left the newest kept one makes place, and is counted: so the last of all is never
 * lost.
 */
static void tick_keep(struct vdsotime_stamps *s, const struct stamp_record *tick)
{
	struct stamp_record kept = *tick;

	if (s->n_ticks == TICKS_MAX) {
		s->n_ticks--;
		kept.lost += s->ticks[(s->first_tick + s->n_ticks) % TICKS_MAX].lost + 1;
	}
	s->ticks[(s->first_tick + s->n_ticks) % TICKS_MAX] = kept;
	s->n_ticks++;
}

/* Those that come before the reply to SUBSCRIBE are nobody's any more. */
static void ticks_keep(struct vdsotime_stamps *s, size_t count)
{
	for (size_t i = 0; i < count && s->subscribed; i++)
		tick_keep(s, &s->records[i]);
}

/*
 * One packet into s->records; *ret_bytes is its length, which may be more than what was
 * received.
 */
static int packet_receive(struct vdsotime_stamps *s, int64_t deadline_ns, size_t *ret_bytes)
{
	for (;;) {
		ssize_t n = recv(s->fd, s->records, sizeof(s->records), MSG_DONTWAIT | MSG_TRUNC);

		if (n > 0) {
			*ret_bytes = (size_t)n;
			return 0;
		}
		if (n == 0 || errno == ECONNRESET)
			return broken(s, ECONNRESET);
		if (errno != EAGAIN)
			return -errno;

		int r = await(s, POLLIN, deadline_ns);

		if (r < 0)
			return r;
	}
}

/* The reply to a SUBSCRIBE: it ends what was before, and the last of all may begin something. */
static void subscription_settle(struct vdsotime_stamps *s)
{
	s->subscribing--;
	s->n_ticks = 0;
	s->subscribed = s->subscribing == 0 && s->wanted && s->records[0].error == 0;
}

/* What nobody waits for any more, but a late SUBSCRIBE is in force all the same. */
static int reply_drop(struct vdsotime_stamps *s)
{
	s->owed--;
	if (s->records[0].op != STAMP_OP_SUBSCRIBE)
		return 0;
	if (s->subscribing == 0)
		return broken(s, EPROTO);
	subscription_settle(s);
	return 0;
}

/*
 * The next packet.  Ticks are kept and a reply that is owed is dropped, with 0 bytes; any other is
 * left in s->records, unchecked, with its length.
 */
static int packet_take(struct vdsotime_stamps *s, int64_t deadline_ns, size_t *ret_bytes)
{
	size_t bytes = 0, count;
	int r = packet_receive(s, deadline_ns, &bytes);

	if (r < 0)
		return r;
	if (bytes > sizeof(s->records) || bytes % sizeof(s->records[0]) != 0)
		return broken(s, EPROTO);
	*ret_bytes = 0;
	if (s->records[0].op == STAMP_OP_TICK) {
		if (!stamp_tick_check(s->records, bytes, &count))
			return broken(s, EPROTO);
		ticks_keep(s, count);
	} else if (s->owed > 0) {
		return reply_drop(s);
	} else {
		*ret_bytes = bytes;
	}
	return 0;
}

/* The reply to s->requests, checked, in s->records. */
static int reply_wait(struct vdsotime_stamps *s, size_t count, int64_t deadline_ns)
{
	int64_t left_ns = 1;
	size_t bytes = 0;

	while (bytes == 0) {
		int r = packet_take(s, deadline_ns, &bytes);

		/* ticks without end must not make a wait one without end */
		if (r == 0 && bytes == 0 && deadline_ns != DEADLINE_NEVER)
			r = deadline_left(&no_vdso, deadline_ns, &left_ns);
		if (r == 0 && left_ns == 0)
			r = -ETIMEDOUT;
		if (r < 0) {
			s->owed++;
			return r;
		}
	}
	return stamp_reply_check(s->requests, count, s->records, bytes) ? 0 : broken(s, EPROTO);
}

/* s->requests there; failed: nothing was sent. */
static int requests_send(struct vdsotime_stamps *s, size_t count, int64_t deadline_ns)
{
	if (s->broken)
		return s->broken;
	while (send(s->fd, s->requests, count * sizeof(s->requests[0]),
		       MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
		if (errno == EPIPE || errno == ECONNRESET)
			return broken(s, ECONNRESET);
		if (errno != EAGAIN)
			return -errno;

		int r = await(s, POLLOUT, deadline_ns);

		if (r < 0)
			return r;
	}
	return 0;
}

/* s->requests there, s->records back. */
static int exchange(struct vdsotime_stamps *s, size_t count, const struct timespec *timeout)
{
	int64_t deadline_ns;
	int r = deadline_init(&no_vdso, timeout, &deadline_ns);

	if (r == 0)
		r = requests_send(s, count, deadline_ns);
	return r < 0 ? r : reply_wait(s, count, deadline_ns);
}

/* HELLO alone: the page's descriptor is not wanted here.  A signal does not end it. */
static int greet(struct vdsotime_stamps *s)
{
	const struct timespec patience = { .tv_sec = 1 };
	int64_t deadline_ns;
	int r = deadline_init(&no_vdso, &patience, &deadline_ns);

	if (r < 0)
		return r;
	s->requests[0] = stamp_hello();
	do {
		r = requests_send(s, 1, deadline_ns);
	} while (r == -EINTR);
	while (r == 0) {
		r = reply_wait(s, 1, deadline_ns);
		if (r != -EINTR)
			break;
		s->owed = 0;
		r = 0;
	}
	if (r < 0)
		return r == -ECONNRESET ? -EPROTO : r;
	if (s->records[0].error)
		return s->records[0].error == -EPROTONOSUPPORT ? -EPROTONOSUPPORT : -EPROTO;
	return s->records[0].version == STAMP_VERSION ? 0 : -EPROTONOSUPPORT;
}

int vdsotime_stamps_connect(
	struct vdsotime_stamps **ret, const char *runtime_dir, unsigned int flags)
{
	ERRNO_KEPT;
	struct dial_owner owner;
	struct vdsotime_stamps *s;
	int r;

	if (flags)
		return -EINVAL;
	runtime_dir = dial_runtime_dir(runtime_dir);
	if (!*runtime_dir)
		return -EINVAL;
	if (strlen(runtime_dir) >= DIAL_DIR_BYTES)
		return -ENAMETOOLONG;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->fd = -1;
	r = -dial_errno(dial_connect(runtime_dir, dial_deadline(), &s->fd, &owner));
	if (r == 0)
		r = greet(s);
	if (r < 0) {
		vdsotime_stamps_close(s);
		return r;
	}
	*ret = s;
	return 0;
}

struct vdsotime_stamps *vdsotime_stamps_close(struct vdsotime_stamps *s)
{
	ERRNO_KEPT;
	if (s) {
		if (s->fd >= 0)
			close(s->fd);
		free(s);
	}
	return NULL;
}

int vdsotime_stamps_get_fd(const struct vdsotime_stamps *s)
{
	return s->fd;
}

_Static_assert((int)VDSOTIME_STAMPS_PAGE == (int)STAMP_FLAG_PAGE, "one flag, two names");
_Static_assert((int)VDSOTIME_STAMPS_LAST == (int)STAMP_FLAG_LAST, "one flag, two names");
_Static_assert(VDSOTIME_STAMPS_MAX == STAMP_PACKET_MAX, "one limit, two names");

static void record_copy(struct vdsotime_stamps_record *to, const struct stamp_record *from)
{
	*to = (struct vdsotime_stamps_record){
		.time_ns = from->time_ns,
		.counter_ticks = from->counter_ticks,
		.lost = from->lost,
		.error = from->error,
		.flags = from->flags,
	};
}

int vdsotime_stamps_request(struct vdsotime_stamps *s, const clockid_t *ids, size_t n,
	const struct timespec *timeout, struct vdsotime_stamps_record *ret)
{
	ERRNO_KEPT;
	int r;

	if (n == 0 || n > STAMP_PACKET_MAX)
		return -EINVAL;
	for (size_t i = 0; i < n; i++)
		s->requests[i] = stamp_stamp(ids[i]);
	r = exchange(s, n, timeout);
	if (r < 0)
		return r;
	for (size_t i = 0; i < n; i++)
		record_copy(&ret[i], &s->records[i]);
	return 0;
}

int vdsotime_stamps_subscribe(struct vdsotime_stamps *s, clockid_t id, uint32_t interval_us,
	uint32_t count, const struct timespec *timeout)
{
	ERRNO_KEPT;
	int64_t deadline_ns;
	int r = deadline_init(&no_vdso, timeout, &deadline_ns);

	if (interval_us == 0 && count != 0)
		return -EINVAL;
	s->requests[0] = stamp_subscribe(id, interval_us, count);
	if (r == 0)
		r = requests_send(s, 1, deadline_ns);
	if (r < 0)
		return r;
	s->subscribing++;
	s->wanted = interval_us != 0;
	s->subscribed = false;
	s->n_ticks = 0;
	r = reply_wait(s, 1, deadline_ns);
	if (r < 0)
		return r;
	subscription_settle(s);
	return s->records[0].error;
}

/* Ticks are to come, or the reply to a SUBSCRIBE after which they may. */
static bool waits(const struct vdsotime_stamps *s)
{
	return s->subscribed || (s->subscribing > 0 && s->wanted);
}

int vdsotime_stamps_read(struct vdsotime_stamps *s, const struct timespec *timeout,
	struct vdsotime_stamps_record *ret)
{
	ERRNO_KEPT;
	int64_t deadline_ns, left_ns = 1;
	int useless = 0;
	int r = deadline_init(&no_vdso, timeout, &deadline_ns);

	while (r == 0 && s->n_ticks == 0) {
		/* with none to come, all that is there is taken in, too: late replies, an end */
		int64_t until_ns = waits(s) ? deadline_ns : DEADLINE_PAST;
		size_t bytes = 0;

		if (s->broken)
			return s->broken;
		r = packet_take(s, until_ns, &bytes);
		if (bytes != 0)
			r = broken(s, EPROTO);
		/* what is of no use and comes without end must not make a read one without end */
		if (r == 0 && s->n_ticks == 0 && ++useless >= USELESS_MAX)
			r = deadline_left(&no_vdso, until_ns, &left_ns);
		if (r == 0 && left_ns == 0)
			r = -ETIMEDOUT;
		if (r == -ETIMEDOUT && !waits(s))
			return -ENODATA;
	}
	if (r < 0)
		return r;
	record_copy(ret, &s->ticks[s->first_tick]);
	s->first_tick = (s->first_tick + 1) % TICKS_MAX;
	s->n_ticks--;
	if (ret->flags & VDSOTIME_STAMPS_LAST)
		s->subscribed = false;
	return 0;
}

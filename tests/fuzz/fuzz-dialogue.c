/* SPDX-License-Identifier: MIT */
/*
 * The Varlink socket of a real server, its loop turned by a script.  Every byte of the input is
 * sent as it is, but for two-byte steps, 0xfe and a letter: 0xfe is in no UTF-8.  Bytes between two
 * steps are one send().
 *
 *   .  the loop turns             r R  the peer reads 100 bytes, all      c  another peer connects
 *   t T  1 ms, 1 s go on          h d  it half closes: sends, hears       n  the next peer's turn
 *   e  the clock is set           x    it closes                          s  the server stops
 *
 * Then all is read, and each peer has heard what it should (expect.h), or was closed for a reason;
 * nothing is charged to anybody, and no descriptor is left.
 *
 * The one thing a reader would get wrong: CLOCK_MONOTONIC is the script's, for libev, too.  Each
 * turn takes a microsecond, since a timer of no length is due when time has gone on.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "daemon/loop.h"
#include "daemon/methods.h"
#include "daemon/server.h"
#include "daemon/statistics.h"
#include "tests/fuzz/expect.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/fake-keeper.h"

#define STEP 0xfe
#define PEERS 4
#define MS INT64_C(1000000)
#define SECOND (1000 * MS)
#define TURN_NS 1000

/* One end of a connection: the script's. */
struct end {
	struct expect expect;
	int fd; /* -1: closed */
	bool half_closed;
	bool deaf;
	bool ended; /* by the server */
};

struct world {
	struct loop *loop;
	struct keeper keeper;
	struct server *server;
	struct methods methods; /* the server's, once more: for the engine alone */
	struct varlink_interface interface;
	struct varlink_service service;
	struct sockaddr_un address;
	socklen_t address_bytes;
	struct end ends[PEERS];
	size_t connected; /* of them, closed ones counted */
	size_t current;
	uint64_t idle_bytes; /* held for a peer that has nothing under way */
	bool slow; /* a timeout may have come */
	bool stopped;
};

static int64_t now_ns = SECOND;

int clock_gettime(clockid_t id, struct timespec *ret)
{
	if (id != CLOCK_MONOTONIC)
		return (int)syscall(SYS_clock_gettime, id, ret);
	*ret = (struct timespec){ now_ns / SECOND, now_ns % SECOND };
	return 0;
}

/* So many that a reply is sent in pieces. */
static bool setting(void *data, size_t number, struct server_setting *ret)
{
	(void)data;
	*ret = (struct server_setting){ .section = "Socket", .name = "MaxPeers", .value = "8" };
	return number < 500;
}

static const struct server_facts facts = {
	.version = "1",
	.runtime_dir = "/run",
	.setting = setting,
};

static void world_listen(struct world *w)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	/* Without a name the kernel gives it one. */
	w->address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	w->address_bytes = sizeof(w->address);
	expect_promise(bind(fd, (struct sockaddr *)&w->address, sizeof(sa_family_t)) == 0);
	expect_promise(getsockname(fd, (struct sockaddr *)&w->address, &w->address_bytes) == 0);
	expect_promise(listen(fd, PEERS) == 0);
	expect_promise(server_listen_fd(w->server, "varlink", fd) == 0);
}

static void world_init(struct world *w)
{
	struct server_options options = SERVER_OPTIONS_DEFAULT;

	*w = (struct world){ 0 };
	options.peers_max = 8;
	options.peers_reserved = 1;
	options.subscriptions_max = 2;
	fake_keeper_init(&w->keeper);
	w->keeper.time_ns = now_ns;
	expect_promise(loop_new(&w->loop, server_watchers(&options)) == 0);
	expect_promise(server_new(&w->server, &options, w->loop, &w->keeper, &facts) == 0);
	w->methods = (struct methods){ &w->keeper, w->server, &facts, now_ns };
	w->interface = methods_interface(&w->methods);
	w->service = (struct varlink_service){ "vdsotime", "vdsotimed", "1", "", &w->interface, 1 };
	world_listen(w);
}

static void turn(struct world *w, int64_t ns)
{
	now_ns += ns;
	w->keeper.time_ns = now_ns;
	w->slow = w->slow || ns >= SECOND;
	loop_once(w->loop, false);
}

static void end_close(struct end *e)
{
	if (e->fd >= 0)
		close(e->fd);
	e->fd = -1;
}

static void end_connect(struct world *w)
{
	struct end *e = w->ends;

	while (e < w->ends + w->connected && e->fd >= 0)
		e++;
	if (e == w->ends + PEERS || w->stopped)
		return;
	if (e == w->ends + w->connected)
		w->connected++;
	expect_deinit(&e->expect);
	*e = (struct end){ .expect = { .service = &w->service } };
	e->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	/* Too many wait to be accepted: those who have gone do, too. */
	if (connect(e->fd, (struct sockaddr *)&w->address, w->address_bytes) < 0)
		end_close(e);
	w->current = (size_t)(e - w->ends);
}

static void end_send(struct end *e, const uint8_t *bytes, size_t count)
{
	ssize_t n = e->fd < 0 ? 0 : send(e->fd, bytes, count, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n > 0)
		expect_sent(&e->expect, (const char *)bytes, (size_t)n);
}

/* Up to count bytes; whether there were any. */
static bool end_read(struct world *w, struct end *e, size_t count)
{
	char bytes[65536];
	ssize_t n = e->fd < 0 ? -1 : recv(e->fd, bytes, count, MSG_DONTWAIT);

	/* Who is not accepted yet when the server stops. */
	if (n < 0 && e->fd >= 0 && errno == ECONNRESET && w->stopped)
		e->ended = true;
	else
		expect_promise(n >= 0 || e->fd < 0 || errno == EAGAIN);
	if (n > 0)
		expect_heard(&e->expect, bytes, (size_t)n);
	if (n == 0 && !e->deaf && !e->ended) {
		e->ended = true;
		expect_promise(
			w->slow || w->stopped || expect_may_close(&e->expect, e->half_closed));
	}
	return n > 0;
}

static void stop(struct world *w)
{
	w->stopped = true;
	server_stop(w->server, SECOND, NULL, NULL);
}

static void step(struct world *w, uint8_t letter)
{
	struct end *e = &w->ends[w->current];

	switch (letter) {
	case '.':
		return turn(w, TURN_NS);
	case 'r':
		(void)end_read(w, e, 100);
		return;
	case 'R':
		while (end_read(w, e, 65536))
			;
		return;
	case 'c':
		return end_connect(w);
	case 't':
		return turn(w, MS);
	case 'T':
		return turn(w, SECOND);
	case 'h':
		e->half_closed = true;
		(void)shutdown(e->fd, SHUT_WR);
		return;
	case 'd':
		e->deaf = true;
		(void)shutdown(e->fd, SHUT_RD);
		return;
	case 'n':
		w->current = (w->current + 1) % w->connected;
		return;
	case 'e':
		event_log_add(&w->keeper.events, &(struct event){ .kind = EVENT_JUMPED });
		return server_event(w->server);
	case 'x':
		return end_close(e);
	case 's':
		return stop(w);
	default:
		return;
	}
}

/* Counts grow while the server has something to do. */
static uint64_t progress(const struct world *w)
{
	struct statistics s;

	server_statistics(w->server, SERVER_VARLINK, &s);
	return s.accepted + s.received_bytes + s.frames + s.sent_bytes + s.ticks - s.peers;
}

/* Turn and read until nothing is left to do. */
static void settle(struct world *w)
{
	for (int quiet = 0; quiet < 3; quiet++) {
		uint64_t before = progress(w);

		turn(w, TURN_NS);
		for (size_t i = 0; i < w->connected; i++) {
			while (end_read(w, &w->ends[i], 65536))
				quiet = 0;
		}
		if (progress(w) != before)
			quiet = 0;
	}
}

/* Whether it has nothing under way, not even the beginning of a message. */
static bool check_end(const struct world *w, struct end *e)
{
	enum expect_next next;

	if (e->fd < 0 || e->ended)
		return true;
	if (e->deaf)
		return false;
	next = expect_next(&e->expect);
	expect_promise(next == EXPECT_NOTHING || next == EXPECT_TICKS);
	expect_promise(!e->half_closed && !w->stopped);
	expect_promise(e->expect.heard_bytes == 0);
	return next == EXPECT_NOTHING && e->expect.taken_bytes == e->expect.sent_bytes;
}

static void check_ends(struct world *w)
{
	struct statistics s;
	bool idle = true;

	for (size_t i = 0; i < w->connected; i++)
		idle = check_end(w, &w->ends[i]) && idle;
	server_statistics(w->server, SERVER_VARLINK, &s);
	expect_promise(!idle || s.held_bytes == s.peers * w->idle_bytes);
}

static void world_deinit(struct world *w)
{
	struct statistics s;

	settle(w);
	check_ends(w);
	for (size_t i = 0; i < w->connected; i++) {
		end_close(&w->ends[i]);
		expect_deinit(&w->ends[i].expect);
	}
	settle(w);
	server_statistics(w->server, SERVER_VARLINK, &s);
	expect_promise(server_charges(w->server) == 0);
	expect_promise(s.peers == 0 && s.subscriptions == 0 && s.held_bytes == 0);
	server_free(w->server);
	loop_free(w->loop);
}

static void world_begin(struct world *w)
{
	struct statistics s;

	end_connect(w);
	turn(w, TURN_NS);
	server_statistics(w->server, SERVER_VARLINK, &s);
	expect_promise(s.peers == 1);
	w->idle_bytes = s.held_bytes;
}

/* The lowest that is free. */
static int next_descriptor(void)
{
	int fd = dup(STDERR_FILENO);

	close(fd);
	return fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	static struct world w;
	const uint8_t *end = data + bytes;
	int descriptor = next_descriptor();

	world_init(&w);
	world_begin(&w);
	while (data < end) {
		const uint8_t *at = memchr(data, STEP, (size_t)(end - data));

		if (at == NULL)
			at = end;
		if (at > data)
			end_send(&w.ends[w.current], data, (size_t)(at - data));
		if (end - at >= 2)
			step(&w, at[1]);
		data = end - at >= 2 ? at + 2 : end;
	}
	world_deinit(&w);
	expect_promise(next_descriptor() == descriptor);
	return 0;
}

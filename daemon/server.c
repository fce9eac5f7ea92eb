/* SPDX-License-Identifier: MIT */
/*
 * Wiring: sockets to their conversations, and all of them to one quota.
 */
#include "daemon/server.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "daemon/dialogue.h"
#include "daemon/keeper.h"
#include "daemon/listener.h"
#include "daemon/loop.h"
#include "daemon/methods.h"
#include "daemon/quota.h"
#include "daemon/socket-file.h"
#include "daemon/stamps.h"

/* What SERVER_SOCKETS says, and the type of each. */
static const struct {
	const char *name;
	const char *file;
	int type;
} kinds[SERVER_SOCKET_COUNT] = {
#define SERVER_SOCKET_KIND(NAME, name, file) [SERVER_##NAME] = { name, file, SERVER_TYPE_##NAME },
#define SERVER_TYPE_STAMP SOCK_SEQPACKET
#define SERVER_TYPE_VARLINK SOCK_STREAM
	SERVER_SOCKETS(SERVER_SOCKET_KIND)
};

struct endpoint {
	struct server *server;
	struct listener listener;
	struct socket_file file; /* where we made the socket */
};

struct server {
	struct server_options options;
	struct loop *loop;
	const struct server_facts *facts;
	struct quota quota;
	struct stamps stamps;
	struct dialogues dialogues;
	struct methods methods;
	struct varlink_interface interface;
	struct varlink_service service;
	struct endpoint endpoints[SERVER_SOCKET_COUNT];
	struct loop_timer *deadline;
	bool stopping;
	unsigned int full; /* sets of peers that are not empty yet, while stopping */
	void (*done)(void *data);
	void *done_data;
};

static struct peer_set *set_of(struct server *s, enum server_socket socket)
{
	return socket == SERVER_STAMP ? &s->stamps.set : &s->dialogues.set;
}

uint32_t server_watchers(const struct server_options *options)
{
	return options->peers_max * PEER_WATCHERS + SERVER_SOCKET_COUNT * LISTENER_WATCHERS + 1;
}

static struct quota_limits limits_of(const struct server_options *options)
{
	return (struct quota_limits){
		.peers_max = options->peers_max,
		.peers_reserved = options->peers_reserved,
		.peers_per_user_max = options->peers_per_user_max,
		.subscriptions_per_user_max = options->subscriptions_max,
		.requests_per_user = options->requests_per_user,
		.bytes_per_user_max = options->bytes_per_user_max,
		.privileged_uid = geteuid(),
	};
}

static void server_accepted(void *data, int fd)
{
	struct endpoint *e = data;
	struct server *s = e->server;
	bool stamp = e == &s->endpoints[SERVER_STAMP];
	int r = stamp ? stamps_accept(&s->stamps, fd) : dialogues_accept(&s->dialogues, fd);
	struct statistics *statistics =
		&set_of(s, stamp ? SERVER_STAMP : SERVER_VARLINK)->statistics;

	if (r >= 0)
		return;
	close(fd);
	if (r == -EUSERS)
		statistics->turned_away_total++;
	else if (r == -EDQUOT)
		statistics->turned_away_user++;
	else if (r == -ENOBUFS)
		statistics->turned_away_bytes++;
	else
		statistics->turned_away_system++;
}

static void server_starved(void *data)
{
	struct endpoint *e = data;
	bool stamp = e == &e->server->endpoints[SERVER_STAMP];

	set_of(e->server, stamp ? SERVER_STAMP : SERVER_VARLINK)->statistics.turned_away_system++;
}

static void server_stopped(struct server *s)
{
	void (*done)(void *data) = s->done;

	s->deadline = loop_timer_free(s->deadline);
	s->done = NULL;
	if (done != NULL)
		done(s->done_data);
}

static void server_emptied(void *data)
{
	struct server *s = data;

	if (--s->full == 0)
		server_stopped(s);
}

static void server_overdue(void *data)
{
	struct server *s = data;

	peer_set_close(&s->stamps.set);
	peer_set_close(&s->dialogues.set);
	server_stopped(s);
}

static void server_describe(struct server *s, struct keeper *keeper)
{
	int64_t now_ns = 0;

	(void)keeper_read(keeper, CLOCK_MONOTONIC, &now_ns, NULL);
	s->methods = (struct methods){
		.keeper = keeper,
		.server = s,
		.facts = s->facts,
		.started_ns = now_ns,
	};
	s->interface = methods_interface(&s->methods);
	s->service = (struct varlink_service){
		.vendor = "vdsotime",
		.product = "vdsotimed",
		.version = s->facts->version,
		.url = "",
		.interfaces = &s->interface,
		.interface_count = 1,
	};
}

static int server_init(struct server *s, struct keeper *keeper)
{
	struct quota_limits limits = limits_of(&s->options);
	uint32_t peers_max = s->options.peers_max;
	int r = quota_init(&s->quota, &limits);

	if (r >= 0)
		r = stamps_init(&s->stamps, s->loop, &s->quota, keeper, peers_max);
	if (r >= 0)
		r = dialogues_init(
			&s->dialogues, s->loop, &s->quota, keeper, &s->service, peers_max);
	if (r < 0)
		return r;
	for (int i = 0; i < SERVER_SOCKET_COUNT; i++) {
		set_of(s, (enum server_socket)i)->emptied = server_emptied;
		set_of(s, (enum server_socket)i)->data = s;
	}
	server_describe(s, keeper);
	server_configure(s, &s->options);
	return 0;
}

int server_new(struct server **ret, const struct server_options *options, struct loop *loop,
	struct keeper *keeper, const struct server_facts *facts)
{
	struct server *s;
	int r;

	if (options->peers_max < SERVER_PEERS_MIN || options->peers_max > SERVER_PEERS_MAX ||
		options->peers_reserved >= options->peers_max || options->frame_timeout_ns == 0 ||
		options->stall_timeout_ns == 0)
		return -EINVAL;
	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return -ENOMEM;
	s->options = *options;
	s->loop = loop;
	s->facts = facts;
	for (int i = 0; i < SERVER_SOCKET_COUNT; i++) {
		s->endpoints[i].server = s;
		s->endpoints[i].listener = (struct listener)LISTENER_NULL;
	}
	r = server_init(s, keeper);
	if (r < 0) {
		server_free(s);
		return r;
	}
	*ret = s;
	return 0;
}

void server_configure(struct server *s, const struct server_options *options)
{
	struct server_options fitting = *options;

	/* The memory is that of before, and a reserve of another whole does not fit it. */
	if (fitting.peers_max != s->options.peers_max) {
		fitting.peers_max = s->options.peers_max;
		fitting.peers_reserved = s->options.peers_reserved;
	}
	struct quota_limits limits = limits_of(&fitting);

	quota_configure(&s->quota, &limits);
	s->options = fitting;
	s->stamps.stall_timeout_ns = options->stall_timeout_ns;
	s->dialogues.stall_timeout_ns = options->stall_timeout_ns;
	s->dialogues.frame_timeout_ns = options->frame_timeout_ns;
}

static void endpoint_close(struct endpoint *e)
{
	socket_file_remove(&e->file);
	listener_deinit(&e->listener);
}

struct server *server_free(struct server *s)
{
	if (s == NULL)
		return NULL;
	for (int i = 0; i < SERVER_SOCKET_COUNT; i++)
		endpoint_close(&s->endpoints[i]);
	s->deadline = loop_timer_free(s->deadline);
	stamps_deinit(&s->stamps);
	dialogues_deinit(&s->dialogues);
	quota_deinit(&s->quota);
	free(s);
	return NULL;
}

static int socket_option(int fd, int option)
{
	int value;
	socklen_t bytes = sizeof(value);

	if (getsockopt(fd, SOL_SOCKET, option, &value, &bytes) < 0)
		return -errno;
	return value;
}

/*
 * Is fd a listening AF_UNIX socket of that type?  It must not block, nor get into other programs.
 */
static int passed_check(int fd, int type)
{
	int r = socket_option(fd, SO_DOMAIN);

	if (r < 0)
		return r;
	if (r != AF_UNIX || socket_option(fd, SO_TYPE) != type ||
		socket_option(fd, SO_ACCEPTCONN) != 1)
		return -EPROTOTYPE;
	r = fcntl(fd, F_GETFL);
	if (r < 0 || fcntl(fd, F_SETFL, r | O_NONBLOCK) < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		return -errno;
	return 0;
}

int server_listen_fd(struct server *s, const char *name, int fd)
{
	int r = -ENOENT;

	for (int i = 0; i < SERVER_SOCKET_COUNT; i++) {
		struct endpoint *e = &s->endpoints[i];

		if (strcmp(kinds[i].name, name) != 0)
			continue;
		r = e->listener.fd >= 0 ? -EEXIST : passed_check(fd, kinds[i].type);
		if (r >= 0)
			return listener_init(
				&e->listener, s->loop, fd, server_accepted, server_starved, e);
	}
	close(fd);
	return r;
}

int server_listen(struct server *s, enum server_socket socket)
{
	struct endpoint *e = &s->endpoints[socket];
	int r;

	if (e->listener.fd >= 0)
		return 0;
	r = socket_file_listen(
		&e->file, s->facts->runtime_dir, kinds[socket].file, kinds[socket].type);
	if (r >= 0)
		r = listener_init(&e->listener, s->loop, r, server_accepted, server_starved, e);
	if (r < 0)
		socket_file_remove(&e->file);
	return r;
}

void server_stop(struct server *s, uint64_t timeout_ns, void (*done)(void *data), void *data)
{
	if (s->stopping)
		return;
	s->stopping = true;
	for (int i = 0; i < SERVER_SOCKET_COUNT; i++)
		endpoint_close(&s->endpoints[i]);
	s->done = done;
	s->done_data = data;
	s->full = SERVER_SOCKET_COUNT;
	if (loop_timer_new(s->loop, server_overdue, s, &s->deadline) >= 0)
		loop_timer_start(s->deadline, timeout_ns);
	for (int i = 0; i < SERVER_SOCKET_COUNT; i++)
		peer_set_drain(set_of(s, (enum server_socket)i));
}

void server_statistics(const struct server *s, enum server_socket socket, struct statistics *ret)
{
	*ret = socket == SERVER_STAMP ? s->stamps.set.statistics : s->dialogues.set.statistics;
}

uint32_t server_users(const struct server *s)
{
	return s->quota.users;
}

const struct server_options *server_limits(const struct server *s)
{
	return &s->options;
}

void server_event(struct server *s)
{
	dialogues_event(&s->dialogues);
}

uint64_t server_charges(const struct server *s)
{
	return quota_charges(&s->quota);
}

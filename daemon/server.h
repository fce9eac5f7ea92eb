/* SPDX-License-Identifier: MIT */
/*
 * The server: both sockets and everyone connected to them.  It owns listeners, peers, quotas and
 * the memory of all of them, which is taken at once when it is made; serving allocates nothing but
 * the JSON of a Varlink call.
 *
 * It reads time from the keeper and knows nothing of configuration files or the service manager:
 * main hands it sockets that were passed in, limits, and the facts that status tells of the daemon.
 *
 * The one thing a reader would get wrong: it does not guard the runtime directory.  Whoever lets it
 * make sockets by path holds the directory's lock, so that a socket file found there is a dead
 * daemon's.
 */
#ifndef VDSOTIMED_SERVER_H
#define VDSOTIMED_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct chrony_counts;
struct keeper;
struct loop;
struct server;
struct statistics;

/* Where both kinds are listed: X(NAME, name of a passed socket, file in the runtime directory) */
#define SERVER_SOCKETS(X) \
	X(STAMP, "stamp", "stamp") \
	X(VARLINK, "varlink", "org.vdsotime.Time")

#define SERVER_SOCKET_ENUM(NAME, name, file) SERVER_##NAME,
enum server_socket { SERVER_SOCKETS(SERVER_SOCKET_ENUM) SERVER_SOCKET_COUNT };
#undef SERVER_SOCKET_ENUM

/* What peers_max may be. */
#define SERVER_PEERS_MIN 8
#define SERVER_PEERS_MAX 65536

struct server_options {
	uint32_t peers_max; /* of both sockets, SERVER_PEERS_MIN to SERVER_PEERS_MAX; 8192 */
	uint32_t peers_per_user_max; /* of one uid, root and the daemon's own apart; 1024 */
	uint32_t peers_reserved; /* of peers_max, kept for root and the daemon's own uid; 64 */
	uint32_t subscriptions_max; /* of one uid; 1024 */
	uint32_t requests_per_user; /* of one uid in a second; 0, the default: no limit */
	uint64_t bytes_per_user_max; /* of memory, held for one uid; 16 MiB */
	uint64_t frame_timeout_ns; /* from the first byte of a Varlink message to its last; 2 s */
	uint64_t stall_timeout_ns; /* a reply is not taken for so long; 5 s */
};

/* The values named above. */
#define SERVER_OPTIONS_DEFAULT \
	{ \
		.peers_max = 8192, .peers_per_user_max = 1024, .peers_reserved = 64, \
		.subscriptions_max = 1024, .bytes_per_user_max = UINT64_C(16) << 20, \
		.frame_timeout_ns = UINT64_C(2000000000), \
		.stall_timeout_ns = UINT64_C(5000000000), \
	}

/* Why Reload did not happen. */
struct server_refused_configuration {
	char file[256]; /* "" when no file is to blame */
	uint32_t line; /* from 1; 0: none */
	char message[256]; /* a sentence */
};

/* Where a setting in force comes from. */
enum server_setting_origin {
	SERVER_SETTING_DEFAULT, /* nobody set it */
	SERVER_SETTING_FILE,
	SERVER_SETTING_COMMAND_LINE,
	SERVER_SETTING_START /* the files, as they were at the start: it takes a restart */
};

/* A setting in force. */
struct server_setting {
	const char *section;
	const char *name;
	const char *file; /* where it is written; NULL: nowhere */
	uint32_t line; /* there, from 1 */
	char value[32]; /* as it would be written */
	/* what is written (where it is not, the default), if that is not in force; "": the same */
	char configured[32];
	enum server_setting_origin origin;
};

/*
 * What status tells of the daemon, and what a peer may ask of it.  Borrowed; outlives the server.
 */
struct server_facts {
	const char *version;
	const char *runtime_dir;
	const char *const *configuration_files; /* in order, NULL at the end; may be NULL */
	const char *configuration_refusal; /* of the one read last; NULL, "": it is in force */
	const struct chrony_counts *chrony; /* what came of asking chronyd; NULL: nothing */

	/*
	 * Read the configuration again and put it in force; 0, or negative and *ret filled.  NULL:
	 * Reload answers MethodNotImplemented.
	 */
	int (*reload)(void *data, struct server_refused_configuration *ret);

	/* Setting number, from 0, until it returns false.  NULL: none are known. */
	bool (*setting)(void *data, size_t number, struct server_setting *ret);
	void *data;
};

/* Watchers that the loop must have for a server with these options. */
uint32_t server_watchers(const struct server_options *options);

/*
 * Take the memory and nothing else: no socket is open yet.  options are copied, the rest is
 * borrowed. 0, -ENOMEM, or -EINVAL (a limit out of its range).
 */
int server_new(struct server **ret, const struct server_options *options, struct loop *loop,
	struct keeper *keeper, const struct server_facts *facts);

/* Close everything at once and free it.  Takes NULL, returns NULL. */
struct server *server_free(struct server *s);

/*
 * Serve on a socket that was passed in under that name ("stamp", "varlink").  fd: listening,
 * consumed in every case.  0; -ENOENT (no such name); -EEXIST (there is one already); -ENOTSOCK,
 * -EPROTOTYPE (not AF_UNIX, of the wrong type, or not listening).
 */
int server_listen_fd(struct server *s, const char *name, int fd);

/*
 * Serve on a socket of our own in runtime_dir (of the facts), mode 0666; a dead daemon's file is
 * replaced. Nothing to do for a socket that was passed in.  0; -ENAMETOOLONG; -EADDRINUSE (what is
 * there is no socket); what bind() said.
 */
int server_listen(struct server *s, enum server_socket socket);

/*
 * New limits, in force at once, for those who are connected, too: who waits for the rate sees a new
 * one within a second, and a timer that runs keeps its time.  What is held already stays; who is
 * above a limit is refused more, or closed where more must be held for it.  peers_max stays as it
 * was, and so does peers_reserved where options have another peers_max.
 */
void server_configure(struct server *s, const struct server_options *options);

/*
 * Stop: listen no more (and remove the socket files that are ours), answer what was received, close
 * whoever has taken its last reply, give the others until timeout_ns, and then call done (from the
 * loop, or before this returns; it must not free the server).  Another call does nothing.
 */
void server_stop(struct server *s, uint64_t timeout_ns, void (*done)(void *data), void *data);

/* One socket's counts since the start; see statistics.h. */
void server_statistics(const struct server *s, enum server_socket socket, struct statistics *ret);

/* Different users connected now, and the limits in force. */
uint32_t server_users(const struct server *s);
const struct server_options *server_limits(const struct server *s);

/*
 * The keeper has found a disturbance: tell those who monitor.  To be called by whoever receives the
 * keeper's events, after the keeper has logged it.
 */
void server_event(struct server *s);

/* Objects charged to users now: 0 once everyone has gone. */
uint64_t server_charges(const struct server *s);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The service manager: which descriptors it hands over, what it is told, what it keeps for the next
 * life of the daemon, how often it wants to hear from us.  The only file that knows libsystemd.
 *
 * All of it works without a service manager: then there are no descriptors, and telling does
 * nothing.
 *
 * It is told over a socket of our own, and not by sd_notify(3), for two reasons.  That opens a
 * socket for each message: a daemon at its limit of descriptors would not answer the watchdog, and
 * be killed for it.  And that waits until the manager has room for the message: one that does not
 * read would stop the daemon, and with it the page.  Here a message that the manager has no room
 * for is owed: it is told later, as it is then.
 *
 * The one thing a reader would get wrong: descriptors are known by NAME
 * (sd_listen_fds_with_names(3)).  Their order is not that of the units.
 */
#ifndef VDSOTIMED_SERVICE_H
#define VDSOTIMED_SERVICE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

/* Longer ones are cut. */
#define SERVICE_STATUS_BYTES 832

enum service_fd {
	SERVICE_FD_STAMP, /* listening, SOCK_SEQPACKET */
	SERVICE_FD_VARLINK, /* listening, SOCK_STREAM */
	SERVICE_FD_PAGE, /* the page of an earlier life, from the descriptor store */
	SERVICE_FDS
};

struct service {
	int fds[SERVICE_FDS];
	bool notified; /* a service manager listens */
	uint64_t watchdog_ns; /* it wants a sign of life this often; 0: never */

	/* What follows is service.c's own. */
	int notify_fd;
	struct sockaddr_un manager;
	socklen_t manager_bytes;
	unsigned int owed; /* a bit for each message that the manager has not taken yet */
	int64_t reloading_ns; /* CLOCK_MONOTONIC */
	char status[SERVICE_STATUS_BYTES];
};

#define SERVICE_NULL \
	{ \
		.fds = { -1, -1, -1 }, .notify_fd = -1 \
	}

/*
 * Take what the service manager has passed.  A descriptor with an unknown name, of the wrong type,
 * or a second of one name is closed with a warning.  A $NOTIFY_SOCKET that is neither a path nor an
 * abstract name (AF_VSOCK ones are not supported) is warned of, and nobody is told.  0 or -errno.
 */
int service_init(struct service *s);

/* Closes what nobody has taken.  May be called twice, and on SERVICE_NULL. */
void service_deinit(struct service *s);

/* The descriptor, from now on the caller's; -1 when none was passed. */
int service_take_fd(struct service *s, enum service_fd which);

/*
 * None of these waits.  Several of one kind that are owed are one: the newest.  Of different kinds
 * they are told in this order.  status is a line for `systemctl status`.
 */

/* monotonic_ns: CLOCK_MONOTONIC now.  service_notify_ready() must follow. */
void service_notify_reloading(struct service *s, int64_t monotonic_ns);
void service_notify_ready(struct service *s, const char *status);
void service_notify_status(struct service *s, const char *status);
void service_notify_stopping(struct service *s);
void service_notify_alive(struct service *s);

/* Try again what is owed, if anything is.  To be called now and then. */
void service_notify_owed(struct service *s);

/*
 * Have fd (not consumed) kept over a restart, in the place of any page kept so far.  Whether there
 * is room in the store is not told by the service manager.  Waits until the manager has room for
 * the messages, but not longer than SERVICE_KEEP_TIMEOUT_S for each of the two: it is for the
 * start.  0; -ENOTCONN without a service manager; -EAGAIN when it had no room; -errno.
 */
#define SERVICE_KEEP_TIMEOUT_S 1
int service_keep_page(struct service *s, int fd);

#endif

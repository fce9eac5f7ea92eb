/* SPDX-License-Identifier: MIT */
/*
 * The service manager: which descriptors it hands over, what it is told, what it keeps for the next
 * life of the daemon, how often it wants to hear from us.  The only file that knows libsystemd.
 *
 * All of it works without a service manager: then there are no descriptors, and telling does
 * nothing.
 *
 * The one thing a reader would get wrong: descriptors are known by NAME
 * (sd_listen_fds_with_names(3)).  Their order is not that of the units.
 */
#ifndef VDSOTIMED_SERVICE_H
#define VDSOTIMED_SERVICE_H

#include <stdbool.h>
#include <stdint.h>

struct log_record;

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
};

#define SERVICE_NULL \
	{ \
		.fds = { -1, -1, -1 } \
	}

/*
 * Take what the service manager has passed.  A descriptor with an unknown name, of the wrong type,
 * or a second of one name is closed with a warning.  0 or -errno.
 */
int service_init(struct service *s);

/* Closes what nobody has taken.  May be called twice, and on SERVICE_NULL. */
void service_deinit(struct service *s);

/* The descriptor, from now on the caller's; -1 when none was passed. */
int service_take_fd(struct service *s, enum service_fd which);

/* status is a line for `systemctl status`. */
void service_notify_ready(const char *status);
void service_notify_status(const char *status);
/* monotonic_ns: CLOCK_MONOTONIC now.  service_notify_ready() must follow. */
void service_notify_reloading(int64_t monotonic_ns);
void service_notify_stopping(void);
void service_notify_alive(void);

/*
 * Have fd (not consumed) kept over a restart, in the place of any page kept so far.  Whether there
 * is room in the store is not told by the service manager.  0; -ENOTCONN without one; -errno.
 */
int service_keep_page(int fd);

/* Is stderr the journal?  Then records may go there with their fields, by this sink of log.h. */
bool service_stderr_is_journal(void);
void service_journal_sink(const struct log_record *record);

#endif

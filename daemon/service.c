/* SPDX-License-Identifier: MIT */
#include "daemon/service.h"

#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

#include <systemd/sd-daemon.h>

#include "daemon/log.h"

static const char *const fd_names[SERVICE_FDS] = {
	[SERVICE_FD_STAMP] = "stamp",
	[SERVICE_FD_VARLINK] = "varlink",
	[SERVICE_FD_PAGE] = "page",
};

/* In the order in which they are told; bits of struct service's owed. */
enum message {
	MESSAGE_RELOADING,
	MESSAGE_READY,
	MESSAGE_STATUS,
	MESSAGE_STOPPING,
	MESSAGE_ALIVE,
	MESSAGES
};

static bool fd_fits(int fd, enum service_fd which)
{
	struct stat st;

	switch (which) {
	case SERVICE_FD_STAMP:
		return sd_is_socket_unix(fd, SOCK_SEQPACKET, 1, NULL, 0) > 0;
	case SERVICE_FD_VARLINK:
		return sd_is_socket_unix(fd, SOCK_STREAM, 1, NULL, 0) > 0;
	case SERVICE_FD_PAGE:
		return fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
	case SERVICE_FDS:
		break;
	}
	return false;
}

static void sort_fd(struct service *s, int fd, const char *name)
{
	for (enum service_fd which = 0; which < SERVICE_FDS; which++) {
		if (strcmp(name, fd_names[which]) != 0)
			continue;
		if (s->fds[which] >= 0) {
			log_warning(
				"passed descriptor %d: a second one named %s, closed", fd, name);
		} else if (!fd_fits(fd, which)) {
			log_warning("passed descriptor %d: named %s, but of another type, closed",
				fd, name);
		} else {
			s->fds[which] = fd;
			return;
		}
		close(fd);
		return;
	}
	log_warning("passed descriptor %d: its name %s is not known, closed", fd, name);
	close(fd);
}

/* The socket to the service manager.  Not connected: who listens at that address may change. */
static int open_notify(struct service *s)
{
	const struct timeval timeout = { .tv_sec = SERVICE_KEEP_TIMEOUT_S };
	const char *where = getenv("NOTIFY_SOCKET");

	if (!where)
		return 0;
	/* A path has its zero at the end, an abstract name has it in the place of the @. */
	size_t bytes = strlen(where) + (where[0] == '/');
	if ((where[0] != '/' && where[0] != '@') || bytes < 2 ||
		bytes > sizeof(s->manager.sun_path)) {
		log_warning("$NOTIFY_SOCKET: %s is no AF_UNIX address, nobody is told", where);
		return 0;
	}
	s->manager.sun_family = AF_UNIX;
	memcpy(s->manager.sun_path, where, bytes);
	if (where[0] == '@')
		s->manager.sun_path[0] = 0;
	s->manager_bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + bytes);

	s->notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (s->notify_fd < 0)
		return -errno;
	if (setsockopt(s->notify_fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) < 0)
		return -errno;
	s->notified = true;
	return 0;
}

int service_init(struct service *s)
{
	*s = (struct service)SERVICE_NULL;

	uint64_t usec;
	int r = sd_watchdog_enabled(0, &usec);
	if (r < 0)
		log_warning("$WATCHDOG_USEC: %s", strerror(-r));
	else if (r > 0)
		s->watchdog_ns = usec * 1000;

	char **names = NULL;
	int n = sd_listen_fds_with_names(1, &names);
	if (n < 0)
		return n;
	for (int i = 0; i < n; i++) {
		sort_fd(s, SD_LISTEN_FDS_START + i, names[i]);
		free(names[i]);
	}
	free(names);
	/* Only now: an own descriptor must not be where passed ones are said to be. */
	return open_notify(s);
}

void service_deinit(struct service *s)
{
	for (enum service_fd which = 0; which < SERVICE_FDS; which++) {
		int fd = service_take_fd(s, which);
		if (fd >= 0)
			close(fd);
	}
	if (s->notify_fd >= 0)
		close(s->notify_fd);
	s->notify_fd = -1;
	s->notified = false;
}

int service_take_fd(struct service *s, enum service_fd which)
{
	int fd = s->fds[which];

	s->fds[which] = -1;
	return fd;
}

/* fd: goes with it; -1: none does.  flags: of sendmsg(2). */
static int send_state(const struct service *s, char *state, int fd, int flags)
{
	struct sockaddr_un to = s->manager;
	struct iovec iov = { .iov_base = state, .iov_len = strlen(state) };
	struct msghdr m = {
		.msg_name = &to, .msg_namelen = s->manager_bytes, .msg_iov = &iov, .msg_iovlen = 1
	};
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(fd))];
	} control = { 0 };

	if (fd >= 0) {
		m.msg_control = &control;
		m.msg_controllen = sizeof(control);
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(sizeof(fd));
		memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
	}
	return sendmsg(s->notify_fd, &m, flags | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static int send_message(const struct service *s, enum message which)
{
	char state[SERVICE_STATUS_BYTES + 32] = "";

	switch (which) {
	case MESSAGE_RELOADING:
		/* Type=notify-reload wants both in one datagram. */
		snprintf(state, sizeof(state), "RELOADING=1\nMONOTONIC_USEC=%" PRId64,
			s->reloading_ns / 1000);
		break;
	case MESSAGE_READY:
		snprintf(state, sizeof(state), "READY=1\nSTATUS=%s", s->status);
		break;
	case MESSAGE_STATUS:
		snprintf(state, sizeof(state), "STATUS=%s", s->status);
		break;
	case MESSAGE_STOPPING:
		strcpy(state, "STOPPING=1\nSTATUS=Stopping");
		break;
	case MESSAGE_ALIVE:
		strcpy(state, "WATCHDOG=1");
		break;
	case MESSAGES:
		break;
	}
	return send_state(s, state, -1, MSG_DONTWAIT);
}

/* The first that cannot be told keeps those after it back. */
static int send_owed(struct service *s)
{
	for (enum message which = 0; which < MESSAGES; which++) {
		if (!(s->owed & 1U << which))
			continue;
		int r = send_message(s, which);
		if (r < 0)
			return r;
		s->owed &= ~(1U << which);
	}
	return 0;
}

/* What the service manager does not hear is no reason to stop serving time. */
static void notify(struct service *s, enum message which)
{
	if (!s->notified)
		return;
	s->owed |= 1U << which;
	int r = send_owed(s);
	if (r < 0)
		log_debug("telling the service manager: %s", strerror(-r));
}

void service_notify_owed(struct service *s)
{
	(void)send_owed(s);
}

void service_notify_reloading(struct service *s, int64_t monotonic_ns)
{
	s->reloading_ns = monotonic_ns;
	notify(s, MESSAGE_RELOADING);
}

void service_notify_ready(struct service *s, const char *status)
{
	snprintf(s->status, sizeof(s->status), "%s", status);
	/* It has the status in it. */
	s->owed &= ~(1U << MESSAGE_STATUS);
	notify(s, MESSAGE_READY);
}

void service_notify_status(struct service *s, const char *status)
{
	snprintf(s->status, sizeof(s->status), "%s", status);
	notify(s, MESSAGE_STATUS);
}

void service_notify_stopping(struct service *s)
{
	notify(s, MESSAGE_STOPPING);
}

void service_notify_alive(struct service *s)
{
	notify(s, MESSAGE_ALIVE);
}

int service_keep_page(struct service *s, int fd)
{
	char remove[] = "FDSTOREREMOVE=1\nFDNAME=page";
	/* A memfd cannot be polled: without FDPOLL=0 the store would drop it. */
	char store[] = "FDSTORE=1\nFDNAME=page\nFDPOLL=0";

	if (!s->notified)
		return -ENOTCONN;
	int r = send_state(s, remove, -1, 0);
	if (r == 0)
		r = send_state(s, store, fd, 0);
	if (r < 0)
		log_warning("the service manager does not keep the page: %s", strerror(-r));
	return r;
}

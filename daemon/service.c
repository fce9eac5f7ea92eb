/* SPDX-License-Identifier: MIT */
#include "daemon/service.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* Every record would otherwise carry a line of this file as its origin. */
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-daemon.h>
#include <systemd/sd-journal.h>

#include "daemon/log.h"

#define JOURNAL_FIELDS_MAX 8
#define JOURNAL_FIELD_BYTES 256

static const char *const fd_names[SERVICE_FDS] = {
	[SERVICE_FD_STAMP] = "stamp",
	[SERVICE_FD_VARLINK] = "varlink",
	[SERVICE_FD_PAGE] = "page",
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

int service_init(struct service *s)
{
	*s = (struct service)SERVICE_NULL;
	s->notified = getenv("NOTIFY_SOCKET") != NULL;

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
	return 0;
}

void service_deinit(struct service *s)
{
	for (enum service_fd which = 0; which < SERVICE_FDS; which++) {
		int fd = service_take_fd(s, which);
		if (fd >= 0)
			close(fd);
	}
}

int service_take_fd(struct service *s, enum service_fd which)
{
	int fd = s->fds[which];

	s->fds[which] = -1;
	return fd;
}

/* What the service manager does not hear is no reason to stop serving time. */
static void notify(const char *state)
{
	int r = sd_notify(0, state);

	if (r < 0)
		log_debug("telling the service manager: %s", strerror(-r));
}

void service_notify_ready(const char *status)
{
	char state[640];

	snprintf(state, sizeof(state), "READY=1\nSTATUS=%s", status);
	notify(state);
}

void service_notify_status(const char *status)
{
	char state[640];

	snprintf(state, sizeof(state), "STATUS=%s", status);
	notify(state);
}

void service_notify_reloading(int64_t monotonic_ns)
{
	char state[128];

	/* Type=notify-reload wants both in one datagram. */
	snprintf(state, sizeof(state), "RELOADING=1\nMONOTONIC_USEC=%" PRId64, monotonic_ns / 1000);
	notify(state);
}

void service_notify_stopping(void)
{
	notify("STOPPING=1\nSTATUS=Stopping");
}

void service_notify_alive(void)
{
	notify("WATCHDOG=1");
}

int service_keep_page(int fd)
{
	int r = sd_notify(0, "FDSTOREREMOVE=1\nFDNAME=page");

	if (r > 0) {
		/* A memfd cannot be polled: without FDPOLL=0 the store would drop it. */
		r = sd_pid_notify_with_fds(0, 0, "FDSTORE=1\nFDNAME=page\nFDPOLL=0", &fd, 1);
	}
	if (r == 0)
		return -ENOTCONN;
	return r < 0 ? r : 0;
}

bool service_stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	uint64_t dev, ino;
	struct stat st;

	if (!stream || sscanf(stream, "%" SCNu64 ":%" SCNu64, &dev, &ino) != 2)
		return false;
	return fstat(STDERR_FILENO, &st) == 0 && st.st_dev == dev && st.st_ino == ino;
}

void service_journal_sink(const struct log_record *record)
{
	char head[3][LOG_MESSAGE_BYTES + 16];
	char fields[JOURNAL_FIELDS_MAX][JOURNAL_FIELD_BYTES];
	struct iovec iov[3 + JOURNAL_FIELDS_MAX];
	int n = 0;

	snprintf(head[0], sizeof(head[0]), "MESSAGE=%s", record->message);
	iov[n++].iov_base = head[0];
	snprintf(head[1], sizeof(head[1]), "PRIORITY=%d", (int)record->level);
	iov[n++].iov_base = head[1];
	if (record->id != LOG_ID_NONE) {
		snprintf(head[2], sizeof(head[2]), "MESSAGE_ID=%s", log_id_text(record->id));
		iov[n++].iov_base = head[2];
	}
	const struct log_field *f = record->fields;
	for (int i = 0; f && f->name && i < JOURNAL_FIELDS_MAX; f++, i++) {
		snprintf(fields[i], sizeof(fields[i]), "%s=%s", f->name, f->value);
		iov[n++].iov_base = fields[i];
	}
	for (int i = 0; i < n; i++)
		iov[i].iov_len = strlen(iov[i].iov_base);
	sd_journal_sendv(iov, n);
}

/* SPDX-License-Identifier: MIT */
#include "client/dial.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <vdsotime/attach.h>
#include <vdsotime/vdso.h>

#include "proto/wire/stamp.h"

#define PATIENCE_NS 1000000000

static const int reason_errno[] = {
	[VDSOTIME_NOPAGE_NONE] = 0,
	[VDSOTIME_NOPAGE_NO_DAEMON] = ENOENT,
	[VDSOTIME_NOPAGE_PERMISSION] = EACCES,
	[VDSOTIME_NOPAGE_PEER] = EPERM,
	[VDSOTIME_NOPAGE_PROTOCOL] = EPROTO,
	[VDSOTIME_NOPAGE_NO_FD] = EBADF,
	[VDSOTIME_NOPAGE_FILE] = EBADFD,
	[VDSOTIME_NOPAGE_SIZE] = EFBIG,
	[VDSOTIME_NOPAGE_SEALS] = ETXTBSY,
	[VDSOTIME_NOPAGE_MAGIC] = EBADMSG,
	[VDSOTIME_NOPAGE_VERSION] = EPROTONOSUPPORT,
	[VDSOTIME_NOPAGE_BOOT_ID] = ESTALE,
	[VDSOTIME_NOPAGE_COUNTER] = ENODEV,
	[VDSOTIME_NOPAGE_COUNTER_TRAPS] = EOPNOTSUPP,
	[VDSOTIME_NOPAGE_CROSS_CHECK] = ERANGE,
	[VDSOTIME_NOPAGE_OFF] = ENXIO,
	[VDSOTIME_NOPAGE_STALE] = ETIMEDOUT,
	[VDSOTIME_NOPAGE_TIME_NAMESPACE] = 0,
	[VDSOTIME_NOPAGE_SYSTEM] = EIO,
	[VDSOTIME_NOPAGE_SLOW_COUNTER] = EOPNOTSUPP,
};

int dial_errno(enum vdsotime_nopage reason)
{
	return reason_errno[reason];
}

enum vdsotime_nopage dial_reason(int error)
{
	switch (error) {
	case ENOENT:
	case ENOTDIR:
	case ECONNREFUSED:
		return VDSOTIME_NOPAGE_NO_DAEMON;
	case EACCES:
	case EPERM:
		return VDSOTIME_NOPAGE_PERMISSION;
	case EAGAIN:
		return VDSOTIME_NOPAGE_STALE;
	case EPROTOTYPE:
	case ECONNRESET:
	case EPIPE:
		return VDSOTIME_NOPAGE_PROTOCOL;
	default:
		return VDSOTIME_NOPAGE_SYSTEM;
	}
}

const char *dial_runtime_dir(const char *runtime_dir)
{
	if (runtime_dir)
		return runtime_dir;
	runtime_dir = secure_getenv("VDSOTIME_RUNTIME_DIR");
	return runtime_dir && *runtime_dir ? runtime_dir : VDSOTIME_RUNTIME_DIR_DEFAULT;
}

/* SO_PEERCRED names whoever called listen(): the daemon, or root's service manager for it. */
static enum vdsotime_nopage check_listener(int fd, const char *runtime_dir, struct dial_owner *ret)
{
	struct ucred peer;
	socklen_t peer_bytes = sizeof(peer);
	struct stat directory;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &peer_bytes) < 0 ||
		stat(runtime_dir, &directory) < 0)
		return VDSOTIME_NOPAGE_SYSTEM;
	if (peer.uid != 0 && peer.uid != directory.st_uid)
		return VDSOTIME_NOPAGE_PEER;
	ret->listener = peer.uid;
	ret->directory = directory.st_uid;
	return VDSOTIME_NOPAGE_NONE;
}

/* By system call: where the counter may not be read, libc's clock_gettime() is fatal. */
static int64_t now_ns(void)
{
	struct vdsotime_timespec ts = { 0, 0 };

	vdsotime_sys_clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.sec * 1000000000 + ts.nsec;
}

int64_t dial_deadline(void)
{
	return now_ns() + PATIENCE_NS;
}

int dial_prepare(int fd, int64_t deadline_ns)
{
	int64_t left_us = (deadline_ns - now_ns()) / 1000;
	const struct timeval timeout = {
		.tv_sec = (time_t)(left_us / 1000000),
		.tv_usec = (suseconds_t)(left_us % 1000000),
	};

	/* a timeout of 0 would be none at all */
	if (left_us <= 0) {
		errno = EAGAIN;
		return -1;
	}
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) < 0)
		return -1;
	return setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
}

enum vdsotime_nopage dial_connect(
	const char *runtime_dir, int64_t deadline_ns, int *ret_fd, struct dial_owner *ret_owner)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	enum vdsotime_nopage reason;
	int length, result, fd;

	length = snprintf(
		address.sun_path, sizeof(address.sun_path), "%s/" STAMP_SOCKET, runtime_dir);
	if (length < 0 || (size_t)length >= sizeof(address.sun_path))
		return VDSOTIME_NOPAGE_NO_DAEMON;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return VDSOTIME_NOPAGE_SYSTEM;
	do {
		result = dial_prepare(fd, deadline_ns);
		if (result == 0)
			result = connect(fd, (const struct sockaddr *)&address, sizeof(address));
	} while (result < 0 && errno == EINTR);
	reason = result < 0 ? dial_reason(errno) : check_listener(fd, runtime_dir, ret_owner);
	if (reason != VDSOTIME_NOPAGE_NONE) {
		close(fd);
		return reason;
	}
	*ret_fd = fd;
	return VDSOTIME_NOPAGE_NONE;
}

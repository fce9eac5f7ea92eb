/* SPDX-License-Identifier: MIT */
/*
 * Dialling: a connection to the stamp socket of a runtime directory, to somebody who may be
 * believed.
 *
 * Reasons, not errno values: a handle tells them for as long as it lives.  dial_errno() has the
 * number of each, one for one.
 */
#ifndef VDSOTIME_CLIENT_DIAL_H
#define VDSOTIME_CLIENT_DIAL_H

#include <stdint.h>
#include <sys/types.h>

#include <vdsotime/client.h>

/* "/run/vdsotimed/stamp" must fit sun_path, so a longer directory (with its NUL) has no socket. */
#define DIAL_DIR_BYTES (108 - sizeof("/stamp") + 1)

/* Who may own what comes over the connection, root aside: its listener, the directory's owner. */
struct dial_owner {
	uid_t listener;
	uid_t directory;
};

/* runtime_dir, or for NULL what vdsotime_attach() says that it stands for. */
const char *dial_runtime_dir(const char *runtime_dir);

/* When dialling and what follows gives up, as ns of MONOTONIC: a second from now. */
int64_t dial_deadline(void);

/*
 * Connect, and check who listens.  VDSOTIME_NOPAGE_NONE and a blocking descriptor of the caller's
 * (O_CLOEXEC); or the reason why not.
 */
enum vdsotime_nopage dial_connect(
	const char *runtime_dir, int64_t deadline_ns, int *ret_fd, struct dial_owner *ret_owner);

/*
 * To be called before each connect, send and receive on fd, also when a signal has ended one: it
 * will give up at the deadline (EAGAIN).  0; or -1 and errno, EAGAIN when that is over already.
 */
int dial_prepare(int fd, int64_t deadline_ns);

/* Why a send, receive or connect failed, from its errno. */
enum vdsotime_nopage dial_reason(int error);

/* The errno value, positive, that stands for a reason; 0 for those that leave something to read. */
int dial_errno(enum vdsotime_nopage reason);

#endif

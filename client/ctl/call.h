/* SPDX-License-Identifier: MIT */
/*
 * A Varlink call to the daemon: connect, send one method call, receive its reply.
 *
 * The protocol is UAPI.20: JSON objects, each ended by a NUL byte, over a stream socket.
 *
 * What one would get wrong: the daemon's own "no" (an error reply) is an answer and not a failure:
 * 1, with its name in error.
 */
#ifndef VDSOTIMED_CTL_CALL_H
#define VDSOTIMED_CTL_CALL_H

#include <stddef.h>
#include <stdint.h>

#include "client/ctl/value.h"

struct ctl;

/* The interface of the daemon, and the name of its socket. */
#define CALL_INTERFACE "org.vdsotime.Time"

/* The name of the socket where the library, and so each verb that reads time, gets the page. */
#define CALL_STAMP_SOCKET "stamp"

enum { CALL_ERROR_BYTES = 256, CALL_TIMEOUT_NS_DEFAULT = 2000000000 };

/*
 * The runtime directory: given, else $VDSOTIME_RUNTIME_DIR unless it is empty or the process runs
 * with another's rights, else /run/vdsotimed; the library's rule.
 */
const char *call_runtime_dir(const char *given);

/* The runtime directory's name is too long for that socket: says so, and returns CTL_USAGE. */
int call_dir_too_long(const struct ctl *ctl, const char *socket_name);

/*
 * Call method (its full name) of the daemon in runtime_dir (NULL as above), with parameters (NULL:
 * none; stays the caller's).  All of it must be done within timeout_ns.
 *
 * 0 and the reply's parameters (an empty object when it has none; the caller's to free); 1 when the
 * daemon answered with an error: its name in error, *ret its parameters.  Otherwise -ENAMETOOLONG;
 * -ENOENT, -ENOTDIR, -ECONNREFUSED (nobody listens there), -EACCES, and other errors of connect(2)
 * and send(2); -ETIMEDOUT; -ECONNRESET when the daemon closed before it had answered; -EMSGSIZE on
 * a reply above LINE_FRAME_BYTES_MAX; -EPROTO on one that is no Varlink reply.
 */
int call_method(const char *runtime_dir, const char *method, const struct value *parameters,
	int64_t timeout_ns, char error[CALL_ERROR_BYTES], struct value **ret);

/*
 * As call_method() with ctl's directory and the default timeout; every failure has been told on
 * ctl->err, but for "not running" where quiet.  CTL_OK and *ret, or the exit code that fits.
 */
int call_daemon(const struct ctl *ctl, const char *method, const struct value *parameters,
	bool quiet, struct value **ret);

/* What is made of one reply, which stays the caller's: CTL_OK to go on, or the exit code. */
typedef int call_reply_fn(const struct ctl *ctl, struct value *reply);

/*
 * A call with "more": on_reply for each reply until the last.  Failures are told.  CTL_OK or the
 * exit code that fits.
 */
int call_daemon_more(const struct ctl *ctl, const char *method, const struct value *parameters,
	call_reply_fn *on_reply);

/*
 * Tell why one of the daemon's sockets did not answer, by the -errno of who has tried; quiet: but
 * not that the daemon is not running.  The exit code that fits.
 */
int call_explain(const struct ctl *ctl, const char *socket_name, int error, bool quiet);

/*
 * A verb that is one call without parameters: its reply as JSON, or printed by print.  The exit
 * code.
 */
int call_show(const struct ctl *ctl, const char *method,
	void (*print)(const struct ctl *ctl, const struct value *reply));

#endif

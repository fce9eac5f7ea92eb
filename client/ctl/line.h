/* SPDX-License-Identifier: MIT */
/*
 * A line to one of the daemon's stream sockets: frames, each ended by a NUL byte, out and in, all
 * by a deadline.
 *
 * Descriptors that a peer may send along are dropped by the kernel, as none are asked for.
 *
 * What one would get wrong: a frame stays where it was received, so the next one takes its place.
 */
#ifndef VDSOTIMED_CTL_LINE_H
#define VDSOTIMED_CTL_LINE_H

#include <stddef.h>
#include <stdint.h>

enum { LINE_FRAME_BYTES_MAX = 1 << 20 };

struct line {
	int fd;
	char *text;
	size_t capacity;
	size_t held; /* bytes received */
	size_t taken; /* of these, the frame that was handed out last, with its NUL */
};

#define LINE_NULL \
	{ \
		.fd = -1 \
	}

/* The deadline that is timeout_ns from now, on CLOCK_MONOTONIC. */
int64_t line_deadline_ns(int64_t timeout_ns);

/*
 * Connect to socket name in dir.  0; -ENAMETOOLONG; -ETIMEDOUT; -ENOENT, -ENOTDIR, -ECONNREFUSED
 * (nobody listens there); -EACCES; other errors of socket(2) and connect(2).
 */
int line_open(struct line *line, const char *dir, const char *name, int64_t deadline_ns);

/* Send text as a frame.  0; -ETIMEDOUT; -ECONNRESET; other errors of send(2). */
int line_send(struct line *line, const char *text, int64_t deadline_ns);

/*
 * The next frame, which stands there until the next call; its length is without the NUL.  0;
 * -ETIMEDOUT; -ECONNRESET when the peer closed before its end; -EMSGSIZE on one that is longer than
 * LINE_FRAME_BYTES_MAX with its NUL; -ENOMEM; other errors of recv(2).
 */
int line_receive(struct line *line, int64_t deadline_ns, const char **ret_text, size_t *ret_length);

/* May be called on LINE_NULL, and twice. */
void line_close(struct line *line);

#endif

/* SPDX-License-Identifier: MIT */
#include "client/ctl/line.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { READ_BYTES = 16384 };

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t line_deadline_ns(int64_t timeout_ns)
{
	return now_ns() + timeout_ns;
}

/* connect() and send() on a Unix socket wait no longer than the socket's send timeout. */
static int set_send_timeout(int fd, int64_t deadline_ns)
{
	int64_t left_us = (deadline_ns - now_ns()) / 1000;
	struct timeval timeout;

	/* 0 would mean: for ever. */
	if (left_us <= 0)
		return -ETIMEDOUT;
	timeout.tv_sec = left_us / 1000000;
	timeout.tv_usec = left_us % 1000000;
	return setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) < 0 ? -errno : 0;
}

int line_open(struct line *line, const char *dir, const char *name, int64_t deadline_ns)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int r = snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", dir, name);

	if (r < 0 || (size_t)r >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	line->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (line->fd < 0)
		return -errno;
	r = set_send_timeout(line->fd, deadline_ns);
	if (r == 0 && connect(line->fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		r = errno == EAGAIN ? -ETIMEDOUT : -errno;
	if (r < 0)
		line_close(line);
	return r;
}

int line_send(struct line *line, const char *text, int64_t deadline_ns)
{
	/* The NUL that ends the string ends the frame. */
	size_t length = strlen(text) + 1;

	while (length > 0) {
		int r = set_send_timeout(line->fd, deadline_ns);
		ssize_t sent;

		if (r < 0)
			return r;
		sent = send(line->fd, text, length, MSG_NOSIGNAL);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return errno == EAGAIN ? -ETIMEDOUT : errno == EPIPE ? -ECONNRESET : -errno;
		text += sent;
		length -= (size_t)sent;
	}
	return 0;
}

static int wait_readable(int fd, int64_t deadline_ns)
{
	for (;;) {
		struct pollfd wanted = { .fd = fd, .events = POLLIN };
		int64_t left_ns = deadline_ns - now_ns();
		struct timespec left;
		int r;

		if (left_ns <= 0)
			return -ETIMEDOUT;
		left.tv_sec = left_ns / 1000000000;
		left.tv_nsec = left_ns % 1000000000;
		r = ppoll(&wanted, 1, &left, NULL);
		if (r > 0)
			return 0;
		if (r < 0 && errno != EINTR)
			return -errno;
	}
}

static int grow(struct line *line)
{
	size_t capacity = line->capacity ? 2 * line->capacity : READ_BYTES;
	char *text;

	if (capacity > LINE_FRAME_BYTES_MAX)
		return -EMSGSIZE;
	text = realloc(line->text, capacity);
	if (!text)
		return -ENOMEM;
	line->text = text;
	line->capacity = capacity;
	return 0;
}

/* More bytes: 0, or -errno. */
static int receive_some(struct line *line, int64_t deadline_ns)
{
	int r = line->held == line->capacity ? grow(line) : 0;
	ssize_t got;

	if (r == 0)
		r = wait_readable(line->fd, deadline_ns);
	if (r < 0)
		return r;
	got = recv(line->fd, line->text + line->held, line->capacity - line->held, MSG_DONTWAIT);
	if (got < 0)
		return errno == EINTR || errno == EAGAIN ? 0 : -errno;
	line->held += (size_t)got;
	return got == 0 ? -ECONNRESET : 0;
}

int line_receive(struct line *line, int64_t deadline_ns, const char **ret_text, size_t *ret_length)
{
	size_t scanned = 0;
	char *end = NULL;

	line->held -= line->taken;
	if (line->taken > 0)
		memmove(line->text, line->text + line->taken, line->held);
	line->taken = 0;
	for (;;) {
		int r;

		if (line->held > scanned)
			end = memchr(line->text + scanned, '\0', line->held - scanned);
		if (end)
			break;
		scanned = line->held;
		r = receive_some(line, deadline_ns);
		if (r < 0)
			return r;
	}
	*ret_text = line->text;
	*ret_length = (size_t)(end - line->text);
	line->taken = *ret_length + 1;
	return 0;
}

void line_close(struct line *line)
{
	if (line->fd >= 0)
		close(line->fd);
	free(line->text);
	*line = (struct line)LINE_NULL;
}

/* SPDX-License-Identifier: MIT */
/*
 * A Varlink call to the daemon: see call.h.
 */
#include "client/ctl/call.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "client/ctl/ctl.h"
#include "client/ctl/humane.h"

enum { READ_BYTES = 16384 };

#define RUNTIME_DIR_DEFAULT "/run/vdsotimed"

const char *call_runtime_dir(const char *given)
{
	const char *environment;

	if (given)
		return given;
	environment = secure_getenv("VDSOTIME_RUNTIME_DIR");
	return environment && *environment ? environment : RUNTIME_DIR_DEFAULT;
}

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* connect() and send() on a Unix socket wait for the peer no longer than the socket's send
 * timeout. */
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

/* The caller owns the descriptor. */
static int connect_to(const char *runtime_dir, int64_t deadline_ns, int *ret_fd)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd, r;

	r = snprintf(
		address.sun_path, sizeof(address.sun_path), "%s/%s", runtime_dir, CALL_INTERFACE);
	if (r < 0 || (size_t)r >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	r = set_send_timeout(fd, deadline_ns);
	if (r == 0 && connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		r = errno == EAGAIN ? -ETIMEDOUT : -errno;
	if (r < 0) {
		close(fd);
		return r;
	}
	*ret_fd = fd;
	return 0;
}

static int send_all(int fd, const char *bytes, size_t length, int64_t deadline_ns)
{
	while (length > 0) {
		int r = set_send_timeout(fd, deadline_ns);
		ssize_t sent;

		if (r < 0)
			return r;
		sent = send(fd, bytes, length, MSG_NOSIGNAL);
		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return errno == EAGAIN ? -ETIMEDOUT : errno == EPIPE ? -ECONNRESET : -errno;
		bytes += sent;
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

/* A connection on which a call was made. */
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

static int line_grow(struct line *line)
{
	size_t capacity = line->capacity ? 2 * line->capacity : READ_BYTES;
	char *text;

	if (capacity > CALL_REPLY_BYTES_MAX)
		return -EMSGSIZE;
	text = realloc(line->text, capacity);
	if (!text)
		return -ENOMEM;
	line->text = text;
	line->capacity = capacity;
	return 0;
}

/* More bytes: 0, or -errno. */
static int line_receive(struct line *line, int64_t deadline_ns)
{
	int r = line->held == line->capacity ? line_grow(line) : 0;
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

/* The next frame, which stands at line->text until the next call; its length without the NUL. */
static int line_next_frame(struct line *line, int64_t deadline_ns, size_t *ret_length)
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
		r = line_receive(line, deadline_ns);
		if (r < 0)
			return r;
	}
	*ret_length = (size_t)(end - line->text);
	line->taken = *ret_length + 1;
	return 0;
}

static int read_reply(const char *text, size_t length, char error[CALL_ERROR_BYTES],
	bool *ret_continues, struct value **ret)
{
	struct value *reply, *inner;
	const char *name;
	int r = value_parse(text, length, &reply, NULL);

	if (r < 0)
		return r == -ENOMEM ? r : -EPROTO;
	name = value_get_string(reply, "error");
	if (!value_is_object(reply) || (value_get(reply, "error") && !name)) {
		value_free(reply);
		return -EPROTO;
	}
	if (name)
		snprintf(error, CALL_ERROR_BYTES, "%s", name);
	inner = value_get(reply, "parameters");
	if (inner && !value_is_object(inner)) {
		value_free(reply);
		return -EPROTO;
	}
	if (!value_get_bool(reply, "continues", ret_continues))
		*ret_continues = false;
	*ret = inner ? value_keep(inner) : value_new_object();
	r = name ? 1 : 0;
	value_free(reply);
	return r;
}

static int line_open(struct line *line, const char *runtime_dir, const char *method,
	const struct value *parameters, bool more, int64_t deadline_ns)
{
	int r = connect_to(call_runtime_dir(runtime_dir), deadline_ns, &line->fd);
	struct value *call;
	const char *frame;

	if (r < 0)
		return r;
	call = value_new_object();
	value_add_string(call, "method", method);
	if (parameters)
		value_share(call, "parameters", parameters);
	if (more)
		value_add_bool(call, "more", true);
	frame = value_text(call);
	/* The NUL that ends the string ends the frame. */
	r = frame ? send_all(line->fd, frame, strlen(frame) + 1, deadline_ns) : -ENOMEM;
	value_free(call);
	return r;
}

/* The next reply, as call_method() gives it. */
static int line_next(struct line *line, int64_t deadline_ns, char error[CALL_ERROR_BYTES],
	bool *ret_continues, struct value **ret)
{
	size_t length;
	int r = line_next_frame(line, deadline_ns, &length);

	return r < 0 ? r : read_reply(line->text, length, error, ret_continues, ret);
}

static void line_close(struct line *line)
{
	if (line->fd >= 0)
		close(line->fd);
	free(line->text);
}

int call_method(const char *runtime_dir, const char *method, const struct value *parameters,
	int64_t timeout_ns, char error[CALL_ERROR_BYTES], struct value **ret)
{
	int64_t deadline_ns = now_ns() + timeout_ns;
	struct line line = LINE_NULL;
	bool continues;
	int r = line_open(&line, runtime_dir, method, parameters, false, deadline_ns);

	if (r == 0)
		r = line_next(&line, deadline_ns, error, &continues, ret);
	line_close(&line);
	return r;
}

int call_dir_too_long(const struct ctl *ctl)
{
	ctl_error(ctl, "%s/%s: too long for a socket, which may have %zu bytes",
		call_runtime_dir(ctl->runtime_dir), CALL_INTERFACE,
		sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1);
	return CTL_USAGE;
}

int call_explain(const struct ctl *ctl, const char *socket_name, int error, bool quiet)
{
	const char *dir = call_runtime_dir(ctl->runtime_dir);
	char duration[HUMANE_BYTES];

	switch (-error) {
	case ENAMETOOLONG:
		return call_dir_too_long(ctl);
	case ENOENT:
	case ENOTDIR:
	case ECONNREFUSED:
		if (!quiet)
			ctl_error(ctl, "vdsotimed is not running: %s/%s: %s", dir, socket_name,
				strerror(-error));
		return CTL_NOT_RUNNING;
	case EACCES:
	case EPERM:
		ctl_error(ctl, "no permission for %s/%s: %s", dir, socket_name, strerror(-error));
		return CTL_PERMISSION;
	case ETIMEDOUT:
		ctl_error(ctl, "vdsotimed did not answer on %s/%s within %s", dir, socket_name,
			humane_duration(duration, CALL_TIMEOUT_NS_DEFAULT));
		return CTL_TIMEOUT;
	case ECONNRESET:
		ctl_error(ctl, "vdsotimed closed %s/%s without an answer", dir, socket_name);
		return CTL_FAILURE;
	case EPROTO:
		ctl_error(ctl, "what answered on %s/%s does not speak Varlink", dir, socket_name);
		return CTL_FAILURE;
	default:
		ctl_error(ctl, "%s/%s: %s", dir, socket_name, strerror(-error));
		return CTL_FAILURE;
	}
}

/* The daemon's own "no", in its words where it has some. */
static int explain_refusal(
	const struct ctl *ctl, const char *method, const char *error, struct value *parameters)
{
	const char *file = value_get_string(parameters, "file");
	const char *message = value_get_string(parameters, "message");
	int64_t line;

	if (strcmp(error, "org.varlink.service.PermissionDenied") == 0) {
		ctl_error(ctl, "%s: vdsotimed does not permit this user to do that", method);
		return CTL_PERMISSION;
	}
	if (strcmp(error, "org.varlink.service.ExpectedMore") == 0)
		ctl_error(ctl, "%s: has many replies: call it with --more", method);
	else if (!message)
		ctl_error(
			ctl, "%s: vdsotimed answers %s %s", method, error, value_text(parameters));
	else if (file && value_get_int(parameters, "line", &line))
		ctl_error(ctl, "%s:%" PRId64 ": %s", file, line, message);
	else
		ctl_error(ctl, "%s%s%s", file ? file : "", file ? ": " : "", message);
	return CTL_FAILURE;
}

int call_daemon(const struct ctl *ctl, const char *method, const struct value *parameters,
	bool quiet, struct value **ret)
{
	char error[CALL_ERROR_BYTES];
	struct value *reply;
	int r;

	r = call_method(
		ctl->runtime_dir, method, parameters, CALL_TIMEOUT_NS_DEFAULT, error, &reply);
	if (r < 0)
		return call_explain(ctl, CALL_INTERFACE, r, quiet);
	if (r > 0) {
		r = explain_refusal(ctl, method, error, reply);
		value_free(reply);
		return r;
	}
	*ret = reply;
	return CTL_OK;
}

int call_daemon_more(const struct ctl *ctl, const char *method, const struct value *parameters,
	call_reply_fn *on_reply)
{
	int64_t deadline_ns = now_ns() + CALL_TIMEOUT_NS_DEFAULT;
	struct line line = LINE_NULL;
	bool continues = true;
	int r = line_open(&line, ctl->runtime_dir, method, parameters, true, deadline_ns);
	int status = r < 0 ? call_explain(ctl, CALL_INTERFACE, r, false) : CTL_OK;

	while (status == CTL_OK && continues) {
		char error[CALL_ERROR_BYTES];
		struct value *reply = NULL;

		r = line_next(&line, deadline_ns, error, &continues, &reply);
		if (r < 0)
			status = call_explain(ctl, CALL_INTERFACE, r, false);
		else if (r > 0)
			status = explain_refusal(ctl, method, error, reply);
		else
			status = on_reply(ctl, reply);
		value_free(reply);
		/* The first comes at once, the others when there is something to tell. */
		deadline_ns = INT64_MAX;
	}
	line_close(&line);
	return status;
}

int call_show(const struct ctl *ctl, const char *method,
	void (*print)(const struct ctl *ctl, const struct value *reply))
{
	struct value *reply;
	int status = call_daemon(ctl, method, NULL, false, &reply);

	if (status != CTL_OK)
		return status;
	if (ctl->json != CTL_JSON_OFF)
		value_print(ctl, reply);
	else
		print(ctl, reply);
	value_free(reply);
	return CTL_OK;
}

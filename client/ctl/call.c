/* SPDX-License-Identifier: MIT */
/*
 * A Varlink call to the daemon: see call.h.
 */
#include "client/ctl/call.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include <vdsotime/attach.h>

#include "client/ctl/ctl.h"
#include "client/ctl/humane.h"
#include "client/ctl/line.h"

const char *call_runtime_dir(const char *given)
{
	const char *environment;

	if (given)
		return given;
	environment = secure_getenv("VDSOTIME_RUNTIME_DIR");
	return environment && *environment ? environment : VDSOTIME_RUNTIME_DIR_DEFAULT;
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

static int start(struct line *line, const char *runtime_dir, const char *method,
	const struct value *parameters, bool more, int64_t deadline_ns)
{
	int r = line_open(line, call_runtime_dir(runtime_dir), CALL_INTERFACE, deadline_ns);
	struct value *call;
	const char *text;

	if (r < 0)
		return r;
	call = value_new_object();
	value_add_string(call, "method", method);
	if (parameters)
		value_share(call, "parameters", parameters);
	if (more)
		value_add_bool(call, "more", true);
	text = value_text(call);
	r = text ? line_send(line, text, deadline_ns) : -ENOMEM;
	value_free(call);
	return r;
}

/* The next reply, as call_method() gives it. */
static int next_reply(struct line *line, int64_t deadline_ns, char error[CALL_ERROR_BYTES],
	bool *ret_continues, struct value **ret)
{
	const char *text;
	size_t length;
	int r = line_receive(line, deadline_ns, &text, &length);

	return r < 0 ? r : read_reply(text, length, error, ret_continues, ret);
}

int call_method(const char *runtime_dir, const char *method, const struct value *parameters,
	int64_t timeout_ns, char error[CALL_ERROR_BYTES], struct value **ret)
{
	int64_t deadline_ns = line_deadline_ns(timeout_ns);
	struct line line = LINE_NULL;
	bool continues;
	int r = start(&line, runtime_dir, method, parameters, false, deadline_ns);

	if (r == 0)
		r = next_reply(&line, deadline_ns, error, &continues, ret);
	line_close(&line);
	return r;
}

int call_dir_too_long(const struct ctl *ctl, const char *socket_name)
{
	ctl_error(ctl, "%s/%s: too long for a socket, which may have %zu bytes",
		call_runtime_dir(ctl->runtime_dir), socket_name,
		sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1);
	return CTL_USAGE;
}

int call_explain(const struct ctl *ctl, const char *socket_name, int error, bool quiet)
{
	const char *dir = call_runtime_dir(ctl->runtime_dir);
	char duration[HUMANE_BYTES];

	switch (-error) {
	case ENAMETOOLONG:
		return call_dir_too_long(ctl, socket_name);
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

/* Why no reply came where one of many was due; answered: the first has come. */
static int explain_missing(const struct ctl *ctl, int error, bool answered)
{
	if (error != -ECONNRESET || !answered)
		return call_explain(ctl, CALL_INTERFACE, error, false);
	ctl_error(ctl, "vdsotimed closed %s/%s before the last answer",
		call_runtime_dir(ctl->runtime_dir), CALL_INTERFACE);
	return CTL_FAILURE;
}

int call_daemon_more(const struct ctl *ctl, const char *method, const struct value *parameters,
	call_reply_fn *on_reply)
{
	int64_t deadline_ns = line_deadline_ns(CALL_TIMEOUT_NS_DEFAULT);
	struct line line = LINE_NULL;
	bool continues = true, answered = false;
	int r = start(&line, ctl->runtime_dir, method, parameters, true, deadline_ns);
	int status = r < 0 ? call_explain(ctl, CALL_INTERFACE, r, false) : CTL_OK;

	while (status == CTL_OK && continues) {
		char error[CALL_ERROR_BYTES];
		struct value *reply = NULL;

		r = next_reply(&line, deadline_ns, error, &continues, &reply);
		if (r < 0)
			status = explain_missing(ctl, r, answered);
		else if (r > 0)
			status = explain_refusal(ctl, method, error, reply);
		else
			status = on_reply(ctl, reply);
		value_free(reply);
		/* The first comes at once, the others when there is something to tell. */
		deadline_ns = INT64_MAX;
		answered = true;
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

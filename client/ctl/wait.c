/* SPDX-License-Identifier: MIT */
/*
 * vdsotimectl wait: a gate for what must not start before time is served, or is right.
 *
 * It looks again and again: a daemon that is not there yet can tell nobody that it has come.
 */
#include <errno.h>
#include <string.h>
#include <time.h>

#include <vdsotime/client.h>

#include "client/ctl/bracket.h"
#include "client/ctl/call.h"
#include "client/ctl/humane.h"
#include "client/ctl/verbs.h"

#define LOOK_NS INT64_C(50000000)
/* A look that is made is made properly, whatever is left of the time. */
#define ANSWER_NS_MIN INT64_C(500000000)
#define TIMEOUT_NS_DEFAULT INT64_C(30000000000)

/*
 * Is it there?  Found out within timeout_ns.  0 when it is; -EAGAIN and what is missing, in words;
 * other errors where there is no point in asking again.
 */
typedef int look_fn(const struct ctl *ctl, int64_t timeout_ns, const char **ret_missing);

static int ask(
	const struct ctl *ctl, int64_t timeout_ns, struct value **ret, const char **ret_missing)
{
	char error[CALL_ERROR_BYTES];
	int r = call_method(
		ctl->runtime_dir, CALL_INTERFACE ".GetStatus", NULL, timeout_ns, error, ret);

	if (r == 0)
		return 0;
	if (r > 0)
		value_free(*ret);
	*ret_missing = "vdsotimed does not answer";
	return r == -EACCES || r == -ENAMETOOLONG ? r : -EAGAIN;
}

static int look_ready(const struct ctl *ctl, int64_t timeout_ns, const char **ret_missing)
{
	struct value *state;
	int r = ask(ctl, timeout_ns, &state, ret_missing);

	if (r == 0)
		value_free(state);
	return r;
}

static int look_synchronised(const struct ctl *ctl, int64_t timeout_ns, const char **ret_missing)
{
	struct value *state;
	const char *name;
	int r = ask(ctl, timeout_ns, &state, ret_missing);

	if (r < 0)
		return r;
	name = value_get_string(value_get(state, "synchronisation"), "state");
	*ret_missing = "the kernel's clock is not synchronised";
	r = name && (strcmp(name, "claimed") == 0 || strcmp(name, "unquantified") == 0) ? 0
											: -EAGAIN;
	value_free(state);
	return r;
}

static int look_page(const struct ctl *ctl, int64_t timeout_ns, const char **ret_missing)
{
	struct vdsotime_status status;
	struct vdsotime *t;
	int r = vdsotime_attach(&t, ctl->runtime_dir, VDSOTIME_FALLBACK);

	(void)timeout_ns; /* the library has its own: a second */
	if (r < 0)
		return r;
	vdsotime_status(t, &status);
	vdsotime_detach(t);
	if (status.path == VDSOTIME_PATH_PAGE)
		return 0;
	*ret_missing = vdsotime_nopage_text(status.reason);
	return status.reason == VDSOTIME_NOPAGE_PERMISSION ? -EACCES : -EAGAIN;
}

static int parse_for(const struct ctl *ctl, look_fn **ret)
{
	static const struct {
		const char *name;
		look_fn *look;
	} states[] = {
		{ "ready", look_ready },
		{ "synchronised", look_synchronised },
		{ "synchronized", look_synchronised },
		{ "page", look_page },
	};
	const char *text = ctl_option(ctl, "for");

	for (size_t i = 0; i < sizeof(states) / sizeof(*states); i++) {
		if (strcmp(text ? text : "ready", states[i].name) == 0) {
			*ret = states[i].look;
			return CTL_OK;
		}
	}
	ctl_error(ctl, "wait: --for=%s: must be ready, synchronised or page", text);
	return CTL_USAGE;
}

/* What was waited for, and whether it is there. */
static void print_outcome(const struct ctl *ctl, const char *missing)
{
	const char *name = ctl_option(ctl, "for");
	struct value *v;

	if (ctl->json == CTL_JSON_OFF)
		return;
	v = value_new_object();
	value_add_string(v, "for", name ? name : "ready");
	value_add_bool(v, "reached", !missing);
	value_add_string(v, "missing", missing);
	value_print(ctl, v);
	value_free(v);
}

static int wait_for(const struct ctl *ctl, look_fn *look, int64_t timeout_ns)
{
	int64_t end_ns = bracket_kernel_ns(CLOCK_MONOTONIC) + timeout_ns;
	char duration[HUMANE_BYTES];
	const char *missing = "";

	for (;;) {
		const struct timespec pause = { .tv_nsec = LOOK_NS };
		int64_t left_ns = end_ns - bracket_kernel_ns(CLOCK_MONOTONIC);
		int r = look(ctl, left_ns > ANSWER_NS_MIN ? left_ns : ANSWER_NS_MIN, &missing);

		if (r == 0) {
			print_outcome(ctl, NULL);
			return CTL_OK;
		}
		if (r == -ENAMETOOLONG)
			return call_dir_too_long(
				ctl, look == look_page ? CALL_STAMP_SOCKET : CALL_INTERFACE);
		if (r != -EAGAIN) {
			ctl_error(ctl, "wait: %s: %s", call_runtime_dir(ctl->runtime_dir),
				strerror(-r));
			return r == -EACCES ? CTL_PERMISSION : CTL_FAILURE;
		}
		if (bracket_kernel_ns(CLOCK_MONOTONIC) + LOOK_NS > end_ns) {
			ctl_error(ctl, "wait: gave up after %s: %s",
				humane_duration(duration, timeout_ns), missing);
			print_outcome(ctl, missing);
			return CTL_TIMEOUT;
		}
		nanosleep(&pause, NULL);
	}
}

int verb_wait(const struct ctl *ctl, int argc, char **argv)
{
	const char *text = ctl_option(ctl, "timeout");
	int64_t timeout_ns = TIMEOUT_NS_DEFAULT;
	look_fn *look;
	int status = parse_for(ctl, &look);

	(void)argc;
	(void)argv;
	if (status != CTL_OK)
		return status;
	if (text && humane_parse_duration(text, &timeout_ns) < 0) {
		ctl_error(ctl, "wait: --timeout=%s: must be a duration", text);
		return CTL_USAGE;
	}
	return wait_for(ctl, look, timeout_ns);
}

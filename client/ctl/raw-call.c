/* SPDX-License-Identifier: MIT */
/*
 * vdsotimectl call: any method of the daemon's, its parameters and its reply as JSON.
 */
#include <string.h>

#include "client/ctl/call.h"
#include "client/ctl/verbs.h"

/* A reply of many: whole lines, each as it comes. */
static int print_reply(const struct ctl *ctl, struct value *reply)
{
	fprintf(ctl->out, "%s\n", value_text(reply));
	return ctl_flush(ctl);
}

static int call_once(const struct ctl *ctl, const char *method, const struct value *parameters)
{
	struct value *reply;
	int status = call_daemon(ctl, method, parameters, false, &reply);

	if (status != CTL_OK)
		return status;
	value_print(ctl, reply);
	value_free(reply);
	return CTL_OK;
}

int verb_call(const struct ctl *ctl, int argc, char **argv)
{
	struct value *parameters = NULL;
	const char *reason = "";
	char method[256];
	int status;

	/* A method without its interface is one of ours. */
	if ((size_t)snprintf(method, sizeof(method), "%s%s",
		    strchr(argv[0], '.') ? "" : CALL_INTERFACE ".", argv[0]) >= sizeof(method)) {
		ctl_error(ctl, "call: too long a method: %s", argv[0]);
		return CTL_USAGE;
	}
	if (argc > 1 && value_parse(argv[1], strlen(argv[1]), &parameters, &reason) < 0) {
		ctl_error(ctl, "call: parameters are no JSON (%s): %s", reason, argv[1]);
		return CTL_USAGE;
	}
	if (argc > 1 && !value_is_object(parameters)) {
		ctl_error(ctl, "call: parameters must be a JSON object: %s", argv[1]);
		value_free(parameters);
		return CTL_USAGE;
	}
	if (ctl_has_option(ctl, "more"))
		status = call_daemon_more(ctl, method, parameters, print_reply);
	else
		status = call_once(ctl, method, parameters);
	value_free(parameters);
	return status;
}

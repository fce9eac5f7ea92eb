/* SPDX-License-Identifier: MIT */
/*
 * vdsotimectl reload: a reload that is over when the command is, and that fails when the
 * configuration does.
 */
#include "client/ctl/call.h"
#include "client/ctl/verbs.h"

int verb_reload(const struct ctl *ctl, int argc, char **argv)
{
	struct value *reply;
	int status = call_daemon(ctl, CALL_INTERFACE ".Reload", NULL, false, &reply);

	(void)argc;
	(void)argv;
	if (status != CTL_OK)
		return status;
	if (ctl->json != CTL_JSON_OFF)
		value_print(ctl, reply);
	value_free(reply);
	return CTL_OK;
}

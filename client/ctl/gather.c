/* SPDX-License-Identifier: MIT */
/*
 * The state that status and show print, gathered: see gather.h.
 */
#include "client/ctl/gather.h"

#include <string.h>

#include "client/ctl/call.h"
#include "client/ctl/ctl.h"
#include "client/ctl/machine.h"
#include "client/ctl/reader.h"

static struct value *gather_alone(void)
{
	struct value *v = value_new_object();

	value_add_null(v, "daemon");
	value_add(v, "vdso", machine_vdso());
	value_add(v, "clocksource", machine_clocksource(MACHINE_CLOCKSOURCE_DIR));
	value_add(v, "synchronisation", machine_synchronisation_now());
	return v;
}

int gather_status(const struct ctl *ctl, struct value **ret)
{
	struct value *v = NULL, *reader;
	const char *path;
	int status;

	status = call_daemon(ctl, CALL_INTERFACE ".GetStatus", NULL, true, &v);
	if (status != CTL_OK)
		v = gather_alone();
	reader = reader_describe(ctl->runtime_dir);
	path = value_get_string(reader, "path");
	if (status == CTL_OK && (!path || strcmp(path, "page") != 0))
		status = CTL_DEGRADED;
	value_add(v, "reader", reader);
	*ret = v;
	return status;
}

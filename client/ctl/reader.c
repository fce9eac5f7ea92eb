/* SPDX-License-Identifier: MIT */
/*
 * This process as a reader of time: see reader.h.
 */
#include "client/ctl/reader.h"

#include <errno.h>
#include <string.h>

#include "client/ctl/call.h"
#include "client/ctl/clockid.h"
#include "client/ctl/ctl.h"

int reader_attach(const struct ctl *ctl, struct vdsotime **ret)
{
	int r = vdsotime_attach(ret, ctl->runtime_dir, VDSOTIME_FALLBACK);

	if (r == 0)
		return CTL_OK;
	if (r == -ENAMETOOLONG)
		return call_dir_too_long(ctl, CALL_STAMP_SOCKET);
	ctl_error(ctl, "cannot read time: %s", strerror(-r));
	return CTL_FAILURE;
}

/* The clocks that a vDSO answers without a system call: the page's five and the coarse ones. */
static bool is_in_vdso(clockid_t id)
{
	for (int i = 0; i < CLOCKID_PAGE_CLOCKS; i++) {
		if (clockid_page[i] == id)
			return true;
	}
	return id == CLOCK_REALTIME_COARSE || id == CLOCK_MONOTONIC_COARSE;
}

const char *reader_path(const struct vdsotime_status *status, clockid_t id)
{
	bool on_page = id >= 0 && id < 32 && (status->clocks & UINT32_C(1) << id);

	if (status->path == VDSOTIME_PATH_PAGE && on_page)
		return vdsotime_path_name(VDSOTIME_PATH_PAGE);
	if (status->path != VDSOTIME_PATH_SYSCALL && is_in_vdso(id))
		return vdsotime_path_name(VDSOTIME_PATH_VDSO);
	return vdsotime_path_name(VDSOTIME_PATH_SYSCALL);
}

static struct value *clock_names(uint32_t clocks)
{
	struct value *list = value_new_array();

	for (int i = 0; i < CLOCKID_PAGE_CLOCKS; i++) {
		if (clocks & UINT32_C(1) << clockid_page[i])
			value_append_string(list, clockid_name(clockid_page[i]));
	}
	return list;
}

static void add_page_state(struct value *v, const struct vdsotime_status *status)
{
	if (status->generation == 0)
		return;
	value_add_uint(v, "generation", status->generation);
	value_add_uint(v, "epoch", status->epoch);
	value_add_int(v, "ageNSec", status->age_ns);
	if (status->tracking_ns != UINT64_MAX)
		value_add_uint(v, "trackingBoundNSec", status->tracking_ns);
	if (status->error_ns != UINT64_MAX)
		value_add_uint(v, "errorNSec", status->error_ns);
	value_add_string(v, "quality", vdsotime_quality_name(status->quality));
}

struct value *reader_describe(const char *runtime_dir)
{
	struct value *v = value_new_object();
	struct vdsotime_status status;
	struct vdsotime *t = NULL;
	int r = vdsotime_attach(&t, runtime_dir, VDSOTIME_FALLBACK);

	if (r == 0)
		r = vdsotime_status(t, &status);
	if (r < 0) {
		value_add_string(v, "path", "none");
		value_add_string(v, "reason", strerror(-r));
	} else {
		value_add_string(v, "path", vdsotime_path_name(status.path));
		if (status.reason == VDSOTIME_NOPAGE_NONE)
			value_add_null(v, "reason");
		else
			value_add_string(v, "reason", vdsotime_nopage_text(status.reason));
		add_page_state(v, &status);
		value_add(v, "clocks", clock_names(status.clocks));
	}
	vdsotime_detach(t);
	return v;
}

/* SPDX-License-Identifier: MIT */
#include "tests/unit/fake-keeper.h"

#include <errno.h>
#include <string.h>
#include <time.h>

void fake_keeper_init(struct keeper *k)
{
	*k = (struct keeper){
		.time_ns = INT64_MIN,
		.counter_ticks = 4711,
		.page_fd = -1,
		.status = {
			.counter_name = "tsc",
			.counter_usable = true,
			.counter_reason = "the kernel itself uses it",
			.counter_hz = 2000000001,
			.counter_exact = true,
			.clocksource = "tsc",
			.clocksources = "tsc hpet acpi_pm",
			.vdso_fast = true,
			.vdso_cost_ns = 31,
			.syscall_cost_ns = 102,
			.page_on = true,
			.page_restored = true,
			.page_kept = true,
			.page_size_bytes = 4096,
			.generation = 1003,
			.epoch = 1004,
			.age_ns = 1005,
			.period_ns = 1006,
			.window_ns = 1007,
			.tracking_known = true,
			.residual_ns = -1008,
			.residual_rms_ps = 1009,
			.residual_max_ns = 1010,
			.tracking_ns = 1011,
			.samples = 1012,
			.late_publications = 1013,
			.sync = KEEPER_SYNC_CLAIMED,
			.sync_reported = true,
			.error_ns = 1014,
			.maxerror_ns = 1015,
			.esterror_ns = 1016,
			.frequency_ppb = -1017,
			.timex_status = 1018,
			.leap = 1,
			.tai_offset_s = 37,
		},
	};
	(void)vdsotime_vdso_resolve(NULL, &k->vdso);
}

int keeper_read(
	const struct keeper *k, int32_t clock_id, int64_t *ret_ns, uint64_t *ret_counter_ticks)
{
	struct timespec now;

	if (clock_id != CLOCK_REALTIME && clock_id != CLOCK_MONOTONIC &&
		clock_id != CLOCK_MONOTONIC_RAW && clock_id != CLOCK_BOOTTIME &&
		clock_id != CLOCK_TAI)
		return -EINVAL;
	if (k->time_ns != INT64_MIN) {
		*ret_ns = k->time_ns + clock_id;
	} else {
		clock_gettime(clock_id, &now);
		*ret_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
	}
	if (ret_counter_ticks != NULL)
		*ret_counter_ticks = k->counter_ticks;
	return 0;
}

int keeper_page_fd(const struct keeper *k)
{
	return k->page_fd;
}

void keeper_status(const struct keeper *k, struct keeper_status *ret)
{
	*ret = k->status;
}

const struct vdsotime_vdso *keeper_vdso(const struct keeper *k)
{
	return &k->vdso;
}

const struct event_log *keeper_events(const struct keeper *k)
{
	return &k->events;
}

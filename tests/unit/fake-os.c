/* SPDX-License-Identifier: MIT */
#include "tests/unit/fake-os.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#include <vdsotime/counter.h>

#include "daemon/rate.h"

#define COUNTER_TICKS 30
#define CLOCK_TICKS 40

static void pass_ticks(struct fake_os *f, uint64_t ticks)
{
	f->x += ticks;
	f->raw_ns += (double)ticks * f->ns_per_tick;
	f->monotonic_ns += (double)ticks * f->ns_per_tick * f->factor;
}

void fake_os_pass(struct fake_os *f, double ns)
{
	pass_ticks(f, (uint64_t)llround(ns / f->ns_per_tick));
}

static int64_t coarse(const struct fake_os *f)
{
	int64_t ns = (int64_t)floor(f->monotonic_ns);

	return f->coarse_tick_ns ? ns - ns % f->coarse_tick_ns : ns;
}

int64_t fake_os_clock(const struct fake_os *f, int32_t clock_id)
{
	int64_t monotonic = (int64_t)floor(f->monotonic_ns);

	switch (clock_id) {
	case CLOCK_MONOTONIC:
		return monotonic;
	case CLOCK_MONOTONIC_RAW:
		return (int64_t)floor(f->raw_ns);
	case CLOCK_BOOTTIME:
		return monotonic + f->boottime_offset_ns;
	case CLOCK_TAI:
		return monotonic + f->realtime_offset_ns + f->tai_offset_s * INT64_C(1000000000);
	case CLOCK_MONOTONIC_COARSE:
		return coarse(f);
	case CLOCK_REALTIME_COARSE:
		return coarse(f) + f->realtime_offset_ns;
	default:
		return monotonic + f->realtime_offset_ns;
	}
}

static uint64_t counter_read(void *ctx)
{
	struct fake_os *f = ctx;

	uint64_t counter;

	pass_ticks(f, COUNTER_TICKS / 2);
	counter = f->x + f->counter_offset;
	pass_ticks(f, COUNTER_TICKS / 2);
	return counter;
}

static int counter_info(void *ctx, struct os_counter *ret)
{
	const struct fake_os *f = ctx;

	*ret = (struct os_counter){ f->counter_kind, f->counter_hz };
	return 0;
}

static int counter_warp(void *ctx, uint64_t duration_ns, struct os_warp *ret)
{
	struct fake_os *f = ctx;

	fake_os_pass(f, (double)duration_ns);
	*ret = f->warp;
	return 0;
}

static int counter_warp_start(void *ctx, uint64_t duration_ns)
{
	struct fake_os *f = ctx;

	(void)duration_ns;
	f->warp_starts++;
	return f->warp_error;
}

static int counter_warp_poll(void *ctx, struct os_warp *ret)
{
	struct fake_os *f = ctx;

	if (f->warp_polls && f->warp_polls--)
		return -EINPROGRESS;
	*ret = f->warp;
	return 0;
}

static int clock_gettime_ns(void *ctx, int32_t clock_id, int64_t *ret)
{
	struct fake_os *f = ctx;

	f->reads++;
	if (f->on_read)
		f->on_read(f, clock_id);
	if (f->clock_error)
		return f->clock_error;
	pass_ticks(f, CLOCK_TICKS / 2);
	*ret = fake_os_clock(f, clock_id);
	pass_ticks(f, CLOCK_TICKS / 2);
	return 0;
}

static int timex_read(void *ctx, struct os_timex *ret)
{
	const struct fake_os *f = ctx;

	if (f->timex_error)
		return f->timex_error;
	*ret = f->timex;
	return 0;
}

static int clocksource_read(
	void *ctx, char *current, size_t current_bytes, char *available, size_t available_bytes)
{
	const struct fake_os *f = ctx;

	if (!f->clocksource)
		return -ENOENT;
	if (strlen(f->clocksource) >= current_bytes ||
		(available && strlen(f->clocksources) >= available_bytes))
		return -ENAMETOOLONG;
	strcpy(current, f->clocksource);
	if (available)
		strcpy(available, f->clocksources);
	return 0;
}

static int boot_id(void *ctx, uint8_t ret[static 16])
{
	(void)ctx;
	memset(ret, 0x5a, 16);
	return 0;
}

static int time_namespace(void *ctx, uint64_t *ret_dev, uint64_t *ret_ino)
{
	(void)ctx;
	*ret_dev = 4;
	*ret_ino = 4026531834;
	return 0;
}

static int vmclock_open(void *ctx, int *ret_fd)
{
	const struct fake_os *f = ctx;

	if (f->vmclock_fd < 0)
		return -ENOENT;
	*ret_fd = dup(f->vmclock_fd);
	return 0;
}

static int cpu_online_count(void *ctx, uint32_t *ret)
{
	const struct fake_os *f = ctx;

	*ret = f->cpus_online;
	return 0;
}

static void sleep_ns(void *ctx, uint64_t ns)
{
	fake_os_pass(ctx, (double)ns);
}

void fake_os_init(struct fake_os *f)
{
	*f = (struct fake_os){
		.os = {
			.ctx = f,
			.counter_read = counter_read,
			.counter_info = counter_info,
			.counter_warp = counter_warp,
			.counter_warp_start = counter_warp_start,
			.counter_warp_poll = counter_warp_poll,
			.clock_gettime_ns = clock_gettime_ns,
			.clock_gettime_syscall_ns = clock_gettime_ns,
			.timex_read = timex_read,
			.clocksource_read = clocksource_read,
			.boot_id = boot_id,
			.time_namespace = time_namespace,
			.vmclock_open = vmclock_open,
			.cpu_online_count = cpu_online_count,
			.sleep_ns = sleep_ns,
		},
		.x = 1000000000,
		.ns_per_tick = rate_of_registration(FAKE_KHZ, 1000, UINT64_MAX),
		.factor = 1,
		.monotonic_ns = 5e12,
		.raw_ns = 4e12,
		.realtime_offset_ns = INT64_C(1795000000123456789),
		.coarse_tick_ns = 4000000,
		.timex = { .tick_us = 10000, .status = STA_UNSYNC, .maxerror_us = 16000000,
			.state = TIME_ERROR },
		.counter_kind = VDSOTIME_COUNTER_HERE,
		.cpus_online = 1,
		.vmclock_fd = -1,
		.clocksource = "tsc",
		.clocksources = "tsc hpet acpi_pm",
	};
}

/* SPDX-License-Identifier: MIT */
#include "tests/sim/world.h"

#include <endian.h>
#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#include "daemon/rate.h"

#define NSEC_PER_SEC INT64_C(1000000000)
#define NEVER UINT64_MAX
#define TRACK_ONE 0x1p48
#define COARSE_TICK_NS 4000000
#define TICKS_SHIFT 20

__extension__ typedef unsigned __int128 uint128;

/* include/uapi/linux/vmclock-abi.h */
struct world_vmclock {
	uint32_t magic, size_bytes;
	uint16_t version, ids;
	uint32_t sequence;
	uint64_t marker, flags, time[9], generation;
};

static int vmclock_fd = -1;

static int64_t track_ns(const struct track *t, uint64_t x)
{
	/* a clock that goes by the counter's steps may look back behind its last bend */
	if (x < t->x0)
		x = t->x0;
	return t->ns0 + (int64_t)(((uint128)(x - t->x0) * t->mult + t->fraction0) >> 48);
}

/* From x on, at another rate. */
static void track_bend(struct track *t, uint64_t x, double ns_per_tick)
{
	uint128 passed = (uint128)(x - t->x0) * t->mult + t->fraction0;

	t->ns0 += (int64_t)(passed >> 48);
	t->fraction0 = (uint64_t)passed & ((UINT64_C(1) << 48) - 1);
	t->x0 = x;
	t->mult = (uint64_t)llround(ns_per_tick * TRACK_ONE);
}

static uint64_t ticks_s(const struct world *w, double s)
{
	return (uint64_t)(s * w->hz);
}

static void disturb(struct world *w, enum world_event event)
{
	if (!w->disturbed.on) {
		w->disturbed.epoch = w->page_epoch();
		w->disturbed.event = event;
	}
	w->disturbed.on = true;
	w->disturbed.x = w->x;
}

/* Whatever was claimed of REALTIME holds no more. */
static void belie(struct world *w)
{
	w->claims_hold = false;
	w->claimed_again_x = NEVER;
}

/* And whoever sees what has happened must know it. */
static void void_claims(struct world *w, enum world_event event)
{
	belie(w);
	w->voided.x = w->x;
	w->voided.event = event;
}

static void notify(struct world *w)
{
	uint64_t x = w->x + world_ticks(w, random_log(&w->random, 10e3, 5e6));

	if (x < w->notified_x)
		w->notified_x = x;
}

/* When REALTIME's next second begins; the kernel notices at a tick. */
static void schedule_second(struct world *w)
{
	int64_t realtime = world_clock(w, CLOCK_REALTIME);

	w->next[WORLD_SECOND] = w->x +
				(uint64_t)((double)(NSEC_PER_SEC - realtime % NSEC_PER_SEC) /
					   (double)w->monotonic.mult * TRACK_ONE) +
				world_ticks(w, random_between(&w->random, 1e3, 4e6));
}

static void set_rates(struct world *w)
{
	double factor = 1 + (double)w->timex.frequency / 65536e6 +
			(double)(w->timex.tick_us - 10000) / 10000;

	track_bend(&w->raw, w->x, w->raw_ns_per_tick);
	track_bend(&w->monotonic, w->x, w->raw_ns_per_tick * factor * (1 + w->untold));
	track_bend(&w->utc, w->x, 1e9 / w->hz * (1 + w->drift));
	/* one that is about to end, or has and waits for its tick, stays as it is */
	if (w->next[WORLD_SECOND] > w->x + world_ticks(w, 10e6))
		schedule_second(w);
}

/* kernel/time/ntp.c, second_overflow() */
static int overflow_leap(struct os_timex *t, int64_t second)
{
	switch (t->state) {
	case TIME_OK:
		t->state = t->status & STA_INS   ? TIME_INS
			   : t->status & STA_DEL ? TIME_DEL
						 : TIME_OK;
		return 0;
	case TIME_INS:
		if (!(t->status & STA_INS))
			t->state = TIME_OK;
		else if (second % 86400 == 0) {
			t->state = TIME_OOP;
			return -1;
		}
		return 0;
	case TIME_DEL:
		if (!(t->status & STA_DEL))
			t->state = TIME_OK;
		else if ((second + 1) % 86400 == 0) {
			t->state = TIME_WAIT;
			return 1;
		}
		return 0;
	case TIME_OOP:
		t->state = TIME_WAIT;
		return 0;
	default:
		if (!(t->status & (STA_INS | STA_DEL)))
			t->state = TIME_OK;
		return 0;
	}
}

static void on_second(struct world *w)
{
	int64_t realtime = world_clock(w, CLOCK_REALTIME);
	int leap = overflow_leap(&w->timex, realtime / NSEC_PER_SEC);

	w->timex.maxerror_us += 500;
	if (w->timex.maxerror_us > 16000000) {
		w->timex.maxerror_us = 16000000;
		w->timex.status |= STA_UNSYNC;
	}
	if (leap) {
		disturb(w, WORLD_SECOND);
		w->wall_ns += leap * NSEC_PER_SEC;
		w->utc.ns0 += leap * NSEC_PER_SEC;
		w->timex.tai_offset_s -= leap;
		notify(w);
	}
	schedule_second(w);
}

static double utc_error_ns(const struct world *w)
{
	return (double)(world_clock(w, CLOCK_REALTIME) - world_utc(w));
}

/*
 * No less than the truth.  Where the last claim has turned out false, this one is known for a new
 * one only when it is no number to which the kernel may have grown the last.
 */
static void claim(struct world *w, double error_ns)
{
	int64_t before_us = w->timex.maxerror_us;
	int64_t us = (int64_t)ceil(fabs(error_ns) / 1000 + random_log(&w->random, 1, 10000));

	if (w->sync == WORLD_ZERO) {
		w->timex.maxerror_us = 0;
		return;
	}
	w->timex.maxerror_us = us;
	w->claimed_x = w->x;
	if (!w->claims_hold && llabs(us - before_us) > 10000)
		w->claimed_again_x = w->x;
}

/* Correct the rate, slew towards the truth within what is claimed, and claim no less than the
 * truth. */
static void on_poll(struct world *w)
{
	double error = utc_error_ns(w);
	double interval_s = random_log(&w->random, 8, 512);
	double slew = -error / interval_s * 1e-9;
	double natural = w->raw_ns_per_tick * w->hz / (1 + w->drift) * 1e-9;

	w->next[WORLD_POLL] = w->x + ticks_s(w, interval_s);
	w->untold = 0;
	if (fabs(error) > 128e6) {
		disturb(w, WORLD_POLL);
		w->wall_ns -= (int64_t)error;
		notify(w);
		error = slew = 0;
	}
	slew = fmin(fmax(slew, -400e-6), 400e-6);
	w->timex.tick_us = 10000;
	w->timex.frequency = llround(
		(1 / natural - 1 + slew + random_between(&w->random, -10e-6, 10e-6)) * 65536e6);
	set_rates(w);
	w->timex.status &= ~(uint32_t)STA_UNSYNC;
	claim(w, error);
}

static void on_wander(struct world *w)
{
	w->drift = fmin(fmax(w->drift + random_between(&w->random, -50e-9, 50e-9), -40e-6), 40e-6);
	if (!w->on_counter)
		w->raw_ns_per_tick *= 1 + random_between(&w->random, -50e-9, 50e-9);
	set_rates(w);
}

/* Somebody who is no sync daemon; all within the tenth that MaxSlew allows, seen from either
 * side. */
static void on_frequency(struct world *w)
{
	belie(w);
	w->timex.tick_us = 10000;
	if (random_once_in(&w->random, 3))
		w->timex.tick_us += (int64_t)random_between(&w->random, -950, 950);
	w->timex.frequency = llround(random_between(&w->random, -500, 500) * 65536);
	set_rates(w);
}

static void on_slew(struct world *w)
{
	belie(w);
	w->untold = random_once_in(&w->random, 3) ? 0 : random_between(&w->random, -500e-6, 500e-6);
	set_rates(w);
}

static void on_step(struct world *w)
{
	double least = w->has_coarse ? 1 : 1e3;
	double ns = random_sign(&w->random) * random_log(&w->random, least, 1e15);

	if (world_clock(w, CLOCK_REALTIME) + (int64_t)ns < NSEC_PER_SEC)
		ns = -ns;
	disturb(w, WORLD_STEP);
	void_claims(w, WORLD_STEP);
	w->wall_ns += (int64_t)ns;
	/* clock_settime() clears the kernel's NTP state, ADJ_SETOFFSET does not */
	if (random_next(&w->random) & 1) {
		w->timex.status |= STA_UNSYNC;
		w->timex.maxerror_us = 16000000;
	}
	w->next[WORLD_SECOND] = w->x + world_ticks(w, 1e6);
	notify(w);
}

static void on_tai(struct world *w)
{
	disturb(w, WORLD_TAI);
	/* back to what it was, unseen in between, it would be no change */
	w->timex.tai_offset_s++;
}

/* MONOTONIC and its rates stand still, the world does not. */
static void on_suspend(struct world *w)
{
	double s = random_log(&w->random, 0.01, 1000);
	int64_t ns = (int64_t)(s * 1e9);
	uint64_t ticks = ticks_s(w, s);

	disturb(w, WORLD_SUSPEND);
	void_claims(w, WORLD_SUSPEND);
	w->boot_ns += ns;
	w->wall_ns += ns;
	if (w->suspend_stops_counter) {
		w->utc.ns0 += ns;
		/* where it stops, it may start from 0 */
		if (!w->on_counter && (random_next(&w->random) & 1))
			w->counter_offset = (uint64_t)0 - w->x;
	} else {
		set_rates(w);
		w->x += ticks;
		w->jumped_x += ticks;
		w->monotonic.x0 += ticks;
		w->raw.x0 += ticks;
	}
	notify(w);
}

/* All of the machine stands still, its counter too: only true time tells. */
static void on_pause(struct world *w)
{
	belie(w);
	w->utc.ns0 += (int64_t)(random_log(&w->random, 0.01, 100) * 1e9);
}

/*
 * Forward, it may be the guest whose clocks stood still while its counter and the world went on;
 * back, its counter that was set.
 */
static void on_jump(struct world *w)
{
	double s = random_sign(&w->random) * random_log(&w->random, 500e-6, 1000);

	if (w->on_counter)
		return;
	disturb(w, WORLD_JUMP);
	void_claims(w, WORLD_JUMP);
	if (s > 0)
		w->utc.ns0 += (int64_t)(s * 1e9);
	w->counter_offset += (uint64_t)(int64_t)(s * w->hz);
}

static void on_clocksource(struct world *w)
{
	/* to and fro unseen would be no change */
	if (w->disturbed.on)
		return;
	w->on_counter = !w->on_counter;
	w->listed = w->on_counter || !random_once_in(&w->random, 3);
	w->raw_ns_per_tick =
		w->on_counter ? rate_of_registration(w->khz, 1000, UINT64_MAX)
			      : 1e9 / w->hz * (1 + random_between(&w->random, -100e-6, 100e-6));
	belie(w);
	set_rates(w);
	disturb(w, WORLD_CLOCKSOURCE);
}

/* The counter's; the kernel's clocks, which go by another, know nothing of it. */
static void set_hz(struct world *w, uint64_t khz, double error)
{
	double hz = (double)khz * 1000 * (1 + error);

	if (w->hz > 0)
		w->raw_ns_per_tick *= w->hz / hz;
	w->khz = khz;
	w->hz = hz;
	w->ticks_per_ns = (uint64_t)(hz * 1e-9 * (1 << TICKS_SHIFT));
}

/*
 * The counter goes on from somewhere else, often too near by for anyone to see it, and at another
 * rate: where the kernel goes by it, both go on together.
 */
static void on_move(struct world *w)
{
	double s = random_sign(&w->random) * random_log(&w->random, 1e-9, 1e-3);

	if (!w->vmclock)
		return;
	disturb(w, WORLD_MOVE);
	void_claims(w, WORLD_MOVE);
	w->utc.ns0 += (int64_t)(random_log(&w->random, 0.01, 100) * 1e9);
	if (w->on_counter) {
		w->drift = random_between(&w->random, -40e-6, 40e-6);
	} else {
		w->counter_offset += (uint64_t)(int64_t)(s * w->hz);
		set_hz(w, (uint64_t)(random_between(&w->random, 0.8, 1.2) * (double)w->first_khz),
			random_between(&w->random, -30e-6, 30e-6));
	}
	set_rates(w);
	w->vmclock->marker = htole64(le64toh(w->vmclock->marker) + 1);
	if (random_next(&w->random) & 1)
		w->vmclock->generation++;
}

static const struct {
	const char *name;
	void (*happen)(struct world *w);
} happenings[WORLD_EVENTS] = {
	[WORLD_SECOND] = { "second", on_second },
	[WORLD_POLL] = { "poll", on_poll },
	[WORLD_WANDER] = { "wander", on_wander },
	[WORLD_FREQUENCY] = { "frequency", on_frequency },
	[WORLD_SLEW] = { "slew", on_slew },
	[WORLD_STEP] = { "step", on_step },
	[WORLD_TAI] = { "tai", on_tai },
	[WORLD_SUSPEND] = { "suspend", on_suspend },
	[WORLD_PAUSE] = { "pause", on_pause },
	[WORLD_JUMP] = { "jump", on_jump },
	[WORLD_CLOCKSOURCE] = { "clocksource", on_clocksource },
	[WORLD_MOVE] = { "move", on_move },
};

const char *world_event_name(enum world_event event)
{
	return happenings[event].name;
}

static void schedule(struct world *w, enum world_event e)
{
	if (e == WORLD_SECOND || e == WORLD_POLL)
		return;
	w->next[e] = w->mean_s[e] > 0 ? w->x + ticks_s(w, random_wait(&w->random, w->mean_s[e])) + 1
				      : NEVER;
}

static void find_next(struct world *w)
{
	w->next_any = NEVER;
	for (int e = 0; e < WORLD_EVENTS; e++)
		if (w->next[e] < w->next_any)
			w->next_any = w->next[e];
}

static void happen(struct world *w)
{
	for (int e = 0; e < WORLD_EVENTS; e++) {
		if (w->next[e] > w->x)
			continue;
		w->next[e] = NEVER;
		happenings[e].happen(w);
		schedule(w, (enum world_event)e);
	}
	find_next(w);
}

void world_run_to(struct world *w, uint64_t x)
{
	while (w->next_any <= x) {
		uint64_t before = w->jumped_x;

		if (w->x < w->next_any)
			w->x = w->next_any;
		happen(w);
		x += w->jumped_x - before;
	}
	if (w->x < x)
		w->x = x;
}

int64_t world_utc(const struct world *w)
{
	return track_ns(&w->utc, w->x);
}

/* Since the counter's last step. */
static uint64_t into_quantum(const struct world *w)
{
	return w->quantum_ticks > 1 ? (w->x + w->counter_offset) % w->quantum_ticks : 0;
}

/* Where the kernel's clocksource is the counter, its clocks move in the counter's steps. */
static uint64_t kernel_x(const struct world *w)
{
	return w->on_counter ? w->x - into_quantum(w) : w->x;
}

int64_t world_clock(const struct world *w, int32_t clock_id)
{
	uint64_t x = kernel_x(w);
	int64_t monotonic = track_ns(&w->monotonic, x);

	switch (clock_id) {
	case CLOCK_MONOTONIC:
		return monotonic;
	case CLOCK_MONOTONIC_RAW:
		return track_ns(&w->raw, x);
	case CLOCK_BOOTTIME:
		return monotonic + w->boot_ns;
	case CLOCK_TAI:
		return monotonic + w->wall_ns + w->timex.tai_offset_s * NSEC_PER_SEC;
	case CLOCK_MONOTONIC_COARSE:
		return w->has_coarse ? monotonic - monotonic % COARSE_TICK_NS : monotonic;
	case CLOCK_REALTIME_COARSE:
		return w->wall_ns +
		       (w->has_coarse ? monotonic - monotonic % COARSE_TICK_NS : monotonic);
	default:
		return monotonic + w->wall_ns;
	}
}

/* What an instruction or two cost, more or less; now and then an interrupt, a preemption. */
static void pass_some(struct world *w, uint64_t ns)
{
	uint64_t chance = random_next(&w->random);
	uint64_t ticks = ns * (192 + (chance & 0x7f)) * w->ticks_per_ns >> (8 + TICKS_SHIFT);

	if ((chance >> 8 & 0x3ff) == 0)
		ticks += world_ticks(w, random_log(&w->random, 1e3, 50e3));
	else if ((chance >> 18 & 0x3fff) == 0)
		ticks += world_ticks(w, random_log(&w->random, 50e3, 20e6));
	else if ((chance >> 32 & 0xfffff) == 0)
		ticks += world_ticks(w, random_log(&w->random, 20e6, 2e9));
	world_pass(w, ticks + 1);
}

void world_begin_life(struct world *w)
{
	w->known_x[WORLD_CLOCKSOURCE] = w->known_x[WORLD_MOVE] = NEVER;
}

static void note_first(struct world *w, enum world_event e)
{
	if (w->known_x[e] == NEVER)
		w->known_x[e] = w->x;
}

uint64_t world_counter(struct world *w)
{
	pass_some(w, 12);
	w->counter_x = w->x;
	return w->x + w->counter_offset - into_quantum(w);
}

int world_read(struct world *w, int32_t clock_id, int64_t *ret)
{
	pass_some(w, 12);
	*ret = world_clock(w, clock_id);
	pass_some(w, 10);
	return 0;
}

static uint64_t os_counter_read(void *ctx)
{
	return world_counter(ctx);
}

static int os_counter_info(void *ctx, struct os_counter *ret)
{
	(void)ctx;
	*ret = (struct os_counter){ .kind = VDSOTIME_COUNTER_TSC };
	return 0;
}

static int os_counter_warp(void *ctx, uint64_t duration_ns, struct os_warp *ret)
{
	pass_some(ctx, duration_ns);
	*ret = (struct os_warp){ .cpus = 2 };
	return 0;
}

/* CPUs neither come nor go, but for a suspend; their counters agree. */
static int os_counter_warp_start(void *ctx, uint64_t duration_ns)
{
	(void)ctx;
	(void)duration_ns;
	return 0;
}

static int os_counter_warp_poll(void *ctx, struct os_warp *ret)
{
	(void)ctx;
	*ret = (struct os_warp){ .cpus = 2 };
	return 0;
}

static int os_clock_gettime_ns(void *ctx, int32_t clock_id, int64_t *ret)
{
	return world_read(ctx, clock_id, ret);
}

static int os_clock_gettime_syscall_ns(void *ctx, int32_t clock_id, int64_t *ret)
{
	pass_some(ctx, 200);
	return world_read(ctx, clock_id, ret);
}

/* kernel/time/ntp.c, __do_adjtimex(): from the second's beginning on, before the tick that
 * leaps. */
static void tell_leap_early(struct os_timex *t, int64_t second)
{
	if (t->state == TIME_INS && (t->status & STA_INS) && second % 86400 == 0) {
		t->state = TIME_OOP;
		t->tai_offset_s++;
	} else if (t->state == TIME_DEL && (t->status & STA_DEL) && (second + 1) % 86400 == 0) {
		t->state = TIME_WAIT;
		t->tai_offset_s--;
	}
}

static int os_timex_read(void *ctx, struct os_timex *ret)
{
	struct world *w = ctx;

	pass_some(w, 300);
	if (w->sync == WORLD_FORBIDDEN)
		return -EPERM;
	*ret = w->timex;
	tell_leap_early(ret, world_clock(w, CLOCK_REALTIME) / NSEC_PER_SEC);
	if (ret->status & STA_UNSYNC)
		ret->state = TIME_ERROR;
	return 0;
}

static int os_clocksource_read(
	void *ctx, char *current, size_t current_bytes, char *available, size_t available_bytes)
{
	struct world *w = ctx;

	pass_some(ctx, 20000);
	note_first(w, WORLD_CLOCKSOURCE);
	strncpy(current, w->on_counter ? "tsc" : "hpet", current_bytes - 1);
	if (available)
		strncpy(available, w->listed ? "tsc hpet acpi_pm" : "hpet acpi_pm",
			available_bytes - 1);
	return 0;
}

static int os_boot_id(void *ctx, uint8_t ret[static 16])
{
	(void)ctx;
	memset(ret, 7, 16);
	return 0;
}

static int os_time_namespace(void *ctx, uint64_t *ret_dev, uint64_t *ret_ino)
{
	(void)ctx;
	*ret_dev = 1;
	*ret_ino = 2;
	return 0;
}

static int os_vmclock_open(void *ctx, int *ret_fd)
{
	struct world *w = ctx;
	int fd = w->vmclock ? dup(vmclock_fd) : -1;

	note_first(w, WORLD_MOVE);
	if (fd < 0)
		return -ENOENT;
	*ret_fd = fd;
	return 0;
}

static int os_cpu_online_count(void *ctx, uint32_t *ret)
{
	(void)ctx;
	*ret = 2;
	return 0;
}

static void os_sleep_ns(void *ctx, uint64_t ns)
{
	pass_some(ctx, ns + ns / 8);
}

void world_os(struct world *w, struct os *ret)
{
	*ret = (struct os){
		.ctx = w,
		.counter_read = os_counter_read,
		.counter_info = os_counter_info,
		.counter_warp = os_counter_warp,
		.counter_warp_start = os_counter_warp_start,
		.counter_warp_poll = os_counter_warp_poll,
		.clock_gettime_ns = os_clock_gettime_ns,
		.clock_gettime_syscall_ns = os_clock_gettime_syscall_ns,
		.timex_read = os_timex_read,
		.clocksource_read = os_clocksource_read,
		.boot_id = os_boot_id,
		.time_namespace = os_time_namespace,
		.vmclock_open = os_vmclock_open,
		.cpu_online_count = os_cpu_online_count,
		.sleep_ns = os_sleep_ns,
	};
}

/* One for all worlds of this process. */
static struct world_vmclock *make_vmclock(void)
{
	static struct world_vmclock *v;

	if (!v) {
		vmclock_fd = memfd_create("vmclock", MFD_CLOEXEC);
		if (vmclock_fd < 0 || ftruncate(vmclock_fd, sizeof(*v)) < 0)
			abort();
		v = mmap(NULL, sizeof(*v), PROT_READ | PROT_WRITE, MAP_SHARED, vmclock_fd, 0);
		if (v == MAP_FAILED)
			abort();
	}
	*v = (struct world_vmclock){
		.magic = htole32(0x4b4c4356),
		.size_bytes = htole32(sizeof(*v)),
		.version = htole16(1),
		.flags = htole64(1 << 8),
	};
	return v;
}

/* Most worlds know some of the disturbances, some know all. */
static void choose_disturbances(struct world *w)
{
	static const double shortest_s[WORLD_EVENTS] = {
		[WORLD_FREQUENCY] = 20,
		[WORLD_SLEW] = 20,
		[WORLD_STEP] = 30,
		[WORLD_TAI] = 200,
		[WORLD_SUSPEND] = 60,
		[WORLD_PAUSE] = 60,
		[WORLD_JUMP] = 60,
		[WORLD_CLOCKSOURCE] = 120,
		[WORLD_MOVE] = 120,
	};
	bool all = random_once_in(&w->random, 8);

	w->mean_s[WORLD_WANDER] = 2;
	for (int e = 0; e < WORLD_EVENTS; e++)
		if (shortest_s[e] > 0 && (all || random_once_in(&w->random, 3)))
			w->mean_s[e] = random_log(&w->random, shortest_s[e], 2000);
}

static void choose_clocks(struct world *w)
{
	struct random *r = &w->random;
	/* within the hour, a midnight at which a leap may be due */
	int64_t midnight = (int64_t)(20000 + random_below(r, 30000)) * 86400;
	int64_t realtime = (midnight - 10 - (int64_t)random_below(r, 7200)) * NSEC_PER_SEC +
			   (int64_t)random_below(r, NSEC_PER_SEC);

	w->monotonic.ns0 = (int64_t)random_log(r, 1e10, 1e17);
	w->raw.ns0 = w->monotonic.ns0 + (int64_t)random_between(r, -1e9, 1e9);
	w->wall_ns = realtime - w->monotonic.ns0;
	w->utc.ns0 = realtime + (int64_t)random_between(r, -1e7, 1e7);
	w->boot_ns = random_next(r) & 1 ? (int64_t)random_log(r, 1e9, 1e15) : 0;
	w->timex.tai_offset_s = random_next(r) & 1 ? 37 : 0;
	if (random_once_in(r, 3))
		w->timex.status |= random_next(r) & 1 ? STA_INS : STA_DEL;
}

void world_init(struct world *w, uint64_t seed, uint64_t (*page_epoch)(void))
{
	*w = (struct world){
		.random = { seed * UINT64_C(0x2545f4914f6cdd1d) + 1 },
		.page_epoch = page_epoch,
		.notified_x = NEVER,
		.claimed_again_x = NEVER,
		.timex = { .tick_us = 10000, .status = STA_UNSYNC, .maxerror_us = 16000000 },
	};
	struct random *r = &w->random;

	w->x = w->start_x = (uint64_t)random_log(r, 1e9, 1e17);
	w->monotonic.x0 = w->raw.x0 = w->utc.x0 = w->x;
	w->first_khz = (uint64_t)random_log(r, 800e3, 5e6);
	set_hz(w, w->first_khz, random_between(r, -30e-6, 30e-6));
	w->quantum_ticks = random_next(r) & 1 ? 1 : 1 + random_below(r, w->khz / 100000);
	w->on_counter = !random_once_in(r, 4);
	w->listed = w->on_counter || !random_once_in(r, 8);
	w->raw_ns_per_tick = w->on_counter ? rate_of_registration(w->khz, 1000, UINT64_MAX)
					   : 1e9 / w->hz * (1 + random_between(r, -1e-4, 1e-4));
	w->drift = random_between(r, -30e-6, 30e-6);
	w->has_coarse = !random_once_in(r, 8);
	w->suspend_stops_counter = random_next(r) & 1;
	w->sync = (enum world_sync)random_below(r, 4);
	if (w->sync == WORLD_NOBODY && random_next(r) & 1)
		w->sync = WORLD_CLAIMS;
	w->timex.frequency = llround(random_between(r, -50, 50) * 65536);
	choose_clocks(w);
	choose_disturbances(w);
	w->vmclock = w->mean_s[WORLD_MOVE] > 0 ? make_vmclock() : NULL;
	set_rates(w);
	for (int e = 0; e < WORLD_EVENTS; e++)
		schedule(w, (enum world_event)e);
	w->next[WORLD_SECOND] = w->x + ticks_s(w, 1);
	w->next[WORLD_POLL] = w->sync == WORLD_CLAIMS || w->sync == WORLD_ZERO
				      ? w->x + ticks_s(w, random_between(r, 0, 10))
				      : NEVER;
	find_next(w);
}

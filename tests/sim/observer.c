/* SPDX-License-Identifier: MIT */
#include "tests/sim/observer.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define AWAY_S 0.3

static const clockid_t clocks[OBSERVER_CLOCKS] = { CLOCK_REALTIME, CLOCK_MONOTONIC,
	CLOCK_MONOTONIC_RAW, CLOCK_BOOTTIME, CLOCK_TAI };

static struct world *the_world;

uint64_t virtual_counter(void)
{
	return world_counter(the_world);
}

/* The resolver is not under test: with no vDSO in the handle, the system call is the world's
 * kernel. */
int vdsotime_sys_clock_gettime(int32_t clock_id, struct vdsotime_timespec *ret)
{
	int64_t ns;

	world_read(the_world, clock_id, &ns);
	ret->sec = ns / 1000000000;
	ret->nsec = ns % 1000000000;
	return 0;
}

#if !VDSOTIME_CALL_IN_PLACE
int vdsotime_call_clock_gettime(
	const struct vdsotime_vdso *vdso, int32_t clock_id, struct vdsotime_timespec *ret)
{
	(void)vdso;
	return vdsotime_sys_clock_gettime(clock_id, ret);
}
#endif

int observer_init(struct observer *o, struct world *w, int fd)
{
	void *p = mmap(NULL, sizeof(struct vdsotime_page), PROT_READ, MAP_SHARED, fd, 0);

	*o = (struct observer){ .world = w };
	if (p == MAP_FAILED)
		return -errno;
	the_world = w;
	o->handle.page = p;
	o->handle.clocks = VDSOTIME_PAGE_CLOCKS;
	return 0;
}

void observer_deinit(struct observer *o)
{
	union {
		const void *mapped;
		void *address;
	} u = { .mapped = o->handle.page };

	if (u.mapped)
		munmap(u.address, sizeof(struct vdsotime_page));
	o->handle.page = NULL;
}

void observer_fail(struct observer *o, const char *format, ...)
{
	va_list args;
	int n;

	if (o->failed)
		return;
	o->failed = true;
	n = snprintf(o->why, sizeof(o->why),
		"at %.6f s: ", (double)(o->world->x - o->world->start_x) / o->world->hz);
	va_start(args, format);
	vsnprintf(o->why + n, sizeof(o->why) - (size_t)n, format, args);
	va_end(args);
}

uint64_t observer_epoch(const struct observer *o)
{
	struct vdsotime_line line;

	return vdsotime_page_line(o->handle.page, &line) ? line.extra[VDSOTIME_EXTRA_EPOCH] : 0;
}

static void check_order(struct observer *o, int clock, int64_t ns, const char *path)
{
	uint64_t epoch = o->epoch;

	if (ns < o->last_ns[clock] && epoch == o->last_epoch[clock] && !o->world->disturbed.on) {
		if (!o->publishing)
			observer_fail(o, "clock %d went back by %lld ns, by the %s, in epoch %llu",
				(int)clocks[clock], (long long)(o->last_ns[clock] - ns), path,
				(unsigned long long)epoch);
		o->owed = true;
		o->owed_epoch = epoch;
	}
	o->last_ns[clock] = ns;
	o->last_epoch[clock] = epoch;
}

static void check_distance(struct observer *o, int clock, int64_t ns, uint64_t bound_ns)
{
	int64_t kernel = world_clock(o->world, clocks[clock]);
	uint64_t distance = (uint64_t)llabs(ns - kernel);

	if (o->world->disturbed.on)
		return;
	if (distance > bound_ns)
		observer_fail(o, "clock %d is %lld ns from the kernel's, beyond its %llu",
			(int)clocks[clock], (long long)(ns - kernel), (unsigned long long)bound_ns);
	o->error_sum_ns += distance;
	if (distance > o->error_max_ns)
		o->error_max_ns = distance;
}

static void look_at_all(struct observer *o)
{
	struct vdsotime_snapshot s;
	bool paged;

	if (vdsotime_snapshot(&o->handle, &s) < 0)
		return observer_fail(o, "no snapshot");
	paged = s.path == VDSOTIME_PATH_PAGE;
	o->reads++;
	o->page_reads += paged;
	o->usable_reads += o->trusts || o->world->listed;
	const int64_t values[OBSERVER_CLOCKS] = { s.realtime_ns, s.monotonic_ns, s.monotonic_raw_ns,
		s.boottime_ns, s.tai_ns };
	for (int i = 0; i < OBSERVER_CLOCKS; i++) {
		check_order(o, i, values[i], paged ? "page" : "vDSO");
		if (paged)
			check_distance(o, i, values[i], s.tracking_ns);
	}
}

static void look_at_one(struct observer *o)
{
	int i = (int)random_below(&o->world->random, OBSERVER_CLOCKS);
	int64_t ns;

	if (vdsotime_gettime_ns(&o->handle, clocks[i], &ns) < 0)
		return observer_fail(o, "no clock %d", (int)clocks[i]);
	check_order(o, i, ns, "single read");
}

static void look_at_interval(struct observer *o)
{
	struct vdsotime_interval interval;
	int64_t utc;

	if (vdsotime_interval(&o->handle, &interval) < 0 || o->world->disturbed.on)
		return;
	utc = world_utc(o->world);
	o->intervals++;
	if (interval.latest_ns <= interval.earliest_ns)
		observer_fail(o, "an interval of no width");
	if (o->world->sync != WORLD_CLAIMS)
		observer_fail(o, "an interval that nobody claimed");
	if (o->world->claimed_x < o->voided_x)
		observer_fail(o, "an interval by a claim of before the clocks were disturbed");
	if (o->world->claims_hold && (utc < interval.earliest_ns || utc > interval.latest_ns))
		observer_fail(o, "true time is %lld ns before, %lld ns after the interval",
			(long long)(interval.earliest_ns - utc),
			(long long)(utc - interval.latest_ns));
}

void observer_look(struct observer *o)
{
	/* nobody publishes meanwhile */
	o->epoch = observer_epoch(o);
	look_at_all(o);
	look_at_one(o);
	look_at_interval(o);
}

/*
 * Without readers of the page, what the counter does is nobody's affair; what the clocksource was,
 * and what the VMClock said, before it looked, the daemon does not know in its next life; and when
 * it was away for long, the counter may have wandered as far as it has jumped.
 */
static bool is_unseen(
	const struct observer *o, enum world_event event, uint64_t x, uint64_t before_x)
{
	bool off = o->handle.page->line[0].meta & VDSOTIME_META_OFF;
	bool away = (double)(o->world->x - before_x) > AWAY_S * o->world->hz;

	if (event == WORLD_CLOCKSOURCE)
		return off || x <= o->world->known_x[WORLD_CLOCKSOURCE];
	if (event == WORLD_MOVE)
		return x <= o->world->known_x[WORLD_MOVE];
	return event == WORLD_JUMP && (off || away);
}

/* Claims of before what the daemon has just seen, and nothing else with it, are void from now. */
static void note_voided(struct observer *o, uint64_t before_x)
{
	const struct disturbance *d = &o->world->disturbed;
	const struct voiding *v = &o->world->voided;

	if (v->x == d->x && v->event == d->event && !is_unseen(o, v->event, v->x, before_x))
		o->voided_x = v->x;
}

void observer_published(struct observer *o, uint64_t since_x)
{
	struct disturbance *d = &o->world->disturbed;
	uint64_t epoch = observer_epoch(o);

	if (o->owed && epoch == o->owed_epoch)
		observer_fail(o, "time went back during a publication, in epoch %llu",
			(unsigned long long)epoch);
	o->owed = false;
	uint64_t before_x = o->published_x;
	o->published_x = o->world->x;
	if (o->world->claimed_again_x < since_x) {
		o->world->claims_hold = true;
		o->world->claimed_again_x = UINT64_MAX;
	}
	if (!d->on || d->x > since_x)
		return;
	if (epoch == d->epoch && !is_unseen(o, d->event, d->x, before_x))
		observer_fail(o, "no new epoch %.3f ms after a disturbance (%s)",
			(double)(o->world->x - d->x) / o->world->hz * 1e3,
			world_event_name(d->event));
	note_voided(o, before_x);
	o->disturbances++;
	d->on = false;
}

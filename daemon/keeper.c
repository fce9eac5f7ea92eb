/* SPDX-License-Identifier: MIT */
#include "daemon/keeper-state.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <vdsotime/vdso.h>

#include "daemon/line.h"

/* Enough of a baseline for a first rate: see rate.c. */
#define CALIBRATION_NS UINT64_C(10000000)
#define CALIBRATION_TRIES 8

#define COST_BATCHES 4
#define COST_READS 32

_Static_assert((int)KEEPER_SYNC_UNKNOWN == (int)VDSOTIME_QUALITY_NONE &&
		       (int)KEEPER_SYNC_UNSYNCHRONISED == (int)VDSOTIME_QUALITY_UNSYNCHRONISED &&
		       (int)KEEPER_SYNC_UNQUANTIFIED == (int)VDSOTIME_QUALITY_UNQUANTIFIED &&
		       (int)KEEPER_SYNC_CLAIMED == (int)VDSOTIME_QUALITY_CLAIMED,
	"the page's quality is the state of synchronisation");

static void report(struct keeper *k, enum event_kind kind, int64_t amount)
{
	struct event e = { .kind = kind, .amount = amount };

	k->os->clock_gettime_ns(k->os->ctx, CLOCK_REALTIME, &e.realtime_ns);
	k->os->clock_gettime_ns(k->os->ctx, CLOCK_MONOTONIC, &e.monotonic_ns);
	e.epoch = k->writer.line.extra[VDSOTIME_EXTRA_EPOCH];
	event_log_add(&k->events, &e);
	if (k->on_event)
		k->on_event(k->on_event_data, &e);
}

static void news_report(struct keeper *k, const struct news *n)
{
	for (unsigned int i = 0; i < n->count; i++)
		report(k, n->item[i].kind, n->item[i].amount);
}

uint64_t keeper_tick(struct keeper *k)
{
	/* before the sample: one of before a move, taken for one of after it, would be trusted */
	enum vmclock_change moved = vmclock_look(&k->vmclock);
	struct news news = { 0 };

	news_report(k, &k->found);
	k->found.count = 0;
	if (moved != VMCLOCK_SAME)
		k->moved = moved;
	keeper_take_comparison(k, &news);
	if (keeper_look(k, &news) == 0)
		keeper_publish(k, &news);
	news_report(k, &news);
	keeper_watch_cpus(k);
	return keeper_period_ns(k);
}

static uint32_t cost_ns(const struct os *os, int (*read)(void *ctx, int32_t clock_id, int64_t *ret))
{
	int64_t best = INT64_MAX;

	for (int batch = 0; batch < COST_BATCHES; batch++) {
		int64_t start, end, ignored;

		if (os->clock_gettime_ns(os->ctx, CLOCK_MONOTONIC, &start) < 0)
			return 0;
		for (int i = 0; i < COST_READS; i++)
			read(os->ctx, CLOCK_MONOTONIC, &ignored);
		if (os->clock_gettime_ns(os->ctx, CLOCK_MONOTONIC, &end) < 0)
			return 0;
		if (end - start < best)
			best = end - start;
	}
	return (uint32_t)(best / COST_READS);
}

/* Samples until there is a rate, and its proof: three, unless the machine was held up meanwhile. */
static int calibrate(struct keeper *k)
{
	struct news ignored = { 0 };
	int r = keeper_look(k, &ignored);

	for (int i = 0; r == 0 && i < CALIBRATION_TRIES && k->counter.usable &&
			!discipline_ready(&k->discipline);
		i++) {
		k->os->sleep_ns(k->os->ctx, CALIBRATION_NS);
		ignored.count = 0;
		r = keeper_look(k, &ignored);
	}
	return r;
}

/* Without a page of before: what has slept may have been woken since the claim was made. */
static int look_first(struct keeper *k)
{
	struct news ignored = { 0 };
	int r = keeper_look(k, &ignored);

	if (r == 0 && k->sample.boottime_offset_ns != 0)
		keeper_forget_claim(k);
	return r;
}

static int open_page(struct keeper *k, int page_fd)
{
	struct page_identity identity = { .counter_kind = k->counter.kind };
	double ns_per_tick = k->discipline.rate.ns_per_tick;
	int64_t instance = 0;

	if (k->os->boot_id(k->os->ctx, identity.boot_id) < 0)
		memset(identity.boot_id, 0, sizeof(identity.boot_id));
	if (k->os->time_namespace(
		    k->os->ctx, &identity.time_namespace_dev, &identity.time_namespace_inode) < 0)
		identity.time_namespace_dev = identity.time_namespace_inode = 0;
	k->os->clock_gettime_ns(k->os->ctx, CLOCK_REALTIME, &instance);
	return writer_init(&k->writer, page_fd, &identity,
		ns_per_tick > 0 ? (uint64_t)llround(NSEC_PER_SEC / ns_per_tick) : 0,
		(uint64_t)instance);
}

int keeper_new(struct keeper **ret, const struct keeper_options *options, const struct os *os,
	const struct vdsotime_vdso *vdso, int page_fd)
{
	struct keeper *k = calloc(1, sizeof(*k));
	struct news ignored = { 0 };
	int r;

	if (!k)
		return -ENOMEM;
	k->options = *options;
	k->os = os;
	k->vdso = vdso;
	k->writer = (struct writer)WRITER_NULL;
	sync_init(&k->sync);
	keeper_compare_cpus(k);
	keeper_read_clocksource(k, NULL);
	vmclock_init(&k->vmclock, os);
	sampler_init(&k->sampler, os, k->counter.kind != VDSOTIME_COUNTER_NONE);
	discipline_init(&k->discipline, &k->counter.registration);
	k->vdso_cost_ns = cost_ns(os, os->clock_gettime_ns);
	k->syscall_cost_ns = cost_ns(os, os->clock_gettime_syscall_ns);
	r = calibrate(k);
	if (r == 0)
		r = open_page(k, page_fd);
	/* once more in any case: the older the sample, the further the first line leads */
	if (r == 0)
		r = k->writer.restored ? keeper_compare_restored(k) : look_first(k);
	if (r < 0) {
		keeper_free(k);
		return r;
	}
	keeper_publish(k, &ignored);
	*ret = k;
	return 0;
}

struct keeper *keeper_free(struct keeper *k)
{
	if (k) {
		vmclock_deinit(&k->vmclock);
		writer_deinit(&k->writer);
		free(k);
	}
	return NULL;
}

void keeper_configure(struct keeper *k, const struct keeper_options *options)
{
	bool counter_changed = options->counter != k->options.counter;

	k->options = *options;
	if (!counter_changed)
		return;
	keeper_choose_counter(k);
	discipline_init(&k->discipline, &k->counter.registration);
	k->disturbed = true;
	k->parted = true;
}

int keeper_read_kernel(const struct keeper *k, int32_t clock_id, int64_t *ret_ns)
{
	return k->os->clock_gettime_ns(k->os->ctx, clock_id, ret_ns);
}

/*
 * The kernel's answer where the page has none because this daemon was held up: not before what the
 * page could still have said, as in the client's fallback.
 */
static int64_t lift_to_page(const struct keeper *k, int32_t clock_id, int64_t ns)
{
	const struct vdsotime_line *line = &k->writer.line;
	uint64_t window, mult, elapsed, tracking;
	int64_t end;

	if (!line_is_on(line) || line_covers(line, keeper_counter_now(k)))
		return ns;
	window = UINT64_C(1) << (line->meta & VDSOTIME_META_WINDOW_MASK);
	end = vdsotime_line_base(line, clock_id, line->meta, &mult);
	elapsed = window * mult >> 32;
	end += (int64_t)elapsed;
	tracking = vdsotime_bound(line->extra[VDSOTIME_EXTRA_TRACKING],
		line->extra[VDSOTIME_EXTRA_TRACKING_GROWTH], elapsed);
	return ns < end && (uint64_t)end - (uint64_t)ns <= tracking ? end : ns;
}

int keeper_read(
	const struct keeper *k, int32_t clock_id, int64_t *ret_ns, uint64_t *ret_counter_ticks)
{
	uint64_t counter_ticks = 0;
	struct vdsotime_point point;
	int64_t ns;

	if ((uint32_t)clock_id >= 32 || !(VDSOTIME_PAGE_CLOCKS >> clock_id & 1))
		return -EINVAL;
	if (k->counter.kind != VDSOTIME_COUNTER_NONE &&
		vdsotime_page_read(k->writer.page, clock_id, VDSOTIME_COUNTER_FENCE, &point) ==
			VDSOTIME_PAGE_READ) {
		ns = (int64_t)((uint64_t)point.base_ns + point.elapsed_ns);
		counter_ticks = point.counter_ticks;
	} else {
		int r = keeper_read_kernel(k, clock_id, &ns);

		if (r < 0)
			return r;
		if (k->counter.kind != VDSOTIME_COUNTER_NONE)
			ns = lift_to_page(k, clock_id, ns);
	}
	*ret_ns = ns;
	if (ret_counter_ticks)
		*ret_counter_ticks = counter_ticks;
	return 0;
}

void keeper_take_report(struct keeper *k, const struct chrony_report *report)
{
	if (report)
		sync_take_report(&k->sync, report);
	else
		sync_drop_report(&k->sync);
}

int keeper_page_fd(const struct keeper *k)
{
	return k->writer.reader_fd;
}

int keeper_page_store_fd(const struct keeper *k)
{
	return k->writer.fd;
}

void keeper_page_stored(struct keeper *k)
{
	k->kept = true;
}

const struct vdsotime_vdso *keeper_vdso(const struct keeper *k)
{
	return k->vdso;
}

const struct event_log *keeper_events(const struct keeper *k)
{
	return &k->events;
}

void keeper_on_event(struct keeper *k, void (*call)(void *data, const struct event *e), void *data)
{
	k->on_event = call;
	k->on_event_data = data;
}

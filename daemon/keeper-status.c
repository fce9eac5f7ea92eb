/* SPDX-License-Identifier: MIT */
#include "daemon/keeper-state.h"

#include <math.h>
#include <string.h>
#include <time.h>

#include "daemon/line.h"

static void describe_counter(const struct keeper *k, struct keeper_status *s)
{
	double ns_per_tick = k->discipline.rate.ns_per_tick;

	s->counter_name = k->counter.name;
	s->counter_usable = k->counter.usable;
	s->counter_reason = k->counter.reason;
	s->counter_hz = ns_per_tick > 0 ? (uint64_t)llround(NSEC_PER_SEC / ns_per_tick) : 0;
	s->counter_exact = k->discipline.rate.exact;
	s->warp_cpus = k->warp.cpus;
	s->warp_pinned = k->warp.pinned;
	s->warp_ticks = k->warp.worst_ticks;
	s->vmclock = k->vmclock.state;
	memcpy(s->clocksource, k->clocksource, sizeof(s->clocksource));
	memcpy(s->clocksources, k->clocksources, sizeof(s->clocksources));
	s->vdso_fast = k->vdso_cost_ns * 2 < k->syscall_cost_ns;
	s->vdso_cost_ns = k->vdso_cost_ns;
	s->syscall_cost_ns = k->syscall_cost_ns;
}

static void describe_page(const struct keeper *k, int64_t monotonic_ns, struct keeper_status *s)
{
	const struct vdsotime_line *line = &k->writer.line;
	struct vdsotime_instant now;

	s->page_restored = k->writer.restored;
	s->page_kept = k->kept;
	s->page_size_bytes = sizeof(struct vdsotime_page);
	s->generation = line->extra[VDSOTIME_EXTRA_GENERATION];
	s->epoch = line->extra[VDSOTIME_EXTRA_EPOCH];
	s->age_ns = -1;
	s->period_ns = keeper_period_ns(k);
	s->error_ns = UINT64_MAX;
	if (k->counter.kind == VDSOTIME_COUNTER_NONE ||
		vdsotime_page_read_instant(k->writer.page, VDSOTIME_COUNTER_FENCE, &now) !=
			VDSOTIME_PAGE_READ)
		return;
	s->page_on = true;
	s->age_ns = monotonic_ns - (int64_t)line->word[VDSOTIME_WORD_MONOTONIC];
	s->window_ns = line_window_ns(line);
	s->tracking_ns = now.tracking_ns;
	s->error_ns = now.error_ns;
}

static void describe_tracking(const struct keeper *k, struct keeper_status *s)
{
	s->tracking_known = k->has_residual;
	s->residual_ns = llround(k->residual_ns);
	s->residual_rms_ps = (uint64_t)llround(sqrt(k->residual_square) * 1000);
	s->residual_max_ns = (uint64_t)llround(k->residual_max_ns);
	s->samples = k->samples;
	s->late_publications = k->late_publications;
}

static void describe_sync(const struct keeper *k, struct keeper_status *s)
{
	const struct os_timex *t = &k->sample.timex;

	s->sync = k->sync.state;
	s->sync_reported = sync_is_reported(&k->sync);
	s->leap = k->sync.leap;
	s->tai_offset_s = k->sample.tai_offset_s;
	if (k->sample.timex_error)
		return;
	s->maxerror_ns = (uint64_t)t->maxerror_us * 1000;
	s->esterror_ns = (uint64_t)t->esterror_us * 1000;
	s->frequency_ppb = llround((double)t->frequency * 1000 / 65536);
	s->timex_status = t->status;
}

void keeper_status(const struct keeper *k, struct keeper_status *ret)
{
	int64_t monotonic_ns = 0;

	*ret = (struct keeper_status){ 0 };
	keeper_read_kernel(k, CLOCK_MONOTONIC, &monotonic_ns);
	describe_counter(k, ret);
	describe_page(k, monotonic_ns, ret);
	describe_tracking(k, ret);
	describe_sync(k, ret);
}

/* SPDX-License-Identifier: MIT */
#include "daemon/keeper-state.h"

#include <math.h>

#include "daemon/line.h"

/* A line that took too long to make is made again, but not for ever. */
#define PUBLISH_TRIES 3

/* A publication is over well within this; one that is not is noticed. */
#define PUBLISH_SPAN_NS 50000

/* Nearer to a leap second than this no line is published: readers ask the kernel. */
#define LEAP_CLOSE_NS 1000000

static uint64_t ticks_of(const struct keeper *k, uint64_t ns)
{
	return (uint64_t)((double)ns / k->discipline.rate.ns_per_tick);
}

/* From now, not from the sample: the daemon may have been held up since. */
static int64_t until_leap_ns(const struct keeper *k)
{
	int64_t now_ns = k->sample.monotonic.ns + k->sample.realtime_offset_ns;

	if (k->counter.usable)
		now_ns += llround((double)(int64_t)(keeper_counter_now(k) -
						    k->sample.monotonic.counter_ticks) *
				  k->discipline.rate.ns_per_tick);
	return sync_until_leap_ns(&k->sync, now_ns);
}

uint64_t keeper_period_ns(const struct keeper *k)
{
	uint64_t period = discipline_is_moving(&k->discipline) ? k->options.fast_period_ns
							       : k->options.period_ns;
	int64_t leap = until_leap_ns(k);

	/* windows shrink towards the leap, and publications keep up with them */
	if (leap < (int64_t)(4 * period))
		period = leap / 4 > LEAP_CLOSE_NS ? (uint64_t)leap / 4 : LEAP_CLOSE_NS;
	return period;
}

/* The page has 16 bits for it, the kernel more. */
static bool tai_fits(const struct keeper *k)
{
	return k->sample.tai_offset_s >= INT16_MIN && k->sample.tai_offset_s <= INT16_MAX;
}

/* The words of a line that are not the discipline's. */
static void fill_line(const struct keeper *k, struct vdsotime_line *line, uint64_t epoch)
{
	int64_t boottime_ns =
		(int64_t)line->word[VDSOTIME_WORD_MONOTONIC] + k->sample.boottime_offset_ns;
	uint64_t error = sync_error_ns(&k->sync, boottime_ns, k->options.max_drift_ppb);

	int32_t tai_offset_s = tai_fits(k) ? k->sample.tai_offset_s : 0;

	line->meta |= (uint32_t)tai_offset_s << VDSOTIME_META_TAI_SHIFT;
	line->word[VDSOTIME_WORD_REALTIME] = (uint64_t)k->sample.realtime_offset_ns;
	line->word[VDSOTIME_WORD_BOOTTIME] = (uint64_t)k->sample.boottime_offset_ns;
	line->extra[VDSOTIME_EXTRA_EPOCH] = epoch;
	if (error != SYNC_NO_BOUND) {
		uint64_t growth = line->extra[VDSOTIME_EXTRA_TRACKING_GROWTH] +
				  k->options.max_drift_ppb * (UINT64_C(1) << 32) / NSEC_PER_SEC + 1;

		error += line->extra[VDSOTIME_EXTRA_TRACKING];
		line->extra[VDSOTIME_EXTRA_ERROR_GROWTH] =
			growth < UINT32_MAX ? growth : UINT32_MAX;
	}
	line->extra[VDSOTIME_EXTRA_ERROR] = error;
	line->extra[VDSOTIME_EXTRA_FLAGS] = (uint64_t)k->sync.state | (uint64_t)k->sync.leap << 8 |
					    (tai_offset_s != 0 ? VDSOTIME_FLAGS_TAI_KNOWN : 0);
}

/* The windows of a line from now on: none reaches a leap. */
static void choose_windows(const struct keeper *k, struct discipline_order *o)
{
	double ns_per_tick = k->discipline.rate.ns_per_tick;
	int64_t leap = until_leap_ns(k);

	o->window_log2 = line_window_log2(2 * k->options.period_ns, ns_per_tick);
	o->bent_window_log2 = line_window_log2(4 * keeper_period_ns(k), ns_per_tick);
	if (leap < (int64_t)(4 * k->options.period_ns)) {
		uint32_t within = line_window_log2_within((uint64_t)leap / 2, ns_per_tick);

		if (within < o->window_log2)
			o->window_log2 = within;
	}
	if (o->bent_window_log2 > o->window_log2)
		o->bent_window_log2 = o->window_log2;
}

/*
 * When the next line should meet the model.  Not before half of its window is over: if the daemon
 * dies, readers follow it to the end, and so it has overshot by no more than it was off when it
 * began.  With an earlier target a row of lives that die young would swing ever wider.
 */
static uint64_t target_of(const struct keeper *k, const struct discipline_order *o)
{
	uint64_t period = ticks_of(k, keeper_period_ns(k));
	uint64_t half = (UINT64_C(1) << o->window_log2) / 2;

	return o->now_ticks + (half > period ? half : period);
}

/* The next line, from what readers have on old. */
static void make_line(const struct keeper *k, const struct vdsotime_line *old,
	struct discipline_order *ret_order, struct vdsotime_line *ret)
{
	uint64_t now = keeper_counter_now(k);
	struct discipline_order order = {
		.now_ticks = now,
		.until_ticks = now + ticks_of(k, PUBLISH_SPAN_NS),
		.max_slew_ppb = k->options.max_slew_ppb,
		.slack_ns = (double)k->sample.offset_slack_ns +
			    (double)k->warp.worst_ticks * k->discipline.rate.ns_per_tick,
	};

	choose_windows(k, &order);
	order.target_ticks = target_of(k, &order);
	if (!k->parted && line_is_on(old)) {
		if (line_covers(old, order.until_ticks))
			order.old = old;
		else
			order.expired = old;
	}
	*ret = (struct vdsotime_line){ 0 };
	discipline_line(&k->discipline, &order, ret);
	fill_line(k, ret, old->extra[VDSOTIME_EXTRA_EPOCH] + (k->disturbed ? 1 : 0));
	*ret_order = order;
}

/* May a reader have got a later time than the new line gives at now, when it should have been
 * out? */
static bool goes_back(
	const struct discipline_order *o, const struct vdsotime_line *line, uint64_t now)
{
	struct vdsotime_instant before, after;

	if ((int64_t)(now - o->until_ticks) <= 0)
		return false;
	/* with no line in force, or no more, or the new one over already, from the kernel itself */
	if (!o->old || !line_covers(o->old, now) || !line_covers(line, now))
		return true;
	vdsotime_line_instant(o->old, now, &before);
	vdsotime_line_instant(line, now, &after);
	return after.monotonic_ns < before.monotonic_ns ||
	       after.monotonic_raw_ns < before.monotonic_raw_ns;
}

/*
 * A line that readers may use.  Before, it is asked whether making it was so slow that publishing
 * it would be late; afterwards, whether the publication was over when the line said it would be.
 * If not, a reader may have seen time go back, and the epoch tells.
 */
static void publish_on(struct keeper *k, struct news *n)
{
	const struct vdsotime_line old = k->writer.line;
	bool was_off = old.extra[VDSOTIME_EXTRA_GENERATION] != 0 && !line_is_on(&old);
	struct discipline_order order;
	struct vdsotime_line line;
	uint64_t now;

	/* readers may have been kept ahead of the kernel by the line before that: see publish_off()
	 */
	k->disturbed |= was_off;
	for (int i = 0; i < PUBLISH_TRIES; i++) {
		make_line(k, &old, &order, &line);
		now = keeper_counter_now(k);
		if (now - order.now_ticks < (order.until_ticks - order.now_ticks) / 2)
			break;
	}
	writer_publish(&k->writer, &line);
	now = keeper_counter_now(k);
	if (goes_back(&order, &k->writer.line, now)) {
		line.extra[VDSOTIME_EXTRA_EPOCH]++;
		writer_publish(&k->writer, &line);
		k->late_publications++;
		news_add(n, EVENT_PUBLISHED_LATE, 0);
	}
	if (!order.old)
		k->landing = true;
	if (!line_is_on(&old))
		news_add(n, EVENT_PAGE_ON, 0);
	k->disturbed = false;
	k->parted = false;
}

/*
 * A line that sends readers to the vDSO.  Its bases still say how far readers may have got on the
 * line before it: see the client's fallback.
 */
static void publish_off(struct keeper *k, struct news *n)
{
	const struct vdsotime_line old = k->writer.line;
	struct vdsotime_line line = { .meta = VDSOTIME_META_OFF };
	bool first = old.extra[VDSOTIME_EXTRA_GENERATION] == 0;

	if (!first && !line_is_on(&old) && !k->disturbed)
		return;
	if (!first) {
		uint64_t now = k->counter.kind != VDSOTIME_COUNTER_NONE ? keeper_counter_now(k) : 0;
		uint64_t end = old.word[VDSOTIME_WORD_COUNTER] +
			       (UINT64_C(1) << (old.meta & VDSOTIME_META_WINDOW_MASK));
		struct vdsotime_instant at;

		/* its counter is past in any case: a stamp of before is not this line's */
		line = old;
		vdsotime_line_instant(&old, line_covers(&old, now) ? now : end, &at);
		line.word[VDSOTIME_WORD_COUNTER] = now - 1;
		line.word[VDSOTIME_WORD_MONOTONIC] = (uint64_t)at.monotonic_ns;
		line.word[VDSOTIME_WORD_RAW] = (uint64_t)at.monotonic_raw_ns;
		/* by as much as it has grown may readers have been ahead of the kernel */
		line.extra[VDSOTIME_EXTRA_TRACKING] = at.tracking_ns;
		line.meta = VDSOTIME_META_OFF;
	}
	fill_line(k, &line, old.extra[VDSOTIME_EXTRA_EPOCH] + 1);
	line.extra[VDSOTIME_EXTRA_ERROR] = VDSOTIME_NO_ERROR_BOUND;
	writer_publish(&k->writer, &line);
	if (line_is_on(&old))
		news_add(n, EVENT_PAGE_OFF, 0);
	k->disturbed = false;
	k->parted = false;
}

void keeper_publish(struct keeper *k, struct news *n)
{
	if (!k->writer.page)
		return;
	if (k->counter.usable && discipline_ready(&k->discipline) && tai_fits(k) &&
		until_leap_ns(k) > LEAP_CLOSE_NS)
		publish_on(k, n);
	else
		publish_off(k, n);
}

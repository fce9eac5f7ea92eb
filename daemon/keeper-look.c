/* SPDX-License-Identifier: MIT */
#include "daemon/keeper-state.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/line.h"

/* Frequency changes below this are the daily work of a sync daemon, and no news. */
#define RATE_NEWS_PPB 10000

/* By so much (relative) may a counter wander against MONOTONIC_RAW between two lives of the
 * daemon. */
#define RAW_WANDER 300e-6

void news_add(struct news *n, enum event_kind kind, int64_t amount)
{
	n->item[n->count].kind = kind;
	n->item[n->count].amount = amount;
	n->count++;
}

/* While the counter is the clocksource in force, nothing hangs on what else the kernel would
 * take. */
static bool clocksource_stays(const struct keeper *k)
{
	char current[sizeof(k->clocksource)];

	return k->counter.registration.scale_hz != 0 &&
	       k->os->clocksource_read(k->os->ctx, current, sizeof(current), NULL, 0) == 0 &&
	       strcmp(current, k->clocksource) == 0;
}

void keeper_read_clocksource(struct keeper *k, struct news *n)
{
	char current[sizeof(k->clocksource)] = "", available[sizeof(k->clocksources)] = "";
	int r;

	if (n && clocksource_stays(k))
		return;
	r = k->os->clocksource_read(
		k->os->ctx, current, sizeof(current), available, sizeof(available));

	/* no answer for once (no descriptor left, say) is no news */
	if (n && r < 0)
		return;
	if (n && strcmp(current, k->clocksource) == 0 && strcmp(available, k->clocksources) == 0)
		return;
	bool changed = strcmp(current, k->clocksource) != 0, used = k->counter.usable;

	memcpy(k->clocksource, current, sizeof(current));
	memcpy(k->clocksources, available, sizeof(available));
	keeper_choose_counter(k);
	if (!n || (!changed && used == k->counter.usable))
		return;
	/* another clocksource has another raw rate */
	discipline_reregister(&k->discipline, &k->counter.registration);
	k->disturbed = true;
	k->parted = true;
	news_add(n, EVENT_CLOCKSOURCE_CHANGED, 0);
}

/* A sample so wide that its distance from the page would tell of the sample alone. */
static bool is_vague(const struct keeper *k, const struct sample_point *p)
{
	const struct model *m = &k->discipline.monotonic;

	return !m->known || (double)p->bracket_ticks * m->slope > 4 * m->least_noise_ns;
}

static void judge_anew(struct keeper *k)
{
	k->samples = 0;
	k->residual_square = 0;
	k->residual_max_ns = 0;
}

/* How well the page did at this sample.  The way down from a lead on purpose is not judged. */
static void judge_page(struct keeper *k, const struct sample *s)
{
	const struct vdsotime_line *line = &k->writer.line;
	double weight;

	if (!k->counter.usable || !line_covers(line, s->monotonic.counter_ticks) ||
		is_vague(k, &s->monotonic))
		return;
	k->residual_ns = discipline_page_error_ns(line, &s->monotonic);
	k->has_residual = true;
	if (k->landing && fabs(k->residual_ns) > model_bound_ns(&k->discipline.monotonic))
		return;
	k->landing = false;
	k->samples++;
	weight = k->samples < 1000 ? 1 / (double)k->samples : 1e-3;
	k->residual_square += (k->residual_ns * k->residual_ns - k->residual_square) * weight;
	k->residual_max_ns = fmax(k->residual_max_ns, fabs(k->residual_ns));
}

/* By how many seconds TAI will be further from UTC once the kernel has leapt. */
static int32_t leap_of(uint32_t due)
{
	return due == VDSOTIME_LEAP_INSERT ? 1 : due == VDSOTIME_LEAP_DELETE ? -1 : 0;
}

/* May the kernel have been leaping while this sample was taken? */
static bool is_of_leap(const struct keeper *k, const struct sample *s)
{
	return sync_until_leap_ns(&k->sync, s->monotonic.ns + s->realtime_offset_ns) == 0;
}

/*
 * What happened to REALTIME, and to TAI against it.  A leap second moves both at once, but may do
 * so in the midst of a sample: then TAI comes first.
 */
static void compare_wall_clocks(struct keeper *k, const struct sample *s, struct news *n)
{
	const struct sample *last = &k->sample;
	int64_t step = s->realtime_offset_ns - last->realtime_offset_ns;
	int32_t tai_change = s->tai_offset_s - last->tai_offset_s;
	int32_t leap = leap_of(k->sync.due);
	bool leapt = leap != 0 && step == -leap * (int64_t)NSEC_PER_SEC &&
		     (tai_change == leap || is_of_leap(k, last));

	if (leapt) {
		news_add(n, EVENT_LEAP_SECOND, leap);
	} else if (step != 0) {
		news_add(n, EVENT_CLOCK_SET, step);
		/* whoever set the clock has said nothing of its error yet */
		sync_forget(&k->sync);
	}
	if (tai_change != 0 && !(tai_change == leap && (leapt || is_of_leap(k, s))))
		news_add(n, EVENT_TAI_CHANGED, (int64_t)tai_change * NSEC_PER_SEC);
	if (step != 0 || tai_change != 0)
		k->disturbed = true;
}

static void compare_offsets(struct keeper *k, const struct sample *s, struct news *n)
{
	int64_t slept_ns = s->boottime_offset_ns - k->sample.boottime_offset_ns;

	if (slept_ns != 0) {
		news_add(n, EVENT_SUSPENDED, slept_ns);
		k->disturbed = true;
		/* all CPUs but one were off meanwhile */
		keeper_doubt_cpus(k);
	}
	compare_wall_clocks(k, s, n);
}

static void look_at_sync(struct keeper *k, const struct sample *s, struct news *n)
{
	enum keeper_sync state = k->sync.state;
	bool was_reported = k->reported;
	uint32_t due = k->sync.due;

	sync_look(&k->sync, &s->timex, s->timex_error, s->monotonic.ns + s->boottime_offset_ns);
	k->reported = sync_is_reported(&k->sync);
	if (!k->has_sample)
		return;
	if (k->sync.state != state || k->reported != was_reported)
		news_add(n, EVENT_SYNC_CHANGED, 0);
	if (k->sync.due != due && leap_of(k->sync.due) != 0)
		news_add(n, EVENT_LEAP_ANNOUNCED, leap_of(k->sync.due));
}

/*
 * Counter and clocks are not where they were against each other: somebody has stood still, the
 * machine perhaps, while UTC went on.  So no claim of before holds.
 */
static void part(struct keeper *k)
{
	k->disturbed = true;
	k->parted = true;
	sync_forget(&k->sync);
}

void keeper_forget_claim(struct keeper *k)
{
	struct news ignored = { 0 };

	sync_forget(&k->sync);
	look_at_sync(k, &k->sample, &ignored);
}

/* Whatever the hypervisor has done, nothing of before it holds for the counter. */
static void follow_move(struct keeper *k, const struct sample *s, struct news *n)
{
	const struct model *m = &k->discipline.monotonic;
	enum event_kind kind = k->moved == VMCLOCK_RESTORED ? EVENT_RESTORED : EVENT_MIGRATED;

	if (k->moved == VMCLOCK_SAME)
		return;
	k->moved = VMCLOCK_SAME;
	news_add(n, kind,
		k->counter.usable && m->known ? llround(model_distance_ns(m, &s->monotonic)) : 0);
	/* the kernel's own rate stays its own; one that was fitted is another counter's */
	if (k->counter.registration.scale_hz == 0)
		discipline_init(&k->discipline, &k->counter.registration);
	else
		discipline_restart(&k->discipline);
	part(k);
	keeper_doubt_cpus(k);
}

static void follow_counter(struct keeper *k, const struct sample *s, struct news *n)
{
	struct discipline_news news;

	if (k->has_sample &&
		(int64_t)(s->monotonic.counter_ticks - k->sample.monotonic.counter_ticks) <= 0) {
		discipline_restart(&k->discipline);
		part(k);
		news_add(n, EVENT_COUNTER_BACKWARDS, 0);
	}
	/* while the machine was suspended the counter may have run on, or started from anywhere */
	if (k->has_sample && s->boottime_offset_ns != k->sample.boottime_offset_ns) {
		discipline_restart(&k->discipline);
		k->parted = true;
	}
	discipline_add(&k->discipline, s, k->options.max_slew_ppb, &news);
	if (news.jumped) {
		/* a suspend is known by its own name already */
		if (s->boottime_offset_ns == k->sample.boottime_offset_ns)
			news_add(n, EVENT_JUMPED, news.jump_ns);
		part(k);
	}
	if (news.rate_changed && llabs(news.rate_change_ppb) >= RATE_NEWS_PPB)
		news_add(n, EVENT_RATE_CHANGED, news.rate_change_ppb);
}

int keeper_look(struct keeper *k, struct news *n)
{
	struct sample s;
	int r;

	keeper_read_clocksource(k, n);
	r = sampler_take(&k->sampler, &s);
	if (r < 0)
		return r;
	judge_page(k, &s);
	if (k->has_sample)
		compare_offsets(k, &s, n);
	follow_move(k, &s, n);
	if (k->counter.usable)
		follow_counter(k, &s, n);
	look_at_sync(k, &s, n);
	if (k->disturbed)
		judge_anew(k);
	k->sample = s;
	k->has_sample = true;
	return 0;
}

/* A clock's line, led on to the sample, less the sample, in ns: years may lie between, so not in 64
 * bits. */
static double line_distance_ns(const struct vdsotime_line *line, enum vdsotime_word base,
	enum vdsotime_word mult, const struct sample_point *p)
{
	double ticks = (double)(int64_t)(p->counter_ticks - line->word[VDSOTIME_WORD_COUNTER]);

	return ticks * (double)line->word[mult] * 0x1p-32 +
	       (double)((int64_t)line->word[base] - p->ns);
}

/*
 * Has the counter, or a clock, gone elsewhere since the line was in force?  Its raw rate may have
 * been bent, or known but roughly, and may be so now: that is no jump.
 */
static bool has_parted(const struct keeper *k, const struct vdsotime_line *line)
{
	const struct sample *s = &k->sample;
	const struct rate *rate = &k->discipline.rate;
	uint64_t ticks = s->monotonic.counter_ticks - line->word[VDSOTIME_WORD_COUNTER];
	double elapsed_ns = (double)ticks * rate->ns_per_tick;
	double bound = (double)line->extra[VDSOTIME_EXTRA_TRACKING] +
		       model_bound_ns(&k->discipline.monotonic);
	double growth = (double)line->extra[VDSOTIME_EXTRA_TRACKING_GROWTH] * 0x1p-32;
	double raw_slope = (double)line->word[VDSOTIME_WORD_RAW_MULT] * 0x1p-32;
	double raw_growth =
		fabs(raw_slope / rate->ns_per_tick - 1) + rate->uncertainty + RAW_WANDER;

	return (int64_t)ticks <= 0 ||
	       fabs(line_distance_ns(line, VDSOTIME_WORD_RAW, VDSOTIME_WORD_RAW_MULT, &s->raw)) >
		       bound + elapsed_ns * raw_growth ||
	       fabs(line_distance_ns(line, VDSOTIME_WORD_MONOTONIC, VDSOTIME_WORD_MULT,
		       &s->monotonic)) > bound + elapsed_ns * growth;
}

/* What became of the clocks between the line and the sample. */
static void compare_with_line(struct keeper *k, const struct vdsotime_line *line)
{
	const struct sample *s = &k->sample;
	int64_t stepped_ns = s->realtime_offset_ns - (int64_t)line->word[VDSOTIME_WORD_REALTIME];
	int64_t slept_ns = s->boottime_offset_ns - (int64_t)line->word[VDSOTIME_WORD_BOOTTIME];
	int32_t tai_change = s->tai_offset_s - ((int32_t)line->meta >> VDSOTIME_META_TAI_SHIFT);
	struct news *n = &k->found;

	if (slept_ns != 0)
		news_add(n, EVENT_SUSPENDED, slept_ns);
	if (stepped_ns != 0)
		news_add(n, EVENT_CLOCK_SET, stepped_ns);
	if (tai_change != 0)
		news_add(n, EVENT_TAI_CHANGED, (int64_t)tai_change * NSEC_PER_SEC);
	if (line_is_on(line) && k->counter.usable && discipline_ready(&k->discipline) &&
		has_parted(k, line)) {
		k->parted = true;
		news_add(n, EVENT_JUMPED,
			-llround(line_distance_ns(
				line, VDSOTIME_WORD_MONOTONIC, VDSOTIME_WORD_MULT, &s->monotonic)));
	}
	k->disturbed |= n->count > 0;
}

int keeper_compare_restored(struct keeper *k)
{
	const struct vdsotime_line *line = &k->writer.line;
	struct news ignored = { 0 };
	bool before = k->disturbed;
	uint32_t quality;
	int r;

	/* offsets that brackets cannot tell from the earlier life's are those */
	sampler_assume(&k->sampler, (int64_t)line->word[VDSOTIME_WORD_REALTIME],
		(int64_t)line->word[VDSOTIME_WORD_BOOTTIME]);
	r = keeper_look(k, &ignored);
	if (r < 0)
		return r;
	k->disturbed = before || k->parted;
	compare_with_line(k, line);
	quality = VDSOTIME_FLAGS_QUALITY(line->extra[VDSOTIME_EXTRA_FLAGS]);
	if (k->disturbed || quality == VDSOTIME_QUALITY_UNQUANTIFIED ||
		quality == VDSOTIME_QUALITY_NONE)
		keeper_forget_claim(k);
	return 0;
}

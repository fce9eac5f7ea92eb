/* SPDX-License-Identifier: MIT */
#include "daemon/keeper.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <vdsotime/page.h>
#include <vdsotime/vdso.h>

#include "daemon/counter.h"
#include "daemon/discipline.h"
#include "daemon/os.h"
#include "daemon/sampler.h"
#include "daemon/sync.h"
#include "daemon/writer.h"

#define NSEC_PER_SEC 1000000000

/* Enough of a baseline for a first rate: see rate.c. */
#define CALIBRATION_NS UINT64_C(10000000)
#define CALIBRATION_TRIES 8

/* A publication is over well within this; one that is not is noticed. */
#define PUBLISH_SPAN_NS 50000

/* A window must be less than 2^32 ns, so that elapsed ns fit 32 bits. */
#define WINDOW_MAX_NS UINT64_C(4000000000)

/* Nearer to a leap second than this no line is published: readers ask the kernel. */
#define LEAP_CLOSE_NS 1000000

/* Frequency changes below this are the daily work of a sync daemon, and no news. */
#define RATE_NEWS_PPB 10000

#define COST_BATCHES 4
#define COST_READS 32

_Static_assert((int)KEEPER_SYNC_UNKNOWN == (int)VDSOTIME_QUALITY_NONE &&
		       (int)KEEPER_SYNC_UNSYNCHRONISED == (int)VDSOTIME_QUALITY_UNSYNCHRONISED &&
		       (int)KEEPER_SYNC_UNQUANTIFIED == (int)VDSOTIME_QUALITY_UNQUANTIFIED &&
		       (int)KEEPER_SYNC_CLAIMED == (int)VDSOTIME_QUALITY_CLAIMED,
	"the page's quality is the state of synchronisation");

struct keeper {
	struct keeper_options options;
	const struct os *os;
	const struct vdsotime_vdso *vdso;
	struct counter_choice counter;
	struct sampler sampler;
	struct discipline discipline;
	struct sync sync;
	struct writer writer;
	struct sample sample; /* the last */
	bool has_sample;
	bool disturbed; /* since the last publication: go on from nothing, bump the epoch */
	bool kept;
	char clocksource[sizeof(((struct keeper_status *)0)->clocksource)];
	char clocksources[sizeof(((struct keeper_status *)0)->clocksources)];
	uint32_t vdso_cost_ns;
	uint32_t syscall_cost_ns;

	bool has_residual;
	double residual_ns;
	double residual_square; /* mean of the squares, over the last thousand samples or so */
	double residual_max_ns;
	uint64_t samples;
	uint64_t late_publications;

	struct event_log events;
	void (*on_event)(void *data, const struct event *e);
	void *on_event_data;
};

static uint64_t counter_now(const struct keeper *k)
{
	return k->os->counter_read(k->os->ctx);
}

static uint64_t ticks_of(const struct keeper *k, uint64_t ns)
{
	return (uint64_t)((double)ns / k->discipline.rate.ns_per_tick);
}

static bool line_is_on(const struct vdsotime_line *line)
{
	return line->extra[VDSOTIME_EXTRA_GENERATION] != 0 && !(line->meta & VDSOTIME_META_OFF);
}

/* Does the line still hold at this counter value? */
static bool line_covers(const struct vdsotime_line *line, uint64_t ticks)
{
	return line_is_on(line) && (ticks - line->word[VDSOTIME_WORD_COUNTER]) >>
						   (line->meta & VDSOTIME_META_WINDOW_MASK) ==
					   0;
}

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

/*
 * What a sample showed, to be reported once it is on the page: news first, then the publication, then
 * their report.
 */
struct news {
	unsigned int count;
	struct {
		enum event_kind kind;
		int64_t amount;
	} item[EVENT_KINDS];
};

static void news_add(struct news *n, enum event_kind kind, int64_t amount)
{
	n->item[n->count].kind = kind;
	n->item[n->count].amount = amount;
	n->count++;
}

static void news_report(struct keeper *k, const struct news *n)
{
	for (unsigned int i = 0; i < n->count; i++)
		report(k, n->item[i].kind, n->item[i].amount);
}

/* The smallest power of two of ticks that is ns or longer, within what a page may have. */
static uint32_t window_log2(const struct keeper *k, uint64_t ns)
{
	uint64_t ticks = ticks_of(k, ns);
	uint32_t log2 = 0;

	while (log2 < 62 && UINT64_C(1) << log2 < ticks)
		log2++;
	while (log2 > 0 && (UINT64_C(1) << log2) > ticks_of(k, WINDOW_MAX_NS))
		log2--;
	return log2;
}

/* The same rounded down, for a window that must not reach past ns. */
static uint32_t window_log2_within(const struct keeper *k, uint64_t ns)
{
	uint32_t log2 = window_log2(k, ns);

	return log2 > 0 && UINT64_C(1) << log2 > ticks_of(k, ns) ? log2 - 1 : log2;
}

static int64_t until_leap_ns(const struct keeper *k)
{
	return sync_until_leap_ns(&k->sync, k->sample.monotonic.ns + k->sample.realtime_offset_ns);
}

static uint64_t period_ns(const struct keeper *k)
{
	uint64_t period = discipline_is_moving(&k->discipline) ? k->options.fast_period_ns
							       : k->options.period_ns;
	int64_t leap = until_leap_ns(k);

	/* windows shrink towards the leap, and publications keep up with them */
	if (leap < (int64_t)(4 * period))
		period = leap / 4 > LEAP_CLOSE_NS ? (uint64_t)leap / 4 : LEAP_CLOSE_NS;
	return period;
}

/* The words of a line that are not the discipline's. */
static void fill_line(const struct keeper *k, struct vdsotime_line *line, uint64_t epoch)
{
	uint64_t error;

	line->meta |= (uint32_t)k->sample.tai_offset_s << VDSOTIME_META_TAI_SHIFT;
	line->word[VDSOTIME_WORD_REALTIME] = (uint64_t)k->sample.realtime_offset_ns;
	line->word[VDSOTIME_WORD_BOOTTIME] = (uint64_t)k->sample.boottime_offset_ns;
	line->extra[VDSOTIME_EXTRA_EPOCH] = epoch;
	error = sync_error_ns(&k->sync, k->sample.monotonic.ns, k->options.max_drift_ppb);
	if (error != SYNC_NO_BOUND) {
		uint64_t growth = line->extra[VDSOTIME_EXTRA_TRACKING_GROWTH] +
				  k->options.max_drift_ppb * (UINT64_C(1) << 32) / NSEC_PER_SEC + 1;

		error += line->extra[VDSOTIME_EXTRA_TRACKING];
		line->extra[VDSOTIME_EXTRA_ERROR_GROWTH] =
			growth < UINT32_MAX ? growth : UINT32_MAX;
	}
	line->extra[VDSOTIME_EXTRA_ERROR] = error;
	line->extra[VDSOTIME_EXTRA_FLAGS] =
		(uint64_t)k->sync.state | (uint64_t)k->sync.leap << 8 |
		(k->sample.tai_offset_s != 0 ? VDSOTIME_FLAGS_TAI_KNOWN : 0);
}

static int64_t monotonic_at(const struct vdsotime_line *line, uint64_t ticks)
{
	struct vdsotime_instant instant;

	vdsotime_line_instant(line, ticks, &instant);
	return instant.monotonic_ns;
}

/*
 * A line that readers may use.  Afterwards it is asked whether the publication was over when the line said
 * it would be; if not, and the new line is the flatter one, a reader may have seen time go back, and the
 * epoch tells.
 */
static void publish_on(struct keeper *k, struct news *n)
{
	const struct vdsotime_line old = k->writer.line;
	uint64_t now = counter_now(k);
	struct discipline_order order = {
		.now_ticks = now,
		.until_ticks = now + ticks_of(k, PUBLISH_SPAN_NS),
		.target_ticks = now + ticks_of(k, period_ns(k)),
		.window_log2 = window_log2(k, 2 * k->options.period_ns),
		.max_slew_ppb = k->options.max_slew_ppb,
	};
	uint64_t epoch = old.extra[VDSOTIME_EXTRA_EPOCH] + (k->disturbed ? 1 : 0);
	int64_t leap = until_leap_ns(k);
	struct vdsotime_line line = { 0 };

	if (!k->disturbed && line_is_on(&old)) {
		if (line_covers(&old, order.until_ticks))
			order.old = &old;
		else
			order.expired = &old;
	}
	if (leap < (int64_t)(4 * k->options.period_ns)) {
		uint32_t within = window_log2_within(k, (uint64_t)leap / 2);

		if (within < order.window_log2)
			order.window_log2 = within;
	}
	discipline_line(&k->discipline, &order, &line);
	fill_line(k, &line, epoch);
	writer_publish(&k->writer, &line);
	now = counter_now(k);
	if (order.old && (int64_t)(now - order.until_ticks) > 0 &&
		monotonic_at(&line, now) < monotonic_at(&old, now)) {
		line.extra[VDSOTIME_EXTRA_EPOCH]++;
		writer_publish(&k->writer, &line);
		k->late_publications++;
		news_add(n, EVENT_PUBLISHED_LATE, 0);
	}
	if (!line_is_on(&old))
		news_add(n, EVENT_PAGE_ON, 0);
	k->disturbed = false;
}

/*
 * A line that sends readers to the vDSO.  Its bases still say how far readers may have got on the line before
 * it: see the client's fallback.
 */
static void publish_off(struct keeper *k, struct news *n)
{
	const struct vdsotime_line old = k->writer.line;
	struct vdsotime_line line = { .meta = VDSOTIME_META_OFF };
	bool first = old.extra[VDSOTIME_EXTRA_GENERATION] == 0;

	if (!first && !line_is_on(&old))
		return;
	if (!first) {
		uint64_t now = k->counter.kind != VDSOTIME_COUNTER_NONE ? counter_now(k) : 0;
		struct vdsotime_instant at;

		line = old;
		if (line_covers(&old, now)) {
			vdsotime_line_instant(&old, now, &at);
			line.word[VDSOTIME_WORD_COUNTER] = now;
			line.word[VDSOTIME_WORD_MONOTONIC] = (uint64_t)at.monotonic_ns;
			line.word[VDSOTIME_WORD_RAW] = (uint64_t)at.monotonic_raw_ns;
		}
		line.meta = VDSOTIME_META_OFF;
	}
	fill_line(k, &line, old.extra[VDSOTIME_EXTRA_EPOCH] + 1);
	line.extra[VDSOTIME_EXTRA_ERROR] = VDSOTIME_NO_ERROR_BOUND;
	writer_publish(&k->writer, &line);
	if (!first)
		news_add(n, EVENT_PAGE_OFF, 0);
}

static void publish(struct keeper *k, struct news *n)
{
	if (!k->writer.page)
		return;
	if (k->counter.usable && discipline_ready(&k->discipline) &&
		until_leap_ns(k) > LEAP_CLOSE_NS)
		publish_on(k, n);
	else
		publish_off(k, n);
}

static void read_clocksource(struct keeper *k, struct news *n)
{
	char current[sizeof(k->clocksource)] = "", available[sizeof(k->clocksources)] = "";

	k->os->clocksource_read(k->os->ctx, current, sizeof(current), available, sizeof(available));
	if (n && strcmp(current, k->clocksource) == 0 && strcmp(available, k->clocksources) == 0)
		return;
	bool changed = strcmp(current, k->clocksource) != 0;

	memcpy(k->clocksource, current, sizeof(current));
	memcpy(k->clocksources, available, sizeof(available));
	counter_choose(k->os, (enum keeper_counter_policy)k->options.counter, current, available,
		&k->counter);
	if (!n || !changed)
		return;
	/* another clocksource has another raw rate */
	discipline_init(&k->discipline, &k->counter.registration);
	k->disturbed = true;
	news_add(n, EVENT_CLOCKSOURCE_CHANGED, 0);
}

/* How well the page did at this sample. */
static void judge_page(struct keeper *k, const struct sample *s)
{
	const struct vdsotime_line *line = &k->writer.line;
	double weight;

	if (!k->counter.usable || !line_covers(line, s->monotonic.counter_ticks))
		return;
	k->residual_ns = discipline_page_error_ns(line, &s->monotonic);
	k->has_residual = true;
	k->samples++;
	weight = k->samples < 1000 ? 1 / (double)k->samples : 1e-3;
	k->residual_square += (k->residual_ns * k->residual_ns - k->residual_square) * weight;
	k->residual_max_ns = fmax(k->residual_max_ns, fabs(k->residual_ns));
}

static void compare_offsets(struct keeper *k, const struct sample *s, struct news *n)
{
	const struct sample *last = &k->sample;

	if (s->boottime_offset_ns != last->boottime_offset_ns)
		news_add(n, EVENT_SUSPENDED, s->boottime_offset_ns - last->boottime_offset_ns);
	if (s->realtime_offset_ns != last->realtime_offset_ns)
		news_add(n, EVENT_CLOCK_SET, s->realtime_offset_ns - last->realtime_offset_ns);
	if (s->tai_offset_s != last->tai_offset_s)
		news_add(n, EVENT_TAI_CHANGED,
			(int64_t)(s->tai_offset_s - last->tai_offset_s) * NSEC_PER_SEC);
	if (n->count)
		k->disturbed = true;
	if (s->realtime_offset_ns != last->realtime_offset_ns)
		sync_forget(&k->sync);
}

static void follow_counter(struct keeper *k, const struct sample *s, struct news *n)
{
	struct discipline_news news;

	if (k->has_sample &&
		(int64_t)(s->monotonic.counter_ticks - k->sample.monotonic.counter_ticks) <= 0) {
		discipline_restart(&k->discipline);
		k->disturbed = true;
		news_add(n, EVENT_COUNTER_BACKWARDS, 0);
	}
	discipline_add(&k->discipline, s, &news);
	if (news.jumped) {
		/* a suspend is known by its own name already */
		if (s->boottime_offset_ns == k->sample.boottime_offset_ns)
			news_add(n, EVENT_JUMPED, news.jump_ns);
		k->disturbed = true;
	}
	if (news.rate_changed && llabs(news.rate_change_ppb) >= RATE_NEWS_PPB)
		news_add(n, EVENT_RATE_CHANGED, news.rate_change_ppb);
}

/* Sample, and take all of it in.  0 or -errno of a clock that cannot be read. */
static int look(struct keeper *k, struct news *n)
{
	enum keeper_sync before = k->sync.state;
	struct sample s;
	int r;

	read_clocksource(k, n);
	r = sampler_take(&k->sampler, &s);
	if (r < 0)
		return r;
	judge_page(k, &s);
	if (k->has_sample)
		compare_offsets(k, &s, n);
	if (k->counter.usable)
		follow_counter(k, &s, n);
	sync_look(&k->sync, &s.timex, s.timex_error, s.monotonic.ns);
	if (k->has_sample && k->sync.state != before)
		news_add(n, EVENT_SYNC_CHANGED, 0);
	if (k->disturbed)
		k->residual_max_ns = 0;
	k->sample = s;
	k->has_sample = true;
	return 0;
}

uint64_t keeper_tick(struct keeper *k)
{
	struct news news = { 0 };

	if (look(k, &news) == 0)
		publish(k, &news);
	news_report(k, &news);
	return period_ns(k);
}

uint64_t keeper_interrupt(struct keeper *k)
{
	return keeper_tick(k);
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

/* Samples until there is a rate: two, unless the machine was held up meanwhile. */
static int calibrate(struct keeper *k)
{
	struct news ignored = { 0 };
	int r = look(k, &ignored);

	for (int i = 0; r == 0 && i < CALIBRATION_TRIES && k->counter.usable &&
			!discipline_ready(&k->discipline);
		i++) {
		k->os->sleep_ns(k->os->ctx, CALIBRATION_NS);
		ignored.count = 0;
		r = look(k, &ignored);
	}
	k->disturbed = false;
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
	read_clocksource(k, NULL);
	sampler_init(&k->sampler, os, k->counter.kind != VDSOTIME_COUNTER_NONE);
	discipline_init(&k->discipline, &k->counter.registration);
	k->vdso_cost_ns = cost_ns(os, os->clock_gettime_ns);
	k->syscall_cost_ns = cost_ns(os, os->clock_gettime_syscall_ns);
	r = calibrate(k);
	if (r == 0)
		r = open_page(k, page_fd);
	if (r < 0) {
		keeper_free(k);
		return r;
	}
	/* whatever happened between two lives of the daemon, the offsets may not be what they were */
	k->disturbed = k->writer.restored &&
		       ((int64_t)k->writer.line.word[VDSOTIME_WORD_REALTIME] !=
				       k->sample.realtime_offset_ns ||
			       (int64_t)k->writer.line.word[VDSOTIME_WORD_BOOTTIME] !=
				       k->sample.boottime_offset_ns);
	publish(k, &ignored);
	*ret = k;
	return 0;
}

struct keeper *keeper_free(struct keeper *k)
{
	if (k) {
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
	counter_choose(k->os, (enum keeper_counter_policy)options->counter, k->clocksource,
		k->clocksources, &k->counter);
	discipline_init(&k->discipline, &k->counter.registration);
	k->disturbed = true;
}

int keeper_read_kernel(const struct keeper *k, int32_t clock_id, int64_t *ret_ns)
{
	return k->os->clock_gettime_ns(k->os->ctx, clock_id, ret_ns);
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
	}
	*ret_ns = ns;
	if (ret_counter_ticks)
		*ret_counter_ticks = counter_ticks;
	return 0;
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

static void describe_counter(const struct keeper *k, struct keeper_status *s)
{
	double ns_per_tick = k->discipline.rate.ns_per_tick;

	s->counter_name = k->counter.name;
	s->counter_usable = k->counter.usable;
	s->counter_reason = k->counter.reason;
	s->counter_hz = ns_per_tick > 0 ? (uint64_t)llround(NSEC_PER_SEC / ns_per_tick) : 0;
	s->counter_exact = k->discipline.rate.exact;
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
	s->period_ns = period_ns(k);
	s->error_ns = UINT64_MAX;
	if (k->counter.kind == VDSOTIME_COUNTER_NONE ||
		vdsotime_page_read_instant(k->writer.page, VDSOTIME_COUNTER_FENCE, &now) !=
			VDSOTIME_PAGE_READ)
		return;
	s->page_on = true;
	s->age_ns = monotonic_ns - (int64_t)line->word[VDSOTIME_WORD_MONOTONIC];
	s->window_ns =
		(line->word[VDSOTIME_WORD_MULT] << (line->meta & VDSOTIME_META_WINDOW_MASK)) >> 32;
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

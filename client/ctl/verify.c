/* SPDX-License-Identifier: MIT */
/*
 * vdsotimectl verify: is the page as good as it says?
 *
 * In slices, each clock's ordered read is bracketed by the kernel's own clock again and again, and
 * one clock, in turn, is read as fast as can be by one thread and by two, to see it go back.  A
 * slice in which the clocks were disturbed (another epoch: a step, a suspend) counts for nothing,
 * as the kernel's clock itself may then go back.
 *
 * What one would get wrong: a clock that was never read is not good.  However short a time was
 * asked for, each that the page answers has its slice; those that it does not answer here (another
 * time namespace) are left out and told.
 */
#include "client/ctl/verify.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "client/ctl/bracket.h"
#include "client/ctl/humane.h"
#include "client/ctl/reader.h"
#include "client/ctl/verbs.h"

enum {
	SAMPLES_MAX = 100000, /* of each clock */
	SAMPLES_PER_SLICE = 40,
	TRIES = 8,
	/* of each clock, beyond the time that was asked for, until one was not disturbed */
	SLICES_EXTRA = 4
};

#define PAUSE_NS_MIN INT64_C(1000000)
#define RELAY_NS INT64_C(10000000)
#define SECONDS_MAX INT64_C(86400)

/* What a slice found, before it is known whether it counts. */
struct slice {
	struct bracket brackets[CLOCKID_PAGE_CLOCKS][SAMPLES_PER_SLICE];
	uint64_t bounds_ns[SAMPLES_PER_SLICE];
	struct relay_count ordered, relaxed, pair;
};

static void sleep_ns(int64_t duration_ns)
{
	const struct timespec duration = {
		.tv_sec = duration_ns / 1000000000,
		.tv_nsec = duration_ns % 1000000000,
	};

	nanosleep(&duration, NULL);
}

/*
 * The bound was published anew between two looks, perhaps: the larger holds for what lies
 * between.
 */
static int sample(const struct verify *v, struct slice *slice, int index)
{
	struct vdsotime_status before, after;
	int r = vdsotime_status(v->t, &before);

	for (int i = 0; i < CLOCKID_PAGE_CLOCKS && r == 0; i++) {
		if (v->clocks[i].on_page)
			r = bracket_gettime(
				v->t, clockid_page[i], TRIES, &slice->brackets[i][index]);
	}
	if (r == 0)
		r = vdsotime_status(v->t, &after);
	if (r < 0)
		return r;
	if (before.path != VDSOTIME_PATH_PAGE || after.path != VDSOTIME_PATH_PAGE)
		return -ENODATA;
	slice->bounds_ns[index] =
		before.tracking_ns > after.tracking_ns ? before.tracking_ns : after.tracking_ns;
	return 0;
}

static int run_slice(const struct verify *v, clockid_t id, struct slice *slice)
{
	int r = 0;

	for (int i = 0; i < SAMPLES_PER_SLICE && r == 0; i++) {
		r = sample(v, slice, i);
		sleep_ns(v->pause_ns);
	}
	if (r == 0)
		r = relay_alone(v->t, id, vdsotime_gettime_ns, RELAY_NS, &slice->ordered);
	if (r == 0)
		r = relay_alone(v->t, id, vdsotime_gettime_ns_relaxed, RELAY_NS, &slice->relaxed);
	if (r == 0)
		r = relay_pair(v->t, id, vdsotime_gettime_ns, RELAY_NS, &slice->pair);
	return r;
}

static void count_slice(struct verify *v, int clock, const struct slice *slice)
{
	for (int i = 0; i < CLOCKID_PAGE_CLOCKS; i++) {
		struct checked_clock *checked = &v->clocks[i];

		for (int n = 0; checked->on_page && n < SAMPLES_PER_SLICE; n++) {
			const struct bracket *b = &slice->brackets[i][n];
			int64_t difference_ns = bracket_difference_ns(b);

			tally_add(&checked->differences,
				difference_ns < 0 ? -difference_ns : difference_ns);
			tally_add(&checked->uncertainties, bracket_uncertainty_ns(b));
			checked->outside += (uint64_t)bracket_outside_ns(b) > slice->bounds_ns[n];
		}
	}
	for (int n = 0; n < SAMPLES_PER_SLICE; n++) {
		if (slice->bounds_ns[n] > v->tracking_ns)
			v->tracking_ns = slice->bounds_ns[n];
	}
	relay_count_add(&v->clocks[clock].ordered, &slice->ordered);
	relay_count_add(&v->clocks[clock].relaxed, &slice->relaxed);
	relay_count_add(&v->clocks[clock].pair, &slice->pair);
}

/* The turn of which clock it is, of those that the page answers. */
static int next_clock(const struct verify *v)
{
	int turn = (int)(v->slices % (uint64_t)v->n_on_page);

	for (int i = 0;; i++) {
		if (v->clocks[i].on_page && turn-- == 0)
			return i;
	}
}

/* 0; -errno when reading failed for another reason than the page's. */
static int verify_slice(struct verify *v)
{
	int clock = next_clock(v);
	struct vdsotime_status before = { 0 }, after = { 0 };
	struct slice slice;
	int r;

	v->slices++;
	vdsotime_status(v->t, &before);
	r = run_slice(v, clockid_page[clock], &slice);
	vdsotime_status(v->t, &after);
	if (r < 0 && r != -ENODATA)
		return r;
	if (r == -ENODATA || before.path != VDSOTIME_PATH_PAGE ||
		after.path != VDSOTIME_PATH_PAGE) {
		v->missed++;
		v->reason = after.path != VDSOTIME_PATH_PAGE ? after.reason : before.reason;
		vdsotime_refresh(v->t);
	} else if (before.epoch != after.epoch) {
		v->disturbed++;
	} else {
		count_slice(v, clock, &slice);
	}
	return 0;
}

static int verify_init(struct verify *v)
{
	int64_t samples, slice_ns = SAMPLES_PER_SLICE * PAUSE_NS_MIN + 3 * RELAY_NS;

	/* The longer it takes, the rarer samples are: memory stays bounded. */
	v->pause_ns = PAUSE_NS_MIN;
	samples = v->duration_ns / slice_ns * SAMPLES_PER_SLICE;
	if (samples > SAMPLES_MAX - SAMPLES_PER_SLICE)
		v->pause_ns = v->duration_ns / (SAMPLES_MAX - SAMPLES_PER_SLICE);
	for (int i = 0; i < CLOCKID_PAGE_CLOCKS; i++) {
		if (tally_init(&v->clocks[i].differences, SAMPLES_MAX) < 0 ||
			tally_init(&v->clocks[i].uncertainties, SAMPLES_MAX) < 0)
			return -ENOMEM;
	}
	return 0;
}

static void verify_deinit(struct verify *v)
{
	for (int i = 0; i < CLOCKID_PAGE_CLOCKS; i++) {
		tally_deinit(&v->clocks[i].differences);
		tally_deinit(&v->clocks[i].uncertainties);
	}
	v->t = vdsotime_detach(v->t);
}

static bool is_read(const struct checked_clock *c)
{
	return c->differences.count > 0 && c->ordered.reads > 0 && c->relaxed.reads > 0 &&
	       c->pair.reads > 0;
}

static bool all_are_read(const struct verify *v)
{
	for (int i = 0; i < CLOCKID_PAGE_CLOCKS; i++) {
		if (v->clocks[i].on_page && !is_read(&v->clocks[i]))
			return false;
	}
	return true;
}

bool verify_is_good(const struct verify *v)
{
	for (int i = 0; i < CLOCKID_PAGE_CLOCKS; i++) {
		const struct checked_clock *c = &v->clocks[i];

		if (c->outside > 0 || c->ordered.backward > 0 || c->relaxed.backward > 0 ||
			c->pair.backward > 0)
			return false;
	}
	return all_are_read(v) && v->missed == 0;
}

static int verify_run(struct verify *v)
{
	uint64_t slices_min = (uint64_t)v->n_on_page * SLICES_EXTRA;
	int64_t end_ns = bracket_kernel_ns(CLOCK_BOOTTIME) + v->duration_ns;
	int r;

	do {
		r = verify_slice(v);
	} while (r == 0 && (bracket_kernel_ns(CLOCK_BOOTTIME) < end_ns ||
				   (v->slices < slices_min && !all_are_read(v))));
	for (int i = 0; i < CLOCKID_PAGE_CLOCKS; i++) {
		struct checked_clock *c = &v->clocks[i];

		/* Without samples they stay zero, and the count says why. */
		(void)tally_summarise(&c->differences, &c->difference);
		(void)tally_summarise(&c->uncertainties, &c->uncertainty);
	}
	return r;
}

static int parse_duration(const struct ctl *ctl, struct verify *v)
{
	const char *text = ctl_option(ctl, "for");

	v->duration_ns = INT64_C(5000000000);
	if (text && (humane_parse_duration(text, &v->duration_ns) < 0 || v->duration_ns <= 0 ||
			    v->duration_ns > SECONDS_MAX * 1000000000)) {
		ctl_error(ctl, "verify: --for=%s: must be a duration up to %" PRId64 " seconds",
			text, SECONDS_MAX);
		return CTL_USAGE;
	}
	return CTL_OK;
}

/* Told before anything is measured: there is nothing to verify without the page. */
static int check_page(const struct ctl *ctl, struct verify *v)
{
	struct vdsotime_status status;

	vdsotime_status(v->t, &status);
	for (int i = 0; i < CLOCKID_PAGE_CLOCKS; i++) {
		v->clocks[i].on_page = status.clocks & UINT32_C(1) << clockid_page[i];
		v->n_on_page += v->clocks[i].on_page;
	}
	if (status.path == VDSOTIME_PATH_PAGE && v->n_on_page > 0)
		return CTL_OK;
	ctl_error(ctl, "verify: no page to verify: %s", vdsotime_nopage_text(status.reason));
	return status.reason == VDSOTIME_NOPAGE_NO_DAEMON    ? CTL_NOT_RUNNING
	       : status.reason == VDSOTIME_NOPAGE_PERMISSION ? CTL_PERMISSION
							     : CTL_DEGRADED;
}

static int verify_and_print(const struct ctl *ctl, struct verify *v)
{
	int r = verify_init(v);

	if (r == 0)
		r = verify_run(v);
	if (r < 0) {
		ctl_error(ctl, "verify: %s", strerror(-r));
		return CTL_FAILURE;
	}
	verify_print(ctl, v);
	if (v->missed > 0)
		ctl_error(ctl, "verify: the page was not in use all the time: %s",
			vdsotime_nopage_text(v->reason));
	else if (!all_are_read(v))
		ctl_error(ctl, "verify: not every clock could be read: they were disturbed");
	return verify_is_good(v) ? CTL_OK : CTL_DEGRADED;
}

int verb_verify(const struct ctl *ctl, int argc, char **argv)
{
	struct verify v = { 0 };
	int status = parse_duration(ctl, &v);

	(void)argc;
	(void)argv;
	if (status == CTL_OK)
		status = reader_attach(ctl, &v.t);
	if (status == CTL_OK)
		status = check_page(ctl, &v);
	if (status == CTL_OK)
		status = verify_and_print(ctl, &v);
	verify_deinit(&v);
	return status;
}

/* SPDX-License-Identifier: MIT */
/*
 * The discipline: samples in, the page's next line out.
 *
 * Two straight lines are kept for each of MONOTONIC and MONOTONIC_RAW.  The model (model.h) is
 * where the kernel's clock is believed to be; its slope is fed forward, from the raw rate of the
 * counter and what adjtimex says of frequency and tick.  The page's line is what readers have: it
 * goes on from where the last one was, and is aimed to meet the model at a target.  So readers see
 * no step, and errors are slewed away.  The target must not come long before the line's window
 * ends: see target_of() of the keeper.
 *
 * New parameters never give an earlier time than the old ones while both may be in use.  The two
 * lines of a page change one after the other, so that is not one instant but a span, from `now` to
 * `until`: a line that is steeper than the old is made to meet it at the span's start, one that is
 * flatter at its end.
 *
 * Pure: no clock, no system call.  What a reader would get wrong: the page follows the kernel's
 * clocks with all their faults.  What those clocks are worth against UTC is sync.h's.
 */
#ifndef VDSOTIMED_DISCIPLINE_H
#define VDSOTIMED_DISCIPLINE_H

#include <stdbool.h>
#include <stdint.h>

#include <vdsotime/page.h>

#include "daemon/model.h"
#include "daemon/rate.h"
#include "daemon/sampler.h"

/* What a rate is worth: one fitted over a jump of the counter would have it jump ever after. */
enum discipline_proof {
	DISCIPLINE_UNPROVEN, /* a line by it might be anywhere */
	DISCIPLINE_PROVEN, /* it has brought the counter to where a later sample was */
	DISCIPLINE_DOUBTED /* and then has not, for once: it was the counter that jumped, if
			      anything */
};

struct discipline {
	struct rate rate;
	enum discipline_proof proof; /* of the rate */
	struct sample_point proof_from; /* of MONOTONIC_RAW: where it set out to be proven */
	double proof_slope; /* what it was then */
	struct model monotonic;
	struct model raw;
	double factor; /* of MONOTONIC's rate over RAW's as adjtimex has it */
	unsigned int moving; /* samples still to be taken at the fast period */
};

/* What one sample showed. */
struct discipline_news {
	bool jumped; /* a clock is not where its rate can have brought it */
	int64_t jump_ns; /* MONOTONIC: kernel - model */
	bool rate_changed; /* adjtimex tells another frequency or tick */
	int64_t rate_change_ppb;
};

/* How a line is to be made. */
struct discipline_order {
	uint64_t now_ticks; /* no reader uses the new line before this */
	uint64_t until_ticks; /* none uses the old one after this */
	uint64_t target_ticks; /* meet the model there */
	const struct vdsotime_line *old; /* in force; NULL: start anew */
	const struct vdsotime_line *expired; /* the last that was, without one in force; or NULL */
	uint32_t window_log2;
	/* of a line that catches up, and must not be followed far beyond its target */
	uint32_t bent_window_log2;
	uint64_t max_slew_ppb;
	double slack_ns; /* by which clocks may be off beside: their offsets, other CPUs' counters
			  */
};

void discipline_init(struct discipline *d, const struct rate_registration *registration);

/*
 * True once the rate is known well enough to make a line, and proven.  A doubted one will do where
 * it is the kernel's own: elsewhere the counter may have come to run at another.
 */
bool discipline_ready(const struct discipline *d);

/*
 * Take a sample into account.  max_slew_ppb: the largest change of MONOTONIC's rate that may be
 * one; beyond it the clock jumped.
 */
void discipline_add(struct discipline *d, const struct sample *s, uint64_t max_slew_ppb,
	struct discipline_news *ret);

/* The clocks were disturbed: the next sample starts the models anew; the rate is kept. */
void discipline_restart(struct discipline *d);

/*
 * The counter is another one to the kernel than it was: its rate has to be found anew, and until
 * then is taken to be what it was.
 */
void discipline_reregister(struct discipline *d, const struct rate_registration *registration);

/* True while the rate moves: sample and publish at the fast period. */
bool discipline_is_moving(const struct discipline *d);

/*
 * The words of the next line: counter, mult, monotonic, raw mult, raw, tracking and its growth;
 * offsets, TAI, generation, epoch, error and flags are the caller's.  meta gets the window.
 */
void discipline_line(const struct discipline *d, const struct discipline_order *order,
	struct vdsotime_line *ret);

/* A line's MONOTONIC at a counter value less the sample's, in ns: how well the page followed. */
double discipline_page_error_ns(const struct vdsotime_line *line, const struct sample_point *p);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The world of one seed: an oscillator, a kernel that keeps its clocks by it, whoever disciplines
 * them, and everything that disturbs them.
 *
 * All of it is a function of one number, x: ticks of the oscillator.  The CPU's counter is x, off
 * by what a hypervisor or a suspend has done to it.  Clocks are straight lines over x between two
 * events; events happen when x reaches them, also in the midst of whoever is reading clocks just
 * then.
 *
 * The one thing a reader would get wrong: reading anything makes time pass, as it does outside.
 */
#ifndef TESTS_SIM_WORLD_H
#define TESTS_SIM_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/keeper.h"
#include "daemon/os.h"

#include "tests/sim/random.h"

/* A clock: ns0 at x0, and on from there; 48 fraction bits. */
struct track {
	uint64_t x0;
	int64_t ns0;
	uint64_t fraction0;
	uint64_t mult;
};

enum world_sync { WORLD_NOBODY, WORLD_CLAIMS, WORLD_ZERO, WORLD_FORBIDDEN };

enum world_event {
	WORLD_SECOND, /* the kernel's seconds: maxerror, leap */
	WORLD_POLL, /* the sync daemon's */
	WORLD_WANDER, /* the oscillator's own drift */
	WORLD_FREQUENCY,
	WORLD_SLEW, /* adjtime(), a PLL: a rate that adjtimex does not tell */
	WORLD_STEP,
	WORLD_TAI,
	WORLD_SUSPEND,
	WORLD_PAUSE,
	WORLD_JUMP, /* the counter parts from the kernel's clocks */
	WORLD_CLOCKSOURCE,
	WORLD_MOVE, /* to another host, as the VMClock tells */
	WORLD_EVENTS
};

/* What was disturbed and not yet noticed. */
struct disturbance {
	bool on;
	uint64_t x; /* of the last */
	uint64_t epoch; /* of the page then: it must have been left when this is off again */
	enum world_event event; /* the first */
};

/* When claims made before were voided last, and by what that can be seen. */
struct voiding {
	uint64_t x;
	enum world_event event;
};

struct world {
	struct random random;
	uint64_t x;
	uint64_t start_x;
	double hz; /* ticks a second, by true time */
	uint64_t ticks_per_ns; /* the same in fixed point, for short times */
	uint64_t khz; /* as the kernel registered them */
	uint64_t first_khz; /* of the first host */
	uint64_t quantum_ticks; /* the counter moves in such steps */
	uint64_t counter_offset; /* counter = x + this */
	uint64_t counter_x; /* where the counter was read last */

	struct track monotonic, raw, utc;
	int64_t wall_ns, boot_ns;
	double raw_ns_per_tick;
	double drift; /* of true time against hz */
	bool on_counter; /* the kernel's clocksource is the counter */
	bool listed; /* and it lists it */
	bool has_coarse;
	bool suspend_stops_counter;
	struct world_vmclock *vmclock; /* NULL: there is none */
	struct os_timex timex;
	double untold; /* rate that timex does not have */
	enum world_sync sync;
	bool claims_hold; /* what is claimed is true, and the daemon can have seen it */
	uint64_t claimed_x; /* where anything was claimed last */
	struct voiding voided;
	uint64_t claimed_again_x; /* where it was claimed what will be true; UINT64_MAX: nowhere */

	double mean_s[WORLD_EVENTS]; /* between two of a kind; 0: never */
	uint64_t next[WORLD_EVENTS]; /* x */
	uint64_t next_any;

	struct disturbance disturbed;
	uint64_t known_x[WORLD_EVENTS]; /* where the daemon looked at it first, in this life */
	uint64_t notified_x; /* the timerfd was cancelled; UINT64_MAX: not */
	uint64_t jumped_x; /* ticks by which x has jumped: timers do not run meanwhile */
	uint64_t (*page_epoch)(void);
};

/* Everything of it from the seed. */
void world_init(struct world *w, uint64_t seed, uint64_t (*page_epoch)(void));

/* x moves on, and what is due happens: most often nothing. */
void world_run_to(struct world *w, uint64_t x);

static inline void world_pass_to(struct world *w, uint64_t x)
{
	if (w->next_any <= x)
		world_run_to(w, x);
	else if (w->x < x)
		w->x = x;
}

static inline void world_pass(struct world *w, uint64_t ticks)
{
	world_pass_to(w, w->x + ticks);
}

static inline uint64_t world_ticks(const struct world *w, double ns)
{
	return (uint64_t)(ns * w->hz * 1e-9);
}

/* Any of the page's five clocks, or a coarse one, or true time, at x; time stands still. */
int64_t world_clock(const struct world *w, int32_t clock_id);
int64_t world_utc(const struct world *w);

/* A daemon comes to life, and knows nothing yet of what it cannot see to have changed. */
void world_begin_life(struct world *w);

/* The kernel and the counter as the daemon meets them; ctx is the world. */
void world_os(struct world *w, struct os *ret);

uint64_t world_counter(struct world *w);

/* The same as clock_gettime() would: time passes before and after. */
int world_read(struct world *w, int32_t clock_id, int64_t *ret);

const char *world_event_name(enum world_event event);

#endif

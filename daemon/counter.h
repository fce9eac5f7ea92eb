/* SPDX-License-Identifier: MIT */
/*
 * Which counter, if any, the page runs on, and why.
 *
 * The kernel has judged its counters already: what it no longer lists among its clocksources it has
 * found unfit.  `auto` follows that word, and a warp test of our own; `trust` overrules both; `off`
 * sends every reader to the vDSO.
 */
#ifndef VDSOTIMED_COUNTER_H
#define VDSOTIMED_COUNTER_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/keeper.h"
#include "daemon/os.h"
#include "daemon/rate.h"

struct counter_choice {
	uint32_t kind; /* enum vdsotime_counter_kind that this machine has, used or not */
	const char *name; /* "tsc"; "none" */
	bool usable;
	const char *reason; /* a sentence */
	struct rate_registration registration; /* scale_hz 0: not the kernel's clocksource */
};

/* What is known of it. */
struct counter_facts {
	/* as os->clocksource_read() gave them; "" when it did not */
	const char *current;
	const char *available;
	const struct os_warp *warp; /* how the counters of the CPUs compare */
	uint32_t cpus_online; /* when they were compared */
};

void counter_choose(const struct os *os, enum keeper_counter_policy policy,
	const struct counter_facts *facts, struct counter_choice *ret);

#endif

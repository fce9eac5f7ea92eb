/* SPDX-License-Identifier: MIT */
/*
 * What vdsotimectl verify has found about the page: verify.c gathers it, verify-print.c tells it.
 */
#ifndef VDSOTIMED_CTL_VERIFY_H
#define VDSOTIMED_CTL_VERIFY_H

#include <stdbool.h>
#include <stdint.h>

#include "client/ctl/clockid.h"
#include "client/ctl/ctl.h"
#include "client/ctl/relay.h"
#include "client/ctl/tally.h"

struct vdsotime;

struct checked_clock {
	bool on_page;
	struct tally differences; /* |page - kernel|, ns */
	struct tally uncertainties;
	struct tally_summary difference, uncertainty;
	uint64_t outside; /* samples surely beyond the tracking bound */
	struct relay_count ordered, relaxed, pair;
};

struct verify {
	struct vdsotime *t;
	struct checked_clock clocks[CLOCKID_PAGE_CLOCKS];
	int64_t duration_ns;
	int64_t pause_ns; /* between samples */
	uint64_t tracking_ns; /* the largest bound seen */
	int n_on_page;
	uint64_t slices, disturbed, missed;
	uint32_t reason; /* of the last slice that the page missed */
};

/* Was every clock that the page answers read, never seen wrong, and the page there all the time? */
bool verify_is_good(const struct verify *v);

/* As text or JSON, as ctl says. */
void verify_print(const struct ctl *ctl, const struct verify *v);

#endif

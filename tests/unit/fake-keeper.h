/* SPDX-License-Identifier: MIT */
/*
 * A keeper that a test fills in: the side of keeper.h that serving reads.  Linked before the
 * daemon's library, it stands in for the real one.
 */
#ifndef VDSOTIMED_FAKE_KEEPER_H
#define VDSOTIMED_FAKE_KEEPER_H

#include <vdsotime/vdso.h>

#include "daemon/keeper.h"

struct keeper {
	int64_t time_ns; /* of every clock, plus its id; INT64_MIN: the real clocks */
	uint64_t counter_ticks; /* 0: the page is off */
	int page_fd;
	struct keeper_status status;
	struct event_log events;
	struct vdsotime_vdso vdso;
};

/* Every member has a value of its own, so that one that is not passed on is missed. */
void fake_keeper_init(struct keeper *k);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * What is behind a struct vdsotime.  The first three members are all that a read of the page
 * touches.
 */
#ifndef VDSOTIME_CLIENT_HANDLE_H
#define VDSOTIME_CLIENT_HANDLE_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <vdsotime/client.h>
#include <vdsotime/page.h>
#include <vdsotime/vdso.h>

#include "client/dial.h"

struct vdsotime {
	const struct vdsotime_page *page; /* NULL: none; this handle's mapping */
	uint32_t clocks; /* bit per clock id that the page answers; 0 without it */
	uint32_t order; /* enum vdsotime_counter_order of ordered reads */
	uint32_t nopage; /* enum vdsotime_nopage, as found when attaching */
	struct vdsotime_vdso vdso;
	char runtime_dir[DIAL_DIR_BYTES];
};

/* Does the page answer for this clock, while it is fresh? */
static inline int handle_serves(const struct vdsotime *t, clockid_t id)
{
	return (uint32_t)id < 32 && (t->clocks >> id & 1);
}

/* The vDSO's own answer as ns.  0 or -errno; -EOVERFLOW for what 64 bits of ns cannot hold. */
int handle_read_vdso(const struct vdsotime *t, clockid_t id, int64_t *ret_ns);

#endif

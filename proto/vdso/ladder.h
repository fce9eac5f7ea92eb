/* SPDX-License-Identifier: MIT */
/*
 * Where the vDSO's address may be had, rung by rung: see enum vdsotime_rung.
 */
#ifndef PROTO_VDSO_LADDER_H
#define PROTO_VDSO_LADDER_H

#include <stdint.h>

#include <vdsotime/vdso.h>

/*
 * Asks one rung for AT_SYSINFO_EHDR.  0 and *ret when it has it; -VDSOTIME_REASON_ABSENT when the
 * whole auxiliary vector was seen and has none, or 0; -VDSOTIME_REASON_NO_AUXV when the rung is not
 * to be had.
 */
int vdsotime_ladder_ask(const struct vdsotime_hints *hints, uint32_t rung, uintptr_t *ret);

#endif

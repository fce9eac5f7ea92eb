/* SPDX-License-Identifier: MIT */
/*
 * Tells where this process finds its vDSO, and whether its clocks are the kernel's: for places.sh,
 * which runs it in places of all kinds.
 *
 * where [RUNG [undumpable]]: only by that rung (auxval, proc, prctl); all of them without.
 * undumpable: after the process made its own /proc unreadable to itself, as some kernels do to
 * programs with file capabilities. Prints a line
 *   RUNG, REASON, clocks right|wrong
 * and leaves with 0 when the clocks are right.
 */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <time.h>

#include <vdsotime/vdso.h>

static const struct {
	const char *name;
	uint32_t rung;
} rungs[] = {
	{ "auxval", VDSOTIME_RUNG_EHDR },
	{ "proc", VDSOTIME_RUNG_PROC },
	{ "prctl", VDSOTIME_RUNG_PRCTL },
};

static int64_t to_ns(struct vdsotime_timespec t)
{
	return t.sec * 1000000000 + t.nsec;
}

static bool is_right(const struct vdsotime_vdso *vdso, int32_t id)
{
	struct vdsotime_timespec before, now, after;

	return vdsotime_sys_clock_gettime(id, &before) == 0 &&
	       vdsotime_vdso_clock_gettime(vdso, id, &now) == 0 &&
	       vdsotime_sys_clock_gettime(id, &after) == 0 && to_ns(now) >= to_ns(before) &&
	       to_ns(now) <= to_ns(after);
}

int main(int argc, char **argv)
{
	struct vdsotime_hints hints = vdsotime_hints_ehdr(getauxval(AT_SYSINFO_EHDR));
	struct vdsotime_vdso vdso;
	bool right;

	for (size_t i = 0; i < sizeof(rungs) / sizeof(rungs[0]); i++)
		if (argc > 1 && strcmp(argv[1], rungs[i].name) == 0)
			hints.skip = (uint16_t) ~(1u << rungs[i].rung);
	if (argc > 2 && prctl(PR_SET_DUMPABLE, 0) < 0)
		return 2;
	(void)vdsotime_vdso_resolve(&hints, &vdso);
	right = is_right(&vdso, CLOCK_REALTIME) && is_right(&vdso, CLOCK_MONOTONIC) &&
		is_right(&vdso, CLOCK_BOOTTIME) && is_right(&vdso, CLOCK_TAI);
	printf("%s, %s, clocks %s\n", vdsotime_rung_name(vdso.rung),
		vdsotime_reason_string(vdso.reason), right ? "right" : "wrong");
	return right ? 0 : 1;
}

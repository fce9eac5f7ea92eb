/* SPDX-License-Identifier: MIT */
/*
 * What can be known without the daemon: this machine, its clocksource, this process's own vDSO, and
 * what the kernel says of its clock.
 *
 * Each answer has the shape of its namesake in the daemon's GetStatus (org.vdsotime.Time), so
 * whoever prints one prints the other.  Keys that cannot be known are null.
 */
#ifndef VDSOTIMED_CTL_MACHINE_H
#define VDSOTIMED_CTL_MACHINE_H

#include "client/ctl/value.h"

struct timex;

/* The vDSO as resolved in this process: Vdso. */
struct value *machine_vdso(void);

/*
 * The clocksource, by sysfs, and the cost of a vDSO read and of a system call, measured:
 * Clocksource.  sysfs_dir: /sys/devices/system/clocksource/clocksource0, or a test's.
 */
struct value *machine_clocksource(const char *sysfs_dir);
#define MACHINE_CLOCKSOURCE_DIR "/sys/devices/system/clocksource/clocksource0"

/*
 * What adjtimex(2) returned (negative: -errno) and filled in: Synchronisation.  The bound is the
 * kernel's own maxerror, that is, grown at the kernel's 500 ppm.
 */
struct value *machine_synchronisation(int clock_state, const struct timex *timex);

/* The same of this machine, now. */
struct value *machine_synchronisation_now(void);

/* CPU model, kernel release, clocksource. */
struct value *machine_describe(void);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The guest's kernel: what it says of time, and what it is made to do.
 *
 * The one thing a reader would get wrong: a disturbance that could not be made has shown nothing,
 * so each failure is said and kept for kernel_refused(), and fails the scenario it was made for.
 */
#ifndef VDSOTIMED_TESTS_GUEST_KERNEL_H
#define VDSOTIMED_TESTS_GUEST_KERNEL_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#define KERNEL_CLOCKSOURCE "/sys/devices/system/clocksource/clocksource0/"

#define NSEC_PER_MSEC INT64_C(1000000)
#define NSEC_PER_SEC INT64_C(1000000000)

/* A clock of the kernel's, as its own vDSO or system call tells it. */
int64_t kernel_ns(clockid_t id);

/* The battery clock, which the emulator keeps: it runs on while the machine does not.  Whole s. */
int64_t kernel_rtc_s(void);

void kernel_sleep_ms(int64_t ms);

/* REALTIME is to be so many ns since 1970. */
void kernel_set_realtime(int64_t ns);

/*
 * adjtimex(2) with these modes; rate as they say: a frequency in units of 2^-16 ppm, or us a tick.
 */
void kernel_adjust(unsigned int modes, long rate, int status);

/* Text into a file of sysfs. */
void kernel_write(const char *path, const char *text);

/* The text is to be what the file says, but for a line's end. */
void kernel_expect(const char *path, const char *text);

/* Has anything of the above failed since the last call of this? */
bool kernel_refused(void);

#endif

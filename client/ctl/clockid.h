/* SPDX-License-Identifier: MIT */
/*
 * The names of clocks: REALTIME for CLOCK_REALTIME, and so on.
 */
#ifndef VDSOTIMED_CTL_CLOCKID_H
#define VDSOTIMED_CTL_CLOCKID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include <vdsotime/client.h>

/* The five that the page answers, in the order in which they are shown. */
enum { CLOCKID_PAGE_CLOCKS = 5 };
extern const clockid_t clockid_page[CLOCKID_PAGE_CLOCKS];

/* "REALTIME", ...; NULL for an id without a name here. */
const char *clockid_name(clockid_t id);

/*
 * Read a name, in either case, with or without "CLOCK_", "-" as good as "_" ("monotonic-raw"; "raw"
 * alone as well), or a decimal id.  0 and *ret, or -EINVAL.  An id that is read need not exist.
 */
int clockid_parse(const char *text, clockid_t *ret);

/* Does it count from 1970, so that its value is a date? */
bool clockid_is_date(clockid_t id);

/* The member of a snapshot for one of the five. */
int64_t clockid_of_snapshot(const struct vdsotime_snapshot *snapshot, clockid_t id);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The link to chronyd: asks it for its tracking report every few seconds, through its command port
 * on the loopback address.
 *
 * Not through its Unix socket, which lies in a directory of chronyd's alone, wants a socket of ours
 * beside it to answer to, and would let us reconfigure chronyd: the port answers anyone, and to the
 * port's peers it only reports.
 *
 * The one thing a reader would get wrong: that nobody answers is no error.  chronyd may start
 * later, or come back; it is asked again in the next round, and the log tells of a change only.
 */
#ifndef VDSOTIMED_CHRONY_LINK_H
#define VDSOTIMED_CHRONY_LINK_H

#include <stdint.h>

#include "daemon/chrony.h"

struct chrony_link;
struct loop;
struct os;

/* Between two requests; three of them may be lost before a report is too old for sync.h. */
#define CHRONY_PERIOD_NS UINT64_C(4000000000)

/* Watchers that a link needs of its loop. */
#define CHRONY_WATCHERS 2

/*
 * A link that asks nobody yet.  call: from the loop, for each report; loop and os are borrowed.
 * 0, -ENOMEM, or -ENOSPC (the loop has no room).
 */
int chrony_link_new(struct chrony_link **ret, struct loop *loop, const struct os *os,
	void (*call)(void *data, const struct chrony_report *report), void *data);

/* Takes NULL, returns NULL. */
struct chrony_link *chrony_link_free(struct chrony_link *l);

/*
 * Ask at 127.0.0.1, port, from now on, and at once; 0: nobody.  A socket that cannot be had is
 * logged, and tried for again in the next round.
 */
void chrony_link_ask(struct chrony_link *l, uint32_t port);

/* That is asked; 0: nobody is. */
uint32_t chrony_link_port(const struct chrony_link *l);

/* What has come of it since the start; the link's own, and lives as long. */
const struct chrony_counts *chrony_link_counts(const struct chrony_link *l);

#endif

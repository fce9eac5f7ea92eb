/* SPDX-License-Identifier: MIT */
/*
 * The state that status and show print, gathered: the daemon's GetStatus, and beside it "reader",
 * which is what this very process gets when it reads the clock.
 */
#ifndef VDSOTIMED_CTL_GATHER_H
#define VDSOTIMED_CTL_GATHER_H

#include "client/ctl/value.h"

struct ctl;

/*
 * *ret is always written, and the caller's to free.  CTL_OK: all is well.  CTL_DEGRADED: the daemon
 * answers, but this process does not read its page.  Otherwise the exit code that says why the
 * daemon did not answer (CTL_NOT_RUNNING without a message, the others with one): then "daemon" is
 * null, and vdso, clocksource and synchronisation are what this process knows by itself.
 */
int gather_status(const struct ctl *ctl, struct value **ret);

#endif

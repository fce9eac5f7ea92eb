/* SPDX-License-Identifier: MIT */
/*
 * The runtime directory of this daemon: where it is, and that it is ours alone while we serve in
 * it.
 *
 * One that was asked for must be there.  Only the usual one is made when it is missing, and then it
 * goes again at the end.
 */
#ifndef VDSOTIMED_RUNTIME_H
#define VDSOTIMED_RUNTIME_H

#include <stdbool.h>

#include "daemon/lock.h"

struct runtime {
	char *dir; /* absolute; owned */
	bool made;
	struct lock lock;
};

#define RUNTIME_NULL \
	{ \
		.lock = LOCK_NULL \
	}

/*
 * asked: a directory, or NULL for $VDSOTIME_RUNTIME_DIR, else /run/vdsotimed.  0; -EBUSY (another
 * daemon serves there); -EPERM (everyone may write in it); -EINVAL (what is named `lock` there is
 * no file); what open(2) said.  The reason has been logged then.
 */
int runtime_enter(struct runtime *r, const char *asked);

/* May be called twice, and on RUNTIME_NULL. */
void runtime_leave(struct runtime *r);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * errno is the caller's: what the library's calls report they return.  A public call that makes
 * system calls through libc begins with ERRNO_KEPT; that also makes it fit for signal handlers.
 */
#ifndef VDSOTIME_CLIENT_KEPT_H
#define VDSOTIME_CLIENT_KEPT_H

#include <errno.h>

static inline void errno_restore(const int *kept)
{
	errno = *kept;
}

#define ERRNO_KEPT const int errno_kept __attribute__((cleanup(errno_restore), unused)) = errno

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Attaching to a running daemon's page without libc: raw system calls alone.
 *
 * For language runtimes and static programs; a program with libc has libvdsotime-client, which
 * checks more, falls back by itself, and comes back after a restart.  Here the caller decides: a
 * read that is not VDSOTIME_PAGE_READ is asked of <vdsotime/vdso.h>.
 *
 * The one thing a reader would get wrong: the directory is trusted.  Whoever may write to it may
 * put a socket there and hand out a page that lies.
 */
#ifndef VDSOTIME_ATTACH_H
#define VDSOTIME_ATTACH_H

#include <vdsotime/page.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Where the daemon's sockets are, unless it and those who ask are told another place. */
#define VDSOTIME_RUNTIME_DIR_DEFAULT "/run/vdsotimed"

/*
 * Connects to the stamp socket in runtime_dir (NULL: VDSOTIME_RUNTIME_DIR_DEFAULT), asks for the
 * page, checks and maps it read-only, and closes every descriptor.  The page must be sealed against
 * shrinking, so that a read of it never faults, of this boot, for a counter that this CPU can read
 * in order (VDSOTIME_COUNTER_FENCE), and agree with the kernel's REALTIME, MONOTONIC and BOOTTIME
 * within a bound of VDSOTIME_PAGE_TRACKING_MAX_NS at most, so of this time namespace.  Who listens
 * and whose the page's file is are not asked, nor whether this process may read the counter
 * (PR_SET_TSC): the caller knows.
 *
 * Returns 0 and *ret; or -ENAMETOOLONG, the error of connect(2) (-ENOENT, -ECONNREFUSED, -EACCES),
 * -EPROTO when the other side speaks another protocol or hands out no page, -EPERM on a page
 * without its seal, -EBADMSG on one that vdsotime_page_check() refuses, -ERANGE on one that is off,
 * stale, spoiled, or disagrees with the kernel, and errors of the other system calls.  -EAGAIN:
 * so many wait for the daemon already that this one may not (at once), or it has not answered
 * within a second.  (Where ppoll(2) with 64-bit times is unknown or forbidden, that is waited for
 * without end.)  Thread-safe; not for signal handlers.
 */
int vdsotime_page_attach(const char *runtime_dir, const struct vdsotime_page **ret);

/* Unmaps it.  Takes NULL. */
void vdsotime_page_detach(const struct vdsotime_page *page);

#ifdef __cplusplus
}
#endif

#endif

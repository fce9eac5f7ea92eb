/* SPDX-License-Identifier: MIT */
/*
 * The runtime directory, and the one daemon that may serve in it.
 *
 * Holding the lock means: no other vdsotimed serves here, so whatever sockets lie about are
 * leavings of a dead one and may be removed.
 *
 * The one thing a reader would get wrong: the lock file is removed on release, so a lock counts
 * only while its file is still the one in the directory.
 */
#ifndef VDSOTIMED_LOCK_H
#define VDSOTIMED_LOCK_H

#include <sys/types.h>

struct lock {
	int dir_fd; /* the runtime directory */
	int fd; /* the file `lock` in it */
};

#define LOCK_NULL \
	{ \
		.dir_fd = -1, .fd = -1 \
	}

/* Why lock_take() has not, where it is no system call's fault. */
enum {
	/* a daemon serves there already */
	LOCK_HELD = 1,
	/* everyone may write in the directory: anyone could take the daemon's place */
	LOCK_EXPOSED = 2,
	/* what is named `lock` there is no regular file */
	LOCK_NO_FILE = 3
};

/*
 * Lock the directory dir, at once or not at all.  0; one of the above, and for LOCK_HELD
 * *ret_holder is the other's pid, 0 when that is not known; or what open(2) said: -ENOENT,
 * -ENOTDIR, -EACCES, -EROFS, ...
 */
int lock_take(struct lock *l, const char *dir, pid_t *ret_holder);

/* Removes the file and gives the lock up.  May be called twice, and on LOCK_NULL. */
void lock_release(struct lock *l);

#endif

/* SPDX-License-Identifier: MIT */
#include "daemon/runtime.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <vdsotime/attach.h>

#include "daemon/log.h"

/* The reason as lock_take() gives it; returns it as runtime_enter() does. */
static int refuse(const char *dir, int error, pid_t holder)
{
	switch (error) {
	case LOCK_HELD:
		if (holder > 0)
			log_error("Runtime directory %s: vdsotimed serves there already "
				  "(process %d)",
				dir, (int)holder);
		else
			log_error("Runtime directory %s: vdsotimed serves there already", dir);
		return -EBUSY;
	case LOCK_EXPOSED:
		log_error("Runtime directory %s: everyone may write in it, so that anyone could "
			  "take our place",
			dir);
		return -EPERM;
	case LOCK_NO_FILE:
		log_error("%s/lock: not a regular file", dir);
		return -EINVAL;
	default:
		log_error("Runtime directory %s: %s", dir, strerror(-error));
		return error;
	}
}

int runtime_enter(struct runtime *r, const char *asked)
{
	const char *dir = asked ? asked : getenv("VDSOTIME_RUNTIME_DIR");
	struct runtime here = RUNTIME_NULL;
	pid_t holder = 0;

	if (!dir || !*dir) {
		dir = VDSOTIME_RUNTIME_DIR_DEFAULT;
		here.made = mkdir(dir, 0755) == 0;
	}
	int error = lock_take(&here.lock, dir, &holder);
	if (error == 0) {
		here.dir = realpath(dir, NULL);
		if (!here.dir)
			error = -errno;
	}
	if (error != 0) {
		runtime_leave(&here);
		return refuse(dir, error, holder);
	}
	*r = here;
	return 0;
}

void runtime_leave(struct runtime *r)
{
	lock_release(&r->lock);
	if (r->made)
		rmdir(VDSOTIME_RUNTIME_DIR_DEFAULT);
	free(r->dir);
	*r = (struct runtime)RUNTIME_NULL;
}

/* SPDX-License-Identifier: MIT */
/*
 * This process as a reader of time: a handle that always answers, and which way its answers come.
 */
#ifndef VDSOTIMED_CTL_READER_H
#define VDSOTIMED_CTL_READER_H

#include <time.h>

#include <vdsotime/client.h>

#include "client/ctl/value.h"

struct ctl;

/*
 * Attach, with fallback.  CTL_OK and *ret, to be detached by the caller; or an exit code, with a
 * message.
 */
int reader_attach(const struct ctl *ctl, struct vdsotime **ret);

/* The path by which a clock is answered: "page", "vdso", "syscall". */
const char *reader_path(const struct vdsotime_status *status, clockid_t id);

/* Reader: {path, reason, generation, epoch, ageNSec, ...}; what is not known is left out. */
struct value *reader_describe(const char *runtime_dir);

#endif

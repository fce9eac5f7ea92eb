/* SPDX-License-Identifier: MIT */
/*
 * A mapping: the daemon's page in this process, asked for over the stamp socket and checked before
 * anything in it is believed.
 *
 * Each function returns an enum vdsotime_nopage: VDSOTIME_NOPAGE_NONE, or why there is no page to
 * be had.  Three steps, so that a test can stand in for the daemon at each.
 */
#ifndef VDSOTIME_CLIENT_MAPPING_H
#define VDSOTIME_CLIENT_MAPPING_H

#include <stddef.h>

#include <vdsotime/client.h>
#include <vdsotime/page.h>

#include "client/dial.h"

/*
 * Ask the daemon of runtime_dir for its page.  On success *ret_fd is the caller's to close
 * (O_CLOEXEC).  Waits a second at most.
 */
enum vdsotime_nopage mapping_fetch(
	const char *runtime_dir, int *ret_fd, struct dial_owner *ret_owner);

/* Check the file behind fd (not consumed) and map it, read-only; *ret_bytes: the file's size. */
enum vdsotime_nopage mapping_open(int fd, const struct dial_owner *owner,
	const struct vdsotime_page **ret, size_t *ret_bytes);

/* Check the header of a mapped page, of a file of so many bytes, against this process and boot. */
enum vdsotime_nopage mapping_check(const struct vdsotime_page *page, size_t bytes);

/* Unmap; takes NULL, returns NULL. */
const struct vdsotime_page *mapping_close(const struct vdsotime_page *page);

#endif

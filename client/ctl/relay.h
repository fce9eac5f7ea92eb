/* SPDX-License-Identifier: MIT */
/*
 * A relay: threads that hand their times to one another, to see whether time ever goes back.
 */
#ifndef VDSOTIMED_CTL_RELAY_H
#define VDSOTIMED_CTL_RELAY_H

#include <stdint.h>
#include <time.h>

#include <vdsotime/client.h>

/* How reads were found to go back. */
struct relay_count {
	uint64_t reads;
	uint64_t backward; /* reads that gave less than one known to precede them */
	int64_t backward_ns; /* the furthest */
};

typedef int relay_read_fn(const struct vdsotime *t, clockid_t id, int64_t *ret_ns);

/* Add up into *to. */
void relay_count_add(struct relay_count *to, const struct relay_count *from);

/* One thread reads for duration_ns and compares each time with the one before.  0 or -errno. */
int relay_alone(const struct vdsotime *t, clockid_t id, relay_read_fn *read, int64_t duration_ns,
	struct relay_count *ret);

/*
 * Two threads read for duration_ns; each takes the latest time that either has published, then
 * reads, so its own must not be less.  Meant for ordered reads: a relaxed one may be taken before
 * the other's was seen.  0 or -errno.
 */
int relay_pair(const struct vdsotime *t, clockid_t id, relay_read_fn *read, int64_t duration_ns,
	struct relay_count *ret);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The subjects of bench: the ways to read time that are timed against each other.
 *
 * Each has a loop of its own, compiled around its one call, so that no call through a pointer is
 * timed along with it; what the call gives is folded into a sum that is handed out, so that no
 * compiler drops it.
 */
#ifndef VDSOTIMED_CTL_SUBJECT_H
#define VDSOTIMED_CTL_SUBJECT_H

#include <stdbool.h>
#include <stdint.h>

#include <vdsotime/client.h>
#include <vdsotime/vdso.h>

/* What subjects read from. */
struct subject_world {
	const struct vdsotime *client;
	struct vdsotime_vdso vdso;
	uint64_t stamp; /* taken just before each batch */
	bool counter; /* this CPU and process may read the counter */
};

struct subject {
	const char *key; /* in JSON */
	const char *name; /* for people */
	/* Make the call so many times; a sum that depends on each result. */
	uint64_t (*batch)(const struct subject_world *world, unsigned int calls);
	/*
	 * The path that answers it: "page", "vdso", "syscall", "counter"; NULL: it cannot be run
	 * here, *ret_reason then says why.
	 */
	const char *(*path)(const struct subject_world *world, const char **ret_reason);
};

/* The subject that others are compared with: clock_gettime(CLOCK_REALTIME) as libc calls it. */
#define SUBJECT_REFERENCE "clockGettime"

/* The one that gives a bound, or finds that there is none. */
#define SUBJECT_INTERVAL "interval"

/* All subjects; the last has a NULL key. */
extern const struct subject subjects[];

/* Fill *world but for stamp; client stays the caller's. */
void subject_world_init(struct subject_world *world, const struct vdsotime *client);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The observer: a program that reads the page with the library's own calls, and knows what it
 * should have got.
 *
 * At each look: no clock goes back unless the epoch has changed; a clock of the page is as near to
 * the kernel's as the page says; true time lies in the interval when whoever disciplines the clock
 * claims truly; and no claim of before what disturbs the clocks makes one after.  From a
 * disturbance until the daemon has sampled the clocks again nothing is expected but that the epoch
 * has changed by then.
 */
#ifndef TESTS_SIM_OBSERVER_H
#define TESTS_SIM_OBSERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "client/handle.h"

#include "tests/sim/world.h"

#define OBSERVER_CLOCKS 5

struct observer {
	struct world *world;
	struct vdsotime handle;
	int64_t last_ns[OBSERVER_CLOCKS];
	uint64_t last_epoch[OBSERVER_CLOCKS];
	uint64_t epoch; /* at this look */
	bool publishing; /* time may go back, if the epoch is changed in the end */
	bool owed;
	uint64_t published_x; /* when the daemon did so last */
	uint64_t voided_x; /* claims of before then are void, and the daemon knows it */
	uint64_t owed_epoch;
	bool failed;
	char why[256]; /* the first failure */
	bool trusts; /* the daemon goes by the counter whatever the kernel lists */
	uint64_t reads, page_reads, intervals, disturbances;
	uint64_t usable_reads; /* where the counter is to be used */
	uint64_t error_sum_ns, error_max_ns;
};

/* fd: the page's, for readers; not consumed.  0 or -errno. */
int observer_init(struct observer *o, struct world *w, int fd);
void observer_deinit(struct observer *o);

/* Read all there is, once. */
void observer_look(struct observer *o);

/* The daemon has sampled and published; it began at since_x, with a life or a round. */
void observer_published(struct observer *o, uint64_t since_x);

uint64_t observer_epoch(const struct observer *o);

void observer_fail(struct observer *o, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif

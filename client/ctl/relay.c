/* SPDX-License-Identifier: MIT */
/*
 * A relay: see relay.h.
 */
#include "client/ctl/relay.h"

#include <pthread.h>
#include <stdatomic.h>

#include "client/ctl/bracket.h"

/* Reads between two looks at the time that is left. */
enum { READS_PER_LOOK = 256 };

struct runner {
	const struct vdsotime *t;
	clockid_t id;
	relay_read_fn *read;
	int64_t end_ns; /* of CLOCK_MONOTONIC */
	_Atomic int64_t *latest_ns;
	struct relay_count count;
	int error;
};

void relay_count_add(struct relay_count *to, const struct relay_count *from)
{
	to->reads += from->reads;
	to->backward += from->backward;
	if (from->backward_ns > to->backward_ns)
		to->backward_ns = from->backward_ns;
}

static void publish(_Atomic int64_t *latest_ns, int64_t time_ns)
{
	int64_t seen_ns = atomic_load_explicit(latest_ns, memory_order_relaxed);

	while (seen_ns < time_ns && !atomic_compare_exchange_weak_explicit(latest_ns, &seen_ns,
					    time_ns, memory_order_release, memory_order_relaxed))
		;
}

static void run_some(struct runner *r)
{
	for (int i = 0; i < READS_PER_LOOK && r->error == 0; i++) {
		int64_t before_ns = atomic_load_explicit(r->latest_ns, memory_order_acquire);
		int64_t time_ns;

		r->error = r->read(r->t, r->id, &time_ns);
		if (r->error < 0)
			return;
		r->count.reads++;
		if (time_ns < before_ns) {
			r->count.backward++;
			if (before_ns - time_ns > r->count.backward_ns)
				r->count.backward_ns = before_ns - time_ns;
		}
		publish(r->latest_ns, time_ns);
	}
}

static void *run(void *data)
{
	struct runner *r = data;

	do {
		run_some(r);
	} while (r->error == 0 && bracket_kernel_ns(CLOCK_MONOTONIC) < r->end_ns);
	return NULL;
}

int relay_alone(const struct vdsotime *t, clockid_t id, relay_read_fn *read, int64_t duration_ns,
	struct relay_count *ret)
{
	_Atomic int64_t latest_ns = INT64_MIN;
	struct runner r = {
		.t = t,
		.id = id,
		.read = read,
		.end_ns = bracket_kernel_ns(CLOCK_MONOTONIC) + duration_ns,
		.latest_ns = &latest_ns,
	};

	run(&r);
	if (r.error == 0)
		*ret = r.count;
	return r.error;
}

int relay_pair(const struct vdsotime *t, clockid_t id, relay_read_fn *read, int64_t duration_ns,
	struct relay_count *ret)
{
	_Atomic int64_t latest_ns = INT64_MIN;
	struct runner here = {
		.t = t,
		.id = id,
		.read = read,
		.end_ns = bracket_kernel_ns(CLOCK_MONOTONIC) + duration_ns,
		.latest_ns = &latest_ns,
	};
	struct runner there = here;
	pthread_t thread;
	int error = pthread_create(&thread, NULL, run, &there);

	if (error)
		return -error;
	run(&here);
	pthread_join(thread, NULL);
	if (here.error < 0 || there.error < 0)
		return here.error < 0 ? here.error : there.error;
	relay_count_add(&here.count, &there.count);
	*ret = here.count;
	return 0;
}

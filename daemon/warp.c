/* SPDX-License-Identifier: MIT */
#include "daemon/warp.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>
#include <unistd.h>

#include <vdsotime/counter.h>

#include "daemon/os.h"

#define NSEC_PER_SEC 1000000000

/* More would only wait for one another. */
#define THREADS_MAX 64
/* Reads between two looks at the clock. */
#define READS 256
#define STACK_BYTES 262144
#define CPU_WORDS (CPU_SETSIZE / 64)

struct warp {
	_Atomic uint64_t latest;
	_Atomic uint64_t worst;
	_Atomic uint64_t seen[CPU_WORDS]; /* a bit for each CPU that took part */
	_Atomic bool unpinned;
	uint64_t end_ns;
};

struct thread {
	struct warp *warp;
	size_t cpu;
	pthread_t id;
};

/* The test in the background; it outlives whoever began it, and so is nobody's. */
static struct {
	_Atomic bool running;
	uint64_t duration_ns;
	int result;
	struct os_warp warp;
} background;

static uint64_t monotonic_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NSEC_PER_SEC + (uint64_t)now.tv_nsec;
}

static void raise_to(_Atomic uint64_t *target, uint64_t value)
{
	uint64_t old = atomic_load_explicit(target, memory_order_relaxed);

	while (old < value && !atomic_compare_exchange_weak_explicit(target, &old, value,
				      memory_order_release, memory_order_relaxed))
		;
}

static void note_cpu(struct warp *w)
{
	int cpu = sched_getcpu();

	if (cpu >= 0 && cpu < CPU_SETSIZE)
		atomic_fetch_or(&w->seen[cpu / 64], UINT64_C(1) << cpu % 64);
}

static void *run(void *data)
{
	const struct thread *t = data;
	struct warp *w = t->warp;
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(t->cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		atomic_store(&w->unpinned, true);
	do {
		for (int i = 0; i < READS; i++) {
			uint64_t before = atomic_load_explicit(&w->latest, memory_order_acquire);
			uint64_t now = vdsotime_counter_read_fence();

			if ((int64_t)(now - before) < 0)
				raise_to(&w->worst, before - now);
			else
				raise_to(&w->latest, now);
		}
		note_cpu(w);
	} while (monotonic_ns() < w->end_ns);
	return NULL;
}

/* Threads for the CPUs that this process may use; how many there are now. */
static unsigned int start_threads(
	struct warp *w, const pthread_attr_t *attr, struct thread threads[static THREADS_MAX])
{
	unsigned int count = 0;
	cpu_set_t allowed;

	if (sched_getaffinity(0, sizeof(allowed), &allowed) < 0)
		return 0;
	for (size_t cpu = 0; cpu < CPU_SETSIZE && count < THREADS_MAX; cpu++) {
		struct thread *t = &threads[count];

		if (!CPU_ISSET(cpu, &allowed))
			continue;
		*t = (struct thread){ .warp = w, .cpu = cpu };
		if (pthread_create(&t->id, attr, run, t) == 0)
			count++;
	}
	return count;
}

static uint32_t count_seen(struct warp *w)
{
	uint32_t count = 0;

	for (size_t i = 0; i < CPU_WORDS; i++)
		count += (uint32_t)__builtin_popcountll(atomic_load(&w->seen[i]));
	return count;
}

int warp_measure(uint64_t duration_ns, struct os_warp *ret)
{
	struct warp w = { .end_ns = monotonic_ns() + duration_ns };
	struct thread threads[THREADS_MAX];
	pthread_attr_t attr;
	unsigned int count;

	if (pthread_attr_init(&attr) != 0)
		return -ENOMEM;
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	count = start_threads(&w, &attr, threads);
	pthread_attr_destroy(&attr);
	for (unsigned int i = 0; i < count; i++)
		pthread_join(threads[i].id, NULL);
	if (count == 0)
		return -EAGAIN;
	*ret = (struct os_warp){
		.worst_ticks = atomic_load(&w.worst),
		.cpus = count_seen(&w),
		.pinned = !atomic_load(&w.unpinned),
	};
	return 0;
}

static void *run_background(void *data)
{
	(void)data;
	background.result = warp_measure(background.duration_ns, &background.warp);
	atomic_store_explicit(&background.running, false, memory_order_release);
	return NULL;
}

int warp_start(uint64_t duration_ns)
{
	pthread_attr_t attr;
	pthread_t id;
	int r;

	if (atomic_load_explicit(&background.running, memory_order_acquire))
		return -EBUSY;
	if (pthread_attr_init(&attr) != 0)
		return -ENOMEM;
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	background.duration_ns = duration_ns;
	background.running = true;
	r = pthread_create(&id, &attr, run_background, NULL);
	pthread_attr_destroy(&attr);
	if (r != 0)
		background.running = false;
	return -r;
}

int warp_poll(struct os_warp *ret)
{
	if (atomic_load_explicit(&background.running, memory_order_acquire))
		return -EINPROGRESS;
	if (background.result == 0)
		*ret = background.warp;
	return background.result;
}

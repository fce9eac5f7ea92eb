/* SPDX-License-Identifier: MIT */
/*
 * The subjects of bench: see subject.h.
 */
#include "client/ctl/subject.h"

#include <errno.h>
#include <stddef.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "client/ctl/clockid.h"

/* Where results are poured out: the compiler must have made them. */
#define SINK(value) __asm__ __volatile__("" : : "r"(value) : "memory")

/* A batch: declare what the call fills, make the call, and say what of it must have been made. */
#define BATCH(function, declaration, call, result) \
	static uint64_t function(const struct subject_world *world, unsigned int calls) \
	{ \
		uint64_t sum = 0; \
		declaration; \
		(void)world; \
		for (unsigned int i = 0; i < calls; i++) { \
			call; \
			SINK(result); \
			sum += (uint64_t)(result); \
		} \
		return sum; \
	}

BATCH(loop, uint64_t x = 0, x = i, x)
BATCH(counter_relaxed, uint64_t x = 0, x = vdsotime_counter_read_relaxed(), x)
BATCH(counter_fence, uint64_t x = 0, x = vdsotime_counter_read_fence(), x)
BATCH(counter_rdtscp, uint64_t x = 0, x = vdsotime_counter_read_rdtscp(), x)
BATCH(libc_gettime, struct timespec x = { 0 }, clock_gettime(CLOCK_REALTIME, &x), x.tv_nsec)
/*
 * The calls that an interval needs where only the bound is shared, as ClockBound's client makes
 * them: the time, and the age of the bound.
 */
BATCH(libc_with_age, struct timespec x[2] = { 0 },
	(clock_gettime(CLOCK_REALTIME, &x[0]), clock_gettime(CLOCK_MONOTONIC_COARSE, &x[1])),
	x[0].tv_nsec + x[1].tv_nsec)
BATCH(vdso_gettime, struct vdsotime_timespec x = { 0 },
	vdsotime_vdso_clock_gettime(&world->vdso, CLOCK_REALTIME, &x), x.nsec)
BATCH(system_call, struct timespec x = { 0 }, syscall(SYS_clock_gettime, CLOCK_REALTIME, &x),
	x.tv_nsec)
BATCH(client_gettime, struct timespec x = { 0 },
	vdsotime_gettime(world->client, CLOCK_REALTIME, &x), x.tv_nsec)
BATCH(client_gettime_ns, int64_t x = 0, vdsotime_gettime_ns(world->client, CLOCK_REALTIME, &x), x)
BATCH(client_relaxed, struct timespec x = { 0 },
	vdsotime_gettime_relaxed(world->client, CLOCK_REALTIME, &x), x.tv_nsec)
BATCH(client_ns_relaxed, int64_t x = 0,
	vdsotime_gettime_ns_relaxed(world->client, CLOCK_REALTIME, &x), x)
BATCH(client_ns_after, int64_t x = 0,
	vdsotime_gettime_ns_after(world->client, CLOCK_REALTIME, x, &x), x)
BATCH(client_snapshot, struct vdsotime_snapshot x = { 0 }, vdsotime_snapshot(world->client, &x),
	x.tai_ns)
BATCH(client_interval, struct vdsotime_interval x = { 0 }, vdsotime_interval(world->client, &x),
	x.latest_ns)
BATCH(client_stamp, uint64_t x = 0, x = vdsotime_stamp(), x)
BATCH(client_resolve, int64_t x = 0,
	vdsotime_resolve(world->client, world->stamp, CLOCK_REALTIME, &x), x)

static uint64_t libc_five(const struct subject_world *world, unsigned int calls)
{
	uint64_t sum = 0;

	(void)world;
	for (unsigned int i = 0; i < calls; i++) {
		struct timespec x[CLOCKID_PAGE_CLOCKS] = { 0 };

		for (int c = 0; c < CLOCKID_PAGE_CLOCKS; c++)
			clock_gettime(clockid_page[c], &x[c]);
		SINK(x);
		sum += (uint64_t)x[CLOCKID_PAGE_CLOCKS - 1].tv_nsec;
	}
	return sum;
}

static const char *path_none(const struct subject_world *world, const char **ret_reason)
{
	(void)world;
	(void)ret_reason;
	return "none";
}

static const char *path_counter(const struct subject_world *world, const char **ret_reason)
{
	if (world->counter)
		return "counter";
	*ret_reason = "this process may not read a counter";
	return NULL;
}

static const char *path_rdtscp(const struct subject_world *world, const char **ret_reason)
{
	if (VDSOTIME_COUNTER_HERE == VDSOTIME_COUNTER_TSC &&
		vdsotime_counter_can(VDSOTIME_COUNTER_RDTSCP))
		return path_counter(world, ret_reason);
	*ret_reason = "this CPU has no rdtscp";
	return NULL;
}

static const char *path_vdso(const struct subject_world *world, const char **ret_reason)
{
	(void)ret_reason;
	return world->vdso.address[VDSOTIME_CLOCK_GETTIME] ? "vdso" : "syscall";
}

static const char *path_syscall(const struct subject_world *world, const char **ret_reason)
{
	(void)world;
	(void)ret_reason;
	return "syscall";
}

static const char *path_client(const struct subject_world *world, const char **ret_reason)
{
	struct vdsotime_status status;

	(void)ret_reason;
	vdsotime_status(world->client, &status);
	return vdsotime_path_name(status.path);
}

/* For what the page alone can answer. */
static const char *path_page(const struct subject_world *world, const char **ret_reason)
{
	struct vdsotime_status status;

	vdsotime_status(world->client, &status);
	if (status.path == VDSOTIME_PATH_PAGE)
		return vdsotime_path_name(status.path);
	*ret_reason = vdsotime_nopage_text(status.reason);
	return NULL;
}

const struct subject subjects[] = {
	{ "loop", "the empty loop", loop, path_none },
	{ "counterRelaxed", "counter, relaxed", counter_relaxed, path_counter },
	{ "counterFence", "counter, ordered by a fence", counter_fence, path_counter },
	{ "counterRdtscp", "counter, ordered by rdtscp", counter_rdtscp, path_rdtscp },
	{ SUBJECT_REFERENCE, "clock_gettime of libc", libc_gettime, path_vdso },
	{ "vdsoClockGettime", "vDSO clock_gettime, resolved here", vdso_gettime, path_vdso },
	{ "fiveClockGettime", "clock_gettime of five clocks", libc_five, path_vdso },
	{ "clockGettimeWithAge", "clock_gettime, and a coarse one", libc_with_age, path_vdso },
	{ "systemCall", "system call clock_gettime", system_call, path_syscall },
	{ "gettime", "vdsotime_gettime", client_gettime, path_client },
	{ "gettimeNs", "vdsotime_gettime_ns", client_gettime_ns, path_client },
	{ "gettimeRelaxed", "vdsotime_gettime_relaxed", client_relaxed, path_client },
	{ "gettimeNsRelaxed", "vdsotime_gettime_ns_relaxed", client_ns_relaxed, path_client },
	{ "gettimeNsAfter", "vdsotime_gettime_ns_after", client_ns_after, path_client },
	{ "snapshot", "vdsotime_snapshot (five clocks)", client_snapshot, path_client },
	{ SUBJECT_INTERVAL, "vdsotime_interval", client_interval, path_page },
	{ "stamp", "vdsotime_stamp", client_stamp, path_counter },
	{ "resolve", "vdsotime_resolve (of a stamp)", client_resolve, path_page },
	{ 0 },
};

/*
 * Where PR_SET_TSC forbids it, reading the counter is SIGSEGV; where the kernel knows no such
 * control (EINVAL), it is allowed.
 */
static bool counter_is_allowed(void)
{
	int mode = PR_TSC_ENABLE;

	if (VDSOTIME_COUNTER_HERE == VDSOTIME_COUNTER_NONE)
		return false;
	return prctl(PR_GET_TSC, &mode) < 0 || mode == PR_TSC_ENABLE;
}

void subject_world_init(struct subject_world *world, const struct vdsotime *client)
{
	struct vdsotime_hints hints = vdsotime_hints_ehdr(getauxval(AT_SYSINFO_EHDR));

	*world = (struct subject_world){ .client = client, .counter = counter_is_allowed() };
	(void)vdsotime_vdso_resolve(&hints, &world->vdso);
}

/* SPDX-License-Identifier: MIT */
/*
 * Attaching: everything that must hold before the page's answer may stand for the kernel's.
 *
 * The order matters.  Who listens, then the file, then its header, then this process's right to the
 * counter, then what the counter costs, and last, with all of that granted, the page's word against
 * the vDSO's.  The first that fails is the reason that vdsotime_status() gives.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/crosscheck.h"
#include "client/handle.h"
#include "client/kept.h"
#include "client/mapping.h"

/* Batches whose cheapest is the cost of a call; reads in each, enough to see a cycle of each. */
#define COST_BATCHES 8
#define COST_READS 64

#if defined(__x86_64__) || defined(__i386__)

/* PR_SET_TSC can make the counter, and with it the vDSO, fatal for this thread. */
static bool counter_allowed(void)
{
	int mode = PR_TSC_ENABLE;

	return prctl(PR_GET_TSC, &mode) < 0 || mode == PR_TSC_ENABLE;
}

#else

static bool counter_allowed(void)
{
	return true;
}

#endif

/* The cheapest batch of reads of one kind, in ticks; order < 0: of the vDSO. */
static uint64_t cost_ticks(const struct vdsotime *t, int order)
{
	uint64_t best = UINT64_MAX;

	for (int batch = 0; batch < COST_BATCHES; batch++) {
		uint64_t start = vdsotime_counter_read_fence();

		for (int i = 0; i < COST_READS; i++) {
			struct vdsotime_timespec ts;

			if (order < 0)
				vdsotime_vdso_clock_gettime(&t->vdso, CLOCK_REALTIME, &ts);
			else
				vdsotime_counter_read((enum vdsotime_counter_order)order);
		}
		uint64_t ticks = vdsotime_counter_read_fence() - start;

		if (ticks < best)
			best = ticks;
	}
	return best;
}

/*
 * The cheaper ordered read.  A counter that costs clearly more than the whole vDSO call, as where
 * it traps and the kernel's clocksource is another, is not worth having.
 */
static enum vdsotime_nopage choose_order(struct vdsotime *t)
{
	if (!vdsotime_counter_can(VDSOTIME_COUNTER_FENCE))
		return VDSOTIME_NOPAGE_COUNTER;

	uint64_t fence = cost_ticks(t, VDSOTIME_COUNTER_FENCE);
	uint64_t rdtscp = vdsotime_counter_can(VDSOTIME_COUNTER_RDTSCP)
				  ? cost_ticks(t, VDSOTIME_COUNTER_RDTSCP)
				  : UINT64_MAX;
	uint64_t best = rdtscp < fence ? rdtscp : fence;

	t->order = rdtscp < fence ? VDSOTIME_COUNTER_RDTSCP : VDSOTIME_COUNTER_FENCE;
	return best > cost_ticks(t, -1) * 2 ? VDSOTIME_NOPAGE_SLOW_COUNTER : VDSOTIME_NOPAGE_NONE;
}

/*
 * Is this process in the writer's time namespace?  Where it cannot be told (no /proc, an old kernel
 * on one side), the clocks themselves tell: a namespace that matters has other values of MONOTONIC.
 */
static bool same_time_namespace(const struct vdsotime *t, const struct vdsotime_page *page)
{
	const struct vdsotime_page_header *h = &page->header;
	struct stat st;

	if (h->time_namespace_inode && stat("/proc/self/ns/time", &st) == 0)
		return st.st_ino == h->time_namespace_inode && st.st_dev == h->time_namespace_dev;
	return crosscheck(t, page, 1u << CLOCK_MONOTONIC | 1u << CLOCK_BOOTTIME) ==
	       VDSOTIME_NOPAGE_NONE;
}

/* What no time namespace changes. */
#define OTHER_NAMESPACE_CLOCKS (1u << CLOCK_REALTIME | 1u << CLOCK_TAI)

static bool page_is_off(const struct vdsotime_page *page)
{
	struct vdsotime_line line;

	return vdsotime_page_line(page, &line) && (line.meta & VDSOTIME_META_OFF);
}

/* All that lies between a mapped page of the right kind and the fast path. */
static enum vdsotime_nopage trust(
	struct vdsotime *t, const struct vdsotime_page *page, uint32_t *ret_clocks)
{
	enum vdsotime_nopage reason;

	if (!counter_allowed())
		return VDSOTIME_NOPAGE_COUNTER_TRAPS;
	if (page_is_off(page))
		return VDSOTIME_NOPAGE_OFF;
	reason = choose_order(t);
	if (reason == VDSOTIME_NOPAGE_NONE)
		reason = crosscheck(t, page, OTHER_NAMESPACE_CLOCKS);
	if (reason != VDSOTIME_NOPAGE_NONE)
		return reason;
	if (!same_time_namespace(t, page)) {
		*ret_clocks = OTHER_NAMESPACE_CLOCKS;
		return VDSOTIME_NOPAGE_TIME_NAMESPACE;
	}
	reason = crosscheck(t, page, VDSOTIME_PAGE_CLOCKS);
	if (reason == VDSOTIME_NOPAGE_NONE)
		*ret_clocks = VDSOTIME_PAGE_CLOCKS;
	return reason;
}

/*
 * A trusted page in t instead of the one that it has, or the reason why not, and t keeps its own.
 * t->order is of this CPU, and may change either way.
 */
static enum vdsotime_nopage attach_page(struct vdsotime *t)
{
	const struct vdsotime_page *page = NULL;
	struct dial_owner owner;
	enum vdsotime_nopage reason;
	uint32_t clocks = 0;
	size_t bytes;
	int fd;

	reason = mapping_fetch(t->runtime_dir, &fd, &owner);
	if (reason != VDSOTIME_NOPAGE_NONE)
		return reason;
	reason = mapping_open(fd, &owner, &page, &bytes);
	close(fd);
	if (reason == VDSOTIME_NOPAGE_NONE)
		reason = mapping_check(page, bytes);
	if (reason == VDSOTIME_NOPAGE_NONE)
		reason = trust(t, page, &clocks);
	if (clocks == 0) {
		mapping_close(page);
		return reason;
	}
	mapping_close(t->page);
	t->page = page;
	t->clocks = clocks;
	return reason;
}

int vdsotime_attach(struct vdsotime **ret, const char *runtime_dir, unsigned int flags)
{
	ERRNO_KEPT;
	struct vdsotime_hints hints = vdsotime_hints_ehdr(getauxval(AT_SYSINFO_EHDR));
	struct vdsotime *t;

	if (flags & ~(unsigned int)VDSOTIME_FALLBACK)
		return -EINVAL;
	runtime_dir = dial_runtime_dir(runtime_dir);
	if (!*runtime_dir)
		return -EINVAL;
	if (strlen(runtime_dir) >= DIAL_DIR_BYTES)
		return -ENAMETOOLONG;
	t = calloc(1, sizeof(*t));
	if (!t)
		return -ENOMEM;
	memcpy(t->runtime_dir, runtime_dir, strlen(runtime_dir) + 1);
	/* where the counter is fatal the vDSO is too: leave it all to system calls */
	if (counter_allowed())
		vdsotime_vdso_resolve(&hints, &t->vdso);
	t->nopage = attach_page(t);
	if (t->clocks == 0 && !(flags & VDSOTIME_FALLBACK)) {
		int error = dial_errno(t->nopage);

		vdsotime_detach(t);
		return -error;
	}
	*ret = t;
	return 0;
}

struct vdsotime *vdsotime_detach(struct vdsotime *t)
{
	ERRNO_KEPT;
	if (t) {
		mapping_close(t->page);
		free(t);
	}
	return NULL;
}

/* Is the page that t has alive?  One that is, and is wrong, is given up. */
static bool page_stands(struct vdsotime *t)
{
	struct vdsotime_point point;
	enum vdsotime_nopage reason;

	if (!t->page || vdsotime_page_read(t->page, CLOCK_REALTIME, VDSOTIME_COUNTER_FENCE,
				&point) != VDSOTIME_PAGE_READ)
		return false;
	reason = crosscheck(t, t->page, t->clocks);
	if (reason == VDSOTIME_NOPAGE_CROSS_CHECK) {
		t->page = mapping_close(t->page);
		t->clocks = 0;
	}
	return reason == VDSOTIME_NOPAGE_NONE;
}

int vdsotime_refresh(struct vdsotime *t)
{
	ERRNO_KEPT;
	enum vdsotime_nopage reason;

	if (page_stands(t))
		return 0;
	reason = attach_page(t);
	/* An old page that nobody renews is kept: it may be, and still says what was read last. */
	t->nopage = reason;
	return -dial_errno(reason);
}

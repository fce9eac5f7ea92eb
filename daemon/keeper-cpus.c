/* SPDX-License-Identifier: MIT */
#include "daemon/keeper-state.h"

#include <errno.h>
#include <math.h>

#include <vdsotime/counter.h>

/* Long enough for thousands of comparisons; start-up waits for it. */
#define WARP_TEST_NS UINT64_C(8000000)

/* Between two looks at how many CPUs there are. */
#define LOOK_NS NSEC_PER_SEC

static bool has_counter(const struct keeper *k)
{
	struct os_counter info;

	return k->os->counter_info(k->os->ctx, &info) == 0 && info.kind != VDSOTIME_COUNTER_NONE;
}

void keeper_compare_cpus(struct keeper *k)
{
	if (k->os->cpu_online_count(k->os->ctx, &k->cpus_online) < 0)
		k->cpus_online = 1;
	if (!has_counter(k) || k->os->counter_warp(k->os->ctx, WARP_TEST_NS, &k->warp) < 0)
		k->warp = (struct os_warp){ 0 };
}

void keeper_choose_counter(struct keeper *k)
{
	const struct counter_facts facts = {
		.current = k->clocksource,
		.available = k->clocksources,
		.warp = &k->warp,
		.cpus_online = k->cpus_online,
	};

	counter_choose(k->os, (enum keeper_counter_policy)k->options.counter, &facts, &k->counter);
}

void keeper_doubt_cpus(struct keeper *k)
{
	k->cpus_doubted = true;
	k->cpus_looked_ns = 0;
}

void keeper_watch_cpus(struct keeper *k)
{
	int64_t now_ns = k->sample.monotonic.ns;
	uint32_t online;

	if (k->comparing || now_ns - k->cpus_looked_ns < LOOK_NS)
		return;
	k->cpus_looked_ns = now_ns;
	if (k->os->cpu_online_count(k->os->ctx, &online) < 0 ||
		(online == k->cpus_online && !k->cpus_doubted))
		return;
	k->cpus_online = online;
	k->cpus_doubted = false;
	if (!has_counter(k))
		return;
	k->comparing = k->os->counter_warp_start(k->os->ctx, WARP_TEST_NS) == 0;
	/* the CPUs that are online now were not compared; they are tried again */
	if (!k->comparing) {
		k->cpus_doubted = true;
		k->warp.cpus = 0;
		keeper_choose_counter(k);
	}
}

void keeper_take_comparison(struct keeper *k, struct news *n)
{
	struct os_warp warp = { 0 };
	uint64_t worst_ticks = k->warp.worst_ticks;
	int r;

	if (!k->comparing)
		return;
	r = k->os->counter_warp_poll(k->os->ctx, &warp);
	if (r == -EINPROGRESS)
		return;
	k->comparing = false;
	k->warp = r < 0 ? (struct os_warp){ 0 } : warp;
	k->cpus_doubted |= r < 0;
	/* what was seen once may be there still, between CPUs that have not met this time */
	if (k->warp.worst_ticks <= worst_ticks) {
		k->warp.worst_ticks = worst_ticks;
	} else {
		double ns = (double)k->warp.worst_ticks * k->discipline.rate.ns_per_tick;

		k->disturbed = true;
		news_add(n, EVENT_CPUS_OUT_OF_STEP, llround(ns));
	}
	keeper_choose_counter(k);
}

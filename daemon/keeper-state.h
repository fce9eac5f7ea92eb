/* SPDX-License-Identifier: MIT */
/*
 * What a keeper is made of: private to its files.
 *
 * keeper.c         its life, its rounds, its reads
 * keeper-cpus.c    compares the counters of the CPUs, and chooses whether to use the counter
 * keeper-look.c    takes a sample in, and finds out what happened since the last
 * keeper-publish.c puts what is known on the page, or sends readers away
 * keeper-status.c  tells all of it
 */
#ifndef VDSOTIMED_KEEPER_STATE_H
#define VDSOTIMED_KEEPER_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "daemon/counter.h"
#include "daemon/discipline.h"
#include "daemon/keeper.h"
#include "daemon/os.h"
#include "daemon/sampler.h"
#include "daemon/sync.h"
#include "daemon/vmclock.h"
#include "daemon/writer.h"

#define NSEC_PER_SEC 1000000000

/*
 * What a sample showed, to be reported once it is on the page: news first, then the publication,
 * then their report.
 */
struct news {
	unsigned int count;
	struct {
		enum event_kind kind;
		int64_t amount;
	} item[EVENT_KINDS];
};

struct keeper {
	struct keeper_options options;
	const struct os *os;
	const struct vdsotime_vdso *vdso;
	struct counter_choice counter;
	/* as measured last, and the worst of all times; all 0 where it could not be */
	struct os_warp warp;
	uint32_t cpus_online; /* then */
	int64_t cpus_looked_ns; /* MONOTONIC, at how many they are */
	bool comparing; /* them, in the background */
	bool cpus_doubted; /* that comparison is of before something */
	struct sampler sampler;
	struct discipline discipline;
	struct sync sync;
	bool reported; /* it rested on chronyd's report at the last look */
	struct vmclock vmclock;
	enum vmclock_change moved; /* seen, and not taken in yet */
	struct writer writer;
	struct sample sample; /* the last */
	bool has_sample;
	bool disturbed; /* since the last publication: bump the epoch */
	bool parted; /* counter and clocks are, too: the line cannot go on from the last */
	bool kept;
	char clocksource[sizeof(((struct keeper_status *)0)->clocksource)];
	char clocksources[sizeof(((struct keeper_status *)0)->clocksources)];
	uint32_t vdso_cost_ns;
	uint32_t syscall_cost_ns;

	bool landing; /* a fresh line leads the clock, and is on its way down to it */
	bool has_residual;
	double residual_ns;
	double residual_square; /* mean of the squares, over the last thousand samples or so */
	double residual_max_ns;
	uint64_t samples;
	uint64_t late_publications;

	struct news found; /* at the start, and told with the first round */
	struct event_log events;
	void (*on_event)(void *data, const struct event *e);
	void *on_event_data;
};

void news_add(struct news *n, enum event_kind kind, int64_t amount);

/* Sample, and take all of it in.  0 or -errno of a clock that cannot be read. */
int keeper_look(struct keeper *k, struct news *n);

/* Read the clocksource and choose the counter anew where it changed; n NULL: for the first time. */
void keeper_read_clocksource(struct keeper *k, struct news *n);

/* Compare the counters of the CPUs: ms. */
void keeper_compare_cpus(struct keeper *k);

/* By policy, clocksources and that comparison. */
void keeper_choose_counter(struct keeper *k);

/* Something may have moved their counters against each other. */
void keeper_doubt_cpus(struct keeper *k);

/* Now and then: where CPUs came or went, or are doubted, begin to compare them in the background.
 */
void keeper_watch_cpus(struct keeper *k);

/* What that has found, once it has. */
void keeper_take_comparison(struct keeper *k, struct news *n);

/*
 * What an earlier life left on the page against what is seen now: disturbed is set where the clocks
 * are not where that page would have brought them, found tells what they did, and only where they
 * did nothing its claim stands.  0 or -errno of a clock that cannot be read.
 */
int keeper_compare_restored(struct keeper *k);

/* The claim that the last sample found may be of before something that nobody saw. */
void keeper_forget_claim(struct keeper *k);

/* Put a line on the page that readers may use, or one that sends them to the vDSO. */
void keeper_publish(struct keeper *k, struct news *n);

/* How long until the next publication is wanted. */
uint64_t keeper_period_ns(const struct keeper *k);

static inline uint64_t keeper_counter_now(const struct keeper *k)
{
	return k->os->counter_read(k->os->ctx);
}

#endif

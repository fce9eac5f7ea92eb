/* SPDX-License-Identifier: MIT */
/*
 * The simulation: the daemon's time side and the library's reads, as they are, in worlds of chance.
 *
 * One seed is one world for a simulated hour: `sim --seeds=1000` runs the seeds from 1, `sim
 * --seed=N` one of them again.  A seed that fails is printed with what was seen first, and replays
 * to the last bit.
 */
#include <errno.h>
#include <getopt.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "daemon/keeper.h"

#include "tests/sim/observer.h"
#include "tests/sim/world.h"

#define NEVER UINT64_MAX
#define MS UINT64_C(1000000)

/* Of the looks at which the daemon may use the counter, so many find the page. */
#define PAGE_SHARE 0.7
#define READS_FOR_SHARE 1000
#define SEEDS_FOR_INTERVALS 100

struct run {
	struct world world;
	struct observer observer;
	struct os os;
	struct keeper_options options;
	struct vdsotime_vdso vdso;
	struct keeper *keeper; /* NULL: dead */
	int page_fd; /* kept while the daemon is dead */
	uint64_t due_x; /* its next round, or its next life */
	uint64_t look_x;
	double look_s; /* between two looks */
	double death_s, stall_s; /* between two; 0: never */
	uint64_t death_x, stall_x;
	unsigned int stores_to_live;
	jmp_buf killed;
};

static struct run *run;

void (*virtual_on_store)(void);

/* With --seed: what was noticed, beside what happened. */
static bool tracing;

static double run_s(void)
{
	return (double)(run->world.x - run->world.start_x) / run->world.hz;
}

static void trace_event(void *data, const struct event *e)
{
	(void)data;
	if (tracing)
		printf("%.6f s: %s, %lld; epoch %llu\n", run_s(), event_name(e->kind),
			(long long)e->amount, (unsigned long long)e->epoch);
}

static uint64_t page_epoch(void)
{
	if (tracing)
		printf("%.6f s: a disturbance\n", run_s());
	return run->observer.handle.page ? observer_epoch(&run->observer) : 0;
}

/* In the midst of a publication. */
static void on_store(void)
{
	struct random *r = &run->world.random;
	void (*again)(void) = virtual_on_store;

	virtual_on_store = NULL;
	world_pass(&run->world, world_ticks(&run->world, 3));
	if (random_once_in(r, 300))
		world_pass(&run->world, world_ticks(&run->world, random_log(r, 1e3, 200e3)));
	if (random_once_in(r, 3000))
		world_pass(&run->world, world_ticks(&run->world, random_log(r, 200e3, 1e9)));
	if (random_once_in(r, 2))
		observer_look(&run->observer);
	if (run->stores_to_live && --run->stores_to_live == 0)
		longjmp(run->killed, 1);
	virtual_on_store = again;
}

static uint64_t later(double s)
{
	return s > 0 ? run->world.x + (uint64_t)(random_wait(&run->world.random, s) * run->world.hz)
		     : NEVER;
}

static void choose_options(void)
{
	struct random *r = &run->world.random;
	struct keeper_options *o = &run->options;

	*o = (struct keeper_options){
		.period_ns = 100 * MS,
		.fast_period_ns = 10 * MS,
		.max_drift_ppb = 50000,
		.max_slew_ppb = 100000000,
	};
	if (random_next(r) & 1) {
		o->period_ns = (uint64_t)random_log(r, 50, 1000) * MS;
		o->fast_period_ns = (uint64_t)random_log(r, 10, 49) * MS;
		if (random_once_in(r, 16))
			o->fast_period_ns = (uint64_t)random_log(r, 1, 10) * MS;
	}
	if (random_once_in(r, 8))
		o->counter = KEEPER_COUNTER_TRUST;
	run->look_s = (double)o->period_ns * 1e-9;
	run->death_s = random_once_in(r, 3) ? random_log(r, 30, 1000) : 0;
	run->stall_s = random_once_in(r, 3) ? random_log(r, 10, 1000) : 0;
	run->death_x = later(run->death_s);
	run->stall_x = later(run->stall_s);
}

static void die(void)
{
	struct random *r = &run->world.random;
	int fd = dup(keeper_page_store_fd(run->keeper));

	if (tracing)
		printf("%.6f s: a life ends\n", run_s());
	run->keeper = keeper_free(run->keeper);
	run->page_fd = fd;
	run->due_x = run->world.x + world_ticks(&run->world, random_log(r, 1e6, 10e9));
	run->death_x = NEVER;
	run->stores_to_live = 0;
}

static void live(void)
{
	uint64_t since_x = run->world.x;
	struct keeper_status status;
	int r;

	world_begin_life(&run->world);
	r = keeper_new(&run->keeper, &run->options, &run->os, &run->vdso, run->page_fd);

	run->page_fd = -1;
	if (r < 0) {
		fprintf(stderr, "no keeper: %s\n", strerror(-r));
		exit(EXIT_FAILURE);
	}
	keeper_on_event(run->keeper, trace_event, NULL);
	if (tracing)
		printf("%.6f s: a life begins\n", run_s());
	if (run->observer.handle.page) {
		keeper_status(run->keeper, &status);
		if (!status.page_restored)
			observer_fail(&run->observer, "the page was not taken over");
		observer_published(&run->observer, since_x);
	}
	run->due_x = run->world.x + world_ticks(&run->world, 1e6);
	run->death_x = later(run->death_s);
}

static void tick(void)
{
	struct random *r = &run->world.random;
	uint64_t since_x = run->world.x, ns;

	run->world.notified_x = NEVER;
	if (run->world.x >= run->death_x && (random_next(r) & 1))
		run->stores_to_live = 1 + (unsigned int)random_below(r, 60);
	if (run->stores_to_live || random_once_in(r, 16))
		virtual_on_store = on_store;
	run->observer.publishing = true;
	if (setjmp(run->killed)) {
		virtual_on_store = NULL;
		run->observer.publishing = false;
		run->observer.owed = false;
		die();
		return;
	}
	ns = keeper_tick(run->keeper);
	virtual_on_store = NULL;
	run->observer.publishing = false;
	observer_published(&run->observer, since_x);

	/* a wake-up is never early, and seldom very late */
	double late = random_log(r, 5e3, 100e3);
	if (random_once_in(r, 500))
		late = random_log(r, 100e3, 100e6);
	if (run->world.x >= run->stall_x) {
		late = random_log(r, 100e6, 10e9);
		run->stall_x = later(run->stall_s);
	}
	run->due_x = run->world.x + world_ticks(&run->world, (double)ns + late);
	if (run->world.x >= run->death_x)
		die();
}

/* Whatever comes next. */
static void step(void)
{
	struct world *w = &run->world;
	bool interrupted = run->keeper && w->notified_x < run->due_x;
	uint64_t daemon_x = interrupted ? w->notified_x : run->due_x;
	uint64_t next = run->look_x < daemon_x ? run->look_x : daemon_x;
	uint64_t jumped = w->jumped_x, notified = w->notified_x;

	/* events on the way may make something else come first */
	if (w->next_any < next)
		next = w->next_any;
	world_pass_to(w, next);
	run->due_x += w->jumped_x - jumped;
	run->look_x += w->jumped_x - jumped;
	if (w->jumped_x != jumped || w->notified_x != notified)
		return;
	if (w->x >= run->look_x) {
		observer_look(&run->observer);
		run->look_x = later(run->look_s);
	} else if (w->x >= daemon_x) {
		if (run->keeper)
			tick();
		else
			live();
		run->due_x += w->jumped_x - jumped;
	}
}

/* Where there could have been a page, was there one? */
static void check_presence(struct observer *o)
{
	double share = (double)o->page_reads / (double)o->usable_reads;

	if (o->usable_reads > READS_FOR_SHARE && share < PAGE_SHARE)
		observer_fail(o, "the page was there for %.0f %% of the looks", share * 100);
}

/* 0 or 1 failures. */
static int run_seed(uint64_t seed, double hours, struct observer *sum)
{
	static struct run the_run;
	uint64_t end_x;
	int r;

	memset(&the_run, 0, sizeof(the_run));
	run = &the_run;
	world_init(&run->world, seed, page_epoch);
	world_os(&run->world, &run->os);
	choose_options();
	run->page_fd = -1;
	/* the first life's page, before it publishes, is nobody's */
	run->observer.world = &run->world;
	live();
	r = observer_init(&run->observer, &run->world, keeper_page_fd(run->keeper));
	if (r < 0) {
		fprintf(stderr, "no observer: %s\n", strerror(-r));
		exit(EXIT_FAILURE);
	}
	run->observer.trusts = run->options.counter == KEEPER_COUNTER_TRUST;
	run->world.disturbed.on = false;
	run->look_x = later(run->look_s);
	end_x = run->world.x + (uint64_t)(hours * 3600 * run->world.hz);
	while (run->world.x - run->world.jumped_x < end_x && !run->observer.failed)
		step();
	check_presence(&run->observer);
	if (run->observer.failed) {
		printf("seed %llu: %s\n", (unsigned long long)seed, run->observer.why);
		fflush(stdout);
	}
	keeper_free(run->keeper);
	if (run->page_fd >= 0)
		close(run->page_fd);
	observer_deinit(&run->observer);
	sum->reads += run->observer.reads;
	sum->page_reads += run->observer.page_reads;
	sum->intervals += run->observer.intervals;
	sum->disturbances += run->observer.disturbances;
	return run->observer.failed;
}

struct task {
	uint64_t first, count, jobs;
	double hours;
	bool until_failure;
};

struct outcome {
	uint64_t failed, reads, page_reads, intervals, disturbances;
};

/* Every jobs-th seed. */
static void work(const struct task *t, uint64_t job, struct outcome *ret)
{
	struct observer sum = { 0 };
	uint64_t failed = 0;

	for (uint64_t i = job; i < t->count && !(failed && t->until_failure); i += t->jobs)
		failed += (uint64_t)run_seed(t->first + i, t->hours, &sum);
	*ret = (struct outcome){ failed, sum.reads, sum.page_reads, sum.intervals,
		sum.disturbances };
}

static int work_in_children(const struct task *t, struct outcome *ret)
{
	int pipe_fd[2];

	if (pipe(pipe_fd) < 0)
		return -errno;
	for (uint64_t job = 0; job < t->jobs; job++) {
		struct outcome o;
		pid_t pid = fork();

		if (pid < 0)
			return -errno;
		if (pid > 0)
			continue;
		work(t, job, &o);
		_exit(write(pipe_fd[1], &o, sizeof(o)) != sizeof(o));
	}
	close(pipe_fd[1]);
	for (uint64_t job = 0; job < t->jobs; job++) {
		struct outcome o;

		if (read(pipe_fd[0], &o, sizeof(o)) != sizeof(o))
			return -EPIPE;
		ret->failed += o.failed;
		ret->reads += o.reads;
		ret->page_reads += o.page_reads;
		ret->intervals += o.intervals;
		ret->disturbances += o.disturbances;
	}
	while (wait(NULL) > 0)
		;
	close(pipe_fd[0]);
	return 0;
}

static void usage(FILE *to)
{
	fputs("Usage: sim [--seeds=COUNT] [--first=SEED] [--hours=H] [--jobs=N] | --seed=SEED\n",
		to);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "seeds", required_argument, NULL, 's' },
		{ "first", required_argument, NULL, 'f' },
		{ "seed", required_argument, NULL, 'o' },
		{ "hours", required_argument, NULL, 'h' },
		{ "jobs", required_argument, NULL, 'j' },
		{ "until-failure", no_argument, NULL, 'u' },
		{ 0 },
	};
	struct task task = { 1, 100, 2, 1, false };
	struct outcome outcome = { 0 };
	struct timespec start, end;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 's')
			task.count = strtoull(optarg, NULL, 10);
		else if (c == 'f')
			task.first = strtoull(optarg, NULL, 10);
		else if (c == 'o')
			tracing = true,
			task = (struct task){ strtoull(optarg, NULL, 10), 1, 1, task.hours, false };
		else if (c == 'h')
			task.hours = strtod(optarg, NULL);
		else if (c == 'u')
			task.until_failure = true;
		else if (c == 'j')
			task.jobs = strtoull(optarg, NULL, 10);
		else
			return usage(stderr), 2;
	}
	clock_gettime(CLOCK_MONOTONIC, &start);
	if (work_in_children(&task, &outcome) < 0) {
		fputs("sim: a child was lost\n", stderr);
		return EXIT_FAILURE;
	}
	clock_gettime(CLOCK_MONOTONIC, &end);
	double took =
		(double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) * 1e-9;
	printf("%llu seeds of %g h from %llu: %llu failed\n", (unsigned long long)task.count,
		task.hours, (unsigned long long)task.first, (unsigned long long)outcome.failed);
	printf("%llu looks, %llu at the page, %llu intervals, %llu disturbances, %.1f s, %.0f times real time\n",
		(unsigned long long)outcome.reads, (unsigned long long)outcome.page_reads,
		(unsigned long long)outcome.intervals, (unsigned long long)outcome.disturbances,
		took, (double)task.count * task.hours * 3600 / took);
	/* of one world's hour perhaps, but not of many */
	if (task.count >= SEEDS_FOR_INTERVALS && outcome.intervals == 0)
		puts("no interval at all");
	return outcome.failed || (task.count >= SEEDS_FOR_INTERVALS && outcome.intervals == 0)
		       ? EXIT_FAILURE
		       : EXIT_SUCCESS;
}

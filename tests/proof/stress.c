/* SPDX-License-Identifier: MIT */
/*
 * Readers beside a publisher on the machine itself: threads and processes, a publisher that does
 * nothing else, and one at 1 kHz.
 *
 * Each line's words follow from its generation, so that a torn one shows.  Each publication jumps
 * ahead of the one before, and a reader first looks at the latest time that any reader has told:
 * with ordered reads no time may lie before it.  What a relaxed read or a line of the publication
 * before would give shows as going back.
 *
 *     stress [MILLISECONDS]   for each of the four runs
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "proto/page/publish.h"
#include "tests/proof/lines.h"

#define READERS 3
#define JUMP_NS 50
#define NSEC_PER_MSEC 1000000

struct tally {
	uint64_t reads, torn, backward, busy, lines_back;
};

static struct arena {
	struct vdsotime_page page;
	uint64_t told_ns __attribute__((aligned(64)));
	int stop __attribute__((aligned(64)));
	struct tally tally[READERS] __attribute__((aligned(64)));
	uint64_t publications;
} * arena;

/* The line of a generation, going on from the one before at counter value now. */
static struct vdsotime_line line_after(const struct vdsotime_line *old, uint64_t now)
{
	uint64_t elapsed = now - old->word[VDSOTIME_WORD_COUNTER];
	struct vdsotime_line line = line_of(old->extra[VDSOTIME_EXTRA_GENERATION] + 1, now);

	/* lines.h counts generations in the counter; here the counter is the real one */
	line.word[VDSOTIME_WORD_COUNTER] = now;
	line.word[VDSOTIME_WORD_MONOTONIC] =
		old->word[VDSOTIME_WORD_MONOTONIC] + (elapsed * LINES_MULT >> 32) + JUMP_NS;
	line.extra[VDSOTIME_EXTRA_CHECK] = vdsotime_line_check(&line);
	return line;
}

/* What is not of the generation alone is bound together by the check word. */
static int is_torn(const struct vdsotime_line *line)
{
	struct vdsotime_line should = line_of(line->extra[VDSOTIME_EXTRA_GENERATION], 0);

	should.word[VDSOTIME_WORD_COUNTER] = line->word[VDSOTIME_WORD_COUNTER];
	should.word[VDSOTIME_WORD_MONOTONIC] = line->word[VDSOTIME_WORD_MONOTONIC];
	should.extra[VDSOTIME_EXTRA_CHECK] = vdsotime_line_check(&should);
	return !line_equal(line, &should);
}

static void tell(uint64_t ns)
{
	uint64_t told = __atomic_load_n(&arena->told_ns, __ATOMIC_RELAXED);

	while (ns > told && !__atomic_compare_exchange_n(&arena->told_ns, &told, ns, 1,
				    __ATOMIC_RELEASE, __ATOMIC_RELAXED))
		;
}

static void read_once(struct tally *t, uint64_t *generation)
{
	uint64_t told = __atomic_load_n(&arena->told_ns, __ATOMIC_ACQUIRE);
	struct vdsotime_line line;
	int64_t ns;

	if (vdsotime_page_read_ns(&arena->page, VDSOTIME_PAGE_MONOTONIC, VDSOTIME_COUNTER_FENCE,
		    &ns) == VDSOTIME_PAGE_READ) {
		t->backward += (uint64_t)ns < told;
		tell((uint64_t)ns);
	} else {
		t->busy++;
	}
	if (vdsotime_page_line(&arena->page, &line)) {
		t->torn += is_torn(&line) != 0;
		t->lines_back += line.extra[VDSOTIME_EXTRA_GENERATION] < *generation;
		*generation = line.extra[VDSOTIME_EXTRA_GENERATION];
	} else {
		t->busy++;
	}
	t->reads++;
}

static void *reader(void *p)
{
	struct tally t = { 0 };
	uint64_t generation = 0;

	while (!__atomic_load_n(&arena->stop, __ATOMIC_RELAXED))
		read_once(&t, &generation);
	*(struct tally *)p = t;
	return NULL;
}

static uint64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / NSEC_PER_MSEC;
}

static void publish_for(uint64_t ms, const struct timespec *pause)
{
	uint64_t end = now_ms() + ms;
	struct vdsotime_line line;

	if (!vdsotime_page_line(&arena->page, &line))
		abort();
	do {
		for (int i = 0; i < (pause ? 1 : 1000); i++) {
			line = line_after(&line, vdsotime_counter_read(VDSOTIME_COUNTER_FENCE));
			page_publish(&arena->page, &line);
			arena->publications++;
		}
		if (pause)
			nanosleep(pause, NULL);
	} while (now_ms() < end);
}

static void begin(void)
{
	struct vdsotime_line line = { 0 };

	memset(arena, 0, sizeof(*arena));
	line.word[VDSOTIME_WORD_COUNTER] = vdsotime_counter_read(VDSOTIME_COUNTER_FENCE);
	line.word[VDSOTIME_WORD_MONOTONIC] = 1;
	line = line_after(&line, line.word[VDSOTIME_WORD_COUNTER]);
	page_publish(&arena->page, &line);
}

static void run_threads(uint64_t ms, const struct timespec *pause)
{
	pthread_t thread[READERS];

	for (int i = 0; i < READERS; i++)
		if (pthread_create(&thread[i], NULL, reader, &arena->tally[i]) != 0)
			abort();
	publish_for(ms, pause);
	__atomic_store_n(&arena->stop, 1, __ATOMIC_RELAXED);
	for (int i = 0; i < READERS; i++)
		pthread_join(thread[i], NULL);
}

static void run_processes(uint64_t ms, const struct timespec *pause)
{
	for (int i = 0; i < READERS; i++) {
		pid_t pid = fork();

		if (pid < 0)
			abort();
		if (pid == 0) {
			reader(&arena->tally[i]);
			_exit(0);
		}
	}
	publish_for(ms, pause);
	__atomic_store_n(&arena->stop, 1, __ATOMIC_RELAXED);
	for (int i = 0; i < READERS; i++)
		wait(NULL);
}

/* 1 when nothing was torn and no time went back. */
static int tell_run(const char *name)
{
	struct tally sum = { 0 };

	for (int i = 0; i < READERS; i++) {
		sum.reads += arena->tally[i].reads;
		sum.torn += arena->tally[i].torn;
		sum.backward += arena->tally[i].backward;
		sum.lines_back += arena->tally[i].lines_back;
		sum.busy += arena->tally[i].busy;
	}
	printf("%s: %lu publications, %lu reads, %lu torn, %lu times and %lu lines went back, %lu busy\n",
		name, (unsigned long)arena->publications, (unsigned long)sum.reads,
		(unsigned long)sum.torn, (unsigned long)sum.backward, (unsigned long)sum.lines_back,
		(unsigned long)sum.busy);
	return sum.reads != 0 && sum.torn == 0 && sum.backward == 0 && sum.lines_back == 0;
}

int main(int argc, char **argv)
{
	uint64_t ms = argc > 1 ? strtoul(argv[1], NULL, 10) : 1500;
	const struct timespec millisecond = { .tv_nsec = NSEC_PER_MSEC };
	const struct {
		const char *name;
		void (*run)(uint64_t ms, const struct timespec *pause);
		const struct timespec *pause;
	} runs[] = {
		{ "threads, at full speed", run_threads, NULL },
		{ "threads, 1 kHz", run_threads, &millisecond },
		{ "processes, at full speed", run_processes, NULL },
		{ "processes, 1 kHz", run_processes, &millisecond },
	};
	int good = 1;

	if (VDSOTIME_COUNTER_HERE == VDSOTIME_COUNTER_NONE) {
		printf("skipped: no counter\n");
		return 77;
	}
	arena = mmap(
		NULL, sizeof(*arena), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (arena == MAP_FAILED)
		abort();
	for (size_t i = 0; i < sizeof(runs) / sizeof(runs[0]); i++) {
		begin();
		runs[i].run(ms, runs[i].pause);
		good &= tell_run(runs[i].name);
	}
	return !good;
}

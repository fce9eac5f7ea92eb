/* SPDX-License-Identifier: MIT */
/*
 * A writer killed at every machine instruction of a publication.
 *
 * A child publishes and is single-stepped; after each instruction it is killed, and readers and a
 * successor must find the page in order.  Then a child that takes over is stepped through
 * page_recover() from every state that a death can leave, and readers and the next successor looked
 * at after each of its instructions.  What is stepped is publish.c as one compiler at one level
 * made it: step-kill.py builds this program for each.
 *
 *     step-kill [KILL_STRIDE [STATE_STRIDE]]
 *
 * Strides other than 1 kill at every n-th instruction, and take over every n-th state: where there
 * is no time for each.  Every instruction of a publication is looked at in any case.
 *
 * The one thing a reader would get wrong: a stopped writer is as good as a dead one, since its
 * stores are out; the killing shows that nothing else of its death matters.
 */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/page/publish.h"
#include "tests/proof/lines.h"

#define SKIPPED 77
/* Enough for the ring to have gone round. */
#define FIRST_GENERATIONS (VDSOTIME_PAGE_RING + 6)
#define MAX_STATES 256

/* What parent and child share: the page, and where in its work the child is. */
struct arena {
	struct vdsotime_page page;
	volatile int working; /* 1: within the call that is stepped */
};

static struct arena *arena;
static uint64_t origin_ticks;
static const char *what = "setting up";
static unsigned long point;

static void fail(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

static void fail(const char *format, ...)
{
	va_list args;

	fprintf(stderr, "%s, instruction %lu: ", what, point);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "\n");
	exit(1);
}

/* Sequences go on by two. */
static void publish(struct vdsotime_page *page, uint64_t generation)
{
	struct vdsotime_line line = line_of(generation, origin_ticks);
	uint32_t before[2] = { page->line[0].seq, page->line[1].seq };

	page_publish(page, &line);
	for (unsigned int i = 0; i < 2; i++)
		if (page->line[i].seq != before[i] + 2)
			fail("a publication took sequence %u from %u to %u", i, before[i],
				page->line[i].seq);
}

/* What a stamp in the middle of a generation's step resolves to must be of that generation. */
static void check_resolves(const struct vdsotime_page *page, uint64_t generation)
{
	int64_t ns = 0;

	if (!vdsotime_page_resolve(page, VDSOTIME_PAGE_MONOTONIC,
		    origin_ticks + generation * LINES_STEP_TICKS + LINES_STEP_TICKS / 2, &ns))
		fail("a stamp of generation %lu is not resolved", (unsigned long)generation);
	if ((uint64_t)ns != generation * LINES_STEP_NS + LINES_STEP_TICKS / 4)
		fail("a stamp of generation %lu resolves to %ld", (unsigned long)generation,
			(long)ns);
}

/*
 * One attempt of a reader: the primary, else the backup.  Returns the generation that it finds,
 * which is one of two.
 */
static uint64_t check_readers(const struct vdsotime_page *page, uint64_t older, uint64_t newer)
{
	struct vdsotime_line line;
	uint64_t generation;
	int64_t ns = 0;

	if (!vdsotime_line_load(&page->line[0], &line) &&
		!vdsotime_line_load(&page->line[1], &line))
		fail("no line can be read: sequences %u and %u", page->line[0].seq,
			page->line[1].seq);
	generation = line.extra[VDSOTIME_EXTRA_GENERATION];
	if (generation != older && generation != newer)
		fail("a reader finds generation %lu", (unsigned long)generation);
	if (!line_whole(&line, origin_ticks))
		fail("a reader finds a torn line of generation %lu", (unsigned long)generation);
	if (vdsotime_page_read_ns(page, VDSOTIME_PAGE_MONOTONIC, VDSOTIME_COUNTER_FENCE, &ns) !=
		VDSOTIME_PAGE_READ)
		fail("the clock cannot be read");
	/* the ring holds all that it should, up to the oldest */
	check_resolves(page, generation);
	check_resolves(page, generation - 1);
	check_resolves(page, generation - 2);
	check_resolves(page, generation - (VDSOTIME_PAGE_RING - 1));
	if (page->epoch > generation)
		fail("the epoch word %u is ahead of generation %lu", page->epoch,
			(unsigned long)generation);
	return generation;
}

/* A successor takes over and publishes.  Returns its generation. */
static uint64_t check_successor(struct vdsotime_page *page, uint64_t seen)
{
	struct vdsotime_line line, copy;
	uint64_t generation;

	if (!page_recover(page, &line))
		fail("nothing to take over");
	generation = line.extra[VDSOTIME_EXTRA_GENERATION];
	if (generation < seen || generation > seen + 1)
		fail("readers had generation %lu, the successor %lu", (unsigned long)seen,
			(unsigned long)generation);
	for (unsigned int i = 0; i < 2; i++)
		if (!vdsotime_line_load(&page->line[i], &copy) || !line_equal(&copy, &line))
			fail("line %u was not repaired", i);
	if (check_readers(page, generation, generation) != generation || page->epoch != generation)
		fail("the page was not repaired");
	publish(page, generation + 1);
	for (unsigned int i = 0; i < 2; i++)
		if (!vdsotime_line_load(&page->line[i], &copy) ||
			!line_whole(&copy, origin_ticks) ||
			copy.extra[VDSOTIME_EXTRA_GENERATION] != generation + 1)
			fail("line %u was not published", i);
	return check_readers(page, generation + 1, generation + 1);
}

/* What a child does: publish work_line, or take over into it. */
static struct vdsotime_line work_line;

static void work_publish(void)
{
	page_publish(&arena->page, &work_line);
}

static void work_recover(void)
{
	page_recover(&arena->page, &work_line);
}

static void await_stop(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid)
		fail("cannot wait");
	if (WIFEXITED(status) && WEXITSTATUS(status) == SKIPPED) {
		printf("this process may not trace another\n");
		exit(SKIPPED);
	}
	if (!WIFSTOPPED(status))
		fail("the writer ended by itself: status %#x", (unsigned int)status);
}

static void step(pid_t pid)
{
	if (ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) < 0)
		fail("cannot step");
	await_stop(pid);
}

/* A child about to do its work, stopped a few instructions before its first. */
static pid_t start(void (*work)(void))
{
	pid_t pid;

	arena->working = 0;
	pid = fork();
	if (pid == 0) {
		if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
			_exit(SKIPPED);
		syscall(SYS_kill, getpid(), SIGSTOP);
		arena->working = 1;
		work();
		arena->working = 0;
		_exit(0);
	}
	if (pid < 0)
		fail("cannot fork");
	await_stop(pid);
	while (!arena->working)
		step(pid);
	return pid;
}

static void end(pid_t pid)
{
	int status;

	kill(pid, SIGKILL);
	if (waitpid(pid, &status, 0) != pid || !WIFSIGNALED(status))
		fail("the writer could not be killed");
}

/* Pages that a death left, each differing from the last. */
static struct vdsotime_page *states;
static unsigned int state_count;

/* Whether pages differ where a writer of the two generations in question writes. */
static int pages_differ(const struct vdsotime_page *a, const struct vdsotime_page *b)
{
	size_t slot = FIRST_GENERATIONS % VDSOTIME_PAGE_RING;

	return memcmp(a, b, offsetof(struct vdsotime_page, ring)) != 0 ||
	       memcmp(&a->ring[slot], &b->ring[slot], 2 * sizeof(a->ring[0])) != 0;
}

static void keep_state(void)
{
	if (state_count != 0 && !pages_differ(&states[state_count - 1], &arena->page))
		return;
	if (state_count == MAX_STATES)
		fail("more states than stores");
	memcpy(&states[state_count++], &arena->page, sizeof(arena->page));
}

/* Steps one publication to its end, looking at each instruction.  Returns how many there were. */
static unsigned long survey(struct vdsotime_page *copy)
{
	pid_t pid;
	uint64_t old = FIRST_GENERATIONS, seen = old;

	what = "stopped in a publication";
	work_line = line_of(old + 1, origin_ticks);
	pid = start(work_publish);
	for (point = 0; arena->working; point++) {
		uint64_t now = check_readers(&arena->page, old, old + 1);

		if (now < seen)
			fail("readers were sent back to generation %lu", (unsigned long)now);
		seen = now;
		keep_state();
		memcpy(copy, &arena->page, sizeof(*copy));
		check_successor(copy, seen);
		step(pid);
	}
	end(pid);
	if (seen != old + 1)
		fail("readers never saw the new generation");
	return point;
}

/* Kills a publication at each of its instructions, or at every stride-th. */
static unsigned long kill_each(unsigned long instructions, unsigned int stride)
{
	unsigned long kills = 0;
	uint64_t generation = FIRST_GENERATIONS + 1;

	what = "killed in a publication";
	for (unsigned long n = 0; n < instructions; n += stride) {
		pid_t pid;

		work_line = line_of(generation + 1, origin_ticks);
		pid = start(work_publish);
		for (point = 0; point < n; point++)
			step(pid);
		end(pid);
		generation = check_readers(&arena->page, generation, generation + 1);
		generation = check_successor(&arena->page, generation);
		kills++;
	}
	return kills;
}

/* Steps a take-over of each state, or of every stride-th, looking after each store. */
static unsigned long survey_recovery(struct vdsotime_page *copy, unsigned int stride)
{
	static struct vdsotime_page before;
	unsigned long instructions = 0;

	what = "stopped in a take-over";
	for (unsigned int i = 0; i < state_count; i += stride) {
		uint64_t seen = 0;
		pid_t pid;

		memcpy(&arena->page, &states[i], sizeof(arena->page));
		pid = start(work_recover);
		before.header.magic = 0;
		for (point = 0; arena->working; point++, instructions++) {
			if (pages_differ(&before, &arena->page)) {
				seen = check_readers(&arena->page, seen ? seen : FIRST_GENERATIONS,
					FIRST_GENERATIONS + 1);
				memcpy(&before, &arena->page, sizeof(before));
				memcpy(copy, &before, sizeof(*copy));
				check_successor(copy, seen);
			}
			step(pid);
		}
		end(pid);
	}
	return instructions;
}

int main(int argc, char **argv)
{
	unsigned int kill_stride = argc > 1 ? (unsigned int)strtoul(argv[1], NULL, 10) : 1;
	unsigned int state_stride = argc > 2 ? (unsigned int)strtoul(argv[2], NULL, 10) : 1;
	struct vdsotime_page *copy = malloc(sizeof(*copy));

	states = malloc(MAX_STATES * sizeof(*states));
	arena = mmap(
		NULL, sizeof(*arena), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (!copy || !states || arena == MAP_FAILED || kill_stride == 0 || state_stride == 0)
		fail("no memory");
	origin_ticks = vdsotime_counter_read(VDSOTIME_COUNTER_FENCE) -
		       (UINT64_C(1) << (LINES_WINDOW_LOG2 - 1));
	arena->page.header.magic = VDSOTIME_PAGE_MAGIC;
	/* one wraps on the way, the other meets the end of 16 bits */
	arena->page.line[0].seq = UINT32_MAX - 5;
	arena->page.line[1].seq = UINT16_MAX - 5;
	for (uint64_t g = 1; g <= FIRST_GENERATIONS; g++)
		publish(&arena->page, g);
	unsigned long instructions = survey(copy);
	unsigned long kills = kill_each(instructions, kill_stride);
	unsigned long recovery = survey_recovery(copy, state_stride);

	printf("instructions %lu, kills %lu, states %u, take-over instructions %lu\n", instructions,
		kills, state_count, recovery);
	return 0;
}

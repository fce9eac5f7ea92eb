/* SPDX-License-Identifier: MIT */
/*
 * A page that lies to its reader: whatever a reader loads may be another value each time it looks.
 *
 * The readers are compiled here with the compiler's atomic loads redefined below the protocol's
 * macros; each load of the page, each pair of loads, and triples and storms drawn at random return
 * boundary values.  Asserted: all loads lie on the page and are aligned; there are never more of
 * them than the tries allow; a time is only given when the sequence, as loaded, was even and the
 * same twice, all else of the line was loaded in between, and the counter, read there, within the
 * window; that a resolve gives the true
 * time or none, since its lines have a check word; nothing is written without a time.  The
 * sanitizers watch for undefined behaviour.
 *
 *     adversary [TIMES [ONE_PAIR_IN]]   how many triples and storms of each reader; fewer pairs
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vdsotime/counter.h>

static uint64_t lying_load(const void *p, size_t size);
static uint64_t lying_counter(void);

#define __atomic_load_n(p, order) ((__typeof__(*(p) + 0))lying_load((p), sizeof(*(p))))
#define vdsotime_counter_read(order) ((void)(order), lying_counter())
#include "proto/page/page.c"
#include "proto/page/publish.c"
#undef vdsotime_counter_read
#include "tests/proof/lines.h"

/* What the contracts promise, whatever the headers' constants have become. */
#define MOST_TRIES 8
#define MOST_HALVINGS 10

#define GENERATIONS (VDSOTIME_PAGE_RING + 100)
#define ORIGIN (UINT64_C(1) << 40)
#define SEED UINT64_C(0x76647374)

/* A halved word is two loads. */
#if UINTPTR_MAX > 0xffffffffu
#define LOADS_PER_WORD 1
#else
#define LOADS_PER_WORD 2
#endif
#define LINE_LOADS (3 + LOADS_PER_WORD * (VDSOTIME_LINE_WORDS + VDSOTIME_LINE_EXTRA_WORDS))
/* seq, meta, seq, and at most counter, mult and two bases */
#define CLOCK_LOADS (3 + LOADS_PER_WORD * 4)

static struct vdsotime_page *page;

/* The lies of a run: at the at-th load, value. */
struct lie {
	unsigned int at;
	uint64_t value;
};

static struct lie lies[3];
static unsigned int lie_count;
/* Or, not 0: every load is a lie in storm of 16 cases. */
static unsigned int storm;

/*
 * What the run loaded: how often, and of what a try rests on, the last two sequences and the
 * rest.
 */
static unsigned int loads;
static uint32_t seq, seq_before, meta;
static uint64_t counter;
/* How many loads there had been at the last two sequences, and when the CPU's counter was read. */
static unsigned int seq_at, seq_before_at, counter_at;
static uint64_t counter_now;
/* Which line is between two loads of its sequence, or none; and whether another was loaded from. */
static size_t open_line;
static int strayed;
#define NO_LINE SIZE_MAX
static uint64_t runs;

static uint64_t boundary[26];

static uint64_t random_next(void)
{
	static uint64_t state = SEED;

	return mix(state++);
}

static void fail(const char *what)
{
	fprintf(stderr, "%s (run %lu, %u loads, lies at", what, (unsigned long)runs, loads);
	for (unsigned int i = 0; i < lie_count; i++)
		fprintf(stderr, " %u: %#lx", lies[i].at, (unsigned long)lies[i].value);
	fprintf(stderr, ")\n");
	abort();
}

static uint64_t truth(const void *p, size_t size)
{
	uint64_t value = 0;

	if (size == 4)
		value = *(const uint32_t *)p;
	else
		value = *(const uint64_t *)p;
	return value;
}

/* Whether the load lies between those of its line's sequence.  Each try is on the other line. */
static void remember_place(size_t line, size_t offset)
{
	if (offset == offsetof(struct vdsotime_line, seq))
		open_line = line == open_line ? NO_LINE : line;
	else if (line != open_line)
		strayed = 1;
}

/* What a line's field the load was of decides what a time may rest on. */
static void remember(size_t offset, uint64_t value)
{
	if (offset == offsetof(struct vdsotime_line, seq)) {
		seq_before = seq;
		seq_before_at = seq_at;
		seq = (uint32_t)value;
		seq_at = loads;
	} else if (offset == offsetof(struct vdsotime_line, meta)) {
		meta = (uint32_t)value;
	} else if (offset == offsetof(struct vdsotime_line, word)) {
		counter = value;
	}
}

static uint64_t lying_load(const void *p, size_t size)
{
	size_t at = (size_t)((uintptr_t)p - (uintptr_t)page);
	uint64_t value;

	/* a line that has been copied is the reader's own */
	if ((uintptr_t)p < (uintptr_t)page || at >= sizeof(*page))
		return truth(p, size);
	if (at % size != 0 || at + size > sizeof(*page))
		fail("a load is not aligned, or not on the page");
	value = truth(p, size);
	for (unsigned int i = 0; i < lie_count; i++)
		if (lies[i].at == loads)
			value = lies[i].value;
	if (storm && random_next() % 16 < storm)
		value = boundary[random_next() % 26];
	if (size == 4)
		value = (uint32_t)value;
	at -= offsetof(struct vdsotime_page, line);
	remember_place(at / sizeof(struct vdsotime_line), at % sizeof(struct vdsotime_line));
	remember(at % sizeof(struct vdsotime_line), value);
	loads++;
	return value;
}

static uint64_t lying_counter(void)
{
	counter_at = loads;
	return counter_now;
}

/* What must hold of a read that gave a time. */
static void check_try(void)
{
	if (counter_at <= seq_before_at || counter_at > seq_at)
		fail("the counter was not read while the line was in force");
	if (strayed)
		fail("a load from outside the two of the sequence");
	if (seq != seq_before || seq % 2 == 1)
		fail("a time from a line that was being written");
	if ((counter_now - counter) >> (meta & VDSOTIME_META_WINDOW_MASK) != 0)
		fail("a time from outside the window");
}

static void check_loads(unsigned int most)
{
	if (loads > most)
		fail("more loads than the tries allow");
}

#define UNTOUCHED INT64_C(-0x1234567890)

static void check_ns(int32_t clock)
{
	int64_t ns = UNTOUCHED;
	enum vdsotime_page_result result =
		vdsotime_page_read_ns(page, clock, VDSOTIME_COUNTER_FENCE, &ns);

	check_loads(MOST_TRIES * CLOCK_LOADS);
	if (result == VDSOTIME_PAGE_READ)
		check_try();
	else if (ns != UNTOUCHED)
		fail("written without a time");
}

static void read_realtime(void)
{
	check_ns(VDSOTIME_PAGE_REALTIME);
}

static void read_monotonic(void)
{
	check_ns(VDSOTIME_PAGE_MONOTONIC);
}

static void read_raw(void)
{
	check_ns(VDSOTIME_PAGE_MONOTONIC_RAW);
}

static void read_boottime(void)
{
	check_ns(VDSOTIME_PAGE_BOOTTIME);
}

static void read_tai(void)
{
	check_ns(VDSOTIME_PAGE_TAI);
}

static void read_sec(void)
{
	struct vdsotime_point point;
	int64_t sec = UNTOUCHED;
	uint32_t nsec = 77;
	enum vdsotime_page_result result = vdsotime_page_read_sec(
		page, VDSOTIME_PAGE_TAI, VDSOTIME_COUNTER_FENCE, &sec, &nsec);

	check_loads(MOST_TRIES * CLOCK_LOADS);
	if (result == VDSOTIME_PAGE_READ) {
		check_try();
		if (nsec >= 1000000000)
			fail("a second of more than 10^9 ns");
	} else if (sec != UNTOUCHED || nsec != 77) {
		fail("written without a time");
	}
	loads = 0;
	if (vdsotime_page_read(page, VDSOTIME_PAGE_TAI, VDSOTIME_COUNTER_FENCE, &point) ==
			VDSOTIME_PAGE_READ &&
		(point.elapsed_ns >> 32 != 0 || point.counter_ticks != counter_now))
		fail("elapsed for longer than a line may be");
}

static void read_instant(void)
{
	struct vdsotime_instant instant = { .realtime_ns = UNTOUCHED };
	enum vdsotime_page_result result =
		vdsotime_page_read_instant(page, VDSOTIME_COUNTER_FENCE, &instant);

	check_loads(MOST_TRIES * LINE_LOADS);
	if (result != VDSOTIME_PAGE_READ) {
		if (instant.realtime_ns != UNTOUCHED)
			fail("written without a time");
		return;
	}
	check_try();
	if (instant.age_ns >> 32 != 0 || instant.counter_ticks != counter_now)
		fail("an instant older than a line may be");
}

static void read_bounded(void)
{
	struct vdsotime_bounded bounded = { .realtime_ns = UNTOUCHED };
	enum vdsotime_page_result result =
		vdsotime_page_read_bounded(page, VDSOTIME_COUNTER_FENCE, &bounded);

	check_loads(MOST_TRIES * (CLOCK_LOADS + LOADS_PER_WORD * 4));
	if (result == VDSOTIME_PAGE_READ)
		check_try();
	else if (bounded.realtime_ns != UNTOUCHED)
		fail("written without a time");
}

static void read_line(void)
{
	struct vdsotime_line line;
	int result = vdsotime_page_line(page, &line);

	check_loads(MOST_TRIES * LINE_LOADS);
	if (result && (strayed || seq != seq_before || seq % 2 == 1))
		fail("a line that was being written");
	if (result && !line_whole(&line, ORIGIN))
		fail("a line that is not intact");
}

/* What the page says of a stamp in a generation's step. */
static int64_t true_tai_ns(uint64_t generation, uint64_t ticks)
{
	struct vdsotime_line line = line_of(generation, ORIGIN);
	uint64_t mult;
	int64_t base = vdsotime_line_base(&line, VDSOTIME_PAGE_TAI, line.meta, &mult);

	return (int64_t)((uint64_t)base + (ticks * mult >> 32));
}

/* The newest line, then one of the ring for each halving of it. */
static void check_resolve(uint64_t generation)
{
	int64_t ns = UNTOUCHED;
	int result = vdsotime_page_resolve(
		page, VDSOTIME_PAGE_TAI, ORIGIN + generation * LINES_STEP_TICKS + 50, &ns);

	check_loads((MOST_TRIES + MOST_HALVINGS) * LINE_LOADS);
	if (!result && ns != UNTOUCHED)
		fail("written without a time");
	if (result && ns != true_tai_ns(generation, 50))
		fail("a stamp resolved by what is not intact");
}

static void resolve_new(void)
{
	check_resolve(GENERATIONS);
}

static void resolve_old(void)
{
	check_resolve(GENERATIONS - 700);
}

static void resolve_lost(void)
{
	check_resolve(3);
}

/* Readers, and one in how many of their pairs is tried: those of a resolve are too many. */
static const struct reader {
	const char *name;
	void (*read)(void);
	unsigned int one_pair_in;
} readers[] = {
	{ "read_ns, REALTIME", read_realtime, 1 },
	{ "read_ns, MONOTONIC", read_monotonic, 1 },
	{ "read_ns, MONOTONIC_RAW", read_raw, 1 },
	{ "read_ns, BOOTTIME", read_boottime, 1 },
	{ "read_ns, TAI", read_tai, 1 },
	{ "read_sec", read_sec, 1 },
	{ "read_instant", read_instant, 1 },
	{ "read_bounded", read_bounded, 1 },
	{ "page_line", read_line, 1 },
	{ "resolve, newest", resolve_new, 1 },
	{ "resolve, ring", resolve_old, 97 },
	{ "resolve, too old", resolve_lost, 97 },
};
#define READERS (sizeof(readers) / sizeof(readers[0]))

/* One in how many of the pairs that would be tried is. */
static unsigned int one_pair_in = 1;

/* Returns how many loads there were. */
static unsigned int run(const struct reader *reader, unsigned int count)
{
	lie_count = count;
	loads = 0;
	seq = 1;
	seq_before = 0;
	seq_at = 0;
	seq_before_at = 0;
	open_line = NO_LINE;
	strayed = 0;
	runs++;
	reader->read();
	return loads;
}

/* Each load that there is, one after the other, with each value; under each of them, the next. */
static void lie_at_each(const struct reader *reader, unsigned int depth, unsigned int made)
{
	unsigned int at = depth == 0 ? 0 : lies[0].at + 1;

	for (; at < made; at++) {
		unsigned int most = 0;

		lies[depth].at = at;
		for (unsigned int v = 0; v < 26; v++) {
			if (depth == 1 && random_next() % (reader->one_pair_in * one_pair_in))
				continue;
			lies[depth].value = boundary[v];
			unsigned int n = run(reader, depth + 1);

			most = n > most ? n : most;
			if (depth == 0)
				lie_at_each(reader, 1, n);
		}
		/* a lie may have cost tries, whose loads can be lied about in turn */
		made = most ? most : made;
	}
}

static void lie_at_random(const struct reader *reader, unsigned int times)
{
	for (unsigned int i = 0; i < times; i++) {
		for (unsigned int j = 0; j < 3; j++) {
			lies[j].at = (unsigned int)(random_next() % 48);
			lies[j].value = boundary[random_next() % 26];
		}
		run(reader, 3);
		storm = 1 + i % 16;
		run(reader, 0);
		storm = 0;
	}
}

static void make_page(void)
{
	page = aligned_alloc(4096, (sizeof(*page) + 4095) / 4096 * 4096);
	if (!page)
		abort();
	memset(page, 0, sizeof(*page));
	for (uint64_t g = 1; g <= GENERATIONS; g++) {
		struct vdsotime_line line = line_of(g, ORIGIN);

		page_publish(page, &line);
	}
	counter_now = ORIGIN + GENERATIONS * LINES_STEP_TICKS + 1000;
}

int main(int argc, char **argv)
{
	unsigned int times = argc > 1 ? (unsigned int)strtoul(argv[1], NULL, 10) : 50000;
	const uint64_t values[26] = { 0, 1, 2, 3, 0x1f, 0x20, 0x3f, 0x40, 999999999, 1000000000,
		0x7fffffff, 0x80000000, 0xffffffff, UINT64_C(0x100000000), UINT64_C(1) << 62,
		INT64_MAX, UINT64_C(1) << 63, UINT64_MAX - 1, UINT64_MAX, GENERATIONS - 1,
		GENERATIONS + 1, 2 * GENERATIONS, 2 * GENERATIONS + 1, 0, 0, 0 };

	if (argc > 2)
		one_pair_in = (unsigned int)strtoul(argv[2], NULL, 10);
	memcpy(boundary, values, sizeof(boundary));
	make_page();
	boundary[23] = counter_now - 1;
	boundary[24] = counter_now;
	boundary[25] = counter_now + 1;
	for (unsigned int i = 0; i < READERS; i++) {
		uint64_t before = runs;
		unsigned int undisturbed = run(&readers[i], 0);

		lie_at_each(&readers[i], 0, undisturbed);
		lie_at_random(&readers[i], times);
		printf("%s: %u loads undisturbed, %lu runs\n", readers[i].name, undisturbed,
			(unsigned long)(runs - before));
	}
	printf("%lu runs, seed %#lx\n", (unsigned long)runs, (unsigned long)SEED);
	return 0;
}

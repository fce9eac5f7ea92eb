/* SPDX-License-Identifier: MIT */
/*
 * Every execution that C11 allows of one writer and two readers, by Relacy.
 *
 * The page's text is compiled beside this: relacy-page.h.  Of a line's words three are modelled (the
 * sequence, the first word, the generation); what holds for two words holds for any two.
 *
 * The one thing a reader would get wrong: the writer runs to its end before a reader begins, and yet all
 * is searched.  No load of the writer meets a store of a reader; so which executions there are is settled
 * by which of the writer's stores each load of a reader returns, and Relacy tries all that happens-before
 * and coherence allow.  For that its loads must be able to go back to any store, which it does only when
 * told that its scheduler is the random one, and with a longer history: hence the two liberties taken.
 *
 * It ends well when the protocol holds, and does not hold with any one of its orders broken.  Compiled with
 * BRIEF it looks only whether two publications hold.
 */
#include <relacy/pch.hpp>
/* Relacy with a history of 32 stores to each variable instead of 3. */
#define atomic_history_size atomic_history_size_as_shipped
#include <relacy/defs.hpp>
#undef atomic_history_size
namespace rl
{
size_t const atomic_history_size = 32;
}
#include <relacy/relacy.hpp>

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <sstream>

#include <vdsotime/page.h>

#include "tests/proof/relacy-page.h"

extern "C" {
#include "proto/page/publish.h"
}

#ifdef BRIEF
#undef BRIEF
#define BRIEF 1
#else
#define BRIEF 0
#endif

/* Which order is taken away; the names are those of page-protocol.h. */
enum broken { WHOLE, S1_RELAXED, S3_DROPPED, W0_DROPPED, W2_DROPPED, W4_RELAXED, BROKEN_END };

static const char *const broken_names[] = { "as it is", "S1 relaxed", "S3 dropped", "W0 dropped",
	"W2 dropped", "W4 relaxed" };

static enum broken broken;

/* Lines are read by the clock: the second modelled word is MONOTONIC, else the generation. */
static bool clocks;

/* Modelled words of a line, and stores to them in one publication; the epoch word is modelled beside. */
#define CELLS_MAX (1 + 2 + 1)
#define STORES_PER_LINE (1 + text_parts + 1 + 1)
#define STORES_PER_PUBLICATION (2 * STORES_PER_LINE + 1)

static struct vdsotime_page page;
static rl::atomic<uint64_t> (*cells)[CELLS_MAX];
static rl::atomic<uint64_t> *epoch;
static unsigned release_fences;
/* Stores that the writer lives for. */
static unsigned life;
/* The sequence that a reader's try began with, and whether it has loaded one. */
static uint64_t begun;
static bool begins;
#define FOR_EVER 1000

/* Where a modelled word is kept; NULL: it is not one, and lives in plain memory. */
static rl::atomic<uint64_t> *cell_of(const void *p)
{
	for (unsigned i = 0; i < 2; i++) {
		const struct vdsotime_line *line = &page.line[i];

		if (p == &line->seq)
			return &cells[i][0];
		if (p == (clocks ? &line->word[VDSOTIME_WORD_MONOTONIC]
				 : &line->extra[VDSOTIME_EXTRA_GENERATION]))
			return &cells[i][1];
		for (unsigned j = 0; j < text_parts; j++)
			if (p == (const char *)&line->word[0] + 4 * j)
				return &cells[i][2 + j];
	}
	return p == &page.epoch ? epoch : NULL;
}

static bool is_sequence(const void *p)
{
	return p == &page.line[0].seq || p == &page.line[1].seq;
}

static rl::memory_order order_of(int order)
{
	switch (order) {
	case __ATOMIC_RELAXED:
		return rl::mo_relaxed;
	case __ATOMIC_ACQUIRE:
		return rl::mo_acquire;
	case __ATOMIC_RELEASE:
		return rl::mo_release;
	default:
		return rl::mo_seq_cst;
	}
}

/* What is not modelled lives in plain memory. */
static uint64_t plain_load(const void *p, size_t bytes)
{
	uint32_t half;
	uint64_t word;

	if (bytes == sizeof(half)) {
		memcpy(&half, p, sizeof(half));
		return half;
	}
	memcpy(&word, p, sizeof(word));
	return word;
}

uint64_t shadow_load(const void *p, size_t bytes, int order)
{
	rl::atomic<uint64_t> *cell = cell_of(p);

	if (!cell)
		return plain_load(p, bytes);
	/* words behind an odd sequence are never used: which of them a reader loads is not searched */
	if (!begins && begun % 2 == 1 && !is_sequence(p))
		return (uintptr_t)p;
	if (broken == S1_RELAXED)
		order = __ATOMIC_RELAXED;
	uint64_t value = cell->load(order_of(order), $);

	if (begins)
		begun = value;
	begins = false;
	return value;
}

void shadow_store(void *p, size_t bytes, uint64_t value, int order)
{
	rl::atomic<uint64_t> *cell = cell_of(p);
	uint32_t half = (uint32_t)value;

	if (!life)
		return;
	if (!cell) {
		memcpy(p, bytes == sizeof(half) ? (void *)&half : (void *)&value, bytes);
		return;
	}
	life--;
	if (broken == W4_RELAXED)
		order = __ATOMIC_RELAXED;
	cell->store(value, order_of(order), $);
}

void shadow_fence(int order)
{
	if (order == __ATOMIC_ACQUIRE && broken == S3_DROPPED)
		return;
	/* W0 and W2 take turns */
	if (order == __ATOMIC_RELEASE) {
		bool w0 = release_fences++ % 2 == 0;

		if ((w0 && broken == W0_DROPPED) || (!w0 && broken == W2_DROPPED))
			return;
	}
	rl::atomic_thread_fence(order_of(order), $);
}

/* Two halves, both of which tell the generation. */
static uint64_t word_of(uint64_t generation)
{
	return (generation + 16) << 32 | generation;
}

static void publish(uint64_t generation)
{
	struct vdsotime_line line;

	memset(&line, 0, sizeof(line));
	line.meta = VDSOTIME_META_WINDOW_MASK;
	line.word[VDSOTIME_WORD_COUNTER] = word_of(generation);
	line.word[VDSOTIME_WORD_MULT] = UINT64_C(1) << 32;
	line.word[VDSOTIME_WORD_MONOTONIC] = generation;
	line.extra[VDSOTIME_EXTRA_GENERATION] = generation;
	line.extra[VDSOTIME_EXTRA_EPOCH] = generation;
	line.extra[VDSOTIME_EXTRA_CHECK] = vdsotime_line_check(&line);
	page_publish(&page, &line);
}

/* The generation as the line's base has it; its counter, in the elapsed time, must be of the same. */
static bool load_clock(const struct vdsotime_line *line, uint64_t *ret_generation)
{
	struct vdsotime_point point;

	if (!text_line_read(line, &point))
		return false;
	*ret_generation = (uint64_t)point.base_ns;
	RL_ASSERT((uint32_t)point.elapsed_ns == (uint32_t)(TEXT_NOW - *ret_generation));
	return true;
}

/* One try.  What comes of it is of one publication. */
static bool load(unsigned i, uint64_t *ret_generation)
{
	const struct vdsotime_line *line = &page.line[i];
	struct vdsotime_line copy;

	begins = true;
	if (clocks)
		return load_clock(line, ret_generation);
	if (!text_line_load(line, &copy))
		return false;
	*ret_generation = copy.extra[VDSOTIME_EXTRA_GENERATION];
	RL_ASSERT(copy.word[VDSOTIME_WORD_COUNTER] == word_of(*ret_generation));
	return true;
}

/*
 * Thread 0 writes, thread 1 tries one line and tells thread 2 what it saw, thread 2 reads as readers do
 * and must not see less.  Each runs in one go, in this order; other orders end at once.
 */
struct protocol : rl::test_suite<protocol, 3> {
	rl::atomic<uint64_t> cell[2][CELLS_MAX];
	rl::atomic<uint64_t> epoch_cell;
	rl::atomic<uint64_t> told;
	bool written, has_told;

	void before()
	{
		life = FOR_EVER;
		cells = cell;
		epoch = &epoch_cell;
		epoch_cell.store(0, rl::mo_relaxed, $);
		written = has_told = false;
		begins = false;
		begun = 0;
		release_fences = 0;
		memset(&page.line, 0, sizeof(page.line));
		memset(&page.ring[0], 0, 8 * sizeof(page.ring[0]));
		for (unsigned i = 0; i < 2; i++)
			for (unsigned j = 0; j < CELLS_MAX; j++)
				cell[i][j].store(0, rl::mo_relaxed, $);
		told.store(0, rl::mo_relaxed, $);
		publish(1);
	}

	void thread(unsigned index)
	{
		rl::ctx().disable_preemption();
		if (index == 0) {
			write();
			written = true;
		} else if (index == 1 && written) {
			tell();
		} else if (index == 2 && has_told) {
			read();
		}
		rl::ctx().enable_preemption();
	}

	virtual void write() = 0;

	void tell()
	{
		unsigned what = rl::rand(3);
		uint64_t generation;

		if (what == 2)
			generation = text_epoch_load(&page);
		else if (!load(what, &generation))
			return;
		told.store(generation, rl::mo_release, $);
		has_told = true;
	}

	/*
	 * A third try is a first one of somebody who knows more.  But there is one unless the primary has
	 * moved on since it was found odd: it and the backup are never both odd.
	 */
	void read()
	{
		uint64_t least = told.load(rl::mo_acquire, $);
		uint64_t generation, sequence[2];

		for (unsigned i = 0; i < 2; i++) {
			if (load(i, &generation)) {
				RL_ASSERT(generation >= least);
				return;
			}
			sequence[i] = begun;
		}
		begins = true;
		if (sequence[0] % 2 == 1 && sequence[1] % 2 == 1)
			RL_ASSERT(text_line_begin(&page.line[0]) != sequence[0]);
	}

	virtual ~protocol()
	{
	}
};

/* Publications upon the first: three, or in brief two. */
struct publications : protocol {
	static char const *name()
	{
		return clocks ? "publications, clock read" : "publications, line loaded";
	}

	void write()
	{
		publish(2);
		publish(3);
		if (!BRIEF)
			publish(4);
	}
};

/*
 * The writer dies after any of its stores, and so does whoever takes over, while repairing; the next one
 * goes on.  At each death one of the lines can be read.
 */
#if !BRIEF
struct deaths : protocol {
	static char const *name()
	{
		return "death, death in repair, take-over";
	}

	void write()
	{
		struct vdsotime_line line;
		uint64_t generation = 0;

		life = rl::rand(STORES_PER_PUBLICATION + 1);
		publish(2);
		RL_ASSERT(load(0, &generation) || load(1, &generation));
		life = rl::rand(STORES_PER_LINE + 2);
		begun = 0;
		RL_ASSERT(page_recover(&page, &line));
		RL_ASSERT(load(0, &generation) || load(1, &generation));
		life = FOR_EVER;
		begun = 0;
		RL_ASSERT(page_recover(&page, &line));
		RL_ASSERT(line.extra[VDSOTIME_EXTRA_GENERATION] >= generation);
		RL_ASSERT(load(0, &generation) && load(1, &generation));
		publish(line.extra[VDSOTIME_EXTRA_GENERATION] + 1);
	}
};
#endif

/* Whether no execution fails.  Tells how many there were, or the one that fails where it should not. */
template <typename test> static bool holds(bool loud)
{
	typedef rl::full_search_scheduler<test::params::thread_count> scheduler;
	rl::ostringstream state;
	std::ostringstream told;
	rl::test_params params;

	params.search_type = rl::random_scheduler_type;
	params.iteration_count = ~(rl::iteration_t)0 / 2;
	params.execution_depth_limit = 10000;
	params.output_stream = &told;
	params.progress_stream = &told;
	bool ok = rl::run_test<test, scheduler>(params, state, false) == rl::test_result_success;

	printf("%s, %s: %s after %llu executions\n", test::name(), broken_names[broken],
		ok ? "holds" : "fails", (unsigned long long)params.stop_iteration);
	if (!ok && loud) {
		params.initial_state = state.str();
		params.collect_history = true;
		rl::run_test<test, scheduler>(params, state, true);
		printf("%s\n", told.str().c_str());
	}
	fflush(stdout);
	return ok;
}

static bool all_hold(bool loud)
{
	clocks = false;
	if (!holds<publications>(loud))
		return false;
	clocks = true;
	return holds<publications>(loud);
}

int main()
{
	if (!all_hold(true))
		return 1;
	clocks = false;
#if !BRIEF
	/* with halves it takes a minute, and would tell no more */
	if (text_parts == 1 && !holds<deaths>(true))
		return 1;
	for (int i = WHOLE + 1; i < BROKEN_END; i++) {
		broken = (enum broken)i;
		if (all_hold(false)) {
			printf("the search does not see that %s\n", broken_names[i]);
			return 1;
		}
	}
#endif
	return 0;
}

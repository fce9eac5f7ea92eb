/* SPDX-License-Identifier: MIT */
/*
 * Lines whose every word follows from their generation, so that a torn one shows, and where on a
 * staircase they lie in time, so that one sees which line a time came from.
 */
#ifndef VDSOTIMED_PROOF_LINES_H
#define VDSOTIMED_PROOF_LINES_H

#include <stdint.h>

#include <vdsotime/page.h>

#define LINES_STEP_TICKS UINT64_C(1000000)
/* Half a ns a tick, and half a step more of a jump from line to line. */
#define LINES_MULT UINT64_C(0x80000000)
#define LINES_STEP_NS UINT64_C(1000000)
#define LINES_WINDOW_LOG2 44

/* 64 bits of what looks like noise (splitmix64). */
static inline uint64_t mix(uint64_t x)
{
	x += UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

/* The line of a generation; origin_ticks is the counter of generation 0. */
static inline struct vdsotime_line line_of(uint64_t generation, uint64_t origin_ticks)
{
	struct vdsotime_line line;
	unsigned int i;

	line.seq = 0;
	line.meta = LINES_WINDOW_LOG2 | (uint32_t)(generation & 0x7fff) << VDSOTIME_META_TAI_SHIFT;
	for (i = 0; i < VDSOTIME_LINE_WORDS; i++)
		line.word[i] = mix(generation * 16 + i);
	for (i = 0; i < VDSOTIME_LINE_EXTRA_WORDS; i++)
		line.extra[i] = mix(generation * 16 + 8 + i);
	line.word[VDSOTIME_WORD_COUNTER] = origin_ticks + generation * LINES_STEP_TICKS;
	line.word[VDSOTIME_WORD_MULT] = LINES_MULT;
	line.word[VDSOTIME_WORD_MONOTONIC] = generation * LINES_STEP_NS;
	line.extra[VDSOTIME_EXTRA_GENERATION] = generation;
	line.extra[VDSOTIME_EXTRA_EPOCH] = generation;
	line.extra[VDSOTIME_EXTRA_CHECK] = vdsotime_line_check(&line);
	return line;
}

/* Whether two lines are the same but for their sequence. */
static inline int line_equal(const struct vdsotime_line *a, const struct vdsotime_line *b)
{
	unsigned int i;

	if (a->meta != b->meta)
		return 0;
	for (i = 0; i < VDSOTIME_LINE_WORDS; i++)
		if (a->word[i] != b->word[i])
			return 0;
	for (i = 0; i < VDSOTIME_LINE_EXTRA_WORDS; i++)
		if (a->extra[i] != b->extra[i])
			return 0;
	return 1;
}

/* Whether a line is that of its generation. */
static inline int line_whole(const struct vdsotime_line *line, uint64_t origin_ticks)
{
	struct vdsotime_line should = line_of(line->extra[VDSOTIME_EXTRA_GENERATION], origin_ticks);

	return line_equal(line, &should);
}

#endif

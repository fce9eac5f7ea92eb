/* SPDX-License-Identifier: MIT */
/*
 * The page protocol: how one writer changes a line of numbers under readers that never wait for it.
 *
 * A line is a seqlock: its sequence is odd while it is being written.  A classic seqlock stops
 * every reader when its writer dies half-way; so there are two lines, primary and backup, written
 * one after the other and never both odd.  A reader takes the primary; when that is odd, or changes
 * under it, the backup; after a bounded number of tries it gives up and asks its own vDSO.
 *
 * Every load, store and fence is a macro, so that product, model checkers, the harness that kills
 * the writer at each instruction and the adversary that lies to the reader compile this same text.
 * The orders, in C11 words, and what each one is for:
 *
 *   reader  S1 load seq, acquire      the loads of the payload do not move before it
 *           S2 load words, relaxed    they may be torn; S4 finds out
 *           S3 fence, acquire         an acquire *load* at S4 would not keep S2 before it
 *           S4 load seq, relaxed      equal and even: the words are of one publication
 *   writer  W0 fence, release         the other line is whole before this one goes odd
 *           W1 store seq odd, relaxed
 *           W2 fence, release         a release *store* at W1 would not keep W3 after it
 *           W3 store words, relaxed
 *           W4 store seq even, release
 *
 * The one thing a reader would get wrong: the writer begins with `seq | 1`, not `seq + 1`.  A
 * writer that died half-way has left an odd sequence, and adding 1 to that would leave it odd for
 * ever, or hand out an even number that readers of the half-written line have already seen.
 *
 * There is one writer at a time; what enforces it (a lock, a service manager) is not here.
 */
#ifndef VDSOTIME_PAGE_PROTOCOL_H
#define VDSOTIME_PAGE_PROTOCOL_H

#include <stdint.h>

/* Words of a line's first cache line (beside seq and meta), and of the second. */
#define VDSOTIME_LINE_WORDS 7
#define VDSOTIME_LINE_EXTRA_WORDS 8

/*
 * 128 bytes.  A plain read touches the first 64 only.  The meanings of meta and words are the
 * layout's (<vdsotime/page.h>); the protocol moves them.
 */
struct vdsotime_line {
	uint32_t seq;
	uint32_t meta;
	uint64_t word[VDSOTIME_LINE_WORDS];
	uint64_t extra[VDSOTIME_LINE_EXTRA_WORDS];
} __attribute__((aligned(64)));

/* The hot path, in each of its callers: out of line, its results would go through memory. */
#define VDSOTIME_INLINE static inline __attribute__((always_inline))

#ifndef VDSOTIME_SEQ_LOAD

/*
 * A half of a word, loaded or stored alone where a machine has no 64-bit access: S4 finds the
 * tear.
 */
typedef uint32_t __attribute__((may_alias)) vdsotime_half;

static inline uint64_t vdsotime_halves_load(const uint64_t *word)
{
	const vdsotime_half *from = (const vdsotime_half *)(const void *)word;
	union {
		vdsotime_half half[2];
		uint64_t word;
	} u;

	u.half[0] = __atomic_load_n(&from[0], __ATOMIC_RELAXED);
	u.half[1] = __atomic_load_n(&from[1], __ATOMIC_RELAXED);
	return u.word;
}

static inline void vdsotime_halves_store(uint64_t *word, uint64_t value)
{
	vdsotime_half *to = (vdsotime_half *)(void *)word;
	union {
		vdsotime_half half[2];
		uint64_t word;
	} u;

	u.word = value;
	__atomic_store_n(&to[0], u.half[0], __ATOMIC_RELAXED);
	__atomic_store_n(&to[1], u.half[1], __ATOMIC_RELAXED);
}

#define VDSOTIME_SEQ_LOAD(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define VDSOTIME_SEQ_RELOAD(p) __atomic_load_n((p), __ATOMIC_RELAXED)
#define VDSOTIME_SEQ_STORE(p, v) __atomic_store_n((p), (v), __ATOMIC_RELAXED)
#define VDSOTIME_SEQ_RELEASE(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)
#define VDSOTIME_META_LOAD(p) __atomic_load_n((p), __ATOMIC_RELAXED)
#define VDSOTIME_META_STORE(p, v) __atomic_store_n((p), (v), __ATOMIC_RELAXED)
#define VDSOTIME_READ_FENCE() __atomic_thread_fence(__ATOMIC_ACQUIRE)
#define VDSOTIME_WRITE_FENCE() __atomic_thread_fence(__ATOMIC_RELEASE)

#if UINTPTR_MAX > 0xffffffffu
#define VDSOTIME_WORD_LOAD(p) __atomic_load_n((p), __ATOMIC_RELAXED)
#define VDSOTIME_WORD_STORE(p, v) __atomic_store_n((p), (v), __ATOMIC_RELAXED)
#else
#define VDSOTIME_WORD_LOAD(p) vdsotime_halves_load(p)
#define VDSOTIME_WORD_STORE(p, v) vdsotime_halves_store((p), (v))
#endif

#endif

/* S1.  The sequence that vdsotime_line_done() is to be asked about; odd: do not begin. */
VDSOTIME_INLINE uint32_t vdsotime_line_begin(const struct vdsotime_line *line)
{
	return VDSOTIME_SEQ_LOAD(&line->seq);
}

/* S3, S4.  Is all that was loaded since vdsotime_line_begin() gave seq of one publication? */
VDSOTIME_INLINE int vdsotime_line_done(const struct vdsotime_line *line, uint32_t seq)
{
	VDSOTIME_READ_FENCE();
	return VDSOTIME_SEQ_RELOAD(&line->seq) == seq && !(seq & 1);
}

/*
 * S2, the whole line but its sequence.  Written out, since a loop would make the compiler keep the
 * copy in memory, and each use of it wait for the stores.
 */
VDSOTIME_INLINE void vdsotime_line_copy(
	const struct vdsotime_line *line, struct vdsotime_line *copy)
{
	copy->meta = VDSOTIME_META_LOAD(&line->meta);
	copy->word[0] = VDSOTIME_WORD_LOAD(&line->word[0]);
	copy->word[1] = VDSOTIME_WORD_LOAD(&line->word[1]);
	copy->word[2] = VDSOTIME_WORD_LOAD(&line->word[2]);
	copy->word[3] = VDSOTIME_WORD_LOAD(&line->word[3]);
	copy->word[4] = VDSOTIME_WORD_LOAD(&line->word[4]);
	copy->word[5] = VDSOTIME_WORD_LOAD(&line->word[5]);
	copy->word[6] = VDSOTIME_WORD_LOAD(&line->word[6]);
	copy->extra[0] = VDSOTIME_WORD_LOAD(&line->extra[0]);
	copy->extra[1] = VDSOTIME_WORD_LOAD(&line->extra[1]);
	copy->extra[2] = VDSOTIME_WORD_LOAD(&line->extra[2]);
	copy->extra[3] = VDSOTIME_WORD_LOAD(&line->extra[3]);
	copy->extra[4] = VDSOTIME_WORD_LOAD(&line->extra[4]);
	copy->extra[5] = VDSOTIME_WORD_LOAD(&line->extra[5]);
	copy->extra[6] = VDSOTIME_WORD_LOAD(&line->extra[6]);
	copy->extra[7] = VDSOTIME_WORD_LOAD(&line->extra[7]);
}

/* S1 to S4.  1 and a copy without tear, or 0 and garbage in *copy. */
static inline int vdsotime_line_load(const struct vdsotime_line *line, struct vdsotime_line *copy)
{
	copy->seq = vdsotime_line_begin(line);
	vdsotime_line_copy(line, copy);
	return vdsotime_line_done(line, copy->seq);
}

/* W0 to W4.  value->seq is not used: the line counts its own. */
static inline void vdsotime_line_store(
	struct vdsotime_line *line, const struct vdsotime_line *value)
{
	uint32_t seq = VDSOTIME_SEQ_RELOAD(&line->seq) | 1;
	unsigned int i;

	VDSOTIME_WRITE_FENCE();
	VDSOTIME_SEQ_STORE(&line->seq, seq);
	VDSOTIME_WRITE_FENCE();
	VDSOTIME_META_STORE(&line->meta, value->meta);
	for (i = 0; i < VDSOTIME_LINE_WORDS; i++)
		VDSOTIME_WORD_STORE(&line->word[i], value->word[i]);
	for (i = 0; i < VDSOTIME_LINE_EXTRA_WORDS; i++)
		VDSOTIME_WORD_STORE(&line->extra[i], value->extra[i]);
	VDSOTIME_SEQ_RELEASE(&line->seq, seq + 1);
}

/* One publication: readers find the backup while the primary is odd, the primary while it is. */
static inline void vdsotime_lines_publish(struct vdsotime_line *primary,
	struct vdsotime_line *backup, const struct vdsotime_line *value)
{
	vdsotime_line_store(primary, value);
	vdsotime_line_store(backup, value);
}

#endif

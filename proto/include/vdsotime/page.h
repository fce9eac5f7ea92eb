/* SPDX-License-Identifier: MIT */
/*
 * The page: what vdsotimed publishes and any process maps read-only, and how to read it.
 *
 * Header, immutable; two lines of parameters (see <vdsotime/page-protocol.h>), each good for every
 * clock of one instant; a word to wait on; a ring of past lines, for stamps whose time is asked
 * later.  All numbers are of the machine's own byte order; PROTOCOL.md draws them byte by byte.
 *
 * A clock at counter value c is   base + ((c - counter) * mult >> 32)   while c - counter lies
 * within the line's window, a power of two in ticks.  Past it nothing on the line may be used: the
 * writer is dead or stopped, the machine was suspended, the page is switched off, or the counter
 * ran backwards (which makes the unsigned difference huge).  One compare covers them all.
 *
 * Freestanding and inline: the library's calls are this same text.  The one thing a reader would
 * get wrong: nothing on a page is to be believed before vdsotime_page_check(), and afterwards no
 * size or index is taken from it again; the constants here are the bounds.
 */
#ifndef VDSOTIME_PAGE_H
#define VDSOTIME_PAGE_H

#include <stddef.h>
#include <stdint.h>

#include <vdsotime/counter.h>
#include <vdsotime/page-protocol.h>
#include <vdsotime/quality.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VDSOTIME_PAGE_MAGIC UINT64_C(0x454d49544f534456) /* "VDSOTIME", little endian */
#define VDSOTIME_PAGE_MAJOR 1
#define VDSOTIME_PAGE_MINOR 0
#define VDSOTIME_PAGE_RING 1024
#define VDSOTIME_PAGE_TRIES 8
/* The largest tracking bound that a page may claim: one above it is refused when attaching. */
#define VDSOTIME_PAGE_TRACKING_MAX_NS UINT64_C(5000000000)

/* The kernel's clock ids of the page's five clocks (include/uapi/linux/time.h). */
enum vdsotime_page_clock {
	VDSOTIME_PAGE_REALTIME = 0,
	VDSOTIME_PAGE_MONOTONIC = 1,
	VDSOTIME_PAGE_MONOTONIC_RAW = 4,
	VDSOTIME_PAGE_BOOTTIME = 7,
	VDSOTIME_PAGE_TAI = 11
};
#define VDSOTIME_PAGE_CLOCKS (1u << 0 | 1u << 1 | 1u << 4 | 1u << 7 | 1u << 11)

/* meta: the log2 of the window in ticks, whether the page is off, TAI - UTC in seconds (signed). */
#define VDSOTIME_META_WINDOW_MASK 0x3fu
#define VDSOTIME_META_OFF 0x100u
#define VDSOTIME_META_TAI_SHIFT 16

/* Words of a line. */
enum vdsotime_word {
	VDSOTIME_WORD_COUNTER, /* ticks: the instant that the bases belong to */
	VDSOTIME_WORD_MULT, /* ns per tick of MONOTONIC and its kin, 32 fraction bits */
	VDSOTIME_WORD_MONOTONIC, /* ns */
	VDSOTIME_WORD_REALTIME, /* ns, signed: REALTIME - MONOTONIC */
	VDSOTIME_WORD_BOOTTIME, /* ns, signed: BOOTTIME - MONOTONIC */
	VDSOTIME_WORD_RAW_MULT, /* ns per tick of MONOTONIC_RAW, 32 fraction bits */
	VDSOTIME_WORD_RAW /* ns: MONOTONIC_RAW */
};

/* Extra words of a line: its second cache line. */
enum vdsotime_extra {
	VDSOTIME_EXTRA_GENERATION, /* rises with each publication; 0: there was none */
	VDSOTIME_EXTRA_EPOCH, /* low half: disturbances of the clocks so far; high: of the page */
	VDSOTIME_EXTRA_ERROR, /* ns: bound on |REALTIME here - UTC| at counter, so with */
	VDSOTIME_EXTRA_ERROR_GROWTH, /* the tracking bound in it, and its growth; see below */
	VDSOTIME_EXTRA_TRACKING, /* ns: bound on |clock here - kernel's| at counter */
	VDSOTIME_EXTRA_TRACKING_GROWTH, /* of it, ns per ns, 32 fraction bits */
	VDSOTIME_EXTRA_FLAGS, /* quality, leap: see below */
	VDSOTIME_EXTRA_CHECK /* all of the above and meta: vdsotime_line_check() */
};
/* ERROR_GROWTH and TRACKING_GROWTH are below 2^32, less than 1 ns a ns.  ERROR without bound: */
#define VDSOTIME_NO_ERROR_BOUND UINT64_MAX

/* FLAGS: enum vdsotime_quality in bits 0..7, enum vdsotime_leap in 8..15, both of quality.h. */
#define VDSOTIME_FLAGS_QUALITY(flags) ((uint32_t)(flags)&0xff)
#define VDSOTIME_FLAGS_LEAP(flags) ((uint32_t)(flags) >> 8 & 0xff)
/* TAI - UTC on the line is one that the kernel was told, not the 0 it starts with. */
#define VDSOTIME_FLAGS_TAI_KNOWN (UINT64_C(1) << 16)

/*
 * What CHECK is to be.  Each word counts by another odd factor, so that no change of one word alone
 * goes unseen.  A plain read does not look at it: it would cost more than the read.
 */
#define VDSOTIME_CHECK_FACTOR UINT64_C(0x9e3779b97f4a7c15)

static inline uint64_t vdsotime_line_check(const struct vdsotime_line *line)
{
	uint64_t sum = line->meta * VDSOTIME_CHECK_FACTOR;
	unsigned int i;

	for (i = 0; i < VDSOTIME_LINE_WORDS; i++)
		sum = (sum + line->word[i]) * VDSOTIME_CHECK_FACTOR;
	for (i = 0; i < VDSOTIME_EXTRA_CHECK; i++)
		sum = (sum + line->extra[i]) * VDSOTIME_CHECK_FACTOR;
	return sum;
}

/* Is a line, loaded whole, as it was published? */
static inline int vdsotime_line_intact(const struct vdsotime_line *line)
{
	return line->extra[VDSOTIME_EXTRA_CHECK] == vdsotime_line_check(line);
}

struct vdsotime_page_header {
	uint64_t magic;
	uint16_t major; /* another one: another layout, refuse */
	uint16_t minor; /* a larger one has added to what was reserved */
	uint32_t size_bytes;
	uint8_t boot_id[16]; /* /proc/sys/kernel/random/boot_id */
	uint64_t time_namespace_dev; /* of the writer's /proc/self/ns/time; 0: not known */
	uint64_t time_namespace_inode; /* likewise */
	uint64_t counter_hz; /* as calibrated when the page was made: to be shown, not used */
	uint32_t counter_kind; /* enum vdsotime_counter_kind */
	uint32_t ring_entries;
	uint64_t instance; /* told apart from any other page of this boot */
	uint64_t reserved[7]; /* 0 */
};

struct vdsotime_page {
	struct vdsotime_page_header header;
	struct vdsotime_line line[2]; /* primary, backup */
	uint32_t epoch; /* low half of the epoch: wait on it with a futex */
	uint8_t pad[4096 - 128 - 2 * sizeof(struct vdsotime_line) - 4];
	/* past lines: that of generation g is at g % VDSOTIME_PAGE_RING */
	struct vdsotime_line ring[VDSOTIME_PAGE_RING];
};

/* What a reader is: a page of another kin is refused. */
struct vdsotime_page_reader {
	uint8_t boot_id[16];
	uint32_t counter_kind; /* enum vdsotime_counter_kind that this CPU reads */
};

/* Why vdsotime_page_check() refuses; 0: it does not. */
enum vdsotime_page_refusal {
	VDSOTIME_PAGE_OK = 0,
	VDSOTIME_PAGE_BAD_SIZE,
	VDSOTIME_PAGE_BAD_MAGIC,
	VDSOTIME_PAGE_BAD_VERSION,
	VDSOTIME_PAGE_BAD_BOOT_ID,
	VDSOTIME_PAGE_BAD_COUNTER
};

/*
 * Check a header against the reader.  size_bytes: what the mapping has, from fstat(), not from the
 * page.  No load lies beyond it.
 */
enum vdsotime_page_refusal vdsotime_page_check(const struct vdsotime_page *page, size_t size_bytes,
	const struct vdsotime_page_reader *reader);

/* Are both lines as they were published?  One that is being written is not looked at. */
int vdsotime_page_intact(const struct vdsotime_page *page);

/*
 * What clock said when the counter was stamp_ticks, by the line in force then.  1 and *ret_ns; 0
 * where no line of the page covers that moment (too old, in a gap, in the future), or one that was
 * looked at is not intact.  At most VDSOTIME_PAGE_TRIES + 10 loads of a line.  Where the counter
 * has begun anew, a stamp is taken for one of before until the writer has published again.
 */
int vdsotime_page_resolve(
	const struct vdsotime_page *page, int32_t clock, uint64_t stamp_ticks, int64_t *ret_ns);

/* What a read found out.  A reader that does not get VDSOTIME_PAGE_READ asks its own vDSO. */
enum vdsotime_page_result {
	VDSOTIME_PAGE_READ = 0,
	VDSOTIME_PAGE_STALE = 1, /* past its window, or off */
	VDSOTIME_PAGE_BUSY = 2 /* both lines changed underfoot, several times */
};

/* One clock on one line, at one counter value. */
struct vdsotime_point {
	uint64_t counter_ticks;
	int64_t base_ns;
	uint64_t elapsed_ns; /* since base; less than 2^32 */
};

/*
 * The base of a clock and the rate that goes with it.  clock is one of enum vdsotime_page_clock;
 * any other reads as TAI does, so ask VDSOTIME_PAGE_CLOCKS first.
 */
VDSOTIME_INLINE int64_t vdsotime_line_base(
	const struct vdsotime_line *line, int32_t clock, uint32_t meta, uint64_t *ret_mult)
{
	uint64_t base;

	if (clock == VDSOTIME_PAGE_MONOTONIC_RAW) {
		*ret_mult = VDSOTIME_WORD_LOAD(&line->word[VDSOTIME_WORD_RAW_MULT]);
		return (int64_t)VDSOTIME_WORD_LOAD(&line->word[VDSOTIME_WORD_RAW]);
	}
	*ret_mult = VDSOTIME_WORD_LOAD(&line->word[VDSOTIME_WORD_MULT]);
	base = VDSOTIME_WORD_LOAD(&line->word[VDSOTIME_WORD_MONOTONIC]);
	if (clock == VDSOTIME_PAGE_MONOTONIC)
		return (int64_t)base;
	if (clock == VDSOTIME_PAGE_BOOTTIME)
		return (int64_t)(base + VDSOTIME_WORD_LOAD(&line->word[VDSOTIME_WORD_BOOTTIME]));
	base += VDSOTIME_WORD_LOAD(&line->word[VDSOTIME_WORD_REALTIME]);
	if (clock != VDSOTIME_PAGE_REALTIME)
		base += (uint64_t)((int64_t)((int32_t)meta >> VDSOTIME_META_TAI_SHIFT) *
				   1000000000);
	return (int64_t)base;
}

/*
 * One try on one line.  The counter is read first, right behind the sequence: all that follows does
 * not depend on it until the last addition, so the CPU does it while the slow counter read is under
 * way.  The branch before it is what an ordered read on aarch64 rests on: see <vdsotime/counter.h>.
 */
VDSOTIME_INLINE enum vdsotime_page_result vdsotime_line_read(const struct vdsotime_line *line,
	int32_t clock, enum vdsotime_counter_order order, struct vdsotime_point *ret)
{
	uint32_t seq = vdsotime_line_begin(line);

	if (seq & 1)
		return VDSOTIME_PAGE_BUSY;
	uint64_t now = vdsotime_counter_read(order);
	uint32_t meta = VDSOTIME_META_LOAD(&line->meta);
	uint64_t ticks = now - VDSOTIME_WORD_LOAD(&line->word[VDSOTIME_WORD_COUNTER]);
	uint64_t mult;
	int64_t base = vdsotime_line_base(line, clock, meta, &mult);

	if (!vdsotime_line_done(line, seq))
		return VDSOTIME_PAGE_BUSY;
	if (ticks >> (meta & VDSOTIME_META_WINDOW_MASK) != 0)
		return VDSOTIME_PAGE_STALE;
	ret->counter_ticks = now;
	ret->base_ns = base;
	ret->elapsed_ns = ticks * mult >> 32;
	return VDSOTIME_PAGE_READ;
}

/* A clock of the page, now.  *ret is written only with VDSOTIME_PAGE_READ, as in all below. */
VDSOTIME_INLINE enum vdsotime_page_result vdsotime_page_read(const struct vdsotime_page *page,
	int32_t clock, enum vdsotime_counter_order order, struct vdsotime_point *ret)
{
	enum vdsotime_page_result result = VDSOTIME_PAGE_BUSY;
	unsigned int i;

	for (i = 0; i < VDSOTIME_PAGE_TRIES && result == VDSOTIME_PAGE_BUSY; i++)
		result = vdsotime_line_read(&page->line[i & 1], clock, order, ret);
	return result;
}

/* The same as ns. */
VDSOTIME_INLINE enum vdsotime_page_result vdsotime_page_read_ns(const struct vdsotime_page *page,
	int32_t clock, enum vdsotime_counter_order order, int64_t *ret_ns)
{
	struct vdsotime_point point;
	enum vdsotime_page_result result = vdsotime_page_read(page, clock, order, &point);

	if (result == VDSOTIME_PAGE_READ)
		*ret_ns = (int64_t)((uint64_t)point.base_ns + point.elapsed_ns);
	return result;
}

/* n / 10^9, without the 64-bit division that 32-bit machines would take from a library. */
VDSOTIME_INLINE uint64_t vdsotime_seconds_by_product(uint64_t n)
{
	/* n / 2^9 / 5^9 as the high half of a product with 2^84 / 5^9; at most one too small */
	const uint64_t inverse = UINT64_C(9903520314283042199);
	uint64_t m = n >> 9;
	uint64_t low = (m & 0xffffffff) * (inverse & 0xffffffff);
	uint64_t cross = (m >> 32) * (inverse & 0xffffffff) + (low >> 32);
	uint64_t cross2 = (m & 0xffffffff) * (inverse >> 32) + (cross & 0xffffffff);
	uint64_t high = (m >> 32) * (inverse >> 32) + (cross >> 32) + (cross2 >> 32);
	uint64_t seconds = high >> 20;

	return n - seconds * 1000000000 >= 1000000000 ? seconds + 1 : seconds;
}

/* The same, the faster way of this machine. */
VDSOTIME_INLINE uint64_t vdsotime_seconds(uint64_t n)
{
	return UINTPTR_MAX > 0xffffffffu ? n / 1000000000 : vdsotime_seconds_by_product(n);
}

/*
 * The same as seconds and nanoseconds.  The base is divided, not the sum: that is done by the time
 * the counter has been read.
 */
VDSOTIME_INLINE enum vdsotime_page_result vdsotime_page_read_sec(const struct vdsotime_page *page,
	int32_t clock, enum vdsotime_counter_order order, int64_t *ret_sec, uint32_t *ret_nsec)
{
	struct vdsotime_point point;
	enum vdsotime_page_result result = vdsotime_page_read(page, clock, order, &point);
	uint64_t sec, nsec;

	if (result != VDSOTIME_PAGE_READ)
		return result;
	sec = vdsotime_seconds((uint64_t)point.base_ns);
	nsec = (uint64_t)point.base_ns - sec * 1000000000 + (uint32_t)point.elapsed_ns;
	/* less than 10^9 + 2^32: five times at most, nearly always none or one */
	while (nsec >= 1000000000) {
		/* lest a compiler make the very division of this that is to be avoided */
		__asm__("" : "+r"(nsec));
		nsec -= 1000000000;
		sec++;
	}
	*ret_sec = (int64_t)sec;
	*ret_nsec = (uint32_t)nsec;
	return VDSOTIME_PAGE_READ;
}

/* All that a line says of one instant. */
struct vdsotime_instant {
	uint64_t counter_ticks;
	int64_t realtime_ns;
	int64_t monotonic_ns;
	int64_t monotonic_raw_ns;
	int64_t boottime_ns;
	int64_t tai_ns;
	uint64_t age_ns; /* since the line's counter */
	uint64_t generation; /* and from here on: the line's second half, aged to this instant */
	uint64_t epoch;
	uint64_t error_ns; /* bound on |realtime_ns - UTC|, or VDSOTIME_NO_ERROR_BOUND */
	uint64_t tracking_ns; /* bound on |clock - the kernel's clock| */
	uint64_t flags; /* VDSOTIME_FLAGS_* */
	int32_t tai_offset_s;
};

/* A bound, aged; VDSOTIME_NO_ERROR_BOUND from 2^63 ns on, so that it never wraps to a small one. */
VDSOTIME_INLINE uint64_t vdsotime_bound(uint64_t bound_ns, uint64_t growth, uint64_t age_ns)
{
	uint64_t aged = bound_ns + (age_ns * (uint32_t)growth >> 32) + 1;

	return bound_ns >> 63 ? VDSOTIME_NO_ERROR_BOUND : aged;
}

/* What a line says of the instant at which the counter was now. */
VDSOTIME_INLINE void vdsotime_line_instant(
	const struct vdsotime_line *line, uint64_t now, struct vdsotime_instant *ret)
{
	uint64_t ticks = now - line->word[VDSOTIME_WORD_COUNTER];
	uint64_t age = ticks * line->word[VDSOTIME_WORD_MULT] >> 32;
	uint64_t raw = ticks * line->word[VDSOTIME_WORD_RAW_MULT] >> 32;
	uint64_t monotonic = line->word[VDSOTIME_WORD_MONOTONIC] + age;
	uint64_t realtime = monotonic + line->word[VDSOTIME_WORD_REALTIME];
	int32_t tai = (int32_t)line->meta >> VDSOTIME_META_TAI_SHIFT;

	ret->counter_ticks = now;
	ret->realtime_ns = (int64_t)realtime;
	ret->monotonic_ns = (int64_t)monotonic;
	ret->monotonic_raw_ns = (int64_t)(line->word[VDSOTIME_WORD_RAW] + raw);
	ret->boottime_ns = (int64_t)(monotonic + line->word[VDSOTIME_WORD_BOOTTIME]);
	ret->tai_ns = (int64_t)(realtime + (uint64_t)((int64_t)tai * 1000000000));
	ret->age_ns = age;
	ret->generation = line->extra[VDSOTIME_EXTRA_GENERATION];
	ret->epoch = line->extra[VDSOTIME_EXTRA_EPOCH];
	ret->error_ns = vdsotime_bound(
		line->extra[VDSOTIME_EXTRA_ERROR], line->extra[VDSOTIME_EXTRA_ERROR_GROWTH], age);
	ret->tracking_ns = vdsotime_bound(line->extra[VDSOTIME_EXTRA_TRACKING],
		line->extra[VDSOTIME_EXTRA_TRACKING_GROWTH], age);
	ret->flags = line->extra[VDSOTIME_EXTRA_FLAGS];
	ret->tai_offset_s = tai;
}

/* Every clock of one instant, and what else the page knows, now. */
VDSOTIME_INLINE enum vdsotime_page_result vdsotime_page_read_instant(
	const struct vdsotime_page *page, enum vdsotime_counter_order order,
	struct vdsotime_instant *ret)
{
	unsigned int i;

	for (i = 0; i < VDSOTIME_PAGE_TRIES; i++) {
		const struct vdsotime_line *line = &page->line[i & 1];
		struct vdsotime_line copy;
		uint64_t now;

		copy.seq = vdsotime_line_begin(line);
		if (copy.seq & 1)
			continue;
		now = vdsotime_counter_read(order);
		vdsotime_line_copy(line, &copy);
		if (!vdsotime_line_done(line, copy.seq))
			continue;
		if ((now - copy.word[VDSOTIME_WORD_COUNTER]) >>
				(copy.meta & VDSOTIME_META_WINDOW_MASK) !=
			0)
			return VDSOTIME_PAGE_STALE;
		vdsotime_line_instant(&copy, now, ret);
		return VDSOTIME_PAGE_READ;
	}
	return VDSOTIME_PAGE_BUSY;
}

/*
 * The growth of a bound for each tick instead of each ns, with 32 fraction bits, rounded up; not
 * above mult, unless that is 0.  It can be had while the counter is being read; the age in ns,
 * which the growth would be multiplied by else, only after that.
 */
VDSOTIME_INLINE uint64_t vdsotime_growth_per_tick(uint64_t growth, uint64_t mult)
{
	uint64_t low = (growth & 0xffffffff) * (mult & 0xffffffff);

	return (growth & 0xffffffff) * (mult >> 32) + (low >> 32) + 1;
}

/* REALTIME now and the bound on its distance from UTC: what an interval is made of. */
struct vdsotime_bounded {
	int64_t realtime_ns;
	uint64_t error_ns; /* VDSOTIME_NO_ERROR_BOUND, or unless quality is CLAIMED meaningless */
	uint64_t epoch;
	uint64_t flags;
};

VDSOTIME_INLINE enum vdsotime_page_result vdsotime_page_read_bounded(
	const struct vdsotime_page *page, enum vdsotime_counter_order order,
	struct vdsotime_bounded *ret)
{
	unsigned int i;

	for (i = 0; i < VDSOTIME_PAGE_TRIES; i++) {
		const struct vdsotime_line *line = &page->line[i & 1];
		uint32_t seq = vdsotime_line_begin(line);

		if (seq & 1)
			continue;
		uint64_t now = vdsotime_counter_read(order);
		uint32_t meta = VDSOTIME_META_LOAD(&line->meta);
		uint64_t ticks = now - VDSOTIME_WORD_LOAD(&line->word[VDSOTIME_WORD_COUNTER]);
		uint64_t mult;
		int64_t base = vdsotime_line_base(line, VDSOTIME_PAGE_REALTIME, meta, &mult);
		uint64_t error = VDSOTIME_WORD_LOAD(&line->extra[VDSOTIME_EXTRA_ERROR]);
		uint64_t growth = VDSOTIME_WORD_LOAD(&line->extra[VDSOTIME_EXTRA_ERROR_GROWTH]);
		uint64_t epoch = VDSOTIME_WORD_LOAD(&line->extra[VDSOTIME_EXTRA_EPOCH]);
		uint64_t flags = VDSOTIME_WORD_LOAD(&line->extra[VDSOTIME_EXTRA_FLAGS]);
		uint64_t per_tick = vdsotime_growth_per_tick(growth, mult);

		/* as vdsotime_bound(), but before the counter is there */
		if (error >> 63) {
			error = VDSOTIME_NO_ERROR_BOUND - 1;
			per_tick = 0;
		}
		if (!vdsotime_line_done(line, seq))
			continue;
		if (ticks >> (meta & VDSOTIME_META_WINDOW_MASK) != 0)
			return VDSOTIME_PAGE_STALE;
		ret->realtime_ns = (int64_t)((uint64_t)base + (ticks * mult >> 32));
		ret->error_ns = error + (ticks * per_tick >> 32) + 1;
		ret->epoch = epoch;
		ret->flags = flags;
		return VDSOTIME_PAGE_READ;
	}
	return VDSOTIME_PAGE_BUSY;
}

/*
 * The line in force, intact, within its window or not; the one before it while the primary is being
 * written or is spoiled.  1; 0 when both changed underfoot, or neither is intact.
 */
static inline int vdsotime_page_line(const struct vdsotime_page *page, struct vdsotime_line *ret)
{
	unsigned int i;

	for (i = 0; i < VDSOTIME_PAGE_TRIES; i++)
		if (vdsotime_line_load(&page->line[i & 1], ret) && vdsotime_line_intact(ret))
			return 1;
	return 0;
}

#ifdef __cplusplus
}
#endif

#endif

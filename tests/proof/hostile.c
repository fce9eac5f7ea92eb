/* SPDX-License-Identifier: MIT */
/*
 * Pages that no writer made: every single bit of header, lines and slots of the ring flipped, and
 * pages drawn at random.
 *
 * Each is refused by vdsotime_page_check() or read by every reader; no read may fault or do what C
 * leaves undefined (the sanitizers watch), and each ends, since tries are counted.  A bit flipped
 * in a line is seen by its check word, and no stamp is resolved by that line.  A plain read does
 * not look at it, and may well give another time, even without bound: that is for the client to
 * find out, with the check word and with its vDSO.
 *
 *     hostile [PAGES [EACH]]    flips bits in each EACH-th slot of the ring
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/page/publish.h"
#include "tests/proof/lines.h"

#define GENERATIONS (VDSOTIME_PAGE_RING + 100)
#define SEED UINT64_C(0x7664737430303037)

static const struct page_identity identity = {
	.boot_id = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 },
	.counter_kind = VDSOTIME_COUNTER_HERE,
};
static struct vdsotime_page_reader self = { .counter_kind = VDSOTIME_COUNTER_HERE };
static uint64_t origin_ticks;

/* What came of reading. */
static struct tally {
	unsigned long refused, refusals_of[VDSOTIME_PAGE_BAD_COUNTER + 1];
	unsigned long reads, stale, busy, resolved;
} tally;

static uint64_t random_next(void)
{
	static uint64_t state = SEED;

	return mix(state++);
}

static void fail(const char *why, const char *what, unsigned long number)
{
	fprintf(stderr, "%s %lu: %s\n", what, number, why);
	exit(1);
}

static int count(enum vdsotime_page_result result)
{
	if (result == VDSOTIME_PAGE_READ)
		tally.reads++;
	else if (result == VDSOTIME_PAGE_STALE)
		tally.stale++;
	else
		tally.busy++;
	return result == VDSOTIME_PAGE_READ;
}

static const int32_t clocks[] = { VDSOTIME_PAGE_REALTIME, VDSOTIME_PAGE_MONOTONIC,
	VDSOTIME_PAGE_MONOTONIC_RAW, VDSOTIME_PAGE_BOOTTIME, VDSOTIME_PAGE_TAI, -1 };
#define CLOCKS (sizeof(clocks) / sizeof(clocks[0]))

static void read_clock(const struct vdsotime_page *page, int32_t clock, uint64_t stamp_ticks)
{
	enum vdsotime_counter_order order = (enum vdsotime_counter_order)(stamp_ticks % 3);
	int64_t ns, sec;
	uint32_t nsec;

	count(vdsotime_page_read_ns(page, clock, order, &ns));
	if (count(vdsotime_page_read_sec(page, clock, order, &sec, &nsec)) && nsec >= 1000000000)
		fail("a second of more than 10^9 ns", "stamp", (unsigned long)stamp_ticks);
	if (vdsotime_page_resolve(page, clock, stamp_ticks, &ns))
		tally.resolved++;
}

static void read_rest(const struct vdsotime_page *page)
{
	struct vdsotime_instant instant;
	struct vdsotime_bounded bounded;
	struct vdsotime_line line;

	count(vdsotime_page_read_instant(page, VDSOTIME_COUNTER_FENCE, &instant));
	count(vdsotime_page_read_bounded(page, VDSOTIME_COUNTER_FENCE, &bounded));
	if (vdsotime_page_line(page, &line))
		vdsotime_line_instant(&line, line.word[VDSOTIME_WORD_COUNTER] - 1, &instant);
}

/* Whether the header is taken for that of a page of this boot and machine. */
static int passes(const struct vdsotime_page *page)
{
	enum vdsotime_page_refusal refusal = vdsotime_page_check(page, sizeof(*page), &self);

	if (refusal == VDSOTIME_PAGE_OK)
		return 1;
	tally.refused++;
	tally.refusals_of[refusal]++;
	return 0;
}

static void read_all(const struct vdsotime_page *page)
{
	uint64_t stamp = origin_ticks + LINES_STEP_TICKS * (GENERATIONS - random_next() % 1100);

	for (size_t i = 0; i < CLOCKS; i++)
		read_clock(page, clocks[i], stamp);
	read_rest(page);
}

/* Which bits of a header a reader goes by: with any of them flipped it is another page. */
static int goes_by(size_t offset)
{
	const size_t from[] = { offsetof(struct vdsotime_page_header, magic),
		offsetof(struct vdsotime_page_header, major),
		offsetof(struct vdsotime_page_header, size_bytes),
		offsetof(struct vdsotime_page_header, boot_id),
		offsetof(struct vdsotime_page_header, counter_kind),
		offsetof(struct vdsotime_page_header, ring_entries) };
	const size_t bytes[] = { 8, 2, 4, 16, 4, 4 };

	for (size_t i = 0; i < sizeof(from) / sizeof(from[0]); i++)
		if (offset >= from[i] && offset < from[i] + bytes[i])
			return 1;
	return 0;
}

/* A line with a flipped bit is none: what is told comes from the other one. */
static void check_flipped(const struct vdsotime_page *page, size_t bit)
{
	const size_t line_bits = 8 * sizeof(struct vdsotime_line);
	size_t at = bit % line_bits / 8;
	struct vdsotime_line line;
	int64_t ns;

	if (!vdsotime_page_line(page, &line) || !line_whole(&line, origin_ticks))
		fail("a line is told that is not intact", "flipped bit", bit);
	if (vdsotime_page_intact(page) != (at < sizeof(line.seq)))
		fail("of the line, and not seen", "flipped bit", bit);
	if (vdsotime_page_resolve(page, VDSOTIME_PAGE_MONOTONIC,
		    origin_ticks + GENERATIONS * LINES_STEP_TICKS, &ns) != 1 ||
		(uint64_t)ns != GENERATIONS * LINES_STEP_NS)
		fail("a stamp is not resolved by the other line", "flipped bit", bit);
}

static void flip_bits(struct vdsotime_page *page)
{
	size_t header = sizeof(page->header);
	size_t lines = sizeof(page->line);
	unsigned char *byte = (unsigned char *)page;

	memset(&tally, 0, sizeof(tally));
	for (size_t bit = 0; bit < 8 * (header + lines); bit++) {
		byte[bit / 8] ^= (unsigned char)(1u << bit % 8);
		int refused = !passes(page);

		if (refused != (bit / 8 < header && goes_by(bit / 8)))
			fail(refused ? "refused" : "not refused", "flipped bit", bit);
		if (!refused)
			read_all(page);
		if (bit / 8 >= header)
			check_flipped(page, bit - 8 * header);
		byte[bit / 8] ^= (unsigned char)(1u << bit % 8);
	}
	printf("%zu bits flipped: %lu refused; then %lu reads, %lu stale, %lu busy, %lu resolved\n",
		8 * (header + lines), tally.refused, tally.reads, tally.stale, tally.busy,
		tally.resolved);
}

/* A stamp of a generation is resolved as by its line, or not at all; 1 when it is. */
static int resolves(const struct vdsotime_page *page, uint64_t generation)
{
	int64_t ns;

	if (!vdsotime_page_resolve(page, VDSOTIME_PAGE_MONOTONIC,
		    origin_ticks + generation * LINES_STEP_TICKS, &ns))
		return 0;
	if ((uint64_t)ns != generation * LINES_STEP_NS)
		fail("a stamp resolved by another line", "generation", generation);
	return 1;
}

/* Each bit of slots all over the ring: of them, of their neighbours, of a stamp anywhere. */
static void flip_ring(struct vdsotime_page *page, unsigned long each)
{
	const size_t line_bits = 8 * sizeof(struct vdsotime_line);
	const uint64_t oldest = GENERATIONS - VDSOTIME_PAGE_RING + 1;
	unsigned long resolved = 0, refused = 0;

	for (uint64_t g = oldest; g < GENERATIONS; g += each) {
		struct vdsotime_line *slot = &page->ring[g % VDSOTIME_PAGE_RING];
		unsigned char *byte = (unsigned char *)slot;

		for (size_t bit = 0; bit < line_bits; bit++) {
			const uint64_t other = oldest + random_next() % (GENERATIONS - oldest);
			const uint64_t stamps[] = { g - 1, g, g + 1, other };

			byte[bit / 8] ^= (unsigned char)(1u << bit % 8);
			for (size_t i = g == oldest; i < 4; i++) {
				int r = resolves(page, stamps[i]);

				/* but for the sequence, every bit is of what its time is told by */
				if (r && stamps[i] == g && bit / 8 >= sizeof(slot->seq))
					fail("not seen, in the ring", "flipped bit", bit);
				resolved += r != 0;
				refused += r == 0;
			}
			byte[bit / 8] ^= (unsigned char)(1u << bit % 8);
		}
	}
	printf("bits of the ring flipped: %lu stamps resolved, %lu refused\n", resolved, refused);
	if (resolved < refused)
		fail("stamps resolved", "only", resolved);
}

static void randomise(void *p, size_t bytes)
{
	uint64_t *word = p;

	for (size_t i = 0; i < bytes / sizeof(*word); i++)
		word[i] = random_next();
}

/*
 * Half of the lines are noise throughout.  The others have an even sequence, and lie so that the
 * counter may be within their window: those are read.
 */
static void draw_line(struct vdsotime_line *line, uint64_t now)
{
	randomise(line, sizeof(*line));
	if (random_next() % 2 == 0)
		return;
	line->seq &= ~1u;
	line->word[VDSOTIME_WORD_COUNTER] = now - (random_next() >> random_next() % 64);
	line->extra[VDSOTIME_EXTRA_GENERATION] >>= random_next() % 64;
	if (random_next() % 2 == 0)
		line->extra[VDSOTIME_EXTRA_CHECK] = vdsotime_line_check(line);
}

static void draw_pages(struct vdsotime_page *page, unsigned long pages)
{
	const struct vdsotime_page_header good = page->header;

	memset(&tally, 0, sizeof(tally));
	for (unsigned long i = 0; i < pages; i++) {
		uint64_t now = vdsotime_counter_read(VDSOTIME_COUNTER_FENCE);

		/* the ring is long: a part of it at a time */
		for (unsigned int j = 0; j < 2; j++) {
			draw_line(&page->line[j], now);
			draw_line(&page->ring[random_next() % VDSOTIME_PAGE_RING], now);
		}
		page->header = good;
		if (i % 4 == 0)
			randomise(&page->header, sizeof(page->header));
		else if (i % 4 == 1)
			((uint8_t *)&page->header)[random_next() % 128] = (uint8_t)random_next();
		if (!passes(page))
			page->header = good;
		/* also when it was refused: what is refused must be harmless, too */
		read_clock(page, clocks[i % CLOCKS], now - (random_next() >> random_next() % 64));
		read_rest(page);
	}
	printf("%lu random pages: %lu refused; %lu reads, %lu stale, %lu busy, %lu resolved; seed %#lx\n",
		pages, tally.refused, tally.reads, tally.stale, tally.busy, tally.resolved,
		(unsigned long)SEED);
	for (unsigned long i = VDSOTIME_PAGE_OK + 1; i <= VDSOTIME_PAGE_BAD_COUNTER; i++)
		if (tally.refusals_of[i] == 0)
			fail("never given", "reason of refusal", i);
}

/* A mapping shorter than a page is refused, and nothing behind its end is looked at. */
static void cut_short(const struct vdsotime_page *page)
{
	for (size_t bytes = 0; bytes <= 2 * sizeof(page->header); bytes++) {
		void *part;

		if (posix_memalign(&part, 64, bytes ? bytes : 1) != 0)
			abort();
		memcpy(part, page, bytes);
		if (vdsotime_page_check(part, bytes, &self) != VDSOTIME_PAGE_BAD_SIZE)
			fail("not refused", "bytes", bytes);
		free(part);
	}
}

/*
 * A reader that was stopped between the newest line and the ring finds slots that have been written
 * over.  It gets the time of the line that was in force, or none.
 */
static void overtake(struct vdsotime_page *page)
{
	struct vdsotime_line newest[2] = { page->line[0], page->line[1] };
	unsigned long resolved = 0;

	for (uint64_t g = GENERATIONS + 1; g <= GENERATIONS + VDSOTIME_PAGE_RING / 2; g++) {
		struct vdsotime_line line = line_of(g, origin_ticks);

		page_publish(page, &line);
	}
	memcpy(page->line, newest, sizeof(newest));
	for (uint64_t g = GENERATIONS - VDSOTIME_PAGE_RING; g < GENERATIONS; g++)
		resolved += resolves(page, g) != 0;
	if (resolved < VDSOTIME_PAGE_RING / 2 - 1)
		fail("stamps resolved, of a ring half written over", "only", resolved);
	printf("ring half written over under the reader: %lu stamps resolved, the others refused\n",
		resolved);
}

int main(int argc, char **argv)
{
	unsigned long pages = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000000;
	unsigned long each = argc > 2 ? strtoul(argv[2], NULL, 10) : 13;
	struct vdsotime_page *page =
		aligned_alloc(4096, (sizeof(struct vdsotime_page) + 4095) / 4096 * 4096);

	if (!page)
		abort();
	memset(page, 0, sizeof(*page));
	memcpy(self.boot_id, identity.boot_id, sizeof(self.boot_id));
	page_format(page, &identity, 2000000000, 42);
	origin_ticks = vdsotime_counter_read(VDSOTIME_COUNTER_FENCE) -
		       (UINT64_C(1) << (LINES_WINDOW_LOG2 - 1));
	for (uint64_t g = 1; g <= GENERATIONS; g++) {
		struct vdsotime_line line = line_of(g, origin_ticks);

		page_publish(page, &line);
	}
	cut_short(page);
	flip_bits(page);
	flip_ring(page, each);
	overtake(page);
	draw_pages(page, pages);
	free(page);
	return 0;
}

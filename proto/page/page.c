/* SPDX-License-Identifier: MIT */
/*
 * What of reading a page is not hot: its checks, and the time of an old stamp.
 *
 * The layout is held here against PROTOCOL.md's numbers; a compiler that laid it out otherwise does
 * not get past these assertions.
 */
#include <vdsotime/page.h>

#include "proto/vdso/bytes.h"

#define AT(type, member, offset) \
	_Static_assert(offsetof(struct type, member) == (offset), #type "." #member)
#define SIZE(type, bytes) _Static_assert(sizeof(struct type) == (bytes), #type)

AT(vdsotime_page_header, magic, 0);
AT(vdsotime_page_header, major, 8);
AT(vdsotime_page_header, minor, 10);
AT(vdsotime_page_header, size_bytes, 12);
AT(vdsotime_page_header, boot_id, 16);
AT(vdsotime_page_header, time_namespace_dev, 32);
AT(vdsotime_page_header, time_namespace_inode, 40);
AT(vdsotime_page_header, counter_hz, 48);
AT(vdsotime_page_header, counter_kind, 56);
AT(vdsotime_page_header, ring_entries, 60);
AT(vdsotime_page_header, instance, 64);
AT(vdsotime_page_header, reserved, 72);
SIZE(vdsotime_page_header, 128);
AT(vdsotime_line, seq, 0);
AT(vdsotime_line, meta, 4);
AT(vdsotime_line, word, 8);
AT(vdsotime_line, extra, 64);
SIZE(vdsotime_line, 128);
AT(vdsotime_page, header, 0);
AT(vdsotime_page, line, 128);
AT(vdsotime_page, epoch, 384);
AT(vdsotime_page, ring, 4096);
SIZE(vdsotime_page, 4096 + VDSOTIME_PAGE_RING * 128);

enum vdsotime_page_refusal vdsotime_page_check(const struct vdsotime_page *page, size_t size_bytes,
	const struct vdsotime_page_reader *reader)
{
	const struct vdsotime_page_header *h = &page->header;
	unsigned int i;

	if (size_bytes < sizeof(*h))
		return VDSOTIME_PAGE_BAD_SIZE;
	if (h->magic != VDSOTIME_PAGE_MAGIC)
		return VDSOTIME_PAGE_BAD_MAGIC;
	if (h->major != VDSOTIME_PAGE_MAJOR)
		return VDSOTIME_PAGE_BAD_VERSION;
	if (size_bytes < sizeof(*page) || h->size_bytes != size_bytes ||
		h->ring_entries != VDSOTIME_PAGE_RING)
		return VDSOTIME_PAGE_BAD_SIZE;
	for (i = 0; i < sizeof(h->boot_id); i++)
		if (h->boot_id[i] != reader->boot_id[i])
			return VDSOTIME_PAGE_BAD_BOOT_ID;
	if (h->counter_kind != reader->counter_kind || h->counter_kind == VDSOTIME_COUNTER_NONE)
		return VDSOTIME_PAGE_BAD_COUNTER;
	return VDSOTIME_PAGE_OK;
}

/* Does the line hold for this stamp?  Its window says so; a newer line is the caller's affair. */
static int line_covers(const struct vdsotime_line *line, uint64_t stamp)
{
	uint64_t ticks = stamp - line->word[VDSOTIME_WORD_COUNTER];

	return ticks >> (line->meta & VDSOTIME_META_WINDOW_MASK) == 0;
}

int vdsotime_page_intact(const struct vdsotime_page *page)
{
	struct vdsotime_line line;
	unsigned int i;

	for (i = 0; i < 2; i++)
		if (vdsotime_line_load(&page->line[i], &line) && !vdsotime_line_intact(&line))
			return 0;
	return 1;
}

/* The line of a generation out of the ring: 1, or 0 when it is lost. */
static int ring_load(
	const struct vdsotime_page *page, uint64_t generation, struct vdsotime_line *ret)
{
	return vdsotime_line_load(&page->ring[generation % VDSOTIME_PAGE_RING], ret) &&
	       ret->extra[VDSOTIME_EXTRA_GENERATION] == generation && vdsotime_line_intact(ret);
}

/*
 * The last line whose counter is not after the stamp, among generations below newest.  Within a
 * ring's length counters rise with their generations, since a counter that begins anew leaves out
 * as many, so halving finds it.  A line that is lost (just overwritten, or spoiled) makes all
 * older ones unusable, even one already found: it may itself have been the one in force.
 */
static int ring_find(const struct vdsotime_page *page, uint64_t newest, uint64_t stamp,
	struct vdsotime_line *ret)
{
	uint64_t low = newest > VDSOTIME_PAGE_RING ? newest - VDSOTIME_PAGE_RING : 0;
	uint64_t high = newest;
	int found = 0;

	/* the answer, if any, lies in (low, high) */
	while (high - low > 1) {
		uint64_t middle = low + (high - low) / 2;
		struct vdsotime_line line;

		if (!ring_load(page, middle, &line)) {
			low = middle;
			found = 0;
		} else if ((int64_t)(stamp - line.word[VDSOTIME_WORD_COUNTER]) < 0) {
			high = middle;
		} else {
			low = middle;
			bytes_copy(ret, &line, sizeof(*ret));
			found = 1;
		}
	}
	return found;
}

int vdsotime_page_resolve(
	const struct vdsotime_page *page, int32_t clock, uint64_t stamp_ticks, int64_t *ret_ns)
{
	struct vdsotime_line line;
	uint64_t mult, ticks;
	int64_t base;

	if (!vdsotime_page_line(page, &line))
		return 0;
	if ((int64_t)(stamp_ticks - line.word[VDSOTIME_WORD_COUNTER]) < 0 &&
		!ring_find(page, line.extra[VDSOTIME_EXTRA_GENERATION], stamp_ticks, &line))
		return 0;
	if (!line_covers(&line, stamp_ticks))
		return 0;
	base = vdsotime_line_base(&line, clock, line.meta, &mult);
	ticks = stamp_ticks - line.word[VDSOTIME_WORD_COUNTER];
	*ret_ns = (int64_t)((uint64_t)base + (ticks * mult >> 32));
	return 1;
}

/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as a page: the check loads nothing beyond them, and whatever it takes, or would have
 * refused, is read by every reader without a fault, a second of more than 10^9 ns, or an end that
 * does not come.
 *
 * The bytes are header and lines; the ring is filled with them again and again.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <vdsotime/page.h>

#include "tests/fuzz/fuzz.h"

#define HEAD_BYTES offsetof(struct vdsotime_page, epoch)

static void promise(bool kept)
{
	if (!kept)
		abort();
}

static void read_clock(const struct vdsotime_page *page, int32_t clock, uint64_t stamp_ticks)
{
	int64_t ns = 0;
	int64_t sec = 0;
	uint32_t nsec = 0;

	(void)vdsotime_page_read_ns(page, clock, VDSOTIME_COUNTER_FENCE, &ns);
	if (vdsotime_page_read_sec(page, clock, VDSOTIME_COUNTER_RELAXED, &sec, &nsec) ==
		VDSOTIME_PAGE_READ)
		promise(nsec < 1000000000);
	ns = 42;
	if (!vdsotime_page_resolve(page, clock, stamp_ticks, &ns))
		promise(ns == 42);
}

static void read_all(const struct vdsotime_page *page)
{
	static const int32_t clocks[] = { VDSOTIME_PAGE_REALTIME, VDSOTIME_PAGE_MONOTONIC,
		VDSOTIME_PAGE_MONOTONIC_RAW, VDSOTIME_PAGE_BOOTTIME, VDSOTIME_PAGE_TAI, -1 };
	struct vdsotime_instant instant;
	struct vdsotime_bounded bounded;
	struct vdsotime_line line;

	for (size_t i = 0; i < sizeof(clocks) / sizeof(clocks[0]); i++) {
		read_clock(page, clocks[i], page->line[0].word[VDSOTIME_WORD_COUNTER]);
		read_clock(page, clocks[i], page->line[1].word[VDSOTIME_WORD_COUNTER] - 1);
	}
	(void)vdsotime_page_read_instant(page, VDSOTIME_COUNTER_FENCE, &instant);
	(void)vdsotime_page_read_bounded(page, VDSOTIME_COUNTER_FENCE, &bounded);
	if (vdsotime_page_line(page, &line))
		vdsotime_line_instant(&line, line.word[VDSOTIME_WORD_COUNTER] - 1, &instant);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	static struct vdsotime_page page;
	static struct vdsotime_page_reader reader = { .counter_kind = VDSOTIME_COUNTER_HERE };
	uint8_t *ring = (uint8_t *)page.ring;
	void *exact = NULL;

	promise(posix_memalign(&exact, _Alignof(struct vdsotime_page), bytes > 0 ? bytes : 1) == 0);
	memcpy(exact, data, bytes);
	promise(vdsotime_page_check(exact, bytes, &reader) != VDSOTIME_PAGE_OK ||
		bytes >= sizeof(page));
	free(exact);

	memset(&page, 0, HEAD_BYTES);
	memcpy(&page, data, bytes < HEAD_BYTES ? bytes : HEAD_BYTES);
	for (size_t at = 0; at < sizeof(page.ring); at += HEAD_BYTES) {
		size_t left = sizeof(page.ring) - at;

		memcpy(&ring[at], &page, left < HEAD_BYTES ? left : HEAD_BYTES);
	}
	(void)vdsotime_page_check(&page, sizeof(page), &reader);
	read_all(&page);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * The writer's half of a page: make one, publish on it, take one over from a writer that died.
 *
 * Memory only: where the memory comes from, who may write it and when a line is published is the
 * caller's.  The one thing a reader would get wrong: a page that was taken over must go through
 * page_recover() before the next publication, since the two lines may be of different publications
 * and readers of an odd primary would be sent back in time.
 */
#ifndef VDSOTIMED_PAGE_PUBLISH_H
#define VDSOTIMED_PAGE_PUBLISH_H

#include <stddef.h>
#include <stdint.h>

#include <vdsotime/page.h>

/* What is written into a header once, and must be the same for a page to be taken over. */
struct page_identity {
	uint8_t boot_id[16];
	uint64_t time_namespace_dev;
	uint64_t time_namespace_inode;
	uint32_t counter_kind; /* enum vdsotime_counter_kind */
};

/*
 * Fill in the header of a page of zeroes, before any reader has it.  counter_hz is for showing;
 * instance tells this page from others of the same boot.
 */
void page_format(struct vdsotime_page *page, const struct page_identity *identity,
	uint64_t counter_hz, uint64_t instance);

/*
 * 1 when the header is what page_format() would write for this identity, but for counter_hz and
 * instance, so that a writer may go on with the page; else 0.
 */
int page_is_ours(
	const struct vdsotime_page *page, size_t size_bytes, const struct page_identity *identity);

/*
 * Take over: find the newest whole line, bring the other line, its slot of the ring and the epoch
 * word up to it, and copy it to *ret.  1; or 0 when nothing was published yet, or a line is not as
 * it was published (*ret is untouched).
 */
int page_recover(struct vdsotime_page *page, struct vdsotime_line *ret);

/*
 * Publish value (its seq is not used) on both lines, then in the ring and the epoch word.  The
 * caller counts EXTRA_GENERATION up by one each time, by VDSOTIME_PAGE_RING where the counter lies
 * behind that of the last line; sets EXTRA_CHECK to vdsotime_line_check() of it all, and wakes the
 * futex waiters of page->epoch when EXTRA_EPOCH has changed.  The ring comes last, so that whatever
 * it holds has been in force.
 */
void page_publish(struct vdsotime_page *page, const struct vdsotime_line *value);

#endif

/* SPDX-License-Identifier: MIT */
#include "proto/page/publish.h"

#include "proto/vdso/bytes.h"

static struct vdsotime_line *ring_slot(struct vdsotime_page *page, uint64_t generation)
{
	return &page->ring[generation % VDSOTIME_PAGE_RING];
}

void page_format(struct vdsotime_page *page, const struct page_identity *identity,
	uint64_t counter_hz, uint64_t instance)
{
	struct vdsotime_page_header *h = &page->header;
	unsigned int i;

	h->magic = VDSOTIME_PAGE_MAGIC;
	h->major = VDSOTIME_PAGE_MAJOR;
	h->minor = VDSOTIME_PAGE_MINOR;
	h->size_bytes = sizeof(*page);
	for (i = 0; i < sizeof(h->boot_id); i++)
		h->boot_id[i] = identity->boot_id[i];
	h->time_namespace_dev = identity->time_namespace_dev;
	h->time_namespace_inode = identity->time_namespace_inode;
	h->counter_hz = counter_hz;
	h->counter_kind = identity->counter_kind;
	h->ring_entries = VDSOTIME_PAGE_RING;
	h->instance = instance;
}

int page_is_ours(
	const struct vdsotime_page *page, size_t size_bytes, const struct page_identity *identity)
{
	struct vdsotime_page_reader self = { .counter_kind = identity->counter_kind };
	const struct vdsotime_page_header *h = &page->header;
	unsigned int i;

	for (i = 0; i < sizeof(self.boot_id); i++)
		self.boot_id[i] = identity->boot_id[i];
	if (vdsotime_page_check(page, size_bytes, &self) != VDSOTIME_PAGE_OK)
		return 0;
	for (i = 0; i < sizeof(h->reserved) / sizeof(h->reserved[0]); i++)
		if (h->reserved[i] != 0)
			return 0;
	return h->minor == VDSOTIME_PAGE_MINOR &&
	       h->time_namespace_dev == identity->time_namespace_dev &&
	       h->time_namespace_inode == identity->time_namespace_inode;
}

int page_recover(struct vdsotime_page *page, struct vdsotime_line *ret)
{
	struct vdsotime_line line[2], slot;
	int whole[2];
	unsigned int i, newest;
	uint64_t generation;

	for (i = 0; i < 2; i++)
		whole[i] = vdsotime_line_load(&page->line[i], &line[i]) &&
			   line[i].extra[VDSOTIME_EXTRA_GENERATION] != 0;
	if ((!whole[0] && !whole[1]) || !vdsotime_page_intact(page))
		return 0;
	newest = !whole[0] || (whole[1] && line[1].extra[VDSOTIME_EXTRA_GENERATION] >
						   line[0].extra[VDSOTIME_EXTRA_GENERATION]);
	generation = line[newest].extra[VDSOTIME_EXTRA_GENERATION];
	if (!whole[!newest] || line[!newest].extra[VDSOTIME_EXTRA_GENERATION] != generation)
		vdsotime_line_store(&page->line[!newest], &line[newest]);
	if (!vdsotime_line_load(ring_slot(page, generation), &slot) ||
		slot.extra[VDSOTIME_EXTRA_GENERATION] != generation || !vdsotime_line_intact(&slot))
		vdsotime_line_store(ring_slot(page, generation), &line[newest]);
	VDSOTIME_SEQ_RELEASE(&page->epoch, (uint32_t)line[newest].extra[VDSOTIME_EXTRA_EPOCH]);
	bytes_copy(ret, &line[newest], sizeof(*ret));
	return 1;
}

void page_publish(struct vdsotime_page *page, const struct vdsotime_line *value)
{
	vdsotime_lines_publish(&page->line[0], &page->line[1], value);
	vdsotime_line_store(ring_slot(page, value->extra[VDSOTIME_EXTRA_GENERATION]), value);
	VDSOTIME_SEQ_RELEASE(&page->epoch, (uint32_t)value->extra[VDSOTIME_EXTRA_EPOCH]);
}

/* SPDX-License-Identifier: MIT */
/*
 * A slab: room for a fixed number of items of one size, taken at once and handed out one by one, so
 * that serving never allocates and never finds the memory gone.
 *
 * The room is address space until an item is used for the first time: what was never handed out
 * costs no page.  The last item given back is the first handed out again.  Items are not cleared.
 */
#ifndef VDSOTIMED_SLAB_H
#define VDSOTIMED_SLAB_H

#include <stddef.h>
#include <stdint.h>

struct slab {
	unsigned char *items;
	size_t item_bytes;
	uint32_t size; /* items */
	uint32_t used; /* those from here on were never handed out */
	void *free; /* a list through the items' first word */
};

/* 0 or -ENOMEM.  item_bytes is rounded up to what any type needs; size: 1 or more. */
int slab_init(struct slab *s, uint32_t size, size_t item_bytes);

/* May be called twice, and on a zeroed slab. */
void slab_deinit(struct slab *s);

/* NULL when all are out. */
void *slab_take(struct slab *s);

/* Takes NULL. */
void slab_put(struct slab *s, void *item);

#endif

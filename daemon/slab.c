/* SPDX-License-Identifier: MIT */
/*
 * Items in a row and a list of those that came back.  The list is made as items come back, not at
 * the start: making it would touch every page.
 */
#include "daemon/slab.h"

#include <errno.h>
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

int slab_init(struct slab *s, uint32_t size, size_t item_bytes)
{
	size_t align = alignof(max_align_t);
	size_t rounded = (item_bytes + align - 1) / align * align;

	*s = (struct slab){ .item_bytes = rounded, .size = size };
	s->items = calloc(size, rounded);
	return s->items == NULL ? -ENOMEM : 0;
}

void slab_deinit(struct slab *s)
{
	free(s->items);
	*s = (struct slab){ 0 };
}

void *slab_take(struct slab *s)
{
	void *item = s->free;

	if (item != NULL) {
		memcpy(&s->free, item, sizeof(s->free));
		return item;
	}
	if (s->used == s->size)
		return NULL;
	return s->items + s->item_bytes * s->used++;
}

void slab_put(struct slab *s, void *item)
{
	if (item == NULL)
		return;
	memcpy(item, &s->free, sizeof(s->free));
	s->free = item;
}

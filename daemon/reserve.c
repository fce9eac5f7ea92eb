/* SPDX-License-Identifier: MIT */
#include "daemon/reserve.h"

#include <errno.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Before each block of the reserve: its size. */
union head {
	size_t bytes;
	max_align_t align;
};

static struct {
	union head *base;
	size_t count;
	size_t used;
	unsigned int holders;
} reserve;

int reserve_hold(size_t bytes)
{
	if (reserve.holders == 0) {
		reserve.base = malloc(bytes);
		if (reserve.base == NULL)
			return -ENOMEM;
		reserve.count = bytes / sizeof(*reserve.base);
		reserve.used = 0;
	}
	reserve.holders++;
	return 0;
}

void reserve_release(void)
{
	if (--reserve.holders > 0)
		return;
	free(reserve.base);
	reserve.base = NULL;
	reserve.count = reserve.used = 0;
}

static bool is_reserved(const void *block)
{
	const union head *head = block;

	return reserve.base != NULL && head >= reserve.base && head < reserve.base + reserve.count;
}

static size_t block_bytes(void *block)
{
	if (block == NULL)
		return 0;
	return is_reserved(block) ? ((union head *)block)[-1].bytes : malloc_usable_size(block);
}

static void *reserve_take(size_t bytes)
{
	size_t units = 1 + (bytes + sizeof(union head) - 1) / sizeof(union head);
	union head *head = reserve.base + reserve.used;

	if (units > reserve.count - reserve.used)
		return NULL;
	reserve.used += units;
	head->bytes = bytes;
	return head + 1;
}

void *reserve_realloc(void *old, size_t bytes)
{
	size_t kept = block_bytes(old);
	void *block = NULL;

	if (bytes > 0) {
		block = malloc(bytes);
		if (block == NULL)
			block = reserve_take(bytes);
		if (block == NULL)
			return NULL;
		if (old != NULL)
			memcpy(block, old, kept < bytes ? kept : bytes);
	}
	if (!is_reserved(old))
		free(old);
	return block;
}

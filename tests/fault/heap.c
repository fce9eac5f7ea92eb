/* SPDX-License-Identifier: MIT */
/*
 * For LD_PRELOAD: the heap of a whole program counted, and any allocation of it refused, while the
 * program runs and by whoever has mapped $HEAP_FILE.
 *
 * The one thing a reader would get wrong: what the dynamic loader asks for before this is started
 * is counted, too, in a place of its own at first.
 */
#include "tests/fault/heap.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

extern void *__libc_malloc(size_t bytes);
extern void *__libc_calloc(size_t count, size_t bytes);
extern void *__libc_realloc(void *old, size_t bytes);
extern void *__libc_memalign(size_t alignment, size_t bytes);
extern void __libc_free(void *block);

static struct heap early = { .countdown = -1 };
static struct heap *heap = &early;

#define ADD(member, n) __atomic_add_fetch(&heap->member, (n), __ATOMIC_RELAXED)
#define LOAD(member) __atomic_load_n(&heap->member, __ATOMIC_RELAXED)

static void __attribute__((constructor)) heap_open(void)
{
	const char *path = getenv("HEAP_FILE");
	int fd = path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;
	struct heap *shared = MAP_FAILED;

	if (fd >= 0)
		shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (fd >= 0)
		close(fd);
	if (shared == MAP_FAILED)
		return;
	early.countdown = shared->countdown;
	early.for_good = shared->for_good;
	*shared = early;
	heap = shared;
}

static bool refused(void)
{
	ADD(allocations, 1);
	if (LOAD(countdown) < 0)
		return false;
	if (LOAD(countdown) > 0) {
		ADD(countdown, -1);
		return false;
	}
	if (LOAD(for_good) == 0)
		__atomic_store_n(&heap->countdown, -1, __ATOMIC_RELAXED);
	ADD(failed, 1);
	errno = ENOMEM;
	return true;
}

static void *counted(void *block)
{
	uint64_t live;

	if (block == NULL)
		return NULL;
	ADD(live_blocks, 1);
	live = ADD(live_bytes, malloc_usable_size(block));
	if (live > LOAD(peak_bytes))
		__atomic_store_n(&heap->peak_bytes, live, __ATOMIC_RELAXED);
	return block;
}

static void uncount(void *block)
{
	if (block == NULL)
		return;
	ADD(live_blocks, (uint64_t)-1);
	ADD(live_bytes, -(uint64_t)malloc_usable_size(block));
}

void *malloc(size_t bytes)
{
	return refused() ? NULL : counted(__libc_malloc(bytes));
}

void *calloc(size_t count, size_t bytes)
{
	return refused() ? NULL : counted(__libc_calloc(count, bytes));
}

void *realloc(void *old, size_t bytes)
{
	size_t before = old != NULL ? malloc_usable_size(old) : 0;
	void *block = refused() ? NULL : __libc_realloc(old, bytes);

	if (block == NULL)
		return NULL;
	if (old != NULL) {
		ADD(live_blocks, (uint64_t)-1);
		ADD(live_bytes, -(uint64_t)before);
	}
	return counted(block);
}

void *memalign(size_t alignment, size_t bytes)
{
	return refused() ? NULL : counted(__libc_memalign(alignment, bytes));
}

void *aligned_alloc(size_t alignment, size_t bytes)
{
	return memalign(alignment, bytes);
}

int posix_memalign(void **ret, size_t alignment, size_t bytes)
{
	void *block = memalign(alignment, bytes);

	if (block == NULL)
		return ENOMEM;
	*ret = block;
	return 0;
}

void free(void *block)
{
	uncount(block);
	__libc_free(block);
}

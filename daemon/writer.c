/* SPDX-License-Identifier: MIT */
#include "daemon/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <linux/memfd.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PAGE_SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U /* Linux 6.3 */
#endif

void writer_deinit(struct writer *w)
{
	if (w->page)
		munmap(w->page, sizeof(*w->page));
	if (w->fd >= 0)
		close(w->fd);
	if (w->reader_fd >= 0)
		close(w->reader_fd);
	*w = (struct writer)WRITER_NULL;
}

static int map_page(struct writer *w)
{
	void *p = mmap(
		NULL, sizeof(struct vdsotime_page), PROT_READ | PROT_WRITE, MAP_SHARED, w->fd, 0);

	if (p == MAP_FAILED)
		return -errno;
	w->page = p;
	/* a forked child would be a second writer */
	if (madvise(p, sizeof(struct vdsotime_page), MADV_DONTFORK) < 0)
		return -errno;
	return 0;
}

/* Another open file description of the same memory, which cannot write. */
static int open_for_readers(struct writer *w)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", w->fd);
	w->reader_fd = open(path, O_RDONLY | O_CLOEXEC);
	return w->reader_fd < 0 ? -errno : 0;
}

static void wake_waiters(struct writer *w)
{
	syscall(SYS_futex, &w->page->epoch, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

/* 1: this page goes on; 0: it is not one of ours. */
static int adopt(struct writer *w, int fd, const struct page_identity *identity)
{
	struct stat st;
	int seals = fcntl(fd, F_GET_SEALS);

	w->fd = fd;
	if (fstat(fd, &st) == 0 && st.st_size == (off_t)sizeof(struct vdsotime_page) &&
		seals >= 0 && (seals & PAGE_SEALS) == PAGE_SEALS && map_page(w) == 0 &&
		page_is_ours(w->page, sizeof(*w->page), identity) &&
		page_recover(w->page, &w->line) && open_for_readers(w) == 0) {
		w->restored = true;
		/* the writer before us may have died between its store and its wake */
		wake_waiters(w);
		return 1;
	}
	writer_deinit(w);
	return 0;
}

static int memory_new(void)
{
	int fd = memfd_create("vdsotimed-page", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);

	if (fd < 0 && errno == EINVAL)
		fd = memfd_create("vdsotimed-page", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	return fd < 0 ? -errno : fd;
}

/* Two pages share an epoch as good as never: its high half tells them apart, and is not 0. */
static uint64_t first_epoch(uint64_t instance)
{
	return ((instance << 1 | 1) & INT32_MAX) << 32;
}

static int create(struct writer *w, const struct page_identity *identity, uint64_t counter_hz,
	uint64_t instance)
{
	int r = memory_new();

	if (r < 0)
		return r;
	w->fd = r;
	/* all of the memory now: a store that finds none later would be a SIGBUS */
	r = -posix_fallocate(w->fd, 0, sizeof(struct vdsotime_page));
	if (r == 0)
		r = map_page(w);
	if (r < 0)
		return r;
	page_format(w->page, identity, counter_hz, instance);
	w->line.extra[VDSOTIME_EXTRA_EPOCH] = first_epoch(instance);
	if (fchmod(w->fd, 0400) < 0 || fcntl(w->fd, F_ADD_SEALS, PAGE_SEALS) < 0)
		return -errno;
	return open_for_readers(w);
}

int writer_init(struct writer *w, int fd, const struct page_identity *identity, uint64_t counter_hz,
	uint64_t instance)
{
	int r;

	*w = (struct writer)WRITER_NULL;
	if (fd >= 0 && adopt(w, fd, identity))
		return 0;
	r = create(w, identity, counter_hz, instance);
	if (r < 0)
		writer_deinit(w);
	return r;
}

/*
 * Counters rise with generations, by which stamps find their line in the ring.  Where the counter
 * has begun anew, no line of before is to be in reach.
 */
static uint64_t next_generation(const struct vdsotime_line *last, const struct vdsotime_line *next)
{
	uint64_t ahead = next->word[VDSOTIME_WORD_COUNTER] - last->word[VDSOTIME_WORD_COUNTER];

	return last->extra[VDSOTIME_EXTRA_GENERATION] +
	       ((int64_t)ahead < 0 ? VDSOTIME_PAGE_RING : 1);
}

void writer_publish(struct writer *w, const struct vdsotime_line *line)
{
	uint64_t epoch = w->line.extra[VDSOTIME_EXTRA_EPOCH];
	uint64_t generation = next_generation(&w->line, line);

	w->line = *line;
	w->line.extra[VDSOTIME_EXTRA_GENERATION] = generation;
	w->line.extra[VDSOTIME_EXTRA_CHECK] = vdsotime_line_check(&w->line);
	page_publish(w->page, &w->line);
	if (w->line.extra[VDSOTIME_EXTRA_EPOCH] != epoch)
		wake_waiters(w);
}

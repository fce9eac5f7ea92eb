/* SPDX-License-Identifier: MIT */
/*
 * The writer: the memory of the page, and the one hand that writes it.
 *
 * A sealed memfd, mapped read-write here and nowhere else: readers get another description of it,
 * opened read-only, and its mode denies re-opening for writing to all but its owner and root.  It
 * cannot shrink, so no reader faults.  The read-write descriptor may be left with the service
 * manager; the next life of the daemon then goes on with the same page, and readers notice nothing.
 *
 * What a reader would get wrong: the seals do not forbid writing.  They could
 * (F_SEAL_FUTURE_WRITE), but that would lock out the restarted daemon too.
 */
#ifndef VDSOTIMED_WRITER_H
#define VDSOTIMED_WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/page/publish.h"

struct writer {
	struct vdsotime_page *page; /* NULL: none */
	int fd; /* read-write; -1: none */
	int reader_fd; /* read-only; -1: none */
	bool restored; /* of an earlier life */
	struct vdsotime_line line; /* as published last; EXTRA_GENERATION 0: nothing yet */
};

#define WRITER_NULL \
	{ \
		.fd = -1, .reader_fd = -1 \
	}

/*
 * Go on with the page behind fd when it is of this identity and sealed as it should be; fd is
 * consumed in every case (-1: none).  Otherwise make a new one, with counter_hz and instance in its
 * header.  0, or -errno with *w as WRITER_NULL.
 */
int writer_init(struct writer *w, int fd, const struct page_identity *identity, uint64_t counter_hz,
	uint64_t instance);

/* May be called twice, and on WRITER_NULL.  The page lives on in its readers. */
void writer_deinit(struct writer *w);

/*
 * Publish line; EXTRA_GENERATION is counted up here, by a whole ring where the counter went back.
 * Waiters on the epoch word are woken where it changed.
 */
void writer_publish(struct writer *w, const struct vdsotime_line *line);

#endif

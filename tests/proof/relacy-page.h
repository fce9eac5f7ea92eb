/* SPDX-License-Identifier: MIT */
/*
 * Between the page's text and Relacy's search of it.
 *
 * relacy-page.c is the headers, page.c and publish.c as they are, in C.  What is redefined are the
 * compiler's __atomic builtins below the protocol's macros: they are calls into relacy.cpp, with
 * the orders that the product names.  It is compiled for each mutant; relacy.cpp, which takes much
 * longer, is not.
 */
#ifndef VDSOTIMED_PROOF_RELACY_PAGE_H
#define VDSOTIMED_PROOF_RELACY_PAGE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct vdsotime_line;
struct vdsotime_page;
struct vdsotime_point;

/* Parts in which a word is moved: 2, as on 32-bit machines, when compiled with HALVES. */
extern const unsigned int text_parts;

/* What the text calls for the builtins; relacy.cpp has them. */
uint64_t shadow_load(const void *p, size_t bytes, int order);
void shadow_store(void *p, size_t bytes, uint64_t value, int order);
void shadow_fence(int order);

/* The counter, whenever it is read. */
#define TEXT_NOW (UINT64_C(1) << 62)

/* What the text has inline. */
uint32_t text_line_begin(const struct vdsotime_line *line);
int text_line_load(const struct vdsotime_line *line, struct vdsotime_line *copy);
/* MONOTONIC; 1 when it was read */
int text_line_read(const struct vdsotime_line *line, struct vdsotime_point *ret);
uint32_t text_epoch_load(const struct vdsotime_page *page);

#ifdef __cplusplus
}
#endif

#endif

/* SPDX-License-Identifier: MIT */
#include "tests/proof/relacy-page.h"

#include <vdsotime/counter.h>

#define vdsotime_counter_read(order) ((void)(order), TEXT_NOW)
#define __atomic_load_n(p, order) ((__typeof__(*(p) + 0))shadow_load((p), sizeof(*(p)), (order)))
#define __atomic_store_n(p, value, order) shadow_store((p), sizeof(*(p)), (value), (order))
#define __atomic_thread_fence(order) shadow_fence(order)
#ifdef HALVES
#undef UINTPTR_MAX
#define UINTPTR_MAX 0xffffffffu
#endif
#include "proto/page/page.c"
#include "proto/page/publish.c"

#if UINTPTR_MAX > 0xffffffffu
const unsigned int text_parts = 1;
#else
const unsigned int text_parts = 2;
#endif

uint32_t text_line_begin(const struct vdsotime_line *line)
{
	return vdsotime_line_begin(line);
}

int text_line_load(const struct vdsotime_line *line, struct vdsotime_line *copy)
{
	return vdsotime_line_load(line, copy);
}

int text_line_read(const struct vdsotime_line *line, struct vdsotime_point *ret)
{
	return vdsotime_line_read(line, VDSOTIME_PAGE_MONOTONIC, VDSOTIME_COUNTER_FENCE, ret) ==
	       VDSOTIME_PAGE_READ;
}

uint32_t text_epoch_load(const struct vdsotime_page *page)
{
	return VDSOTIME_SEQ_LOAD(&page->epoch);
}

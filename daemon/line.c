/* SPDX-License-Identifier: MIT */
#include "daemon/line.h"

#include <math.h>

bool line_is_on(const struct vdsotime_line *line)
{
	return line->extra[VDSOTIME_EXTRA_GENERATION] != 0 && !(line->meta & VDSOTIME_META_OFF);
}

bool line_covers(const struct vdsotime_line *line, uint64_t counter_ticks)
{
	uint64_t ticks = counter_ticks - line->word[VDSOTIME_WORD_COUNTER];

	return line_is_on(line) && ticks >> (line->meta & VDSOTIME_META_WINDOW_MASK) == 0;
}

uint64_t line_window_ns(const struct vdsotime_line *line)
{
	uint64_t ticks = UINT64_C(1) << (line->meta & VDSOTIME_META_WINDOW_MASK);

	return ticks * line->word[VDSOTIME_WORD_MULT] >> 32;
}

uint32_t line_window_log2_within(uint64_t ns, double ns_per_tick)
{
	double ticks = (double)(ns < LINE_WINDOW_MAX_NS ? ns : LINE_WINDOW_MAX_NS) / ns_per_tick;

	return (uint32_t)fmin(ilogb(fmax(ticks, 1)), 62);
}

uint32_t line_window_log2(uint64_t ns, double ns_per_tick)
{
	uint32_t most = line_window_log2_within(LINE_WINDOW_MAX_NS, ns_per_tick);
	uint32_t log2 = line_window_log2_within(ns, ns_per_tick);

	if (log2 < most && (double)(UINT64_C(1) << log2) * ns_per_tick < (double)ns)
		log2++;
	return log2;
}

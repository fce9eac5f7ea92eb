/* SPDX-License-Identifier: MIT */
#include "tests/guest/verdict.h"

#include <stdarg.h>
#include <stdio.h>

#include "tests/guest/kernel.h"
#include "tests/guest/tally.h"

struct vdsotime *verdict_handle;
static int number;

struct vdsotime_snapshot verdict_page(void)
{
	struct vdsotime_snapshot s = { 0 };

	vdsotime_snapshot(verdict_handle, &s);
	return s;
}

uint64_t verdict_epoch(void)
{
	struct vdsotime_status s;

	return vdsotime_status(verdict_handle, &s) == 0 ? s.epoch : 0;
}

double verdict_ms(int64_t ns)
{
	return (double)ns * 1e-6;
}

void verdict_tell(bool ok, const char *name, const char *figures, ...)
{
	va_list arguments;

	va_start(arguments, figures);
	printf("%sok %d - %s # ", ok && !kernel_refused() ? "" : "not ", ++number, name);
	vprintf(figures, arguments);
	printf("\n");
	fflush(stdout);
	va_end(arguments);
}

uint64_t verdict_begin(void)
{
	tally_clear();
	return verdict_epoch();
}

void verdict_end(
	const char *name, uint64_t began, uint64_t disturbances, bool ok, const char *figures)
{
	uint64_t made = verdict_epoch() - began;
	struct tally t = tally_get();
	int64_t limit_ns = disturbances ? VERDICT_OUTSIDE_LIMIT_NS : 0;

	ok = ok && made >= disturbances && t.back == 0 && t.outside_longest_ns <= limit_ns &&
	     (disturbances || t.outside_worst_ns == 0) && t.reads > VERDICT_READS_LEAST &&
	     t.page_reads > t.reads / 2;
	verdict_tell(ok, name,
		"%s%llu reads, %llu at the page, %llu back (%lld ns), off %lld ns, outside for %.1f ms (%lld ns), epochs %llu",
		figures, (unsigned long long)t.reads, (unsigned long long)t.page_reads,
		(unsigned long long)t.back, (long long)t.back_ns, (long long)t.off_ns,
		verdict_ms(t.outside_longest_ns), (long long)t.outside_worst_ns,
		(unsigned long long)made);
}

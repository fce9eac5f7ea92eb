/* SPDX-License-Identifier: MIT */
/*
 * Scenarios that disturb the machine, or run where it is another one than most.
 */
#include "tests/guest/scenario.h"

#include <stdio.h>
#include <time.h>

#include "tests/guest/kernel.h"
#include "tests/guest/ratio.h"
#include "tests/guest/steps.h"
#include "tests/guest/tally.h"
#include "tests/guest/verdict.h"

#define CPU1 "/sys/devices/system/cpu/cpu1/online"

#define TIMES_INLINE 20
#define TIMES_CALL 10
#define RATIO_ROUNDS 5

static void ask_host(const char *what)
{
	printf("HOST %s\n", what);
	fflush(stdout);
}

static bool is_sent_to_kernel(void)
{
	struct vdsotime_status s;

	return vdsotime_status(verdict_handle, &s) == 0 && s.path != VDSOTIME_PATH_PAGE &&
	       s.reason == VDSOTIME_NOPAGE_OFF;
}

/* The kernel gives the counter up while it is in use. */
void scenario_lost(void)
{
	uint64_t began = verdict_begin(), made;
	struct tally t;

	kernel_write(KERNEL_CLOCKSOURCE "unbind_clocksource", "tsc");
	kernel_sleep_ms(1000);
	kernel_expect(KERNEL_CLOCKSOURCE "current_clocksource", "hpet");
	made = verdict_epoch() - began;
	t = tally_get();
	verdict_tell(is_sent_to_kernel() && made >= 1 && t.back == 0 &&
			     t.outside_longest_ns <= VERDICT_OUTSIDE_LIMIT_NS &&
			     t.reads > VERDICT_READS_LEAST,
		"the counter lost", "%llu reads, %llu at the page, outside for %.1f ms",
		(unsigned long long)t.reads, (unsigned long long)t.page_reads,
		verdict_ms(t.outside_longest_ns));
}

/* Where there is nothing fast to read, all is answered as the kernel does. */
void scenario_off(void)
{
	struct tally t;

	tally_clear();
	kernel_sleep_ms(1000);
	t = tally_get();
	verdict_tell(is_sent_to_kernel() && t.page_reads == 0 && t.reads > VERDICT_READS_LEAST,
		"readers are sent to the kernel", "%llu reads, %llu at the page",
		(unsigned long long)t.reads, (unsigned long long)t.page_reads);
}

void scenario_suspend(void)
{
	struct vdsotime_snapshot was = verdict_page(), is;
	uint64_t began = verdict_begin();

	ask_host("wake");
	kernel_write("/sys/power/state", "mem");
	kernel_sleep_ms(500);
	is = verdict_page();
	int64_t slept = (is.boottime_ns - is.monotonic_ns) - (was.boottime_ns - was.monotonic_ns);

	verdict_end("suspend to memory", began, 1, slept >= NSEC_PER_SEC, "");
}

/*
 * The host takes time from the machine: the battery clock runs on alone, or the CPUs find that all
 * clocks have run on without them.  It waits for three seconds, the guest longer.
 */
static void lose_time(const char *name, const char *what)
{
	int64_t rtc_s = kernel_rtc_s(), start = kernel_ns(CLOCK_MONOTONIC), rtc_alone_s;
	uint64_t began = verdict_begin();
	struct tally t;
	char figures[64];

	ask_host(what);
	kernel_sleep_ms(6000);
	t = tally_get();
	rtc_alone_s = kernel_rtc_s() - rtc_s;
	rtc_alone_s -= (kernel_ns(CLOCK_MONOTONIC) - start) / NSEC_PER_SEC;
	snprintf(figures, sizeof(figures), "battery clock %lld s ahead, gap %.0f ms; ",
		(long long)rtc_alone_s, verdict_ms(t.gap_ns));
	verdict_end(name, began, 0,
		(rtc_alone_s >= 2 || t.gap_ns >= 2 * NSEC_PER_SEC) &&
			verdict_page().path == VDSOTIME_PATH_PAGE,
		figures);
}

void scenario_pause(void)
{
	lose_time("machine paused", "pause");
}

void scenario_rewind(void)
{
	lose_time("snapshot loaded", "rewind");
}

void scenario_stall(void)
{
	lose_time("machine held up", "stall");
}

void scenario_cpu(void)
{
	uint64_t began = verdict_begin();

	kernel_write(CPU1, "0");
	kernel_sleep_ms(1000);
	kernel_expect(CPU1, "0");
	kernel_write(CPU1, "1");
	kernel_sleep_ms(2000);
	kernel_expect(CPU1, "1");
	verdict_end("a CPU away and back", began, 0, verdict_page().path == VDSOTIME_PATH_PAGE, "");
}

/*
 * Steps where the reader and the daemon have a CPU each.  How soon they are followed is the host's
 * matter there.
 */
void scenario_race(void)
{
	uint64_t began = verdict_begin();
	int64_t latency_ns[STEPS];
	struct tally t;

	steps_make(verdict_handle, latency_ns);
	t = tally_get();
	verdict_tell(t.back == 0 && verdict_epoch() - began >= STEPS &&
			     t.page_reads > VERDICT_READS_LEAST &&
			     latency_ns[STEPS - 1] < STEPS_NEVER_NS,
		"steps beside a reader",
		"%llu reads, %llu at the page, %llu back (%lld ns); median %.2f ms, at most %.2f ms",
		(unsigned long long)t.reads, (unsigned long long)t.page_reads,
		(unsigned long long)t.back, (long long)t.back_ns, verdict_ms(latency_ns[STEPS / 2]),
		verdict_ms(latency_ns[STEPS - 1]));
}

/* A host so busy that the daemon, and so the page, falls behind has spoilt a round. */
void scenario_ratio(void)
{
	struct ratio r = { 0 };
	bool ok = false;

	for (int round = 0; round < RATIO_ROUNDS && !ok; round++) {
		tally_hold();
		ok = ratio_measure(verdict_handle, &r) == 0 &&
		     r.times[RATIO_INLINE] >= TIMES_INLINE && r.times[RATIO_CALL] >= TIMES_CALL &&
		     r.times[RATIO_CALL_RELAXED] >= TIMES_CALL;
		tally_release();
	}
	verdict_tell(ok, "page against a slow clocksource",
		"clock_gettime %.0f ns, page %.0f ns: %.1f times, by a call %.0f ns: %.1f times, relaxed %.0f ns: %.1f times",
		r.vdso_ns, r.page_ns[RATIO_INLINE], r.times[RATIO_INLINE], r.page_ns[RATIO_CALL],
		r.times[RATIO_CALL], r.page_ns[RATIO_CALL_RELAXED], r.times[RATIO_CALL_RELAXED]);
}

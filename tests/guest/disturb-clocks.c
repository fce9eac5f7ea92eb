/* SPDX-License-Identifier: MIT */
/*
 * Scenarios that disturb the clocks by the kernel's own calls.
 */
#include "tests/guest/scenario.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/timex.h>
#include <time.h>

#include "tests/guest/kernel.h"
#include "tests/guest/steps.h"
#include "tests/guest/tally.h"
#include "tests/guest/verdict.h"

#define STEP_LIMIT_NS (10 * NSEC_PER_MSEC) /* of 99 of 100 */
#define REST_LIMIT_NS 1000
#define RATE_SLACK 0.05

static void rest(int64_t limit_ns)
{
	uint64_t began = verdict_begin();

	kernel_sleep_ms(3000);
	verdict_end("at rest", began, 0, tally_get().off_ns <= limit_ns, "");
}

/* The bound is for clocks that may be slewed at any time; none is. */
void scenario_rest(void)
{
	rest(REST_LIMIT_NS);
}

/* Where a CPU may be held up, the daemon's samples may be, too: the bound alone tells. */
void scenario_still(void)
{
	rest(INT64_MAX);
}

static void judge_steps(const char *name)
{
	uint64_t began = verdict_begin();
	int64_t latency_ns[STEPS];
	char figures[96];

	steps_make(verdict_handle, latency_ns);
	int64_t p99_ns = latency_ns[STEPS * 99 / 100 - 1];

	snprintf(figures, sizeof(figures),
		"%d steps followed after %.2f ms, p99 %.2f ms, at most %.2f ms; ", STEPS,
		verdict_ms(latency_ns[STEPS / 2]), verdict_ms(p99_ns),
		verdict_ms(latency_ns[STEPS - 1]));
	verdict_end(name, began, STEPS, p99_ns <= STEP_LIMIT_NS, figures);
}

void scenario_steps(void)
{
	judge_steps("steps");
}

static void *hog(void *data)
{
	const atomic_bool *over = data;

	while (!atomic_load(over))
		;
	return NULL;
}

/* Two programs that want the only CPU for themselves. */
void scenario_crowd(void)
{
	static atomic_bool over;
	pthread_t hogs[2];

	for (int i = 0; i < 2; i++)
		pthread_create(&hogs[i], NULL, hog, &over);
	judge_steps("steps on a busy CPU");
	atomic_store(&over, true);
	for (int i = 0; i < 2; i++)
		pthread_join(hogs[i], NULL);
}

/* A leap second by so many s of TAI - UTC, before_s after this. */
static void leap(const char *name, int status, int64_t by_s, int64_t before_s)
{
	uint64_t began = verdict_begin();
	struct vdsotime_snapshot was, is;

	/* a midnight of 2024 */
	kernel_set_realtime((INT64_C(20000) * 86400 - before_s) * NSEC_PER_SEC);
	kernel_adjust(ADJ_STATUS, 0, status);
	kernel_sleep_ms(100);
	was = verdict_page();
	kernel_sleep_ms(before_s * 1000 + 2400);
	is = verdict_page();
	verdict_end(name, began, 2,
		(is.tai_ns - is.realtime_ns) - (was.tai_ns - was.realtime_ns) ==
			by_s * NSEC_PER_SEC,
		"");
	kernel_adjust(ADJ_STATUS, 0, STA_UNSYNC);
	kernel_sleep_ms(1100);
}

void scenario_insert(void)
{
	leap("leap second inserted", STA_INS, 1, 3);
}

void scenario_delete(void)
{
	leap("leap second deleted", STA_DEL, -1, 4);
}

/* By how many ppm MONOTONIC gains on MONOTONIC_RAW, as the page has them. */
static double page_rate_ppm(void)
{
	struct vdsotime_snapshot was = verdict_page(), is;

	kernel_sleep_ms(300);
	is = verdict_page();
	return ((double)(is.monotonic_ns - was.monotonic_ns) /
			       (double)(is.monotonic_raw_ns - was.monotonic_raw_ns) -
		       1) *
	       1e6;
}

/* Rates to and fro, by one of two ways to set them. */
static void change_rates(const char *name, unsigned int modes, long ppm)
{
	uint64_t began = verdict_begin();
	double worst_ppm = 0;
	char figures[64];

	for (int i = 0; i < 8; i++) {
		long by_ppm = i % 2 ? -ppm : ppm;

		kernel_adjust(modes, modes == ADJ_TICK ? 10000 + by_ppm / 100 : by_ppm * 65536, 0);
		kernel_sleep_ms(300); /* what it ran off meanwhile is slewed away */
		worst_ppm = fmax(worst_ppm, fabs(page_rate_ppm() - (double)by_ppm));
	}
	kernel_adjust(modes, modes == ADJ_TICK ? 10000 : 0, 0);
	kernel_sleep_ms(400);
	snprintf(figures, sizeof(figures), "followed to %.2f ppm; ", worst_ppm);
	verdict_end(name, began, 0, worst_ppm <= (double)ppm * RATE_SLACK, figures);
}

void scenario_frequency(void)
{
	change_rates("frequency by 500 ppm", ADJ_FREQUENCY, 500);
}

/* As fast and as slow as the kernel's clock can be made. */
void scenario_tick(void)
{
	change_rates("tick by a tenth", ADJ_TICK, 100000);
}

void scenario_clocksource(void)
{
	static const char *const names[] = { "hpet", "acpi_pm", "tsc" };
	uint64_t began = verdict_begin();

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		kernel_write(KERNEL_CLOCKSOURCE "current_clocksource", names[i]);
		kernel_sleep_ms(1000);
		kernel_expect(KERNEL_CLOCKSOURCE "current_clocksource", names[i]);
	}
	verdict_end("clocksource to and fro", began, 3, true, "");
}

/* The next time that a count of seconds since 1970 needs a bit more: 2038, then 2106. */
void scenario_era(void)
{
	const int64_t era_ns = (INT64_C(1) << 31) * NSEC_PER_SEC;
	int64_t now = kernel_ns(CLOCK_REALTIME), next = (now / era_ns + 1) * era_ns;
	uint64_t began = verdict_begin();
	/* a machine may have been started just before it */
	bool is_near = next - now < 60 * NSEC_PER_SEC;
	struct vdsotime_snapshot s;

	if (!is_near)
		kernel_set_realtime(next - 2 * NSEC_PER_SEC);
	kernel_sleep_ms((next - kernel_ns(CLOCK_REALTIME)) / NSEC_PER_MSEC + 2000);
	s = verdict_page();
	verdict_end("an era's end", began, is_near ? 0 : 1,
		s.path == VDSOTIME_PATH_PAGE && s.realtime_ns > next, "");
}

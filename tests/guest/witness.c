/* SPDX-License-Identifier: MIT */
/*
 * The witness: inside a machine of its own, where the clocks may be disturbed at will, it disturbs
 * them and reads the page meanwhile.
 *
 *     witness SCENARIO...
 *
 * One TAP line for each scenario.  Judged in all of them: no time goes back without a new epoch;
 * what was disturbed is within the page's bound again, or the page left, within a tenth of a
 * second; the disturbance was made, and is told by an epoch where it is one of the clocks.  The
 * others are judged where they stand.  Some need a hand from outside; for those a line "HOST what"
 * asks.
 *
 * The one thing a reader would get wrong: the limits in ms are of the guest's own time.  Where the
 * emulator counts instructions (see guest.py) a busy host does not show in it; elsewhere a CPU may
 * be held up at any time, so there is no scenario with a limit shorter than the tenth of a second
 * for such a machine.
 */
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timex.h>
#include <time.h>

#include <vdsotime/client.h>

#include "tests/guest/kernel.h"
#include "tests/guest/ratio.h"
#include "tests/guest/steps.h"
#include "tests/guest/tally.h"

#define CLOCKSOURCE "/sys/devices/system/clocksource/clocksource0/"
#define CPU1 "/sys/devices/system/cpu/cpu1/online"

#define OUTSIDE_LIMIT_NS (100 * NSEC_PER_MSEC)
#define STEP_LIMIT_NS (10 * NSEC_PER_MSEC) /* of 99 of 100 */
#define REST_LIMIT_NS 1000

#define RATE_SLACK 0.05

#define READS_LEAST 100 /* of a tally: less has shown nothing */

#define TIMES_INLINE 20
#define TIMES_CALL 10
#define RATIO_ROUNDS 5

static struct vdsotime *handle;
static int number;

static struct vdsotime_snapshot page(void)
{
	struct vdsotime_snapshot s = { 0 };

	vdsotime_snapshot(handle, &s);
	return s;
}

static uint64_t epoch(void)
{
	struct vdsotime_status s;

	return vdsotime_status(handle, &s) == 0 ? s.epoch : 0;
}

static double ms(int64_t ns)
{
	return (double)ns * 1e-6;
}

__attribute__((format(printf, 3, 4))) static void tell(
	bool ok, const char *name, const char *figures, ...)
{
	va_list arguments;

	va_start(arguments, figures);
	printf("%sok %d - %s # ", ok && !kernel_refused() ? "" : "not ", ++number, name);
	vprintf(figures, arguments);
	printf("\n");
	fflush(stdout);
	va_end(arguments);
}

static uint64_t begin(void)
{
	tally_clear();
	return epoch();
}

/*
 * The end of a scenario that began in that epoch, and has disturbed the clocks so many times: each
 * has made a new epoch, or more.  Where it has not, no read may have been outside at all.
 */
static void end(
	const char *name, uint64_t began, uint64_t disturbances, bool ok, const char *figures)
{
	uint64_t made = epoch() - began;
	struct tally t = tally_get();
	int64_t limit_ns = disturbances ? OUTSIDE_LIMIT_NS : 0;

	ok = ok && made >= disturbances && t.back == 0 && t.outside_longest_ns <= limit_ns &&
	     (disturbances || t.outside_worst_ns == 0) && t.reads > READS_LEAST &&
	     t.page_reads > t.reads / 2;
	tell(ok, name,
		"%s%llu reads, %llu at the page, %llu back (%lld ns), off %lld ns, outside for %.1f ms (%lld ns), epochs %llu",
		figures, (unsigned long long)t.reads, (unsigned long long)t.page_reads,
		(unsigned long long)t.back, (long long)t.back_ns, (long long)t.off_ns,
		ms(t.outside_longest_ns), (long long)t.outside_worst_ns, (unsigned long long)made);
}

static void ask_host(const char *what)
{
	printf("HOST %s\n", what);
	fflush(stdout);
}

static void scenario_rest(void)
{
	uint64_t began = begin();

	kernel_sleep_ms(3000);
	/* the bound is for clocks that may be slewed at any time; none is */
	end("at rest", began, 0, tally_get().off_ns <= REST_LIMIT_NS, "");
}

static void judge_steps(const char *name)
{
	uint64_t began = begin();
	int64_t latency_ns[STEPS];
	char figures[96];

	steps_make(handle, latency_ns);
	int64_t p99_ns = latency_ns[STEPS * 99 / 100 - 1];

	snprintf(figures, sizeof(figures),
		"%d steps followed after %.2f ms, p99 %.2f ms, at most %.2f ms; ", STEPS,
		ms(latency_ns[STEPS / 2]), ms(p99_ns), ms(latency_ns[STEPS - 1]));
	end(name, began, STEPS, p99_ns <= STEP_LIMIT_NS, figures);
}

static void scenario_steps(void)
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
static void scenario_crowd(void)
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
	uint64_t began = begin();
	struct vdsotime_snapshot was, is;

	/* a midnight of 2024 */
	kernel_set_realtime((INT64_C(20000) * 86400 - before_s) * NSEC_PER_SEC);
	kernel_adjust(ADJ_STATUS, 0, status);
	kernel_sleep_ms(100);
	was = page();
	kernel_sleep_ms(before_s * 1000 + 2400);
	is = page();
	end(name, began, 2,
		(is.tai_ns - is.realtime_ns) - (was.tai_ns - was.realtime_ns) ==
			by_s * NSEC_PER_SEC,
		"");
	kernel_adjust(ADJ_STATUS, 0, STA_UNSYNC);
	kernel_sleep_ms(1100);
}

static void scenario_insert(void)
{
	leap("leap second inserted", STA_INS, 1, 3);
}

static void scenario_delete(void)
{
	leap("leap second deleted", STA_DEL, -1, 4);
}

/* By how many ppm MONOTONIC gains on MONOTONIC_RAW, as the page has them. */
static double page_rate_ppm(void)
{
	struct vdsotime_snapshot was = page(), is;

	kernel_sleep_ms(300);
	is = page();
	return ((double)(is.monotonic_ns - was.monotonic_ns) /
			       (double)(is.monotonic_raw_ns - was.monotonic_raw_ns) -
		       1) *
	       1e6;
}

/* Rates to and fro, by one of two ways to set them. */
static void change_rates(const char *name, unsigned int modes, long ppm)
{
	uint64_t began = begin();
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
	end(name, began, 0, worst_ppm <= (double)ppm * RATE_SLACK, figures);
}

static void scenario_frequency(void)
{
	change_rates("frequency by 500 ppm", ADJ_FREQUENCY, 500);
}

/* As fast and as slow as the kernel's clock can be made. */
static void scenario_tick(void)
{
	change_rates("tick by a tenth", ADJ_TICK, 100000);
}

static void scenario_clocksource(void)
{
	static const char *const names[] = { "hpet", "acpi_pm", "tsc" };
	uint64_t began = begin();

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		kernel_write(CLOCKSOURCE "current_clocksource", names[i]);
		kernel_sleep_ms(1000);
		kernel_expect(CLOCKSOURCE "current_clocksource", names[i]);
	}
	end("clocksource to and fro", began, 3, true, "");
}

/* The next time that a count of seconds since 1970 needs a bit more: 2038, then 2106. */
static void scenario_era(void)
{
	const int64_t era_ns = (INT64_C(1) << 31) * NSEC_PER_SEC;
	int64_t now = kernel_ns(CLOCK_REALTIME), next = (now / era_ns + 1) * era_ns;
	uint64_t began = begin();
	/* a machine may have been started just before it */
	bool is_near = next - now < 60 * NSEC_PER_SEC;
	struct vdsotime_snapshot s;

	if (!is_near)
		kernel_set_realtime(next - 2 * NSEC_PER_SEC);
	kernel_sleep_ms((next - kernel_ns(CLOCK_REALTIME)) / NSEC_PER_MSEC + 2000);
	s = page();
	end("an era's end", began, is_near ? 0 : 1,
		s.path == VDSOTIME_PATH_PAGE && s.realtime_ns > next, "");
}

static bool is_sent_to_kernel(void)
{
	struct vdsotime_status s;

	return vdsotime_status(handle, &s) == 0 && s.path != VDSOTIME_PATH_PAGE &&
	       s.reason == VDSOTIME_NOPAGE_OFF;
}

/* The kernel gives the counter up while it is in use. */
static void scenario_lost(void)
{
	uint64_t began = begin(), made;
	struct tally t;

	kernel_write(CLOCKSOURCE "unbind_clocksource", "tsc");
	kernel_sleep_ms(1000);
	kernel_expect(CLOCKSOURCE "current_clocksource", "hpet");
	made = epoch() - began;
	t = tally_get();
	tell(is_sent_to_kernel() && made >= 1 && t.back == 0 &&
			t.outside_longest_ns <= OUTSIDE_LIMIT_NS && t.reads > READS_LEAST,
		"the counter lost", "%llu reads, %llu at the page, outside for %.1f ms",
		(unsigned long long)t.reads, (unsigned long long)t.page_reads,
		ms(t.outside_longest_ns));
}

/* Where there is nothing fast to read, all is answered as the kernel does. */
static void scenario_off(void)
{
	struct tally t;

	tally_clear();
	kernel_sleep_ms(1000);
	t = tally_get();
	tell(is_sent_to_kernel() && t.page_reads == 0 && t.reads > READS_LEAST,
		"readers are sent to the kernel", "%llu reads, %llu at the page",
		(unsigned long long)t.reads, (unsigned long long)t.page_reads);
}

static void scenario_suspend(void)
{
	struct vdsotime_snapshot was = page(), is;
	uint64_t began = begin();

	ask_host("wake");
	kernel_write("/sys/power/state", "mem");
	kernel_sleep_ms(500);
	is = page();
	int64_t slept = (is.boottime_ns - is.monotonic_ns) - (was.boottime_ns - was.monotonic_ns);

	end("suspend to memory", began, 1, slept >= NSEC_PER_SEC, "");
}

/*
 * The host takes time from the machine: the battery clock runs on alone, or the CPUs find that all
 * clocks have run on without them.  It waits for three seconds, the guest longer.
 */
static void lose_time(const char *name, const char *what)
{
	int64_t rtc_s = kernel_rtc_s(), start = kernel_ns(CLOCK_MONOTONIC), rtc_alone_s;
	uint64_t began = begin();
	struct tally t;
	char figures[64];

	ask_host(what);
	kernel_sleep_ms(6000);
	t = tally_get();
	rtc_alone_s = kernel_rtc_s() - rtc_s;
	rtc_alone_s -= (kernel_ns(CLOCK_MONOTONIC) - start) / NSEC_PER_SEC;
	snprintf(figures, sizeof(figures), "battery clock %lld s ahead, gap %.0f ms; ",
		(long long)rtc_alone_s, ms(t.gap_ns));
	end(name, began, 0,
		(rtc_alone_s >= 2 || t.gap_ns >= 2 * NSEC_PER_SEC) &&
			page().path == VDSOTIME_PATH_PAGE,
		figures);
}

static void scenario_pause(void)
{
	lose_time("machine paused", "pause");
}

static void scenario_rewind(void)
{
	lose_time("snapshot loaded", "rewind");
}

static void scenario_stall(void)
{
	lose_time("machine held up", "stall");
}

static void scenario_cpu(void)
{
	uint64_t began = begin();

	kernel_write(CPU1, "0");
	kernel_sleep_ms(1000);
	kernel_expect(CPU1, "0");
	kernel_write(CPU1, "1");
	kernel_sleep_ms(2000);
	kernel_expect(CPU1, "1");
	end("a CPU away and back", began, 0, page().path == VDSOTIME_PATH_PAGE, "");
}

/* Steps where the reader and the daemon have a CPU each.  How soon they are followed is the host's
 * matter there. */
static void scenario_race(void)
{
	uint64_t began = begin();
	int64_t latency_ns[STEPS];
	struct tally t;

	steps_make(handle, latency_ns);
	t = tally_get();
	tell(t.back == 0 && epoch() - began >= STEPS && t.page_reads > READS_LEAST &&
			latency_ns[STEPS - 1] < STEPS_NEVER_NS,
		"steps beside a reader",
		"%llu reads, %llu at the page, %llu back (%lld ns); median %.2f ms, at most %.2f ms",
		(unsigned long long)t.reads, (unsigned long long)t.page_reads,
		(unsigned long long)t.back, (long long)t.back_ns, ms(latency_ns[STEPS / 2]),
		ms(latency_ns[STEPS - 1]));
}

/* A host so busy that the daemon, and so the page, falls behind has spoilt a round. */
static void scenario_ratio(void)
{
	struct ratio r = { 0 };
	bool ok = false;

	for (int round = 0; round < RATIO_ROUNDS && !ok; round++) {
		tally_hold();
		ok = ratio_measure(handle, &r) == 0 && r.times[RATIO_INLINE] >= TIMES_INLINE &&
		     r.times[RATIO_CALL] >= TIMES_CALL && r.times[RATIO_CALL_RELAXED] >= TIMES_CALL;
		tally_release();
	}
	tell(ok, "page against a slow clocksource",
		"clock_gettime %.0f ns, page %.0f ns: %.1f times, by a call %.0f ns: %.1f times, relaxed %.0f ns: %.1f times",
		r.vdso_ns, r.page_ns[RATIO_INLINE], r.times[RATIO_INLINE], r.page_ns[RATIO_CALL],
		r.times[RATIO_CALL], r.page_ns[RATIO_CALL_RELAXED], r.times[RATIO_CALL_RELAXED]);
}

static const struct {
	const char *name;
	void (*run)(void);
} scenarios[] = {
	{ "rest", scenario_rest },
	{ "steps", scenario_steps },
	{ "crowd", scenario_crowd },
	{ "insert", scenario_insert },
	{ "delete", scenario_delete },
	{ "frequency", scenario_frequency },
	{ "tick", scenario_tick },
	{ "clocksource", scenario_clocksource },
	{ "era", scenario_era },
	{ "lost", scenario_lost },
	{ "off", scenario_off },
	{ "suspend", scenario_suspend },
	{ "pause", scenario_pause },
	{ "rewind", scenario_rewind },
	{ "stall", scenario_stall },
	{ "cpu", scenario_cpu },
	{ "race", scenario_race },
	{ "ratio", scenario_ratio },
};

static int run_scenario(const char *name)
{
	for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++) {
		if (strcmp(scenarios[i].name, name) != 0)
			continue;
		scenarios[i].run();
		return 0;
	}
	fprintf(stderr, "witness: no scenario %s\n", name);
	return 2;
}

/* The daemon starts beside this program, and where there is no counter its page stays off. */
static int attach(void)
{
	int r = -ENOENT;

	for (int i = 0; i < 100 && r < 0; i++) {
		r = vdsotime_attach(&handle, NULL, 0);
		if (r < 0)
			kernel_sleep_ms(50);
	}
	return r < 0 ? vdsotime_attach(&handle, NULL, VDSOTIME_FALLBACK) : 0;
}

int main(int argc, char **argv)
{
	int r = attach();

	if (r == 0)
		r = tally_start(handle);
	if (r < 0) {
		fprintf(stderr, "witness: cannot start: %s\n", strerror(-r));
		return 1;
	}
	/* past the first moments of the daemon */
	kernel_sleep_ms(4000);
	printf("1..%d\n", argc - 1);
	for (int i = 1; i < argc && r == 0; i++)
		r = run_scenario(argv[i]);
	printf("DONE\n");
	return r;
}

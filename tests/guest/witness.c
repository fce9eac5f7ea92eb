/* SPDX-License-Identifier: MIT */
/*
 * The witness: inside a machine of its own, where the clocks may be disturbed at will, it disturbs
 * them and reads the page meanwhile.
 *
 *     witness SCENARIO...
 *
 * One TAP line for each scenario.  What holds for all of them: time does not go back without a new
 * epoch, and whatever was disturbed is right again, or the page left, within a tenth of a second.
 * Some scenarios need a hand from outside; for those a line "HOST what" asks.
 *
 * The one thing a reader would get wrong: figures are printed and not judged, since the machine is
 * emulated.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#include <vdsotime/client.h>

#define MS INT64_C(1000000)
#define SEC INT64_C(1000000000)
#define CLOCKSOURCE "/sys/devices/system/clocksource/clocksource0/current_clocksource"

/* What the reader thread has seen since the last scenario began. */
struct tally {
	uint64_t reads, page_reads;
	uint64_t back; /* without a new epoch */
	int64_t back_ns;
	int64_t outside_since_ns; /* 0: within the bound */
	int64_t outside_longest_ns;
	int64_t outside_worst_ns;
};

static struct vdsotime *handle;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct tally tally;
static int number;

static int64_t kernel_ns(clockid_t id)
{
	struct timespec now;

	clock_gettime(id, &now);
	return now.tv_sec * SEC + now.tv_nsec;
}

static void sleep_ms(long ms)
{
	const struct timespec pause = { ms / 1000, ms % 1000 * 1000000 };

	nanosleep(&pause, NULL);
}

static uint64_t epoch(void)
{
	struct vdsotime_status s;

	return vdsotime_status(handle, &s) == 0 ? s.epoch : 0;
}

/* Two of the five clocks, each between two answers of the kernel. */
static void judge(
	struct tally *t, const struct vdsotime_snapshot *s, int64_t before[2], int64_t after[2])
{
	const int64_t page[2] = { s->realtime_ns, s->monotonic_ns };
	int64_t now = after[1], worst = 0;

	for (int i = 0; i < 2; i++) {
		/* something happened just there: the next read will tell */
		if (after[i] < before[i] || after[i] - before[i] > 20 * MS)
			return;
		if (before[i] - page[i] > worst)
			worst = before[i] - page[i];
		if (page[i] - after[i] > worst)
			worst = page[i] - after[i];
	}
	if (worst <= (int64_t)s->tracking_ns) {
		t->outside_since_ns = 0;
		return;
	}
	if (!t->outside_since_ns)
		t->outside_since_ns = now;
	if (now - t->outside_since_ns > t->outside_longest_ns)
		t->outside_longest_ns = now - t->outside_since_ns;
	if (worst > t->outside_worst_ns)
		t->outside_worst_ns = worst;
}

static void compare(
	struct tally *t, const struct vdsotime_snapshot *s, const struct vdsotime_snapshot *last)
{
	int64_t back;

	if (s->path != VDSOTIME_PATH_PAGE || last->path != VDSOTIME_PATH_PAGE ||
		s->epoch != last->epoch)
		return;
	back = last->realtime_ns - s->realtime_ns;
	if (last->monotonic_ns - s->monotonic_ns > back)
		back = last->monotonic_ns - s->monotonic_ns;
	if (back <= 0)
		return;
	t->back++;
	if (back > t->back_ns)
		t->back_ns = back;
}

static void *read_for_ever(void *data)
{
	struct vdsotime_snapshot s, last = { 0 };

	(void)data;
	for (;;) {
		int64_t before[2], after[2];

		pthread_mutex_lock(&lock);
		for (int i = 0; i < 20; i++) {
			before[0] = kernel_ns(CLOCK_REALTIME);
			before[1] = kernel_ns(CLOCK_MONOTONIC);
			if (vdsotime_snapshot(handle, &s) < 0)
				abort();
			after[1] = kernel_ns(CLOCK_MONOTONIC);
			after[0] = kernel_ns(CLOCK_REALTIME);
			tally.reads++;
			compare(&tally, &s, &last);
			last = s;
			if (s.path != VDSOTIME_PATH_PAGE) {
				tally.outside_since_ns = 0;
				continue;
			}
			tally.page_reads++;
			judge(&tally, &s, before, after);
		}
		pthread_mutex_unlock(&lock);
		usleep(500);
	}
	return NULL;
}

static void begin(void)
{
	pthread_mutex_lock(&lock);
	tally = (struct tally){ 0 };
	pthread_mutex_unlock(&lock);
}

/* The line of a scenario.  epochs: how many at least there must have been. */
static void end(const char *name, uint64_t epoch_before, unsigned int epochs, const char *figures)
{
	uint64_t now = epoch();
	struct tally t;

	pthread_mutex_lock(&lock);
	t = tally;
	pthread_mutex_unlock(&lock);
	bool ok = now >= epoch_before + epochs && t.back == 0 && t.outside_longest_ns <= 100 * MS &&
		  t.reads > 100;

	printf("%sok %d - %s # %s%llu reads, %llu at the page, %llu back (%lld ns), outside for %.1f ms, epochs %llu\n",
		ok ? "" : "not ", ++number, name, figures, (unsigned long long)t.reads,
		(unsigned long long)t.page_reads, (unsigned long long)t.back, (long long)t.back_ns,
		(double)t.outside_longest_ns * 1e-6, (unsigned long long)(now - epoch_before));
	fflush(stdout);
}

static void ask_host(const char *what)
{
	printf("HOST %s\n", what);
	fflush(stdout);
}

/* Ns from a step, begun in this epoch, until the page has another and says what the kernel says. */
static int64_t followed_after_ns(uint64_t epoch_before, int64_t start)
{
	for (;;) {
		struct vdsotime_snapshot s;
		int64_t before = kernel_ns(CLOCK_REALTIME);

		vdsotime_snapshot(handle, &s);
		int64_t after = kernel_ns(CLOCK_REALTIME);
		int64_t took = kernel_ns(CLOCK_MONOTONIC) - start;
		int64_t slack = (int64_t)s.tracking_ns;

		if (s.path == VDSOTIME_PATH_PAGE && s.epoch != epoch_before &&
			s.realtime_ns >= before - slack && s.realtime_ns <= after + slack)
			return took;
		if (took > 2 * SEC)
			return took;
		usleep(50);
	}
}

static void set_realtime(int64_t ns)
{
	const struct timespec to = { ns / SEC, ns % SEC };

	if (clock_settime(CLOCK_REALTIME, &to) < 0)
		perror("clock_settime");
}

static int compare_ns(const void *a, const void *b)
{
	int64_t x, y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return (x > y) - (x < y);
}

static void scenario_steps(void)
{
	static const int64_t steps[] = { MS, -MS, SEC, -SEC, 3600 * SEC, -7200 * SEC, 1000000 * SEC,
		-1000000 * SEC };
	int64_t latency[200];
	char figures[96];
	unsigned int count = 0;
	uint64_t before = epoch();

	begin();
	while (count < 200) {
		uint64_t old = epoch();
		int64_t start = kernel_ns(CLOCK_MONOTONIC);

		set_realtime(kernel_ns(CLOCK_REALTIME) + steps[count % 8]);
		latency[count++] = followed_after_ns(old, start);
		sleep_ms(10);
	}
	qsort(latency, count, sizeof(latency[0]), compare_ns);
	snprintf(figures, sizeof(figures), "followed after %.2f ms, p99 %.2f ms, at most %.2f ms; ",
		(double)latency[count / 2] * 1e-6, (double)latency[count * 99 / 100 - 1] * 1e-6,
		(double)latency[count - 1] * 1e-6);
	end("steps", before, count, figures);
}

static void set_timex(unsigned int modes, long frequency, int status)
{
	struct timex t = { .modes = modes, .freq = frequency, .status = status };

	if (adjtimex(&t) < 0)
		perror("adjtimex");
}

static void scenario_leap(const char *name, int status, int64_t before_ns)
{
	uint64_t before = epoch();

	begin();
	set_realtime(20000 * 86400 * SEC - before_ns);
	set_timex(ADJ_STATUS, 0, status);
	sleep_ms(before_ns / MS + 2500);
	end(name, before, 2, "");
	set_timex(ADJ_STATUS, 0, STA_UNSYNC);
	sleep_ms(1100);
}

static void scenario_insert(void)
{
	scenario_leap("leap second inserted", STA_INS, 3 * SEC);
}

static void scenario_delete(void)
{
	scenario_leap("leap second deleted", STA_DEL, 4 * SEC);
}

static void scenario_frequency(void)
{
	uint64_t before = epoch();

	begin();
	for (int i = 0; i < 8; i++) {
		set_timex(ADJ_FREQUENCY, (i % 2 ? -500 : 500) * 65536, 0);
		sleep_ms(400);
	}
	set_timex(ADJ_FREQUENCY, 0, 0);
	sleep_ms(400);
	end("frequency by 500 ppm", before, 0, "");
}

static void write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		perror(path);
	if (fd >= 0)
		close(fd);
}

static void scenario_clocksource(void)
{
	static const char *const names[] = { "hpet", "acpi_pm", "tsc" };
	uint64_t before = epoch();

	begin();
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		write_text(CLOCKSOURCE, names[i]);
		sleep_ms(1000);
	}
	end("clocksource to and fro", before, 3, "");
}

static void scenario_suspend(void)
{
	uint64_t before = epoch();

	begin();
	ask_host("wake");
	write_text("/sys/power/state", "mem");
	sleep_ms(500);
	end("suspend to memory", before, 1, "");
}

static void scenario_pause(void)
{
	uint64_t before = epoch();

	begin();
	ask_host("pause");
	sleep_ms(3000);
	end("machine paused", before, 0, "");
}

static void scenario_rewind(void)
{
	uint64_t before = epoch();

	begin();
	ask_host("rewind");
	sleep_ms(6000);
	end("snapshot loaded", before, 0, "");
}

static double cost_ns(int (*read)(void))
{
	double best = 1e9;

	for (int batch = 0; batch < 200; batch++) {
		int64_t start = kernel_ns(CLOCK_MONOTONIC_RAW);

		for (int i = 0; i < 200; i++)
			read();
		double each = (double)(kernel_ns(CLOCK_MONOTONIC_RAW) - start) / 200;
		if (each < best)
			best = each;
	}
	return best;
}

static int read_page(void)
{
	int64_t ns;

	return vdsotime_gettime_ns(handle, CLOCK_REALTIME, &ns);
}

static int read_page_relaxed(void)
{
	int64_t ns;

	return vdsotime_gettime_ns_relaxed(handle, CLOCK_REALTIME, &ns);
}

static int read_vdso(void)
{
	struct timespec now;

	return clock_gettime(CLOCK_REALTIME, &now);
}

/*
 * A ratio of one run, so it may be judged: of relaxed reads, since emulation makes much of a fence;
 * and the best of a few rounds, since a busy host may leave the daemon, and so the page, behind in
 * one.
 */
static void judge_ratio(double least)
{
	struct vdsotime_status s;
	double ordered, relaxed, vdso;
	int rounds = 5;

	do {
		/* the reader waits meanwhile */
		pthread_mutex_lock(&lock);
		ordered = cost_ns(read_page);
		relaxed = cost_ns(read_page_relaxed);
		vdso = cost_ns(read_vdso);
		pthread_mutex_unlock(&lock);
		vdsotime_status(handle, &s);
	} while (--rounds && (s.path != VDSOTIME_PATH_PAGE || vdso < least * relaxed));
	printf("%sok %d - page against a slow clocksource # clock_gettime %.0f ns, page %.0f ns: %.1f times, relaxed %.0f ns: %.1f times\n",
		s.path == VDSOTIME_PATH_PAGE && vdso >= least * relaxed ? "" : "not ", ++number,
		vdso, ordered, vdso / ordered, relaxed, vdso / relaxed);
	fflush(stdout);
}

/* What even a busy host shows, and what a quiet one must. */
static void scenario_ratio(void)
{
	judge_ratio(10);
}

static void scenario_goal(void)
{
	judge_ratio(20);
}

/* Where there is nothing fast to read, all is answered as the kernel does. */
static void scenario_off(void)
{
	struct vdsotime_status s;

	begin();
	sleep_ms(1000);
	vdsotime_status(handle, &s);
	printf("%sok %d - readers are sent to the kernel # path %d, %llu reads, %llu at the page\n",
		s.path != VDSOTIME_PATH_PAGE && tally.page_reads == 0 && tally.reads > 100 ? ""
											   : "not ",
		++number, (int)s.path, (unsigned long long)tally.reads,
		(unsigned long long)tally.page_reads);
	fflush(stdout);
}

static void scenario_rest(void)
{
	uint64_t before = epoch();

	begin();
	sleep_ms(3000);
	/* a machine that the host holds up publishes late, and says so by an epoch */
	end("at rest", before, 0, "");
}

static const struct {
	const char *name;
	void (*run)(void);
} scenarios[] = {
	{ "rest", scenario_rest },
	{ "steps", scenario_steps },
	{ "insert", scenario_insert },
	{ "delete", scenario_delete },
	{ "frequency", scenario_frequency },
	{ "clocksource", scenario_clocksource },
	{ "suspend", scenario_suspend },
	{ "pause", scenario_pause },
	{ "rewind", scenario_rewind },
	{ "ratio", scenario_ratio },
	{ "goal", scenario_goal },
	{ "off", scenario_off },
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

int main(int argc, char **argv)
{
	pthread_t reader;
	int r = -ENOENT;

	for (int i = 0; i < 100 && r < 0; i++) {
		r = vdsotime_attach(&handle, NULL, 0);
		if (r < 0)
			sleep_ms(50);
	}
	if (r < 0)
		r = vdsotime_attach(&handle, NULL, VDSOTIME_FALLBACK);
	if (r < 0) {
		fprintf(stderr, "witness: cannot attach: %s\n", strerror(-r));
		return 1;
	}
	if (pthread_create(&reader, NULL, read_for_ever, NULL) != 0)
		return 1;
	/* past the first moments of the daemon */
	sleep_ms(4000);
	printf("1..%d\n", argc - 1);
	for (int i = 1; i < argc && r == 0; i++)
		r = run_scenario(argv[i]);
	printf("DONE\n");
	return r;
}

/* SPDX-License-Identifier: MIT */
/*
 * What a read costs: each subject of `vdsotimectl bench` in turns with all others, in one process,
 * on one CPU, three times over: with a page that is renewed 10 times a second, with one renewed
 * 1000 times, and with the lines that the read needs flushed from the caches.  And what attaching
 * costs.
 *
 *     bench-read VDSOTIMED [--seconds=N] [--json]
 *
 * The page is one of this program's own, with a claimed bound on it and a writer on another CPU
 * whose pace can be set; attaching is timed against the daemon itself.  MIN and MEDIAN are of
 * batches, divided; P99 and P99.9 of single calls, less what timing nothing takes.  Nothing here
 * passes or fails by a time.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "client/ctl/ctl.h"
#include "client/ctl/machine.h"
#include "client/ctl/subject.h"
#include "client/ctl/tally.h"
#include "client/ctl/value.h"
#include "tests/fixtures/fake-daemon.h"
#include "tests/fixtures/live-page.h"

enum {
	ROWS_MAX = 24,
	ROUNDS_MAX = 20000,
	CALLS = 1000, /* about 20 us of the dearer ones */
	SINGLES = 32, /* after each batch */
	ATTACHES = 300,
	WINDOW_LOG2 = 31,
	TRACKING_NS = 1000,
	ERROR_NS = 1000000,
	COLD_MAX = 16,
	VVAR_PAGE_BYTES = 4096
};

struct row {
	const struct subject *subject;
	struct tally batches; /* ps per call */
	struct tally singles; /* ps */
	struct tally_summary batch;
	struct tally_summary single;
};

struct table {
	const char *title;
	const char *key;
	struct row rows[ROWS_MAX];
	size_t n_rows;
	unsigned int rounds;
};

static struct subject_world world;
static double ps_per_tick;
static uint64_t sum; /* of all results, so that none was made in vain */

/* What is flushed: the page's lines, and those pages of the vDSO's data that exist. */
static struct {
	const char *start;
	size_t bytes;
} cold[COLD_MAX];
static size_t n_cold;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC_RAW, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static void pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		fprintf(stderr, "bench-read: not pinned to CPU %d: %m\n", cpu);
}

/* The writer: a process that renews the page every *period_ns, and ends with this one. */
static pid_t writer_start(struct live_page *page, const volatile int64_t *period_ns)
{
	pid_t parent = getpid();
	pid_t child = fork();

	if (child != 0)
		return child;
	pin((int)sysconf(_SC_NPROCESSORS_ONLN) - 1);
	while (getppid() == parent) {
		const struct timespec pause = { .tv_nsec = (long)*period_ns };

		live_page_aim(page, WINDOW_LOG2, TRACKING_NS);
		page->line.extra[VDSOTIME_EXTRA_ERROR] = ERROR_NS;
		page->line.extra[VDSOTIME_EXTRA_FLAGS] = VDSOTIME_QUALITY_CLAIMED;
		live_page_publish(page);
		nanosleep(&pause, NULL);
	}
	_exit(0);
}

static double timed_single_ps(const struct row *row)
{
	uint64_t start = vdsotime_counter_read_fence();

	sum += row->subject->batch(&world, 1);
	return (double)(vdsotime_counter_read_fence() - start) * ps_per_tick;
}

#if defined(__x86_64__) || defined(__i386__)

static bool flush(void)
{
	for (size_t i = 0; i < n_cold; i++)
		for (size_t at = 0; at < cold[i].bytes; at += 64)
			__asm__ __volatile__("clflush %0" : : "m"(cold[i].start[at]) : "memory");
	__asm__ __volatile__("mfence" : : : "memory");
	return true;
}

#else

static bool flush(void)
{
	return false;
}

#endif

/* Of the pages that the kernel lists as the vDSO's data some are missing: a touch is SIGBUS. */
static void add_vvar(uintptr_t start, uintptr_t end)
{
	int pipe_fds[2];

	if (pipe(pipe_fds) < 0)
		die("pipe");
	for (uintptr_t at = start; at < end && n_cold < COLD_MAX; at += VVAR_PAGE_BYTES) {
		const char *page = (const char *)at;

		if (write(pipe_fds[1], page, 1) == 1) {
			cold[n_cold].start = page;
			cold[n_cold++].bytes = VVAR_PAGE_BYTES;
		}
	}
	close(pipe_fds[0]);
	close(pipe_fds[1]);
}

static void find_cold(const struct live_page *page)
{
	char line[256], name[64];
	FILE *f = fopen("/proc/self/maps", "re");

	/* the same physical lines, by this process's other mapping of them */
	cold[n_cold].start = (const char *)page->page;
	cold[n_cold++].bytes = offsetof(struct vdsotime_page, epoch);
	while (f && fgets(line, sizeof(line), f)) {
		unsigned long start, end;

		if (sscanf(line, "%lx-%lx %*s %*s %*s %*s %63s", &start, &end, name) == 3 &&
			strncmp(name, "[vvar", 5) == 0)
			add_vvar(start, end);
	}
	if (f)
		fclose(f);
}

static void table_init(struct table *t, const char *key, const char *title)
{
	*t = (struct table){ .key = key, .title = title };
	for (const struct subject *s = subjects; s->key && t->n_rows < ROWS_MAX; s++) {
		struct row *row = &t->rows[t->n_rows];
		const char *reason;

		if (!s->path(&world, &reason))
			continue;
		*row = (struct row){ .subject = s };
		if (tally_init(&row->batches, ROUNDS_MAX) < 0 ||
			tally_init(&row->singles, ROUNDS_MAX * SINGLES) < 0)
			die("memory");
		t->n_rows++;
	}
}

static void run_row(struct row *row, bool cold_reads)
{
	int64_t start_ns = now_ns();

	sum += row->subject->batch(&world, CALLS);
	tally_add(&row->batches, (now_ns() - start_ns) * 1000 / CALLS);
	for (int i = 0; i < SINGLES; i++) {
		if (cold_reads)
			flush();
		tally_add(&row->singles, (int64_t)timed_single_ps(row));
	}
}

static void table_run(struct table *t, int64_t duration_ns, bool cold_reads)
{
	int64_t end_ns = now_ns() + duration_ns;
	int64_t nothing;

	for (; now_ns() < end_ns && t->rounds < ROUNDS_MAX; t->rounds++) {
		world.stamp = vdsotime_stamp();
		for (size_t i = 0; i < t->n_rows; i++)
			run_row(&t->rows[(t->rounds + i) % t->n_rows], cold_reads);
	}
	for (size_t i = 0; i < t->n_rows; i++) {
		struct row *row = &t->rows[i];

		tally_summarise(&row->batches, &row->batch);
		tally_summarise(&row->singles, &row->single);
		tally_deinit(&row->batches);
		tally_deinit(&row->singles);
		/* the first subject is the empty loop */
		nothing = t->rows[0].single.median;
		row->single.minimum -= i ? nothing : 0;
		row->single.median -= i ? nothing : 0;
		row->single.p99 -= i ? nothing : 0;
		row->single.p999 -= i ? nothing : 0;
	}
}

static const struct row *reference(const struct table *t)
{
	for (size_t i = 0; i < t->n_rows; i++)
		if (strcmp(t->rows[i].subject->key, SUBJECT_REFERENCE) == 0)
			return &t->rows[i];
	return &t->rows[0];
}

static double ratio(int64_t number, int64_t to)
{
	return to > 0 ? (double)number / (double)to : 0;
}

/* Cold reads have no batches: their single calls stand for all. */
static const struct tally_summary *typical(const struct row *row, bool cold_reads)
{
	return cold_reads ? &row->single : &row->batch;
}

static void table_text(const struct table *t, bool cold_reads)
{
	const struct tally_summary *to = typical(reference(t), cold_reads);

	printf("%s; %u rounds\n\n%-34s %8s %8s %8s %8s %7s %8s\n", t->title, t->rounds, "SUBJECT",
		"MIN", "MEDIAN", "P99", "P99.9", "x MIN", "x MEDIAN");
	for (size_t i = 0; i < t->n_rows; i++) {
		const struct row *row = &t->rows[i];
		const struct tally_summary *s = typical(row, cold_reads);

		printf("%-34s %8.1f %8.1f %8.1f %8.1f %7.3f %8.3f\n", row->subject->name,
			(double)s->minimum / 1e3, (double)s->median / 1e3,
			(double)row->single.p99 / 1e3, (double)row->single.p999 / 1e3,
			ratio(s->minimum, to->minimum), ratio(s->median, to->median));
	}
	putchar('\n');
}

static struct value *table_value(const struct table *t, bool cold_reads)
{
	const struct tally_summary *to = typical(reference(t), cold_reads);
	struct value *v = value_new_object(), *rows = value_new_array();

	value_add_string(v, "conditions", t->key);
	value_add_uint(v, "rounds", t->rounds);
	for (size_t i = 0; i < t->n_rows; i++) {
		const struct row *row = &t->rows[i];
		const struct tally_summary *s = typical(row, cold_reads);
		struct value *r = value_new_object();

		value_add_string(r, "subject", row->subject->key);
		value_add_decimal(r, "minimumNSec", (double)s->minimum / 1e3, 3);
		value_add_decimal(r, "medianNSec", (double)s->median / 1e3, 3);
		value_add_decimal(r, "p99NSec", (double)row->single.p99 / 1e3, 3);
		value_add_decimal(r, "p999NSec", (double)row->single.p999 / 1e3, 3);
		value_add_decimal(r, "minimumRatio", ratio(s->minimum, to->minimum), 4);
		value_add_decimal(r, "medianRatio", ratio(s->median, to->median), 4);
		value_append(rows, r);
	}
	value_add(v, "results", rows);
	return v;
}

static char folder[] = "/tmp/bench-read-XXXXXX";

static pid_t daemon_start(const char *program)
{
	char runtime[64];
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	dup2(null, STDERR_FILENO);
	(void)snprintf(runtime, sizeof(runtime), "--runtime-dir=%s", folder);
	execl(program, program, runtime, "--config=/dev/null", (char *)NULL);
	_exit(127);
}

/* Attach and detach, again and again; ps. */
static void time_attach(const char *program, struct tally_summary *ret)
{
	struct vdsotime *t = NULL;
	struct tally tally;
	pid_t pid;
	int r = -ENOENT;

	if (!mkdtemp(folder) || tally_init(&tally, ATTACHES) < 0)
		die(folder);
	pid = daemon_start(program);
	for (int i = 0; i < 1000 && r < 0; i++) {
		usleep(10000);
		r = vdsotime_attach(&t, folder, 0);
	}
	if (r < 0)
		fprintf(stderr, "bench-read: %s gives no page: %s\n", program, strerror(-r));
	for (int i = 0; i < ATTACHES && r == 0; i++) {
		t = vdsotime_detach(t);
		int64_t start_ns = now_ns();

		r = vdsotime_attach(&t, folder, 0);
		tally_add(&tally, (now_ns() - start_ns) * 1000);
	}
	vdsotime_detach(t);
	*ret = (struct tally_summary){ 0 };
	tally_summarise(&tally, ret);
	tally_deinit(&tally);
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
	rmdir(folder);
}

static void attach_text(const struct tally_summary *s)
{
	printf("vdsotime_attach: min %.1f, median %.1f, p99 %.1f, p99.9 %.1f us of %d\n",
		(double)s->minimum / 1e6, (double)s->median / 1e6, (double)s->p99 / 1e6,
		(double)s->p999 / 1e6, ATTACHES);
}

static struct value *attach_value(const struct tally_summary *s)
{
	struct value *v = value_new_object();

	value_add_decimal(v, "minimumNSec", (double)s->minimum / 1e3, 0);
	value_add_decimal(v, "medianNSec", (double)s->median / 1e3, 0);
	value_add_decimal(v, "p99NSec", (double)s->p99 / 1e3, 0);
	value_add_decimal(v, "p999NSec", (double)s->p999 / 1e3, 0);
	return v;
}

/* The three tables, read from a page of this program's own. */
static void run_tables(struct table tables[3], int64_t duration_ns)
{
	struct fake_daemon daemon_;
	struct live_page page;
	struct vdsotime *t;
	int64_t *period_ns;
	pid_t writer;

	live_page_new(&page, F_SEAL_SHRINK, sizeof(struct vdsotime_page));
	ps_per_tick = page.ns_per_tick * 1000;
	period_ns = mmap(NULL, sizeof(*period_ns), PROT_READ | PROT_WRITE,
		MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (period_ns == MAP_FAILED)
		die("mmap");
	*period_ns = 100000000;
	writer = writer_start(&page, period_ns);
	fake_daemon_start(&daemon_, page.fd);
	if (vdsotime_attach(&t, daemon_.dir, VDSOTIME_FALLBACK) < 0)
		die("attach");
	subject_world_init(&world, t);
	find_cold(&page);

	table_init(&tables[0], "rest", "A page renewed 10 times a second");
	table_run(&tables[0], duration_ns, false);
	*period_ns = 1000000;
	table_init(&tables[1], "writer1kHz", "A page renewed 1000 times a second");
	table_run(&tables[1], duration_ns, false);
	*period_ns = 100000000;
	if (flush()) {
		table_init(&tables[2], "cold", "Single calls, their data flushed from all caches");
		table_run(&tables[2], duration_ns, true);
	}
	kill(writer, SIGKILL);
	waitpid(writer, NULL, 0);
	vdsotime_detach(t);
	fake_daemon_stop(&daemon_);
	live_page_free(&page);
}

static void report_json(const struct table tables[3], const struct tally_summary *attach)
{
	struct ctl ctl = { .out = stdout, .json = CTL_JSON_PRETTY };
	struct value *all = value_new_object(), *results = value_new_array();

	value_add(all, "machine", machine_describe());
	for (size_t i = 0; i < 3 && tables[i].n_rows; i++)
		value_append(results, table_value(&tables[i], i == 2));
	value_add(all, "tables", results);
	value_add(all, "attach", attach_value(attach));
	value_print(&ctl, all);
	value_free(all);
}

static void report_text(const struct table tables[3], const struct tally_summary *attach)
{
	for (size_t i = 0; i < 3 && tables[i].n_rows; i++)
		table_text(&tables[i], i == 2);
	attach_text(attach);
	puts("Nanoseconds per call; x: times clock_gettime of libc in the same table.");
}

int main(int argc, char **argv)
{
	static struct table tables[3];
	struct tally_summary attach;
	double seconds = 3;
	bool json = false;

	for (int i = 2; i < argc; i++) {
		if (strcmp(argv[i], "--json") == 0)
			json = true;
		else if (sscanf(argv[i], "--seconds=%lf", &seconds) != 1)
			argc = 0;
	}
	if (argc < 2 || !(seconds > 0 && seconds < 3600)) {
		fprintf(stderr, "Usage: bench-read VDSOTIMED [--seconds=N] [--json]\n");
		return 2;
	}
	pin(0);
	run_tables(tables, (int64_t)(seconds * 1e9));
	time_attach(argv[1], &attach);
	if (json)
		report_json(tables, &attach);
	else
		report_text(tables, &attach);
	return 0;
}

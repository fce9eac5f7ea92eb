/* SPDX-License-Identifier: MIT */
/*
 * vdsotimectl bench: what each way to read time costs, all in one run.
 *
 * Subjects take turns, a batch of calls each, in rounds that begin with another subject each time,
 * on one CPU: so what disturbs the machine meets all of them alike, and the ratios hold where the
 * nanoseconds do not.  What one would get wrong: a number is of a whole batch, divided; a single
 * slow call does not show.
 */
#include <inttypes.h>
#include <sched.h>
#include <string.h>

#include "client/ctl/bracket.h"
#include "client/ctl/humane.h"
#include "client/ctl/machine.h"
#include "client/ctl/reader.h"
#include "client/ctl/subject.h"
#include "client/ctl/table.h"
#include "client/ctl/tally.h"
#include "client/ctl/verbs.h"

enum {
	ROWS_MAX = 24,
	ROUNDS_MAX = 20000,
	BATCH_NS_MIN =
		20000, /* long against the two reads that time it, short against a timer tick */
	CALLS_MIN = 32,
	CALLS_MAX = 65536,
	CALLS_TRIAL = 512
};

#define SECONDS_MAX INT64_C(3600)

struct row {
	const struct subject *subject;
	const char *path;
	const char *reason; /* why it cannot be run; NULL: it can */
	unsigned int calls; /* in a batch */
	struct tally tally; /* picoseconds per call */
	struct tally_summary summary;
};

struct bench {
	struct subject_world world;
	struct row rows[ROWS_MAX];
	size_t n_rows;
	const struct row *reference;
	int64_t duration_ns;
	int64_t batch_ns;
	int cpu;
	bool pinned;
	unsigned int rounds;
	uint64_t sum; /* of all results, so that none was made in vain */
};

static int64_t now_ns(void)
{
	return bracket_kernel_ns(CLOCK_MONOTONIC_RAW);
}

static int64_t time_batch_ns(struct bench *bench, const struct row *row)
{
	int64_t start_ns;

	if (bench->world.counter)
		bench->world.stamp = vdsotime_stamp();
	start_ns = now_ns();
	bench->sum += row->subject->batch(&bench->world, row->calls);
	return now_ns() - start_ns;
}

/* Has vdsotime_interval() a bound to give, or is it timed finding out that there is none? */
static bool has_bound(const struct bench *bench)
{
	struct vdsotime_interval interval;

	return vdsotime_interval(bench->world.client, &interval) == 0;
}

/* So many calls that a batch takes batch_ns. */
static void set_calls(struct bench *bench, struct row *row)
{
	int64_t trial_ns, calls;

	row->calls = CALLS_TRIAL;
	time_batch_ns(bench, row);
	trial_ns = time_batch_ns(bench, row);
	calls = bench->batch_ns * CALLS_TRIAL / (trial_ns > 0 ? trial_ns : 1);
	calls = calls < CALLS_MIN ? CALLS_MIN : calls > CALLS_MAX ? CALLS_MAX : calls;
	row->calls = (unsigned int)calls;
}

static int bench_init(struct bench *bench, const struct vdsotime *t)
{
	subject_world_init(&bench->world, t);
	for (const struct subject *s = subjects; s->key && bench->n_rows < ROWS_MAX; s++)
		bench->n_rows++;
	bench->batch_ns = bench->duration_ns / ((int64_t)bench->n_rows * ROUNDS_MAX);
	if (bench->batch_ns < BATCH_NS_MIN)
		bench->batch_ns = BATCH_NS_MIN;
	for (size_t i = 0; i < bench->n_rows; i++) {
		struct row *row = &bench->rows[i];

		row->subject = &subjects[i];
		row->path = row->subject->path(&bench->world, &row->reason);
		if (strcmp(row->subject->key, SUBJECT_REFERENCE) == 0)
			bench->reference = row;
		if (!row->path)
			continue;
		if (tally_init(&row->tally, ROUNDS_MAX) < 0)
			return -1;
		set_calls(bench, row);
	}
	return 0;
}

static void bench_deinit(struct bench *bench)
{
	for (size_t i = 0; i < bench->n_rows; i++)
		tally_deinit(&bench->rows[i].tally);
}

static void bench_run(struct bench *bench)
{
	int64_t end_ns = now_ns() + bench->duration_ns;

	do {
		for (size_t i = 0; i < bench->n_rows; i++) {
			struct row *row = &bench->rows[(bench->rounds + i) % bench->n_rows];

			if (row->path)
				tally_add(
					&row->tally, time_batch_ns(bench, row) * 1000 / row->calls);
		}
		bench->rounds++;
	} while (now_ns() < end_ns && bench->rounds < ROUNDS_MAX);
	for (size_t i = 0; i < bench->n_rows; i++) {
		struct row *row = &bench->rows[i];
		const char *reason, *path;

		if (!row->path)
			continue;
		tally_summarise(&row->tally, &row->summary);
		path = row->subject->path(&bench->world, &reason);
		if (!path || strcmp(path, row->path) != 0)
			row->path = "changed";
	}
}

static double ratio(int64_t number, int64_t to)
{
	return to > 0 ? (double)number / (double)to : 0;
}

static void print_machine(const struct ctl *ctl, const struct bench *bench)
{
	struct value *machine = machine_describe();
	const char *processor = value_get_string(machine, "processor");
	const char *clocksource = value_get_string(machine, "clocksource");
	char duration[HUMANE_BYTES];

	fprintf(ctl->out, "%s (%s), %s, clocksource %s; %s CPU %d, %u rounds of %s a subject\n\n",
		processor ? processor : "processor not known",
		value_get_string(machine, "architecture"), value_get_string(machine, "kernel"),
		clocksource ? clocksource : "not known",
		bench->pinned ? "pinned to" : "NOT pinned, began on", bench->cpu, bench->rounds,
		humane_duration(duration, bench->batch_ns));
	value_free(machine);
}

static void print_row(struct table *table, const struct bench *bench, const struct row *row)
{
	const struct tally_summary *s = &row->summary, *to = &bench->reference->summary;

	if (!row->path)
		return;
	table_cell(table, "%s", row->subject->name);
	table_cell(table, "%s", row->path);
	table_cell(table, "%.1f", (double)s->minimum / 1000);
	table_cell(table, "%.1f", (double)s->median / 1000);
	table_cell(table, "%.1f", (double)s->p99 / 1000);
	table_cell(table, "%.1f", (double)s->p999 / 1000);
	table_cell(table, "%.2f", ratio(s->minimum, to->minimum));
	table_cell(table, "%.2f", ratio(s->median, to->median));
}

static void print_text(const struct ctl *ctl, const struct bench *bench)
{
	static const struct table_column columns[] = {
		{ "SUBJECT", false },
		{ "PATH", false },
		{ "MIN", true },
		{ "MEDIAN", true },
		{ "P99", true },
		{ "P99.9", true },
		{ "x MIN", true },
		{ "x MEDIAN", true },
	};
	struct table *table = table_new(columns, 8);

	if (ctl->legend)
		print_machine(ctl, bench);
	for (size_t i = 0; i < bench->n_rows; i++)
		print_row(table, bench, &bench->rows[i]);
	table_print(ctl, table);
	table_free(table);
	if (!ctl->legend)
		return;
	fputs("\nNanoseconds per call, over batches; x: times clock_gettime of libc in this run.\n",
		ctl->out);
	for (size_t i = 0; i < bench->n_rows; i++) {
		const struct row *row = &bench->rows[i];

		if (row->path && strcmp(row->subject->key, SUBJECT_INTERVAL) == 0 &&
			!has_bound(bench))
			fprintf(ctl->out,
				"%s has no bound to give now: what it costs to find that out.\n",
				row->subject->name);
		if (row->reason)
			fprintf(ctl->out, "Left out: %s: %s.\n", row->subject->name, row->reason);
	}
}

static void add_nanoseconds(struct value *v, const char *key, int64_t picoseconds)
{
	value_add_decimal(v, key, (double)picoseconds / 1000, 3);
}

static struct value *row_value(const struct bench *bench, const struct row *row)
{
	const struct tally_summary *s = &row->summary, *to = &bench->reference->summary;
	struct value *v = value_new_object();

	value_add_string(v, "subject", row->subject->key);
	value_add_string(v, "description", row->subject->name);
	value_add_string(v, "path", row->path);
	if (!row->path) {
		value_add_string(v, "reason", row->reason);
		return v;
	}
	value_add_uint(v, "callsPerBatch", row->calls);
	add_nanoseconds(v, "minimumNSec", s->minimum);
	add_nanoseconds(v, "medianNSec", s->median);
	add_nanoseconds(v, "p99NSec", s->p99);
	add_nanoseconds(v, "p999NSec", s->p999);
	value_add_decimal(v, "minimumRatio", ratio(s->minimum, to->minimum), 4);
	value_add_decimal(v, "medianRatio", ratio(s->median, to->median), 4);
	return v;
}

static void print_json(const struct ctl *ctl, const struct bench *bench)
{
	struct value *all = value_new_object(), *results = value_new_array();

	value_add(all, "machine", machine_describe());
	value_add_int(all, "cpu", bench->cpu);
	value_add_bool(all, "pinned", bench->pinned);
	value_add_uint(all, "rounds", bench->rounds);
	value_add_int(all, "batchNSec", bench->batch_ns);
	value_add_string(all, "reference", SUBJECT_REFERENCE);
	value_add_bool(all, "intervalHasBound", has_bound(bench));
	for (size_t i = 0; i < bench->n_rows; i++)
		value_append(results, row_value(bench, &bench->rows[i]));
	value_add(all, "results", results);
	value_print(ctl, all);
	value_free(all);
}

/* Stay on one CPU: the one asked for, or else the present one, if that is allowed. */
static int pin(const struct ctl *ctl, struct bench *bench)
{
	const char *text = ctl_option(ctl, "cpu");
	cpu_set_t set;
	int64_t cpu = sched_getcpu();

	if (text && humane_parse_number(text, 0, CPU_SETSIZE - 1, &cpu) < 0) {
		ctl_error(ctl, "bench: --cpu=%s: must be a number from 0 to %d", text,
			CPU_SETSIZE - 1);
		return CTL_USAGE;
	}
	bench->cpu = (int)cpu;
	CPU_ZERO(&set);
	if (cpu >= 0 && cpu < CPU_SETSIZE)
		CPU_SET((size_t)cpu, &set);
	bench->pinned = sched_setaffinity(0, sizeof(set), &set) == 0;
	if (text && !bench->pinned) {
		ctl_error(ctl, "bench: cannot run on CPU %d", bench->cpu);
		return CTL_FAILURE;
	}
	return CTL_OK;
}

static int parse_seconds(const struct ctl *ctl, struct bench *bench)
{
	const char *text = ctl_option(ctl, "seconds");

	bench->duration_ns = INT64_C(2000000000);
	if (text &&
		(humane_parse_duration(text, &bench->duration_ns) < 0 || bench->duration_ns <= 0 ||
			bench->duration_ns > SECONDS_MAX * 1000000000)) {
		ctl_error(ctl, "bench: --seconds=%s: must be a duration up to %" PRId64 " seconds",
			text, SECONDS_MAX);
		return CTL_USAGE;
	}
	return CTL_OK;
}

int verb_bench(const struct ctl *ctl, int argc, char **argv)
{
	struct bench bench = { 0 };
	struct vdsotime *t = NULL;
	int status = parse_seconds(ctl, &bench);

	(void)argc;
	(void)argv;
	if (status == CTL_OK)
		status = pin(ctl, &bench);
	if (status == CTL_OK)
		status = reader_attach(ctl, &t);
	if (status != CTL_OK)
		return status;
	if (bench_init(&bench, t) < 0) {
		ctl_error(ctl, "bench: out of memory");
		status = CTL_FAILURE;
	} else {
		bench_run(&bench);
		if (ctl->json != CTL_JSON_OFF)
			print_json(ctl, &bench);
		else
			print_text(ctl, &bench);
	}
	bench_deinit(&bench);
	vdsotime_detach(t);
	return status;
}

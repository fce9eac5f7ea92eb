/* SPDX-License-Identifier: MIT */
/*
 * What the daemon costs while nobody asks it anything: its share of a core and its own part of
 * memory.
 *
 *     bench-rest VDSOTIMED [SECONDS]
 *
 * It is started in a directory of its own, left to settle, and watched by /proc: CPU time in ticks
 * of sum_exec_runtime (schedstat, ns), memory as PSS, in which pages shared with others count in
 * part.
 */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* The first seconds are spent at the fast period, to learn the rate. */
#define SETTLE_S 6

static char directory[] = "/tmp/vdsotimed-bench-XXXXXX";

static FILE *open_proc(pid_t pid, const char *name)
{
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	f = fopen(path, "re");
	if (!f) {
		fprintf(stderr, "bench-rest: %s: %s\n", path, strerror(errno));
		exit(EXIT_FAILURE);
	}
	return f;
}

/* Ns on a CPU, and how often it was put there. */
static uint64_t cpu_ns(pid_t pid, uint64_t *ret_runs)
{
	FILE *f = open_proc(pid, "schedstat");
	unsigned long long ns = 0, waited, runs = 0;

	if (fscanf(f, "%llu %llu %llu", &ns, &waited, &runs) != 3)
		ns = 0;
	fclose(f);
	*ret_runs = runs;
	return ns;
}

/* A field of smaps_rollup in KiB. */
static unsigned long memory_kib(pid_t pid, const char *field)
{
	FILE *f = open_proc(pid, "smaps_rollup");
	char line[128];
	unsigned long kib = 0;
	size_t length = strlen(field);

	while (fgets(line, sizeof(line), f))
		if (strncmp(line, field, length) == 0 && line[length] == ':')
			kib = strtoul(line + length + 1, NULL, 10);
	fclose(f);
	return kib;
}

static pid_t start(const char *program)
{
	char option[64];
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	snprintf(option, sizeof(option), "--runtime-dir=%s", directory);
	/* its log is not of interest; without a terminal it is no less alive */
	if (!freopen("/dev/null", "w", stderr))
		_exit(127);
	execl(program, program, option, (char *)NULL);
	_exit(127);
}

static void pause_s(unsigned int s)
{
	struct timespec left = { .tv_sec = s };

	while (nanosleep(&left, &left) < 0 && errno == EINTR)
		;
}

static void stop(pid_t pid)
{
	int status;

	kill(pid, SIGTERM);
	waitpid(pid, &status, 0);
	/* what the daemon leaves: its lock */
	if (chdir(directory) == 0) {
		unlink("lock");
		unlink("stamp");
		unlink("org.vdsotime.Time");
	}
	rmdir(directory);
}

int main(int argc, char **argv)
{
	unsigned int seconds = argc > 2 ? (unsigned int)strtoul(argv[2], NULL, 10) : 30;
	uint64_t before, after, runs_before, runs_after;
	pid_t pid;

	if (argc < 2 || seconds == 0) {
		fputs("Usage: bench-rest VDSOTIMED [SECONDS]\n", stderr);
		return 2;
	}
	if (!mkdtemp(directory)) {
		fprintf(stderr, "bench-rest: %s: %s\n", directory, strerror(errno));
		return EXIT_FAILURE;
	}
	pid = start(argv[1]);
	if (pid < 0)
		return EXIT_FAILURE;
	pause_s(SETTLE_S);
	before = cpu_ns(pid, &runs_before);
	pause_s(seconds);
	after = cpu_ns(pid, &runs_after);
	printf("%.4f %% of a core, %.1f us in each of %llu wake-ups, over %u s\n",
		(double)(after - before) / seconds * 1e-7,
		(double)(after - before) / (double)(runs_after - runs_before) * 1e-3,
		(unsigned long long)(runs_after - runs_before), seconds);
	printf("PSS %lu KiB, of it anonymous %lu KiB; RSS %lu KiB\n", memory_kib(pid, "Pss"),
		memory_kib(pid, "Pss_Anon"), memory_kib(pid, "Rss"));
	stop(pid);
	return EXIT_SUCCESS;
}

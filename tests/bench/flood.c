/* SPDX-License-Identifier: MIT */
/*
 * A user's round trips, p99, while another user floods the daemon.
 *
 * The victim asks for one stamp at a time, on CPU 0; the daemon has CPU 1.  The flood runs on CPU
 * 0, beside the victim, which it disturbs by that alone.  Where that is allowed victim and daemon
 * have SCHED_FIFO, so that whatever else the machine does is left out, and what is left is the
 * daemon's doing; else all have the kernel's usual policy.  Each flood is compared with hogs, as
 * many processes that burn the same CPU and do not know the daemon: flood/hog is what the daemon
 * answers for.  Quiet, hog and flood take turns, so that a change of the machine meets all three.
 */
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/flood-mode.h"
#include "tests/bench/stamp-load.h"

#define ROUNDS 5
#define PINGS 2000
#define PINGS_AT_ONCE 100
#define PHASE_NS INT64_C(1000000000)
#define SET_UP_MS 30000
#define ATTACHES 10 /* in each phase */

enum phase { QUIET, HOG, FLOOD, PHASES };

static uint32_t mode_chosen; /* 0: all; else its place, from 1 */
static uint32_t uids = 1;
static uint32_t connections; /* 0: as the mode has it */

static int ready_fd; /* where a process that floods tells that it is set up */

static const char *mode_word(uint32_t place)
{
	return place == 0 ? "all" : flood_modes[place - 1].name;
}

const struct load_option flood_options[] = {
	{ .name = "mode", .value = &mode_chosen, .word = mode_word },
	{ "uids", &uids, 1, LOAD_UIDS_MAX, NULL },
	{ "connections", &connections, 0, FLOOD_CONNECTIONS_MAX, NULL },
	{ 0 },
};

static void tell_ready(uint32_t granted)
{
	if (write(ready_fd, &granted, sizeof(granted)) < 0)
		_exit(1);
}

static pid_t start(const struct flood_mode *mode, uint32_t count, uint32_t number)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	load_pin(0, 0);
	(void)sched_setscheduler(0, SCHED_OTHER, &(struct sched_param){ 0 });
	load_become_user(number);
	mode->run(count, tell_ready);
	_exit(1);
}

static void stop(pid_t pid)
{
	int status = 0;

	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	if (!WIFSIGNALED(status))
		fprintf(stderr, "a flood has ended by itself\n");
}

/* As many as there are uids; when they are set up, how much they were granted. */
static uint32_t start_all(const struct flood_mode *mode, uint32_t count, pid_t *ret_pids)
{
	uint32_t sum = 0;
	int pipe_fd[2];

	if (pipe(pipe_fd) < 0)
		load_die("pipe");
	ready_fd = pipe_fd[1];
	for (uint32_t i = 0; i < uids; i++)
		ret_pids[i] = start(mode, count, i);
	for (uint32_t i = 0; i < uids; i++) {
		struct pollfd p = { .fd = pipe_fd[0], .events = POLLIN };
		uint32_t granted;

		if (poll(&p, 1, SET_UP_MS) <= 0 ||
			read(pipe_fd[0], &granted, sizeof(granted)) != sizeof(granted))
			load_die("a flood was not set up");
		sum += granted;
	}
	close(pipe_fd[0]);
	close(pipe_fd[1]);
	return sum;
}

/* How many of some connections are given the page's descriptor. */
static uint32_t attach_some(void)
{
	uint32_t given = 0;

	for (int i = 0; i < ATTACHES; i++) {
		int fd = load_greeted("stamp");

		given += load_attach(fd);
		close(fd);
	}
	return given;
}

/* What was found in a phase. */
struct finding {
	double p99_ns;
	uint32_t granted;
	uint32_t attached;
};

static struct finding look_beside(int fd, const struct flood_mode *mode, uint32_t count)
{
	static int64_t samples[PINGS];
	static pid_t pids[LOAD_UIDS_MAX];
	struct finding f = { 0 };
	int64_t end_ns;
	int pings = 0;

	if (mode != NULL)
		f.granted = start_all(mode, count, pids);
	usleep(50000);
	end_ns = load_now_ns() + PHASE_NS;
	for (; pings < PINGS && load_now_ns() < end_ns; pings += PINGS_AT_ONCE)
		load_ping(fd, &samples[pings], PINGS_AT_ONCE);
	f.attached = attach_some();
	for (uint32_t i = 0; mode != NULL && i < uids; i++)
		stop(pids[i]);
	usleep(50000);
	f.p99_ns = load_quantile(samples, (size_t)pings, 0.99);
	return f;
}

/* In thousandths. */
static int64_t ratio(double a, double b)
{
	return (int64_t)(a / b * 1e3);
}

static void print_name(const struct flood_mode *mode, uint32_t count)
{
	printf("flood, ");
	if (mode->connections > 0)
		printf("%u ", count);
	printf("%s", mode->text);
	if (uids > 1)
		printf(", by each of %u uids", uids);
}

/* What the flood was refused, and what another user was, who was given the page without it. */
static void print_refusals(
	const struct flood_mode *mode, uint32_t count, uint32_t granted, uint32_t refused)
{
	uint32_t asked = ROUNDS * uids * count;

	if (mode->connections > 0 && granted < asked)
		printf("; %u of %u of the flood's granted", granted / ROUNDS, asked / ROUNDS);
	if (refused > 0)
		printf("; %u of %d other ATTACH refused", refused, ROUNDS * ATTACHES);
	putchar('\n');
}

static void measure(int fd, const struct flood_mode *mode)
{
	static const struct flood_mode hog = { .run = flood_hog };
	const struct flood_mode *const modes[PHASES] = { NULL, &hog, mode };
	uint32_t count = connections > 0 ? connections : mode->connections;
	int64_t p99_ns[PHASES][ROUNDS];
	int64_t to_quiet[ROUNDS];
	int64_t to_hog[ROUNDS];
	struct finding f[PHASES];
	uint32_t granted = 0;
	uint32_t refused = 0;

	for (int round = 0; round < ROUNDS; round++) {
		for (int i = 0; i < PHASES; i++) {
			f[i] = look_beside(fd, modes[i], count);
			p99_ns[i][round] = (int64_t)f[i].p99_ns;
		}
		granted += f[FLOOD].granted;
		refused += f[QUIET].attached - f[FLOOD].attached;
		to_quiet[round] = ratio((double)p99_ns[FLOOD][round], (double)p99_ns[QUIET][round]);
		to_hog[round] = ratio((double)p99_ns[FLOOD][round], (double)p99_ns[HOG][round]);
	}
	print_name(mode, count);
	printf(": p99 %.1f us quiet, %.1f us beside a hog, %.1f us beside the flood; "
	       "flood/quiet %.2f, flood/hog %.2f (medians of %d rounds)",
		load_quantile(p99_ns[QUIET], ROUNDS, 0.5) / 1e3,
		load_quantile(p99_ns[HOG], ROUNDS, 0.5) / 1e3,
		load_quantile(p99_ns[FLOOD], ROUNDS, 0.5) / 1e3,
		load_quantile(to_quiet, ROUNDS, 0.5) / 1e3,
		load_quantile(to_hog, ROUNDS, 0.5) / 1e3, ROUNDS);
	print_refusals(mode, count, granted, refused);
}

static bool set_policy(pid_t pid, int policy)
{
	struct sched_param p = { .sched_priority = policy == SCHED_FIFO ? 10 : 0 };

	return sched_setscheduler(pid, policy, &p) == 0;
}

const char *flood_wrong(void)
{
	return load_uids_wrong(uids);
}

void flood_run(void)
{
	int fd = load_greeted("stamp");
	bool fifo;

	load_raise_descriptors();
	load_pin(0, 0);
	load_pin(load_daemon_pid, 1);
	fifo = set_policy(0, SCHED_FIFO) && set_policy(load_daemon_pid, SCHED_FIFO);
	printf("flood: victim and daemon with %s\n", fifo ? "SCHED_FIFO" : "the usual policy");
	for (uint32_t i = 0; flood_modes[i].name != NULL; i++) {
		if (mode_chosen == 0 || mode_chosen == i + 1)
			measure(fd, &flood_modes[i]);
	}
	(void)set_policy(0, SCHED_OTHER);
	(void)set_policy(load_daemon_pid, SCHED_OTHER);
	close(fd);
}

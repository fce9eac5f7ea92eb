/* SPDX-License-Identifier: MIT */
/*
 * Many clients at once: those that are there and ask nothing, and those that have subscribed and
 * read.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/stamp-load.h"

#define IDLE_PROCESSES 2
#define TICKERS_MAX 1024 /* of one user */

static uint32_t idle_clients = 10000;

const struct load_option idle_options[] = {
	{ "clients", &idle_clients, IDLE_PROCESSES, 11000, NULL },
	{ 0 },
};

static uint32_t tickers = 1000;
static uint32_t tick_hz = 100;
static uint32_t tick_seconds = 5;

const struct load_option ticks_options[] = {
	{ "subscribers", &tickers, 1, TICKERS_MAX, NULL },
	{ "rate", &tick_hz, 1, 1000, NULL },
	{ "seconds", &tick_seconds, 1, 3600, NULL },
	{ 0 },
};

/* Resident memory of the daemon, KiB. */
static long resident_kib(void)
{
	char path[64];
	char line[256];
	long kib = -1;

	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)load_daemon_pid);
	FILE *f = fopen(path, "re");

	while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
		if (sscanf(line, "VmRSS: %ld", &kib) == 1)
			break;
	}
	if (f != NULL)
		fclose(f);
	return kib;
}

/* In a child: connect and hold count of them; tell how many and how long it took. */
static pid_t hold(int count, int pipe_fd)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;

	struct stamp_request hello = stamp_hello();
	int64_t result[2] = { 0, load_now_ns() };

	for (int i = 0; i < count; i++) {
		int fd = load_connect("stamp");

		if (fd < 0)
			break;
		load_ask(fd, &hello, 1);
		result[0]++;
	}
	result[1] = load_now_ns() - result[1];
	if (write(pipe_fd, result, sizeof(result)) < 0)
		_exit(1);
	pause();
	_exit(0);
}

void idle_run(void)
{
	struct rlimit limit = { 20000, 20000 };
	pid_t holders[IDLE_PROCESSES];
	int64_t held = 0;
	int64_t slowest_ns = 0;
	int pipe_fd[2];
	long before_kib = resident_kib();

	(void)prlimit(load_daemon_pid, RLIMIT_NOFILE, &limit, NULL);
	(void)setrlimit(RLIMIT_NOFILE, &limit);
	load_pin(0, -1);
	load_pin(load_daemon_pid, -1);
	if (pipe(pipe_fd) < 0)
		load_die("pipe");
	for (int i = 0; i < IDLE_PROCESSES; i++)
		holders[i] = hold((int)idle_clients / IDLE_PROCESSES, pipe_fd[1]);
	for (int i = 0; i < IDLE_PROCESSES; i++) {
		int64_t result[2];

		if (read(pipe_fd[0], result, sizeof(result)) != sizeof(result))
			load_die("holder");
		held += result[0];
		slowest_ns = result[1] > slowest_ns ? result[1] : slowest_ns;
	}
	printf("idle clients: %lld held, %.0f connects and greetings/s, resident %ld KiB (%ld "
	       "before)\n",
		(long long)held, (double)held / (double)slowest_ns * 1e9, resident_kib(),
		before_kib);
	for (int i = 0; i < IDLE_PROCESSES; i++) {
		kill(holders[i], SIGKILL);
		waitpid(holders[i], NULL, 0);
	}
	close(pipe_fd[0]);
	close(pipe_fd[1]);
}

void ticks_run(void)
{
	static struct pollfd peers[TICKERS_MAX];
	struct stamp_request subscribe = stamp_subscribe(CLOCK_MONOTONIC, 1000000 / tick_hz, 0);
	uint64_t received = 0;
	uint64_t lost = 0;
	int64_t end_ns;

	for (uint32_t i = 0; i < tickers; i++) {
		peers[i] = (struct pollfd){ .fd = load_greeted("stamp"), .events = POLLIN };
	}
	for (uint32_t i = 0; i < tickers; i++)
		load_ask(peers[i].fd, &subscribe, 1);
	end_ns = load_now_ns() + tick_seconds * INT64_C(1000000000);
	while (load_now_ns() < end_ns) {
		if (poll(peers, tickers, 100) < 0)
			load_die("poll");
		for (uint32_t i = 0; i < tickers; i++) {
			struct stamp_record tick;

			if (!(peers[i].revents & POLLIN))
				continue;
			while (recv(peers[i].fd, &tick, sizeof(tick), MSG_DONTWAIT) > 0) {
				received++;
				lost += tick.lost;
			}
		}
	}
	printf("%u subscribers at %u Hz, %u s: %llu ticks, %llu lost\n", tickers, tick_hz,
		tick_seconds, (unsigned long long)received, (unsigned long long)lost);
	for (uint32_t i = 0; i < tickers; i++)
		close(peers[i].fd);
}

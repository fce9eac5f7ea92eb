/* SPDX-License-Identifier: MIT */
/*
 * The stamp socket under load, beside its floor: a bare epoll loop that echoes packets of the same
 * sizes on the same type of socket, measured in the same run, in turns.
 *
 *   bench-stamp VDSOTIMED [latency|bulk|idle|ticks|flood]...
 *
 * The daemon is started in a directory of its own and stopped at the end.  Each line is one figure;
 * nothing here passes or fails.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/stamp-load.h"

#define ROUNDS 12
#define PINGS 1500
#define BULK_PACKETS 6000
#define BULK_WINDOW 4
#define IDLE 10000
#define IDLE_PROCESSES 2
#define TICKERS 1000
#define TICK_US 10000
#define TICK_SECONDS 5

static pid_t floor_pid;

/* The floor: what the kernel asks for any answer to a packet, and nothing else. */
static void floor_serve(int listener)
{
	static struct stamp_record records[STAMP_PACKET_MAX];
	static char packet[STAMP_PACKET_MAX * sizeof(struct stamp_request)];
	int epoll = epoll_create1(0);
	struct epoll_event event = { .events = EPOLLIN, .data.fd = listener };

	epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
	for (;;) {
		struct epoll_event ready[64];
		int n = epoll_wait(epoll, ready, 64, -1);

		for (int i = 0; i < n; i++) {
			int fd = ready[i].data.fd;

			if (fd == listener) {
				event.data.fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
				epoll_ctl(epoll, EPOLL_CTL_ADD, event.data.fd, &event);
				continue;
			}
			ssize_t bytes = recv(fd, packet, sizeof(packet), MSG_DONTWAIT);

			if (bytes <= 0)
				close(fd);
			else
				(void)send(fd, records, 2 * (size_t)bytes,
					MSG_DONTWAIT | MSG_NOSIGNAL);
		}
	}
}

static void floor_start(void)
{
	struct sockaddr_un address = load_address("floor");
	int listener = socket(AF_UNIX, SOCK_SEQPACKET, 0);

	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0 ||
		listen(listener, 64) < 0)
		load_die("floor");
	floor_pid = fork();
	if (floor_pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		floor_serve(listener);
	}
	close(listener);
}

static void latency(const char *where, int server_cpu)
{
	static int64_t samples[2][ROUNDS * PINGS];
	int64_t ratios[ROUNDS];
	int fd[2] = { load_greeted("floor"), load_greeted("stamp") };

	load_pin(0, 0);
	load_pin(floor_pid, server_cpu);
	load_pin(load_daemon_pid, server_cpu);
	for (int round = 0; round < ROUNDS; round++) {
		double median[2];

		for (int i = 0; i < 2; i++) {
			int64_t *mine = &samples[i][round * PINGS];
			int64_t sorted[PINGS];

			load_ping(fd[i], mine, PINGS);
			memcpy(sorted, mine, sizeof(sorted));
			median[i] = load_quantile(sorted, PINGS, 0.5);
		}
		ratios[round] = (int64_t)(median[1] / median[0] * 1e6);
	}
	for (int i = 0; i < 2; i++) {
		printf("round trip, %s, %s: median %.2f us, p99 %.2f us\n", where,
			i == 0 ? "floor" : "stamp",
			load_quantile(samples[i], ROUNDS * PINGS, 0.5) / 1e3,
			load_quantile(samples[i], ROUNDS * PINGS, 0.99) / 1e3);
		close(fd[i]);
	}
	printf("round trip, %s: stamp / floor %.3f (median of %d rounds)\n", where,
		load_quantile(ratios, ROUNDS, 0.5) / 1e6, ROUNDS);
}

static double bulk_once(int fd, size_t per_packet)
{
	static struct stamp_request requests[STAMP_PACKET_MAX];
	static struct stamp_record reply[STAMP_PACKET_MAX];
	int64_t began_ns = load_now_ns();
	int sent = 0;

	for (size_t i = 0; i < per_packet; i++)
		requests[i] = stamp_stamp(CLOCK_REALTIME);
	for (int received = 0; received < BULK_PACKETS; received++) {
		for (; sent < BULK_PACKETS && sent < received + BULK_WINDOW; sent++) {
			if (send(fd, requests, per_packet * sizeof(*requests), 0) < 0)
				load_die("send");
		}
		if (recv(fd, reply, sizeof(reply), 0) < 0)
			load_die("recv");
	}
	return (double)BULK_PACKETS * (double)per_packet / (double)(load_now_ns() - began_ns) * 1e3;
}

static void bulk(void)
{
	static const size_t sizes[] = { 1, 16, 256 };
	int fd[2] = { load_greeted("floor"), load_greeted("stamp") };

	load_pin(0, 0);
	load_pin(floor_pid, 1);
	load_pin(load_daemon_pid, 1);
	for (size_t s = 0; s < sizeof(sizes) / sizeof(*sizes); s++) {
		int64_t rates[2][5];

		for (int round = 0; round < 5; round++) {
			for (int i = 0; i < 2; i++)
				rates[i][round] = (int64_t)(bulk_once(fd[i], sizes[s]) * 1e6);
		}
		printf("packets of %zu, window %d: floor %.2f M/s, stamp %.2f M stamps/s\n",
			sizes[s], BULK_WINDOW, load_quantile(rates[0], 5, 0.5) / 1e6,
			load_quantile(rates[1], 5, 0.5) / 1e6);
	}
	close(fd[0]);
	close(fd[1]);
}

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

static void idle(void)
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
		holders[i] = hold(IDLE / IDLE_PROCESSES, pipe_fd[1]);
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

static void ticks(void)
{
	static struct pollfd peers[TICKERS];
	struct stamp_request subscribe = stamp_subscribe(CLOCK_MONOTONIC, TICK_US, 0);
	uint64_t received = 0;
	uint64_t lost = 0;
	int64_t end_ns;

	for (int i = 0; i < TICKERS; i++) {
		peers[i] = (struct pollfd){ .fd = load_greeted("stamp"), .events = POLLIN };
	}
	for (int i = 0; i < TICKERS; i++)
		load_ask(peers[i].fd, &subscribe, 1);
	end_ns = load_now_ns() + TICK_SECONDS * INT64_C(1000000000);
	while (load_now_ns() < end_ns) {
		if (poll(peers, TICKERS, 100) < 0)
			load_die("poll");
		for (int i = 0; i < TICKERS; i++) {
			struct stamp_record tick;

			if (!(peers[i].revents & POLLIN))
				continue;
			while (recv(peers[i].fd, &tick, sizeof(tick), MSG_DONTWAIT) > 0) {
				received++;
				lost += tick.lost;
			}
		}
	}
	printf("%d subscribers at %d Hz, %d s: %llu ticks, %llu lost\n", TICKERS, 1000000 / TICK_US,
		TICK_SECONDS, (unsigned long long)received, (unsigned long long)lost);
	for (int i = 0; i < TICKERS; i++)
		close(peers[i].fd);
}

static bool wanted(int argc, char **argv, const char *name)
{
	for (int i = 2; i < argc; i++) {
		if (strcmp(argv[i], name) == 0)
			return true;
	}
	return argc == 2;
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		fprintf(stderr,
			"Usage: bench-stamp VDSOTIMED [latency|bulk|idle|ticks|flood]...\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	strcpy(load_folder, "/tmp/bench-stamp-XXXXXX");
	if (mkdtemp(load_folder) == NULL || chmod(load_folder, 0755) < 0)
		load_die("mkdtemp");
	floor_start();
	load_daemon_start(argv[1]);
	if (wanted(argc, argv, "latency")) {
		latency("same CPU", 0);
		latency("two CPUs", 1);
	}
	if (wanted(argc, argv, "bulk"))
		bulk();
	if (wanted(argc, argv, "idle"))
		idle();
	if (wanted(argc, argv, "ticks"))
		ticks();
	if (wanted(argc, argv, "flood"))
		load_flood();
	kill(floor_pid, SIGKILL);
	kill(load_daemon_pid, SIGTERM);

	int status = 0;
	char command[96];

	waitpid(floor_pid, NULL, 0);
	waitpid(load_daemon_pid, &status, 0);
	(void)snprintf(command, sizeof(command), "%s/floor", load_folder);
	(void)unlink(command);
	(void)snprintf(command, sizeof(command), "%s/conf", load_folder);
	(void)unlink(command);
	if (rmdir(load_folder) < 0)
		perror(load_folder);
	return status == 0 ? 0 : 1;
}

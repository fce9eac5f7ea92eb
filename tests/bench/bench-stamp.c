/* SPDX-License-Identifier: MIT */
/*
 * The stamp socket under load, beside its floor: a bare epoll loop that echoes packets of the same
 * sizes on the same type of socket, measured in the same run, in turns.
 *
 *   bench-stamp VDSOTIMED [LOAD [--OPTION=VALUE]...]...
 *
 * Without arguments it tells what loads there are, and their options.
 *
 * The daemon is started in a directory of its own and stopped at the end.  Each line is one figure;
 * nothing here passes or fails.
 */
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/stamp-load.h"

#define ROUNDS 12
#define PINGS 1500
#define BULK_PACKETS 6000
#define BULK_WINDOW 4

static void latency(const char *where, int server_cpu)
{
	static int64_t samples[2][ROUNDS * PINGS];
	int64_t ratios[ROUNDS];
	int fd[2] = { load_greeted("floor"), load_greeted("stamp") };

	load_pin(0, 0);
	load_pin(load_floor_pid, server_cpu);
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
	load_pin(load_floor_pid, 1);
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

static void latency_run(void)
{
	latency("same CPU", 0);
	latency("two CPUs", 1);
}

static struct load loads[] = {
	{ "latency", NULL, latency_run, NULL, true, false },
	{ "bulk", NULL, bulk, NULL, true, false },
	{ "idle", idle_options, idle_run, NULL, true, false },
	{ "ticks", ticks_options, ticks_run, NULL, true, false },
	{ "flood", flood_options, flood_run, flood_wrong, true, false },
	{ "load", load_options, load_run, load_wrong, false, false },
	{ 0 },
};

int main(int argc, char **argv)
{
	if (argc < 2) {
		load_options_usage(loads);
		return 2;
	}
	load_options_read(loads, argc, argv, 2);
	setvbuf(stdout, NULL, _IOLBF, 0);
	strcpy(load_folder, "/tmp/bench-stamp-XXXXXX");
	if (mkdtemp(load_folder) == NULL || chmod(load_folder, 0755) < 0)
		load_die("mkdtemp");
	load_floor_start();
	load_daemon_start(argv[1]);
	for (struct load *l = loads; l->name != NULL; l++) {
		if (l->wanted)
			l->run();
	}
	load_floor_stop();
	kill(load_daemon_pid, SIGTERM);

	int status = 0;
	char path[96];

	waitpid(load_daemon_pid, &status, 0);
	(void)snprintf(path, sizeof(path), "%s/conf", load_folder);
	(void)unlink(path);
	if (rmdir(load_folder) < 0)
		perror(load_folder);
	return status == 0 ? 0 : 1;
}

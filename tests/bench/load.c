/* SPDX-License-Identifier: MIT */
/*
 * A load of one's own choice: so many clients of so many uids keep so many packets of some size
 * under way each.  First against the floor, then against the daemon.
 *
 * The clients of a uid are one process, which shares CPU 0 with those of the others; who serves has
 * CPU 1.
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/stamp-load.h"

#define CLIENTS_MAX 4096
#define DEPTH_MAX 64
#define SAMPLES_MAX 65536 /* of a process: its last */

static uint32_t clients = 1;
static uint32_t depth = 4;
static uint32_t packet = 256;
static uint32_t uids = 1;
static uint32_t seconds = 5;

const struct load_option load_options[] = {
	{ "clients", &clients, 1, CLIENTS_MAX, NULL },
	{ "depth", &depth, 1, DEPTH_MAX, NULL },
	{ "packet", &packet, 1, STAMP_PACKET_MAX, NULL },
	{ "uids", &uids, 1, LOAD_UIDS_MAX, NULL },
	{ "seconds", &seconds, 1, 3600, NULL },
	{ 0 },
};

static struct stamp_request requests[STAMP_PACKET_MAX];

struct client {
	int64_t sent_ns[DEPTH_MAX]; /* packet number n's at n % DEPTH_MAX */
	uint64_t sent;
	uint64_t received;
};

/* What a process has to tell; shared with the one that started it. */
struct tally {
	uint64_t packets;
	int64_t round_trips_ns[SAMPLES_MAX];
};

/* Fill its depth, as far as the socket takes it. */
static void client_send(struct client *c, int fd)
{
	while (c->sent - c->received < depth) {
		c->sent_ns[c->sent % DEPTH_MAX] = load_now_ns();
		if (send(fd, requests, packet * sizeof(*requests), MSG_DONTWAIT) < 0)
			return;
		c->sent++;
	}
}

static void client_receive(struct client *c, int fd, struct tally *t)
{
	static struct stamp_record reply[STAMP_PACKET_MAX];

	if (recv(fd, reply, sizeof(reply), MSG_DONTWAIT) != (ssize_t)(packet * sizeof(*reply)))
		load_die("recv");
	t->round_trips_ns[t->packets % SAMPLES_MAX] =
		load_now_ns() - c->sent_ns[c->received % DEPTH_MAX];
	t->packets++;
	c->received++;
}

/* In a child: count clients, from when start_fd ends. */
static void drive(const char *socket, uint32_t count, int start_fd, struct tally *t)
{
	static struct client state[CLIENTS_MAX];
	static struct pollfd peers[CLIENTS_MAX];
	int64_t end_ns;
	char byte;

	for (uint32_t i = 0; i < packet; i++)
		requests[i] = stamp_stamp(CLOCK_REALTIME);
	for (uint32_t i = 0; i < count; i++)
		peers[i] = (struct pollfd){ .fd = load_greeted(socket), .events = POLLIN };
	if (read(start_fd, &byte, 1) != 0)
		load_die("start");
	end_ns = load_now_ns() + seconds * INT64_C(1000000000);
	for (uint32_t i = 0; i < count; i++)
		client_send(&state[i], peers[i].fd);
	while (load_now_ns() < end_ns) {
		poll(peers, count, 100);
		for (uint32_t i = 0; i < count; i++) {
			if (peers[i].revents == 0)
				continue;
			client_receive(&state[i], peers[i].fd, t);
			client_send(&state[i], peers[i].fd);
		}
	}
}

/* Each process has its share of the clients, the first ones one more where it does not divide. */
static uint32_t share(uint32_t number)
{
	return clients / uids + (number < clients % uids);
}

static void start_all(const char *socket, struct tally *tallies, pid_t *ret_pids)
{
	int pipe_fd[2];

	if (pipe(pipe_fd) < 0)
		load_die("pipe");
	for (uint32_t i = 0; i < uids; i++) {
		ret_pids[i] = fork();
		if (ret_pids[i] != 0)
			continue;
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(pipe_fd[1]);
		load_become_user(i);
		drive(socket, share(i), pipe_fd[0], &tallies[i]);
		_exit(0);
	}
	/* Who has not connected by then begins later, and ends later. */
	sleep(1);
	close(pipe_fd[0]);
	close(pipe_fd[1]);
}

static void measure(const char *socket, struct tally *tallies)
{
	static int64_t round_trips_ns[LOAD_UIDS_MAX * SAMPLES_MAX];
	pid_t pids[LOAD_UIDS_MAX];
	uint64_t packets = 0;
	size_t samples = 0;

	memset(tallies, 0, uids * sizeof(*tallies));
	start_all(socket, tallies, pids);
	for (uint32_t i = 0; i < uids; i++) {
		int status = 1;
		const struct tally *t = &tallies[i];
		size_t kept;

		if (waitpid(pids[i], &status, 0) < 0 || status != 0)
			load_die("a client has failed");
		kept = t->packets < SAMPLES_MAX ? t->packets : SAMPLES_MAX;
		packets += t->packets;
		memcpy(&round_trips_ns[samples], t->round_trips_ns, kept * sizeof(int64_t));
		samples += kept;
	}
	printf("  %s: %.3f M stamps/s, %.0f packets/s", socket,
		(double)packets * packet / seconds / 1e6, (double)packets / seconds);
	if (samples > 0)
		printf(", round trip median %.1f us, p99 %.1f us",
			load_quantile(round_trips_ns, samples, 0.5) / 1e3,
			load_quantile(round_trips_ns, samples, 0.99) / 1e3);
	putchar('\n');
}

const char *load_wrong(void)
{
	return clients < uids ? "--clients are fewer than --uids" : load_uids_wrong(uids);
}

void load_run(void)
{
	size_t bytes = uids * sizeof(struct tally);
	struct tally *tallies;

	tallies = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (tallies == MAP_FAILED)
		load_die("mmap");
	load_raise_descriptors();
	load_pin(0, 0);
	load_pin(load_floor_pid, 1);
	load_pin(load_daemon_pid, 1);
	printf("load, clients %u, uids %u, depth %u, packets of %u, %u s:\n", clients, uids, depth,
		packet, seconds);
	measure("floor", tallies);
	measure("stamp", tallies);
	munmap(tallies, bytes);
}

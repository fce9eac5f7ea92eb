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
#include <errno.h>
#include <fcntl.h>
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
#include <time.h>
#include <unistd.h>

#include "tests/bench/stamp-load.h"

#define ROUNDS 5
#define PINGS 2000
#define PINGS_AT_ONCE 100
#define PHASE_NS INT64_C(1000000000)
#define MANY 200
#define FLOOD_UID 12345

/* Keep as many packets of 256 under way on each of count connections as the socket takes. */
static void send_packets(int count)
{
	static struct stamp_request requests[STAMP_PACKET_MAX];
	static struct pollfd peers[MANY];

	for (int i = 0; i < STAMP_PACKET_MAX; i++)
		requests[i] = stamp_stamp(CLOCK_REALTIME);
	for (int i = 0; i < count; i++)
		peers[i] =
			(struct pollfd){ .fd = load_greeted("stamp"), .events = POLLIN | POLLOUT };
	for (;;) {
		static struct stamp_record reply[STAMP_PACKET_MAX];

		poll(peers, (nfds_t)count, -1);
		for (int i = 0; i < count; i++) {
			if (peers[i].revents & POLLIN)
				(void)recv(peers[i].fd, reply, sizeof(reply), MSG_DONTWAIT);
			if (peers[i].revents & POLLOUT)
				(void)send(peers[i].fd, requests, sizeof(requests), MSG_DONTWAIT);
		}
	}
}

static void flood_busy(void)
{
	send_packets(1);
}

static void flood_many(void)
{
	send_packets(MANY);
}

static void flood_churn(void)
{
	for (;;)
		close(load_greeted("stamp"));
}

/* The dearest call there is, sent ahead as far as the socket takes it. */
static void flood_calls(void)
{
	static const char call[] = "{\"method\":\"org.vdsotime.Time.GetVdso\"}";
	static char reply[65536];
	struct sockaddr_un address = load_address("org.vdsotime.Time");
	struct pollfd p = { .fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0),
		.events = POLLIN | POLLOUT };

	if (connect(p.fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		load_die("connect");
	for (;;) {
		poll(&p, 1, -1);
		if (p.revents & POLLIN)
			(void)recv(p.fd, reply, sizeof(reply), MSG_DONTWAIT);
		/* a call that is cut would end it */
		if (p.revents & POLLOUT && send(p.fd, call, sizeof(call), MSG_DONTWAIT) > 0)
			continue;
	}
}

static void hog(void)
{
	for (volatile unsigned int n = 0;; n++)
		;
}

static pid_t start(void (*body)(void), uid_t uid)
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	load_pin(0, 0);
	(void)sched_setscheduler(0, SCHED_OTHER, &(struct sched_param){ 0 });
	if (geteuid() == 0 && setuid(uid) < 0)
		_exit(1);
	body();
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

static double p99_beside(int fd, void (*body)(void))
{
	static int64_t samples[PINGS];
	pid_t pid = body == NULL ? 0 : start(body, FLOOD_UID);
	int64_t end_ns;
	int pings = 0;

	usleep(50000);
	end_ns = load_now_ns() + PHASE_NS;
	for (; pings < PINGS && load_now_ns() < end_ns; pings += PINGS_AT_ONCE)
		load_ping(fd, &samples[pings], PINGS_AT_ONCE);
	if (pid > 0)
		stop(pid);
	usleep(50000);
	return load_quantile(samples, (size_t)pings, 0.99);
}

/* In thousandths. */
static int64_t ratio(double a, double b)
{
	return (int64_t)(a / b * 1e3);
}

static void measure(int fd, const char *name, void (*body)(void))
{
	static void (*const quiet)(void) = NULL;
	void (*const bodies[3])(void) = { quiet, hog, body };
	int64_t p99_ns[3][ROUNDS];
	int64_t to_quiet[ROUNDS];
	int64_t to_hog[ROUNDS];

	for (int round = 0; round < ROUNDS; round++) {
		for (int i = 0; i < 3; i++)
			p99_ns[i][round] = (int64_t)p99_beside(fd, bodies[i]);
		to_quiet[round] = ratio((double)p99_ns[2][round], (double)p99_ns[0][round]);
		to_hog[round] = ratio((double)p99_ns[2][round], (double)p99_ns[1][round]);
	}
	printf("flood, %s: p99 %.1f us quiet, %.1f us beside a hog, %.1f us beside the flood; "
	       "flood/quiet %.2f, flood/hog %.2f (medians of %d rounds)\n",
		name, load_quantile(p99_ns[0], ROUNDS, 0.5) / 1e3,
		load_quantile(p99_ns[1], ROUNDS, 0.5) / 1e3,
		load_quantile(p99_ns[2], ROUNDS, 0.5) / 1e3,
		load_quantile(to_quiet, ROUNDS, 0.5) / 1e3,
		load_quantile(to_hog, ROUNDS, 0.5) / 1e3, ROUNDS);
}

static bool set_policy(pid_t pid, int policy)
{
	struct sched_param p = { .sched_priority = policy == SCHED_FIFO ? 10 : 0 };

	return sched_setscheduler(pid, policy, &p) == 0;
}

void load_flood(void)
{
	int fd = load_greeted("stamp");
	bool fifo;

	load_pin(0, 0);
	load_pin(load_daemon_pid, 1);
	fifo = set_policy(0, SCHED_FIFO) && set_policy(load_daemon_pid, SCHED_FIFO);
	printf("flood: victim and daemon with %s\n", fifo ? "SCHED_FIFO" : "the usual policy");
	measure(fd, "one connection, packets of 256", flood_busy);
	measure(fd, "200 connections, packets of 256", flood_many);
	measure(fd, "connections that come and go", flood_churn);
	measure(fd, "calls of GetVdso", flood_calls);
	(void)set_policy(0, SCHED_OTHER);
	(void)set_policy(load_daemon_pid, SCHED_OTHER);
	close(fd);
}

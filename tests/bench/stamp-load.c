/* SPDX-License-Identifier: MIT */
#include "tests/bench/stamp-load.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

char load_folder[64];
pid_t load_daemon_pid;

void load_die(const char *what)
{
	perror(what);
	if (load_daemon_pid > 0)
		kill(load_daemon_pid, SIGKILL);
	exit(1);
}

int64_t load_now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

void load_pin(pid_t pid, int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	if (cpu >= 0) {
		CPU_SET((size_t)cpu, &set);
	} else {
		for (int i = 0; i < CPU_SETSIZE; i++)
			CPU_SET((size_t)i, &set);
	}
	(void)sched_setaffinity(pid, sizeof(set), &set);
}

struct sockaddr_un load_address(const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", load_folder, name);
	return address;
}

int load_connect(const char *name)
{
	struct sockaddr_un address = load_address(name);
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		if (fd >= 0)
			close(fd);
		return -errno;
	}
	return fd;
}

void load_daemon_start(const char *program)
{
	char runtime[96];

	(void)snprintf(runtime, sizeof(runtime), "--runtime-dir=%s", load_folder);
	load_daemon_pid = fork();
	if (load_daemon_pid == 0) {
		char path[96];

		(void)snprintf(path, sizeof(path), "%s/conf", load_folder);
		FILE *f = fopen(path, "we");

		if (f != NULL) {
			fputs("[Socket]\nMaxPeers=12000\nMaxPeersPerUser=12000\n", f);
			fclose(f);
		}
		int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

		dup2(null, STDERR_FILENO);
		(void)snprintf(path, sizeof(path), "--config=%s/conf", load_folder);
		execl(program, program, runtime, path, (char *)NULL);
		_exit(127);
	}
	for (int i = 0; i < 1000; i++) {
		int fd = load_connect("stamp");

		if (fd >= 0) {
			close(fd);
			return;
		}
		usleep(10000);
	}
	load_die("the daemon did not start");
}

/* Send count requests, take the reply. */
void load_ask(int fd, const struct stamp_request *requests, size_t count)
{
	struct stamp_record reply[STAMP_PACKET_MAX];

	if (send(fd, requests, count * sizeof(*requests), 0) < 0 ||
		recv(fd, reply, sizeof(reply), 0) != (ssize_t)(count * sizeof(*reply)))
		load_die("ask");
}

int load_greeted(const char *name)
{
	struct stamp_request hello = stamp_hello();
	int fd = load_connect(name);

	if (fd < 0)
		load_die(name);
	load_ask(fd, &hello, 1);
	return fd;
}

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a;
	int64_t y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

double load_quantile(int64_t *samples, size_t count, double q)
{
	qsort(samples, count, sizeof(*samples), compare);
	return (double)samples[(size_t)((double)(count - 1) * q)];
}

void load_ping(int fd, int64_t *samples, int count)
{
	struct stamp_request request = stamp_stamp(CLOCK_REALTIME);

	for (int i = 0; i < count; i++) {
		int64_t began_ns = load_now_ns();

		load_ask(fd, &request, 1);
		samples[i] = load_now_ns() - began_ns;
	}
}

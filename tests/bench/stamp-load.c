/* SPDX-License-Identifier: MIT */
/* Processes, sockets and round trips; the floor stands at the end. */
#include "tests/bench/stamp-load.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/capability.h>

#define FIRST_UID 12345

char load_folder[64];
pid_t load_daemon_pid;
pid_t load_floor_pid;

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
		/* As a service, which has no leave to pass the limit of descriptors under way. */
		(void)prctl(PR_CAPBSET_DROP, CAP_SYS_RESOURCE);
		(void)prctl(PR_CAPBSET_DROP, CAP_SYS_ADMIN);
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

uint32_t load_attach(int fd)
{
	struct stamp_request request = stamp_attach();
	struct stamp_record reply;
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr message = {
		.msg_iov = &(struct iovec){ &reply, sizeof(reply) },
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *got;

	if (send(fd, &request, sizeof(request), MSG_NOSIGNAL) < 0 || recvmsg(fd, &message, 0) <= 0)
		return 0;
	got = CMSG_FIRSTHDR(&message);
	if (got == NULL || got->cmsg_type != SCM_RIGHTS)
		return 0;
	close(*(int *)(void *)CMSG_DATA(got));
	return 1;
}

const char *load_uids_wrong(uint32_t uids)
{
	return uids > 1 && geteuid() != 0 ? "--uids of more than 1 takes root" : NULL;
}

void load_become_user(uint32_t number)
{
	if (geteuid() == 0 && setuid(FIRST_UID + number) < 0)
		_exit(1);
}

void load_raise_descriptors(void)
{
	struct rlimit limit;

	(void)getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

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

void load_floor_start(void)
{
	struct sockaddr_un address = load_address("floor");
	int listener = socket(AF_UNIX, SOCK_SEQPACKET, 0);

	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0 ||
		chmod(address.sun_path, 0666) < 0 || listen(listener, 64) < 0)
		load_die("floor");
	load_floor_pid = fork();
	if (load_floor_pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		floor_serve(listener);
	}
	close(listener);
}

void load_floor_stop(void)
{
	struct sockaddr_un address = load_address("floor");

	kill(load_floor_pid, SIGKILL);
	waitpid(load_floor_pid, NULL, 0);
	(void)unlink(address.sun_path);
}

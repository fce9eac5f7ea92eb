/* SPDX-License-Identifier: MIT */
/*
 * The one thing a reader would get wrong: to read is part of a flood, too, or the daemon would
 * close it.  Those who are not to read hold what the daemon owes them.
 */
#include "tests/bench/flood-mode.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/stamp-load.h"

#define ATTACHES 70 /* so many replies fit what the kernel holds for one that does not read */
#define VARLINK "org.vdsotime.Time"

static struct pollfd peers[FLOOD_CONNECTIONS_MAX];

/* Keep as many packets of 256 under way on each connection as the socket takes. */
static void run_packets(uint32_t count, void (*ready)(uint32_t granted))
{
	static struct stamp_request requests[STAMP_PACKET_MAX];
	static struct stamp_record reply[STAMP_PACKET_MAX];

	count = count == 0 ? 1 : count;
	for (int i = 0; i < STAMP_PACKET_MAX; i++)
		requests[i] = stamp_stamp(CLOCK_REALTIME);
	for (uint32_t i = 0; i < count; i++)
		peers[i] =
			(struct pollfd){ .fd = load_greeted("stamp"), .events = POLLIN | POLLOUT };
	ready(count);
	for (;;) {
		poll(peers, count, -1);
		for (uint32_t i = 0; i < count; i++) {
			if (peers[i].revents & POLLIN)
				(void)recv(peers[i].fd, reply, sizeof(reply), MSG_DONTWAIT);
			if (peers[i].revents & POLLOUT)
				(void)send(peers[i].fd, requests, sizeof(requests), MSG_DONTWAIT);
		}
	}
}

static void run_churn(uint32_t count, void (*ready)(uint32_t granted))
{
	ready(count);
	for (;;)
		close(load_greeted("stamp"));
}

static int connect_varlink(void)
{
	struct sockaddr_un address = load_address(VARLINK);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		load_die("connect");
	return fd;
}

/* The dearest call there is, sent ahead as far as the socket takes it. */
static void run_calls(uint32_t count, void (*ready)(uint32_t granted))
{
	static const char call[] = "{\"method\":\"" VARLINK ".GetVdso\"}";
	static char reply[65536];
	struct pollfd p = { .fd = connect_varlink(), .events = POLLIN | POLLOUT };

	ready(count);
	for (;;) {
		poll(&p, 1, -1);
		if (p.revents & POLLIN)
			(void)recv(p.fd, reply, sizeof(reply), MSG_DONTWAIT);
		/* a call that is cut would end it */
		if (p.revents & POLLOUT && send(p.fd, call, sizeof(call), MSG_DONTWAIT) > 0)
			continue;
	}
}

/* Subscribe as often as is permitted.  How many were. */
static uint32_t subscribe(uint32_t count)
{
	struct stamp_request request = stamp_subscribe(CLOCK_MONOTONIC, STAMP_INTERVAL_MIN_US, 0);
	uint32_t granted = 0;

	for (uint32_t i = 0; i < count; i++) {
		struct stamp_record reply;

		peers[i] = (struct pollfd){ .fd = load_greeted("stamp"), .events = POLLIN };
		if (send(peers[i].fd, &request, sizeof(request), 0) < 0 ||
			recv(peers[i].fd, &reply, sizeof(reply), 0) != sizeof(reply))
			load_die("subscribe");
		granted += reply.error == 0;
	}
	return granted;
}

/* Take whatever comes. */
static void read_all(uint32_t count)
{
	static char bytes[65536];

	for (;;) {
		poll(peers, count, -1);
		for (uint32_t i = 0; i < count; i++) {
			if (peers[i].revents &&
				recv(peers[i].fd, bytes, sizeof(bytes), MSG_DONTWAIT) == 0)
				peers[i].fd = -1;
		}
	}
}

static void run_ticks(uint32_t count, void (*ready)(uint32_t granted))
{
	ready(subscribe(count));
	read_all(count);
}

static void run_mute(uint32_t count, void (*ready)(uint32_t granted))
{
	ready(subscribe(count));
	for (;;)
		pause();
}

static void run_monitors(uint32_t count, void (*ready)(uint32_t granted))
{
	static const char call[] = "{\"method\":\"" VARLINK ".Monitor\",\"more\":true,"
				   "\"parameters\":{\"intervalNSec\":1000000}}";
	static char reply[65536];
	uint32_t granted = 0;

	for (uint32_t i = 0; i < count; i++) {
		peers[i] = (struct pollfd){ .fd = connect_varlink(), .events = POLLIN };
		if (send(peers[i].fd, call, sizeof(call), 0) < 0 ||
			recv(peers[i].fd, reply, sizeof(reply) - 1, 0) <= 0)
			load_die("Monitor");
		granted += strstr(reply, "\"error\"") == NULL;
	}
	ready(granted);
	read_all(count);
}

/* Ask for the page again and again, and leave its descriptors under way. */
static int attach_often(void)
{
	struct stamp_request attach = stamp_attach();
	int fd = load_greeted("stamp");

	for (int i = 0; i < ATTACHES; i++)
		(void)send(fd, &attach, sizeof(attach), MSG_NOSIGNAL);
	return fd;
}

static void run_attach(uint32_t count, void (*ready)(uint32_t granted))
{
	for (uint32_t i = 0; i < count; i++)
		peers[i] = (struct pollfd){ .fd = attach_often() };
	ready(count);
	for (;;) {
		poll(peers, count, -1);
		for (uint32_t i = 0; i < count; i++) {
			if (!(peers[i].revents & POLLHUP))
				continue;
			close(peers[i].fd);
			peers[i].fd = attach_often();
		}
	}
}

void flood_hog(uint32_t count, void (*ready)(uint32_t granted))
{
	ready(count);
	for (volatile unsigned int n = 0;; n++)
		;
}

const struct flood_mode flood_modes[] = {
	{ "busy", "one connection, packets of 256", 0, run_packets },
	{ "many", "connections, packets of 256", 200, run_packets },
	{ "churn", "connections that come and go", 0, run_churn },
	{ "calls", "calls of GetVdso", 0, run_calls },
	{ "ticks", "subscriptions, a tick each millisecond", 1024, run_ticks },
	{ "monitors", "Monitors, a reply each millisecond", 1024, run_monitors },
	{ "mute", "subscriptions, a tick each millisecond, never read", 200, run_mute },
	{ "attach", "connections with 70 ATTACH each, never read", 300, run_attach },
	{ 0 },
};

/* SPDX-License-Identifier: MIT */
#include "daemon/chrony-link.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "daemon/log.h"
#include "daemon/loop.h"
#include "daemon/os.h"

/* Datagrams taken in one round of the loop: somebody may send many. */
#define TAKE_MAX 8

enum answer { ANSWER_NOT_YET, ANSWER_NONE, ANSWER_GOOD };

struct chrony_link {
	struct loop *loop;
	const struct os *os;
	void (*call)(void *data, const struct chrony_report *report);
	void *data;
	struct chrony chrony;
	uint32_t port;
	int fd; /* connected, so that nobody else's datagrams come in; or -1 */
	struct loop_io *io;
	struct loop_timer *timer;
	enum answer answer; /* as logged */
};

static void note(struct chrony_link *l, enum answer answer, const char *why)
{
	if (l->answer == answer)
		return;
	l->answer = answer;
	if (answer == ANSWER_GOOD)
		log_info("chronyd answers at 127.0.0.1, port %" PRIu32, l->port);
	else
		log_warning("No report from chronyd at 127.0.0.1, port %" PRIu32
			    ", only the kernel's word is left: %s",
			l->port, why);
}

static void close_socket(struct chrony_link *l)
{
	l->io = loop_io_free(l->io);
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
}

/* An error of an earlier request, such as that nobody listened, is told by the socket later. */
static void lose(struct chrony_link *l, int error)
{
	chrony_lose(&l->chrony);
	note(l, ANSWER_NONE, strerror(-error));
}

static void on_readable(void *data, unsigned int events)
{
	struct chrony_link *l = data;

	if (events & LOOP_ERROR) {
		close_socket(l);
		lose(l, -ENOMEM);
		return;
	}
	for (int i = 0; i < TAKE_MAX; i++) {
		/* a byte more, to know of one that is too long */
		uint8_t frame[CHRONY_FRAME_BYTES + 1];
		struct chrony_report report;
		ssize_t n = recv(l->fd, frame, sizeof(frame), 0);

		if (n < 0) {
			if (errno != EAGAIN && errno != EINTR)
				lose(l, -errno);
			return;
		}
		if (chrony_take(&l->chrony, frame, (size_t)n, &report) < 0) {
			note(l, ANSWER_NONE, "its reply cannot be used");
			continue;
		}
		note(l, ANSWER_GOOD, "");
		l->call(l->data, &report);
	}
}

static int open_socket(struct chrony_link *l)
{
	const struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)l->port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	int r = 0;

	l->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (l->fd < 0)
		return -errno;
	if (connect(l->fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		r = -errno;
	if (r == 0)
		r = loop_io_new(l->loop, l->fd, LOOP_READ, on_readable, l, &l->io);
	if (r < 0)
		close_socket(l);
	return r;
}

static int send_request(struct chrony_link *l)
{
	uint8_t frame[CHRONY_FRAME_BYTES];
	int64_t boottime_ns;
	uint32_t sequence;
	int r;

	if (getrandom(&sequence, sizeof(sequence), GRND_NONBLOCK) != (ssize_t)sizeof(sequence))
		return -errno;
	r = l->os->clock_gettime_ns(l->os->ctx, CLOCK_BOOTTIME, &boottime_ns);
	if (r < 0)
		return r;
	chrony_ask(&l->chrony, sequence, boottime_ns, frame);
	return send(l->fd, frame, sizeof(frame), 0) < 0 ? -errno : 0;
}

static void on_timer(void *data)
{
	struct chrony_link *l = data;
	int r = 0;

	if (l->chrony.open)
		lose(l, -ETIMEDOUT);
	if (l->fd < 0)
		r = open_socket(l);
	if (r == 0)
		r = send_request(l);
	if (r < 0)
		lose(l, r);
}

int chrony_link_new(struct chrony_link **ret, struct loop *loop, const struct os *os,
	void (*call)(void *data, const struct chrony_report *report), void *data)
{
	struct chrony_link *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return -ENOMEM;
	l->loop = loop;
	l->os = os;
	l->call = call;
	l->data = data;
	l->fd = -1;
	r = loop_timer_new(loop, on_timer, l, &l->timer);
	if (r < 0) {
		chrony_link_free(l);
		return r;
	}
	*ret = l;
	return 0;
}

struct chrony_link *chrony_link_free(struct chrony_link *l)
{
	if (!l)
		return NULL;
	close_socket(l);
	loop_timer_free(l->timer);
	free(l);
	return NULL;
}

void chrony_link_ask(struct chrony_link *l, uint32_t port)
{
	close_socket(l);
	chrony_lose(&l->chrony);
	loop_timer_stop(l->timer);
	l->port = port;
	l->answer = ANSWER_NOT_YET;
	if (port == 0)
		return;
	on_timer(l);
	loop_timer_start_periodic(l->timer, CHRONY_PERIOD_NS);
}

uint32_t chrony_link_port(const struct chrony_link *l)
{
	return l->port;
}

const struct chrony_counts *chrony_link_counts(const struct chrony_link *l)
{
	return &l->chrony.counts;
}

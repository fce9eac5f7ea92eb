/* SPDX-License-Identifier: MIT */
/*
 * A stand-in for the daemon's Varlink socket, for the tool's tests: a real socket in a directory of
 * its own, and a thread behind it that answers one call with whatever bytes the test wants.
 */
#ifndef TESTS_VARLINK_PEER_H
#define TESTS_VARLINK_PEER_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "client/ctl/call.h"

/* A peer that accepts once, reads one frame, sends some bytes in pieces and closes. */
struct peer {
	char dir[64];
	int listener;
	pthread_t thread;
	const char *reply;
	size_t reply_bytes;
	size_t piece_bytes;
	char got[4096];
	bool hangs; /* until the client goes */
};

static inline void *peer_serve(void *data)
{
	struct peer *p = data;
	int fd = accept(p->listener, NULL, NULL);
	size_t got = 0, sent = 0;

	if (fd < 0)
		return NULL;
	while (got < sizeof(p->got) - 1 && !memchr(p->got, '\0', got)) {
		ssize_t n = read(fd, p->got + got, sizeof(p->got) - 1 - got);

		if (n <= 0)
			break;
		got += (size_t)n;
	}
	while (sent < p->reply_bytes) {
		size_t left = p->reply_bytes - sent;
		ssize_t n = send(fd, p->reply + sent, left < p->piece_bytes ? left : p->piece_bytes,
			MSG_NOSIGNAL);

		if (n <= 0)
			break;
		sent += (size_t)n;
	}
	if (p->hangs) {
		char byte;

		while (read(fd, &byte, 1) > 0)
			;
	}
	close(fd);
	return NULL;
}

static inline void peer_start(
	struct peer *p, const char *reply, size_t reply_bytes, size_t piece_bytes)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	strcpy(p->dir, "/tmp/test-ctl-call-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	p->reply = reply;
	p->reply_bytes = reply_bytes;
	p->piece_bytes = piece_bytes;
	memset(p->got, 1, sizeof(p->got));
	p->got[sizeof(p->got) - 1] = '\0';
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", p->dir, CALL_INTERFACE);
	p->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(p->listener >= 0);
	assert_int_equal(bind(p->listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(p->listener, 1), 0);
	assert_int_equal(pthread_create(&p->thread, NULL, peer_serve, p), 0);
}

static inline void peer_stop(struct peer *p)
{
	char path[128];

	pthread_join(p->thread, NULL);
	close(p->listener);
	snprintf(path, sizeof(path), "%s/%s", p->dir, CALL_INTERFACE);
	unlink(path);
	rmdir(p->dir);
}

#endif

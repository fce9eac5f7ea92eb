/* SPDX-License-Identifier: MIT */
/*
 * What the programs that load the stamp socket have in common: a daemon in a directory of its own,
 * connections to it, round trips and their quantiles.  Whatever fails ends the program.
 */
#ifndef VDSOTIMED_TESTS_STAMP_LOAD_H
#define VDSOTIMED_TESTS_STAMP_LOAD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/un.h>

#include "proto/wire/stamp.h"

extern char load_folder[64]; /* the runtime directory; made by main */
extern pid_t load_daemon_pid;

void load_die(const char *what) __attribute__((noreturn));

int64_t load_now_ns(void);

/* Let process pid (0: this one) run on that CPU alone; negative: on all of them. */
void load_pin(pid_t pid, int cpu);

/* The socket of that name, and a new connection to it, or -errno. */
struct sockaddr_un load_address(const char *name);
int load_connect(const char *name);

/* Start the daemon, with room for many of one user. */
void load_daemon_start(const char *program);

/* Send count requests, take the reply. */
void load_ask(int fd, const struct stamp_request *requests, size_t count);

/* A new connection that has said HELLO. */
int load_greeted(const char *name);

/* Sorts samples. */
double load_quantile(int64_t *samples, size_t count, double q);

/* The round trips of count requests, one after the other, in ns. */
void load_ping(int fd, int64_t *samples, int count);

/* Other users' round trips beside one who floods; see flood.c. */
void load_flood(void);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * What the programs that load the stamp socket have in common: a daemon in a directory of its own,
 * the floor beside it, connections, round trips and their quantiles.  Whatever fails ends the
 * program.
 */
#ifndef VDSOTIMED_TESTS_STAMP_LOAD_H
#define VDSOTIMED_TESTS_STAMP_LOAD_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/un.h>

#include "proto/wire/stamp.h"
#include "tests/bench/load-option.h"

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

/* The descriptor of the page was given by ATTACH, and has been closed.  0 or 1. */
uint32_t load_attach(int fd);

#define LOAD_UIDS_MAX 64

/* Why there cannot be so many; NULL: there can. */
const char *load_uids_wrong(uint32_t uids);

/* In a child: be another user than root, one for each number from 0.  Nothing, but as root. */
void load_become_user(uint32_t number);

/* As many descriptors as the hard limit allows, for this process and those it starts. */
void load_raise_descriptors(void);

/*
 * The floor: a bare epoll loop in a process of its own that echoes packets of the same sizes on the
 * socket "floor", of the same type.
 */
extern pid_t load_floor_pid;
void load_floor_start(void);
void load_floor_stop(void);

/* The loads, each in a file of its name, and what may be chosen of them. */
extern const struct load_option flood_options[];
const char *flood_wrong(void);
void flood_run(void); /* other users' round trips beside one who floods */
extern const struct load_option idle_options[];
void idle_run(void);
extern const struct load_option ticks_options[];
void ticks_run(void);
extern const struct load_option load_options[];
const char *load_wrong(void);
void load_run(void);

#endif

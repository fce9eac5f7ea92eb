/* SPDX-License-Identifier: MIT */
/*
 * The methods of org.vdsotime.Time: what each asks of keeper and server, and how it answers.
 */
#ifndef VDSOTIMED_METHODS_H
#define VDSOTIMED_METHODS_H

#include <stdint.h>

#include "daemon/varlink.h"

struct keeper;
struct server;
struct server_facts;

/* What the methods serve from; the data of the interface. */
struct methods {
	const struct keeper *keeper;
	const struct server *server;
	const struct server_facts *facts;
	int64_t started_ns; /* MONOTONIC */
};

/* Shortest interval of Monitor. */
#define METHODS_INTERVAL_MIN_NS 1000000

/* The interface over m, which is borrowed. */
struct varlink_interface methods_interface(struct methods *m);

#endif

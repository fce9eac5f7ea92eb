/* SPDX-License-Identifier: MIT */
/*
 * The ways to flood the daemon.  Each runs in a process of its own, under a uid of its own, and
 * never returns.
 */
#ifndef VDSOTIMED_TESTS_FLOOD_MODE_H
#define VDSOTIMED_TESTS_FLOOD_MODE_H

#include <stdint.h>

struct flood_mode {
	const char *name; /* NULL ends the list */
	const char *text; /* what it is; behind the number of connections, where there is one */
	uint32_t connections; /* 0: it is not a matter of how many */
	/* ready(granted): it is set up, and so many of its connections have what they asked for */
	void (*run)(uint32_t connections, void (*ready)(uint32_t granted));
};

extern const struct flood_mode flood_modes[];

/* Burn the CPU and know nothing of the daemon. */
void flood_hog(uint32_t connections, void (*ready)(uint32_t granted));

#define FLOOD_CONNECTIONS_MAX 4096

#endif

/* SPDX-License-Identifier: MIT */
/* The command line of vdsotimed(8). */
#ifndef VDSOTIMED_ARGS_H
#define VDSOTIMED_ARGS_H

#include <stdbool.h>

#include "daemon/log.h"

/* Strings are argv's own. */
struct args {
	const char *runtime_dir; /* NULL: not given */
	const char *config; /* NULL: not given */
	bool check_config;
	bool has_log_level;
	enum log_level log_level;
};

enum { EXIT_USAGE = 2 };

/*
 * 0: *ret is filled, go on.  Else the program has said all that there is to say, and leaves with
 * *ret_exit.
 */
int args_parse(int argc, char **argv, struct args *ret, int *ret_exit);

#endif

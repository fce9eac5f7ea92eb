/* SPDX-License-Identifier: MIT */
/*
 * The command line: in words, out a verb, its operands and its options, or a message that says what
 * is wrong.  Nothing runs here.
 */
#ifndef VDSOTIMED_CTL_ARGS_H
#define VDSOTIMED_CTL_ARGS_H

#include "client/ctl/verbs.h"

struct args {
	const struct verb *verb; /* NULL: the version was asked for */
	bool version;
	int argc; /* operands */
	char **argv; /* within the vector that was parsed, NULL behind the last */
};

/* What of the environment matters. */
struct args_env {
	bool no_color; /* NO_COLOR is set and not empty, or TERM is "dumb" */
	bool out_is_terminal;
};

/*
 * Parse argv (argc words, the first the program's name, NULL at the end), reordering it so that
 * operands come last.  ctl->out and ctl->err are set already; the rest of *ctl is filled, with
 * pointers into argv.  CTL_OK and *ret, or CTL_USAGE with a message given.  Not reentrant:
 * getopt_long(3).
 */
int args_parse(
	struct ctl *ctl, const struct args_env *env, int argc, char **argv, struct args *ret);

#endif

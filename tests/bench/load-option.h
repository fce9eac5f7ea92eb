/* SPDX-License-Identifier: MIT */
/*
 * The parameters of a load, as they stand on the command line behind its name: --NAME=VALUE, where
 * the value is a number in a range, or one of some words.
 */
#ifndef VDSOTIMED_TESTS_LOAD_OPTION_H
#define VDSOTIMED_TESTS_LOAD_OPTION_H

#include <stdbool.h>
#include <stdint.h>

struct load_option {
	const char *name; /* NULL ends a list */
	uint32_t *value; /* holds the default; of words, the place of one in their list */
	uint32_t least;
	uint32_t most;
	const char *(*word)(uint32_t place); /* NULL: a number; it returns NULL past the last */
};

/* A load that can be asked for. */
struct load {
	const char *name; /* NULL ends a list */
	const struct load_option *options;
	void (*run)(void);
	/* what is wrong with its options together, as a sentence; NULL: nothing; may be NULL */
	const char *(*wrong)(void);
	bool usual; /* run when none is asked for */
	bool wanted;
};

/*
 * Read the words from first on: loads, and options behind each.  What is not understood, or out of
 * range, is told on stderr and ends the program with status 2.
 */
void load_options_read(struct load *loads, int argc, char **argv, int first);

/* Tell what there is, on stderr. */
void load_options_usage(const struct load *loads);

#endif

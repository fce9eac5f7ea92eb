/* SPDX-License-Identifier: MIT */
/*
 * What every verb of vdsotimectl is handed, and what it gives back: an exit code.
 *
 * The command line is parsed once (args.h), against one table of verbs and their options (verbs.h),
 * before a verb runs.  So a verb sees its operands, asks for its options by name, writes its result
 * to ctl->out and everything else through ctl_error().  main looks at ctl->out for write errors at
 * the end; only a verb that prints for long flushes and looks by itself (ctl_flush()).
 */
#ifndef VDSOTIMED_CTL_CTL_H
#define VDSOTIMED_CTL_CTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Exit codes: documented in vdsotimectl(1), so never changed. */
enum ctl_exit {
	CTL_OK = 0,
	CTL_FAILURE = 1,
	CTL_USAGE = 2,
	CTL_NOT_RUNNING = 3,
	CTL_DEGRADED = 4,
	CTL_PERMISSION = 5,
	CTL_TIMEOUT = 124
};

enum ctl_json {
	CTL_JSON_OFF,
	CTL_JSON_SHORT, /* one line per document */
	CTL_JSON_PRETTY /* indented */
};

/* An option as the user gave it; value is NULL for one that takes none. */
struct ctl_given {
	const char *name;
	const char *value;
};

enum { CTL_GIVEN_MAX = 64 };

struct ctl {
	FILE *out; /* results */
	FILE *err; /* messages */
	const char *runtime_dir; /* as given; NULL: the library's default (vdsotime_attach()) */
	enum ctl_json json;
	bool legend; /* headings and closing remarks */
	bool color; /* on out */
	size_t n_given;
	struct ctl_given given[CTL_GIVEN_MAX]; /* the verb's own options, in the order given */
};

/*
 * A verb's work.  argv: its operands alone (without the verb's name), argc of them, argv[argc]
 * NULL.  Returns an enum ctl_exit.
 */
typedef int ctl_verb_fn(const struct ctl *ctl, int argc, char **argv);

/*
 * The value of option name (long form, no dashes) as given last; NULL: not given, or it takes
 * none.
 */
const char *ctl_option(const struct ctl *ctl, const char *name);

/* Was option name given? */
bool ctl_has_option(const struct ctl *ctl, const char *name);

/* One line on ctl->err, "vdsotimectl: " before it and a newline behind it. */
void ctl_error(const struct ctl *ctl, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Says so on stderr, and ends the program with CTL_FAILURE. */
_Noreturn void ctl_out_of_memory(void);

/*
 * Flush ctl->out.  CTL_OK, or CTL_FAILURE with a message when anything written since the last call
 * was lost.
 */
int ctl_flush(const struct ctl *ctl);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The verbs of vdsotimectl: one table, from which dispatch, the check of options, help and the test
 * of the completions are driven.
 *
 * Options may stand before the verb, so a name has the same letter, and a value or none, in every
 * verb that has it.
 */
#ifndef VDSOTIMED_CTL_VERBS_H
#define VDSOTIMED_CTL_VERBS_H

#include "client/ctl/ctl.h"

struct verb_option {
	/* long form, without dashes; its letter where it has none; NULL ends a list */
	const char *name;
	char letter; /* short form, or 0 */
	const char *argument; /* what its value is called in help; NULL: it takes none */
	const char *help;
};

struct verb {
	const char *name;
	const char *operands; /* as help shows them: "[CLOCK]"; "" for none */
	int operands_min;
	int operands_max;
	const char *help;
	const struct verb_option *options; /* its own; NULL: none */
	ctl_verb_fn *run;
};

/* All verbs, in the order of help; the last has a NULL name. */
extern const struct verb verbs[];

/* Options that every verb takes; the last has a NULL name. */
extern const struct verb_option verb_common_options[];

/* Has it a long form? */
bool verb_option_is_long(const struct verb_option *option);

/* The verb of that name, or NULL. */
const struct verb *verb_find(const char *name);

ctl_verb_fn verb_status;
ctl_verb_fn verb_show;
ctl_verb_fn verb_clocks;
ctl_verb_fn verb_now;
ctl_verb_fn verb_vdso;
ctl_verb_fn verb_bench;
ctl_verb_fn verb_verify;
ctl_verb_fn verb_wait;
ctl_verb_fn verb_monitor;
ctl_verb_fn verb_events;
ctl_verb_fn verb_page;
ctl_verb_fn verb_stats;
ctl_verb_fn verb_metrics;
ctl_verb_fn verb_cat_config;
ctl_verb_fn verb_reload;
ctl_verb_fn verb_call;
ctl_verb_fn verb_help;

#endif

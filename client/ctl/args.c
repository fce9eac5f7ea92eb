/* SPDX-License-Identifier: MIT */
/*
 * The command line: see args.h.
 *
 * Options may come before the verb whose they are, so getopt_long() is given the options of all
 * verbs, and whether each belongs to the verb is looked at when the verb is known.
 */
#include "client/ctl/args.h"

#include <getopt.h>
#include <string.h>

enum {
	LONG_MAX_OPTIONS = 64,
	SHORT_MAX_CHARS = 64,
	/* getopt_long() returns this plus the index of an option in the union. */
	LONG_BASE = 1000
};

/* The options of all verbs, each name once, as getopt_long() wants them. */
struct option_union {
	const struct verb_option *specs[LONG_MAX_OPTIONS];
	struct option longs[LONG_MAX_OPTIONS + 1];
	char shorts[SHORT_MAX_CHARS];
	size_t n, n_longs;
};

static const struct verb_option *option_find(const struct verb_option *list, const char *name)
{
	for (; list && list->name; list++) {
		if (strcmp(list->name, name) == 0)
			return list;
	}
	return NULL;
}

static void union_add(struct option_union *u, const struct verb_option *list)
{
	size_t length = strlen(u->shorts);

	for (; list && list->name && u->n < LONG_MAX_OPTIONS; list++) {
		bool known = false;

		for (size_t i = 0; i < u->n && !known; i++)
			known = strcmp(u->specs[i]->name, list->name) == 0;
		if (known)
			continue;
		u->specs[u->n] = list;
		if (verb_option_is_long(list)) {
			u->longs[u->n_longs++] = (struct option){
				.name = list->name,
				.has_arg = list->argument ? required_argument : no_argument,
				.val = LONG_BASE + (int)u->n,
			};
		}
		u->n++;
		if (list->letter && length + 3 < sizeof(u->shorts)) {
			u->shorts[length++] = list->letter;
			if (list->argument)
				u->shorts[length++] = ':';
		}
	}
}

static void union_init(struct option_union *u)
{
	*u = (struct option_union){ .shorts = ":" };
	union_add(u, verb_common_options);
	for (const struct verb *v = verbs; v->name; v++)
		union_add(u, v->options);
}

/* The option that getopt_long() returned; NULL for none. */
static const struct verb_option *union_find(const struct option_union *u, int c)
{
	if (c >= LONG_BASE)
		return u->specs[c - LONG_BASE];
	for (size_t i = 0; i < u->n; i++) {
		if (u->specs[i]->letter && u->specs[i]->letter == c)
			return u->specs[i];
	}
	return NULL;
}

/*
 * getopt_long() takes any unambiguous beginning for a long option: scripts that rely on one break
 * with the next option, so only whole names are taken.
 */
static bool is_abbreviated(const struct verb_option *spec, const char *word)
{
	return strncmp(word, "--", 2) == 0 &&
	       strncmp(word + 2, spec->name, strlen(spec->name)) != 0;
}

static int apply_json(struct ctl *ctl, const char *value)
{
	static const char *const names[] = {
		[CTL_JSON_OFF] = "off",
		[CTL_JSON_SHORT] = "short",
		[CTL_JSON_PRETTY] = "pretty",
	};

	for (int i = CTL_JSON_OFF; i <= CTL_JSON_PRETTY; i++) {
		if (strcmp(value, names[i]) == 0) {
			ctl->json = (enum ctl_json)i;
			return CTL_OK;
		}
	}
	ctl_error(ctl, "--json=%s: must be pretty, short or off", value);
	return CTL_USAGE;
}

static int apply_color(struct ctl *ctl, const struct args_env *env, const char *value)
{
	if (strcmp(value, "always") == 0)
		ctl->color = true;
	else if (strcmp(value, "never") == 0)
		ctl->color = false;
	else if (strcmp(value, "auto") == 0)
		ctl->color = env->out_is_terminal && !env->no_color;
	else {
		ctl_error(ctl, "--color=%s: must be auto, always or never", value);
		return CTL_USAGE;
	}
	return CTL_OK;
}

/* One of the options that every verb takes. */
static int apply_common(struct ctl *ctl, const struct args_env *env, const char *name,
	const char *value, struct args *args, bool *help)
{
	if (strcmp(name, "json") == 0)
		return apply_json(ctl, value);
	if (strcmp(name, "color") == 0)
		return apply_color(ctl, env, value);
	if (strcmp(name, "runtime-dir") == 0) {
		if (!*value) {
			ctl_error(ctl, "--runtime-dir=: needs a directory");
			return CTL_USAGE;
		}
		ctl->runtime_dir = value;
	} else if (strcmp(name, "no-legend") == 0) {
		ctl->legend = false;
	} else if (strcmp(name, "version") == 0) {
		args->version = true;
	} else if (strcmp(name, "help") == 0) {
		*help = true;
	} else {
		/* What is left is -j. */
		ctl->json = env->out_is_terminal ? CTL_JSON_PRETTY : CTL_JSON_SHORT;
	}
	return CTL_OK;
}

static int give(struct ctl *ctl, const char *name, const char *value)
{
	if (ctl->n_given == CTL_GIVEN_MAX) {
		ctl_error(ctl, "more than %d options", CTL_GIVEN_MAX);
		return CTL_USAGE;
	}
	ctl->given[ctl->n_given++] = (struct ctl_given){ .name = name, .value = value };
	return CTL_OK;
}

static int complain(const struct ctl *ctl, const struct option_union *u, int c, const char *word)
{
	const struct verb_option *spec = union_find(u, optopt);
	const char letter[] = { '-', (char)optopt, '\0' };

	/* Of a word with letters left getopt_long() has not gone on, so word is the one before. */
	if (optopt != 0 && optopt < LONG_BASE)
		word = letter;
	if (c == ':')
		ctl_error(ctl, "option %s needs a value: %s", word, spec ? spec->argument : "?");
	else if (spec)
		ctl_error(ctl, "option %s takes no value", word);
	else
		ctl_error(ctl, "unknown option %s", word);
	return CTL_USAGE;
}

static int parse_options(struct ctl *ctl, const struct args_env *env, int argc, char **argv,
	struct args *args, bool *help)
{
	struct option_union u;
	int c, status;

	union_init(&u);
	/* 0 and not 1: it makes glibc and musl start afresh with another vector. */
	optind = 0;
	opterr = 0;
	for (;;) {
		const struct verb_option *spec;
		const char *word;

		c = getopt_long(argc, argv, u.shorts, u.longs, NULL);
		if (c == -1)
			return CTL_OK;
		spec = union_find(&u, c);
		/* The word that held a long option; a separate value lies behind it. */
		word = argv[optind - 1];
		if (optarg && optarg == word)
			word = argv[optind - 2];
		if (!spec)
			return complain(ctl, &u, c, word);
		if (c >= LONG_BASE && is_abbreviated(spec, word)) {
			ctl_error(ctl, "unknown option %s (did you mean --%s?)", word, spec->name);
			return CTL_USAGE;
		}
		if (option_find(verb_common_options, spec->name))
			status = apply_common(ctl, env, spec->name, optarg, args, help);
		else
			status = give(ctl, spec->name, optarg);
		if (status != CTL_OK)
			return status;
	}
}

static int check_verb(const struct ctl *ctl, const struct args *args)
{
	const struct verb *verb = args->verb;

	for (size_t i = 0; i < ctl->n_given; i++) {
		if (!option_find(verb->options, ctl->given[i].name)) {
			ctl_error(ctl, "%s: takes no option --%s", verb->name, ctl->given[i].name);
			return CTL_USAGE;
		}
	}
	if (args->argc < verb->operands_min) {
		ctl_error(ctl, "%s: needs %s", verb->name, verb->operands);
		return CTL_USAGE;
	}
	if (args->argc > verb->operands_max) {
		ctl_error(ctl, "%s: one word too many: %s", verb->name,
			args->argv[verb->operands_max]);
		return CTL_USAGE;
	}
	return CTL_OK;
}

int args_parse(struct ctl *ctl, const struct args_env *env, int argc, char **argv, struct args *ret)
{
	struct args args = { 0 };
	bool help = false;
	int status;

	ctl->runtime_dir = NULL;
	ctl->json = CTL_JSON_OFF;
	ctl->legend = true;
	ctl->color = env->out_is_terminal && !env->no_color;
	ctl->n_given = 0;
	status = parse_options(ctl, env, argc, argv, &args, &help);
	if (status != CTL_OK)
		return status;
	args.argc = argc - optind;
	args.argv = argv + optind;
	if (help && !args.version) {
		/* "VERB --help" is "help VERB". */
		args.verb = verb_find("help");
		args.argc = args.argc > 0;
		args.argv[args.argc] = NULL;
	} else if (!args.version) {
		const char *name = args.argc > 0 ? args.argv[0] : NULL;

		args.verb = name ? verb_find(name) : NULL;
		if (!name)
			ctl_error(ctl, "needs a verb; \"vdsotimectl help\" lists them");
		else if (!args.verb)
			ctl_error(ctl, "unknown verb %s; \"vdsotimectl help\" lists them", name);
		if (!args.verb)
			return CTL_USAGE;
		args.argc--;
		args.argv++;
		status = check_verb(ctl, &args);
		if (status != CTL_OK)
			return status;
	}
	*ret = args;
	return CTL_OK;
}

/* SPDX-License-Identifier: MIT */
/*
 * The table of verbs, and help, which is that table in words: see verbs.h.
 */
#include "client/ctl/verbs.h"

#include <string.h>

#include "client/ctl/value.h"

static const struct verb_option show_options[] = {
	{ "property", 'p', "NAME", "only this one; may be given again" },
	{ "value", 0, NULL, "values without their names" },
	{ 0 },
};

static const struct verb_option now_options[] = {
	{ "format", 'f', "rfc3339|unix|ns", "how to print it; default: by the clock" },
	{ "bounds", 'b', NULL, "the earliest and the latest that UTC may be" },
	{ 0 },
};

static const struct verb_option vdso_options[] = {
	{ "dump", 0, "FILE", "write the image as an ELF file" },
	{ "image", 0, "FILE", "show the vDSO in FILE, of any machine" },
	{ "pid", 0, "PID", "of process PID; default: vdsotimectl itself" },
	{ 0 },
};

static const struct verb_option bench_options[] = {
	{ "seconds", 's', "SECONDS", "how long to measure; default: 2" },
	{ "cpu", 'c', "NUMBER", "the CPU to stay on; default: the present one" },
	{ 0 },
};

static const struct verb_option verify_options[] = {
	{ "for", 0, "SECONDS", "how long to compare; default: 5" },
	{ 0 },
};

static const struct verb_option wait_options[] = {
	{ "for", 0, "ready|synchronised|page", "what to wait for; default: ready" },
	{ "timeout", 't', "SECONDS", "give up after this; default: 30, 0: look once" },
	{ 0 },
};

static const struct verb_option monitor_options[] = {
	{ "interval", 0, "SECONDS", "between lines; default: 1" },
	{ "count", 'n', "NUMBER", "lines to print; default: until interrupted" },
	{ 0 },
};

static const struct verb_option cat_config_options[] = {
	{ "effective", 'e', NULL, "every setting in force, and where it was set" },
	{ 0 },
};

static const struct verb_option call_options[] = {
	{ "more", 'm', NULL, "all replies, one a line, until the last" },
	{ 0 },
};

const struct verb_option verb_common_options[] = {
	{ "json", 0, "pretty|short|off", "print JSON" },
	{ "j", 'j', NULL, "print JSON: pretty on a terminal, else short" },
	{ "no-legend", 0, NULL, "no headings and closing remarks" },
	{ "color", 0, "auto|always|never", "colours; default: auto" },
	{ "runtime-dir", 0, "DIR", "where the daemon's sockets are" },
	{ "help", 'h', NULL, "this text" },
	{ "version", 0, NULL, "the version" },
	{ 0 },
};

const struct verb verbs[] = {
	{ "status", "", 0, 0, "the daemon, the page, the clocks' state", NULL, verb_status },
	{ "show", "", 0, 0, "the same as NAME=VALUE lines", show_options, verb_show },
	{ "clocks", "", 0, 0, "five clocks of one instant, each against the kernel's", NULL,
		verb_clocks },
	{ "now", "[CLOCK]", 0, 1, "one clock; default: REALTIME", now_options, verb_now },
	{ "vdso", "", 0, 0, "the kernel's vDSO: its functions, symbols and mappings", vdso_options,
		verb_vdso },
	{ "bench", "", 0, 0, "what each way to read time costs here", bench_options, verb_bench },
	{ "verify", "", 0, 0, "is the page within its bound of the kernel, and never backward",
		verify_options, verb_verify },
	{ "wait", "", 0, 0, "wait for the daemon, the page or synchronisation", wait_options,
		verb_wait },
	{ "monitor", "[CLOCK]", 0, 1, "a line at each interval and at each disturbance",
		monitor_options, verb_monitor },
	{ "events", "", 0, 0, "the disturbances of the clocks that are still known", NULL,
		verb_events },
	{ "page", "", 0, 0, "the shared page, decoded word by word", NULL, verb_page },
	{ "stats", "", 0, 0, "what the daemon's sockets have done", NULL, verb_stats },
	{ "metrics", "", 0, 0, "state and statistics for Prometheus", NULL, verb_metrics },
	{ "cat-config", "", 0, 0, "the configuration files, as they are now", cat_config_options,
		verb_cat_config },
	{ "reload", "", 0, 0, "read the configuration again and put it in force", NULL,
		verb_reload },
	{ "call", "METHOD [JSON]", 1, 2, "a Varlink call, and its reply as JSON", call_options,
		verb_call },
	{ "help", "[VERB]", 0, 1, "this text", NULL, verb_help },
	{ 0 },
};

const struct verb *verb_find(const char *name)
{
	for (const struct verb *v = verbs; v->name; v++) {
		if (strcmp(v->name, name) == 0)
			return v;
	}
	return NULL;
}

bool verb_option_is_long(const struct verb_option *option)
{
	return option->name[0] && option->name[1];
}

static void print_options(const struct ctl *ctl, const struct verb_option *options)
{
	for (; options && options->name; options++) {
		char left[64];
		char letter[5] = "    ";

		if (options->letter)
			snprintf(letter, sizeof(letter), "-%c, ", options->letter);
		snprintf(left, sizeof(left), "%s--%s%s%s", letter, options->name,
			options->argument ? "=" : "", options->argument ? options->argument : "");
		if (!verb_option_is_long(options))
			snprintf(left, sizeof(left), "-%c", options->letter);
		fprintf(ctl->out, "  %-38s %s\n", left, options->help);
	}
}

static void print_verb(const struct ctl *ctl, const struct verb *verb)
{
	char left[64];

	snprintf(left, sizeof(left), "%s %s", verb->name, verb->operands);
	fprintf(ctl->out, "  %-22s %s\n", left, verb->help);
}

static struct value *options_value(const struct verb_option *options)
{
	struct value *list = value_new_array();

	for (; options && options->name; options++) {
		const char letter[2] = { options->letter, '\0' };
		struct value *option = value_new_object();

		value_add_string(option, "name", options->name);
		value_add_string(option, "letter", options->letter ? letter : NULL);
		value_add_string(option, "argument", options->argument);
		value_add_string(option, "help", options->help);
		value_append(list, option);
	}
	return list;
}

/* The table itself, for whoever makes completions or holds them against it. */
static void print_json(const struct ctl *ctl)
{
	struct value *all = value_new_object(), *list = value_new_array();

	for (const struct verb *v = verbs; v->name; v++) {
		struct value *verb = value_new_object();

		value_add_string(verb, "name", v->name);
		value_add_string(verb, "operands", v->operands);
		value_add_string(verb, "help", v->help);
		value_add(verb, "options", options_value(v->options));
		value_append(list, verb);
	}
	value_add(all, "verbs", list);
	value_add(all, "options", options_value(verb_common_options));
	value_print(ctl, all);
	value_free(all);
}

int verb_help(const struct ctl *ctl, int argc, char **argv)
{
	const struct verb *verb = argc > 0 ? verb_find(argv[0]) : NULL;

	if (argc > 0 && !verb) {
		ctl_error(ctl, "help: unknown verb %s", argv[0]);
		return CTL_USAGE;
	}
	if (ctl->json != CTL_JSON_OFF) {
		print_json(ctl);
		return CTL_OK;
	}
	fprintf(ctl->out, "Usage: vdsotimectl [OPTION...] %s %s\n\n", verb ? verb->name : "VERB",
		verb ? verb->operands : "[OPERAND...]");
	if (verb) {
		print_verb(ctl, verb);
		if (verb->options)
			fputs("\nOptions:\n", ctl->out);
		print_options(ctl, verb->options);
		return CTL_OK;
	}
	fputs("Ask vdsotimed and its page for the time, and how good it is.\n\nVerbs:\n", ctl->out);
	for (const struct verb *v = verbs; v->name; v++)
		print_verb(ctl, v);
	fputs("\nOptions:\n", ctl->out);
	print_options(ctl, verb_common_options);
	fputs("\n\"vdsotimectl help VERB\" shows a verb's own options; see also vdsotimectl(1).\n",
		ctl->out);
	return CTL_OK;
}

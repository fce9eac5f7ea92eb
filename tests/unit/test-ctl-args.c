/* SPDX-License-Identifier: MIT */
/* The tool's command line: what is taken, what is refused and with which words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/ctl/args.h"

enum { WORDS_MAX = 80 };

/* A command line, parsed; its messages. */
struct parsed {
	struct ctl ctl;
	struct args args;
	int status;
	char *message;
	size_t message_bytes;
	char *words[WORDS_MAX];
	char *owned[WORDS_MAX]; /* the same, as args_parse() has not seen them */
};

static const struct args_env pipe_env = { .no_color = false, .out_is_terminal = false };
static const struct args_env terminal_env = { .no_color = false, .out_is_terminal = true };

/* line: words with one space between; the program's name is put before them. */
static void parse(struct parsed *p, const struct args_env *env, const char *line)
{
	char *copy = strdup(line), *rest = NULL;
	int argc = 0;

	memset(p, 0, sizeof(*p));
	p->words[argc++] = strdup("vdsotimectl");
	for (char *w = strtok_r(copy, " ", &rest); w && argc < WORDS_MAX - 1;
		w = strtok_r(NULL, " ", &rest))
		p->words[argc++] = strdup(w);
	free(copy);
	memcpy(p->owned, p->words, sizeof(p->owned));
	p->ctl.out = stdout;
	p->ctl.err = open_memstream(&p->message, &p->message_bytes);
	assert_non_null(p->ctl.err);
	p->status = args_parse(&p->ctl, env, argc, p->words, &p->args);
	fclose(p->ctl.err);
}

static void done(struct parsed *p)
{
	for (int i = 0; i < WORDS_MAX && p->owned[i]; i++)
		free(p->owned[i]);
	free(p->message);
}

static void test_every_verb_is_found_with_no_options(void **state)
{
	(void)state;
	for (const struct verb *v = verbs; v->name; v++) {
		char line[128];
		struct parsed p;

		snprintf(line, sizeof(line), "%s%s", v->name, v->operands_min > 0 ? " word" : "");
		parse(&p, &pipe_env, line);
		assert_int_equal(p.status, CTL_OK);
		assert_ptr_equal(p.args.verb, v);
		assert_int_equal(p.args.argc, v->operands_min);
		assert_string_equal(p.message, "");
		done(&p);
	}
}

static void test_every_option_is_taken_by_its_verb(void **state)
{
	(void)state;
	for (const struct verb *v = verbs; v->name; v++) {
		for (const struct verb_option *o = v->options; o && o->name; o++) {
			char line[128];
			struct parsed p;

			snprintf(line, sizeof(line), "%s --%s%s%s", v->name, o->name,
				o->argument ? " word" : "", v->operands_min > 0 ? " word" : "");
			parse(&p, &pipe_env, line);
			assert_int_equal(p.status, CTL_OK);
			assert_true(ctl_has_option(&p.ctl, o->name));
			done(&p);
			if (!o->letter)
				continue;
			snprintf(line, sizeof(line), "-%c%s %s%s", o->letter,
				o->argument ? " word" : "", v->name,
				v->operands_min > 0 ? " word" : "");
			parse(&p, &pipe_env, line);
			assert_int_equal(p.status, CTL_OK);
			assert_true(ctl_has_option(&p.ctl, o->name));
			done(&p);
		}
	}
}

static void test_options_come_before_or_behind_the_verb(void **state)
{
	static const char *const lines[] = {
		"--seconds=3 bench --json=short",
		"bench --seconds 3 --json short",
		"--json=short --seconds 3 bench",
		"-s3 bench --json=short",
		"bench -s 3 --json=short",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		struct parsed p;

		parse(&p, &pipe_env, lines[i]);
		assert_int_equal(p.status, CTL_OK);
		assert_string_equal(p.args.verb->name, "bench");
		assert_string_equal(ctl_option(&p.ctl, "seconds"), "3");
		assert_int_equal(p.ctl.json, CTL_JSON_SHORT);
		done(&p);
	}
}

static void test_the_last_of_an_option_holds(void **state)
{
	struct parsed p;

	(void)state;
	parse(&p, &pipe_env, "show -p a --property=b --value");
	assert_int_equal(p.status, CTL_OK);
	assert_string_equal(ctl_option(&p.ctl, "property"), "b");
	assert_int_equal(p.ctl.n_given, 3);
	assert_string_equal(p.ctl.given[0].value, "a");
	assert_true(ctl_has_option(&p.ctl, "value"));
	assert_null(ctl_option(&p.ctl, "value"));
	assert_false(ctl_has_option(&p.ctl, "seconds"));
	done(&p);
}

static void test_words_behind_two_dashes_are_operands(void **state)
{
	struct parsed p;

	(void)state;
	parse(&p, &pipe_env, "now -- -1");
	assert_int_equal(p.status, CTL_OK);
	assert_int_equal(p.args.argc, 1);
	assert_string_equal(p.args.argv[0], "-1");
	assert_null(p.args.argv[1]);
	done(&p);
}

static void test_j_is_pretty_on_a_terminal_and_short_elsewhere(void **state)
{
	struct parsed p;

	(void)state;
	parse(&p, &pipe_env, "status -j");
	assert_int_equal(p.ctl.json, CTL_JSON_SHORT);
	done(&p);
	parse(&p, &terminal_env, "status -j");
	assert_int_equal(p.ctl.json, CTL_JSON_PRETTY);
	done(&p);
	parse(&p, &terminal_env, "status -j --json=off");
	assert_int_equal(p.ctl.json, CTL_JSON_OFF);
	done(&p);
}

static void test_colour_follows_terminal_environment_and_option(void **state)
{
	static const struct {
		bool no_color, terminal;
		const char *line;
		bool color;
	} cases[] = {
		{ false, false, "status", false },
		{ false, true, "status", true },
		{ true, true, "status", false },
		{ true, true, "status --color=auto", false },
		{ true, false, "status --color=always", true },
		{ false, true, "status --color=never", false },
		{ false, true, "status --color=never --color=auto", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct args_env env = {
			.no_color = cases[i].no_color,
			.out_is_terminal = cases[i].terminal,
		};
		struct parsed p;

		parse(&p, &env, cases[i].line);
		assert_int_equal(p.status, CTL_OK);
		assert_int_equal(p.ctl.color, cases[i].color);
		done(&p);
	}
}

static void test_help_and_version_need_no_verb(void **state)
{
	struct parsed p;

	(void)state;
	parse(&p, &pipe_env, "--help");
	assert_int_equal(p.status, CTL_OK);
	assert_string_equal(p.args.verb->name, "help");
	assert_int_equal(p.args.argc, 0);
	assert_false(p.args.version);
	done(&p);
	parse(&p, &pipe_env, "--version");
	assert_int_equal(p.status, CTL_OK);
	assert_true(p.args.version);
	done(&p);
	parse(&p, &pipe_env, "now -h tai");
	assert_int_equal(p.status, CTL_OK);
	assert_string_equal(p.args.verb->name, "help");
	assert_int_equal(p.args.argc, 1);
	assert_string_equal(p.args.argv[0], "now");
	assert_null(p.args.argv[1]);
	done(&p);
}

static void test_what_is_wrong_is_refused_with_words_that_name_it(void **state)
{
	static const struct {
		const char *line;
		const char *message;
	} cases[] = {
		{ "", "needs a verb" },
		{ "frobnicate", "unknown verb frobnicate" },
		{ "statu", "unknown verb statu" },
		{ "--frobnicate status", "unknown option --frobnicate" },
		{ "status --frobnicate=1", "unknown option --frobnicate=1" },
		{ "status -x", "unknown option -x" },
		{ "status --jso=short", "unknown option --jso=short (did you mean --json?)" },
		{ "status --js", "--js" },
		{ "status --json", "option --json needs a value: pretty|short|off" },
		{ "bench -s", "option -s needs a value: SECONDS" },
		/* Among letters, the one to blame; the word before is another's. */
		{ "--json=short -xy status", "unknown option -x" },
		{ "--json=short -jxy status", "unknown option -x" },
		{ "--json=short -jx status", "unknown option -x" },
		{ "bench --json=short -js", "option -s needs a value: SECONDS" },
		{ "status --no-legend=1", "option --no-legend=1 takes no value" },
		{ "status --json=yaml", "--json=yaml: must be pretty, short or off" },
		{ "status --json=", "--json=: must be pretty, short or off" },
		{ "status --color=red", "--color=red: must be auto, always or never" },
		{ "status --runtime-dir=", "--runtime-dir=: needs a directory" },
		{ "status --seconds=3", "status: takes no option --seconds" },
		{ "status word", "status: one word too many: word" },
		{ "now realtime tai", "now: one word too many: tai" },
		{ "call", "call: needs METHOD" },
		{ "call a {} c", "call: one word too many: c" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct parsed p;

		parse(&p, &pipe_env, cases[i].line);
		assert_int_equal(p.status, CTL_USAGE);
		if (!strstr(p.message, cases[i].message))
			fail_msg("\"%s\" gives: %s", cases[i].line, p.message);
		/* One line each. */
		assert_ptr_equal(strchr(p.message, '\n'), p.message + p.message_bytes - 1);
		done(&p);
	}
}

static void test_too_many_options_are_refused(void **state)
{
	char line[4 * CTL_GIVEN_MAX + 64] = "show";
	struct parsed p;

	(void)state;
	for (int i = 0; i < CTL_GIVEN_MAX; i++)
		strcat(line, " -pa");
	parse(&p, &pipe_env, line);
	assert_int_equal(p.status, CTL_OK);
	done(&p);
	strcat(line, " -pa");
	parse(&p, &pipe_env, line);
	assert_int_equal(p.status, CTL_USAGE);
	done(&p);
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

/* The union of all options is one namespace: see verbs.h. */
static void test_an_option_has_one_form_in_every_verb(void **state)
{
	(void)state;
	for (const struct verb *v = verbs; v->name; v++) {
		for (const struct verb_option *o = v->options; o && o->name; o++) {
			for (const struct verb_option *c = verb_common_options; c->name; c++) {
				assert_string_not_equal(o->name, c->name);
				assert_true(!o->letter || o->letter != c->letter);
			}
			for (const struct verb *w = verbs; w->name; w++) {
				for (const struct verb_option *q = w->options; q && q->name; q++) {
					if (same_text(o->name, q->name)) {
						assert_int_equal(!o->argument, !q->argument);
						assert_int_equal(o->letter, q->letter);
					} else {
						assert_true(!o->letter || o->letter != q->letter);
					}
				}
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_verb_is_found_with_no_options),
		cmocka_unit_test(test_every_option_is_taken_by_its_verb),
		cmocka_unit_test(test_options_come_before_or_behind_the_verb),
		cmocka_unit_test(test_the_last_of_an_option_holds),
		cmocka_unit_test(test_words_behind_two_dashes_are_operands),
		cmocka_unit_test(test_j_is_pretty_on_a_terminal_and_short_elsewhere),
		cmocka_unit_test(test_colour_follows_terminal_environment_and_option),
		cmocka_unit_test(test_help_and_version_need_no_verb),
		cmocka_unit_test(test_what_is_wrong_is_refused_with_words_that_name_it),
		cmocka_unit_test(test_too_many_options_are_refused),
		cmocka_unit_test(test_an_option_has_one_form_in_every_verb),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

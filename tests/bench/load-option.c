/* SPDX-License-Identifier: MIT */
/* Words to numbers, with a reason for each that is none. */
#include "tests/bench/load-option.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void refuse(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

static void refuse(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	fputs("bench-stamp: ", stderr);
	vfprintf(stderr, format, list);
	fputc('\n', stderr);
	va_end(list);
	exit(2);
}

static void print_words(const struct load_option *o)
{
	for (uint32_t i = 0; o->word(i) != NULL; i++)
		fprintf(stderr, "%s%s", i > 0 ? "|" : "", o->word(i));
}

static void print_option(const struct load_option *o)
{
	fprintf(stderr, "        --%s=", o->name);
	if (o->word != NULL) {
		print_words(o);
		fprintf(stderr, " (%s)\n", o->word(*o->value));
	} else {
		fprintf(stderr, "%u to %u (%u)\n", o->least, o->most, *o->value);
	}
}

void load_options_usage(const struct load *loads)
{
	fputs("Usage: bench-stamp VDSOTIMED [LOAD [--OPTION=VALUE]...]...\n"
	      "Loads, their options and their defaults; * is run when none is named:\n",
		stderr);
	for (; loads->name != NULL; loads++) {
		fprintf(stderr, "  %c %s\n", loads->usual ? '*' : ' ', loads->name);
		for (const struct load_option *o = loads->options; o != NULL && o->name != NULL;
			o++)
			print_option(o);
	}
}

static void read_word(const struct load_option *o, const char *text)
{
	for (uint32_t i = 0; o->word(i) != NULL; i++) {
		if (strcmp(o->word(i), text) == 0) {
			*o->value = i;
			return;
		}
	}
	refuse("--%s: there is no \"%s\"", o->name, text);
}

static void read_number(const struct load_option *o, const char *text)
{
	char *end;
	unsigned long long value;

	errno = 0;
	value = strtoull(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end != '\0')
		refuse("--%s: \"%s\" is no number", o->name, text);
	if (errno != 0 || value < o->least || value > o->most)
		refuse("--%s: %s is not from %u to %u", o->name, text, o->least, o->most);
	*o->value = (uint32_t)value;
}

static void read_option(const struct load *load, const char *text)
{
	const char *equals = strchr(text, '=');
	size_t bytes = equals == NULL ? strlen(text) : (size_t)(equals - text);
	const struct load_option *o = load->options;

	while (o != NULL && o->name != NULL &&
		(strlen(o->name) != bytes || memcmp(o->name, text, bytes) != 0))
		o++;
	if (o == NULL || o->name == NULL)
		refuse("%s has no option --%.*s", load->name, (int)bytes, text);
	if (equals == NULL)
		refuse("--%s needs a value: --%s=VALUE", o->name, o->name);
	if (o->word != NULL)
		read_word(o, equals + 1);
	else
		read_number(o, equals + 1);
}

void load_options_read(struct load *loads, int argc, char **argv, int first)
{
	struct load *load = NULL;

	for (int i = first; i < argc; i++) {
		if (strncmp(argv[i], "--", 2) == 0) {
			if (load == NULL)
				refuse("%s: options stand behind the load that they are of",
					argv[i]);
			read_option(load, argv[i] + 2);
			continue;
		}
		for (load = loads; load->name != NULL && strcmp(load->name, argv[i]) != 0; load++)
			;
		if (load->name == NULL)
			refuse("there is no load \"%s\"", argv[i]);
		load->wanted = true;
	}
	for (struct load *l = loads; load == NULL && l->name != NULL; l++)
		l->wanted = l->usual;
	for (const struct load *l = loads; l->name != NULL; l++) {
		const char *wrong = l->wanted && l->wrong != NULL ? l->wrong() : NULL;

		if (wrong != NULL)
			refuse("%s: %s", l->name, wrong);
	}
}

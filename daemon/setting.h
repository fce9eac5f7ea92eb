/* SPDX-License-Identifier: MIT */
/*
 * A setting: one line of vdsotimed.conf(5), with its kind, its limits and its place in struct
 * config.  All of them stand in one table; what is expected of a value is told from the same limits
 * that it is held against, and a value is written as it could be read.
 *
 * The one thing a reader would get wrong: values go through here as uint64_t whatever they are; a
 * choice is min for the first of its names, min + 1 for the second, and so on.
 */
#ifndef VDSOTIMED_SETTING_H
#define VDSOTIMED_SETTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct config;
struct quantity_unit;

/* There are no more than this. */
#define SETTINGS_MAX 32

/* With units the field is a uint64_t, else a uint32_t. */
struct setting {
	const char *section;
	const char *name; /* NULL ends the table */
	size_t offset; /* in struct config */
	const struct quantity_unit *units;
	const char *const *choices;
	uint64_t min, max;
	bool infinity; /* "infinity" may stand there, for 0 */
};

extern const struct setting settings[];

/* NULL: there is none; *ret_section: but there is such a section. */
const struct setting *setting_find(const char *section, const char *name, bool *ret_section);

uint64_t setting_get(const struct setting *s, const struct config *c);
void setting_set(const struct setting *s, struct config *c, uint64_t value);

/* 0, -EINVAL, or -ERANGE. */
int setting_parse(const struct setting *s, const char *text, uint64_t *ret);

/* value as it is written; cut when text is too short. */
void setting_format(const struct setting *s, uint64_t value, char *text, size_t size_bytes);

/* "a duration with its unit from 10ms to 1s" and the like. */
void setting_expected(const struct setting *s, char text[static 160]);

#endif

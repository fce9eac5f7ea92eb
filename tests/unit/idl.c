/* SPDX-License-Identifier: MIT */
#include "tests/unit/idl.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <json-c/json.h>

struct reader {
	const char *idl;
	const char *at;
	char *message;
	size_t message_bytes;
};

static int check_type(struct reader *r, const char *member, struct json_object *value);

static void skip_space(struct reader *r)
{
	for (;; r->at++) {
		if (*r->at == '#')
			r->at += strcspn(r->at, "\n");
		if (!isspace((unsigned char)*r->at))
			return;
	}
}

static bool take(struct reader *r, const char *token)
{
	skip_space(r);
	if (strncmp(r->at, token, strlen(token)) != 0)
		return false;
	r->at += strlen(token);
	return true;
}

static void word(struct reader *r, char ret[static 64])
{
	size_t n = 0;

	skip_space(r);
	while (n < 63 && (isalnum((unsigned char)*r->at) || *r->at == '_' || *r->at == '.'))
		ret[n++] = *r->at++;
	ret[n] = '\0';
}

static int wrong(struct reader *r, const char *member, const char *what)
{
	if (r->message[0] == '\0')
		(void)snprintf(r->message, r->message_bytes, "%s: %s", member, what);
	return -1;
}

/* Is what follows an opening parenthesis an enum: a name without a colon? */
static bool is_enum(const struct reader *r)
{
	struct reader ahead = *r;
	char name[64];

	word(&ahead, name);
	return name[0] != '\0' && !take(&ahead, ":");
}

static int check_enum(struct reader *r, const char *member, struct json_object *value)
{
	bool found = value == NULL;
	char name[64];

	do {
		word(r, name);
		found |= value != NULL && strcmp(name, json_object_get_string(value)) == 0;
	} while (take(r, ","));
	if (!take(r, ")"))
		return wrong(r, member, "the enum does not end");
	return found ? 0 : wrong(r, member, "is none of its enum");
}

/* value NULL: only read over it. */
static int check_struct(struct reader *r, const char *member, struct json_object *value)
{
	size_t found = 0;
	int result = 0;
	char name[64];

	if (value != NULL && !json_object_is_type(value, json_type_object))
		result = wrong(r, member, "is no object");
	if (take(r, ")"))
		return result;
	do {
		struct json_object *inner = NULL;

		word(r, name);
		if (!take(r, ":"))
			return wrong(r, name, "has no type");
		if (result == 0 && value != NULL)
			found += json_object_object_get_ex(value, name, &inner) ? 1 : 0;
		skip_space(r);
		if (result == 0 && value != NULL && inner == NULL && *r->at != '?')
			result = wrong(r, name, "is missing");
		result |= check_type(r, name, inner);
	} while (take(r, ","));
	if (!take(r, ")"))
		return wrong(r, member, "the struct does not end");
	if (result == 0 && value != NULL && found != (size_t)json_object_object_length(value))
		return wrong(r, member, "has members that are not declared");
	return result;
}

static int check_array(struct reader *r, const char *member, struct json_object *value)
{
	struct reader start = *r;
	int result = check_type(r, member, NULL);

	if (value != NULL && !json_object_is_type(value, json_type_array))
		return wrong(r, member, "is no array");
	for (size_t i = 0; value != NULL && i < json_object_array_length(value); i++) {
		struct reader again = start;

		result |= check_type(&again, member, json_object_array_get_idx(value, i));
	}
	return result;
}

/* Put r behind the "(" of that declaration; for a method: of its reply. */
static int find(struct reader *r, const char *kind, const char *name)
{
	char declared[64];

	r->at = r->idl;
	for (; *r->at != '\0'; r->at += strcspn(r->at, "\n"), r->at += *r->at == '\n') {
		struct reader line = *r;

		if (!take(&line, kind))
			continue;
		word(&line, declared);
		if (strcmp(declared, name) != 0)
			continue;
		*r = line;
		if (!take(r, "("))
			return -1;
		if (strcmp(kind, "method ") != 0)
			return 0;
		return check_struct(r, name, NULL) == 0 && take(r, "->") && take(r, "(") ? 0 : -1;
	}
	return -1;
}

static int check_named(struct reader *r, const char *member, struct json_object *value)
{
	static const struct {
		const char *name;
		enum json_type type;
	} builtin[] = {
		{ "bool", json_type_boolean },
		{ "int", json_type_int },
		{ "string", json_type_string },
		{ "object", json_type_object },
	};
	struct reader declared = *r;
	char name[64];

	word(r, name);
	for (size_t i = 0; i < sizeof(builtin) / sizeof(*builtin); i++) {
		if (strcmp(name, builtin[i].name) != 0)
			continue;
		if (value != NULL && !json_object_is_type(value, builtin[i].type))
			return wrong(r, member, "is not of its type");
		return 0;
	}
	if (find(&declared, "type ", name) < 0)
		return wrong(r, member, "is of a type that is not declared");
	if (is_enum(&declared))
		return check_enum(&declared, member, value);
	return value == NULL ? 0 : check_struct(&declared, member, value);
}

static int check_type(struct reader *r, const char *member, struct json_object *value)
{
	take(r, "?");
	if (take(r, "[]"))
		return check_array(r, member, value);
	if (take(r, "("))
		return is_enum(r) ? check_enum(r, member, value) : check_struct(r, member, value);
	return check_named(r, member, value);
}

int idl_check(const char *idl, const char *kind, const char *name, struct json_object *value,
	char *ret, size_t ret_bytes)
{
	struct reader r = { .idl = idl, .at = idl, .message = ret, .message_bytes = ret_bytes };
	char spaced[16];

	ret[0] = '\0';
	(void)snprintf(spaced, sizeof(spaced), "%s ", kind);
	if (find(&r, spaced, name) < 0)
		return wrong(&r, name, "is not declared");
	return check_struct(&r, name, value);
}

const char *idl_method(const char *idl, unsigned int n)
{
	static char name[64];
	struct reader r = { .idl = idl, .at = idl };

	for (; *r.at != '\0'; r.at += strcspn(r.at, "\n"), r.at += *r.at == '\n') {
		struct reader line = r;

		if (strncmp(r.at, "method ", 7) != 0 || !take(&line, "method ") || n-- > 0)
			continue;
		word(&line, name);
		return name;
	}
	return NULL;
}

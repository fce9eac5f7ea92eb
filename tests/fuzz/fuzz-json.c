/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as JSON: what is accepted, json-c accepts too, and both mean the same by it; printed,
 * it is accepted again.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "daemon/json.h"
#include "daemon/print.h"
#include "tests/fuzz/fuzz.h"

static void promise(bool kept)
{
	if (!kept)
		abort();
}

static void compare(const struct json_value *v, struct json_object *o);

static void compare_inner(const struct json_value *v, struct json_object *o)
{
	const struct json_value *child;
	size_t n = 0;

	JSON_FOR_EACH(child, v)
	{
		struct json_object *inner = NULL;

		promise((child->key != NULL) == (v->kind == JSON_IS_OBJECT));
		if (v->kind == JSON_IS_ARRAY)
			inner = json_object_array_get_idx(o, n++);
		else
			promise(json_object_object_get_ex(o, child->key, &inner));
		compare(child, inner);
	}
}

static void compare(const struct json_value *v, struct json_object *o)
{
	switch (v->kind) {
	case JSON_IS_NULL:
		promise(o == NULL);
		break;
	case JSON_IS_BOOL:
		promise(json_object_is_type(o, json_type_boolean));
		promise(json_object_get_boolean(o) == v->boolean);
		break;
	case JSON_IS_INT:
		promise(json_object_is_type(o, json_type_int));
		promise(json_object_get_int64(o) == v->integer);
		break;
	case JSON_IS_REAL:
		promise(json_object_is_type(o, json_type_double));
		break;
	case JSON_IS_STRING:
		promise(json_object_is_type(o, json_type_string));
		promise((size_t)json_object_get_string_len(o) == strlen(v->string));
		promise(strcmp(json_object_get_string(o), v->string) == 0);
		break;
	case JSON_IS_ARRAY:
		promise(json_object_is_type(o, json_type_array));
		promise(json_object_array_length(o) == v->count);
		compare_inner(v, o);
		break;
	case JSON_IS_OBJECT:
		promise(json_object_is_type(o, json_type_object));
		promise(json_object_object_length(o) == v->count);
		compare_inner(v, o);
		break;
	}
}

/* json-c keeps the digits of a number with a fraction, and print.c prints none. */
static bool has_reals(const struct json_text *t)
{
	for (unsigned int i = 0; i < t->count; i++) {
		if (t->values[i].kind == JSON_IS_REAL)
			return true;
	}
	return false;
}

/*
 * A character that two escaped surrogates make, of which json-c looks at bits 10 to 15 once more
 * and takes it for a single one: \ud877\ude00, U+2DE00, comes as U+FFFD (0.16).
 */
static bool is_misread(const char *s)
{
	for (; s && *s; s++) {
		const unsigned char *u = (const unsigned char *)s;

		if (u[0] >= 0xf0 &&
			((u[1] & 0xfu) << 12 | (u[2] & 0x3fu) << 6) >> 11 == 0xd800 >> 11)
			return true;
	}
	return false;
}

static bool is_any_misread(const struct json_text *t)
{
	for (unsigned int i = 0; i < t->count; i++) {
		const struct json_value *v = &t->values[i];

		if (is_misread(v->key) || (v->kind == JSON_IS_STRING && is_misread(v->string)))
			return true;
	}
	return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct json_tokener *tokener;
	struct json_object *o;
	struct json_text first;
	struct json_text second;
	char *copy = malloc(bytes + 1);

	memcpy(copy, data, bytes);
	if (json_read(copy, bytes, &first) != JSON_PROPER) {
		free(copy);
		return 0;
	}
	tokener = json_tokener_new_ex(JSON_DEPTH_MAX + 2);
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	o = json_tokener_parse_ex(tokener, (const char *)data, (int)bytes);
	promise(o != NULL && first.values[0].span == first.count);
	bool misread = is_any_misread(&first);
	if (!misread)
		compare(first.values, o);
	if (!has_reals(&first) && !misread) {
		size_t printed_bytes;
		char *printed = print_json(o, &printed_bytes);

		promise(strlen(printed) + 1 == printed_bytes);
		promise(json_read(printed, printed_bytes - 1, &second) == JSON_PROPER);
		compare(second.values, o);
		free(printed);
	}
	json_object_put(o);
	json_tokener_free(tokener);
	free(copy);
	return 0;
}

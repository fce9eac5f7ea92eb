/* SPDX-License-Identifier: MIT */
/*
 * One walk over the tree, made twice: with no buffer it counts, with one it writes.
 */
#include "daemon/print.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

/* at NULL: only count. */
struct printer {
	char *at;
	size_t bytes;
};

static void print_value(struct printer *p, struct json_object *value);

static void put(struct printer *p, const char *text, size_t bytes)
{
	if (p->at != NULL)
		memcpy(p->at + p->bytes, text, bytes);
	p->bytes += bytes;
}

static void print_string(struct printer *p, const char *text, size_t bytes)
{
	put(p, "\"", 1);
	for (size_t i = 0; i < bytes; i++) {
		unsigned char c = (unsigned char)text[i];
		char escaped[8];

		if (c == '\n') {
			put(p, "\\n", 2);
		} else if (c == '"' || c == '\\') {
			put(p, "\\", 1);
			put(p, &text[i], 1);
		} else if (c < 0x20) {
			(void)snprintf(escaped, sizeof(escaped), "\\u%04x", c);
			put(p, escaped, 6);
		} else {
			put(p, &text[i], 1);
		}
	}
	put(p, "\"", 1);
}

static void print_object(struct printer *p, struct json_object *object)
{
	struct json_object_iterator i = json_object_iter_begin(object);
	struct json_object_iterator end = json_object_iter_end(object);

	put(p, "{", 1);
	for (size_t n = 0; !json_object_iter_equal(&i, &end); json_object_iter_next(&i), n++) {
		const char *key = json_object_iter_peek_name(&i);

		put(p, ",", n > 0);
		print_string(p, key, strlen(key));
		put(p, ":", 1);
		print_value(p, json_object_iter_peek_value(&i));
	}
	put(p, "}", 1);
}

static void print_array(struct printer *p, struct json_object *array)
{
	put(p, "[", 1);
	for (size_t i = 0; i < json_object_array_length(array); i++) {
		put(p, ",", i > 0);
		print_value(p, json_object_array_get_idx(array, i));
	}
	put(p, "]", 1);
}

static void print_value(struct printer *p, struct json_object *value)
{
	char digits[24];

	if (json_object_is_type(value, json_type_object)) {
		print_object(p, value);
	} else if (json_object_is_type(value, json_type_array)) {
		print_array(p, value);
	} else if (json_object_is_type(value, json_type_string)) {
		print_string(p, json_object_get_string(value),
			(size_t)json_object_get_string_len(value));
	} else if (json_object_is_type(value, json_type_int)) {
		int n = snprintf(digits, sizeof(digits), "%" PRId64, json_object_get_int64(value));

		put(p, digits, (size_t)n);
	} else if (json_object_is_type(value, json_type_boolean)) {
		bool yes = json_object_get_boolean(value);

		put(p, yes ? "true" : "false", yes ? 4 : 5);
	} else {
		put(p, "null", 4);
	}
}

char *print_json(struct json_object *object, size_t *ret_bytes)
{
	struct printer p = { 0 };

	print_value(&p, object);
	p.at = malloc(p.bytes + 1);
	if (p.at == NULL)
		return NULL;
	p.bytes = 0;
	print_value(&p, object);
	p.at[p.bytes] = '\0';
	*ret_bytes = p.bytes + 1;
	return p.at;
}

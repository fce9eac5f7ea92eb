/* SPDX-License-Identifier: MIT */
/*
 * JSON values over json-c: see value.h.  A struct value is json-c's own object under another name,
 * never looked into, so that no other file of the tool needs to know of the library.
 *
 * What one would get wrong: json-c's NULL is the JSON null, and its getters convert (a string "12"
 * reads as 12).  So every getter asks for the type first.  What is made of a value for showing it
 * is kept as json-c's user data, which dies with the value: of a string, its printable copy; of an
 * object or array, its JSON text.
 */
#include "client/ctl/value.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "client/ctl/ctl.h"
#include "client/ctl/text.h"

enum { PARSE_DEPTH_MAX = 32 };

static struct json_object *json_of(struct value *v)
{
	return (struct json_object *)(void *)v;
}

/* json-c's getters take a plain pointer and change nothing. */
static struct json_object *json_of_const(const struct value *v)
{
	union {
		const struct value *in;
		struct json_object *out;
	} cast = { .in = v };

	return cast.out;
}

static struct value *value_of(struct json_object *json)
{
	return (struct value *)(void *)json;
}

static struct json_object *checked(struct json_object *json)
{
	if (!json)
		ctl_out_of_memory();
	return json;
}

static char *copy_text(const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		ctl_out_of_memory();
	return copy;
}

static void free_copy(struct json_object *json, void *copy)
{
	(void)json;
	free(copy);
}

static void add_json(struct value *object, const char *key, struct json_object *child)
{
	if (json_object_object_add(json_of(object), key, child) < 0)
		ctl_out_of_memory();
}

struct value *value_new_object(void)
{
	return value_of(checked(json_object_new_object()));
}

struct value *value_new_array(void)
{
	return value_of(checked(json_object_new_array()));
}

struct value *value_keep(struct value *v)
{
	return value_of(json_object_get(json_of(v)));
}

struct value *value_free(struct value *v)
{
	json_object_put(json_of(v));
	return NULL;
}

void value_add_int(struct value *object, const char *key, int64_t number)
{
	add_json(object, key, checked(json_object_new_int64(number)));
}

void value_add_uint(struct value *object, const char *key, uint64_t number)
{
	add_json(object, key, checked(json_object_new_uint64(number)));
}

void value_add_bool(struct value *object, const char *key, bool truth)
{
	add_json(object, key, checked(json_object_new_boolean(truth)));
}

void value_add_string(struct value *object, const char *key, const char *string)
{
	add_json(object, key, string ? checked(json_object_new_string(string)) : NULL);
}

void value_add_null(struct value *object, const char *key)
{
	add_json(object, key, NULL);
}

void value_add_decimal(struct value *object, const char *key, double number, unsigned int digits)
{
	char text[64];

	/* Neither an infinity nor a NaN is JSON. */
	if (!(number > -1e18 && number < 1e18)) {
		value_add_null(object, key);
		return;
	}
	snprintf(text, sizeof(text), "%.*f", (int)digits, number);
	add_json(object, key, checked(json_object_new_double_s(number, text)));
}

void value_add(struct value *object, const char *key, struct value *child)
{
	add_json(object, key, json_of(child));
}

void value_share(struct value *object, const char *key, const struct value *child)
{
	add_json(object, key, json_object_get(json_of_const(child)));
}

void value_append(struct value *array, struct value *child)
{
	if (json_object_array_add(json_of(array), json_of(child)) < 0)
		ctl_out_of_memory();
}

void value_append_string(struct value *array, const char *string)
{
	value_append(array, value_of(checked(json_object_new_string(string))));
}

bool value_is_object(const struct value *v)
{
	return json_object_is_type(json_of_const(v), json_type_object);
}

struct value *value_get(const struct value *object, const char *key)
{
	struct json_object *child;

	if (!json_object_is_type(json_of_const(object), json_type_object) ||
		!json_object_object_get_ex(json_of_const(object), key, &child))
		return NULL;
	return value_of(child);
}

bool value_get_int(const struct value *object, const char *key, int64_t *ret)
{
	struct json_object *child = json_of(value_get(object, key));

	if (!child || !json_object_is_type(child, json_type_int))
		return false;
	/* Above INT64_MAX json-c keeps an unsigned number and saturates here. */
	if (json_object_get_uint64(child) > INT64_MAX)
		return false;
	*ret = json_object_get_int64(child);
	return true;
}

bool value_get_uint(const struct value *object, const char *key, uint64_t *ret)
{
	struct json_object *child = json_of(value_get(object, key));

	if (!child || !json_object_is_type(child, json_type_int) ||
		json_object_get_int64(child) < 0)
		return false;
	*ret = json_object_get_uint64(child);
	return true;
}

bool value_get_bool(const struct value *object, const char *key, bool *ret)
{
	struct json_object *child = json_of(value_get(object, key));

	if (!child || !json_object_is_type(child, json_type_boolean))
		return false;
	*ret = json_object_get_boolean(child);
	return true;
}

static const char *string_of(struct json_object *json)
{
	const char *text;
	char *copy;

	if (!json || !json_object_is_type(json, json_type_string))
		return NULL;
	text = json_object_get_string(json);
	if (text_is_printable(text))
		return text;
	copy = json_object_get_userdata(json);
	if (!copy) {
		copy = copy_text(text);
		text_make_printable(copy);
		json_object_set_userdata(json, copy, free_copy);
	}
	return copy;
}

const char *value_get_string(const struct value *object, const char *key)
{
	return string_of(json_of(value_get(object, key)));
}

size_t value_length(const struct value *array)
{
	if (!json_object_is_type(json_of_const(array), json_type_array))
		return 0;
	return json_object_array_length(json_of_const(array));
}

struct value *value_at(const struct value *array, size_t index)
{
	if (index >= value_length(array))
		return NULL;
	return value_of(json_object_array_get_idx(json_of_const(array), index));
}

const char *value_at_string(const struct value *array, size_t index)
{
	return string_of(json_of(value_at(array, index)));
}

const char *value_scalar(const struct value *v)
{
	struct json_object *json = json_of_const(v);

	if (!json)
		return "";
	if (json_object_is_type(json, json_type_object) ||
		json_object_is_type(json, json_type_array))
		return NULL;
	if (json_object_is_type(json, json_type_boolean))
		return json_object_get_boolean(json) ? "yes" : "no";
	if (json_object_is_type(json, json_type_string))
		return string_of(json);
	return json_object_get_string(json);
}

static void visit_array(const struct value *array, value_visit_fn *visit, void *data)
{
	for (size_t i = 0; i < value_length(array); i++) {
		struct value *member = value_at(array, i);
		char key[24];

		snprintf(key, sizeof(key), "%zu", i);
		if (!visit(data, key, value_scalar(member), member))
			return;
	}
}

void value_visit(const struct value *v, value_visit_fn *visit, void *data)
{
	struct json_object *json = json_of_const(v);
	struct json_object_iterator at, end;

	if (!value_is_object(v)) {
		visit_array(v, visit, data);
		return;
	}
	at = json_object_iter_begin(json);
	end = json_object_iter_end(json);
	while (!json_object_iter_equal(&at, &end)) {
		struct value *member = value_of(json_object_iter_peek_value(&at));
		char *key = copy_text(json_object_iter_peek_name(&at));
		bool goes_on;

		text_make_printable(key);
		goes_on = visit(data, key, value_scalar(member), member);
		free(key);
		if (!goes_on)
			return;
		json_object_iter_next(&at);
	}
}

int value_parse(const char *text, size_t length, struct value **ret, const char **ret_reason)
{
	struct json_tokener *tokener;
	struct json_object *json;
	enum json_tokener_error error;
	size_t used;

	if (length > INT_MAX)
		return -EBADMSG;
	tokener = json_tokener_new_ex(PARSE_DEPTH_MAX);
	if (!tokener)
		return -ENOMEM;
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
	json = json_tokener_parse_ex(tokener, text, (int)length);
	error = json_tokener_get_error(tokener);
	/* A number may still go on at the end of the text: an empty rest tells that it does not. */
	used = json_tokener_get_parse_end(tokener);
	if (error == json_tokener_continue) {
		json = json_tokener_parse_ex(tokener, "", -1);
		error = json_tokener_get_error(tokener);
	}
	json_tokener_free(tokener);
	if (error == json_tokener_success && strspn(text + used, " \t\r\n") >= length - used) {
		*ret = value_of(json);
		return 0;
	}
	json_object_put(json);
	if (ret_reason)
		*ret_reason = error == json_tokener_continue  ? "the text ends too early"
			      : error == json_tokener_success ? "there is more after its end"
							      : json_tokener_error_desc(error);
	return error == json_tokener_error_size ? -ENOMEM : -EBADMSG;
}

/* What a terminal obeys and json-c does not escape: DEL, and U+0080 to U+009F of two bytes each. */
static bool is_obeyed(const char *at)
{
	return *at == 0x7f || (at[0] == '\xc2' && (at[1] & 0xe0) == 0x80);
}

static char *escape_obeyed(const char *text, size_t n_obeyed)
{
	char *escaped = malloc(strlen(text) + 5 * n_obeyed + 1), *end = escaped;

	if (!escaped)
		ctl_out_of_memory();
	for (; *text; text++) {
		if (!is_obeyed(text)) {
			*end++ = *text;
		} else {
			text += *text != 0x7f;
			end += sprintf(end, "\\u%04x", (unsigned int)(unsigned char)*text);
		}
	}
	*end = '\0';
	return escaped;
}

static const char *json_text(struct json_object *json, int flags)
{
	const char *text =
		json_object_to_json_string_ext(json, flags | JSON_C_TO_STRING_NOSLASHESCAPE);
	size_t n_obeyed = 0;
	char *escaped;

	for (const char *at = text; at && *at; at++)
		n_obeyed += is_obeyed(at);
	if (n_obeyed == 0)
		return text;
	escaped = escape_obeyed(text, n_obeyed);
	json_object_set_userdata(json, escaped, free_copy);
	return escaped;
}

const char *value_text(struct value *v)
{
	return json_text(json_of(v), JSON_C_TO_STRING_PLAIN);
}

void value_print(const struct ctl *ctl, struct value *v)
{
	int flags = JSON_C_TO_STRING_PLAIN;
	const char *text;

	if (ctl->json == CTL_JSON_PRETTY)
		flags = JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_PRETTY_TAB |
			JSON_C_TO_STRING_SPACED;
	text = json_text(json_of(v), flags);
	if (!text)
		ctl_out_of_memory();
	fputs(text, ctl->out);
	fputc('\n', ctl->out);
}

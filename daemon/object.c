/* SPDX-License-Identifier: MIT */
/*
 * json-c's constructors return NULL when memory is short, and its setters assert on NULL: here each
 * of them is asked.
 */
#include "daemon/object.h"

#include <errno.h>
#include <string.h>

#include <json-c/json.h>

#include "daemon/utf8.h"

struct object object_begin(void)
{
	return (struct object){ .json = json_object_new_object() };
}

struct json_object *object_end(struct object *o)
{
	if (o->error < 0) {
		json_object_put(o->json);
		o->json = NULL;
	}
	return o->json;
}

/* A copy of the key would be lost by json-c when there is no memory to make room for it. */
void object_add(struct object *o, const char *key, struct json_object *value)
{
	if (o->json != NULL && value != NULL &&
		json_object_object_add_ex(o->json, key, value, JSON_C_OBJECT_KEY_IS_CONSTANT) == 0)
		return;
	json_object_put(value);
	o->error = -ENOMEM;
}

void object_add_bool(struct object *o, const char *key, bool value)
{
	object_add(o, key, json_object_new_boolean(value));
}

void object_add_int(struct object *o, const char *key, int64_t value)
{
	object_add(o, key, json_object_new_int64(value));
}

void object_add_uint(struct object *o, const char *key, uint64_t value)
{
	object_add_int(o, key, value > INT64_MAX ? INT64_MAX : (int64_t)value);
}

struct json_object *object_text_of(const char *text, size_t bytes)
{
	char replaced[512];

	if (utf8_is_text(text, bytes))
		return json_object_new_string_len(text, (int)bytes);
	if (bytes > sizeof(replaced))
		bytes = sizeof(replaced);
	memcpy(replaced, text, bytes);
	utf8_make_text(replaced, bytes);
	return json_object_new_string_len(replaced, (int)bytes);
}

struct json_object *object_text(const char *text)
{
	return object_text_of(text, strlen(text));
}

void object_add_text(struct object *o, const char *key, const char *text)
{
	if (text != NULL && text[0] != '\0')
		object_add(o, key, object_text_of(text, strlen(text)));
}

void object_append(struct object *o, struct json_object *array, struct json_object *value)
{
	if (array != NULL && value != NULL && json_object_array_add(array, value) == 0)
		return;
	json_object_put(value);
	o->error = -ENOMEM;
}

struct json_object *object_add_array(struct object *o, const char *key)
{
	struct json_object *array = json_object_new_array();

	object_add(o, key, array);
	return o->error < 0 ? NULL : array;
}

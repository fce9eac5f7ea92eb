/* SPDX-License-Identifier: MIT */
/*
 * A JSON object in the making.
 *
 * It carries its error along: members are added without a look at what became of them, and only
 * object_end() tells.  A member whose value could not be made spoils the whole.
 */
#ifndef VDSOTIMED_OBJECT_H
#define VDSOTIMED_OBJECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_object;

struct object {
	struct json_object *json;
	int error;
};

struct object object_begin(void);

/* The whole, the caller's from here; NULL when memory was short for any of it. */
struct json_object *object_end(struct object *o);

/* key: of static storage, it is not copied.  value is consumed in every case. */
void object_add(struct object *o, const char *key, struct json_object *value);
void object_add_bool(struct object *o, const char *key, bool value);
void object_add_int(struct object *o, const char *key, int64_t value);

/* A Varlink int is of 64 bits signed: what is beyond stays at its end. */
void object_add_uint(struct object *o, const char *key, uint64_t value);

/* Nothing is added for NULL and "": not known. */
void object_add_text(struct object *o, const char *key, const char *text);

/* An array that is a member of o already, so that it dies with it; NULL when memory is short. */
struct json_object *object_add_array(struct object *o, const char *key);

/* Add to an array of o's.  array may be NULL; value is consumed. */
void object_append(struct object *o, struct json_object *array, struct json_object *value);

/* Text from outside; what is no UTF-8 or is a control character becomes '?'.  NULL: no memory. */
struct json_object *object_text(const char *text);
struct json_object *object_text_of(const char *text, size_t bytes);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * A JSON text read into a table of values: strictly, in place, and with no memory of its own.
 *
 * What passes: RFC 8259 in RFC 3629 UTF-8, an object at the top, no U+0000 anywhere, no escapes in
 * keys, no key twice in an object, integers of 64 bits signed, other numbers within a double's
 * range, and no more than the limits below.  json-c's reader, even in its strict mode, takes single
 * quotes, NaN, duplicate keys, keys cut at a NUL and saturated integers, and it crashes when memory
 * runs out; so it reads nothing that came from a peer.
 *
 * The one thing a reader would get wrong: the text is changed, also when it is refused.  Strings
 * lose their escapes and get a NUL at their end where they stand, and the table points into them.
 */
#ifndef VDSOTIMED_JSON_H
#define VDSOTIMED_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_DEPTH_MAX 8 /* nested objects and arrays, the outermost counted */
#define JSON_VALUES_MAX 128 /* in the whole text, containers counted */
#define JSON_NUMBER_MAX 32 /* characters of a number that is no integer */
#define JSON_EXPONENT_MAX 275 /* with so many digits before it, below the largest double */

/* X(NAME, name in statistics, sentence) */
#define JSON_VERDICTS(X) \
	X(SYNTAX, "jsonSyntax", "not a JSON object") \
	X(ENCODING, "jsonEncoding", "not UTF-8, or a character that is not allowed") \
	X(NUMBER, "jsonNumber", "a number out of range") \
	X(KEY, "jsonKey", "a key that is there twice, or is escaped") \
	X(LIMIT, "jsonLimit", "too deep, or too many values")

#define JSON_VERDICT_ENUM(NAME, name, text) JSON_##NAME,
enum json_verdict { JSON_PROPER, JSON_VERDICTS(JSON_VERDICT_ENUM) JSON_VERDICT_COUNT };
#undef JSON_VERDICT_ENUM

enum json_kind {
	JSON_IS_NULL,
	JSON_IS_BOOL,
	JSON_IS_INT,
	JSON_IS_REAL, /* any other number; its value is not kept */
	JSON_IS_STRING,
	JSON_IS_ARRAY,
	JSON_IS_OBJECT
};

/* A value.  What is in an array or object follows it in the table. */
struct json_value {
	enum json_kind kind;
	uint16_t count; /* of an array or object: values directly in it */
	uint16_t span; /* places of the table that it takes, with all that is in it */
	const char *key; /* in an object; NULL elsewhere */
	union {
		bool boolean;
		int64_t integer;
		const char *string; /* UTF-8, with a NUL at its end and nowhere else */
	};
};

/* The top object is values[0]. */
struct json_text {
	struct json_value values[JSON_VALUES_MAX];
	unsigned int count;
};

/* JSON_PROPER and *ret, good as long as text is; or what is wrong first.  text needs no NUL. */
enum json_verdict json_read(char *text, size_t bytes, struct json_text *ret);

/* Walk over what is directly in v: struct json_value pointers, first to last. */
#define JSON_FOR_EACH(child, v) \
	for (unsigned int child##_left = ((child) = (v) + 1, (v)->count); child##_left > 0; \
		child##_left--, (child) += (child)->span)

/* object[key]; NULL when it is not there, or is null. */
const struct json_value *json_member(const struct json_value *object, const char *key);

#endif

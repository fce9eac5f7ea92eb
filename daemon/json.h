/* SPDX-License-Identifier: MIT */
/*
 * Is this text JSON, strictly, and small enough?  The gate before json-c, which even in its strict
 * mode lets through single quotes, NaN, control characters, duplicate keys (the last wins), keys
 * cut at a NUL, overlong UTF-8, lone surrogates and integers it then saturates.
 *
 * What passes: RFC 8259 in RFC 3629 UTF-8, an object at the top, no U+0000 anywhere, no escapes in
 * keys, no key twice in an object, integers of 64 bits signed, other numbers within a double's
 * range, and no more than the limits below.  Nothing is allocated, and time is linear but for the
 * search for duplicate keys, which the limits bound.
 */
#ifndef VDSOTIMED_JSON_H
#define VDSOTIMED_JSON_H

#include <stdbool.h>
#include <stddef.h>

#define JSON_DEPTH_MAX 8 /* nested objects and arrays, the outermost counted */
#define JSON_VALUES_MAX 128 /* in the whole text, containers counted */
#define JSON_NUMBER_MAX 32 /* characters */
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

/* Is it UTF-8 without control characters: may it stand in a reply as it is? */
bool json_is_text(const char *text, size_t bytes);

/* JSON_PROPER, or what is wrong first.  text needs no NUL at its end. */
enum json_verdict json_check(const char *text, size_t bytes);

#endif

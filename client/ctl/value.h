/* SPDX-License-Identifier: MIT */
/*
 * A JSON value: what the daemon said, and what --json prints.  json-c stands behind it, in value.c
 * alone.
 *
 * Building: objects and arrays are made empty and filled; adding a child hands it over.  Where
 * memory runs out the program says so and ends with CTL_FAILURE: there is nothing better for a tool
 * to do, and no caller has to look.  Reading: a missing key, a null and a value of another type all
 * read as absent.
 *
 * Strings are handed out for people to see: whoever listens where the user pointed wrote them, so
 * what is not printable in them, and in the keys of a visit, reads as '?' (text_make_printable()).
 * JSON tells them exactly, with every control character escaped.
 *
 * What one would get wrong: numbers are integers in the unit of their key's suffix (NSec, Ticks);
 * floating point goes through value_add_decimal(), with its digits chosen, and is never computed
 * with.
 */
#ifndef VDSOTIMED_CTL_VALUE_H
#define VDSOTIMED_CTL_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ctl;
struct value;

struct value *value_new_object(void);
struct value *value_new_array(void);

/* One more owner of v, who frees it like the first.  Returns v. */
struct value *value_keep(struct value *v);

/* Free a value and all below it, unless others own it still.  Takes NULL; returns NULL. */
struct value *value_free(struct value *v);

/* Add to an object.  key is copied, and so is a string; a NULL string adds null. */
void value_add_int(struct value *object, const char *key, int64_t number);
void value_add_uint(struct value *object, const char *key, uint64_t number);
void value_add_bool(struct value *object, const char *key, bool truth);
void value_add_string(struct value *object, const char *key, const char *string);
void value_add_null(struct value *object, const char *key);
void value_add_decimal(struct value *object, const char *key, double number, unsigned int digits);
void value_add(struct value *object, const char *key, struct value *child); /* child handed over */
/* As value_add(), but the caller keeps its own hold on child, which must stay as it is. */
void value_share(struct value *object, const char *key, const struct value *child);

/* Append to an array. */
void value_append(struct value *array, struct value *child); /* child handed over */
void value_append_string(struct value *array, const char *string);

bool value_is_object(const struct value *v);

/* A child of an object; NULL when absent.  It belongs to its parent. */
struct value *value_get(const struct value *object, const char *key);

/*
 * Read a child of an object: true, and *ret written, where it is there and of that type and
 * range.
 */
bool value_get_int(const struct value *object, const char *key, int64_t *ret);
bool value_get_uint(const struct value *object, const char *key, uint64_t *ret);
bool value_get_bool(const struct value *object, const char *key, bool *ret);
const char *value_get_string(const struct value *object, const char *key); /* NULL: absent */

/* Length of an array (0 for anything else) and its members. */
size_t value_length(const struct value *array);
struct value *value_at(const struct value *array, size_t index);
const char *value_at_string(const struct value *array, size_t index); /* NULL: no string */

/*
 * The text of what is neither object nor array: "yes" and "no" for booleans, "" for null, a string
 * itself; else NULL.  Belongs to v.
 */
const char *value_scalar(const struct value *v);

/*
 * Visit an object's members in order, or an array's with "0", "1", ... for keys, until visit
 * returns false.  scalar is what value_scalar() gives of the member.
 */
typedef bool value_visit_fn(
	void *data, const char *key, const char *scalar, const struct value *member);
void value_visit(const struct value *v, value_visit_fn *visit, void *data);

/*
 * Parse length bytes of JSON text.  0; -EBADMSG when it is not one whole JSON value (*ret_reason
 * then names what is wrong), -ENOMEM.  ret_reason may be NULL.
 */
int value_parse(const char *text, size_t length, struct value **ret, const char **ret_reason);

/*
 * The value, which is no string, as JSON on one line, without spaces or newline.  Belongs to v,
 * until it is changed, printed or freed.
 */
const char *value_text(struct value *v);

/*
 * Write the value, which is no string, and a newline to ctl->out, as --json asks (CTL_JSON_OFF: as
 * short).  Write errors show at ctl_flush().
 */
void value_print(const struct ctl *ctl, struct value *v);

#endif

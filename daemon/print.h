/* SPDX-License-Identifier: MIT */
/*
 * A tree of json-c as the text that goes on the wire.
 *
 * json-c's own printer drops what it finds no memory for, and a reply with a hole in it is still
 * sent. This one counts first, asks for memory once, and then cannot fail.
 */
#ifndef VDSOTIMED_PRINT_H
#define VDSOTIMED_PRINT_H

#include <stddef.h>

struct json_object;

/*
 * The text of object, to be freed, and its length with its NUL: no spaces, "/" as it is.  object:
 * of objects, arrays, strings of UTF-8, integers and booleans.  NULL when memory is short.
 */
char *print_json(struct json_object *object, size_t *ret_bytes);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * A reader of Varlink interface texts, good enough to hold a reply against what its interface
 * declares.
 */
#ifndef VDSOTIMED_TEST_IDL_H
#define VDSOTIMED_TEST_IDL_H

#include <stddef.h>

struct json_object;

/*
 * Does value have exactly the members, each of its type, that the reply of that method ("method"),
 * or that error ("error"), declares?  0, or -1 and in ret a sentence that names the member.
 */
int idl_check(const char *idl, const char *kind, const char *name, struct json_object *value,
	char *ret, size_t ret_bytes);

/* The name of the n-th method, from 0; NULL past the last.  In a static buffer. */
const char *idl_method(const char *idl, unsigned int n);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Copying and clearing without memcpy() and memset(), which a program without libc does not have.
 * A compiler makes calls of them out of an assignment of a large struct: large structs go through
 * here.  (The build tells it not to recognise these loops.)
 */
#ifndef PROTO_VDSO_BYTES_H
#define PROTO_VDSO_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline void bytes_clear(void *to, size_t bytes)
{
	unsigned char *p = (unsigned char *)to;

	for (size_t i = 0; i < bytes; i++)
		p[i] = 0;
}

static inline void bytes_copy(void *to, const void *from, size_t bytes)
{
	unsigned char *p = (unsigned char *)to;
	const unsigned char *q = (const unsigned char *)from;

	for (size_t i = 0; i < bytes; i++)
		p[i] = q[i];
}

static inline bool text_equal(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	return *a == *b;
}

#endif

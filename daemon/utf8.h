/* SPDX-License-Identifier: MIT */
/*
 * UTF-8 (RFC 3629), for what is read from peers, and what is told of text from outside.
 *
 * The one thing a reader would get wrong: control characters are characters.  Only utf8_is_text()
 * minds them.
 */
#ifndef VDSOTIMED_UTF8_H
#define VDSOTIMED_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Bytes of the character at at, which starts with one from 0x80 on; 0: it is none.  The table in
 * section 4 of the RFC: the second byte's range shuts out overlong forms, surrogates, and what lies
 * beyond U+10FFFF.
 */
size_t utf8_length(const unsigned char *at, const unsigned char *end);

/* Write character c, up to U+10FFFF and no surrogate, in up to four bytes; the place behind it. */
unsigned char *utf8_put(unsigned char *to, unsigned int c);

/* Is it UTF-8 without control characters: may it stand in a reply as it is? */
bool utf8_is_text(const char *text, size_t bytes);

/* For what is none: each byte of it that is not printable ASCII becomes '?'. */
void utf8_make_text(char *text, size_t bytes);

#endif

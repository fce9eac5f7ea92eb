/* SPDX-License-Identifier: MIT */
/*
 * A line of text put together and written, without libc and without a 64-bit division.
 */
#ifndef EXAMPLES_NOLIBC_TEXT_H
#define EXAMPLES_NOLIBC_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include <vdsotime/page.h>

#include "proto/vdso/native.h"

enum { TEXT_BYTES = 256, STANDARD_OUTPUT = 1 };

struct text {
	size_t length;
	char bytes[TEXT_BYTES];
};

static inline void text_char(struct text *t, char c)
{
	if (t->length < TEXT_BYTES)
		t->bytes[t->length++] = c;
}

static inline void text_add(struct text *t, const char *s)
{
	while (*s)
		text_char(t, *s++);
}

/* Spaces up to column. */
static inline void text_to(struct text *t, size_t column)
{
	while (t->length < column)
		text_char(t, ' ');
}

/* n in decimal, of at least `digits` digits. */
static inline void text_u32(struct text *t, uint32_t n, unsigned digits)
{
	char reversed[10];
	unsigned count = 0;

	while (n || count < digits || count == 0) {
		reversed[count++] = (char)('0' + n % 10);
		n /= 10;
	}
	while (count > 0)
		text_char(t, reversed[--count]);
}

/* n in decimal: its part above 10^9, and the nine digits below. */
static inline void text_u64(struct text *t, uint64_t n)
{
	uint64_t high = vdsotime_seconds(n);

	if (high)
		text_u32(t, (uint32_t)high, 1);
	text_u32(t, (uint32_t)(n - high * 1000000000), high ? 9 : 1);
}

static inline void text_hex(struct text *t, uint64_t n)
{
	unsigned shift = 60;

	text_add(t, "0x");
	while (shift && !(n >> shift))
		shift -= 4;
	for (;; shift -= 4) {
		text_char(t, "0123456789abcdef"[n >> shift & 15]);
		if (shift == 0)
			return;
	}
}

/* Writes the line and its newline, and empties it. */
static inline void text_write(struct text *t)
{
	text_char(t, '\n');
	(void)sys_call3(NR_WRITE, STANDARD_OUTPUT, sys_pointer(t->bytes), (NATIVE_WORD)t->length);
	t->length = 0;
}

__attribute__((noreturn)) static inline void nolibc_exit(int status)
{
	for (;;)
		(void)sys_call3(NR_EXIT_GROUP, status, 0, 0);
}

#endif

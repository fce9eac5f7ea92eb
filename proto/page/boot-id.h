/* SPDX-License-Identifier: MIT */
/*
 * The boot id as the kernel writes it: sixteen bytes in lower-case hexadecimal digits, dashes
 * between some of them, and a newline (drivers/char/random.c, proc_do_uuid()).
 */
#ifndef PROTO_PAGE_BOOT_ID_H
#define PROTO_PAGE_BOOT_ID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/vdso/bytes.h"

#define BOOT_ID_FILE "/proc/sys/kernel/random/boot_id"

/* Room for all of its text. */
#define BOOT_ID_TEXT_BYTES 40

/* 0 to 15, or -1. */
static inline int32_t boot_id_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

/*
 * text: bytes of it, up to a newline or not; it need not end with a NUL.  False: it is no boot id,
 * and ret is as it was.
 */
static inline bool boot_id_parse(const char *text, size_t bytes, uint8_t ret[static 16])
{
	uint8_t id[16];
	size_t n = 0;

	for (size_t i = 0; i < bytes && text[i] != '\n'; i++) {
		if (text[i] == '-')
			continue;
		int32_t high = boot_id_digit(text[i]);
		int32_t low = i + 1 < bytes ? boot_id_digit(text[i + 1]) : -1;

		if (high < 0 || low < 0 || n == sizeof(id))
			return false;
		id[n++] = (uint8_t)(high << 4 | low);
		i++;
	}
	if (n != sizeof(id))
		return false;
	bytes_copy(ret, id, sizeof(id));
	return true;
}

#endif

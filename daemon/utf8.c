/* SPDX-License-Identifier: MIT */
#include "daemon/utf8.h"

size_t utf8_length(const unsigned char *at, const unsigned char *end)
{
	unsigned int lead = *at;
	unsigned int low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
	unsigned int high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
	size_t bytes = lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;

	if (lead < 0xc2 || lead > 0xf4 || (size_t)(end - at) < bytes)
		return 0;
	for (size_t i = 1; i < bytes; i++, low = 0x80, high = 0xbf) {
		if (at[i] < low || at[i] > high)
			return 0;
	}
	return bytes;
}

unsigned char *utf8_put(unsigned char *to, unsigned int c)
{
	if (c < 0x80) {
		*to++ = (unsigned char)c;
		return to;
	}
	if (c < 0x800) {
		*to++ = (unsigned char)(0xc0 | c >> 6);
	} else {
		if (c < 0x10000) {
			*to++ = (unsigned char)(0xe0 | c >> 12);
		} else {
			*to++ = (unsigned char)(0xf0 | c >> 18);
			*to++ = (unsigned char)(0x80 | (c >> 12 & 0x3f));
		}
		*to++ = (unsigned char)(0x80 | (c >> 6 & 0x3f));
	}
	*to++ = (unsigned char)(0x80 | (c & 0x3f));
	return to;
}

bool utf8_is_text(const char *text, size_t bytes)
{
	const unsigned char *at = (const unsigned char *)text;
	const unsigned char *end = at + bytes;

	while (at < end) {
		size_t length = *at < 0x20 || *at == 0x7f ? 0
				: *at < 0x80              ? 1
							  : utf8_length(at, end);

		if (length == 0)
			return false;
		at += length;
	}
	return true;
}

void utf8_make_text(char *text, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++) {
		if (text[i] < ' ' || text[i] > '~')
			text[i] = '?';
	}
}

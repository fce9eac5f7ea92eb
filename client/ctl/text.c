/* SPDX-License-Identifier: MIT */
/*
 * Text for people: see text.h.
 */
#include "client/ctl/text.h"

#include <stdarg.h>
#include <stdint.h>

enum { KEY_WIDTH = 13 };

/* Bytes of the printable character at text; 0: there is none. */
static size_t character_bytes(const char *text)
{
	/*
	 * What is written longer than it has to be is another character to whom that does not
	 * matter; and below U+00A0 two bytes are a control character.
	 */
	static const uint32_t least[] = { [2] = 0xa0, [3] = 0x800, [4] = 0x10000 };
	const unsigned char *at = (const unsigned char *)text;
	size_t n = *at < 0xe0 ? 2 : *at < 0xf0 ? 3 : 4;
	uint32_t code;

	if (*at < 0x80)
		return *at >= ' ' && *at <= '~';
	if (*at < 0xc0 || *at >= 0xf8)
		return 0;
	code = *at & 0x7fU >> n;
	for (size_t i = 1; i < n; i++) {
		if ((at[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (at[i] & 0x3fU);
	}
	return code >= least[n] && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff) ? n : 0;
}

bool text_is_printable(const char *text)
{
	while (*text) {
		size_t n = character_bytes(text);

		if (n == 0)
			return false;
		text += n;
	}
	return true;
}

void text_make_printable(char *text)
{
	while (*text) {
		size_t n = character_bytes(text);

		if (n == 0)
			*text = '?';
		text += n ? n : 1;
	}
}

const char *text_color(const struct ctl *ctl, enum text_color color)
{
	static const char *const sequences[] = {
		[TEXT_PLAIN] = "\033[0m",
		[TEXT_GOOD] = "\033[32m",
		[TEXT_WARN] = "\033[33m",
		[TEXT_BAD] = "\033[31m",
		[TEXT_BOLD] = "\033[1m",
	};

	return ctl->color ? sequences[color] : "";
}

void text_field(const struct ctl *ctl, const char *key, const char *format, ...)
{
	va_list args;

	fprintf(ctl->out, "%*s%c ", KEY_WIDTH, key, *key ? ':' : ' ');
	va_start(args, format);
	vfprintf(ctl->out, format, args);
	va_end(args);
	fputc('\n', ctl->out);
}

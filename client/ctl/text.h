/* SPDX-License-Identifier: MIT */
/*
 * Text for people: what may be shown of text from outside, "Key: value" lines, colours.
 */
#ifndef VDSOTIMED_CTL_TEXT_H
#define VDSOTIMED_CTL_TEXT_H

#include "client/ctl/ctl.h"

/*
 * Is text UTF-8 without control characters (C0, DEL, C1), so that no terminal takes any of it for a
 * command and a line of it stays one?
 */
bool text_is_printable(const char *text);

/* Each byte of what is otherwise becomes '?'. */
void text_make_printable(char *text);

enum text_color { TEXT_PLAIN, TEXT_GOOD, TEXT_WARN, TEXT_BAD, TEXT_BOLD };

/* The escape sequence that starts a colour (TEXT_PLAIN: ends it); "" when ctl->color is off. */
const char *text_color(const struct ctl *ctl, enum text_color color);

/* One line: key right-aligned, a colon, the value.  An empty key continues the line before. */
void text_field(const struct ctl *ctl, const char *key, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif

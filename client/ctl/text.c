/* SPDX-License-Identifier: MIT */
/*
 * Text for people: see text.h.
 */
#include "client/ctl/text.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_WIDTH = 13 };

struct table {
	const struct text_column *columns;
	size_t n_columns;
	size_t n_cells;
	size_t capacity;
	char **cells; /* row by row */
};

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
		[TEXT_DIM] = "\033[2m",
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

static void *checked(void *memory)
{
	if (!memory) {
		fputs("vdsotimectl: out of memory\n", stderr);
		exit(CTL_FAILURE);
	}
	return memory;
}

struct table *table_new(const struct text_column *columns, size_t n)
{
	struct table *t = checked(calloc(1, sizeof(*t)));

	t->columns = columns;
	t->n_columns = n;
	return t;
}

void table_cell(struct table *t, const char *format, ...)
{
	va_list args;
	char *text;

	if (t->n_cells == t->capacity) {
		t->capacity = t->capacity ? 2 * t->capacity : 64;
		t->cells = checked(realloc(t->cells, t->capacity * sizeof(*t->cells)));
	}
	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	va_end(args);
	t->cells[t->n_cells++] = checked(text);
}

/* The last column is not padded when it is aligned to the left: no line ends in spaces. */
static void print_cell(
	const struct ctl *ctl, const struct table *t, size_t column, size_t width, const char *text)
{
	bool last = column + 1 == t->n_columns;
	int pad = last && !t->columns[column].right ? 0 : (int)width;

	fprintf(ctl->out, "%*s%s", t->columns[column].right ? pad : -pad, text, last ? "" : "  ");
}

void table_print(const struct ctl *ctl, const struct table *t)
{
	size_t widths[TEXT_COLUMNS_MAX] = { 0 };

	for (size_t c = 0; c < t->n_columns && ctl->legend; c++)
		widths[c] = strlen(t->columns[c].heading);
	for (size_t i = 0; i < t->n_cells; i++) {
		size_t width = strlen(t->cells[i]);

		if (width > widths[i % t->n_columns])
			widths[i % t->n_columns] = width;
	}
	if (ctl->legend) {
		fputs(text_color(ctl, TEXT_BOLD), ctl->out);
		for (size_t c = 0; c < t->n_columns; c++)
			print_cell(ctl, t, c, widths[c], t->columns[c].heading);
		/* Before the newline: whoever takes this line alone has the colour ended, too. */
		fprintf(ctl->out, "%s\n", text_color(ctl, TEXT_PLAIN));
	}
	for (size_t i = 0; i < t->n_cells; i++) {
		size_t column = i % t->n_columns;

		print_cell(ctl, t, column, widths[column], t->cells[i]);
		if (column + 1 == t->n_columns)
			fputc('\n', ctl->out);
	}
}

struct table *table_free(struct table *t)
{
	if (!t)
		return NULL;
	for (size_t i = 0; i < t->n_cells; i++)
		free(t->cells[i]);
	free(t->cells);
	free(t);
	return NULL;
}

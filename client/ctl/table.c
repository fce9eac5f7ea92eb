/* SPDX-License-Identifier: MIT */
/*
 * A table: see table.h.
 */
#include "client/ctl/table.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "client/ctl/text.h"

struct table {
	const struct table_column *columns;
	size_t n_columns;
	size_t n_cells;
	size_t capacity;
	char **cells; /* row by row */
};

static void *checked(void *memory)
{
	if (!memory)
		ctl_out_of_memory();
	return memory;
}

struct table *table_new(const struct table_column *columns, size_t n)
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
	size_t widths[TABLE_COLUMNS_MAX] = { 0 };

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

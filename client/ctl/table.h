/* SPDX-License-Identifier: MIT */
/*
 * A table: cells are added row by row, then printed at once with the widths that fit.
 *
 * What one would get wrong: widths are of bytes seen, so colours go around a whole line, never into
 * a cell.
 */
#ifndef VDSOTIMED_CTL_TABLE_H
#define VDSOTIMED_CTL_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "client/ctl/ctl.h"

enum { TABLE_COLUMNS_MAX = 12 };

struct table_column {
	const char *heading;
	bool right; /* align to the right */
};

struct table;

/*
 * n at most TABLE_COLUMNS_MAX; columns must outlive the table.  Never NULL (see value.h on
 * memory).
 */
struct table *table_new(const struct table_column *columns, size_t n);
void table_cell(struct table *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Print it, with its headings where ctl->legend. */
void table_print(const struct ctl *ctl, const struct table *t);

/* Takes NULL; returns NULL. */
struct table *table_free(struct table *t);

#endif

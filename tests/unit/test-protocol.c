/* SPDX-License-Identifier: MIT */
/*
 * PROTOCOL.md against the headers: every table about a struct, an enum or constants is read, and
 * must say what the compiler says, row for row, with none missing and none too many.
 *
 * A section is found by the backquoted name in its heading.  What is checked is listed here once; a
 * table in the document that nothing here knows is an error too.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <vdsotime/page.h>

#include "proto/wire/stamp.h"

/* A row that a table must have, and whether it was met. */
struct row {
	const char *name;
	uint64_t first; /* offset, index or value */
	uint64_t second; /* bytes; 0 in tables without them */
	bool met;
};

struct table {
	const char *heading;
	struct row *rows;
	size_t count;
	bool met;
};

#define FIELD(type, member) \
	{ \
#member, offsetof(struct type, member), sizeof(((struct type *)0)->member), false \
	}
#define INDEX(prefix, name) \
	{ \
#name, prefix##name, 0, false \
	}
#define VALUE(name) \
	{ \
#name, (uint64_t)(name), 0, false \
	}

static struct row page_rows[] = {
	FIELD(vdsotime_page, header),
	FIELD(vdsotime_page, line),
	FIELD(vdsotime_page, epoch),
	FIELD(vdsotime_page, pad),
	FIELD(vdsotime_page, ring),
};

static struct row header_rows[] = {
	FIELD(vdsotime_page_header, magic),
	FIELD(vdsotime_page_header, major),
	FIELD(vdsotime_page_header, minor),
	FIELD(vdsotime_page_header, size_bytes),
	FIELD(vdsotime_page_header, boot_id),
	FIELD(vdsotime_page_header, time_namespace_dev),
	FIELD(vdsotime_page_header, time_namespace_inode),
	FIELD(vdsotime_page_header, counter_hz),
	FIELD(vdsotime_page_header, counter_kind),
	FIELD(vdsotime_page_header, ring_entries),
	FIELD(vdsotime_page_header, instance),
	FIELD(vdsotime_page_header, reserved),
};

static struct row line_rows[] = {
	FIELD(vdsotime_line, seq),
	FIELD(vdsotime_line, meta),
	FIELD(vdsotime_line, word),
	FIELD(vdsotime_line, extra),
};

static struct row word_rows[] = {
	INDEX(VDSOTIME_WORD_, COUNTER),
	INDEX(VDSOTIME_WORD_, MULT),
	INDEX(VDSOTIME_WORD_, MONOTONIC),
	INDEX(VDSOTIME_WORD_, REALTIME),
	INDEX(VDSOTIME_WORD_, BOOTTIME),
	INDEX(VDSOTIME_WORD_, RAW_MULT),
	INDEX(VDSOTIME_WORD_, RAW),
};

static struct row extra_rows[] = {
	INDEX(VDSOTIME_EXTRA_, GENERATION),
	INDEX(VDSOTIME_EXTRA_, EPOCH),
	INDEX(VDSOTIME_EXTRA_, ERROR),
	INDEX(VDSOTIME_EXTRA_, ERROR_GROWTH),
	INDEX(VDSOTIME_EXTRA_, TRACKING),
	INDEX(VDSOTIME_EXTRA_, TRACKING_GROWTH),
	INDEX(VDSOTIME_EXTRA_, FLAGS),
	INDEX(VDSOTIME_EXTRA_, CHECK),
};

static struct row constant_rows[] = {
	VALUE(VDSOTIME_PAGE_MAGIC),
	VALUE(VDSOTIME_PAGE_MAJOR),
	VALUE(VDSOTIME_PAGE_MINOR),
	VALUE(VDSOTIME_PAGE_RING),
	VALUE(VDSOTIME_PAGE_TRIES),
	VALUE(VDSOTIME_PAGE_TRACKING_MAX_NS),
	VALUE(VDSOTIME_LINE_WORDS),
	VALUE(VDSOTIME_LINE_EXTRA_WORDS),
	VALUE(VDSOTIME_META_WINDOW_MASK),
	VALUE(VDSOTIME_META_OFF),
	VALUE(VDSOTIME_CHECK_FACTOR),
	VALUE(VDSOTIME_META_TAI_SHIFT),
	VALUE(VDSOTIME_FLAGS_TAI_KNOWN),
	VALUE(VDSOTIME_NO_ERROR_BOUND),
};

static struct row request_rows[] = {
	FIELD(stamp_request, op),
	FIELD(stamp_request, reserved),
	FIELD(stamp_request, version),
	FIELD(stamp_request, clock_id),
	FIELD(stamp_request, word),
	FIELD(stamp_request, magic),
	FIELD(stamp_request, flags),
	FIELD(stamp_request, interval_us),
	FIELD(stamp_request, count),
	FIELD(stamp_request, words),
};

static struct row record_rows[] = {
	FIELD(stamp_record, op),
	FIELD(stamp_record, flags),
	FIELD(stamp_record, error),
	FIELD(stamp_record, version),
	FIELD(stamp_record, packet_max),
	FIELD(stamp_record, page_major),
	FIELD(stamp_record, page_minor),
	FIELD(stamp_record, page_size_bytes),
	FIELD(stamp_record, interval_us),
	FIELD(stamp_record, count),
	FIELD(stamp_record, time_ns),
	FIELD(stamp_record, first),
	FIELD(stamp_record, counter_ticks),
	FIELD(stamp_record, epoch),
	FIELD(stamp_record, second),
	FIELD(stamp_record, lost),
	VALUE(STAMP_FLAG_PAGE),
	VALUE(STAMP_FLAG_LAST),
};

#define MESSAGE(NAME, name, number, request, record, text) { #name, number, 0, false },
static struct row op_rows[] = { STAMP_MESSAGES(MESSAGE) };

#define REFUSAL(NAME, name, text) { name, STAMP_REFUSAL_##NAME, 0, false },
static struct row refusal_rows[] = { STAMP_REFUSALS(REFUSAL) };

static struct row stamp_constant_rows[] = {
	VALUE(STAMP_MAGIC),
	VALUE(STAMP_VERSION),
	VALUE(STAMP_PACKET_MAX),
	VALUE(STAMP_INTERVAL_MIN_US),
};

#define TABLE(heading, rows) \
	{ \
		heading, rows, sizeof(rows) / sizeof((rows)[0]), false \
	}

static struct table tables[] = {
	TABLE("### `struct vdsotime_page`", page_rows),
	TABLE("### `struct vdsotime_page_header`", header_rows),
	TABLE("### `struct vdsotime_line`", line_rows),
	TABLE("### `enum vdsotime_word`", word_rows),
	TABLE("### `enum vdsotime_extra`", extra_rows),
	TABLE("### Constants", constant_rows),
	TABLE("### `struct stamp_request`", request_rows),
	TABLE("### `struct stamp_record`", record_rows),
	TABLE("### `enum stamp_op`", op_rows),
	TABLE("### `enum stamp_refusal`", refusal_rows),
	TABLE("### Stamp constants", stamp_constant_rows),
};
#define TABLES (sizeof(tables) / sizeof(tables[0]))

static struct table *find_table(const char *heading)
{
	for (size_t i = 0; i < TABLES; i++)
		if (strcmp(tables[i].heading, heading) == 0)
			return &tables[i];
	return NULL;
}

/* The name between backquotes anywhere in the line, into name. */
static bool quoted(const char *line, char *name, size_t bytes)
{
	const char *start = strchr(line, '`');
	const char *end = start ? strchr(start + 1, '`') : NULL;

	if (!end || (size_t)(end - start) > bytes)
		return false;
	memcpy(name, start + 1, (size_t)(end - start - 1));
	name[end - start - 1] = '\0';
	return true;
}

static struct row *find_row(const struct table *t, const char *name)
{
	for (size_t i = 0; i < t->count; i++)
		if (strcmp(t->rows[i].name, name) == 0)
			return &t->rows[i];
	return NULL;
}

/* "| 0 | 8 | `name` | ..." or "| 0 | `name` | ..." or "| `name` | 0x10 |". */
static void check_row(struct table *t, const char *line)
{
	char name[64];
	struct row *row;
	char *end;

	if (!quoted(line, name, sizeof(name)))
		fail_msg("%s: a row without a name: %s", t->heading, line);
	row = find_row(t, name);
	if (!row)
		fail_msg("%s: `%s` is in the document and not in the header", t->heading, name);
	const char *number = line[2] == '`' ? strchr(strchr(line + 3, '`'), '|') + 1 : line + 2;
	uint64_t first = strtoull(number, &end, 0);

	if (first != row->first)
		fail_msg("%s: `%s` is %llu in the document, %llu in the header", t->heading, name,
			(unsigned long long)first, (unsigned long long)row->first);
	if (row->second && strtoull(end + 2, NULL, 0) != row->second)
		fail_msg("%s: `%s` has %llu bytes in the header", t->heading, name,
			(unsigned long long)row->second);
	assert_false(row->met);
	row->met = true;
}

static void test_the_document_says_what_the_headers_say(void **state)
{
	FILE *f = fopen(SOURCE_ROOT "/proto/PROTOCOL.md", "re");
	struct table *table = NULL;
	char line[512];

	(void)state;
	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		if (line[0] == '#') {
			table = find_table(line);
			if (table)
				table->met = true;
			else if (strstr(line, "`struct ") || strstr(line, "`enum "))
				fail_msg("nothing checks the section %s", line);
		} else if (table && (strncmp(line, "| `", 3) == 0 ||
					    (line[0] == '|' && line[2] >= '0' && line[2] <= '9'))) {
			check_row(table, line);
		}
	}
	fclose(f);
}

static void test_nothing_of_the_headers_is_missing_in_the_document(void **state)
{
	(void)state;
	for (size_t i = 0; i < TABLES; i++) {
		if (!tables[i].met)
			fail_msg("the document lacks the section %s", tables[i].heading);
		for (size_t j = 0; j < tables[i].count; j++)
			if (!tables[i].rows[j].met)
				fail_msg(
					"%s lacks `%s`", tables[i].heading, tables[i].rows[j].name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_document_says_what_the_headers_say),
		cmocka_unit_test(test_nothing_of_the_headers_is_missing_in_the_document),
	};

	return cmocka_run_group_tests_name("protocol", tests, NULL, NULL);
}

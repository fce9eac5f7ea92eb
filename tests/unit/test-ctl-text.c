/* SPDX-License-Identifier: MIT */
/* Aligned text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/ctl/table.h"
#include "client/ctl/text.h"

static const struct table_column columns[] = {
	{ "NAME", false },
	{ "NS", true },
	{ "PATH", false },
};

static void fill(struct table *t)
{
	table_cell(t, "%s", "a");
	table_cell(t, "%d", 12345);
	table_cell(t, "%s", "page");
	table_cell(t, "%s", "longer");
	table_cell(t, "%d", 1);
	table_cell(t, "%s", "");
}

static char *printed(struct ctl *ctl)
{
	struct table *t = table_new(columns, 3);
	char *text;
	size_t bytes;

	fill(t);
	ctl->out = open_memstream(&text, &bytes);
	table_print(ctl, t);
	fclose(ctl->out);
	assert_null(table_free(t));
	return text;
}

static void test_columns_align_to_what_is_widest(void **state)
{
	struct ctl ctl = { .legend = true };
	char *text = printed(&ctl);

	(void)state;
	assert_string_equal(text, "NAME       NS  PATH\n"
				  "a       12345  page\n"
				  "longer      1  \n");
	free(text);
}

static void test_no_legend_leaves_out_the_headings_and_their_width(void **state)
{
	static const struct table_column wide[] = { { "A WIDE HEADING", true } };
	struct ctl ctl = { .legend = false };
	struct table *t = table_new(wide, 1);
	char *text;
	size_t bytes;

	(void)state;
	table_cell(t, "x");
	ctl.out = open_memstream(&text, &bytes);
	table_print(&ctl, t);
	fclose(ctl.out);
	assert_string_equal(text, "x\n");
	free(text);
	table_free(t);
}

static void test_colour_is_only_there_when_it_is_on(void **state)
{
	struct ctl ctl = { .legend = true };
	char *text;

	(void)state;
	assert_string_equal(text_color(&ctl, TEXT_BAD), "");
	ctl.color = true;
	assert_string_equal(text_color(&ctl, TEXT_PLAIN), "\033[0m");
	text = printed(&ctl);
	assert_non_null(strstr(text, "\033[1mNAME"));
	assert_non_null(strstr(text, "\033[0m\n"));
	free(text);
}

static void test_fields_align_at_the_colon(void **state)
{
	struct ctl ctl = { 0 };
	char *text;
	size_t bytes;

	(void)state;
	ctl.out = open_memstream(&text, &bytes);
	text_field(&ctl, "Page", "age %d", 3);
	text_field(&ctl, "", "more");
	fclose(ctl.out);
	assert_string_equal(text, "         Page: age 3\n               more\n");
	free(text);
}

static void test_an_empty_table_prints_its_headings(void **state)
{
	struct ctl ctl = { .legend = true };
	struct table *t = table_new(columns, 3);
	char *text;
	size_t bytes;

	(void)state;
	ctl.out = open_memstream(&text, &bytes);
	table_print(&ctl, t);
	fclose(ctl.out);
	assert_string_equal(text, "NAME  NS  PATH\n");
	free(text);
	table_free(t);
	assert_null(table_free(NULL));
}

static void test_only_whole_printable_characters_are_printable(void **state)
{
	static const struct {
		const char *text;
		const char *made; /* NULL: printable already */
	} cases[] = {
		{ "", NULL },
		{ " ~", NULL },
		{ "\t\n\x1f\x7f", "????" },
		{ "a\x1b[2Jb", "a?[2Jb" },
		{ "\xc2\x80\xc2\x9f\xc2\xa0", "????\xc2\xa0" },
		{ "\xdf\xbf\xe0\xa0\x80\xef\xbf\xbd\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", NULL },
		/* no UTF-8: alone, cut, beyond the last, half of a pair */
		{ "\x9b\xff\xc3", "???" },
		{ "\xe2\x82", "??" },
		{ "\xe2\x82z", "??z" },
		{ "\xf4\x90\x80\x80\xf5\x80\x80\x80", "????????" },
		{ "\xed\x9f\xbf\xed\xa0\x80", "\xed\x9f\xbf???" },
		/* ESC and U+009B, written longer than they are */
		{ "\xc0\x9b\xe0\x82\x9b\xf0\x80\x80\x9b", "?????????" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		char text[32];

		strcpy(text, cases[i].text);
		assert_int_equal(text_is_printable(text), !cases[i].made);
		text_make_printable(text);
		assert_string_equal(text, cases[i].made ? cases[i].made : cases[i].text);
		assert_true(text_is_printable(text));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_columns_align_to_what_is_widest),
		cmocka_unit_test(test_no_legend_leaves_out_the_headings_and_their_width),
		cmocka_unit_test(test_colour_is_only_there_when_it_is_on),
		cmocka_unit_test(test_fields_align_at_the_colon),
		cmocka_unit_test(test_an_empty_table_prints_its_headings),
		cmocka_unit_test(test_only_whole_printable_characters_are_printable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

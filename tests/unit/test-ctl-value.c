/* SPDX-License-Identifier: MIT */
/* JSON values: built, read, printed; and what is no JSON refused. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/ctl/ctl.h"
#include "client/ctl/value.h"

static struct value *parsed(const char *text)
{
	struct value *v;

	assert_int_equal(value_parse(text, strlen(text), &v, NULL), 0);
	return v;
}

static void test_a_built_value_prints_in_order(void **state)
{
	struct value *v = value_new_object(), *list = value_new_array();

	(void)state;
	value_add_int(v, "low", INT64_MIN);
	value_add_uint(v, "high", UINT64_MAX);
	value_add_bool(v, "yes", true);
	value_add_string(v, "path", "/run/\"x\"\n");
	value_add_string(v, "none", NULL);
	value_add_decimal(v, "ratio", 0.1, 3);
	value_append_string(list, "a");
	value_append(list, value_new_object());
	value_add(v, "list", list);
	assert_string_equal(value_text(v),
		"{\"low\":-9223372036854775808,\"high\":18446744073709551615,\"yes\":true,"
		"\"path\":\"/run/\\\"x\\\"\\n\",\"none\":null,\"ratio\":0.100,\"list\":[\"a\",{}]}");
	value_free(v);
}

static void test_what_is_no_number_is_null_in_json(void **state)
{
	struct value *v = value_new_object();
	const double zero = 0.0;

	(void)state;
	value_add_decimal(v, "nan", zero / zero, 1);
	value_add_decimal(v, "infinity", 1.0 / zero, 1);
	assert_string_equal(value_text(v), "{\"nan\":null,\"infinity\":null}");
	value_free(v);
}

static void test_a_member_is_read_only_as_what_it_is(void **state)
{
	struct value *v = parsed("{\"n\":-5,\"big\":18446744073709551615,\"s\":\"12\",\"b\":true,"
				 "\"d\":1.5,\"z\":null,\"o\":{\"in\":1}}");
	int64_t i = 42;
	uint64_t u = 42;
	bool b = false;

	(void)state;
	assert_true(value_get_int(v, "n", &i));
	assert_int_equal(i, -5);
	assert_false(value_get_uint(v, "n", &u));
	assert_true(value_get_uint(v, "big", &u));
	assert_true(u == UINT64_MAX);
	i = 42;
	assert_false(value_get_int(v, "big", &i));
	assert_false(value_get_int(v, "s", &i));
	assert_false(value_get_int(v, "d", &i));
	assert_false(value_get_int(v, "z", &i));
	assert_false(value_get_int(v, "missing", &i));
	assert_false(value_get_int(NULL, "n", &i));
	assert_int_equal(i, 42);
	assert_true(value_get_bool(v, "b", &b));
	assert_true(b);
	assert_false(value_get_bool(v, "n", &b));
	assert_string_equal(value_get_string(v, "s"), "12");
	assert_null(value_get_string(v, "n"));
	assert_null(value_get_string(v, "z"));
	assert_null(value_get(v, "z"));
	assert_true(value_get_int(value_get(v, "o"), "in", &i));
	value_free(v);
}

static void test_arrays_have_length_and_bounds(void **state)
{
	struct value *v = parsed("{\"list\":[\"a\",1,{\"k\":2}]}");
	const struct value *list = value_get(v, "list");

	(void)state;
	assert_int_equal(value_length(list), 3);
	assert_int_equal(value_length(v), 0);
	assert_int_equal(value_length(NULL), 0);
	assert_string_equal(value_at_string(list, 0), "a");
	assert_null(value_at_string(list, 1));
	assert_true(value_is_object(value_at(list, 2)));
	assert_null(value_at(list, 3));
	value_free(v);
}

static void test_a_kept_value_outlives_its_parent(void **state)
{
	struct value *parent = parsed("{\"child\":{\"k\":\"v\"}}");
	struct value *child = value_keep(value_get(parent, "child"));
	struct value *other = value_new_object();

	(void)state;
	assert_null(value_free(parent));
	value_share(other, "again", child);
	value_free(child);
	assert_string_equal(value_text(other), "{\"again\":{\"k\":\"v\"}}");
	value_free(other);
	assert_null(value_free(NULL));
}

static bool gather(void *data, const char *key, const char *scalar, const struct value *member)
{
	char *text = data;

	strcat(text, key);
	strcat(text, "=");
	strcat(text, scalar ? scalar : value_is_object(member) ? "{}" : "[]");
	strcat(text, ";");
	return strcmp(key, "stop") != 0;
}

static void test_a_visit_goes_in_order_until_it_is_stopped(void **state)
{
	struct value *v = parsed(
		"{\"a\":1,\"b\":false,\"c\":null,\"d\":\"x\",\"e\":{},\"f\":[7],\"stop\":1,\"g\":2}");
	char text[256] = "";

	(void)state;
	value_visit(v, gather, text);
	assert_string_equal(text, "a=1;b=no;c=;d=x;e={};f=[];stop=1;");
	text[0] = '\0';
	value_visit(value_get(v, "f"), gather, text);
	assert_string_equal(text, "0=7;");
	text[0] = '\0';
	value_visit(NULL, gather, text);
	assert_string_equal(text, "");
	value_free(v);
}

/*
 * A reply may come from whoever listens where the user pointed: it must not clear a screen, or pass
 * for another line.
 */
static void test_text_from_outside_cannot_command_a_terminal(void **state)
{
	struct value *v =
		parsed("{\"s\":\"1\\u001b]0;own\\u0007\\nforged=1\\u007f\\u009b2J\",\"k\\n\":true,"
		       "\"list\":[\"a\\rb\"],\"good\":\"\\u00e9\\u00a0\\u20ac\"}");
	const char *text = value_get_string(v, "s");
	char all[256] = "";

	(void)state;
	assert_string_equal(text, "1?]0;own??forged=1???2J");
	assert_string_equal(value_scalar(value_get(v, "s")), text);
	assert_string_equal(value_at_string(value_get(v, "list"), 0), "a?b");
	assert_string_equal(value_get_string(v, "good"), "\u00e9\u00a0\u20ac");
	value_visit(v, gather, all);
	assert_string_equal(
		all, "s=1?]0;own??forged=1???2J;k?=yes;list=[];good=\u00e9\u00a0\u20ac;");
	value_free(v);
}

/* And in JSON, where it is told exactly, it is escaped. */
static void test_json_has_control_characters_escaped(void **state)
{
	static const char json[] = "{\"k\\u009b\":\"\\u001b\\n\\u007f\\u0080\\u009f\u00a0\u20ac\"}";
	struct ctl ctl = { .json = CTL_JSON_SHORT };
	struct value *v = parsed(json);
	char *text;
	size_t bytes;

	(void)state;
	assert_string_equal(value_text(v), json);
	ctl.out = open_memstream(&text, &bytes);
	value_print(&ctl, v);
	fclose(ctl.out);
	assert_memory_equal(text, json, sizeof(json) - 1);
	assert_string_equal(text + sizeof(json) - 1, "\n");
	free(text);
	value_free(v);
}

static void test_what_is_no_json_is_refused(void **state)
{
	static const char *const cases[] = {
		"",
		" ",
		"{",
		"{\"a\":1",
		"{\"a\":1}}",
		"{\"a\":1} x",
		"[1,]",
		"'a'",
		"{a:1}",
		"nul",
		"\"a",
		"{\"a\":1}{}",
		"\"\xff\"",
		"//\n1",
	};
	char deep[128] = "";

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const char *reason = NULL;
		struct value *v = NULL;

		if (value_parse(cases[i], strlen(cases[i]), &v, &reason) != -EBADMSG)
			fail_msg("taken: %s", cases[i]);
		assert_null(v);
		assert_non_null(reason);
	}
	memset(deep, '[', 60);
	memset(deep + 60, ']', 60);
	{
		struct value *v = NULL;

		assert_int_equal(value_parse(deep, strlen(deep), &v, NULL), -EBADMSG);
	}
}

static void test_every_kind_of_json_is_taken(void **state)
{
	static const char *const cases[] = {
		"{}",
		"[]",
		" {\"a\" : 1 } \n",
		"1",
		"-12",
		"1.5",
		"true",
		"\"x\"",
		"[1,[2]]",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const char *reason = "";
		struct value *v = NULL;

		if (value_parse(cases[i], strlen(cases[i]), &v, &reason) != 0)
			fail_msg("refused: %s: %s", cases[i], reason);
		value_free(v);
	}
}

/* The length counts, not a NUL behind it. */
static void test_only_the_given_length_is_parsed(void **state)
{
	struct value *v;

	(void)state;
	assert_int_equal(value_parse("{}\0x", 4, &v, NULL), -EBADMSG);
	assert_int_equal(value_parse("{}garbage", 2, &v, NULL), 0);
	value_free(v);
	assert_int_equal(value_parse("123", 2, &v, NULL), 0);
	assert_string_equal(value_text(v), "12");
	value_free(v);
}

static void test_printing_follows_the_style_asked_for(void **state)
{
	struct value *v = parsed("{\"a\":[1,\"/x\"]}");
	struct ctl ctl = { .json = CTL_JSON_SHORT };
	char *text;
	size_t bytes;

	(void)state;
	ctl.out = open_memstream(&text, &bytes);
	value_print(&ctl, v);
	fclose(ctl.out);
	assert_string_equal(text, "{\"a\":[1,\"/x\"]}\n");
	free(text);
	ctl.json = CTL_JSON_PRETTY;
	ctl.out = open_memstream(&text, &bytes);
	value_print(&ctl, v);
	fclose(ctl.out);
	assert_non_null(strstr(text, "\n\t\"a\": [\n"));
	free(text);
	value_free(v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_built_value_prints_in_order),
		cmocka_unit_test(test_what_is_no_number_is_null_in_json),
		cmocka_unit_test(test_a_member_is_read_only_as_what_it_is),
		cmocka_unit_test(test_arrays_have_length_and_bounds),
		cmocka_unit_test(test_a_kept_value_outlives_its_parent),
		cmocka_unit_test(test_a_visit_goes_in_order_until_it_is_stopped),
		cmocka_unit_test(test_text_from_outside_cannot_command_a_terminal),
		cmocka_unit_test(test_json_has_control_characters_escaped),
		cmocka_unit_test(test_what_is_no_json_is_refused),
		cmocka_unit_test(test_every_kind_of_json_is_taken),
		cmocka_unit_test(test_only_the_given_length_is_parsed),
		cmocka_unit_test(test_printing_follows_the_style_asked_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

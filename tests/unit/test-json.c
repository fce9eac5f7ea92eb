/* SPDX-License-Identifier: MIT */
/* What is read, what is refused and why, and that json-c reads the same in what passes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "daemon/json.h"

struct json_case {
	const char *text;
	size_t bytes; /* 0: up to the NUL */
	enum json_verdict verdict;
};

#define BYTES(text) text, sizeof(text) - 1

static const struct json_case cases[] = {
	{ "{}", 0, JSON_PROPER },
	{ " \t\r\n{ \n} ", 0, JSON_PROPER },
	{ "{\"a\":1}", 0, JSON_PROPER },
	{ "{\"a\":[],\"b\":{},\"c\":[1,2,{\"a\":null}],\"d\":true,\"e\":false}", 0, JSON_PROPER },
	{ "{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\uD83D\\ude00\"}", 0, JSON_PROPER },
	{ "{\"\":\"\"}", 0, JSON_PROPER },
	{ "{\"a\":\"\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80 \xf4\x8f\xbf\xbf \xee\x80\x80\"}", 0,
		JSON_PROPER },
	{ "{\"a\":-0,\"b\":0,\"c\":-1}", 0, JSON_PROPER },
	{ "{\"a\":9223372036854775807,\"b\":-9223372036854775808}", 0, JSON_PROPER },
	{ "{\"a\":1.5,\"b\":-0.25e-3,\"c\":1E+2,\"d\":1e275}", 0, JSON_PROPER },
	/* the same key in different objects */
	{ "{\"a\":{\"a\":{\"a\":1}},\"b\":{\"a\":1}}", 0, JSON_PROPER },
	{ "{\"a\":{\"b\":1},\"b\":1}", 0, JSON_PROPER },

	{ "", 0, JSON_SYNTAX },
	{ " ", 0, JSON_SYNTAX },
	{ "1", 0, JSON_SYNTAX },
	{ "null", 0, JSON_SYNTAX },
	{ "[]", 0, JSON_SYNTAX },
	{ "\"a\"", 0, JSON_SYNTAX },
	{ "{", 0, JSON_SYNTAX },
	{ "{}}", 0, JSON_SYNTAX },
	{ "{} x", 0, JSON_SYNTAX },
	{ "{}{}", 0, JSON_SYNTAX },
	{ "{\"a\"}", 0, JSON_SYNTAX },
	{ "{\"a\":}", 0, JSON_SYNTAX },
	{ "{\"a\":1,}", 0, JSON_SYNTAX },
	{ "{,}", 0, JSON_SYNTAX },
	{ "{\"a\":1 \"b\":2}", 0, JSON_SYNTAX },
	{ "{\"a\":[1,]}", 0, JSON_SYNTAX },
	{ "{\"a\":[,1]}", 0, JSON_SYNTAX },
	{ "{\"a\":[1 2]}", 0, JSON_SYNTAX },
	{ "{\"a\":[}", 0, JSON_SYNTAX },
	{ "{\"a\":[1}", 0, JSON_SYNTAX },
	{ "{'a':1}", 0, JSON_SYNTAX },
	{ "{\"a\":'b'}", 0, JSON_SYNTAX },
	{ "{a:1}", 0, JSON_SYNTAX },
	{ "{1:1}", 0, JSON_SYNTAX },
	{ "{\"a\":NaN}", 0, JSON_SYNTAX },
	{ "{\"a\":nan}", 0, JSON_SYNTAX },
	{ "{\"a\":Infinity}", 0, JSON_SYNTAX },
	{ "{\"a\":-Infinity}", 0, JSON_SYNTAX },
	{ "{\"a\":tru}", 0, JSON_SYNTAX },
	{ "{\"a\":True}", 0, JSON_SYNTAX },
	{ "{\"a\":truex}", 0, JSON_SYNTAX },
	{ "{\"a\":nul", 0, JSON_SYNTAX },
	{ "{\"a\":01}", 0, JSON_SYNTAX },
	{ "{\"a\":-01}", 0, JSON_SYNTAX },
	{ "{\"a\":+1}", 0, JSON_SYNTAX },
	{ "{\"a\":-}", 0, JSON_SYNTAX },
	{ "{\"a\":.5}", 0, JSON_SYNTAX },
	{ "{\"a\":1.}", 0, JSON_SYNTAX },
	{ "{\"a\":1.e1}", 0, JSON_SYNTAX },
	{ "{\"a\":1e}", 0, JSON_SYNTAX },
	{ "{\"a\":1e+}", 0, JSON_SYNTAX },
	{ "{\"a\":0x10}", 0, JSON_SYNTAX },
	{ "{\"a\":1/*c*/}", 0, JSON_SYNTAX },
	{ "{\"a\":\"b}", 0, JSON_SYNTAX },
	{ "{\"a\":\"\\x\"}", 0, JSON_SYNTAX },
	{ "{\"a\":\"\\u00\"}", 0, JSON_SYNTAX },
	{ "{\"a\":\"\\u00g0\"}", 0, JSON_SYNTAX },
	{ BYTES("{\"a\":\"\\\0\"}"), JSON_SYNTAX },
	{ BYTES("{}\0"), JSON_SYNTAX },
	{ BYTES("{\0}"), JSON_SYNTAX },
	{ "\xef\xbb\xbf{}", 0, JSON_SYNTAX },
	{ "{\"a\":1}\x0b", 0, JSON_SYNTAX },

	{ "{\"a\":\"\n\"}", 0, JSON_ENCODING },
	{ "{\"a\":\"\x1f\"}", 0, JSON_ENCODING },
	{ BYTES("{\"a\":\"x\0y\"}"), JSON_ENCODING },
	{ BYTES("{\"a\0b\":1}"), JSON_ENCODING },
	{ "{\"a\":\"\\u0000\"}", 0, JSON_ENCODING },
	{ "{\"a\":\"\\ud800\"}", 0, JSON_ENCODING },
	{ "{\"a\":\"\\ud800x\"}", 0, JSON_ENCODING },
	{ "{\"a\":\"\\ud800\\u0041\"}", 0, JSON_ENCODING },
	{ "{\"a\":\"\\udc00\"}", 0, JSON_ENCODING },
	{ "{\"a\":\"\x80\"}", 0, JSON_ENCODING },
	{ "{\"a\":\"\xc0\x80\"}", 0, JSON_ENCODING },
	{ "{\"a\":\"\xc1\xbf\"}", 0, JSON_ENCODING },
	{ "{\"a\":\"\xe0\x9f\xbf\"}", 0, JSON_ENCODING },
	{ "{\"a\":\"\xed\xa0\x80\"}", 0, JSON_ENCODING },
	{ "{\"a\":\"\xf0\x8f\xbf\xbf\"}", 0, JSON_ENCODING },
	{ "{\"a\":\"\xf4\x90\x80\x80\"}", 0, JSON_ENCODING },
	{ "{\"a\":\"\xf5\x80\x80\x80\"}", 0, JSON_ENCODING },
	{ "{\"a\":\"\xe2\x82\"}", 0, JSON_ENCODING },
	{ "{\"a\":\"\xc3", 0, JSON_ENCODING },
	{ "{\"\xff\":1}", 0, JSON_ENCODING },

	{ "{\"a\":9223372036854775808}", 0, JSON_NUMBER },
	{ "{\"a\":-9223372036854775809}", 0, JSON_NUMBER },
	{ "{\"a\":18446744073709551616}", 0, JSON_NUMBER },
	{ "{\"a\":99999999999999999999999999}", 0, JSON_NUMBER },
	{ "{\"a\":1e276}", 0, JSON_NUMBER },
	{ "{\"a\":1e-9999999999999999}", 0, JSON_NUMBER },
	{ "{\"a\":1.00000000000000000000000000000001}", 0, JSON_NUMBER },

	{ "{\"a\":1,\"a\":1}", 0, JSON_KEY },
	{ "{\"a\":1,\"b\":{\"x\":1},\"a\":1}", 0, JSON_KEY },
	{ "{\"\":1,\"\":1}", 0, JSON_KEY },
	{ "{\"\\u0061\":1}", 0, JSON_KEY },
	{ "{\"a\\u0000b\":1}", 0, JSON_KEY },
	{ "{\"a\\n\":1}", 0, JSON_KEY },
};

/* Read a copy of the exact size, for the sanitiser; to be freed after the table. */
static enum json_verdict read_copy(
	const char *text, size_t bytes, struct json_text *ret, char **ret_copy)
{
	*ret_copy = malloc(bytes > 0 ? bytes : 1);
	memcpy(*ret_copy, text, bytes);
	return json_read(*ret_copy, bytes, ret);
}

static enum json_verdict verdict_of(const char *text, size_t bytes)
{
	struct json_text table;
	char *copy;
	enum json_verdict verdict = read_copy(text, bytes, &table, &copy);

	free(copy);
	return verdict;
}

static void test_every_text_gets_its_verdict(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		const struct json_case *c = &cases[i];
		size_t bytes = c->bytes > 0 ? c->bytes : strlen(c->text);

		if (verdict_of(c->text, bytes) != c->verdict)
			fail_msg("%s: %u, not %u", c->text, verdict_of(c->text, bytes), c->verdict);
	}
}

static void nest(char *text, size_t depth, const char *open, const char *close)
{
	*text = '\0';
	strcat(text, "{\"a\":");
	for (size_t i = 1; i < depth; i++)
		strcat(text, open);
	strcat(text, "1");
	for (size_t i = 1; i < depth; i++)
		strcat(text, close);
	strcat(text, "}");
}

static void test_depth_is_bounded(void **state)
{
	char text[65536];

	(void)state;
	nest(text, JSON_DEPTH_MAX, "[", "]");
	assert_int_equal(verdict_of(text, strlen(text)), JSON_PROPER);
	nest(text, JSON_DEPTH_MAX + 1, "[", "]");
	assert_int_equal(verdict_of(text, strlen(text)), JSON_LIMIT);
	nest(text, JSON_DEPTH_MAX, "{\"a\":", "}");
	assert_int_equal(verdict_of(text, strlen(text)), JSON_PROPER);
	nest(text, JSON_DEPTH_MAX + 1, "{\"a\":", "}");
	assert_int_equal(verdict_of(text, strlen(text)), JSON_LIMIT);
	memset(text, '[', sizeof(text));
	memcpy(text, "{\"a\":", 5);
	assert_int_equal(verdict_of(text, sizeof(text)), JSON_LIMIT);
}

static void test_number_of_values_is_bounded(void **state)
{
	char text[4096] = "{\"a\":[";

	(void)state;
	for (int i = 0; i < JSON_VALUES_MAX - 2; i++)
		strcat(text, i == 0 ? "0" : ",0");
	strcat(text, "]}");
	assert_int_equal(verdict_of(text, strlen(text)), JSON_PROPER);
	strcpy(text + strlen(text) - 2, ",0]}");
	assert_int_equal(verdict_of(text, strlen(text)), JSON_LIMIT);
}

/* Is what was read what json-c has read? */
static void compare(const struct json_value *v, struct json_object *o)
{
	static const enum json_type types[] = {
		[JSON_IS_NULL] = json_type_null,
		[JSON_IS_BOOL] = json_type_boolean,
		[JSON_IS_INT] = json_type_int,
		[JSON_IS_REAL] = json_type_double,
		[JSON_IS_STRING] = json_type_string,
		[JSON_IS_ARRAY] = json_type_array,
		[JSON_IS_OBJECT] = json_type_object,
	};
	const struct json_value *child;
	size_t n = 0;

	assert_int_equal(json_object_get_type(o), types[v->kind]);
	if (v->kind == JSON_IS_BOOL)
		assert_int_equal(json_object_get_boolean(o), v->boolean);
	if (v->kind == JSON_IS_INT)
		assert_int_equal(json_object_get_int64(o), v->integer);
	if (v->kind == JSON_IS_STRING) {
		assert_int_equal(json_object_get_string_len(o), strlen(v->string));
		assert_string_equal(json_object_get_string(o), v->string);
	}
	if (v->kind == JSON_IS_ARRAY)
		assert_int_equal(json_object_array_length(o), v->count);
	if (v->kind == JSON_IS_OBJECT)
		assert_int_equal(json_object_object_length(o), v->count);
	JSON_FOR_EACH(child, v)
	{
		struct json_object *inner = v->kind == JSON_IS_ARRAY
						    ? json_object_array_get_idx(o, n++)
						    : json_object_object_get(o, child->key);

		assert_int_equal(child->key != NULL, v->kind == JSON_IS_OBJECT);
		compare(child, inner);
	}
}

static void test_json_c_reads_the_same_in_what_passes(void **state)
{
	unsigned int compared = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct json_tokener *tokener = json_tokener_new_ex(JSON_DEPTH_MAX + 2);
		size_t bytes = strlen(cases[i].text);
		struct json_object *object;
		struct json_text table;
		char *copy;

		if (cases[i].bytes == 0 &&
			read_copy(cases[i].text, bytes, &table, &copy) == JSON_PROPER) {
			json_tokener_set_flags(
				tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
			/* with its NUL: some json-c see only by that that there is no more */
			object = json_tokener_parse_ex(tokener, cases[i].text, (int)bytes + 1);
			if (object == NULL)
				fail_msg("json-c %s: %s: %s", json_c_version(), cases[i].text,
					json_tokener_error_desc(json_tokener_get_error(tokener)));
			compare(table.values, object);
			assert_int_equal(table.values[0].span, table.count);
			json_object_put(object);
			compared++;
		}
		if (cases[i].bytes == 0)
			free(copy);
		json_tokener_free(tokener);
	}
	assert_int_equal(compared, 12);
}

static void test_text_that_is_cut_anywhere_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		size_t bytes = strlen(cases[i].text);

		while (bytes > 0 && strchr(" \n\t\r", cases[i].text[bytes - 1]) != NULL)
			bytes--;
		for (size_t cut = 0; cases[i].verdict == JSON_PROPER && cut < bytes; cut++)
			assert_int_not_equal(verdict_of(cases[i].text, cut), JSON_PROPER);
	}
}

static void test_members_are_found_by_name(void **state)
{
	char text[] = "{\"a\":{\"b\":1,\"c\":[2,3]},\"b\":null,"
		      "\"d\":\"\\u00e4\\ud83d\\ude00\"}";
	struct json_text table;

	(void)state;
	assert_int_equal(json_read(text, sizeof(text) - 1, &table), JSON_PROPER);
	assert_int_equal(table.count, 8);
	assert_int_equal(json_member(json_member(table.values, "a"), "b")->integer, 1);
	assert_null(json_member(table.values, "b"));
	assert_null(json_member(table.values, "c"));
	assert_string_equal(json_member(table.values, "d")->string, "\xc3\xa4\xf0\x9f\x98\x80");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_text_gets_its_verdict),
		cmocka_unit_test(test_depth_is_bounded),
		cmocka_unit_test(test_number_of_values_is_bounded),
		cmocka_unit_test(test_json_c_reads_the_same_in_what_passes),
		cmocka_unit_test(test_text_that_is_cut_anywhere_is_refused),
		cmocka_unit_test(test_members_are_found_by_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/* The engine, without sockets: messages in, replies out, over an interface of the test's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "daemon/interfaces.h"
#include "daemon/object.h"
#include "daemon/varlink.h"
#include "tests/unit/idl.h"

static unsigned int calls;

static struct json_object *tree(const struct json_value *v)
{
	struct json_object *o = v->kind == JSON_IS_ARRAY    ? json_object_new_array()
				: v->kind == JSON_IS_OBJECT ? json_object_new_object()
				: v->kind == JSON_IS_BOOL   ? json_object_new_boolean(v->boolean)
				: v->kind == JSON_IS_INT    ? json_object_new_int64(v->integer)
				: v->kind == JSON_IS_STRING ? json_object_new_string(v->string)
							    : NULL;
	const struct json_value *child;

	JSON_FOR_EACH(child, v)
	{
		if (child->key != NULL)
			json_object_object_add(o, child->key, tree(child));
		else
			json_object_array_add(o, tree(child));
	}
	return o;
}

static int echo(void *data, const struct json_value *parameters, struct varlink_answer *answer)
{
	assert_string_equal(data, "world");
	calls++;
	answer->parameters = tree(parameters);
	return 0;
}

static int nothing(void *data, const struct json_value *parameters, struct varlink_answer *answer)
{
	(void)data;
	(void)parameters;
	(void)answer;
	calls++;
	return 0;
}

static int always_fail(
	void *data, const struct json_value *parameters, struct varlink_answer *answer)
{
	(void)data;
	(void)parameters;
	return varlink_error(answer, "org.example.Test.Failed", "why", "just so");
}

static int short_of_memory(
	void *data, const struct json_value *parameters, struct varlink_answer *answer)
{
	(void)data;
	(void)parameters;
	answer->parameters = json_object_new_object();
	return -ENOMEM;
}

static int say(struct varlink_answer *answer, int64_t n)
{
	struct object o = object_begin();

	object_add_int(&o, "n", n);
	return varlink_answer_end(answer, &o);
}

static int count(void *data, const struct json_value *parameters, struct varlink_answer *answer)
{
	(void)data;
	answer->stream->left = (uint64_t)json_member(parameters, "int")->integer;
	answer->stream->interval_ns = 5;
	return say(answer, 0);
}

static int count_next(
	struct varlink_stream *stream, enum varlink_cause cause, struct varlink_answer *answer)
{
	if (cause == VARLINK_EVENT) {
		answer->silent = true;
		return 0;
	}
	if (stream->seen == 7)
		return varlink_error(answer, "org.example.Test.Failed", NULL, NULL);
	return say(answer, (int64_t)++stream->seen);
}

static const struct varlink_parameter echo_parameters[] = {
	{ "bool", VARLINK_BOOL, true },
	{ "int", VARLINK_INT, true },
	{ "string", VARLINK_STRING, true },
	{ "strings", VARLINK_STRINGS, true },
	{ "object", VARLINK_OBJECT, true },
	{ 0 },
};

static const struct varlink_parameter needed_parameters[] = {
	{ "int", VARLINK_INT, false },
	{ 0 },
};

static const struct varlink_method methods[] = {
	{ .name = "Echo", .parameters = echo_parameters, .call = echo },
	{ .name = "Needs", .parameters = needed_parameters, .call = echo },
	{ .name = "Nothing", .call = nothing },
	{ .name = "Fail", .call = always_fail },
	{ .name = "Short", .call = short_of_memory },
	{ .name = "Guarded", .call = nothing, .privileged = true },
	{ .name = "Count", .parameters = needed_parameters, .call = count, .next = count_next },
	{ 0 },
};

static char world[] = "world";
static const struct varlink_interface interfaces[] = {
	{ "org.example.Test", "interface org.example.Test\n", methods, world },
};

static const struct varlink_service service = {
	.vendor = "v",
	.product = "p",
	.version = "1",
	.url = "u",
	.interfaces = interfaces,
	.interface_count = 1,
};

/* Serve a copy: the message is changed by it. */
static int serve(bool privileged, const char *message, struct varlink_reply *ret,
	struct varlink_stream *stream)
{
	size_t bytes = strlen(message);
	char *copy = malloc(bytes + 1);
	int r;

	memcpy(copy, message, bytes + 1);
	r = varlink_serve(&service, privileged, copy, bytes, ret, stream);
	free(copy);
	return r;
}

/* Serve message; its reply's text must be that. */
static void expect_from(bool privileged, const char *message, const char *text)
{
	struct varlink_stream stream;
	struct varlink_reply reply = { 0 };

	assert_int_equal(serve(privileged, message, &reply, &stream), 0);
	assert_null(stream.method);
	if (text == NULL) {
		assert_null(reply.text);
	} else {
		assert_non_null(reply.text);
		assert_string_equal(reply.text, text);
		assert_int_equal(reply.bytes, strlen(text) + 1);
	}
	varlink_reply_release(&reply);
	varlink_reply_release(&reply);
}

static void expect(const char *message, const char *text)
{
	expect_from(false, message, text);
}

static void test_call_is_answered(void **state)
{
	(void)state;
	expect("{\"method\":\"org.example.Test.Echo\",\"parameters\":{\"int\":7}}",
		"{\"parameters\":{\"int\":7}}");
	expect(" {\"parameters\" : { \"strings\" : [\"a/b\",\"\\u00e4\"] } , \"method\" : "
	       "\"org.example.Test.Echo\" } ",
		"{\"parameters\":{\"strings\":[\"a/b\",\"\xc3\xa4\"]}}");
}

static void test_parameters_absent_null_or_empty_are_the_same(void **state)
{
	(void)state;
	expect("{\"method\":\"org.example.Test.Nothing\"}", "{}");
	expect("{\"method\":\"org.example.Test.Nothing\",\"parameters\":null}", "{}");
	expect("{\"method\":\"org.example.Test.Nothing\",\"parameters\":{}}", "{}");
	expect("{\"method\":\"org.example.Test.Nothing\",\"oneway\":null,\"more\":false}", "{}");
}

static void test_oneway_is_done_and_never_answered(void **state)
{
	(void)state;
	calls = 0;
	expect("{\"method\":\"org.example.Test.Nothing\",\"oneway\":true}", NULL);
	assert_int_equal(calls, 1);
	expect("{\"method\":\"org.example.Test.Fail\",\"oneway\":true}", NULL);
	expect("{\"method\":\"org.example.Test.No\",\"oneway\":true}", NULL);
	expect("{\"method\":\"org.example.Test.Count\",\"oneway\":true,\"parameters\":{\"int\":1}}",
		NULL);
}

static void test_errors_are_those_of_the_specification(void **state)
{
	(void)state;
	expect("{\"method\":\"org.example.Test.Fail\"}",
		"{\"error\":\"org.example.Test.Failed\",\"parameters\":{\"why\":\"just so\"}}");
	expect("{\"method\":\"org.example.Other.Do\"}",
		"{\"error\":\"org.varlink.service.InterfaceNotFound\",\"parameters\":{\"interface\":"
		"\"org.example.Other\"}}");
	expect("{\"method\":\"org.varlink.GetInfo\"}",
		"{\"error\":\"org.varlink.service.InterfaceNotFound\",\"parameters\":{\"interface\":"
		"\"org.varlink\"}}");
	expect("{\"method\":\"Do\"}",
		"{\"error\":\"org.varlink.service.InterfaceNotFound\",\"parameters\":{\"interface\":"
		"\"Do\"}}");
	expect("{\"method\":\"org.example.Test.Do\"}",
		"{\"error\":\"org.varlink.service.MethodNotFound\",\"parameters\":{\"method\":"
		"\"org.example.Test.Do\"}}");
	expect("{\"method\":\"org.example.Test.\"}",
		"{\"error\":\"org.varlink.service.MethodNotFound\",\"parameters\":{\"method\":"
		"\"org.example.Test.\"}}");
	expect("{\"method\":\"org.varlink.service.Do\"}",
		"{\"error\":\"org.varlink.service.MethodNotFound\",\"parameters\":{\"method\":"
		"\"org.varlink.service.Do\"}}");
	expect("{\"method\":\"org.example.Test.Count\",\"parameters\":{\"int\":1}}",
		"{\"error\":\"org.varlink.service.ExpectedMore\"}");
	expect("{\"method\":\"org.example.Test.Echo\",\"upgrade\":true}",
		"{\"error\":\"org.varlink.service.MethodNotImplemented\",\"parameters\":{\"method\":"
		"\"org.example.Test.Echo\"}}");
}

static void expect_text_of(const char *bytes, size_t count, const char *text, size_t text_bytes)
{
	struct json_object *o = object_text_of(bytes, count);

	assert_non_null(o);
	assert_int_equal(json_object_get_string_len(o), text_bytes);
	assert_memory_equal(json_object_get_string(o), text, text_bytes);
	json_object_put(o);
}

/* What somebody calls an interface may be anything that fits into a message. */
static void test_what_is_no_text_is_made_one_of_512_bytes_at_most(void **state)
{
	char bytes[4096];
	char marks[512];

	(void)state;
	expect_text_of("\x1f !~\x7f\xe4", 6, "? !~??", 6);
	memset(bytes, 'a', sizeof(bytes));
	expect_text_of(bytes, sizeof(bytes), bytes, sizeof(bytes));
	memset(bytes, '\n', sizeof(bytes));
	memset(marks, '?', sizeof(marks));
	expect_text_of(bytes, 511, marks, 511);
	expect_text_of(bytes, 512, marks, 512);
	expect_text_of(bytes, 513, marks, 512);
	expect_text_of(bytes, sizeof(bytes), marks, 512);
	expect("{\"method\":\"a\\nb.Do\"}",
		"{\"error\":\"org.varlink.service.InterfaceNotFound\",\"parameters\":{\"interface\":"
		"\"a?b\"}}");
}

static void test_privileged_method_is_refused_to_others(void **state)
{
	(void)state;
	calls = 0;
	expect_from(false, "{\"method\":\"org.example.Test.Guarded\"}",
		"{\"error\":\"org.varlink.service.PermissionDenied\"}");
	assert_int_equal(calls, 0);
	expect_from(true, "{\"method\":\"org.example.Test.Guarded\"}", "{}");
	assert_int_equal(calls, 1);
}

static void test_wrong_parameters_are_named(void **state)
{
	static const char *const cases[][3] = {
		{ "Echo", "\"bool\":1", "bool" },
		{ "Echo", "\"bool\":\"true\"", "bool" },
		{ "Echo", "\"int\":1.0", "int" },
		{ "Echo", "\"int\":1e3", "int" },
		{ "Echo", "\"int\":\"1\"", "int" },
		{ "Echo", "\"int\":true", "int" },
		{ "Echo", "\"string\":1", "string" },
		{ "Echo", "\"strings\":\"a\"", "strings" },
		{ "Echo", "\"strings\":[\"a\",1]", "strings" },
		{ "Echo", "\"strings\":[null]", "strings" },
		{ "Echo", "\"strings\":{}", "strings" },
		{ "Echo", "\"object\":[]", "object" },
		{ "Echo", "\"int\":1,\"other\":1", "other" },
		{ "Echo", "\"other\":null", "other" },
		{ "Echo", "\"Int\":1", "Int" },
		{ "Nothing", "\"int\":1", "int" },
		{ "Needs", "", "int" },
		{ "Needs", "\"int\":null", "int" },
	};
	char message[256];
	char text[256];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		snprintf(message, sizeof(message),
			"{\"method\":\"org.example.Test.%s\",\"parameters\":{%s}}", cases[i][0],
			cases[i][1]);
		snprintf(text, sizeof(text),
			"{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":{"
			"\"parameter\":\"%s\"}}",
			cases[i][2]);
		expect(message, text);
	}
	expect("{\"method\":\"org.example.Test.Echo\",\"parameters\":{\"int\":null}}",
		"{\"parameters\":{\"int\":null}}");
}

static void test_what_is_no_call_closes_the_connection(void **state)
{
	static const struct {
		const char *message;
		int refusal;
	} cases[] = {
		{ "", VARLINK_REFUSAL_SYNTAX },
		{ "{", VARLINK_REFUSAL_SYNTAX },
		{ "[]", VARLINK_REFUSAL_SYNTAX },
		{ "{\"method\":\"\xff\"}", VARLINK_REFUSAL_ENCODING },
		{ "{\"method\":\"a\",\"method\":\"b\"}", VARLINK_REFUSAL_KEY },
		{ "{\"method\":99999999999999999999}", VARLINK_REFUSAL_NUMBER },
		{ "{}", VARLINK_REFUSAL_CALL },
		{ "{\"method\":null}", VARLINK_REFUSAL_CALL },
		{ "{\"method\":1}", VARLINK_REFUSAL_CALL },
		{ "{\"method\":[\"org.example.Test.Nothing\"]}", VARLINK_REFUSAL_CALL },
		{ "{\"method\":\"org.example.Test.Nothing\",\"parameters\":[]}",
			VARLINK_REFUSAL_CALL },
		{ "{\"method\":\"org.example.Test.Nothing\",\"parameters\":\"x\"}",
			VARLINK_REFUSAL_CALL },
		{ "{\"method\":\"org.example.Test.Nothing\",\"more\":1}", VARLINK_REFUSAL_CALL },
		{ "{\"method\":\"org.example.Test.Nothing\",\"oneway\":\"true\"}",
			VARLINK_REFUSAL_CALL },
		{ "{\"method\":\"org.example.Test.Nothing\",\"oneway\":true,\"more\":true}",
			VARLINK_REFUSAL_CALL },
		{ "{\"method\":\"org.example.Test.Nothing\",\"upgrade\":true,\"more\":true}",
			VARLINK_REFUSAL_CALL },
		{ "{\"method\":\"org.example.Test.Nothing\",\"unknown\":1}", VARLINK_REFUSAL_CALL },
	};

	(void)state;
	calls = 0;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct varlink_stream stream;
		struct varlink_reply reply = { 0 };

		assert_int_equal(serve(true, cases[i].message, &reply, &stream), cases[i].refusal);
		assert_null(reply.text);
	}
	assert_int_equal(calls, 0);
	/* Others' members have a dot in their names. */
	expect("{\"method\":\"org.example.Test.Nothing\",\"org.other.id\":{\"a\":[1]}}", "{}");
}

static void test_memory_that_is_short_closes_the_connection(void **state)
{
	const char *message = "{\"method\":\"org.example.Test.Short\"}";
	struct varlink_stream stream;
	struct varlink_reply reply = { 0 };

	(void)state;
	assert_int_equal(serve(false, message, &reply, &stream), -ENOMEM);
	assert_null(reply.text);
}

static void test_stream_continues_until_its_count(void **state)
{
	const char *message =
		"{\"method\":\"org.example.Test.Count\",\"more\":true,\"parameters\":{\"int\":3}}";
	struct varlink_stream stream;
	struct varlink_reply reply;

	(void)state;
	assert_int_equal(serve(false, message, &reply, &stream), 0);
	assert_string_equal(reply.text, "{\"parameters\":{\"n\":0},\"continues\":true}");
	varlink_reply_release(&reply);
	assert_non_null(stream.method);
	assert_int_equal(stream.interval_ns, 5);
	assert_int_equal(varlink_stream_next(&stream, VARLINK_EVENT, &reply), 0);
	assert_null(reply.text);
	assert_int_equal(varlink_stream_next(&stream, VARLINK_TICK, &reply), 0);
	assert_string_equal(reply.text, "{\"parameters\":{\"n\":1},\"continues\":true}");
	varlink_reply_release(&reply);
	assert_int_equal(varlink_stream_next(&stream, VARLINK_TICK, &reply), 0);
	assert_string_equal(reply.text, "{\"parameters\":{\"n\":2}}");
	varlink_reply_release(&reply);
	assert_null(stream.method);
	expect("{\"method\":\"org.example.Test.Count\",\"more\":true,\"parameters\":{\"int\":1}}",
		"{\"parameters\":{\"n\":0}}");
}

static void test_stream_ends_with_an_error(void **state)
{
	struct varlink_stream stream;
	struct varlink_reply reply;

	(void)state;
	assert_int_equal(
		serve(false,
			"{\"method\":\"org.example.Test.Count\",\"more\":true,\"parameters\":{"
			"\"int\":100}}",
			&reply, &stream),
		0);
	varlink_reply_release(&reply);
	stream.seen = 7;
	assert_int_equal(varlink_stream_next(&stream, VARLINK_TICK, &reply), 0);
	assert_string_equal(reply.text, "{\"error\":\"org.example.Test.Failed\"}");
	assert_null(stream.method);
	varlink_reply_release(&reply);
}

static void test_service_describes_itself(void **state)
{
	const char *message = "{\"method\":\"org.varlink.service.GetInterfaceDescription\","
			      "\"parameters\":{\"interface\":\"org.varlink.service\"}}";
	struct varlink_stream stream;
	struct varlink_reply reply;
	struct json_object *description = NULL;
	struct json_object *object;

	(void)state;
	expect("{\"method\":\"org.varlink.service.GetInfo\"}",
		"{\"parameters\":{\"vendor\":\"v\",\"product\":\"p\",\"version\":\"1\",\"url\":\"u\","
		"\"interfaces\":[\"org.varlink.service\",\"org.example.Test\"]}}");
	expect("{\"method\":\"org.varlink.service.GetInterfaceDescription\",\"parameters\":{"
	       "\"interface\":\"org.example.Test\"}}",
		"{\"parameters\":{\"description\":\"interface org.example.Test\\n\"}}");
	expect("{\"method\":\"org.varlink.service.GetInterfaceDescription\",\"parameters\":{"
	       "\"interface\":\"org.example\"}}",
		"{\"error\":\"org.varlink.service.InterfaceNotFound\",\"parameters\":{\"interface\":"
		"\"org.example\"}}");
	expect("{\"method\":\"org.varlink.service.GetInterfaceDescription\"}",
		"{\"error\":\"org.varlink.service.InvalidParameter\",\"parameters\":{\"parameter\":"
		"\"interface\"}}");
	assert_int_equal(serve(false, message, &reply, &stream), 0);
	object = json_tokener_parse(reply.text);
	json_object_object_get_ex(
		json_object_object_get(object, "parameters"), "description", &description);
	assert_string_equal(json_object_get_string(description), interface_org_varlink_service);
	json_object_put(object);
	varlink_reply_release(&reply);
}

static void test_reply_of_the_service_is_as_declared(void **state)
{
	const char *message = "{\"method\":\"org.varlink.service.GetInfo\"}";
	struct varlink_stream stream;
	struct varlink_reply reply;
	struct json_object *object;
	char why[256];

	(void)state;
	assert_int_equal(serve(false, message, &reply, &stream), 0);
	object = json_tokener_parse(reply.text);
	if (idl_check(interface_org_varlink_service, "method", "GetInfo",
		    json_object_object_get(object, "parameters"), why, sizeof(why)) < 0)
		fail_msg("%s", why);
	json_object_put(object);
	varlink_reply_release(&reply);
}

static void test_denial_is_a_reply(void **state)
{
	struct varlink_reply reply;

	(void)state;
	assert_int_equal(varlink_denied(&reply), 0);
	assert_string_equal(reply.text, "{\"error\":\"org.varlink.service.PermissionDenied\"}");
	varlink_reply_release(&reply);
}

static void test_every_refusal_has_a_name(void **state)
{
	(void)state;
	assert_string_equal(varlink_refusal_name(VARLINK_REFUSAL_LENGTH), "length");
	assert_string_equal(varlink_refusal_name(VARLINK_REFUSAL_COUNT), "unknown");
	for (int i = 1; i < VARLINK_REFUSAL_COUNT; i++)
		assert_string_not_equal(varlink_refusal_name((enum varlink_refusal)i), "unknown");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_call_is_answered),
		cmocka_unit_test(test_parameters_absent_null_or_empty_are_the_same),
		cmocka_unit_test(test_oneway_is_done_and_never_answered),
		cmocka_unit_test(test_errors_are_those_of_the_specification),
		cmocka_unit_test(test_what_is_no_text_is_made_one_of_512_bytes_at_most),
		cmocka_unit_test(test_privileged_method_is_refused_to_others),
		cmocka_unit_test(test_wrong_parameters_are_named),
		cmocka_unit_test(test_what_is_no_call_closes_the_connection),
		cmocka_unit_test(test_memory_that_is_short_closes_the_connection),
		cmocka_unit_test(test_stream_continues_until_its_count),
		cmocka_unit_test(test_stream_ends_with_an_error),
		cmocka_unit_test(test_service_describes_itself),
		cmocka_unit_test(test_reply_of_the_service_is_as_declared),
		cmocka_unit_test(test_denial_is_a_reply),
		cmocka_unit_test(test_every_refusal_has_a_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

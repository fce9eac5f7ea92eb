/* SPDX-License-Identifier: MIT */
/*
 * A service of org.varlink.certification over the daemon's own dialogues, for clients that others
 * wrote:
 *
 *   certify SOCKET
 *
 * Each call must bring back what the reply before it gave; End says whether all did.  It serves
 * until it is killed.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <json-c/json.h>

#include "daemon/dialogue.h"
#include "daemon/listener.h"
#include "daemon/loop.h"
#include "daemon/object.h"
#include "daemon/quota.h"
#include "tests/unit/fake-keeper.h"

#define NAME "org.varlink.certification"
#define CLIENT "client"
#define REPLIES 10

static const char description[] =
	"interface " NAME "\n"
	"method Start() -> (client_id: string)\n"
	"method Test01(client_id: string) -> (bool: bool)\n"
	"method Test02(client_id: string, bool: bool) -> (int: int)\n"
	"method Test03(client_id: string, int: int) -> (float: float)\n"
	"method Test04(client_id: string, float: float) -> (string: string)\n"
	"method Test05(client_id: string, string: string) -> (bool: bool, int: int, float: float, "
	"string: string)\n"
	"method Test06(client_id: string, bool: bool, int: int, float: float, string: string) -> "
	"(struct: (bool: bool, int: int, float: float, string: string))\n"
	"method Test07(client_id: string, struct: (bool: bool, int: int, float: float, string: "
	"string)) -> (map: [string]string)\n"
	"method Test08(client_id: string, map: [string]string) -> (set: [string]())\n"
	"method Test09(client_id: string, set: [string]()) -> (mytype: object)\n"
	"method Test10(client_id: string, mytype: object) -> (string: string)\n"
	"method Test11(client_id: string, last_more_replies: []string) -> ()\n"
	"method End(client_id: string) -> (all_ok: bool)\n"
	"error ClientIdError ()\n"
	"error CertificationError (wants: object, got: object)\n";

static unsigned int passed;

/* What came must be what was sent out: a step forward, or an error that says that it is not. */
static int step(struct varlink_answer *answer, struct object *o, bool good)
{
	if (!good) {
		json_object_put(object_end(o));
		return varlink_error(answer, NAME ".CertificationError", NULL, NULL);
	}
	passed++;
	return varlink_answer_end(answer, o);
}

static bool is_client(const struct json_value *p)
{
	return strcmp(json_member(p, "client_id")->string, CLIENT) == 0;
}

static bool is_text(const struct json_value *object, const char *key, const char *text)
{
	const struct json_value *v = json_member(object, key);

	return v != NULL && v->kind == JSON_IS_STRING && strcmp(v->string, text) == 0;
}

static bool is_int(const struct json_value *object, const char *key, int64_t number)
{
	const struct json_value *v = json_member(object, key);

	return v != NULL && v->kind == JSON_IS_INT && v->integer == number;
}

static bool is_true(const struct json_value *object, const char *key)
{
	const struct json_value *v = json_member(object, key);

	return v != NULL && v->kind == JSON_IS_BOOL && v->boolean;
}

static bool are_four(const struct json_value *object)
{
	return is_true(object, "bool") && is_int(object, "int", 2) && is_int(object, "float", 3) &&
	       is_text(object, "string", "a lot of string");
}

/* A float that is whole is an integer on the wire. */
static void add_four(struct object *o)
{
	object_add_bool(o, "bool", true);
	object_add_int(o, "int", 2);
	object_add_int(o, "float", 3);
	object_add_text(o, "string", "a lot of string");
}

static struct json_object *nothing(void)
{
	struct object o = object_begin();

	return object_end(&o);
}

static int start(void *data, const struct json_value *p, struct varlink_answer *answer)
{
	struct object o = object_begin();

	(void)data;
	(void)p;
	passed = 0;
	object_add_text(&o, "client_id", CLIENT);
	return step(answer, &o, true);
}

static int test01(void *data, const struct json_value *p, struct varlink_answer *answer)
{
	struct object o = object_begin();

	(void)data;
	object_add_bool(&o, "bool", true);
	return step(answer, &o, is_client(p));
}

static int test02(void *data, const struct json_value *p, struct varlink_answer *answer)
{
	struct object o = object_begin();

	(void)data;
	object_add_int(&o, "int", 1);
	return step(answer, &o, is_client(p) && is_true(p, "bool"));
}

static int test03(void *data, const struct json_value *p, struct varlink_answer *answer)
{
	struct object o = object_begin();

	(void)data;
	object_add_int(&o, "float", 1);
	return step(answer, &o, is_client(p) && is_int(p, "int", 1));
}

static int test04(void *data, const struct json_value *p, struct varlink_answer *answer)
{
	struct object o = object_begin();

	(void)data;
	object_add_text(&o, "string", "ping \xc3\xa4 \" \\");
	return step(answer, &o, is_client(p) && is_int(p, "float", 1));
}

static int test05(void *data, const struct json_value *p, struct varlink_answer *answer)
{
	struct object o = object_begin();

	(void)data;
	add_four(&o);
	return step(answer, &o, is_client(p) && is_text(p, "string", "ping \xc3\xa4 \" \\"));
}

static int test06(void *data, const struct json_value *p, struct varlink_answer *answer)
{
	struct object o = object_begin();
	struct object inner = object_begin();

	(void)data;
	add_four(&inner);
	object_add(&o, "struct", object_end(&inner));
	return step(answer, &o, is_client(p) && are_four(p));
}

static int test07(void *data, const struct json_value *p, struct varlink_answer *answer)
{
	struct object o = object_begin();
	struct object map = object_begin();

	(void)data;
	object_add_text(&map, "foo", "Foo");
	object_add_text(&map, "bar", "Bar");
	object_add(&o, "map", object_end(&map));
	return step(answer, &o, is_client(p) && are_four(json_member(p, "struct")));
}

static int test08(void *data, const struct json_value *p, struct varlink_answer *answer)
{
	const struct json_value *map = json_member(p, "map");
	struct object o = object_begin();
	struct object set = object_begin();

	(void)data;
	object_add(&set, "one", nothing());
	object_add(&set, "two", nothing());
	object_add(&o, "set", object_end(&set));
	return step(answer, &o,
		is_client(p) && map->count == 2 && is_text(map, "foo", "Foo") &&
			is_text(map, "bar", "Bar"));
}

static int test09(void *data, const struct json_value *p, struct varlink_answer *answer)
{
	static const char mytype[] =
		"{\"object\":{\"method\":\"org.x.Y\",\"more\":true},\"enum\":\"two\","
		"\"struct\":{\"first\":1,\"second\":\"2\"},"
		"\"array\":[\"one\",\"two\",\"three\"],\"dictionary\":{\"foo\":\"Foo\"},"
		"\"stringset\":{\"one\":{}},\"nullable\":null,"
		"\"nullable_array_struct\":null,"
		"\"interface\":{\"foo\":[null,{\"foo\":\"foo\"}],"
		"\"anon\":{\"foo\":true,\"bar\":false}}}";
	const struct json_value *set = json_member(p, "set");
	struct object o = object_begin();

	(void)data;
	object_add(&o, "mytype", json_tokener_parse(mytype));
	return step(answer, &o, is_client(p) && set->count == 2 && json_member(set, "one") != NULL);
}

static int reply_number(struct varlink_stream *stream, struct varlink_answer *answer)
{
	struct object o = object_begin();
	char text[32];

	(void)snprintf(text, sizeof(text), "Reply number %d", (int)++stream->seen);
	object_add_text(&o, "string", text);
	return varlink_answer_end(answer, &o);
}

static int test10_next(
	struct varlink_stream *stream, enum varlink_cause cause, struct varlink_answer *answer)
{
	(void)cause;
	return reply_number(stream, answer);
}

static int test10(void *data, const struct json_value *p, struct varlink_answer *answer)
{
	const struct json_value *mytype = json_member(p, "mytype");
	const struct json_value *array = json_member(mytype, "array");

	(void)data;
	if (!is_client(p) || !is_text(mytype, "enum", "two") || array == NULL ||
		array->count != 3 || json_member(mytype, "nullable") != NULL ||
		!is_true(json_member(mytype, "object"), "more"))
		return varlink_error(answer, NAME ".CertificationError", NULL, NULL);
	passed++;
	answer->stream->left = REPLIES;
	answer->stream->interval_ns = 1000000;
	return reply_number(answer->stream, answer);
}

static int test11(void *data, const struct json_value *p, struct varlink_answer *answer)
{
	const struct json_value *replies = json_member(p, "last_more_replies");
	const struct json_value *last = replies;
	const struct json_value *reply;

	(void)data;
	(void)answer;
	JSON_FOR_EACH(reply, replies)
	last = reply;
	passed += is_client(p) && replies->count == REPLIES &&
		  strcmp(last->string, "Reply number 10") == 0;
	return 0;
}

static int end(void *data, const struct json_value *p, struct varlink_answer *answer)
{
	struct object o = object_begin();

	(void)data;
	object_add_bool(&o, "all_ok", is_client(p) && passed == 12);
	return varlink_answer_end(answer, &o);
}

#define PARAMETERS(name, ...) \
	static const struct varlink_parameter name[] = { { "client_id", VARLINK_STRING, false }, \
		__VA_ARGS__{ 0 } };
PARAMETERS(takes_client, )
PARAMETERS(takes_bool, { "bool", VARLINK_BOOL, false }, )
PARAMETERS(takes_int, { "int", VARLINK_INT, false }, )
PARAMETERS(takes_float, { "float", VARLINK_INT, false }, )
PARAMETERS(takes_string, { "string", VARLINK_STRING, false }, )
PARAMETERS(takes_four, { "bool", VARLINK_BOOL, false }, { "int", VARLINK_INT, false },
	{ "float", VARLINK_INT, false }, { "string", VARLINK_STRING, false }, )
PARAMETERS(takes_struct, { "struct", VARLINK_OBJECT, false }, )
PARAMETERS(takes_map, { "map", VARLINK_OBJECT, false }, )
PARAMETERS(takes_set, { "set", VARLINK_OBJECT, false }, )
PARAMETERS(takes_mytype, { "mytype", VARLINK_OBJECT, false }, )
PARAMETERS(takes_replies, { "last_more_replies", VARLINK_STRINGS, false }, )

static const struct varlink_method certification[] = {
	{ .name = "Start", .call = start },
	{ .name = "Test01", .parameters = takes_client, .call = test01 },
	{ .name = "Test02", .parameters = takes_bool, .call = test02 },
	{ .name = "Test03", .parameters = takes_int, .call = test03 },
	{ .name = "Test04", .parameters = takes_float, .call = test04 },
	{ .name = "Test05", .parameters = takes_string, .call = test05 },
	{ .name = "Test06", .parameters = takes_four, .call = test06 },
	{ .name = "Test07", .parameters = takes_struct, .call = test07 },
	{ .name = "Test08", .parameters = takes_map, .call = test08 },
	{ .name = "Test09", .parameters = takes_set, .call = test09 },
	{ .name = "Test10", .parameters = takes_mytype, .call = test10, .next = test10_next },
	{ .name = "Test11", .parameters = takes_replies, .call = test11 },
	{ .name = "End", .parameters = takes_client, .call = end },
	{ 0 },
};

static const struct varlink_interface interface = { NAME, description, certification, NULL };
static const struct varlink_service service = { "v", "certify", "1", "", &interface, 1 };
static struct dialogues dialogues;

static void accepted(void *data, int fd)
{
	(void)data;
	if (dialogues_accept(&dialogues, fd) < 0)
		close(fd);
}

static void starved(void *data)
{
	(void)data;
}

int main(int argc, char **argv)
{
	struct quota_limits limits = {
		.peers_max = 16,
		.peers_per_user_max = 16,
		.subscriptions_per_user_max = 16,
		.bytes_per_user_max = 1 << 20,
		.privileged_uid = geteuid(),
	};
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct keeper keeper;
	struct listener listener;
	struct quota quota;
	struct loop *loop;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (argc != 2 || strlen(argv[1]) >= sizeof(address.sun_path)) {
		fprintf(stderr, "Usage: certify SOCKET\n");
		return 2;
	}
	strcpy(address.sun_path, argv[1]);
	fake_keeper_init(&keeper);
	if (loop_new(&loop, 64) < 0 || quota_init(&quota, &limits) < 0 ||
		dialogues_init(&dialogues, loop, &quota, &keeper, &service, 16) < 0 ||
		bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0 || listen(fd, 16) < 0 ||
		listener_init(&listener, loop, fd, accepted, starved, NULL) < 0) {
		perror(argv[1]);
		return 1;
	}
	dialogues.frame_timeout_ns = UINT64_C(2000000000);
	dialogues.stall_timeout_ns = UINT64_C(2000000000);
	loop_run(loop);
	return 0;
}

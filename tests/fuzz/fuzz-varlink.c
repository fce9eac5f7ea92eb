/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as messages to the real methods, separated by NULs: each is refused for a reason that
 * exists, or answered by proper JSON with a reply's members; a stream that begins goes on.
 */
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "daemon/loop.h"
#include "daemon/methods.h"
#include "daemon/server.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/fake-keeper.h"

static struct keeper keeper;
static struct server *server;
static struct methods methods;
static struct varlink_interface interface;
static struct varlink_service service;

static void promise(bool kept)
{
	if (!kept)
		abort();
}

static void start(void)
{
	static struct loop *loop;
	static const struct server_facts facts = { .version = "1", .runtime_dir = "/run" };
	struct server_options options = SERVER_OPTIONS_DEFAULT;

	options.peers_max = 70;
	fake_keeper_init(&keeper);
	promise(loop_new(&loop, server_watchers(&options)) == 0);
	promise(server_new(&server, &options, loop, &keeper, &facts) == 0);
	methods = (struct methods){ &keeper, server, &facts, 0 };
	interface = methods_interface(&methods);
	service = (struct varlink_service){ "v", "p", "1", "u", &interface, 1 };
}

static void check_reply(struct varlink_reply *reply)
{
	struct json_object *o;

	if (reply->text == NULL)
		return;
	promise(strlen(reply->text) + 1 == reply->bytes);
	o = json_tokener_parse(reply->text);
	promise(json_object_is_type(o, json_type_object));
	json_object_object_foreach(o, key, value)
	{
		(void)value;
		promise(strcmp(key, "parameters") == 0 || strcmp(key, "error") == 0 ||
			strcmp(key, "continues") == 0);
	}
	json_object_put(o);
	varlink_reply_release(reply);
}

static void serve(char *message, size_t bytes)
{
	struct varlink_reply reply = { 0 };
	struct varlink_stream stream;
	int r = varlink_serve(&service, bytes & 1, message, bytes, &reply, &stream);

	promise(r >= 0 && r < VARLINK_REFUSAL_COUNT);
	if (r > 0) {
		promise(reply.text == NULL && stream.method == NULL);
		return;
	}
	check_reply(&reply);
	for (int i = 0; i < 4 && stream.method != NULL; i++) {
		event_log_add(&keeper.events, &(struct event){ .kind = EVENT_JUMPED });
		promise(varlink_stream_next(
				&stream, i % 2 ? VARLINK_EVENT : VARLINK_TICK, &reply) == 0);
		check_reply(&reply);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	char *copy = malloc(bytes + 1);
	char *at = copy;

	if (server == NULL)
		start();
	memcpy(copy, data, bytes);
	copy[bytes] = '\0';
	while (at <= copy + bytes) {
		size_t length = strnlen(at, (size_t)(copy + bytes - at));
		char *message = malloc(length > 0 ? length : 1);

		memcpy(message, at, length);
		serve(message, length);
		free(message);
		at += length + 1;
	}
	free(copy);
	return 0;
}

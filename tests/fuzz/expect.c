/* SPDX-License-Identifier: MIT */
/* Each message is served a second time when its reply has come, and what came is held against it.
 */
#include "tests/fuzz/expect.h"

#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "daemon/dialogue.h"
#include "daemon/varlink.h"

#define DENIED "org.varlink.service.PermissionDenied"

void expect_promise(bool kept)
{
	if (!kept)
		abort();
}

static void append(char **to, size_t *to_bytes, const char *bytes, size_t count)
{
	*to = realloc(*to, *to_bytes + count + 1);
	expect_promise(*to != NULL);
	memcpy(*to + *to_bytes, bytes, count);
	*to_bytes += count;
}

void expect_sent(struct expect *e, const char *bytes, size_t count)
{
	append(&e->sent, &e->sent_bytes, bytes, count);
}

/* Serve the message that is next.  False: it is not there, or is none and closes. */
static bool serve(struct expect *e, struct varlink_reply *ret, struct varlink_stream *ret_stream,
	size_t *ret_bytes, bool *ret_close)
{
	size_t left = e->sent_bytes - e->taken_bytes;
	const char *at = left > 0 ? e->sent + e->taken_bytes : NULL;
	const char *end = at == NULL ? NULL : memchr(at, '\0', left);
	size_t bytes = end == NULL ? left : (size_t)(end - at);
	char *copy;
	int r;

	*ret_close = bytes >= DIALOGUE_MESSAGE_MAX;
	if (end == NULL || *ret_close)
		return false;
	copy = malloc(bytes + 1);
	expect_promise(copy != NULL);
	memcpy(copy, at, bytes);
	r = varlink_serve(e->service, true, copy, bytes, ret, ret_stream);
	free(copy);
	*ret_bytes = bytes + 1;
	*ret_close = r != 0;
	return r == 0;
}

/* The next message that is answered, past those that are not. */
static bool serve_answered(struct expect *e, struct varlink_reply *ret,
	struct varlink_stream *ret_stream, size_t *ret_bytes, bool *ret_close)
{
	while (serve(e, ret, ret_stream, ret_bytes, ret_close)) {
		if (ret->text != NULL)
			return true;
		expect_promise(ret_stream->method == NULL);
		e->taken_bytes += *ret_bytes;
	}
	return false;
}

enum expect_next expect_next(struct expect *e)
{
	struct varlink_reply reply = { 0 };
	struct varlink_stream stream;
	size_t bytes;
	bool close;

	if (e->streams)
		return EXPECT_TICKS;
	if (!serve_answered(e, &reply, &stream, &bytes, &close))
		return close ? EXPECT_CLOSE : EXPECT_NOTHING;
	varlink_reply_release(&reply);
	return EXPECT_REPLY;
}

bool expect_may_close(struct expect *e, bool half_closed)
{
	enum expect_next next = expect_next(e);

	/* What waits behind a stream is bounded. */
	if (next == EXPECT_TICKS && e->sent_bytes - e->taken_bytes >= DIALOGUE_MESSAGE_MAX)
		return true;
	return next == EXPECT_CLOSE || (half_closed && next != EXPECT_REPLY);
}

static struct json_object *parse(const char *text)
{
	struct json_object *o = json_tokener_parse(text);

	expect_promise(json_object_is_type(o, json_type_object));
	json_object_object_foreach(o, key, value)
	{
		(void)value;
		expect_promise(strcmp(key, "parameters") == 0 || strcmp(key, "error") == 0 ||
			       strcmp(key, "continues") == 0);
	}
	return o;
}

static const char *error_of(struct json_object *reply)
{
	return json_object_get_string(json_object_object_get(reply, "error"));
}

static bool continues(struct json_object *reply)
{
	return json_object_get_boolean(json_object_object_get(reply, "continues"));
}

static void check_members(struct json_object *a, struct json_object *b)
{
	struct json_object *in_a = json_object_object_get(a, "parameters");
	struct json_object *in_b = json_object_object_get(b, "parameters");

	expect_promise((in_a == NULL) == (in_b == NULL) && continues(a) == continues(b));
	if (in_a == NULL)
		return;
	expect_promise(json_object_object_length(in_a) == json_object_object_length(in_b));
	json_object_object_foreach(in_a, key, value)
	{
		(void)value;
		expect_promise(json_object_object_get_ex(in_b, key, NULL));
	}
}

/* The next reply of the stream, or its last. */
static void check_tick(struct expect *e, struct json_object *heard)
{
	bool last = e->stream_left > 0 && --e->stream_left == 0;

	expect_promise(error_of(heard) == NULL && continues(heard) == !last);
	e->streams = !last;
}

static void check_reply(struct expect *e, const char *text, struct json_object *heard)
{
	struct varlink_reply reply = { 0 };
	struct varlink_stream stream;
	struct json_object *expected;
	size_t bytes;
	bool close;

	expect_promise(serve_answered(e, &reply, &stream, &bytes, &close));
	e->taken_bytes += bytes;
	expected = parse(reply.text);
	/* The engine knows nothing of who has too many subscriptions. */
	if (stream.method != NULL && error_of(heard) != NULL) {
		expect_promise(strcmp(error_of(heard), DENIED) == 0 && !continues(heard));
	} else {
		expect_promise(error_of(expected) == NULL ? error_of(heard) == NULL
							  : strcmp(text, reply.text) == 0);
		check_members(expected, heard);
		e->streams = stream.method != NULL;
		e->stream_left = stream.left;
	}
	json_object_put(expected);
	varlink_reply_release(&reply);
}

void expect_heard(struct expect *e, const char *bytes, size_t count)
{
	char *at;
	char *end;

	append(&e->heard, &e->heard_bytes, bytes, count);
	at = e->heard;
	while ((end = memchr(at, '\0', e->heard_bytes - (size_t)(at - e->heard))) != NULL) {
		struct json_object *heard = parse(at);

		if (e->streams)
			check_tick(e, heard);
		else
			check_reply(e, at, heard);
		json_object_put(heard);
		at = end + 1;
	}
	e->heard_bytes -= (size_t)(at - e->heard);
	memmove(e->heard, at, e->heard_bytes);
}

void expect_deinit(struct expect *e)
{
	free(e->sent);
	free(e->heard);
	*e = (struct expect){ 0 };
}

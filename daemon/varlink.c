/* SPDX-License-Identifier: MIT */
/*
 * From message to call, from answer to reply.
 *
 * The one thing a reader would get wrong: json-c asserts on a NULL object, and its constructors
 * return NULL when memory is short.  What could not be made is an error that object.h carries
 * along; nothing here asks json-c about a NULL.
 */
#include "daemon/varlink.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "daemon/interfaces.h"
#include "daemon/object.h"
#include "daemon/print.h"

struct call {
	const char *method; /* interface and name, in the message */
	const struct json_value *parameters;
	bool oneway;
	bool more;
	bool upgrade;
	bool privileged; /* who calls */
};

#define REFUSAL_NAME(NAME, name, text) [VARLINK_REFUSAL_##NAME] = name,
static const char *const refusal_names[VARLINK_REFUSAL_COUNT] = { "accepted",
	VARLINK_REFUSALS(REFUSAL_NAME) };

#define VERDICT_SAME(NAME, name, text) \
	_Static_assert((int)VARLINK_REFUSAL_##NAME == (int)JSON_##NAME, name);
JSON_VERDICTS(VERDICT_SAME)

const char *varlink_refusal_name(enum varlink_refusal refusal)
{
	return refusal < VARLINK_REFUSAL_COUNT ? refusal_names[refusal] : "unknown";
}

int varlink_answer_end(struct varlink_answer *answer, struct object *o)
{
	answer->parameters = object_end(o);
	return answer->parameters == NULL ? -ENOMEM : 0;
}

int varlink_error(
	struct varlink_answer *answer, const char *error, const char *key, const char *value)
{
	struct object o = object_begin();

	answer->error = error;
	if (key != NULL)
		object_add(&o, key, object_text(value));
	return varlink_answer_end(answer, &o);
}

void varlink_reply_release(struct varlink_reply *r)
{
	free(r->text);
	*r = (struct varlink_reply){ 0 };
}

/* null is as good as absent. */
static bool read_flag(const struct json_value *v, bool *ret)
{
	if (v->kind == JSON_IS_BOOL)
		*ret = v->boolean;
	return v->kind == JSON_IS_BOOL || v->kind == JSON_IS_NULL;
}

/* One member of a message; false: not one of a call.  Others' own keys have a dot in them. */
static bool read_member(struct call *c, const struct json_value *v)
{
	if (strcmp(v->key, "method") == 0) {
		c->method = v->string;
		return v->kind == JSON_IS_STRING;
	}
	if (strcmp(v->key, "parameters") == 0) {
		if (v->kind == JSON_IS_OBJECT)
			c->parameters = v;
		return v->kind == JSON_IS_OBJECT || v->kind == JSON_IS_NULL;
	}
	if (strcmp(v->key, "oneway") == 0)
		return read_flag(v, &c->oneway);
	if (strcmp(v->key, "more") == 0)
		return read_flag(v, &c->more);
	if (strcmp(v->key, "upgrade") == 0)
		return read_flag(v, &c->upgrade);
	return strchr(v->key, '.') != NULL;
}

static bool read_call(const struct json_value *message, struct call *ret)
{
	const struct json_value *member;

	JSON_FOR_EACH(member, message)
	{
		if (!read_member(ret, member))
			return false;
	}
	return ret->method != NULL && ret->oneway + ret->more + ret->upgrade <= 1;
}

static bool is_strings(const struct json_value *array)
{
	const struct json_value *v;

	if (array->kind != JSON_IS_ARRAY)
		return false;
	JSON_FOR_EACH(v, array)
	{
		if (v->kind != JSON_IS_STRING)
			return false;
	}
	return true;
}

static bool is_of_type(const struct json_value *v, enum varlink_type type)
{
	switch (type) {
	case VARLINK_BOOL:
		return v->kind == JSON_IS_BOOL;
	case VARLINK_INT:
		return v->kind == JSON_IS_INT;
	case VARLINK_STRING:
		return v->kind == JSON_IS_STRING;
	case VARLINK_STRINGS:
		return is_strings(v);
	case VARLINK_OBJECT:
		return v->kind == JSON_IS_OBJECT;
	}
	return false;
}

static const struct varlink_parameter *find_parameter(
	const struct varlink_parameter *list, const char *name)
{
	for (; list != NULL && list->name != NULL; list++) {
		if (strcmp(list->name, name) == 0)
			return list;
	}
	return NULL;
}

/*
 * The name of the first parameter that is undeclared, of the wrong type, or missing; NULL: all are
 * well.
 */
static const char *wrong_parameter(
	const struct varlink_parameter *list, const struct json_value *parameters)
{
	const struct json_value *v;

	JSON_FOR_EACH(v, parameters)
	{
		const struct varlink_parameter *parameter = find_parameter(list, v->key);

		if (parameter == NULL ||
			(v->kind != JSON_IS_NULL && !is_of_type(v, parameter->type)))
			return v->key;
	}
	for (; list != NULL && list->name != NULL; list++) {
		if (!list->nullable && json_member(parameters, list->name) == NULL)
			return list->name;
	}
	return NULL;
}

static int get_info(void *data, const struct json_value *parameters, struct varlink_answer *answer)
{
	const struct varlink_service *v = data;
	struct object o = object_begin();

	(void)parameters;
	object_add(&o, "vendor", object_text(v->vendor));
	object_add(&o, "product", object_text(v->product));
	object_add(&o, "version", object_text(v->version));
	object_add(&o, "url", object_text(v->url));

	struct json_object *names = object_add_array(&o, "interfaces");

	object_append(&o, names, object_text(VARLINK_SERVICE));
	for (size_t i = 0; i < v->interface_count; i++)
		object_append(&o, names, object_text(v->interfaces[i].name));
	return varlink_answer_end(answer, &o);
}

static const struct varlink_interface *find_interface(
	const struct varlink_service *v, const char *name, size_t bytes)
{
	for (size_t i = 0; i < v->interface_count; i++) {
		if (strlen(v->interfaces[i].name) == bytes &&
			memcmp(v->interfaces[i].name, name, bytes) == 0)
			return &v->interfaces[i];
	}
	return NULL;
}

static int get_interface_description(
	void *data, const struct json_value *parameters, struct varlink_answer *answer)
{
	const char *name = json_member(parameters, "interface")->string;
	const struct varlink_interface *interface = find_interface(data, name, strlen(name));
	const char *text = strcmp(name, VARLINK_SERVICE) == 0 ? interface_org_varlink_service
			   : interface != NULL                ? interface->description
							      : NULL;

	if (text == NULL)
		return varlink_error(
			answer, VARLINK_SERVICE ".InterfaceNotFound", "interface", name);

	struct object o = object_begin();

	object_add(&o, "description", json_object_new_string(text));
	return varlink_answer_end(answer, &o);
}

static const struct varlink_parameter description_parameters[] = {
	{ "interface", VARLINK_STRING, false },
	{ 0 },
};

static const struct varlink_method service_methods[] = {
	{ "GetInfo", NULL, get_info, NULL, false },
	{ "GetInterfaceDescription", description_parameters, get_interface_description, NULL,
		false },
	{ 0 },
};

static const struct varlink_method *find_method(const struct varlink_method *list, const char *name)
{
	for (; list->name != NULL; list++) {
		if (strcmp(list->name, name) == 0)
			return list;
	}
	return NULL;
}

static int interface_not_found(struct varlink_answer *answer, const char *name, size_t bytes)
{
	struct object o = object_begin();

	answer->error = VARLINK_SERVICE ".InterfaceNotFound";
	object_add(&o, "interface", object_text_of(name, bytes));
	return varlink_answer_end(answer, &o);
}

/* Look the method up; NULL and *answer, or *answer's -ENOMEM in *ret, when there is none. */
static const struct varlink_method *resolve(const struct varlink_service *v, const char *method,
	void **ret_data, struct varlink_answer *answer, int *ret)
{
	const char *dot = strrchr(method, '.');
	size_t bytes = dot == NULL ? strlen(method) : (size_t)(dot - method);
	bool own = bytes == strlen(VARLINK_SERVICE) && memcmp(method, VARLINK_SERVICE, bytes) == 0;
	const struct varlink_interface *interface = find_interface(v, method, bytes);
	const struct varlink_method *found;

	if (dot == NULL || (!own && interface == NULL)) {
		*ret = interface_not_found(answer, method, bytes);
		return NULL;
	}
	*ret_data = own ? (void *)(uintptr_t)v : interface->data;
	found = find_method(own ? service_methods : interface->methods, dot + 1);
	if (found == NULL)
		*ret = varlink_error(answer, VARLINK_SERVICE ".MethodNotFound", "method", method);
	return found;
}

/* One reply of the stream has been made. */
static void stream_count(struct varlink_stream *stream)
{
	if (stream->left > 0 && --stream->left == 0)
		stream->method = NULL;
}

static int call_method(
	const struct varlink_service *v, const struct call *c, struct varlink_answer *answer)
{
	static const struct json_value none = { .kind = JSON_IS_OBJECT, .span = 1 };
	const struct json_value *parameters = c->parameters != NULL ? c->parameters : &none;
	void *data = NULL;
	int r = 0;
	const struct varlink_method *method = resolve(v, c->method, &data, answer, &r);
	const char *wrong;

	if (method == NULL)
		return r;
	if (c->upgrade)
		return varlink_error(
			answer, VARLINK_SERVICE ".MethodNotImplemented", "method", c->method);
	wrong = wrong_parameter(method->parameters, parameters);
	if (wrong != NULL)
		return varlink_error(
			answer, VARLINK_SERVICE ".InvalidParameter", "parameter", wrong);
	if (method->privileged && !c->privileged)
		return varlink_error(answer, VARLINK_SERVICE ".PermissionDenied", NULL, NULL);
	if (method->next != NULL && !c->more)
		return varlink_error(answer, VARLINK_SERVICE ".ExpectedMore", NULL, NULL);
	if (method->next == NULL)
		return method->call(data, parameters, answer);
	*answer->stream = (struct varlink_stream){ .method = method, .data = data };
	r = method->call(data, parameters, answer);
	if (r < 0 || answer->error != NULL)
		answer->stream->method = NULL;
	else
		stream_count(answer->stream);
	return r;
}

/* Consumes the answer's parameters, and leaves them out where they are empty. */
static int build_reply(struct varlink_answer *answer, bool continues, struct varlink_reply *ret)
{
	struct object o = object_begin();
	struct varlink_reply reply = { 0 };
	struct json_object *whole;

	if (answer->error != NULL)
		object_add(&o, "error", object_text(answer->error));
	if (answer->parameters != NULL && json_object_object_length(answer->parameters) > 0)
		object_add(&o, "parameters", answer->parameters);
	else
		json_object_put(answer->parameters);
	if (continues)
		object_add_bool(&o, "continues", true);
	whole = object_end(&o);
	if (whole != NULL)
		reply.text = print_json(whole, &reply.bytes);
	json_object_put(whole);
	if (reply.text == NULL)
		return -ENOMEM;
	*ret = reply;
	return 0;
}

static int serve_call(const struct varlink_service *v, const struct call *c,
	struct varlink_reply *ret, struct varlink_stream *stream)
{
	struct varlink_answer answer = { .stream = stream };
	int r = call_method(v, c, &answer);

	if (r < 0 || c->oneway || answer.silent) {
		json_object_put(answer.parameters);
		*ret = (struct varlink_reply){ 0 };
		return r;
	}
	return build_reply(&answer, stream->method != NULL, ret);
}

int varlink_denied(struct varlink_reply *ret)
{
	struct varlink_answer answer = { .error = VARLINK_SERVICE ".PermissionDenied" };

	return build_reply(&answer, false, ret);
}

int varlink_serve(const struct varlink_service *v, bool privileged, char *message, size_t bytes,
	struct varlink_reply *ret, struct varlink_stream *stream)
{
	struct call call = { .privileged = privileged };
	struct json_text text;
	enum json_verdict verdict = json_read(message, bytes, &text);

	*stream = (struct varlink_stream){ 0 };
	if (verdict != JSON_PROPER)
		return (int)verdict;
	if (!read_call(text.values, &call))
		return VARLINK_REFUSAL_CALL;
	return serve_call(v, &call, ret, stream);
}

int varlink_stream_next(
	struct varlink_stream *stream, enum varlink_cause cause, struct varlink_reply *ret)
{
	struct varlink_answer answer = { .stream = stream };
	int r = stream->method->next(stream, cause, &answer);

	if (r < 0 || answer.silent) {
		json_object_put(answer.parameters);
		*ret = (struct varlink_reply){ 0 };
		return r;
	}
	stream_count(stream);
	if (answer.error != NULL)
		stream->method = NULL;
	return build_reply(&answer, stream->method != NULL, ret);
}

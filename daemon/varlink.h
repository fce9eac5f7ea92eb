/* SPDX-License-Identifier: MIT */
/*
 * The Varlink engine: one message in, at most one reply out.  It knows the protocol (varlink.org,
 * UAPI.20) and org.varlink.service, and calls methods by a table; sockets are the dialogue's
 * business.
 *
 * A message is read by json.h, and its parameters are judged by the method's own
 * list before its handler does: a handler finds what it declared, and nothing else.
 *
 * The one thing a reader would get wrong: a message that is no call closes the connection without a
 * reply; a call that cannot be done is answered with an error.
 */
#ifndef VDSOTIMED_VARLINK_H
#define VDSOTIMED_VARLINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/json.h"

struct json_object;
struct object;

/* The interface that every service has. */
#define VARLINK_SERVICE "org.varlink.service"

/* Why a message closed the connection.  X(NAME, name in statistics, sentence) */
#define VARLINK_REFUSALS(X) \
	JSON_VERDICTS(X) \
	X(CALL, "call", "not a call: a member is missing, unknown, or of the wrong type") \
	X(LENGTH, "length", "longer than a message may be")

#define VARLINK_REFUSAL_ENUM(NAME, name, text) VARLINK_REFUSAL_##NAME,
enum varlink_refusal {
	VARLINK_ACCEPTED,
	VARLINK_REFUSALS(VARLINK_REFUSAL_ENUM) VARLINK_REFUSAL_COUNT
};
#undef VARLINK_REFUSAL_ENUM

/* "jsonSyntax" and the like; never NULL. */
const char *varlink_refusal_name(enum varlink_refusal refusal);

enum varlink_type {
	VARLINK_BOOL,
	VARLINK_INT,
	VARLINK_STRING,
	VARLINK_STRINGS, /* an array of them */
	VARLINK_OBJECT
};

struct varlink_parameter {
	const char *name; /* NULL ends a list */
	enum varlink_type type;
	bool nullable; /* may be null or left out */
};

/* Why a stream has something to say. */
enum varlink_cause { VARLINK_TICK, VARLINK_EVENT };

/*
 * A reply to be followed by others: what a method that streams leaves behind.  Whoever owns the
 * connection keeps it, and calls varlink_stream_next() each interval_ns, and for each event.
 */
struct varlink_stream {
	const struct varlink_method *method; /* NULL: there is no stream */
	void *data; /* of its interface */
	uint64_t interval_ns; /* 0: no ticks */
	uint64_t left; /* replies to come; 0: no end */
	uint64_t seen; /* the method's own */
	uint64_t lost; /* replies that were due and that the peer was too slow for */
	uint64_t told; /* of these, by earlier replies; the method's own */
	uint32_t chosen; /* the method's own */
};

/* What a handler has to say.  It may leave all of it as it was: the empty reply. */
struct varlink_answer {
	const char *error; /* a full name, static; NULL: none */
	struct json_object *parameters; /* the engine's from here; NULL: none */
	struct varlink_stream *stream; /* where to leave a stream; NULL unless the method streams */
	bool silent; /* of a stream: nothing to say after all */
};

struct varlink_method {
	const char *name; /* NULL ends a list */
	const struct varlink_parameter *parameters; /* NULL: it takes none */
	/* 0, or -ENOMEM: the connection is closed.  parameters: borrowed, never NULL. */
	int (*call)(void *data, const struct json_value *parameters, struct varlink_answer *answer);
	/* The next reply of a stream; NULL: the method does not stream. */
	int (*next)(struct varlink_stream *stream, enum varlink_cause cause,
		struct varlink_answer *answer);
	bool privileged; /* for root and the daemon's own user */
};

struct varlink_interface {
	const char *name;
	const char *description; /* its text, as it is in the .varlink file */
	const struct varlink_method *methods;
	void *data;
};

/* A service: what it says of itself, and its interfaces beside org.varlink.service. */
struct varlink_service {
	const char *vendor;
	const char *product;
	const char *version;
	const char *url;
	const struct varlink_interface *interfaces;
	size_t interface_count;
};

/* A reply on its way: text of bytes, its NUL counted.  No text: there is nothing to send. */
struct varlink_reply {
	char *text;
	size_t bytes;
};

void varlink_reply_release(struct varlink_reply *r);

/*
 * Serve one message of bytes, without its NUL, from a peer that is privileged or not.  0 and *ret,
 * to be released; *stream filled when the method left one.  An enum varlink_refusal: close the
 * connection.  -ENOMEM.
 */
int varlink_serve(const struct varlink_service *v, bool privileged, char *message, size_t bytes,
	struct varlink_reply *ret, struct varlink_stream *stream);

/*
 * The reply org.varlink.service.PermissionDenied, for what the engine cannot know of.  0 or
 * -ENOMEM.
 */
int varlink_denied(struct varlink_reply *ret);

/*
 * The stream's next reply.  When it was the last, stream->method is NULL after it.  0 or -ENOMEM.
 */
int varlink_stream_next(
	struct varlink_stream *stream, enum varlink_cause cause, struct varlink_reply *ret);

/* For handlers: answer with o, ended by this.  0 or -ENOMEM. */
int varlink_answer_end(struct varlink_answer *answer, struct object *o);

/*
 * For handlers: answer with that error (a full, static name) and a parameter, if key is not NULL.
 */
int varlink_error(
	struct varlink_answer *answer, const char *error, const char *key, const char *value);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * What a Varlink peer is to hear, given all that it has sent: the engine serves each of its
 * messages once more, on its own, and the replies that come over the socket must be those, in that
 * order, none left out and none twice.  Whatever differs aborts.
 *
 * The one thing a reader would get wrong: a reply that is an error must be the same to the byte;
 * of any other the members must be there, since times and counts in it go on.
 */
#ifndef VDSOTIMED_FUZZ_EXPECT_H
#define VDSOTIMED_FUZZ_EXPECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct varlink_service;

struct expect {
	const struct varlink_service *service;
	char *sent; /* by the peer, whole */
	size_t sent_bytes;
	size_t taken_bytes; /* of it, the messages that are done with */
	char *heard; /* of a reply that has not come whole */
	size_t heard_bytes;
	bool streams; /* a stream has begun that has not ended */
	uint64_t stream_left; /* replies of it to come; 0: no end */
};

/* What is next. */
enum expect_next {
	EXPECT_NOTHING, /* unless more is sent */
	EXPECT_REPLY,
	EXPECT_TICKS, /* as time goes on */
	EXPECT_CLOSE
};

/* The peer has sent that. */
void expect_sent(struct expect *e, const char *bytes, size_t count);

/* It has heard that. */
void expect_heard(struct expect *e, const char *bytes, size_t count);

enum expect_next expect_next(struct expect *e);

/* May the peer be closed now, nothing more having come from it, or (half_closed) nothing ever? */
bool expect_may_close(struct expect *e, bool half_closed);

void expect_deinit(struct expect *e);

/* Aborts unless it was kept. */
void expect_promise(bool kept);

#endif

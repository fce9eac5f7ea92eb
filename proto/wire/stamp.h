/* SPDX-License-Identifier: MIT */
/*
 * The stamp socket's contract, whole: SOCK_SEQPACKET under the runtime directory, native byte
 * order.
 *
 * A packet is 1 to STAMP_PACKET_MAX requests of 16 bytes; its reply is ONE packet of as many
 * records of 32 bytes, in the same order, each answered when it is served.  The first request of a
 * connection, and no other, is HELLO; the rest of its packet may follow it at once, so that an
 * attach is one packet out and one in.  A record's error is 0 or -errno and concerns that request
 * alone.  What is no request at all (a wrong length, an unknown op, a reserved bit, no HELLO) is
 * not answered: the connection is closed and the reason counted.
 *
 * The one thing a reader would get wrong: on a connection that has subscribed, packets of TICK
 * records come between the replies.  A reply never mixes with them: look at the op of a packet's
 * first record.
 *
 * Freestanding: the daemon and the client compile the same text, with no libc under it.
 */
#ifndef VDSOTIME_WIRE_STAMP_H
#define VDSOTIME_WIRE_STAMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STAMP_SOCKET "stamp" /* its name in the runtime directory, and as a passed socket */
#define STAMP_MAGIC UINT32_C(0x53744456) /* in HELLO: shows the other byte order for what it is */
#define STAMP_VERSION 1
#define STAMP_PACKET_MAX 256

/*
 * The messages.  X(NAME, name, number, bytes of a request, bytes of a record, what it is for)
 * 0 bytes of a request: the daemon sends its records unasked.
 */
#define STAMP_REQUESTS(X) \
	X(HELLO, hello, 1, 16, 32, "agree on the version; first, and only once") \
	X(ATTACH, attach, 2, 16, 32, "hand out the page; its descriptor comes by SCM_RIGHTS") \
	X(STAMP, stamp, 3, 16, 32, "the time of one clock, now") \
	X(SUBSCRIBE, subscribe, 4, 16, 32, "the time of one clock, again and again")

#define STAMP_MESSAGES(X) STAMP_REQUESTS(X) X(TICK, tick, 5, 0, 32, "a subscription's record")

#define STAMP_MESSAGE_ENUM(NAME, name, number, request, record, text) STAMP_OP_##NAME = number,
enum stamp_op { STAMP_MESSAGES(STAMP_MESSAGE_ENUM) STAMP_OPS };
#undef STAMP_MESSAGE_ENUM

/* Why a packet was no packet of this protocol.  X(NAME, name in statistics, sentence) */
#define STAMP_REFUSALS(X) \
	X(LENGTH, "length", "not 1 to 256 whole requests") \
	X(HELLO_MISSING, "helloMissing", "the first request is not HELLO") \
	X(HELLO_REPEATED, "helloRepeated", "HELLO was said before") \
	X(MAGIC, "magic", "HELLO without the magic number, or in the other byte order") \
	X(OPERATION, "operation", "an operation that does not exist") \
	X(RESERVED, "reserved", "a reserved field is not zero") \
	X(ATTACH_REPEATED, "attachRepeated", "more than one ATTACH in a packet")

#define STAMP_REFUSAL_ENUM(NAME, name, text) STAMP_REFUSAL_##NAME,
enum stamp_refusal { STAMP_ACCEPTED, STAMP_REFUSALS(STAMP_REFUSAL_ENUM) STAMP_REFUSAL_COUNT };
#undef STAMP_REFUSAL_ENUM

/* A request.  Members that its op does not use are reserved: zero. */
struct stamp_request {
	uint16_t op; /* enum stamp_op */
	uint16_t reserved; /* 0 */
	union {
		uint32_t version; /* HELLO: the newest that the client speaks, from 1 */
		int32_t clock_id; /* STAMP, SUBSCRIBE: a clockid_t */
		uint32_t word; /* ATTACH: reserved, 0 */
	};
	union {
		struct {
			uint32_t magic; /* HELLO: STAMP_MAGIC */
			uint32_t flags; /* HELLO: reserved, 0 */
		};
		struct {
			uint32_t interval_us; /* SUBSCRIBE: 0 ends it, with a count of 0 */
			uint32_t count; /* SUBSCRIBE: ticks to send; 0: until told otherwise */
		};
		uint64_t words; /* ATTACH, STAMP: reserved, 0 */
	};
};

/* Bits of a record's flags. */
enum {
	STAMP_FLAG_PAGE = 1 << 0, /* STAMP, TICK: read from the page's line, with the counter's
				   * value; ATTACH: readers may use the page now */
	STAMP_FLAG_LAST = 1 << 1, /* TICK: count is reached, no more will come */
};

/*
 * A record: the answer to one request.  With an error every member behind it is zero, but for
 * HELLO.
 */
struct stamp_record {
	uint16_t op; /* of the request; TICK for a subscription's record */
	uint16_t flags; /* STAMP_FLAG_*, else 0 */
	int32_t error; /* 0 or -errno */
	union {
		struct {
			uint32_t version; /* HELLO: spoken from here: the older of both */
			uint32_t packet_max; /* HELLO: requests that a packet may have */
		};
		struct {
			uint16_t page_major; /* ATTACH: version of the page's layout */
			uint16_t page_minor;
			uint32_t page_size_bytes;
		};
		struct {
			uint32_t interval_us; /* SUBSCRIBE: as granted; 0: ended */
			uint32_t count;
		};
		int64_t time_ns; /* STAMP, TICK: since the clock's own origin */
		uint64_t first;
	};
	union {
		uint64_t counter_ticks; /* STAMP, TICK: of that instant; 0: not from the page */
		uint64_t epoch; /* ATTACH: of the page, now */
		uint64_t second;
	};
	uint64_t lost; /* TICK: due since the one before, and not sent */
};

/*
 * Errors of a record: HELLO -EPROTONOSUPPORT (version 0; then closed); ATTACH -ENODATA (there is no
 * page), -EBUSY (the descriptor of an earlier one may not be taken yet), others (the kernel did not
 * pass it); STAMP, SUBSCRIBE -EINVAL (a clock other than REALTIME, MONOTONIC, MONOTONIC_RAW,
 * BOOTTIME, TAI); SUBSCRIBE -ERANGE (shorter than STAMP_INTERVAL_MIN_US), -EDQUOT (this user has
 * too many subscriptions, or has used up its memory: BytesPerUser=).
 */
#define STAMP_INTERVAL_MIN_US 1000

_Static_assert(sizeof(struct stamp_request) == 16, "a request is 16 bytes");
_Static_assert(offsetof(struct stamp_request, clock_id) == 4, "clock at 4");
_Static_assert(offsetof(struct stamp_request, magic) == 8, "magic at 8");
_Static_assert(offsetof(struct stamp_request, count) == 12, "count at 12");
_Static_assert(sizeof(struct stamp_record) == 32, "a record is 32 bytes");
_Static_assert(offsetof(struct stamp_record, error) == 4, "error at 4");
_Static_assert(offsetof(struct stamp_record, time_ns) == 8, "time at 8");
_Static_assert(offsetof(struct stamp_record, page_size_bytes) == 12, "size at 12");
_Static_assert(offsetof(struct stamp_record, counter_ticks) == 16, "counter at 16");
_Static_assert(offsetof(struct stamp_record, lost) == 24, "lost at 24");

/* "hello" and the like; "unknown" for what is none; never NULL. */
const char *stamp_op_name(uint32_t op);

/* "length" and the like, as statistics name it; never NULL. */
const char *stamp_refusal_name(enum stamp_refusal refusal);

/* The requests, every byte of them. */
static inline struct stamp_request stamp_hello(void)
{
	return (struct stamp_request){
		.op = STAMP_OP_HELLO,
		.version = STAMP_VERSION,
		.magic = STAMP_MAGIC,
	};
}

static inline struct stamp_request stamp_attach(void)
{
	return (struct stamp_request){ .op = STAMP_OP_ATTACH };
}

static inline struct stamp_request stamp_stamp(int32_t clock_id)
{
	return (struct stamp_request){ .op = STAMP_OP_STAMP, .clock_id = clock_id };
}

static inline struct stamp_request stamp_subscribe(
	int32_t clock_id, uint32_t interval_us, uint32_t count)
{
	return (struct stamp_request){
		.op = STAMP_OP_SUBSCRIBE,
		.clock_id = clock_id,
		.interval_us = interval_us,
		.count = count,
	};
}

/*
 * The daemon's side: may this packet be served?  bytes: its whole length, also when that is more
 * than was received; greeted: an earlier packet of the connection has said HELLO. STAMP_ACCEPTED
 * and the number of its requests (1 to STAMP_PACKET_MAX), or the reason why not.
 */
enum stamp_refusal stamp_request_check(
	const struct stamp_request *packet, size_t bytes, bool greeted, size_t *ret_count);

/*
 * The client's side: is this packet the reply to those count requests?  bytes as above.  A record
 * for each, of its op, with flags that exist, an error that is none or negative, and zero where the
 * op says so.
 */
bool stamp_reply_check(const struct stamp_request *requests, size_t count,
	const struct stamp_record *packet, size_t bytes);

/* Is this packet one of ticks?  true and their number, from 1. */
bool stamp_tick_check(const struct stamp_record *packet, size_t bytes, size_t *ret_count);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Checks of stamp packets.  The list of messages in stamp.h decides which operations exist; each
 * check is one pass over the packet, so that nothing of it is served before all of it is known to
 * be proper.
 *
 * The one thing a reader would get wrong: a packet may be longer than what was received of it, so
 * its length is looked at before its bytes.
 */
#include "proto/wire/stamp.h"

#define NAME_BYTES 16

/* Arrays of characters, not of pointers: the core has no relocations. */
#define MESSAGE_NAME(NAME, name, number, request, record, text) [number] = #name,
static const char op_names[STAMP_OPS][NAME_BYTES] = { "unknown", STAMP_MESSAGES(MESSAGE_NAME) };

#define MESSAGE_REQUEST(NAME, name, number, request, record, text) [number] = request,
static const uint8_t op_request_bytes[STAMP_OPS] = { STAMP_MESSAGES(MESSAGE_REQUEST) };

#define MESSAGE_SIZES(NAME, name, number, request, record, text) \
	_Static_assert((request) == 0 || (request) == sizeof(struct stamp_request), #name); \
	_Static_assert((record) == sizeof(struct stamp_record), #name);
STAMP_MESSAGES(MESSAGE_SIZES)

#define REFUSAL_NAME(NAME, name, text) [STAMP_REFUSAL_##NAME] = name,
static const char refusal_names[STAMP_REFUSAL_COUNT][NAME_BYTES] = { "accepted",
	STAMP_REFUSALS(REFUSAL_NAME) };

const char *stamp_op_name(uint32_t op)
{
	return op_names[op < STAMP_OPS ? op : 0];
}

const char *stamp_refusal_name(enum stamp_refusal refusal)
{
	return refusal < STAMP_REFUSAL_COUNT ? refusal_names[refusal] : "unknown";
}

/* The request's own reserved members. */
static bool request_reserved_zero(const struct stamp_request *r)
{
	if (r->reserved != 0)
		return false;
	switch (r->op) {
	case STAMP_OP_HELLO:
		return r->flags == 0;
	case STAMP_OP_ATTACH:
		return r->word == 0 && r->words == 0;
	case STAMP_OP_STAMP:
		return r->words == 0;
	case STAMP_OP_SUBSCRIBE:
		return r->interval_us != 0 || r->count == 0;
	default:
		return false;
	}
}

/*
 * The order of the tests is that of what one may rely on: the op before what it makes of the other
 * bytes.
 */
static enum stamp_refusal request_check(const struct stamp_request *r, bool hello_due)
{
	if (hello_due && r->op != STAMP_OP_HELLO)
		return STAMP_REFUSAL_HELLO_MISSING;
	if (r->op >= STAMP_OPS || op_request_bytes[r->op] == 0)
		return STAMP_REFUSAL_OPERATION;
	if (r->op == STAMP_OP_HELLO && !hello_due)
		return STAMP_REFUSAL_HELLO_REPEATED;
	if (r->op == STAMP_OP_HELLO && r->magic != STAMP_MAGIC)
		return STAMP_REFUSAL_MAGIC;
	if (!request_reserved_zero(r))
		return STAMP_REFUSAL_RESERVED;
	return STAMP_ACCEPTED;
}

enum stamp_refusal stamp_request_check(
	const struct stamp_request *packet, size_t bytes, bool greeted, size_t *ret_count)
{
	size_t count = bytes / sizeof(*packet);
	unsigned int attaches = 0;

	if (count == 0 || count > STAMP_PACKET_MAX || bytes % sizeof(*packet) != 0)
		return STAMP_REFUSAL_LENGTH;
	for (size_t i = 0; i < count; i++) {
		enum stamp_refusal refusal = request_check(&packet[i], !greeted && i == 0);

		if (refusal != STAMP_ACCEPTED)
			return refusal;
		attaches += packet[i].op == STAMP_OP_ATTACH;
		if (attaches > 1)
			return STAMP_REFUSAL_ATTACH_REPEATED;
	}
	*ret_count = count;
	return STAMP_ACCEPTED;
}

/* What the record's op, flags and error leave no room for is zero. */
static bool record_proper(const struct stamp_record *r)
{
	bool page = r->flags & STAMP_FLAG_PAGE;

	if (r->error > 0)
		return false;
	if (r->error != 0 && (r->flags != 0 || r->second != 0 || r->lost != 0))
		return false;
	switch (r->op) {
	case STAMP_OP_HELLO:
		return r->flags == 0 && r->second == 0 && r->lost == 0;
	case STAMP_OP_ATTACH:
		return (r->flags & ~STAMP_FLAG_PAGE) == 0 && r->lost == 0;
	case STAMP_OP_STAMP:
		return (r->flags & ~STAMP_FLAG_PAGE) == 0 && (page || r->second == 0) &&
		       r->lost == 0;
	case STAMP_OP_SUBSCRIBE:
		return r->flags == 0 && r->second == 0 && r->lost == 0;
	case STAMP_OP_TICK:
		return (r->flags & ~(STAMP_FLAG_PAGE | STAMP_FLAG_LAST)) == 0 &&
		       (page || r->second == 0);
	default:
		return false;
	}
}

bool stamp_reply_check(const struct stamp_request *requests, size_t count,
	const struct stamp_record *packet, size_t bytes)
{
	if (count == 0 || count > STAMP_PACKET_MAX || bytes != count * sizeof(*packet))
		return false;
	for (size_t i = 0; i < count; i++) {
		if (packet[i].op != requests[i].op || !record_proper(&packet[i]))
			return false;
	}
	return true;
}

bool stamp_tick_check(const struct stamp_record *packet, size_t bytes, size_t *ret_count)
{
	size_t count = bytes / sizeof(*packet);

	if (count == 0 || count > STAMP_PACKET_MAX || bytes % sizeof(*packet) != 0)
		return false;
	for (size_t i = 0; i < count; i++) {
		if (packet[i].op != STAMP_OP_TICK || packet[i].error != 0 ||
			!record_proper(&packet[i]))
			return false;
	}
	*ret_count = count;
	return true;
}

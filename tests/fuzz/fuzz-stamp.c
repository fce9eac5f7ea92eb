/* SPDX-License-Identifier: MIT */
/*
 * Packets of any bytes, to the daemon's and the client's check.  The first byte tells which, and
 * whether the connection was greeted.
 */
#include <stdlib.h>
#include <string.h>

#include "proto/wire/stamp.h"
#include "tests/fuzz/fuzz.h"

static void promise(bool kept)
{
	if (!kept)
		abort();
}

static void check_request(const uint8_t *data, size_t bytes, bool greeted)
{
	static struct stamp_request packet[STAMP_PACKET_MAX];
	size_t count = 0;

	memset(packet, 0xa5, sizeof(packet));
	memcpy(packet, data, bytes < sizeof(packet) ? bytes : sizeof(packet));
	if (stamp_request_check(packet, bytes, greeted, &count) != STAMP_ACCEPTED) {
		promise(count == 0);
		return;
	}
	promise(count >= 1 && count <= STAMP_PACKET_MAX && count * sizeof(*packet) == bytes);
	promise((packet[0].op == STAMP_OP_HELLO) == !greeted);
	for (size_t i = 0; i < count; i++) {
		promise(packet[i].reserved == 0 && packet[i].op != STAMP_OP_TICK);
		/* What passes in a packet passes alone. */
		promise(stamp_request_check(&packet[i], sizeof(*packet), greeted || i > 0,
				&count) == STAMP_ACCEPTED);
		count = bytes / sizeof(*packet);
	}
}

static void check_reply(const uint8_t *data, size_t bytes)
{
	static struct stamp_record packet[STAMP_PACKET_MAX];
	static struct stamp_request requests[STAMP_PACKET_MAX];
	size_t count = bytes / sizeof(*packet);
	size_t ticks = 0;

	if (bytes > sizeof(packet))
		return;
	memset(packet, 0xa5, sizeof(packet));
	memcpy(packet, data, bytes);
	for (size_t i = 0; i < count; i++)
		requests[i].op = packet[i].op;
	if (stamp_reply_check(requests, count, packet, bytes)) {
		for (size_t i = 0; i < count; i++)
			promise(packet[i].error <= 0 && packet[i].op < STAMP_OPS);
	}
	if (stamp_tick_check(packet, bytes, &ticks))
		promise(ticks == count && packet[0].op == STAMP_OP_TICK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	if (bytes == 0)
		return 0;
	if (data[0] & 2)
		check_reply(data + 1, bytes - 1);
	else
		check_request(data + 1, bytes - 1, data[0] & 1);
	return 0;
}

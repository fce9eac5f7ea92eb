/* SPDX-License-Identifier: MIT */
/*
 * chrony's floats: 7 bits of exponent and 25 of coefficient, both in two's complement; the value is
 * coefficient * 2^(exponent - 25).  Every pattern of bits is a finite number, up to 2^62.
 */
#include "daemon/chrony.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#define VERSION 6
#define PACKET_REQUEST 1
#define PACKET_REPLY 2
#define REQUEST_TRACKING 33
#define REPLY_TRACKING 5
#define STATUS_SUCCESS 0

#define LEAP_DELETE 2
#define LEAP_UNSYNCHRONISED 3

/* 127.127.1.1: chronyd's own clock, see `local` in chrony.conf(5) */
#define REFERENCE_LOCAL UINT32_C(0x7f7f0101)

/* Half a unit of the last place of each of three floats, and more. */
#define ROUNDING 0x1p-22

enum offset {
	AT_VERSION = 0,
	AT_PACKET = 1,
	AT_COMMAND = 4,
	AT_REPLY = 6,
	AT_REQUEST_SEQUENCE = 8,
	AT_STATUS = 8,
	AT_SEQUENCE = 16,
	AT_REFERENCE = 28,
	AT_LEAP = 54,
	AT_CORRECTION = 68,
	AT_ROOT_DELAY = 92,
	AT_ROOT_DISPERSION = 96
};

static uint16_t get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)get16(p) << 16 | get16(p + 2);
}

static void put16(uint8_t *p, uint16_t value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
}

static double get_float(const uint8_t *p)
{
	uint32_t bits = get32(p);
	int32_t exponent = (int32_t)(bits >> 25), coefficient = (int32_t)(bits & 0x1ffffff);

	if (exponent >= 1 << 6)
		exponent -= 1 << 7;
	if (coefficient >= 1 << 24)
		coefficient -= 1 << 25;
	return ldexp(coefficient, exponent - 25);
}

static bool is_reply(const uint8_t *f, uint32_t sequence)
{
	return f[AT_VERSION] == VERSION && f[AT_PACKET] == PACKET_REPLY &&
	       get16(f + AT_COMMAND) == REQUEST_TRACKING && get16(f + AT_REPLY) == REPLY_TRACKING &&
	       get16(f + AT_STATUS) == STATUS_SUCCESS && get32(f + AT_SEQUENCE) == sequence;
}

int chrony_parse(
	const uint8_t *frame, size_t frame_bytes, uint32_t sequence, struct chrony_report *ret)
{
	if (frame_bytes != CHRONY_FRAME_BYTES || !is_reply(frame, sequence))
		return -EBADMSG;
	double correction = fabs(get_float(frame + AT_CORRECTION));
	double delay = get_float(frame + AT_ROOT_DELAY);
	double dispersion = get_float(frame + AT_ROOT_DISPERSION);
	double bound_ns = (correction + dispersion + delay / 2) * (1 + ROUNDING) * 1e9;
	uint16_t leap = get16(frame + AT_LEAP);

	if (leap > LEAP_UNSYNCHRONISED || delay < 0 || dispersion < 0)
		return -EBADMSG;
	ret->synchronised = leap <= LEAP_DELETE && get32(frame + AT_REFERENCE) != REFERENCE_LOCAL;
	ret->bound_ns = 0;
	if (!ret->synchronised)
		return 0;
	/* nothing measured is without any error: whoever says so has told none */
	if (bound_ns <= 0 || bound_ns > (double)CHRONY_BOUND_MAX_NS)
		return -EBADMSG;
	ret->bound_ns = (uint64_t)bound_ns + 1;
	return 0;
}

void chrony_ask(struct chrony *c, uint32_t sequence, int64_t boottime_ns,
	uint8_t ret_frame[CHRONY_FRAME_BYTES])
{
	chrony_lose(c);
	c->open = true;
	c->sequence = sequence;
	c->asked_at_ns = boottime_ns;
	c->counts.requests++;

	memset(ret_frame, 0, CHRONY_FRAME_BYTES);
	ret_frame[AT_VERSION] = VERSION;
	ret_frame[AT_PACKET] = PACKET_REQUEST;
	put16(ret_frame + AT_COMMAND, REQUEST_TRACKING);
	put16(ret_frame + AT_REQUEST_SEQUENCE, (uint16_t)(sequence >> 16));
	put16(ret_frame + AT_REQUEST_SEQUENCE + 2, (uint16_t)sequence);
}

void chrony_lose(struct chrony *c)
{
	c->counts.lost += c->open;
	c->open = false;
}

int chrony_take(
	struct chrony *c, const uint8_t *frame, size_t frame_bytes, struct chrony_report *ret)
{
	struct chrony_report report = { .asked_at_ns = c->asked_at_ns };

	if (!c->open || chrony_parse(frame, frame_bytes, c->sequence, &report) < 0) {
		c->counts.refused++;
		return -EBADMSG;
	}
	c->open = false;
	c->counts.reports++;
	*ret = report;
	return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * What chronyd says of the clock: its tracking report, asked for and understood.
 *
 * The kernel's maxerror is what chronyd claimed at its last update, minutes ago perhaps; its report
 * is of this moment, and so a far tighter bound.  What it bounds is documented in chronyc(1),
 * `tracking`:
 *
 *	error <= |system time| + root dispersion + root delay / 2
 *
 * at the moment of the reply.  That is not known to us; it is not before the request, and so the
 * bound is taken to be of then.
 *
 * The one thing a reader would get wrong: a chronyd that has only its own `local` reference says
 * that it is synchronised, with an error of 0.  It is synchronised to nobody.
 *
 * The frames are those of chrony's candm.h, protocol version 6: big-endian, fixed offsets.  Pure:
 * bytes and times come as arguments; chrony-link.h has the socket.
 */
#ifndef VDSOTIMED_CHRONY_H
#define VDSOTIMED_CHRONY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A tracking report, and the request for it, which must be no shorter. */
#define CHRONY_FRAME_BYTES 104

/* Beyond this the kernel itself holds a clock for unsynchronised: NTP_PHASE_LIMIT, 16 s. */
#define CHRONY_BOUND_MAX_NS UINT64_C(16000000000)

struct chrony_report {
	bool synchronised; /* to somebody other than itself */
	uint64_t bound_ns; /* on |REALTIME - UTC| at asked_at_ns; above 0; 0 where unsynchronised */
	int64_t asked_at_ns; /* BOOTTIME */
};

/* Counts since the start, which only grow. */
struct chrony_counts {
	uint64_t requests;
	uint64_t reports; /* replies that were taken */
	uint64_t lost; /* requests to which no reply came before the next */
	uint64_t refused; /* replies that are none, or not to the request, or say what cannot be */
};

/* At most one request is open at a time. */
struct chrony {
	bool open;
	uint32_t sequence; /* of the open request */
	int64_t asked_at_ns; /* BOOTTIME */
	struct chrony_counts counts;
};

/* What a reply says, whoever sent it: asked_at_ns is left alone.  0 or -EBADMSG. */
int chrony_parse(
	const uint8_t *frame, size_t frame_bytes, uint32_t sequence, struct chrony_report *ret);

/*
 * Make the next request, to be sent at boottime_ns.  One that is still open is lost.  sequence:
 * such as nobody guesses.
 */
void chrony_ask(struct chrony *c, uint32_t sequence, int64_t boottime_ns,
	uint8_t ret_frame[CHRONY_FRAME_BYTES]);

/* The open request could not be sent, or nobody is there to answer it. */
void chrony_lose(struct chrony *c);

/* A datagram came.  0, and the request is closed; -EBADMSG, and it stays open. */
int chrony_take(
	struct chrony *c, const uint8_t *frame, size_t frame_bytes, struct chrony_report *ret);

#endif

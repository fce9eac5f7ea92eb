/* SPDX-License-Identifier: MIT */
/*
 * Packets of the stamp socket on their way through the kernel.
 *
 * The one thing a reader would get wrong: receiving has no control buffer.  A descriptor that a
 * peer sends is dropped by the kernel, and is never ours to close.
 */
#ifndef VDSOTIMED_PACKET_H
#define VDSOTIMED_PACKET_H

#include <stddef.h>

#include "proto/wire/stamp.h"

/*
 * Take one packet: its first STAMP_PACKET_MAX requests, and in *ret_bytes its whole length, which
 * may be more, or 0.  0; -EAGAIN (there is none now); -ENOTCONN (the peer has gone, perhaps with an
 * empty packet before that: they look the same); what recv() said.
 */
int packet_receive(
	int fd, struct stamp_request requests[static STAMP_PACKET_MAX], size_t *ret_bytes);

/*
 * Send count records in one packet, and page_fd with it unless it is negative (it is not consumed).
 * 0; -EAGAIN (no room now); what sendmsg() said.
 */
int packet_send(int fd, const struct stamp_record *records, size_t count, int page_fd);

#endif

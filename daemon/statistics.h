/* SPDX-License-Identifier: MIT */
/*
 * What one socket has done since the start: counts, which only grow, and how many are there now.
 */
#ifndef VDSOTIMED_STATISTICS_H
#define VDSOTIMED_STATISTICS_H

#include <stdint.h>

#define STATISTICS_HISTOGRAM 32
#define STATISTICS_REFUSALS 16

struct statistics {
	uint32_t peers; /* now */
	uint32_t subscriptions; /* now */
	uint64_t held_bytes; /* now, for peers and what they have under way */

	uint64_t accepted;
	uint64_t turned_away_total; /* peers_max was reached */
	uint64_t turned_away_user; /* peers_per_user_max was reached */
	uint64_t turned_away_bytes; /* bytes_per_user_max was reached */
	uint64_t turned_away_system; /* no descriptor, or no memory */

	uint64_t frames; /* packets, messages */
	uint64_t requests; /* in them */
	uint64_t refused[STATISTICS_REFUSALS]; /* by enum stamp_refusal, enum varlink_refusal */
	uint64_t attached;
	uint64_t attach_refused_page; /* there is none */
	uint64_t attach_refused_busy; /* the one before may not be taken yet */
	uint64_t attach_refused_system; /* the kernel did not pass it */
	uint64_t stamps;
	uint64_t subscriptions_refused; /* too many of one user's, or too many bytes */
	uint64_t ticks;
	uint64_t ticks_lost;
	uint64_t stalled; /* closed: did not take a reply in time */
	uint64_t unfinished; /* closed: did not finish a message in time */
	uint64_t throttled; /* times that a peer had to wait since its user asked too much */
	uint64_t overdrawn; /* closed: its user's bytes were used up */
	uint64_t received_bytes;
	uint64_t sent_bytes;
	uint64_t serve_time[STATISTICS_HISTOGRAM]; /* [n]: frames served in 2^n to 2^(n+1) - 1 ns */
};

/*
 * Count one frame that took ns to serve; what is longer than the histogram goes into its last
 * element.
 */
void statistics_served(struct statistics *s, uint64_t ns);

#endif

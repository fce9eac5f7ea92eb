/* SPDX-License-Identifier: MIT */
/*
 * A disturbance of the clocks, or of our following them: what was seen, when, by how much.  Kept in
 * a small ring for status, written to the journal, and streamed by Monitor.
 */
#ifndef VDSOTIMED_EVENT_H
#define VDSOTIMED_EVENT_H

#include <stdint.h>

#define EVENT_HISTORY 32

/* X(name in C, name on the wire and in the journal, sentence) */
#define EVENT_LIST(X) \
	X(EVENT_CLOCK_SET, "clockSet", "REALTIME was set") \
	X(EVENT_LEAP_ANNOUNCED, "leapAnnounced", "a leap second is to end the UTC day") \
	X(EVENT_LEAP_SECOND, "leapSecond", "the kernel made a leap second") \
	X(EVENT_TAI_CHANGED, "taiChanged", "the TAI offset was changed") \
	X(EVENT_SUSPENDED, "suspended", "the machine was suspended") \
	X(EVENT_JUMPED, "jumped", "MONOTONIC and the counter parted") \
	X(EVENT_MIGRATED, "migrated", "the hypervisor moved the machine, or disrupted its clocks") \
	X(EVENT_RESTORED, "restored", "the hypervisor restored the machine from a snapshot") \
	X(EVENT_RATE_CHANGED, "rateChanged", "the rate of the kernel's clocks was changed") \
	X(EVENT_CLOCKSOURCE_CHANGED, "clocksourceChanged", "the kernel changed its clocksource") \
	X(EVENT_COUNTER_BACKWARDS, "counterBackwards", "the counter ran backwards") \
	X(EVENT_CPUS_OUT_OF_STEP, "cpusOutOfStep", "the CPUs' counters were found to differ") \
	X(EVENT_PAGE_ON, "pageOn", "readers may use the page") \
	X(EVENT_PAGE_OFF, "pageOff", "readers were sent to the vDSO") \
	X(EVENT_PUBLISHED_LATE, "publishedLate", "the daemon was held up while publishing") \
	X(EVENT_SYNC_CHANGED, "syncChanged", "the synchronisation of the clock changed")

#define EVENT_ENUM(name, wire, text) name,
enum event_kind { EVENT_LIST(EVENT_ENUM) EVENT_KINDS };
#undef EVENT_ENUM

struct event {
	enum event_kind kind;
	int64_t realtime_ns; /* when it was found */
	int64_t monotonic_ns; /* right after it */
	int64_t amount; /* ns for steps, moves and jumps, ppb for rates, s for leaps, else 0 */
	uint64_t epoch; /* in force after it */
};

/* The newest EVENT_HISTORY events; event number n (from 0) is ring[n % EVENT_HISTORY]. */
struct event_log {
	uint64_t count;
	struct event ring[EVENT_HISTORY];
};

/* "clockSet" and the like; a sentence; never NULL. */
const char *event_name(enum event_kind kind);
const char *event_text(enum event_kind kind);

void event_log_add(struct event_log *l, const struct event *e);

#endif

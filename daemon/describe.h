/* SPDX-License-Identifier: MIT */
/*
 * State into JSON: each function makes the object that one type of org.vdsotime.Time names, from
 * plain values and nothing else.
 *
 * What is not known is left out: a nullable member that is absent is null.  Every function returns
 * NULL when memory is short, and else an object that is the caller's.
 */
#ifndef VDSOTIMED_DESCRIBE_H
#define VDSOTIMED_DESCRIBE_H

#include <stdbool.h>
#include <stdint.h>

struct chrony_counts;
struct event;
struct json_object;
struct keeper_status;
struct object;
struct server_facts;
struct server_setting;
struct statistics;
struct vdsotime_vdso;

/* The clocks that are served: X(name, clockid_t, in words) */
#define DESCRIBE_CLOCKS(X) \
	X("REALTIME", 0, "the time of day, as ns since 1970-01-01 UTC without leap seconds") \
	X("MONOTONIC", 1, "since boot, suspends left out; its rate is disciplined") \
	X("MONOTONIC_RAW", 4, "since boot, suspends left out; its rate is the counter's own") \
	X("BOOTTIME", 7, "since boot, suspends counted; its rate is disciplined") \
	X("TAI", 11, "atomic time, as ns since 1970-01-01 TAI; REALTIME plus the TAI offset")

struct describe_clock {
	const char *name;
	int32_t id;
	const char *text;
};

#define DESCRIBE_CLOCK_COUNT 5
extern const struct describe_clock describe_clocks[DESCRIBE_CLOCK_COUNT];

/* Who is served, and the limits. */
struct describe_clients {
	uint32_t stamp_peers;
	uint32_t varlink_peers;
	uint32_t subscriptions;
	uint32_t users;
	uint64_t accepted;
	uint32_t peers_max;
	uint32_t peers_per_user_max;
};

struct json_object *describe_daemon(const struct server_facts *f, int64_t uptime_ns);
struct json_object *describe_vdso(const struct vdsotime_vdso *v);
struct json_object *describe_clocksource(const struct keeper_status *s);
struct json_object *describe_counter(const struct keeper_status *s);
struct json_object *describe_page(const struct keeper_status *s);
struct json_object *describe_tracking(const struct keeper_status *s);
struct json_object *describe_synchronisation(const struct keeper_status *s);
struct json_object *describe_clients(const struct describe_clients *c);

struct json_object *describe_clock(const struct describe_clock *c, bool on_page);

/* counter_ticks 0: the clock was not read from the page. */
struct json_object *describe_timestamp(
	const struct describe_clock *c, int64_t time_ns, uint64_t counter_ticks);
struct json_object *describe_event(const struct event *e, uint64_t number);

/*
 * refusal_name: of the numbers in s->refused, from 1 to refusals - 1.  stamps: has members of its
 * own.
 */
struct json_object *describe_statistics(const struct statistics *s, const char *socket, bool stamps,
	const char *(*refusal_name)(unsigned int refusal), unsigned int refusals);

struct json_object *describe_chrony(const struct chrony_counts *c);

/* Into o, as members: the configuration's files, and why what was read last is not in force. */
void describe_files(struct object *o, const char *key, const struct server_facts *f);
void describe_refusal(struct object *o, const char *key, const struct server_facts *f);
struct json_object *describe_setting(const struct server_setting *s);

/* The whole reply of GetVdso. */
struct json_object *describe_vdso_image(const struct vdsotime_vdso *v);

#endif

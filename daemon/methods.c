/* SPDX-License-Identifier: MIT */
/*
 * Handlers, and the table of them at the end; org.vdsotime.Time.varlink says what each is for.
 *
 * The one thing a reader would get wrong: a time in a reply is read when its object is made, so the
 * clocks of one reply are some hundred nanoseconds apart.
 */
#include "daemon/methods.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <time.h>

#include "daemon/describe.h"
#include "daemon/event.h"
#include "daemon/interfaces.h"
#include "daemon/keeper.h"
#include "daemon/object.h"
#include "daemon/server.h"
#include "daemon/statistics.h"
#include "proto/wire/stamp.h"

#define INTERFACE "org.vdsotime.Time"

#define ALL_CLOCKS ((UINT32_C(1) << DESCRIBE_CLOCK_COUNT) - 1)

/* A count in the parameters: 0 when absent.  False: negative. */
static bool read_count(const struct json_value *parameters, const char *key, uint64_t *ret)
{
	const struct json_value *v = json_member(parameters, key);

	*ret = v == NULL ? 0 : (uint64_t)v->integer;
	return v == NULL || v->integer >= 0;
}

static int find_clock(const char *name)
{
	for (int i = 0; i < DESCRIBE_CLOCK_COUNT; i++) {
		if (strcmp(describe_clocks[i].name, name) == 0)
			return i;
	}
	return -1;
}

/*
 * A bit per clock of describe_clocks; all when clocks is NULL or empty.  NULL, or the name of none.
 */
static const char *choose_clocks(const struct json_value *clocks, uint32_t *ret)
{
	const struct json_value *name;

	*ret = clocks == NULL || clocks->count == 0 ? ALL_CLOCKS : 0;
	if (clocks == NULL)
		return NULL;
	JSON_FOR_EACH(name, clocks)
	{
		int clock = find_clock(name->string);

		if (clock < 0)
			return name->string;
		*ret |= UINT32_C(1) << clock;
	}
	return NULL;
}

static void add_timestamps(const struct methods *m, uint32_t chosen, struct object *o)
{
	struct json_object *array = object_add_array(o, "timestamps");

	for (int i = 0; i < DESCRIBE_CLOCK_COUNT; i++) {
		const struct describe_clock *clock = &describe_clocks[i];
		int64_t time_ns;
		uint64_t counter_ticks;

		if (!(chosen & UINT32_C(1) << i) ||
			keeper_read(m->keeper, clock->id, &time_ns, &counter_ticks) < 0)
			continue;
		object_append(o, array, describe_timestamp(clock, time_ns, counter_ticks));
	}
}

static void gather_clients(const struct methods *m, struct describe_clients *ret)
{
	const struct server_options *limits = server_limits(m->server);
	struct statistics stamp;
	struct statistics varlink;

	server_statistics(m->server, SERVER_STAMP, &stamp);
	server_statistics(m->server, SERVER_VARLINK, &varlink);
	*ret = (struct describe_clients){
		.stamp_peers = stamp.peers,
		.varlink_peers = varlink.peers,
		.subscriptions = stamp.subscriptions + varlink.subscriptions,
		.users = server_users(m->server),
		.accepted = stamp.accepted + varlink.accepted,
		.peers_max = limits->peers_max,
		.peers_per_user_max = limits->peers_per_user_max,
	};
}

static int get_status(
	void *data, const struct json_value *parameters, struct varlink_answer *answer)
{
	const struct methods *m = data;
	struct describe_clients clients;
	struct keeper_status status;
	int64_t now_ns = m->started_ns;
	struct object o = object_begin();

	(void)parameters;
	keeper_status(m->keeper, &status);
	(void)keeper_read(m->keeper, CLOCK_MONOTONIC, &now_ns, NULL);
	gather_clients(m, &clients);
	object_add(&o, "daemon", describe_daemon(m->facts, now_ns - m->started_ns));
	object_add(&o, "vdso", describe_vdso(keeper_vdso(m->keeper)));
	object_add(&o, "clocksource", describe_clocksource(&status));
	object_add(&o, "counter", describe_counter(&status));
	object_add(&o, "page", describe_page(&status));
	object_add(&o, "tracking", describe_tracking(&status));
	object_add(&o, "synchronisation", describe_synchronisation(&status));
	object_add(&o, "clients", describe_clients(&clients));
	return varlink_answer_end(answer, &o);
}

static int list_clocks(
	void *data, const struct json_value *parameters, struct varlink_answer *answer)
{
	const struct methods *m = data;
	struct object o = object_begin();
	struct json_object *array = object_add_array(&o, "clocks");

	(void)parameters;
	for (int i = 0; i < DESCRIBE_CLOCK_COUNT; i++) {
		int64_t time_ns;
		uint64_t counter_ticks = 0;

		(void)keeper_read(m->keeper, describe_clocks[i].id, &time_ns, &counter_ticks);
		object_append(&o, array, describe_clock(&describe_clocks[i], counter_ticks != 0));
	}
	return varlink_answer_end(answer, &o);
}

static int read_clocks(
	void *data, const struct json_value *parameters, struct varlink_answer *answer)
{
	const struct methods *m = data;
	uint32_t chosen;
	const char *unknown = choose_clocks(json_member(parameters, "clocks"), &chosen);

	if (unknown != NULL)
		return varlink_error(answer, INTERFACE ".NoSuchClock", "clock", unknown);

	struct object o = object_begin();

	add_timestamps(m, chosen, &o);
	return varlink_answer_end(answer, &o);
}

/* The oldest event that is still in the ring. */
static uint64_t oldest_event(const struct event_log *events)
{
	return events->count > EVENT_HISTORY ? events->count - EVENT_HISTORY : 0;
}

static int get_events(
	void *data, const struct json_value *parameters, struct varlink_answer *answer)
{
	const struct methods *m = data;
	const struct event_log *events = keeper_events(m->keeper);
	struct object o = object_begin();

	(void)parameters;
	object_add_uint(&o, "total", events->count);

	struct json_object *array = object_add_array(&o, "events");

	for (uint64_t n = oldest_event(events); n < events->count; n++)
		object_append(&o, array, describe_event(&events->ring[n % EVENT_HISTORY], n));
	return varlink_answer_end(answer, &o);
}

static const char *stamp_refusal(unsigned int refusal)
{
	return stamp_refusal_name((enum stamp_refusal)refusal);
}

static const char *varlink_refusal(unsigned int refusal)
{
	return varlink_refusal_name((enum varlink_refusal)refusal);
}

static int get_statistics(
	void *data, const struct json_value *parameters, struct varlink_answer *answer)
{
	const struct methods *m = data;
	struct object o = object_begin();
	struct json_object *array = object_add_array(&o, "sockets");
	struct statistics stamp;
	struct statistics varlink;

	(void)parameters;
	server_statistics(m->server, SERVER_STAMP, &stamp);
	server_statistics(m->server, SERVER_VARLINK, &varlink);
	object_append(&o, array,
		describe_statistics(&stamp, "stamp", true, stamp_refusal, STAMP_REFUSAL_COUNT));
	object_append(&o, array,
		describe_statistics(
			&varlink, "varlink", false, varlink_refusal, VARLINK_REFUSAL_COUNT));
	if (m->facts->chrony != NULL)
		object_add(&o, "chrony", describe_chrony(m->facts->chrony));
	return varlink_answer_end(answer, &o);
}

static int get_vdso(void *data, const struct json_value *parameters, struct varlink_answer *answer)
{
	const struct methods *m = data;

	(void)parameters;
	answer->parameters = describe_vdso_image(keeper_vdso(m->keeper));
	return answer->parameters == NULL ? -ENOMEM : 0;
}

static int get_configuration(
	void *data, const struct json_value *parameters, struct varlink_answer *answer)
{
	const struct server_facts *facts = ((const struct methods *)data)->facts;
	struct server_setting setting;
	struct object o = object_begin();

	(void)parameters;
	describe_files(&o, "files", facts);
	describe_refusal(&o, "refused", facts);

	struct json_object *array = object_add_array(&o, "settings");

	for (size_t n = 0; facts->setting != NULL && facts->setting(facts->data, n, &setting); n++)
		object_append(&o, array, describe_setting(&setting));
	return varlink_answer_end(answer, &o);
}

static int reload(void *data, const struct json_value *parameters, struct varlink_answer *answer)
{
	const struct methods *m = data;
	struct server_refused_configuration refused = { 0 };

	(void)parameters;
	if (m->facts->reload == NULL)
		return varlink_error(answer, VARLINK_SERVICE ".MethodNotImplemented", "method",
			INTERFACE ".Reload");
	if (m->facts->reload(m->facts->data, &refused) >= 0)
		return 0;

	struct object o = object_begin();

	answer->error = INTERFACE ".ConfigurationInvalid";
	object_add_text(&o, "file", refused.file);
	if (refused.line > 0)
		object_add_int(&o, "line", refused.line);
	object_add(&o, "message", object_text(refused.message));
	return varlink_answer_end(answer, &o);
}

/* End a reply of Monitor with what was lost before it. */
static int monitor_end(
	struct varlink_stream *stream, struct object *o, struct varlink_answer *answer)
{
	object_add_uint(o, "lost", stream->lost - stream->told);
	stream->told = stream->lost;
	return varlink_answer_end(answer, o);
}

/* What is due of a monitor now; its first reply may have no timestamps. */
static int monitor_say(struct varlink_stream *stream, struct varlink_answer *answer)
{
	struct object o = object_begin();

	if (stream->interval_ns > 0)
		add_timestamps(stream->data, stream->chosen, &o);
	return monitor_end(stream, &o, answer);
}

static int monitor(void *data, const struct json_value *parameters, struct varlink_answer *answer)
{
	const struct methods *m = data;
	struct varlink_stream *stream = answer->stream;
	const char *unknown = choose_clocks(json_member(parameters, "clocks"), &stream->chosen);

	if (unknown != NULL)
		return varlink_error(answer, INTERFACE ".NoSuchClock", "clock", unknown);
	if (!read_count(parameters, "intervalNSec", &stream->interval_ns) ||
		(stream->interval_ns > 0 && stream->interval_ns < METHODS_INTERVAL_MIN_NS))
		return varlink_error(
			answer, VARLINK_SERVICE ".InvalidParameter", "parameter", "intervalNSec");
	if (!read_count(parameters, "count", &stream->left))
		return varlink_error(
			answer, VARLINK_SERVICE ".InvalidParameter", "parameter", "count");
	stream->seen = keeper_events(m->keeper)->count;
	return monitor_say(stream, answer);
}

/* The first event that was not told yet; those that have left the ring are lost. */
static int monitor_event(struct varlink_stream *stream, struct varlink_answer *answer)
{
	const struct methods *m = stream->data;
	const struct event_log *events = keeper_events(m->keeper);
	uint64_t oldest = oldest_event(events);
	uint64_t number;

	if (stream->seen < oldest) {
		stream->lost += oldest - stream->seen;
		stream->seen = oldest;
	}
	if (stream->seen == events->count) {
		answer->silent = true;
		return 0;
	}
	number = stream->seen++;

	struct object o = object_begin();

	object_add(&o, "event", describe_event(&events->ring[number % EVENT_HISTORY], number));
	return monitor_end(stream, &o, answer);
}

static int monitor_next(
	struct varlink_stream *stream, enum varlink_cause cause, struct varlink_answer *answer)
{
	return cause == VARLINK_EVENT ? monitor_event(stream, answer) : monitor_say(stream, answer);
}

static const struct varlink_parameter read_parameters[] = {
	{ "clocks", VARLINK_STRINGS, true },
	{ 0 },
};

static const struct varlink_parameter monitor_parameters[] = {
	{ "clocks", VARLINK_STRINGS, true },
	{ "intervalNSec", VARLINK_INT, true },
	{ "count", VARLINK_INT, true },
	{ 0 },
};

static const struct varlink_method methods[] = {
	{ .name = "GetStatus", .call = get_status },
	{ .name = "ListClocks", .call = list_clocks },
	{ .name = "Read", .parameters = read_parameters, .call = read_clocks },
	{
		.name = "Monitor",
		.parameters = monitor_parameters,
		.call = monitor,
		.next = monitor_next,
	},
	{ .name = "GetEvents", .call = get_events },
	{ .name = "GetStatistics", .call = get_statistics },
	{ .name = "GetVdso", .call = get_vdso },
	{ .name = "GetConfiguration", .call = get_configuration },
	{ .name = "Reload", .call = reload, .privileged = true },
	{ 0 },
};

struct varlink_interface methods_interface(struct methods *m)
{
	return (struct varlink_interface){
		.name = INTERFACE,
		.description = interface_org_vdsotime_Time,
		.methods = methods,
		.data = m,
	};
}

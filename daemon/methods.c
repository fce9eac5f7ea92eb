/* SPDX-License-Identifier: MIT */
/*
 * Handlers, and the table of them at the end; org.vdsotime.Time.varlink says what each is for.
 *
 * The one thing a reader would get wrong: a time in a reply is read when its object is made, so the
 * clocks of one reply are some hundred nanoseconds apart.
 */
#include "daemon/methods.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include <json-c/json.h>

#include "daemon/describe.h"
#include "daemon/event.h"
#include "daemon/interfaces.h"
#include "daemon/keeper.h"
#include "daemon/server.h"
#include "daemon/statistics.h"
#include "proto/wire/stamp.h"

#define INTERFACE "org.vdsotime.Time"
#define SERVICE "org.varlink.service"

#define ALL_CLOCKS ((UINT32_C(1) << DESCRIBE_CLOCK_COUNT) - 1)

static int append(struct json_object *array, struct json_object *value)
{
	if (array == NULL || value == NULL || json_object_array_add(array, value) < 0) {
		json_object_put(value);
		return -ENOMEM;
	}
	return 0;
}

/* An array that is answer.parameters[key] already; NULL when memory is short. */
static struct json_object *answer_array(struct varlink_answer *answer, const char *key)
{
	struct json_object *array = json_object_new_array();

	if (answer->parameters == NULL)
		answer->parameters = json_object_new_object();
	return varlink_put(answer->parameters, key, array) < 0 ? NULL : array;
}

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

static int append_timestamp(
	const struct methods *m, struct json_object *array, const struct describe_clock *clock)
{
	int64_t time_ns;
	uint64_t counter_ticks;
	int r = keeper_read(m->keeper, clock->id, &time_ns, &counter_ticks);

	return r < 0 ? r : append(array, describe_timestamp(clock, time_ns, counter_ticks));
}

static int answer_timestamps(
	const struct methods *m, uint32_t chosen, struct varlink_answer *answer)
{
	struct json_object *array = answer_array(answer, "timestamps");
	int r = 0;

	for (int i = 0; i < DESCRIBE_CLOCK_COUNT && r == 0; i++) {
		if (chosen & UINT32_C(1) << i)
			r = append_timestamp(m, array, &describe_clocks[i]);
	}
	return r;
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
	struct json_object *o = json_object_new_object();
	int r = 0;

	(void)parameters;
	answer->parameters = o;
	keeper_status(m->keeper, &status);
	(void)keeper_read(m->keeper, CLOCK_MONOTONIC, &now_ns, NULL);
	gather_clients(m, &clients);
	r |= varlink_put(o, "daemon", describe_daemon(m->facts, now_ns - m->started_ns));
	r |= varlink_put(o, "vdso", describe_vdso(keeper_vdso(m->keeper)));
	r |= varlink_put(o, "clocksource", describe_clocksource(&status));
	r |= varlink_put(o, "counter", describe_counter(&status));
	r |= varlink_put(o, "page", describe_page(&status));
	r |= varlink_put(o, "tracking", describe_tracking(&status));
	r |= varlink_put(o, "synchronisation", describe_synchronisation(&status));
	r |= varlink_put(o, "clients", describe_clients(&clients));
	return r < 0 ? -ENOMEM : 0;
}

static int list_clocks(
	void *data, const struct json_value *parameters, struct varlink_answer *answer)
{
	const struct methods *m = data;
	struct json_object *array = answer_array(answer, "clocks");
	int r = 0;

	(void)parameters;
	for (int i = 0; i < DESCRIBE_CLOCK_COUNT && r == 0; i++) {
		int64_t time_ns;
		uint64_t counter_ticks = 0;

		(void)keeper_read(m->keeper, describe_clocks[i].id, &time_ns, &counter_ticks);
		r = append(array, describe_clock(&describe_clocks[i], counter_ticks != 0));
	}
	return r;
}

static int read_clocks(
	void *data, const struct json_value *parameters, struct varlink_answer *answer)
{
	const struct methods *m = data;
	uint32_t chosen;
	const char *unknown = choose_clocks(json_member(parameters, "clocks"), &chosen);

	if (unknown != NULL)
		return varlink_error(answer, INTERFACE ".NoSuchClock", "clock", unknown);
	return answer_timestamps(m, chosen, answer);
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
	struct json_object *array = answer_array(answer, "events");
	int r = varlink_put(
		answer->parameters, "total", json_object_new_int64((int64_t)events->count));

	(void)parameters;
	for (uint64_t n = oldest_event(events); n < events->count && r == 0; n++)
		r = append(array, describe_event(&events->ring[n % EVENT_HISTORY], n));
	return r;
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
	struct json_object *array = answer_array(answer, "sockets");
	struct statistics s;
	int r;

	(void)parameters;
	server_statistics(m->server, SERVER_STAMP, &s);
	r = append(
		array, describe_statistics(&s, "stamp", true, stamp_refusal, STAMP_REFUSAL_COUNT));
	server_statistics(m->server, SERVER_VARLINK, &s);
	return r < 0 ? r
		     : append(array, describe_statistics(&s, "varlink", false, varlink_refusal,
					     VARLINK_REFUSAL_COUNT));
}

static int get_vdso(void *data, const struct json_value *parameters, struct varlink_answer *answer)
{
	const struct methods *m = data;

	(void)parameters;
	answer->parameters = describe_vdso_image(keeper_vdso(m->keeper));
	return answer->parameters == NULL ? -ENOMEM : 0;
}

static int reload(void *data, const struct json_value *parameters, struct varlink_answer *answer)
{
	const struct methods *m = data;
	struct server_refused_configuration refused = { 0 };
	int r;

	(void)parameters;
	if (m->facts->reload == NULL)
		return varlink_error(
			answer, SERVICE ".MethodNotImplemented", "method", INTERFACE ".Reload");
	if (m->facts->reload(m->facts->data, &refused) >= 0)
		return 0;
	r = varlink_error(answer, INTERFACE ".ConfigurationInvalid", "message", "");
	if (r == 0)
		r = varlink_put(answer->parameters, "message", describe_text(refused.message));
	if (r == 0 && refused.file[0] != '\0')
		r = varlink_put(answer->parameters, "file", describe_text(refused.file));
	if (r == 0 && refused.line > 0)
		r = varlink_put(
			answer->parameters, "line", json_object_new_int64((int64_t)refused.line));
	return r;
}

/* What is due of a monitor now; its first reply has only timestamps, or nothing. */
static int monitor_say(struct varlink_stream *stream, struct varlink_answer *answer)
{
	const struct methods *m = stream->data;
	int r = stream->interval_ns == 0 ? 0 : answer_timestamps(m, stream->chosen, answer);

	if (answer->parameters == NULL)
		answer->parameters = json_object_new_object();
	if (r == 0)
		r = varlink_put(
			answer->parameters, "lost", json_object_new_int64((int64_t)stream->lost));
	stream->lost = 0;
	return r;
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
			answer, SERVICE ".InvalidParameter", "parameter", "intervalNSec");
	if (!read_count(parameters, "count", &stream->left))
		return varlink_error(answer, SERVICE ".InvalidParameter", "parameter", "count");
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
	answer->parameters = json_object_new_object();
	if (varlink_put(answer->parameters, "event",
		    describe_event(&events->ring[number % EVENT_HISTORY], number)) < 0)
		return -ENOMEM;

	int r = varlink_put(
		answer->parameters, "lost", json_object_new_int64((int64_t)stream->lost));

	stream->lost = 0;
	return r;
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

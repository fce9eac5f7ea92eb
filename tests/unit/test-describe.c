/* SPDX-License-Identifier: MIT */
/*
 * org.vdsotime.Time, method by method: that each reply is what the interface declares, and that
 * what the keeper and the server know gets out.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "daemon/chrony.h"
#include "daemon/describe.h"
#include "daemon/interfaces.h"
#include "daemon/loop.h"
#include "daemon/methods.h"
#include "daemon/server.h"
#include "daemon/statistics.h"
#include "tests/unit/fake-keeper.h"
#include "tests/unit/idl.h"

#define CALL(method, parameters) \
	"{\"method\":\"org.vdsotime.Time." method "\",\"parameters\":{" parameters "}}"
#define MORE(method, parameters) \
	"{\"method\":\"org.vdsotime.Time." method "\",\"more\":true,\"parameters\":{" parameters \
	"}}"

struct world {
	struct keeper keeper;
	struct loop *loop;
	struct server *server;
	struct server_facts facts;
	struct methods methods;
	struct varlink_interface interface;
	struct varlink_service service;
	struct varlink_stream stream;
	struct varlink_reply reply;
	struct json_object *object; /* the reply's */
	unsigned int reloads;
	bool refuse;
};

static const char *const files[] = { "/etc/vdsotimed/vdsotimed.conf", "/etc/b.conf", NULL };

static int reload(void *data, struct server_refused_configuration *ret)
{
	struct world *w = data;

	w->reloads++;
	if (!w->refuse)
		return 0;
	*ret = (struct server_refused_configuration){ "/etc/\xff.conf", 12,
		"Period=: no duration" };
	return -EINVAL;
}

static bool setting(void *data, size_t number, struct server_setting *ret)
{
	static const struct server_setting all[] = {
		{ .section = "Time", .name = "Period", .value = "100ms" },
		{ "Socket", "MaxPeers", "/etc/\xff.conf", 7, "8192", "100", SERVER_SETTING_START },
	};

	(void)data;
	if (number < sizeof(all) / sizeof(*all))
		*ret = all[number];
	return number < sizeof(all) / sizeof(*all);
}

static const struct chrony_counts chrony = { 7, 4, 2, 1 };

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct server_options options = SERVER_OPTIONS_DEFAULT;

	options.peers_max = 70;
	fake_keeper_init(&w->keeper);
	w->facts = (struct server_facts){
		.version = "9.8.7",
		.runtime_dir = "/run/vdsotimed",
		.configuration_files = files,
		.chrony = &chrony,
		.reload = reload,
		.setting = setting,
		.data = w,
	};
	assert_int_equal(loop_new(&w->loop, server_watchers(&options)), 0);
	assert_int_equal(server_new(&w->server, &options, w->loop, &w->keeper, &w->facts), 0);
	w->methods = (struct methods){ &w->keeper, w->server, &w->facts, 0 };
	w->interface = methods_interface(&w->methods);
	w->service = (struct varlink_service){
		.vendor = "",
		.product = "",
		.version = "",
		.url = "",
		.interfaces = &w->interface,
		.interface_count = 1,
	};
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	varlink_reply_release(&w->reply);
	json_object_put(w->object);
	assert_null(server_free(w->server));
	assert_null(loop_free(w->loop));
	free(w);
	return 0;
}

/* Serve it; the parameters of the reply, or NULL. */
static struct json_object *serve(struct world *w, const char *message)
{
	char *copy = strdup(message);

	varlink_reply_release(&w->reply);
	json_object_put(w->object);
	assert_int_equal(
		varlink_serve(&w->service, true, copy, strlen(copy), &w->reply, &w->stream), 0);
	free(copy);
	w->object = json_tokener_parse(w->reply.text);
	assert_non_null(w->object);
	return json_object_object_get(w->object, "parameters");
}

static struct json_object *at(struct json_object *object, const char *a, const char *b)
{
	struct json_object *inner = json_object_object_get(object, a);

	return b == NULL ? inner : json_object_object_get(inner, b);
}

static void check_replies(struct world *w)
{
	static const char *const calls[] = {
		"GetStatus",
		CALL("GetStatus", ""),
		"ListClocks",
		CALL("ListClocks", ""),
		"Read",
		CALL("Read", ""),
		"Monitor",
		MORE("Monitor", "\"intervalNSec\":1000000"),
		"Monitor",
		MORE("Monitor", ""),
		"GetEvents",
		CALL("GetEvents", ""),
		"GetStatistics",
		CALL("GetStatistics", ""),
		"GetVdso",
		CALL("GetVdso", ""),
		"GetConfiguration",
		CALL("GetConfiguration", ""),
		"Reload",
		CALL("Reload", ""),
	};
	char why[256];

	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i += 2) {
		struct json_object *reply = json_object_get(serve(w, calls[i + 1]));

		if (json_object_object_get(w->object, "error") != NULL)
			fail_msg("%s: %s", calls[i], w->reply.text);
		if (reply == NULL)
			reply = json_object_new_object();
		if (idl_check(interface_org_vdsotime_Time, "method", calls[i], reply, why,
			    sizeof(why)) < 0)
			fail_msg("%s: %s", calls[i], why);
		json_object_put(reply);
	}
}

static void test_every_reply_is_as_the_interface_declares(void **state)
{
	struct world *w = *state;
	struct event e = { .kind = EVENT_JUMPED, .amount = -5, .epoch = 2 };

	for (int i = 0; i < EVENT_KINDS; i++) {
		e.kind = (enum event_kind)i;
		event_log_add(&w->keeper.events, &e);
	}
	check_replies(w);
}

static void test_every_reply_is_as_declared_when_nothing_is_known(void **state)
{
	struct world *w = *state;

	w->keeper.status = (struct keeper_status){
		.counter_name = "none",
		.counter_reason = "there is none",
		.age_ns = -1,
		.error_ns = UINT64_MAX,
	};
	w->keeper.vdso = (struct vdsotime_vdso){ .reason = VDSOTIME_REASON_ABSENT };
	w->keeper.counter_ticks = 0;
	w->facts.configuration_files = NULL;
	w->facts.chrony = NULL;
	w->facts.setting = NULL;
	check_replies(w);

	struct json_object *status = serve(w, CALL("GetStatus", ""));

	assert_null(at(status, "page", "ageNSec"));
	assert_null(at(status, "tracking", "residualNSec"));
	assert_null(at(status, "tracking", "boundNSec"));
	assert_null(at(status, "synchronisation", "errorNSec"));
	assert_null(at(status, "synchronisation", "maximumErrorNSec"));
	assert_null(at(status, "synchronisation", "taiOffsetSec"));
	assert_null(at(status, "clocksource", "current"));
	assert_null(at(status, "counter", "frequencyHz"));
	assert_null(at(status, "vdso", "soname"));
	assert_string_equal(
		json_object_get_string(at(status, "synchronisation", "state")), "unknown");
}

static void test_every_declared_method_is_there(void **state)
{
	struct world *w = *state;
	char message[128];
	const char *name;
	unsigned int n;

	for (n = 0; (name = idl_method(interface_org_vdsotime_Time, n)) != NULL; n++) {
		snprintf(message, sizeof(message), "{\"method\":\"org.vdsotime.Time.%s\"}", name);
		serve(w, message);
		assert_null(strstr(w->reply.text, "MethodNot"));
	}
	for (size_t i = 0; w->interface.methods[i].name != NULL; i++)
		assert_true(i < n);
	assert_null(w->interface.methods[n].name);
}

/* The status with one member changed tells otherwise. */
#define REACHES(member, value) \
	do { \
		const struct keeper_status before = w->keeper.status; \
		char *text = strdup((serve(w, CALL("GetStatus", "")), w->reply.text)); \
		w->keeper.status.member = (value); \
		serve(w, CALL("GetStatus", "")); \
		if (strcmp(text, w->reply.text) == 0) \
			fail_msg(#member " does not get out"); \
		w->keeper.status = before; \
		free(text); \
	} while (0)

static void test_all_that_the_keeper_knows_gets_out(void **state)
{
	struct world *w = *state;

	w->keeper.time_ns = 1000; /* so that nothing changes of itself */
	REACHES(counter_name, "cntvct");
	REACHES(counter_usable, false);
	REACHES(counter_reason, "x");
	REACHES(counter_hz, 1);
	REACHES(counter_exact, false);
	REACHES(warp_cpus, 1);
	REACHES(warp_pinned, true);
	REACHES(warp_ticks, 1);
	REACHES(vmclock, 1);
	REACHES(clocksource[0], 'x');
	REACHES(clocksources[1], 'x');
	REACHES(vdso_fast, false);
	REACHES(vdso_cost_ns, 1);
	REACHES(syscall_cost_ns, 1);
	REACHES(page_on, false);
	REACHES(page_restored, false);
	REACHES(page_kept, false);
	REACHES(page_size_bytes, 1);
	REACHES(generation, 1);
	REACHES(epoch, 1);
	REACHES(age_ns, 1);
	REACHES(period_ns, 1);
	REACHES(window_ns, 1);
	REACHES(tracking_known, false);
	REACHES(residual_ns, 1);
	REACHES(residual_rms_ps, 1);
	REACHES(residual_max_ns, 1);
	REACHES(tracking_ns, 1);
	REACHES(samples, 1);
	REACHES(late_publications, 1);
	REACHES(sync_reported, false);
	REACHES(sync, KEEPER_SYNC_UNQUANTIFIED);
	REACHES(error_ns, 1);
	REACHES(maxerror_ns, 1);
	REACHES(esterror_ns, 1);
	REACHES(frequency_ppb, 1);
	REACHES(timex_status, 1);
	REACHES(leap, 2);
	REACHES(tai_offset_s, 36);
}

static void test_status_tells_of_the_daemon(void **state)
{
	struct world *w = *state;
	struct json_object *status = serve(w, CALL("GetStatus", ""));

	assert_string_equal(json_object_get_string(at(status, "daemon", "version")), "9.8.7");
	assert_int_equal(json_object_array_length(at(status, "daemon", "configurationFiles")), 2);
	assert_int_equal(json_object_get_int(at(status, "clients", "peersMaximum")), 70);
	assert_int_equal(json_object_array_length(at(status, "clocksource", "available")), 3);
	w->facts.runtime_dir = "/run/\xff\"\n";
	status = serve(w, CALL("GetStatus", ""));
	assert_string_equal(
		json_object_get_string(at(status, "daemon", "runtimeDirectory")), "/run/?\"?");
}

static void test_bound_tells_who_has_told_it(void **state)
{
	static const struct {
		uint32_t sync;
		bool reported;
		const char *source, *origin;
	} cases[] = {
		{ KEEPER_SYNC_CLAIMED, false, "kernel", "the kernel's maxerror" },
		{ KEEPER_SYNC_CLAIMED, true, "chrony", "chronyd's tracking report" },
		{ KEEPER_SYNC_UNSYNCHRONISED, false, "kernel", "the kernel says" },
		{ KEEPER_SYNC_UNSYNCHRONISED, true, "chrony", "chronyd says" },
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		w->keeper.status.sync = cases[i].sync;
		w->keeper.status.sync_reported = cases[i].reported;

		struct json_object *sync =
			json_object_object_get(serve(w, CALL("GetStatus", "")), "synchronisation");
		const char *origin = json_object_get_string(json_object_object_get(sync, "origin"));

		assert_string_equal(json_object_get_string(json_object_object_get(sync, "source")),
			cases[i].source);
		assert_ptr_equal(strstr(origin, cases[i].origin), origin);
	}
}

static void test_statistics_tell_what_came_of_asking_chronyd(void **state)
{
	struct json_object *reply = serve(*state, CALL("GetStatistics", ""));

	assert_int_equal(json_object_get_int(at(reply, "chrony", "requests")), 7);
	assert_int_equal(json_object_get_int(at(reply, "chrony", "reports")), 4);
	assert_int_equal(json_object_get_int(at(reply, "chrony", "lost")), 2);
	assert_int_equal(json_object_get_int(at(reply, "chrony", "refused")), 1);
}

static void test_read_gives_the_clocks_that_are_named(void **state)
{
	struct world *w = *state;
	struct json_object *reply;

	w->keeper.time_ns = 1000;
	reply = serve(w, CALL("Read", "\"clocks\":[\"TAI\",\"MONOTONIC\"]"));
	assert_string_equal(json_object_to_json_string_ext(reply, JSON_C_TO_STRING_PLAIN),
		"{\"timestamps\":[{\"clock\":\"MONOTONIC\",\"timeNSec\":1001,\"counterTicks\":4711},"
		"{\"clock\":\"TAI\",\"timeNSec\":1011,\"counterTicks\":4711}]}");
	reply = serve(w, CALL("Read", ""));
	assert_int_equal(json_object_array_length(at(reply, "timestamps", NULL)), 5);
	serve(w, CALL("Read", "\"clocks\":[\"MONOTONIC\",\"monotonic\"]"));
	assert_string_equal(w->reply.text,
		"{\"error\":\"org.vdsotime.Time.NoSuchClock\",\"parameters\":{\"clock\":"
		"\"monotonic\"}}");
}

static void test_configuration_is_told_setting_by_setting(void **state)
{
	struct world *w = *state;

	serve(w, CALL("GetConfiguration", ""));
	assert_string_equal(w->reply.text,
		"{\"parameters\":{\"files\":[\"/etc/vdsotimed/vdsotimed.conf\",\"/etc/b.conf\"],"
		"\"settings\":[{\"section\":\"Time\",\"name\":\"Period\",\"value\":\"100ms\","
		"\"origin\":\"default\"},"
		"{\"section\":\"Socket\",\"name\":\"MaxPeers\",\"value\":\"8192\",\"origin\":\"start\","
		"\"file\":\"/etc/?.conf\",\"line\":7,\"configured\":\"100\"}]}}");
	w->facts.setting = NULL;
	w->facts.configuration_files = NULL;
	serve(w, CALL("GetConfiguration", ""));
	assert_string_equal(w->reply.text, "{\"parameters\":{\"files\":[],\"settings\":[]}}");
}

static void test_a_refused_configuration_is_told_until_one_is_taken(void **state)
{
	struct world *w = *state;
	char refusal[32] = "/etc/b.conf:3: wrong";

	w->facts.configuration_refusal = refusal;
	serve(w, CALL("GetStatus", ""));
	assert_non_null(
		strstr(w->reply.text, "\"configurationRefused\":\"/etc/b.conf:3: wrong\"}"));
	w->facts.setting = NULL;
	serve(w, CALL("GetConfiguration", ""));
	assert_non_null(strstr(w->reply.text, "\"refused\":\"/etc/b.conf:3: wrong\","));
	refusal[0] = 0;
	serve(w, CALL("GetStatus", ""));
	assert_null(strstr(w->reply.text, "efused"));
}

static void test_reload_says_what_is_wrong_and_where(void **state)
{
	struct world *w = *state;
	struct json_object *reply;
	char why[256];

	assert_null(serve(w, CALL("Reload", "")));
	assert_int_equal(w->reloads, 1);
	w->refuse = true;
	reply = serve(w, CALL("Reload", ""));
	assert_string_equal(json_object_get_string(json_object_object_get(w->object, "error")),
		"org.vdsotime.Time.ConfigurationInvalid");
	assert_int_equal(idl_check(interface_org_vdsotime_Time, "error", "ConfigurationInvalid",
				 reply, why, sizeof(why)),
		0);
	assert_string_equal(json_object_to_json_string_ext(reply, JSON_C_TO_STRING_PLAIN),
		"{\"file\":\"\\/etc\\/?.conf\",\"line\":12,\"message\":\"Period=: no duration\"}");
	w->facts.reload = NULL;
	serve(w, CALL("Reload", ""));
	assert_non_null(strstr(w->reply.text, "MethodNotImplemented"));
}

static void test_monitor_checks_what_is_asked(void **state)
{
	static const char *const wrong[] = {
		MORE("Monitor", "\"intervalNSec\":-1"),
		"intervalNSec",
		MORE("Monitor", "\"intervalNSec\":999999"),
		"intervalNSec",
		MORE("Monitor", "\"count\":-1"),
		"count",
		MORE("Monitor", "\"clocks\":[\"x\"]"),
		"NoSuchClock",
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i += 2) {
		serve(w, wrong[i]);
		assert_non_null(strstr(w->reply.text, wrong[i + 1]));
		assert_non_null(strstr(w->reply.text, "\"error\""));
		assert_null(w->stream.method);
	}
}

/* The next reply of the stream; NULL when it is silent. */
static const char *next(struct world *w, enum varlink_cause cause)
{
	varlink_reply_release(&w->reply);
	assert_int_equal(varlink_stream_next(&w->stream, cause, &w->reply), 0);
	return w->reply.text;
}

static void test_monitor_tells_events_once_and_counts_the_lost(void **state)
{
	struct world *w = *state;
	struct event e = { .kind = EVENT_CLOCK_SET };

	event_log_add(&w->keeper.events, &e);
	assert_non_null(serve(w, MORE("Monitor", "")));
	assert_string_equal(w->reply.text, "{\"parameters\":{\"lost\":0},\"continues\":true}");
	assert_null(next(w, VARLINK_EVENT));
	event_log_add(&w->keeper.events, &e);
	event_log_add(&w->keeper.events, &e);
	assert_non_null(strstr(next(w, VARLINK_EVENT), "\"number\":1,\"kind\":\"clockSet\""));
	assert_non_null(strstr(next(w, VARLINK_EVENT), "\"number\":2"));
	assert_null(next(w, VARLINK_EVENT));
	for (int i = 0; i < EVENT_HISTORY + 3; i++)
		event_log_add(&w->keeper.events, &e);
	assert_non_null(strstr(next(w, VARLINK_EVENT), "\"number\":6,"));
	assert_non_null(strstr(w->reply.text, "\"lost\":3"));
	assert_non_null(strstr(next(w, VARLINK_EVENT), "\"lost\":0"));
}

static void test_monitor_ticks_with_the_clocks_that_are_named(void **state)
{
	struct world *w = *state;

	w->keeper.time_ns = 0;
	serve(w, MORE("Monitor", "\"clocks\":[\"TAI\"],\"intervalNSec\":1000000,\"count\":2"));
	assert_string_equal(w->reply.text,
		"{\"parameters\":{\"timestamps\":[{\"clock\":\"TAI\",\"timeNSec\":11,"
		"\"counterTicks\":4711}],\"lost\":0},\"continues\":true}");
	assert_int_equal(w->stream.interval_ns, 1000000);
	w->stream.lost = 4;
	assert_non_null(strstr(next(w, VARLINK_TICK), "\"lost\":4}}"));
	assert_null(w->stream.method);
}

static const char *refusal_name(unsigned int refusal)
{
	return refusal == 1 ? "one" : "two";
}

static void test_statistics_name_their_refusals(void **state)
{
	struct statistics s = { .refused = { 0, 0, 5 },
		.turned_away_user = 3,
		.turned_away_bytes = 4,
		.attached = 5,
		.attach_refused_page = 6,
		.attach_refused_system = 7,
		.unfinished = 8,
		.throttled = 9,
		.overdrawn = 10,
		.held_bytes = 11,
		.subscriptions_refused = 12 };
	struct json_object *o;

	(void)state;
	statistics_served(&s, 0);
	statistics_served(&s, 1);
	statistics_served(&s, 1023);
	statistics_served(&s, 1024);
	statistics_served(&s, UINT64_C(1) << 30);
	statistics_served(&s, UINT64_C(1) << 31);
	statistics_served(&s, UINT64_MAX);
	o = describe_statistics(&s, "x", false, refusal_name, 3);
	assert_string_equal(
		json_object_to_json_string_ext(at(o, "refused", NULL), JSON_C_TO_STRING_PLAIN),
		"[{\"reason\":\"two\",\"count\":5}]");
	assert_string_equal(
		json_object_to_json_string_ext(at(o, "turnedAway", NULL), JSON_C_TO_STRING_PLAIN),
		"[{\"reason\":\"user\",\"count\":3},{\"reason\":\"bytes\",\"count\":4}]");
	assert_string_equal(json_object_to_json_string_ext(
				    at(o, "serveTimeHistogram", NULL), JSON_C_TO_STRING_PLAIN),
		"[2,0,0,0,0,0,0,0,0,1,1,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,1,2]");
	assert_int_equal(json_object_get_int(at(o, "unfinished", NULL)), 8);
	assert_int_equal(json_object_get_int(at(o, "throttled", NULL)), 9);
	assert_int_equal(json_object_get_int(at(o, "overdrawn", NULL)), 10);
	assert_int_equal(json_object_get_int(at(o, "heldBytes", NULL)), 11);
	assert_int_equal(json_object_get_int(at(o, "subscriptionsRefused", NULL)), 12);
	assert_false(json_object_object_get_ex(o, "attachRefused", NULL));
	json_object_put(o);
	s.attach_refused_busy = 1;
	o = describe_statistics(&s, "x", true, refusal_name, 3);
	assert_int_equal(json_object_get_int(at(o, "attached", NULL)), 5);
	assert_string_equal(json_object_to_json_string_ext(
				    at(o, "attachRefused", NULL), JSON_C_TO_STRING_PLAIN),
		"[{\"reason\":\"page\",\"count\":6},{\"reason\":\"busy\",\"count\":1},"
		"{\"reason\":\"system\",\"count\":7}]");
	json_object_put(o);
}

static void test_vdso_lists_its_symbols(void **state)
{
	struct world *w = *state;
	struct json_object *reply = serve(w, CALL("GetVdso", ""));
	size_t count = json_object_array_length(at(reply, "symbols", NULL));
	bool found = false;

	if (w->keeper.vdso.base == 0)
		skip();
	for (size_t i = 0; i < count; i++) {
		struct json_object *symbol =
			json_object_array_get_idx(at(reply, "symbols", NULL), i);

		found |= strstr(json_object_get_string(at(symbol, "name", NULL)),
				 "clock_gettime") != NULL;
		assert_in_range(json_object_get_int64(at(symbol, "offsetBytes", NULL)), 0,
			json_object_get_int64(at(reply, "sizeBytes", NULL)));
	}
	assert_true(found);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(test_every_reply_is_as_the_interface_declares),
		TEST(test_every_reply_is_as_declared_when_nothing_is_known),
		TEST(test_every_declared_method_is_there),
		TEST(test_all_that_the_keeper_knows_gets_out),
		TEST(test_status_tells_of_the_daemon),
		TEST(test_bound_tells_who_has_told_it),
		TEST(test_statistics_tell_what_came_of_asking_chronyd),
		TEST(test_read_gives_the_clocks_that_are_named),
		TEST(test_configuration_is_told_setting_by_setting),
		TEST(test_a_refused_configuration_is_told_until_one_is_taken),
		TEST(test_reload_says_what_is_wrong_and_where),
		TEST(test_monitor_checks_what_is_asked),
		TEST(test_monitor_tells_events_once_and_counts_the_lost),
		TEST(test_monitor_ticks_with_the_clocks_that_are_named),
		cmocka_unit_test(test_statistics_name_their_refusals),
		TEST(test_vdso_lists_its_symbols),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

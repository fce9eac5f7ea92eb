/* SPDX-License-Identifier: MIT */
/*
 * One function per type of the interface, each reading like its declaration.
 *
 * The one thing a reader would get wrong: what is left out here is null to who reads it, and must
 * be declared so; a test holds every reply against the interface.
 */
#include "daemon/describe.h"

#include <string.h>
#include <unistd.h>

#include <json-c/json.h>

#include "daemon/chrony.h"
#include "daemon/event.h"
#include "daemon/keeper.h"
#include "daemon/object.h"
#include "daemon/server.h"
#include "daemon/statistics.h"
#include "daemon/vmclock.h"

#define DESCRIBE_CLOCK(name, id, text) { name, id, text },
const struct describe_clock describe_clocks[DESCRIBE_CLOCK_COUNT] = { DESCRIBE_CLOCKS(
	DESCRIBE_CLOCK) };

void describe_files(struct object *o, const char *key, const struct server_facts *f)
{
	struct json_object *array = object_add_array(o, key);

	for (const char *const *file = f->configuration_files; file != NULL && *file != NULL;
		file++)
		object_append(o, array, object_text(*file));
}

void describe_refusal(struct object *o, const char *key, const struct server_facts *f)
{
	if (f->configuration_refusal != NULL && f->configuration_refusal[0] != '\0')
		object_add_text(o, key, f->configuration_refusal);
}

struct json_object *describe_daemon(const struct server_facts *f, int64_t uptime_ns)
{
	struct object o = object_begin();

	object_add_text(&o, "version", f->version);
	object_add_int(&o, "processId", getpid());
	object_add_text(&o, "runtimeDirectory", f->runtime_dir);
	object_add_int(&o, "uptimeNSec", uptime_ns);

	describe_files(&o, "configurationFiles", f);
	describe_refusal(&o, "configurationRefused", f);
	return object_end(&o);
}

static const char *const setting_origins[] = {
	[SERVER_SETTING_DEFAULT] = "default",
	[SERVER_SETTING_FILE] = "file",
	[SERVER_SETTING_COMMAND_LINE] = "commandLine",
	[SERVER_SETTING_START] = "start",
};

struct json_object *describe_setting(const struct server_setting *s)
{
	struct object o = object_begin();

	object_add_text(&o, "section", s->section);
	object_add_text(&o, "name", s->name);
	object_add_text(&o, "value", s->value);
	object_add_text(&o, "origin", setting_origins[s->origin]);
	object_add_text(&o, "file", s->file);
	if (s->file != NULL)
		object_add_int(&o, "line", s->line);
	object_add_text(&o, "configured", s->configured);
	return object_end(&o);
}

/* Names separated by blanks. */
static void append_words(struct object *o, struct json_object *array, const char *words)
{
	while (*words != '\0') {
		size_t bytes = strcspn(words, " \n");

		if (bytes > 0)
			object_append(o, array, object_text_of(words, bytes));
		words += bytes + (words[bytes] != '\0');
	}
}

struct json_object *describe_clocksource(const struct keeper_status *s)
{
	struct object o = object_begin();

	object_add_text(&o, "current", s->clocksource);
	append_words(&o, object_add_array(&o, "available"), s->clocksources);
	object_add_bool(&o, "avoidsSystemCall", s->vdso_fast);
	object_add_int(&o, "vdsoCostNSec", s->vdso_cost_ns);
	object_add_int(&o, "systemCallCostNSec", s->syscall_cost_ns);
	return object_end(&o);
}

static const char *const vmclock_states[] = {
	[VMCLOCK_ABSENT] = "absent",
	[VMCLOCK_PRESENT] = "present",
	[VMCLOCK_UNUSABLE] = "unusable",
};

struct json_object *describe_counter(const struct keeper_status *s)
{
	struct object o = object_begin();

	object_add_text(&o, "name", s->counter_name);
	object_add_bool(&o, "usable", s->counter_usable);
	object_add_text(&o, "reason", s->counter_reason);
	if (s->counter_hz != 0)
		object_add_uint(&o, "frequencyHz", s->counter_hz);
	object_add_bool(&o, "rateExact", s->counter_exact);
	object_add_uint(&o, "comparedCpus", s->warp_cpus);
	object_add_bool(&o, "comparedPinned", s->warp_pinned);
	object_add_uint(&o, "comparedWorstTicks", s->warp_ticks);
	object_add_text(&o, "vmclock",
		vmclock_states[s->vmclock < VMCLOCK_UNUSABLE ? s->vmclock : VMCLOCK_UNUSABLE]);
	return object_end(&o);
}

struct json_object *describe_page(const struct keeper_status *s)
{
	struct object o = object_begin();

	object_add_bool(&o, "on", s->page_on);
	object_add_bool(&o, "restored", s->page_restored);
	object_add_bool(&o, "kept", s->page_kept);
	object_add_uint(&o, "sizeBytes", s->page_size_bytes);
	object_add_uint(&o, "generation", s->generation);
	object_add_uint(&o, "epoch", s->epoch);
	if (s->age_ns >= 0)
		object_add_int(&o, "ageNSec", s->age_ns);
	object_add_uint(&o, "periodNSec", s->period_ns);
	if (s->page_on)
		object_add_uint(&o, "windowNSec", s->window_ns);
	return object_end(&o);
}

struct json_object *describe_tracking(const struct keeper_status *s)
{
	struct object o = object_begin();

	/* A page that is off follows nothing. */
	if (s->tracking_known && s->page_on) {
		object_add_int(&o, "residualNSec", s->residual_ns);
		object_add_uint(&o, "residualRmsPSec", s->residual_rms_ps);
		object_add_uint(&o, "residualMaximumNSec", s->residual_max_ns);
		object_add_uint(&o, "boundNSec", s->tracking_ns);
	}
	object_add_uint(&o, "samples", s->samples);
	object_add_uint(&o, "latePublications", s->late_publications);
	return object_end(&o);
}

static const char *const sync_states[] = {
	[KEEPER_SYNC_UNKNOWN] = "unknown",
	[KEEPER_SYNC_UNSYNCHRONISED] = "unsynchronised",
	[KEEPER_SYNC_UNQUANTIFIED] = "unquantified",
	[KEEPER_SYNC_CLAIMED] = "claimed",
};

static const char *const sync_origins[] = {
	[KEEPER_SYNC_UNKNOWN] = "the state of the kernel's clock may not be read here",
	[KEEPER_SYNC_UNSYNCHRONISED] = "the kernel says that nobody disciplines its clock",
	[KEEPER_SYNC_UNQUANTIFIED] = "whoever disciplines the clock tells the kernel no error",
	[KEEPER_SYNC_CLAIMED] = "the kernel's maxerror, as whoever disciplines the clock sets it",
};

static const char *sync_origin(uint32_t sync, bool reported)
{
	if (!reported)
		return sync_origins[sync];
	return sync == KEEPER_SYNC_CLAIMED ? "chronyd's tracking report"
					   : "chronyd says that it is not synchronised";
}

static const char *const leaps[] = { "none", "insert", "delete", "unknown" };

struct json_object *describe_synchronisation(const struct keeper_status *s)
{
	uint32_t sync = s->sync <= KEEPER_SYNC_CLAIMED ? s->sync : KEEPER_SYNC_UNKNOWN;
	struct object o = object_begin();

	object_add_text(&o, "state", sync_states[sync]);
	object_add_text(&o, "origin", sync_origin(sync, s->sync_reported));
	object_add_text(&o, "source", s->sync_reported ? "chrony" : "kernel");
	if (s->error_ns != UINT64_MAX)
		object_add_uint(&o, "errorNSec", s->error_ns);
	if (sync != KEEPER_SYNC_UNKNOWN) {
		object_add_uint(&o, "maximumErrorNSec", s->maxerror_ns);
		object_add_uint(&o, "estimatedErrorNSec", s->esterror_ns);
		object_add_int(&o, "frequencyPpb", s->frequency_ppb);
		object_add_int(&o, "kernelStatus", s->timex_status);
	}
	if (s->tai_offset_s != 0)
		object_add_int(&o, "taiOffsetSec", s->tai_offset_s);
	object_add_text(&o, "leap", leaps[s->leap < 3 ? s->leap : 3]);
	return object_end(&o);
}

struct json_object *describe_clients(const struct describe_clients *c)
{
	struct object o = object_begin();

	object_add_int(&o, "stampPeers", c->stamp_peers);
	object_add_int(&o, "varlinkPeers", c->varlink_peers);
	object_add_int(&o, "subscriptions", c->subscriptions);
	object_add_int(&o, "users", c->users);
	object_add_uint(&o, "acceptedTotal", c->accepted);
	object_add_int(&o, "peersMaximum", c->peers_max);
	object_add_int(&o, "peersPerUserMaximum", c->peers_per_user_max);
	return object_end(&o);
}

struct json_object *describe_clock(const struct describe_clock *c, bool on_page)
{
	struct object o = object_begin();

	object_add_text(&o, "name", c->name);
	object_add_int(&o, "id", c->id);
	object_add_bool(&o, "onPage", on_page);
	object_add_text(&o, "description", c->text);
	return object_end(&o);
}

struct json_object *describe_timestamp(
	const struct describe_clock *c, int64_t time_ns, uint64_t counter_ticks)
{
	struct object o = object_begin();

	object_add_text(&o, "clock", c->name);
	object_add_int(&o, "timeNSec", time_ns);
	if (counter_ticks != 0)
		object_add_uint(&o, "counterTicks", counter_ticks);
	return object_end(&o);
}

struct json_object *describe_event(const struct event *e, uint64_t number)
{
	struct object o = object_begin();

	object_add_uint(&o, "number", number);
	object_add_text(&o, "kind", event_name(e->kind));
	object_add_text(&o, "description", event_text(e->kind));
	object_add_int(&o, "realtimeNSec", e->realtime_ns);
	object_add_int(&o, "monotonicNSec", e->monotonic_ns);
	object_add_int(&o, "amount", e->amount);
	object_add_uint(&o, "epoch", e->epoch);
	return object_end(&o);
}

static void append_count(
	struct object *o, struct json_object *array, const char *reason, uint64_t count)
{
	struct object one = object_begin();

	if (count == 0) {
		json_object_put(one.json);
		return;
	}
	object_add_text(&one, "reason", reason);
	object_add_uint(&one, "count", count);
	object_append(o, array, object_end(&one));
}

struct json_object *describe_chrony(const struct chrony_counts *c)
{
	struct object o = object_begin();

	object_add_uint(&o, "requests", c->requests);
	object_add_uint(&o, "reports", c->reports);
	object_add_uint(&o, "lost", c->lost);
	object_add_uint(&o, "refused", c->refused);
	return object_end(&o);
}

static void add_turned_away(struct object *o, const struct statistics *s)
{
	struct json_object *array = object_add_array(o, "turnedAway");

	append_count(o, array, "total", s->turned_away_total);
	append_count(o, array, "user", s->turned_away_user);
	append_count(o, array, "bytes", s->turned_away_bytes);
	append_count(o, array, "system", s->turned_away_system);
}

static void add_attach(struct object *o, const struct statistics *s)
{
	object_add_uint(o, "attached", s->attached);

	struct json_object *array = object_add_array(o, "attachRefused");

	append_count(o, array, "page", s->attach_refused_page);
	append_count(o, array, "busy", s->attach_refused_busy);
	append_count(o, array, "system", s->attach_refused_system);
}

struct json_object *describe_statistics(const struct statistics *s, const char *socket, bool stamps,
	const char *(*refusal_name)(unsigned int refusal), unsigned int refusals)
{
	struct object o = object_begin();

	object_add_text(&o, "socket", socket);
	object_add_int(&o, "peers", s->peers);
	object_add_uint(&o, "accepted", s->accepted);
	add_turned_away(&o, s);

	struct json_object *refused = object_add_array(&o, "refused");

	for (unsigned int i = 1; i < refusals; i++)
		append_count(&o, refused, refusal_name(i), s->refused[i]);
	object_add_uint(&o, "stalled", s->stalled);
	if (!stamps)
		object_add_uint(&o, "unfinished", s->unfinished);
	object_add_uint(&o, "frames", s->frames);
	object_add_uint(&o, "requests", s->requests);
	if (stamps) {
		add_attach(&o, s);
		object_add_uint(&o, "stamps", s->stamps);
	}
	object_add_uint(&o, "throttled", s->throttled);
	object_add_uint(&o, "overdrawn", s->overdrawn);
	object_add_uint(&o, "heldBytes", s->held_bytes);
	object_add_int(&o, "subscriptions", s->subscriptions);
	object_add_uint(&o, "subscriptionsRefused", s->subscriptions_refused);
	object_add_uint(&o, "ticks", s->ticks);
	object_add_uint(&o, "ticksLost", s->ticks_lost);
	object_add_uint(&o, "receivedBytes", s->received_bytes);
	object_add_uint(&o, "sentBytes", s->sent_bytes);

	struct json_object *histogram = object_add_array(&o, "serveTimeHistogram");

	for (unsigned int i = 0; i < STATISTICS_HISTOGRAM; i++)
		object_append(&o, histogram, json_object_new_int64((int64_t)s->serve_time[i]));
	return object_end(&o);
}

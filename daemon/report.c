/* SPDX-License-Identifier: MIT */
#include "daemon/report.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include <vdsotime/vdso.h>

#include "daemon/event.h"
#include "daemon/keeper.h"
#include "daemon/log.h"
#include "daemon/server.h"
#include "daemon/utf8.h"

static const struct {
	enum log_level level;
	enum log_id id;
	const char *unit; /* of the amount; NULL: it has none */
} events[EVENT_KINDS] = {
	[EVENT_CLOCK_SET] = { LEVEL_NOTICE, LOG_ID_CLOCK_SET, "ns" },
	[EVENT_LEAP_ANNOUNCED] = { LEVEL_NOTICE, LOG_ID_LEAP, "s" },
	[EVENT_LEAP_SECOND] = { LEVEL_NOTICE, LOG_ID_LEAP, "s" },
	[EVENT_TAI_CHANGED] = { LEVEL_NOTICE, LOG_ID_CLOCK_SET, "ns" },
	[EVENT_SUSPENDED] = { LEVEL_NOTICE, LOG_ID_DISCONTINUITY, "ns" },
	[EVENT_JUMPED] = { LEVEL_NOTICE, LOG_ID_DISCONTINUITY, "ns" },
	[EVENT_MIGRATED] = { LEVEL_NOTICE, LOG_ID_DISCONTINUITY, "ns" },
	[EVENT_RESTORED] = { LEVEL_NOTICE, LOG_ID_DISCONTINUITY, "ns" },
	[EVENT_RATE_CHANGED] = { LEVEL_DEBUG, LOG_ID_NONE, "ppb" },
	[EVENT_CLOCKSOURCE_CHANGED] = { LEVEL_NOTICE, LOG_ID_CLOCKSOURCE_CHANGED, NULL },
	[EVENT_COUNTER_BACKWARDS] = { LEVEL_WARNING, LOG_ID_DISCONTINUITY, NULL },
	[EVENT_CPUS_OUT_OF_STEP] = { LEVEL_WARNING, LOG_ID_CPUS_OUT_OF_STEP, "ns" },
	[EVENT_PAGE_ON] = { LEVEL_INFO, LOG_ID_PAGE_ON, NULL },
	[EVENT_PAGE_OFF] = { LEVEL_WARNING, LOG_ID_PAGE_OFF, NULL },
	[EVENT_PUBLISHED_LATE] = { LEVEL_DEBUG, LOG_ID_NONE, NULL },
	[EVENT_SYNC_CHANGED] = { LEVEL_NOTICE, LOG_ID_SYNC_CHANGED, NULL },
};

static void report_function(const struct vdsotime_vdso *vdso, uint32_t function)
{
	const struct vdsotime_found *found = &vdso->found[function];
	const char *name = vdsotime_function_name(function);

	if (vdso->address[function])
		log_info("%s: %s%s%s at 0x%" PRIxPTR, name, found->symbol,
			found->version ? "@" : "", found->version ? found->version : "",
			vdso->address[function]);
	else
		log_info("%s: by system call (%s)", name, vdsotime_reason_string(found->reason));
}

void report_vdso(const struct vdsotime_vdso *vdso)
{
	static const uint32_t functions[] = { VDSOTIME_CLOCK_GETTIME, VDSOTIME_CLOCK_GETRES,
		VDSOTIME_GETTIMEOFDAY, VDSOTIME_TIME, VDSOTIME_GETCPU };

	if (!vdso->base) {
		log_write(LEVEL_WARNING, LOG_ID_VDSO_UNUSABLE, NULL,
			"No vDSO (%s): clocks are read by system call",
			vdsotime_reason_string(vdso->reason));
		return;
	}
	log_info("vDSO at 0x%" PRIxPTR ", %zu bytes, found by %s", vdso->base, vdso->size_bytes,
		vdsotime_rung_name(vdso->rung));
	for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
		report_function(vdso, functions[i]);
}

void report_event(const struct event *e)
{
	char amount[24], epoch[24];
	snprintf(amount, sizeof(amount), "%" PRId64, e->amount);
	snprintf(epoch, sizeof(epoch), "%" PRIu64, e->epoch);
	const struct log_field fields[] = {
		{ "VDSOTIME_EVENT", event_name(e->kind) },
		{ "VDSOTIME_AMOUNT", amount },
		{ "VDSOTIME_EPOCH", epoch },
		{ NULL, NULL },
	};
	const char *unit = events[e->kind].unit;

	if (unit)
		log_write(events[e->kind].level, events[e->kind].id, fields, "%s (%+" PRId64 " %s)",
			event_text(e->kind), e->amount, unit);
	else
		log_write(events[e->kind].level, events[e->kind].id, fields, "%s",
			event_text(e->kind));
}

void report_socket(const char *runtime_dir, const char *file, int error)
{
	enum { NAME_BYTES_MAX = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1 };

	if (error == -ENAMETOOLONG)
		log_error("Socket %s/%s: too long a name: it may have %d bytes", runtime_dir, file,
			NAME_BYTES_MAX);
	else if (error == -EADDRINUSE)
		log_error("Socket %s/%s: there is something that is no socket", runtime_dir, file);
	else
		log_error("Socket %s/%s: %s", runtime_dir, file, strerror(-error));
}

void report_started(const char *runtime_dir, int64_t took_ns)
{
	char took[24];

	snprintf(took, sizeof(took), "%" PRId64, took_ns);
	const struct log_field fields[] = {
		{ "VDSOTIME_VERSION", VDSOTIME_VERSION },
		{ "VDSOTIME_RUNTIME_DIR", runtime_dir },
		{ "VDSOTIME_START_NSEC", took },
		{ NULL, NULL },
	};
	log_write(LEVEL_INFO, LOG_ID_STARTED, fields,
		"vdsotimed " VDSOTIME_VERSION " serves in %s, ready after %" PRId64 " us",
		runtime_dir, took_ns / 1000);
}

void report_refused_configuration(const struct server_refused_configuration *refused)
{
	const struct log_field fields[] = {
		{ "VDSOTIME_CONFIG_FILE", refused->file },
		{ NULL, NULL },
	};

	log_write(
		LEVEL_ERROR, LOG_ID_CONFIGURATION_REFUSED, fields, "The configuration was refused");
}

void report_format_status(const struct keeper_status *s, char *text, size_t size_bytes)
{
	static const char *const sync[] = {
		[KEEPER_SYNC_UNKNOWN] = "synchronisation not known",
		[KEEPER_SYNC_UNSYNCHRONISED] = "clock not synchronised",
		[KEEPER_SYNC_UNQUANTIFIED] = "clock synchronised, error not told",
		[KEEPER_SYNC_CLAIMED] = "clock synchronised",
	};

	if (s->page_on)
		snprintf(text, size_bytes, "Serving; page on (%s); %s", s->counter_name,
			sync[s->sync]);
	else
		snprintf(text, size_bytes, "Serving; page off: %s; %s", s->counter_reason,
			sync[s->sync]);
}

void report_format_refusal(
	const struct server_refused_configuration *refused, char *text, size_t size_bytes)
{
	if (refused->line)
		snprintf(text, size_bytes, "%s:%" PRIu32 ": %s", refused->file, refused->line,
			refused->message);
	else if (refused->file[0])
		snprintf(text, size_bytes, "%s: %s", refused->file, refused->message);
	else
		snprintf(text, size_bytes, "%s", refused->message);
	if (!utf8_is_text(text, strlen(text)))
		utf8_make_text(text, strlen(text));
}

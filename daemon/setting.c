/* SPDX-License-Identifier: MIT */
#include "daemon/setting.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "daemon/config.h"
#include "daemon/log.h"
#include "daemon/quantity.h"

static const char *const counter_choices[] = { "auto", "trust", "off", NULL };

#define AT(field) .offset = offsetof(struct config, field)
#define MS UINT64_C(1000000)

const struct setting settings[] = {
	{ "Time", "Counter", AT(keeper.counter), .choices = counter_choices,
		.min = KEEPER_COUNTER_AUTO },
	{ "Time", "Period", AT(keeper.period_ns), quantity_durations, .min = 10 * MS,
		.max = 1000 * MS },
	{ "Time", "FastPeriod", AT(keeper.fast_period_ns), quantity_durations, .min = 1 * MS,
		.max = 1000 * MS },
	{ "Time", "MaxDrift", AT(keeper.max_drift_ppb), quantity_rates, .min = 1, .max = 500000 },
	{ "Time", "MaxSlew", AT(keeper.max_slew_ppb), quantity_rates, .min = 1000,
		.max = 100000000 },
	{ "Time", "ChronyPort", AT(chrony_port), .min = 0, .max = 65535 },
	{ "Socket", "MaxPeers", AT(server.peers_max), .min = SERVER_PEERS_MIN,
		.max = SERVER_PEERS_MAX },
	{ "Socket", "MaxPeersPerUser", AT(server.peers_per_user_max), .min = 1,
		.max = SERVER_PEERS_MAX },
	{ "Socket", "ReservedPeers", AT(server.peers_reserved), .min = 0,
		.max = SERVER_PEERS_MAX - 1 },
	{ "Socket", "MaxSubscriptionsPerUser", AT(server.subscriptions_max), .min = 1,
		.max = 65536 },
	{ "Socket", "RequestsPerUser", AT(server.requests_per_user), .min = 1, .max = 10000000,
		.infinity = true },
	{ "Socket", "BytesPerUser", AT(server.bytes_per_user_max), quantity_sizes, .min = 64 << 10,
		.max = UINT64_C(4) << 30 },
	{ "Socket", "FrameTimeout", AT(server.frame_timeout_ns), quantity_durations,
		.min = 100 * MS, .max = 60000 * MS },
	{ "Socket", "StallTimeout", AT(server.stall_timeout_ns), quantity_durations,
		.min = 100 * MS, .max = 60000 * MS },
	{ "Log", "Level", AT(log_level), .choices = log_level_names, .min = LEVEL_ERROR },
	{ 0 },
};

_Static_assert(sizeof(settings) / sizeof(settings[0]) <= SETTINGS_MAX + 1, "all have room");

const struct setting *setting_find(const char *section, const char *name, bool *ret_section)
{
	*ret_section = false;
	for (const struct setting *s = settings; s->name; s++) {
		if (strcmp(s->section, section) != 0)
			continue;
		*ret_section = true;
		if (strcmp(s->name, name) == 0)
			return s;
	}
	return NULL;
}

uint64_t setting_get(const struct setting *s, const struct config *c)
{
	const char *field = (const char *)c + s->offset;
	uint64_t wide;
	uint32_t narrow;

	if (s->units) {
		memcpy(&wide, field, sizeof(wide));
		return wide;
	}
	memcpy(&narrow, field, sizeof(narrow));
	return narrow;
}

void setting_set(const struct setting *s, struct config *c, uint64_t value)
{
	char *field = (char *)c + s->offset;
	uint32_t narrow = (uint32_t)value;

	if (s->units)
		memcpy(field, &value, sizeof(value));
	else
		memcpy(field, &narrow, sizeof(narrow));
}

int setting_parse(const struct setting *s, const char *text, uint64_t *ret)
{
	uint64_t value;

	for (size_t i = 0; s->choices && s->choices[i]; i++) {
		if (strcmp(text, s->choices[i]) == 0) {
			*ret = s->min + i;
			return 0;
		}
	}
	if (s->choices)
		return -EINVAL;

	if (s->infinity && strcmp(text, "infinity") == 0) {
		*ret = 0;
		return 0;
	}

	int r = quantity_parse(text, s->units, &value);

	if (r < 0)
		return r;
	if (value < s->min || value > s->max)
		return -ERANGE;
	*ret = value;
	return 0;
}

void setting_format(const struct setting *s, uint64_t value, char *text, size_t size_bytes)
{
	if (s->choices)
		snprintf(text, size_bytes, "%s", s->choices[value - s->min]);
	else if (s->infinity && value == 0)
		snprintf(text, size_bytes, "infinity");
	else
		quantity_format(text, size_bytes, s->units, value);
}

static void expected_choice(const struct setting *s, char text[static 160])
{
	size_t used = (size_t)snprintf(text, 160, "one of %s", s->choices[0]);

	for (size_t i = 1; s->choices[i] && used < 160; i++)
		used += (size_t)snprintf(text + used, 160 - used, ", %s", s->choices[i]);
}

void setting_expected(const struct setting *s, char text[static 160])
{
	char min[32], max[32];

	if (s->choices) {
		expected_choice(s, text);
		return;
	}
	quantity_format(min, sizeof(min), s->units, s->min);
	quantity_format(max, sizeof(max), s->units, s->max);
	snprintf(text, 160, "%s from %s to %s%s",
		!s->units                        ? "a number"
		: s->units == quantity_durations ? "a duration with its unit"
		: s->units == quantity_sizes     ? "a size with its unit"
						 : "a rate with its unit",
		min, max, s->infinity ? ", or infinity" : "");
}

/* SPDX-License-Identifier: MIT */
#include "daemon/event.h"

#define EVENT_NAME(name, wire, text) wire,
static const char *const names[] = { EVENT_LIST(EVENT_NAME) };
#undef EVENT_NAME

#define EVENT_TEXT(name, wire, text) text,
static const char *const texts[] = { EVENT_LIST(EVENT_TEXT) };
#undef EVENT_TEXT

const char *event_name(enum event_kind kind)
{
	return (unsigned int)kind < EVENT_KINDS ? names[kind] : "unknown";
}

const char *event_text(enum event_kind kind)
{
	return (unsigned int)kind < EVENT_KINDS ? texts[kind] : "unknown";
}

void event_log_add(struct event_log *l, const struct event *e)
{
	l->ring[l->count % EVENT_HISTORY] = *e;
	l->count++;
}

/* SPDX-License-Identifier: MIT */
/*
 * What the daemon tells its operator.  A record is a level, a sentence and, for what a machine may
 * want to find again, an id and fields; it goes to a sink: stderr until another is set.
 *
 * On stderr each line starts with the level as <N> (sd-daemon(3)), but not on a terminal.  The sink
 * for the journal is in journal.h.
 *
 * No sink waits: whoever is to read the records, and does not, must not stop the daemon.  A record
 * for which there is no room is lost, and counted; the count is told before the next one that gets
 * through.
 *
 * The one thing a reader would get wrong: nothing is logged per request or per peer that comes and
 * goes.  A client must not be able to fill the journal.
 */
#ifndef VDSOTIMED_LOG_H
#define VDSOTIMED_LOG_H

#include <stddef.h>

/* The numbers are those of syslog(3). */
enum log_level {
	LEVEL_ERROR = 3,
	LEVEL_WARNING = 4,
	LEVEL_NOTICE = 5,
	LEVEL_INFO = 6,
	LEVEL_DEBUG = 7
};

/* X(name, MESSAGE_ID of the journal); systemd/vdsotimed.catalog explains each of them. */
#define LOG_ID_LIST(X) \
	X(LOG_ID_NONE, "") \
	X(LOG_ID_STARTED, "aa87a40a0a644837ac857844789b8d31") \
	X(LOG_ID_STOPPED, "a81f17df8bfe4e838e0499b18eecd901") \
	X(LOG_ID_RELOADED, "51a86974b1014089a8028250ed114d8b") \
	X(LOG_ID_CONFIGURATION_REFUSED, "8577e8905afe4cff97c212998af30d0d") \
	X(LOG_ID_VDSO_UNUSABLE, "8428fe7f224f422f862a048242b20729") \
	X(LOG_ID_PAGE_RESTORED, "95c34db86d5f493299b7d00a26f35135") \
	X(LOG_ID_PAGE_ON, "258e577a4cdb4c528706f129c41b989e") \
	X(LOG_ID_PAGE_OFF, "5fd4979f71a0417da6914d958aab7839") \
	X(LOG_ID_CLOCK_SET, "30dc72044dfd482d883b57195aeb7f4e") \
	X(LOG_ID_LEAP, "c3f1c0a4de154a2c9b0a8f6d2f1b7e95") \
	X(LOG_ID_CPUS_OUT_OF_STEP, "8d5b1f6e0c7a4c0fb3d8e2a94f6107cb") \
	X(LOG_ID_DISCONTINUITY, "a152f05f55c1436097ab6c4d26226e8f") \
	X(LOG_ID_CLOCKSOURCE_CHANGED, "04fca4b821044e01813586145e1817ff") \
	X(LOG_ID_SYNC_CHANGED, "7adeb37e88814fbaaa172ca97dc5fbbb")

#define LOG_ID_ENUM(name, message_id) name,
enum log_id { LOG_ID_LIST(LOG_ID_ENUM) LOG_IDS };
#undef LOG_ID_ENUM

/* A field of the journal: VDSOTIME_... and its value.  A list of them ends with a NULL name. */
struct log_field {
	const char *name;
	const char *value;
};

struct log_record {
	enum log_level level;
	enum log_id id;
	const struct log_field *fields; /* NULL: none */
	const char *message; /* one line, no control characters */
};

/* Longer messages are cut. */
#define LOG_MESSAGE_BYTES 1024

/* Where records go from now on; NULL: to stderr.  A sink returns 0, or -errno for a lost record. */
void log_set_sink(int (*sink)(const struct log_record *record));

/* Records above this level are dropped; LEVEL_INFO at first. */
void log_set_level(enum log_level level);

/* 32 hexadecimal digits; "" for LOG_ID_NONE. */
const char *log_id_text(enum log_id id);

/* "error", "warning", "notice", "info", "debug": from LEVEL_ERROR on, NULL at the end. */
extern const char *const log_level_names[];

/* One of these.  0, or -EINVAL for any other text. */
int log_level_parse(const char *text, enum log_level *ret);

/* Control characters in the result are replaced by '?'.  Does not change errno. */
void log_write(enum log_level level, enum log_id id, const struct log_field *fields,
	const char *format, ...) __attribute__((format(printf, 4, 5)));

#define log_error(...) log_write(LEVEL_ERROR, LOG_ID_NONE, NULL, __VA_ARGS__)
#define log_warning(...) log_write(LEVEL_WARNING, LOG_ID_NONE, NULL, __VA_ARGS__)
#define log_info(...) log_write(LEVEL_INFO, LOG_ID_NONE, NULL, __VA_ARGS__)
#define log_debug(...) log_write(LEVEL_DEBUG, LOG_ID_NONE, NULL, __VA_ARGS__)

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Records are made in a buffer on the stack and leave in one write(2), so that lines of several
 * processes on one stderr do not mix and nothing is allocated.
 */
#include "daemon/log.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int stderr_sink(const struct log_record *record);

static int (*sink)(const struct log_record *record) = stderr_sink;
static enum log_level max_level = LEVEL_INFO;
static unsigned int lost; /* records, and nobody was told yet */

const char *const log_level_names[] = { "error", "warning", "notice", "info", "debug", NULL };

#define LOG_ID_TEXT(name, message_id) [name] = message_id,
static const char *const ids[LOG_IDS] = { LOG_ID_LIST(LOG_ID_TEXT) };
#undef LOG_ID_TEXT

/*
 * Asked first, and not made O_NONBLOCK: the open file is not ours alone.  Where there is room at
 * all, there is room for a line.
 */
static bool stderr_has_room(void)
{
	struct pollfd p = { .fd = STDERR_FILENO, .events = POLLOUT };

	return poll(&p, 1, 0) != 0;
}

static int stderr_sink(const struct log_record *record)
{
	char line[LOG_MESSAGE_BYTES + 16];
	int n;

	if (isatty(STDERR_FILENO))
		n = snprintf(line, sizeof(line), "vdsotimed: %s\n", record->message);
	else
		n = snprintf(line, sizeof(line), "<%d>%s\n", (int)record->level, record->message);
	if (n < 0)
		return -EINVAL;
	if (!stderr_has_room())
		return -EAGAIN;

	ssize_t written;
	do
		written = write(STDERR_FILENO, line, (size_t)n);
	while (written < 0 && errno == EINTR);
	return written < 0 ? -errno : 0;
}

void log_set_sink(int (*new_sink)(const struct log_record *record))
{
	sink = new_sink ? new_sink : stderr_sink;
}

void log_set_level(enum log_level level)
{
	max_level = level;
}

const char *log_id_text(enum log_id id)
{
	return ids[id];
}

int log_level_parse(const char *text, enum log_level *ret)
{
	for (unsigned int i = 0; log_level_names[i]; i++)
		if (strcmp(log_level_names[i], text) == 0) {
			*ret = (enum log_level)(LEVEL_ERROR + i);
			return 0;
		}
	return -EINVAL;
}

static void tell_lost(void)
{
	char message[64];

	snprintf(message, sizeof(message), "Messages lost before this one: %u", lost);
	if (sink(&(struct log_record){ .level = LEVEL_WARNING, .message = message }) == 0)
		lost = 0;
}

static void pass(const struct log_record *record)
{
	if (lost > 0)
		tell_lost();
	if (sink(record) < 0)
		lost++;
}

void log_write(enum log_level level, enum log_id id, const struct log_field *fields,
	const char *format, ...)
{
	if (level > max_level)
		return;

	int saved_errno = errno;
	char message[LOG_MESSAGE_BYTES];
	va_list args;
	va_start(args, format);
	int n = vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	if (n >= 0) {
		/* Names out of files and environments could otherwise forge lines of their own. */
		for (char *c = message; *c; c++)
			if ((unsigned char)*c < ' ' || *c == 0x7f)
				*c = '?';
		pass(&(struct log_record){
			.level = level, .id = id, .fields = fields, .message = message });
	}
	errno = saved_errno;
}

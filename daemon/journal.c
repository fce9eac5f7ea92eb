/* SPDX-License-Identifier: MIT */
#include "daemon/journal.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/log.h"

struct entry {
	char bytes[4 * LOG_MESSAGE_BYTES];
	size_t used;
};

static int journal_fd = -1;
/* Not connected to it: the socket there is another one after a restart of its unit. */
static struct sockaddr_un journal = { .sun_family = AF_UNIX };

bool journal_is_stderr(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	uint64_t dev, ino;
	struct stat st;

	if (!stream || sscanf(stream, "%" SCNu64 ":%" SCNu64, &dev, &ino) != 2)
		return false;
	return fstat(STDERR_FILENO, &st) == 0 && st.st_dev == dev && st.st_ino == ino;
}

int journal_open(const char *where)
{
	if (strlen(where) >= sizeof(journal.sun_path))
		return -ENAMETOOLONG;
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	journal_close();
	strcpy(journal.sun_path, where);
	journal_fd = fd;
	return 0;
}

void journal_close(void)
{
	if (journal_fd >= 0)
		close(journal_fd);
	journal_fd = -1;
}

static void append(struct entry *e, const void *bytes, size_t length)
{
	memcpy(e->bytes + e->used, bytes, length);
	e->used += length;
}

/* In the form that has its length before it: a value may have any bytes in it, a newline too. */
static void add(struct entry *e, const char *name, const char *value)
{
	size_t name_length = strlen(name), length = strnlen(value, LOG_MESSAGE_BYTES);
	uint64_t length_le = htole64(length);

	if (name_length + 1 + sizeof(length_le) + length + 1 > sizeof(e->bytes) - e->used)
		return;
	append(e, name, name_length);
	append(e, "\n", 1);
	append(e, &length_le, sizeof(length_le));
	append(e, value, length);
	append(e, "\n", 1);
}

int journal_sink(const struct log_record *record)
{
	const char priority[] = { (char)('0' + record->level), 0 };
	struct entry e = { .used = 0 };

	if (journal_fd < 0)
		return -ENOTCONN;
	add(&e, "SYSLOG_IDENTIFIER", "vdsotimed");
	add(&e, "MESSAGE", record->message);
	add(&e, "PRIORITY", priority);
	if (record->id != LOG_ID_NONE)
		add(&e, "MESSAGE_ID", log_id_text(record->id));
	for (const struct log_field *f = record->fields; f && f->name; f++)
		add(&e, f->name, f->value);

	ssize_t n = sendto(journal_fd, e.bytes, e.used, MSG_DONTWAIT | MSG_NOSIGNAL,
		(const struct sockaddr *)&journal, sizeof(journal));
	return n < 0 ? -errno : 0;
}

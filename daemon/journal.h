/* SPDX-License-Identifier: MIT */
/*
 * The journal, as a sink of log.h.
 *
 * It is written to over a socket of our own, and not by sd_journal_sendv(3): that waits until
 * journald has room for the record, and a journald that does not read would stop the daemon, and
 * with it the page.  Here such a record is lost, and log.c counts it.
 *
 * The form of a record: systemd.io/JOURNAL_NATIVE_PROTOCOL/.
 *
 * The one thing a reader would get wrong: there is one journal for the whole process, as there is
 * one log.
 */
#ifndef VDSOTIMED_JOURNAL_H
#define VDSOTIMED_JOURNAL_H

#include <stdbool.h>

struct log_record;

#define JOURNAL_SOCKET "/run/systemd/journal/socket"

/* Is stderr the journal?  Then records may go there with their fields. */
bool journal_is_stderr(void);

/*
 * where: JOURNAL_SOCKET, or its place in a test.  Nothing need listen there yet.  0, -ENAMETOOLONG
 * or -errno.
 */
int journal_open(const char *where);

/* May be called twice, and before journal_open(). */
void journal_close(void);

/*
 * The sink.  Values are cut at LOG_MESSAGE_BYTES, and a field for which there is no room any more
 * is left out.  0; -EAGAIN when the journal has no room; -ENOTCONN before journal_open(); -errno.
 */
int journal_sink(const struct log_record *record);

#endif

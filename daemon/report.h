/* SPDX-License-Identifier: MIT */
/*
 * What the daemon says of itself unasked: in the log what it found at start and each disturbance
 * that an operator would want to know of, and a line for `systemctl status`.
 */
#ifndef VDSOTIMED_REPORT_H
#define VDSOTIMED_REPORT_H

#include <stddef.h>
#include <stdint.h>

struct event;
struct keeper_status;
struct server_refused_configuration;
struct vdsotime_vdso;

/* The time functions, each with its symbol, version and address in this process. */
void report_vdso(const struct vdsotime_vdso *vdso);

/* Rate changes are debug messages: a clock that is disciplined has one every few seconds. */
void report_event(const struct event *e);

/* Why there is no socket of that name in the runtime directory; error: negative errno. */
void report_socket(const char *runtime_dir, const char *file, int error);

/* It serves, took_ns after the process began. */
void report_started(const char *runtime_dir, int64_t took_ns);

/* A configuration was refused; what is wrong with it was told when it was read. */
void report_refused_configuration(const struct server_refused_configuration *refused);

/* For `systemctl status`: a sentence or two. */
void report_format_status(const struct keeper_status *s, char *text, size_t size_bytes);

/*
 * For the same: why a configuration was refused, "FILE:LINE: what is wrong"; what is no text in it
 * has '?', as in replies.
 */
void report_format_refusal(
	const struct server_refused_configuration *refused, char *text, size_t size_bytes);

#endif

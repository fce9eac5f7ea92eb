/* SPDX-License-Identifier: MIT */
/*
 * What the daemon says of itself unasked: in the log what it found at start and each disturbance
 * that an operator would want to know of, and a line for `systemctl status`.
 */
#ifndef VDSOTIMED_REPORT_H
#define VDSOTIMED_REPORT_H

#include <stddef.h>

struct event;
struct keeper_status;
struct server_refused_configuration;
struct vdsotime_vdso;

/* The time functions, each with its symbol, version and address in this process. */
void report_vdso(const struct vdsotime_vdso *vdso);

/* Rate changes go to the debug level: a clock that is being disciplined has one every few
 * seconds. */
void report_event(const struct event *e);

/* Why there is no socket of that name in the runtime directory; error: negative errno. */
void report_socket(const char *runtime_dir, const char *file, int error);

/* A sentence or two. */
void report_status(const struct keeper_status *s, char *text, size_t size_bytes);

/* Why a configuration was refused: "FILE:LINE: what is wrong". */
void report_refusal(
	const struct server_refused_configuration *refused, char *text, size_t size_bytes);

#endif

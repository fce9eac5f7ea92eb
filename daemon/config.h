/* SPDX-License-Identifier: MIT */
/*
 * The configuration: what vdsotimed.conf(5) can set, merged from its files by the rules that
 * systemd's own programs follow, and checked as a whole.
 *
 * Later assignments win and an empty value brings the default back.  Unknown settings are warned
 * of, bad values refuse the whole: what is in force is always one complete, valid configuration.
 *
 * Problems are logged as they are found, each with file and line; the first is also returned.
 */
#ifndef VDSOTIMED_CONFIG_H
#define VDSOTIMED_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/config-files.h"
#include "daemon/keeper.h"
#include "daemon/server.h"
#include "daemon/setting.h"

/* Where a setting was made; file NULL: nowhere, it is the default. */
struct config_origin {
	const char *file; /* one of files.paths */
	uint32_t line; /* from 1 */
};

struct config {
	struct keeper_options keeper;
	uint32_t chrony_port; /* chronyd's command port; 0: it is not asked */
	struct server_options server;
	uint32_t log_level; /* enum log_level */
	struct config_files files; /* that were read, in order */
	struct config_origin origins[SETTINGS_MAX]; /* as in the table of settings */
};

#define CONFIG_NULL \
	{ \
		.log_level = 0 \
	}

/* The directories to look in when none are given, the most important first, NULL at the end. */
extern const char *const config_dirs[];

/* What is in force without any file. */
void config_default(struct config *ret);

/*
 * Read file alone, or (NULL) what is found in dirs (NULL: config_dirs).  No file at all is fine
 * when none was asked for.  *ret is CONFIG_NULL, or an earlier configuration, which is replaced.
 * 0; -EINVAL when something in a file is wrong; -ENOMEM; what open(2) said of a file.  Failed: *ret
 * is as it was, and *ret_refused is filled.
 */
int config_load(struct config *ret, const char *const *dirs, const char *file,
	struct server_refused_configuration *ret_refused);

/*
 * Setting number, from 0, as in_force has it and as c says it: they differ where something takes a
 * restart, or is overridden.  False: there are no more.  number: not above that of the first such.
 */
bool config_setting(const struct config *c, const struct config *in_force, size_t number,
	struct server_setting *ret);

/* May be called twice, and on CONFIG_NULL. */
void config_deinit(struct config *c);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Which files make up the configuration: the main file that is found first, then the drop-ins of
 * all directories by name, less those that are hidden or masked.  It finds them and reads none.
 *
 * The one thing a reader would get wrong: drop-ins count even when there is no main file, or a mask
 * is in its place.
 */
#ifndef VDSOTIMED_CONFIG_FILES_H
#define VDSOTIMED_CONFIG_FILES_H

#include <stddef.h>

/* So many files may make up a configuration. */
#define CONFIG_FILES_MAX 64

struct config_files {
	size_t count;
	char *paths[CONFIG_FILES_MAX + 1]; /* owned; NULL after the last */
};

#define CONFIG_FILES_NULL \
	{ \
		.count = 0 \
	}

/*
 * Look through dirs, the most important first, NULL at the end; those that do not exist are passed
 * over.  0; -ENOMEM; -E2BIG (more than CONFIG_FILES_MAX); what opendir(3) or stat(2) said, and then
 * ret_bad is the path that it said it of.
 */
int config_files_find(struct config_files *ret, const char *const *dirs, char ret_bad[static 256]);

/* One file, whatever it is.  0 or -ENOMEM. */
int config_files_single(struct config_files *ret, const char *path);

/* May be called twice, and on CONFIG_FILES_NULL. */
void config_files_deinit(struct config_files *f);

#endif

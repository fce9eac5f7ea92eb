/* SPDX-License-Identifier: MIT */
/*
 * A directory for one test, gone with all that is in it when the test ends.  Paths given to these
 * functions are relative to it.
 */
#ifndef TESTS_SCRATCH_H
#define TESTS_SCRATCH_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char scratch_dir[256];

static inline const char *scratch_path(const char *name)
{
	static char paths[4][512];
	static unsigned int next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", scratch_dir, name);
	return path;
}

static inline int scratch_setup(void **state)
{
	const char *tmp = getenv("TMPDIR");

	(void)state;
	snprintf(scratch_dir, sizeof(scratch_dir), "%s/vdsotimed-test-XXXXXX", tmp ? tmp : "/tmp");
	return mkdtemp(scratch_dir) ? 0 : -1;
}

static inline int scratch_remove_one(
	const char *path, const struct stat *st, int type, struct FTW *where)
{
	(void)st;
	(void)type;
	(void)where;
	return remove(path);
}

static inline int scratch_teardown(void **state)
{
	(void)state;
	return nftw(scratch_dir, scratch_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Directories on the way are made. */
static inline const char *scratch_write_bytes(const char *name, const void *data, size_t size_bytes)
{
	const char *path = scratch_path(name);
	char dir[512];

	for (const char *slash = path + strlen(scratch_dir) + 1; (slash = strchr(slash, '/'));
		slash++) {
		snprintf(dir, sizeof(dir), "%.*s", (int)(slash - path), path);
		mkdir(dir, 0755);
	}
	FILE *f = fopen(path, "we");
	if (!f || fwrite(data, 1, size_bytes, f) != size_bytes || fclose(f) != 0)
		abort();
	return path;
}

static inline const char *scratch_write(const char *name, const char *text)
{
	return scratch_write_bytes(name, text, strlen(text));
}

#endif

/* SPDX-License-Identifier: MIT */
#include "daemon/config-files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define MAIN_FILE "vdsotimed.conf"
#define DROP_IN_DIR "vdsotimed.conf.d"

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(base_name(*(char *const *)a), base_name(*(char *const *)b));
}

static int append(struct config_files *f, const char *path)
{
	if (f->count == CONFIG_FILES_MAX)
		return -E2BIG;
	char *copy = strdup(path);
	if (!copy)
		return -ENOMEM;
	f->paths[f->count++] = copy;
	f->paths[f->count] = NULL;
	return 0;
}

/* As in systemd: an empty file or a link to /dev/null says that there shall be none. */
static int is_mask(const char *path, bool *ret)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return -errno;
	*ret = (S_ISREG(st.st_mode) && st.st_size == 0) ||
	       (S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3));
	return 0;
}

static int blame(char bad[static 256], const char *path, int r)
{
	snprintf(bad, 256, "%s", path);
	return r;
}

static int find_main(struct config_files *f, const char *const *dirs, char bad[static 256])
{
	for (; *dirs; dirs++) {
		char path[256];
		bool mask = false;
		snprintf(path, sizeof(path), "%s/%s", *dirs, MAIN_FILE);
		int r = is_mask(path, &mask);
		if (r == -ENOENT || r == -ENOTDIR)
			continue;
		if (r < 0)
			return blame(bad, path, r);
		return mask ? 0 : append(f, path);
	}
	return 0;
}

static bool is_drop_in(const char *name)
{
	size_t length = strlen(name);

	return name[0] != '.' && length > 5 && strcmp(name + length - 5, ".conf") == 0;
}

static bool has_name(const struct config_files *f, const char *name)
{
	for (size_t i = 0; i < f->count; i++)
		if (strcmp(base_name(f->paths[i]), name) == 0)
			return true;
	return false;
}

/* Those of dir whose names f does not have yet. */
static int collect(struct config_files *f, const char *dir, char bad[static 256])
{
	DIR *d = opendir(dir);

	if (!d)
		return errno == ENOENT || errno == ENOTDIR ? 0 : blame(bad, dir, -errno);
	int r = 0;
	for (const struct dirent *entry; r == 0 && (entry = readdir(d));) {
		char path[512];
		if (!is_drop_in(entry->d_name) || has_name(f, entry->d_name))
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
		r = append(f, path);
	}
	closedir(d);
	return r;
}

static int find_drop_ins(struct config_files *f, const char *const *dirs, char bad[static 256])
{
	struct config_files drop_ins = CONFIG_FILES_NULL;
	int r = 0;

	for (; r == 0 && *dirs; dirs++) {
		char dir[256];
		snprintf(dir, sizeof(dir), "%s/%s", *dirs, DROP_IN_DIR);
		r = collect(&drop_ins, dir, bad);
	}
	qsort(drop_ins.paths, drop_ins.count, sizeof(drop_ins.paths[0]), compare_names);
	for (size_t i = 0; r == 0 && i < drop_ins.count; i++) {
		bool mask = false;
		r = is_mask(drop_ins.paths[i], &mask);
		if (r < 0)
			blame(bad, drop_ins.paths[i], r);
		else if (!mask)
			r = append(f, drop_ins.paths[i]);
	}
	config_files_deinit(&drop_ins);
	return r;
}

int config_files_find(struct config_files *ret, const char *const *dirs, char ret_bad[static 256])
{
	struct config_files f = CONFIG_FILES_NULL;

	ret_bad[0] = 0;
	int r = find_main(&f, dirs, ret_bad);
	if (r == 0)
		r = find_drop_ins(&f, dirs, ret_bad);
	if (r < 0) {
		config_files_deinit(&f);
		return r;
	}
	*ret = f;
	return 0;
}

int config_files_single(struct config_files *ret, const char *path)
{
	struct config_files f = CONFIG_FILES_NULL;
	char whole[PATH_MAX], here[PATH_MAX];

	/* others are told the name, who are elsewhere; links stay, as they may be changed */
	if (path[0] != '/' && getcwd(here, sizeof(here)) &&
		snprintf(whole, sizeof(whole), "%s/%s", here, path) < (int)sizeof(whole))
		path = whole;
	int r = append(&f, path);

	if (r == 0)
		*ret = f;
	return r;
}

void config_files_deinit(struct config_files *f)
{
	for (size_t i = 0; i < f->count; i++)
		free(f->paths[i]);
	*f = (struct config_files)CONFIG_FILES_NULL;
}

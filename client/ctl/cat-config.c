/* SPDX-License-Identifier: MIT */
/*
 * vdsotimectl cat-config: the configuration files, in the order in which they were read, the later
 * one's settings over the earlier's.
 *
 * The daemon tells which files these are, and this process reads them, with its own user's rights:
 * so what is shown is what stands there now, which the daemon may not have read yet, or has
 * refused.  With --effective it is the daemon that tells every setting in force, in lines that
 * could be a file.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "client/ctl/call.h"
#include "client/ctl/value.h"
#include "client/ctl/verbs.h"

enum { FILE_BYTES_MAX = 1 << 20, PLACE_BYTES = 4096 + 16 };

/* A whole file, with a NUL behind it; the caller's to free.  0 or -errno. */
static int read_file(const char *path, char **ret, size_t *ret_bytes)
{
	FILE *f = fopen(path, "re");
	char *text;
	size_t bytes;
	int r;

	if (!f)
		return -errno;
	text = malloc(FILE_BYTES_MAX + 1);
	if (!text) {
		fclose(f);
		return -ENOMEM;
	}
	errno = 0;
	bytes = fread(text, 1, FILE_BYTES_MAX, f);
	r = ferror(f) ? -(errno ? errno : EIO) : feof(f) ? 0 : -EFBIG;
	fclose(f);
	if (r < 0) {
		free(text);
		return r;
	}
	text[bytes] = '\0';
	*ret = text;
	*ret_bytes = bytes;
	return 0;
}

/* Print one file, or add it to list where that is not NULL. */
static int show_file(const struct ctl *ctl, const char *path, bool first, struct value *list)
{
	struct value *file;
	size_t bytes = 0;
	char *text = NULL;
	int r = read_file(path, &text, &bytes);

	if (r < 0) {
		ctl_error(ctl, "cat-config: %s: %s", path, strerror(-r));
		return r == -EACCES ? CTL_PERMISSION : CTL_FAILURE;
	}
	if (list) {
		file = value_new_object();
		value_add_string(file, "path", path);
		value_add_string(file, "text", text);
		value_append(list, file);
	} else {
		fprintf(ctl->out, "%s# %s\n", first ? "" : "\n", path);
		fwrite(text, 1, bytes, ctl->out);
		if (bytes > 0 && text[bytes - 1] != '\n')
			fputc('\n', ctl->out);
	}
	free(text);
	return CTL_OK;
}

static int show_files(const struct ctl *ctl, const struct value *reply)
{
	const struct value *paths = value_get(reply, "files");
	struct value *all = NULL, *list = NULL;
	int status = CTL_OK;

	if (ctl->json != CTL_JSON_OFF) {
		all = value_new_object();
		list = value_new_array();
		value_add(all, "files", list);
		value_share(all, "refused", value_get(reply, "refused"));
	}
	for (size_t i = 0; i < value_length(paths); i++) {
		const char *path = value_at_string(paths, i);
		int r = path ? show_file(ctl, path, i == 0, list) : CTL_FAILURE;

		if (status == CTL_OK)
			status = r;
	}
	if (all)
		value_print(ctl, all);
	else if (value_length(paths) == 0 && ctl->legend)
		fputs("# No configuration file was read: the built-in settings are in force.\n",
			ctl->out);
	value_free(all);
	return status;
}

/* "FILE:LINE", or "default" for what stands in no file. */
static void format_place(char *text, size_t size_bytes, const struct value *setting)
{
	const char *file = value_get_string(setting, "file");
	int64_t line;

	if (file && value_get_int(setting, "line", &line))
		snprintf(text, size_bytes, "%s:%" PRId64, file, line);
	else
		snprintf(text, size_bytes, "default");
}

/* "Name=value ; where that comes from" */
static void print_setting(const struct ctl *ctl, const struct value *setting)
{
	const char *name = value_get_string(setting, "name");
	const char *value = value_get_string(setting, "value");
	const char *origin = value_get_string(setting, "origin");
	const char *configured = value_get_string(setting, "configured");
	char text[128], place[PLACE_BYTES];

	snprintf(text, sizeof(text), "%s=%s", name ? name : "?", value ? value : "");
	format_place(place, sizeof(place), setting);
	fprintf(ctl->out, "%-31s ; ", text);
	if (origin && strcmp(origin, "commandLine") == 0)
		fputs("command line", ctl->out);
	else if (origin && strcmp(origin, "start") == 0)
		fputs("since the start", ctl->out);
	else
		fputs(place, ctl->out);
	if (configured)
		fprintf(ctl->out, "; not in force: %s (%s)", configured, place);
	fputc('\n', ctl->out);
}

static void show_settings(const struct ctl *ctl, struct value *reply)
{
	const struct value *settings = value_get(reply, "settings");
	const char *before = "";

	if (ctl->json != CTL_JSON_OFF) {
		value_print(ctl, reply);
		return;
	}
	for (size_t i = 0; i < value_length(settings); i++) {
		const struct value *setting = value_at(settings, i);
		const char *section = value_get_string(setting, "section");

		if (section && strcmp(section, before) != 0)
			fprintf(ctl->out, "%s[%s]\n", i > 0 ? "\n" : "", section);
		before = section ? section : before;
		print_setting(ctl, setting);
	}
}

int verb_cat_config(const struct ctl *ctl, int argc, char **argv)
{
	const char *refused;
	struct value *reply;
	int status = call_daemon(ctl, CALL_INTERFACE ".GetConfiguration", NULL, false, &reply);

	(void)argc;
	(void)argv;
	if (status != CTL_OK)
		return status;
	refused = value_get_string(reply, "refused");
	if (refused)
		ctl_error(ctl, "cat-config: what is in the files now is not in force: %s", refused);
	if (ctl_has_option(ctl, "effective"))
		show_settings(ctl, reply);
	else
		status = show_files(ctl, reply);
	value_free(reply);
	return status;
}

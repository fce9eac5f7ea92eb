/* SPDX-License-Identifier: MIT */
/*
 * vdsotimectl cat-config: the configuration files that are in force, in the order in which they
 * were read, the later one's settings over the earlier's.
 *
 * The daemon tells which files these are, and this process reads them, with its own user's rights:
 * so what is shown is what stands there now, which the daemon may not have read yet.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/ctl/call.h"
#include "client/ctl/value.h"
#include "client/ctl/verbs.h"

enum { FILE_BYTES_MAX = 1 << 20 };

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

static int show_files(const struct ctl *ctl, const struct value *paths)
{
	struct value *all = NULL, *list = NULL;
	int status = CTL_OK;

	if (ctl->json != CTL_JSON_OFF) {
		all = value_new_object();
		list = value_new_array();
		value_add(all, "files", list);
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

int verb_cat_config(const struct ctl *ctl, int argc, char **argv)
{
	struct value *state;
	int status = call_daemon(ctl, CALL_INTERFACE ".GetStatus", NULL, false, &state);

	(void)argc;
	(void)argv;
	if (status != CTL_OK)
		return status;
	status = show_files(ctl, value_get(value_get(state, "daemon"), "configurationFiles"));
	value_free(state);
	return status;
}

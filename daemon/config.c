/* SPDX-License-Identifier: MIT */
/*
 * Files into one configuration; what can be set is setting.c's.
 *
 * inih parses, but through a reader of lines that is ours, because its own has traps: it gives no
 * line numbers as Debian builds it, silently splits lines of more than INI_MAX_LINE bytes in two,
 * takes an indented line for more of the value above it, and stops at a NUL.
 */
#include "daemon/config.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <ini.h>

#include "daemon/log.h"
#include "daemon/setting.h"

const char *const config_dirs[] = {
	"/etc/vdsotimed",
	"/run/vdsotimed",
	"/usr/local/lib/vdsotimed",
	"/usr/lib/vdsotimed",
	NULL,
};

#define MS UINT64_C(1000000)

/* A configuration in the making. */
struct loader {
	struct config config;
	struct server_refused_configuration *refused;
	bool failed;
	const char *path; /* being read */
	FILE *stream;
	uint32_t line; /* of it, from 1 */
};

static void __attribute__((format(printf, 2, 3))) refuse(struct loader *l, const char *format, ...)
{
	struct server_refused_configuration here = { .line = l->line };
	va_list args;

	va_start(args, format);
	vsnprintf(here.message, sizeof(here.message), format, args);
	va_end(args);
	if (l->path)
		snprintf(here.file, sizeof(here.file), "%s", l->path);

	if (here.line)
		log_error("%s:%" PRIu32 ": %s", here.file, here.line, here.message);
	else if (l->path)
		log_error("%s: %s", here.file, here.message);
	else
		log_error("configuration: %s", here.message);
	if (!l->failed)
		*l->refused = here;
	l->failed = true;
}

void config_default(struct config *ret)
{
	*ret = (struct config){
		.keeper = {
			.period_ns = 100 * MS,
			.fast_period_ns = 10 * MS,
			.max_drift_ppb = 50000,
			.max_slew_ppb = 100000000,
			.counter = KEEPER_COUNTER_AUTO,
		},
		.server = SERVER_OPTIONS_DEFAULT,
		.log_level = LEVEL_INFO,
	};
}

/* text for that setting, by the line that is being read. */
static void take(struct loader *l, const struct setting *s, const char *text)
{
	struct config defaults;
	char expected[160];
	uint64_t value;

	config_default(&defaults);
	value = setting_get(s, &defaults);
	if (*text && setting_parse(s, text, &value) < 0) {
		setting_expected(s, expected);
		refuse(l, "%s=%s: expected %s", s->name, text, expected);
		return;
	}
	setting_set(s, &l->config, value);
	l->config.origins[s - settings] = (struct config_origin){
		.file = *text ? l->path : NULL,
		.line = *text ? l->line : 0,
	};
}

/* Called by inih for each assignment.  What it returns is not looked at: refuse() has noted it. */
static int assign(void *data, const char *section, const char *name, const char *text)
{
	struct loader *l = data;
	bool section_known;
	const struct setting *s = setting_find(section, name, &section_known);

	if (s)
		take(l, s, text);
	else if (section_known)
		log_warning("%s:%" PRIu32 ": unknown setting %s in section [%s], ignored", l->path,
			l->line, name, section);
	else if (*section)
		log_warning("%s:%" PRIu32 ": setting %s in unknown section [%s], ignored", l->path,
			l->line, name, section);
	else
		log_warning("%s:%" PRIu32 ": setting %s before any [section], ignored", l->path,
			l->line, name);
	return 1;
}

/*
 * inih takes more than is documented: `Setting: value`, a nameless `=value`, and it drops what
 * stands behind a section.  Is this line none of these?
 */
static bool is_plain(const char *line)
{
	const char *end = line + strcspn(line, "=:");

	if (line[0] == 0 || line[0] == '#' || line[0] == ';')
		return true;
	if (line[0] == '[') {
		const char *rest = strchr(line, ']');

		rest = rest ? rest + 1 + strspn(rest + 1, " \t\r") : "?";
		return *rest == 0 || *rest == '#' || *rest == ';';
	}
	return end > line && *end == '=';
}

/*
 * What fgets() would do, for inih: but every call is one line, without the blanks that it begins
 * with.  A line that cannot be taken whole is refused and stands as an empty one.
 */
static char *next_line(char *line, int size_bytes, void *data)
{
	struct loader *l = data;
	int n = 0, c = getc(l->stream);
	bool nul = false, cut = false;

	if (c == EOF)
		return NULL;
	l->line++;
	for (; c != EOF && c != '\n'; c = getc(l->stream)) {
		if (c == 0)
			nul = true;
		else if (n == size_bytes - 1)
			cut = true;
		else if (n > 0 || !isspace(c))
			line[n++] = (char)c;
	}
	line[n] = 0;
	if (nul)
		refuse(l, "has a NUL byte: this is no text");
	else if (cut)
		refuse(l, "longer than %d bytes", size_bytes - 1);
	else if (!is_plain(line))
		refuse(l, "neither [Section] nor Setting=value");
	else
		return line;
	line[0] = 0;
	return line;
}

/* A regular file, or /dev/null; nothing that could keep us waiting. */
static int open_file(const char *path, FILE **ret)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;

	if (fd < 0)
		return -errno;
	FILE *f = NULL;
	int r = 0;
	if (fstat(fd, &st) < 0)
		r = -errno;
	else if (S_ISDIR(st.st_mode))
		r = -EISDIR;
	else if (!S_ISREG(st.st_mode) &&
		 !(S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3))) /* /dev/null */
		r = -EINVAL;
	else if (!(f = fdopen(fd, "re")))
		r = -errno;
	if (r < 0) {
		close(fd);
		return r;
	}
	*ret = f;
	return 0;
}

static int read_file(struct loader *l, const char *path)
{
	l->path = path;
	l->line = 0;
	int r = open_file(path, &l->stream);
	if (r < 0) {
		refuse(l, "%s", r == -EINVAL ? "Not a regular file" : strerror(-r));
		return r;
	}

	r = ini_parse_stream(next_line, l, assign, l);
	bool broken = ferror(l->stream);
	fclose(l->stream);
	/* inih counts its lines by the reader's calls, as we do. */
	l->line = broken || r < 0 ? 0 : (uint32_t)r;
	if (broken || r < 0) {
		r = r < 0 ? -ENOMEM : -EIO;
		refuse(l, "%s", strerror(-r));
		return r;
	}
	if (r > 0)
		refuse(l, "neither [Section] nor Setting=value");
	return 0;
}

static const struct setting *known_setting(const char *section, const char *name)
{
	bool section_known;

	return setting_find(section, name, &section_known);
}

/* Where the later of two settings was made; one of them was, as the defaults fit together. */
static struct config_origin later_origin(
	const struct loader *l, const struct setting *a, const struct setting *b)
{
	const struct config_origin *first = &l->config.origins[a - settings];
	const struct config_origin *second = &l->config.origins[b - settings];
	const struct config_files *files = &l->config.files;

	if (!first->file || !second->file)
		return first->file ? *first : *second;
	if (first->file == second->file)
		return first->line > second->line ? *first : *second;
	for (size_t i = files->count; i > 0; i--) {
		if (files->paths[i - 1] == first->file)
			return *first;
		if (files->paths[i - 1] == second->file)
			break;
	}
	return *second;
}

/* Two settings that do not fit together: refused where the later was made. */
static void refuse_pair(
	struct loader *l, const struct setting *a, const char *relation, const struct setting *b)
{
	struct config_origin origin = later_origin(l, a, b);
	char value_a[32], value_b[32];

	setting_format(a, setting_get(a, &l->config), value_a, sizeof(value_a));
	setting_format(b, setting_get(b, &l->config), value_b, sizeof(value_b));
	l->path = origin.file;
	l->line = origin.line;
	refuse(l, "%s=%s must %s %s=%s", a->name, value_a, relation, b->name, value_b);
}

static void check_whole(struct loader *l)
{
	const struct config *c = &l->config;

	if (c->keeper.fast_period_ns > c->keeper.period_ns)
		refuse_pair(l, known_setting("Time", "FastPeriod"), "not be longer than",
			known_setting("Time", "Period"));
	if (c->server.peers_reserved >= c->server.peers_max)
		refuse_pair(l, known_setting("Socket", "ReservedPeers"), "be less than",
			known_setting("Socket", "MaxPeers"));
}

static int find_files(struct loader *l, const char *const *dirs, const char *file)
{
	char bad[256] = "";
	struct config_files *files = &l->config.files;
	int r = file ? config_files_single(files, file)
		     : config_files_find(files, dirs ? dirs : config_dirs, bad);

	if (r < 0) {
		l->path = bad[0] ? bad : NULL;
		if (r == -E2BIG)
			refuse(l, "More than %d files", CONFIG_FILES_MAX);
		else
			refuse(l, "%s", strerror(-r));
		l->path = NULL;
	}
	return r;
}

int config_load(struct config *ret, const char *const *dirs, const char *file,
	struct server_refused_configuration *ret_refused)
{
	struct loader l = { .refused = ret_refused };

	config_default(&l.config);
	int r = find_files(&l, dirs, file);
	for (size_t i = 0; r == 0 && i < l.config.files.count; i++)
		r = read_file(&l, l.config.files.paths[i]);
	if (r == 0 && !l.failed)
		check_whole(&l);
	if (r == 0 && l.failed)
		r = -EINVAL;
	if (r < 0) {
		config_deinit(&l.config);
		return r;
	}
	config_deinit(ret);
	*ret = l.config;
	return 0;
}

bool config_setting(const struct config *c, const struct config *in_force, size_t number,
	struct server_setting *ret)
{
	const struct setting *s = &settings[number];
	uint64_t value = s->name ? setting_get(s, in_force) : 0;

	if (!s->name)
		return false;
	*ret = (struct server_setting){
		.section = s->section,
		.name = s->name,
		.file = c->origins[number].file,
		.line = c->origins[number].line,
	};
	setting_format(s, value, ret->value, sizeof(ret->value));
	ret->origin = ret->file ? SERVER_SETTING_FILE : SERVER_SETTING_DEFAULT;
	if (setting_get(s, c) != value) {
		setting_format(s, setting_get(s, c), ret->configured, sizeof(ret->configured));
		ret->origin = SERVER_SETTING_START;
	}
	return true;
}

void config_deinit(struct config *c)
{
	config_files_deinit(&c->files);
}

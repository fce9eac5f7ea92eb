/* SPDX-License-Identifier: MIT */
/*
 * Any bytes as configuration files, separated by bytes of 0xff: the main file, then drop-ins.
 *
 * What is refused says where and leaves the configuration that was in force; what is accepted is
 * within its limits, means the same when it is written out and read again, and the same as all the
 * files as one.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/config.h"
#include "daemon/log.h"
#include "tests/fuzz/fuzz.h"

#define SEPARATOR 0xff
#define FILES 4

/* Two directories, the files in them, and a file of all that stands in those. */
static char folder[64];
static char high[80];
static char low[80];
static int files[FILES + 1];
static char sum[32];
static unsigned int errors; /* that were logged */

static void promise(bool kept)
{
	if (!kept)
		abort();
}

static int count_errors(const struct log_record *record)
{
	errors += record->level == LEVEL_ERROR;
	return 0;
}

/* The files are links to memory: a run only writes there. */
static const char *const links[FILES] = {
	"low/vdsotimed.conf",
	"low/vdsotimed.conf.d/10.conf",
	"high/vdsotimed.conf.d/20.conf",
	"low/vdsotimed.conf.d/30.conf",
};

static void clean_up(void)
{
	char path[160];

	for (int i = 0; i < FILES; i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, links[i]);
		unlink(path);
	}
	snprintf(path, sizeof(path), "%s/vdsotimed.conf.d", high);
	rmdir(path);
	snprintf(path, sizeof(path), "%s/vdsotimed.conf.d", low);
	rmdir(path);
	rmdir(high);
	rmdir(low);
	rmdir(folder);
}

static void start(void)
{
	char path[160];
	char to[32];

	strcpy(folder, "/tmp/fuzz-config-XXXXXX");
	promise(mkdtemp(folder) != NULL);
	atexit(clean_up);
	snprintf(high, sizeof(high), "%s/high", folder);
	snprintf(low, sizeof(low), "%s/low", folder);
	promise(mkdir(high, 0700) == 0 && mkdir(low, 0700) == 0);
	snprintf(path, sizeof(path), "%s/vdsotimed.conf.d", high);
	promise(mkdir(path, 0700) == 0);
	snprintf(path, sizeof(path), "%s/vdsotimed.conf.d", low);
	promise(mkdir(path, 0700) == 0);
	for (int i = 0; i <= FILES; i++) {
		files[i] = memfd_create("config", MFD_CLOEXEC);
		promise(files[i] >= 0);
		snprintf(to, sizeof(to), "/proc/self/fd/%d", files[i]);
		if (i == FILES) {
			strcpy(sum, to);
			continue;
		}
		snprintf(path, sizeof(path), "%s/%s", folder, links[i]);
		promise(symlink(to, path) == 0);
	}
	log_set_sink(count_errors);
}

static void write_file(int fd, const void *data, size_t bytes, off_t at)
{
	promise(pwrite(fd, data, bytes, at) == (ssize_t)bytes);
	promise(ftruncate(fd, at + (off_t)bytes) == 0);
}

/* Spread data over the files, and into their sum: none of them goes on in another's section. */
static void write_files(const uint8_t *data, size_t bytes)
{
	const uint8_t *end = data + bytes;
	off_t at = 0;

	for (int i = 0; i < FILES; i++) {
		const uint8_t *stop =
			i < FILES - 1 ? memchr(data, SEPARATOR, (size_t)(end - data)) : NULL;
		size_t n = (size_t)((stop != NULL ? stop : end) - data);

		write_file(files[i], data, n, 0);
		write_file(files[FILES], data, n, at);
		write_file(files[FILES], "\n[]\n", 4, at + (off_t)n);
		at += (off_t)n + 4;
		data = stop != NULL ? stop + 1 : end;
	}
}

/* Same settings; where they were made may differ. */
static bool means_the_same(const struct config *a, const struct config *b)
{
	struct server_setting one;
	struct server_setting other;

	for (size_t i = 0; config_setting(a, a, i, &one); i++) {
		promise(config_setting(b, b, i, &other));
		if (strcmp(one.value, other.value) != 0)
			return false;
	}
	return true;
}

static void promise_limits(const struct config *c)
{
	promise(c->keeper.period_ns >= 10000000 && c->keeper.period_ns <= 1000000000);
	promise(c->keeper.fast_period_ns >= 1000000);
	promise(c->keeper.fast_period_ns <= c->keeper.period_ns);
	promise(c->server.peers_max >= 8 && c->server.peers_max <= 65536);
	promise(c->server.peers_reserved < c->server.peers_max);
	promise(c->server.peers_per_user_max >= 1 && c->server.subscriptions_max >= 1);
	promise(c->server.frame_timeout_ns > 0 && c->server.stall_timeout_ns > 0);
	promise(c->log_level >= LEVEL_ERROR && c->log_level <= LEVEL_DEBUG);
}

/* As vdsotimed.conf(5) would have it. */
static void write_out(const struct config *c)
{
	struct server_setting setting;
	char text[4096];
	size_t used = 0;

	for (size_t i = 0; config_setting(c, c, i, &setting); i++) {
		promise(setting.configured[0] == '\0');
		promise((setting.file != NULL) == (setting.line > 0));
		used += (size_t)snprintf(&text[used], sizeof(text) - used, "[%s]\n%s=%s\n",
			setting.section, setting.name, setting.value);
		promise(used < sizeof(text));
	}
	write_file(files[FILES], text, used, 0);
}

/* What is at fault is a line of a file, or the whole. */
static void promise_told(const struct server_refused_configuration *refused)
{
	promise(errors > 0 && refused->message[0] != '\0');
	promise((refused->file[0] != '\0') == (refused->line > 0));
	promise(refused->line > 0 || strstr(refused->message, "must ") != NULL);
}

/* *c is what was in force; file NULL: of the two directories. */
static int load(struct config *c, const char *file)
{
	const char *const dirs[] = { high, low, NULL };
	struct server_refused_configuration refused = { .line = 0 };
	struct config before = *c;
	int r;

	errors = 0;
	r = config_load(c, dirs, file, &refused);
	promise(r == 0 || r == -EINVAL);
	if (r == 0) {
		promise(errors == 0);
		promise_limits(c);
	} else {
		promise(memcmp(&before, c, sizeof(before)) == 0);
		promise_told(&refused);
	}
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	static struct config in_force = CONFIG_NULL;
	struct config whole = CONFIG_NULL;
	int r;

	if (folder[0] == '\0')
		start();
	write_files(data, bytes);
	r = load(&in_force, NULL);
	/* inih passes over a byte order mark, which only a file's first line can have. */
	if (memmem(data, bytes, "\xef\xbb\xbf", 3) == NULL) {
		promise(load(&whole, sum) == r);
		promise(r < 0 || means_the_same(&in_force, &whole));
	}
	if (r == 0) {
		write_out(&in_force);
		promise(load(&whole, sum) == 0 && means_the_same(&in_force, &whole));
	}
	config_deinit(&whole);
	return 0;
}

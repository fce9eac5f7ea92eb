/* SPDX-License-Identifier: MIT */
#include "tests/guest/kernel.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timex.h>
#include <unistd.h>

#define RTC "/sys/class/rtc/rtc0/since_epoch"

static bool refused;

static void note_failure(const char *what, const char *why)
{
	fprintf(stderr, "witness: %s: %s\n", what, why);
	refused = true;
}

int64_t kernel_ns(clockid_t id)
{
	struct timespec now = { 0 };

	clock_gettime(id, &now);
	return now.tv_sec * NSEC_PER_SEC + now.tv_nsec;
}

static void read_line(const char *path, char *line, size_t bytes)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, line, bytes - 1);

	if (n < 0)
		note_failure(path, strerror(errno));
	if (fd >= 0)
		close(fd);
	line[n < 0 ? 0 : n] = '\0';
	line[strcspn(line, "\n")] = '\0';
}

int64_t kernel_rtc_s(void)
{
	char line[32];

	read_line(RTC, line, sizeof(line));
	return strtoll(line, NULL, 10);
}

void kernel_sleep_ms(int64_t ms)
{
	const struct timespec pause = { ms / 1000, ms % 1000 * NSEC_PER_MSEC };

	nanosleep(&pause, NULL);
}

void kernel_set_realtime(int64_t ns)
{
	const struct timespec to = { ns / NSEC_PER_SEC, ns % NSEC_PER_SEC };

	if (clock_settime(CLOCK_REALTIME, &to) < 0)
		note_failure("clock_settime", strerror(errno));
}

void kernel_adjust(unsigned int modes, long rate, int status)
{
	struct timex t = { .modes = modes, .freq = rate, .tick = rate, .status = status };

	if (adjtimex(&t) < 0)
		note_failure("adjtimex", strerror(errno));
}

void kernel_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		note_failure(path, strerror(errno));
	if (fd >= 0)
		close(fd);
}

void kernel_expect(const char *path, const char *text)
{
	char line[256];

	read_line(path, line, sizeof(line));
	if (strcmp(line, text) != 0)
		note_failure(path, line);
}

bool kernel_refused(void)
{
	bool was = refused;

	refused = false;
	return was;
}

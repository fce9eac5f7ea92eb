/* SPDX-License-Identifier: MIT */
/*
 * What verbs ask of the parsed command line, and how they speak: see ctl.h.
 */
#include "client/ctl/ctl.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

static const struct ctl_given *find(const struct ctl *ctl, const char *name)
{
	for (size_t i = ctl->n_given; i > 0; i--) {
		if (strcmp(ctl->given[i - 1].name, name) == 0)
			return &ctl->given[i - 1];
	}
	return NULL;
}

const char *ctl_option(const struct ctl *ctl, const char *name)
{
	const struct ctl_given *given = find(ctl, name);

	return given ? given->value : NULL;
}

bool ctl_has_option(const struct ctl *ctl, const char *name)
{
	return find(ctl, name) != NULL;
}

void ctl_error(const struct ctl *ctl, const char *format, ...)
{
	va_list args;

	fputs("vdsotimectl: ", ctl->err);
	va_start(args, format);
	vfprintf(ctl->err, format, args);
	va_end(args);
	fputc('\n', ctl->err);
}

void ctl_out_of_memory(void)
{
	fputs("vdsotimectl: out of memory\n", stderr);
	exit(CTL_FAILURE);
}

int ctl_flush(const struct ctl *ctl)
{
	/* ferror() tells of an earlier failure, whose errno is gone. */
	bool earlier = ferror(ctl->out);

	errno = 0;
	if (fflush(ctl->out) == 0 && !earlier)
		return CTL_OK;
	ctl_error(ctl, "cannot write the result: %s", errno ? strerror(errno) : "write error");
	clearerr(ctl->out);
	return CTL_FAILURE;
}

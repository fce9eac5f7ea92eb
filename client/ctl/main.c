/* SPDX-License-Identifier: MIT */
/*
 * vdsotimectl: wiring.  Parse, run the verb, and see that its result has been written.
 */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/ctl/args.h"

static struct args_env environment(void)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

	return (struct args_env){
		.no_color = (no_color && *no_color) || (term && strcmp(term, "dumb") == 0),
		.out_is_terminal = isatty(STDOUT_FILENO),
	};
}

/*
 * Where the caller has closed one of the three, the next file opened here would take its place, and
 * be written to.  What stands in cannot be written, so that a lost result is still told.
 */
static int hold_standard_descriptors(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		/* The lowest free number is fd, as those below are taken. */
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDONLY) != fd)
			return -1;
	}
	return 0;
}

static char buffer[1 << 16];

int main(int argc, char **argv)
{
	struct args_env env = environment();
	struct ctl ctl = { .out = stdout, .err = stderr };
	struct args args;
	int status;

	if (hold_standard_descriptors() < 0)
		return CTL_FAILURE;
	/* A result is written in one go, at the end: so that it can be told why it could not be. */
	setvbuf(stdout, buffer, _IOFBF, sizeof(buffer));
	status = args_parse(&ctl, &env, argc, argv, &args);
	if (status != CTL_OK)
		return status;
	if (args.version)
		fputs("vdsotimectl " VDSOTIME_VERSION "\n", stdout);
	else
		status = args.verb->run(&ctl, args.argc, args.argv);
	return ctl_flush(&ctl) == CTL_OK ? status : CTL_FAILURE;
}

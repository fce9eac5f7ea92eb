/* SPDX-License-Identifier: MIT */
/*
 * vdsotimectl: wiring.  Parse, run the verb, and see that its result has been written.
 */
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

int main(int argc, char **argv)
{
	struct args_env env = environment();
	struct ctl ctl = { .out = stdout, .err = stderr };
	struct args args;
	int status = args_parse(&ctl, &env, argc, argv, &args);

	if (status != CTL_OK)
		return status;
	if (args.version)
		fputs("vdsotimectl " VDSOTIME_VERSION "\n", stdout);
	else if (args.verb)
		status = args.verb->run(&ctl, args.argc, args.argv);
	else
		status = verb_help(&ctl, 0, args.argv);
	if (ctl_flush(&ctl) != CTL_OK && status == CTL_OK)
		status = CTL_FAILURE;
	return status;
}

/* SPDX-License-Identifier: MIT */
#include "daemon/args.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

static const char usage[] =
	"vdsotimed [OPTION...]\n"
	"\n"
	"Serve the kernel's clocks on a shared page and two sockets.\n"
	"\n"
	"  --runtime-dir=DIR   where the sockets are (/run/vdsotimed)\n"
	"  --config=FILE       read this file alone\n"
	"  --check-config      tell what is wrong with the configuration, and leave\n"
	"  --log-level=LEVEL   error, warning, notice, info, debug\n"
	"  --help              show this\n"
	"  --version           show the version\n"
	"\n"
	"See vdsotimed(8) and vdsotimed.conf(5).\n";

enum { RUNTIME_DIR = 256, CONFIG, CHECK_CONFIG, LOG_LEVEL, HELP, VERSION };

static const struct option options[] = {
	{ "runtime-dir", required_argument, NULL, RUNTIME_DIR },
	{ "config", required_argument, NULL, CONFIG },
	{ "check-config", no_argument, NULL, CHECK_CONFIG },
	{ "log-level", required_argument, NULL, LOG_LEVEL },
	{ "help", no_argument, NULL, HELP },
	{ "version", no_argument, NULL, VERSION },
	{ NULL, 0, NULL, 0 },
};

static int leave(int code, int *ret_exit)
{
	if (code == EXIT_USAGE)
		fputs("Try `vdsotimed --help`.\n", stderr);
	*ret_exit = code;
	return -ECANCELED;
}

int args_parse(int argc, char **argv, struct args *ret, int *ret_exit)
{
	struct args args = { .runtime_dir = NULL };

	for (int c; (c = getopt_long(argc, argv, "", options, NULL)) >= 0;) {
		switch (c) {
		case RUNTIME_DIR:
		case CONFIG:
			/* from a variable that is not set, say: not the default without a word */
			if (!*optarg) {
				fprintf(stderr, "vdsotimed: %s names nothing\n", argv[optind - 1]);
				return leave(EXIT_USAGE, ret_exit);
			}
			if (c == RUNTIME_DIR)
				args.runtime_dir = optarg;
			else
				args.config = optarg;
			break;
		case CHECK_CONFIG:
			args.check_config = true;
			break;
		case LOG_LEVEL:
			if (log_level_parse(optarg, &args.log_level) < 0) {
				fprintf(stderr, "vdsotimed: --log-level=%s: no such level\n",
					optarg);
				return leave(EXIT_USAGE, ret_exit);
			}
			args.has_log_level = true;
			break;
		case HELP:
			fputs(usage, stdout);
			return leave(EXIT_SUCCESS, ret_exit);
		case VERSION:
			puts("vdsotimed " VDSOTIME_VERSION);
			return leave(EXIT_SUCCESS, ret_exit);
		default: /* getopt_long() has told */
			return leave(EXIT_USAGE, ret_exit);
		}
	}
	if (optind < argc) {
		fprintf(stderr, "vdsotimed: argument %s is not understood\n", argv[optind]);
		return leave(EXIT_USAGE, ret_exit);
	}
	*ret = args;
	return 0;
}

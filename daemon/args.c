/* SPDX-License-Identifier: MIT */
#include "daemon/args.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
	"vdsotimed [OPTION...]\n"
	"\n"
	"Serve the kernel's clocks on a shared page and two sockets.\n"
	"\n"
	"  --runtime-dir=DIR   where the sockets are (/run/vdsotimed)\n"
	"  --config=FILE       read this file alone\n"
	"  --check-config      tell what is wrong with the configuration, and exit\n"
	"  --log-level=LEVEL   error, warning, notice, info, debug\n"
	"  -h, --help          show this\n"
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

/* Text for stdout that must arrive. */
static int print(const char *text, int *ret_exit)
{
	if (fputs(text, stdout) < 0 || fflush(stdout) != 0) {
		fprintf(stderr, "vdsotimed: cannot write: %s\n", strerror(errno));
		return leave(EXIT_FAILURE, ret_exit);
	}
	return leave(EXIT_SUCCESS, ret_exit);
}

/*
 * getopt_long() takes any unambiguous beginning for a long option: scripts that rely on one break
 * with the next option, so only whole names are taken.
 */
static bool is_whole(char **argv, const struct option *option)
{
	/* the word that held the option; a separate value lies behind it */
	const char *word = argv[optarg == argv[optind - 1] ? optind - 2 : optind - 1];
	size_t bytes = strlen(option->name);

	if (strncmp(word + 2, option->name, bytes) == 0)
		return true;
	fprintf(stderr, "vdsotimed: unknown option %s (did you mean --%s?)\n", word, option->name);
	return false;
}

int args_parse(int argc, char **argv, struct args *ret, int *ret_exit)
{
	struct args args = { .runtime_dir = NULL };

	for (int c, i = -1; (c = getopt_long(argc, argv, "h", options, &i)) >= 0; i = -1) {
		if (i >= 0 && !is_whole(argv, &options[i]))
			return leave(EXIT_USAGE, ret_exit);
		switch (c) {
		case RUNTIME_DIR:
		case CONFIG:
			/* from a variable that is not set, say: not the default without a word */
			if (!*optarg) {
				fprintf(stderr, "vdsotimed: --%s= names nothing\n",
					options[i].name);
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
		case 'h':
			return print(usage, ret_exit);
		case VERSION:
			return print("vdsotimed " VDSOTIME_VERSION "\n", ret_exit);
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

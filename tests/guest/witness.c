/* SPDX-License-Identifier: MIT */
/*
 * The witness: inside a machine of its own, where the clocks may be disturbed at will, it disturbs
 * them and reads the page meanwhile.
 *
 *     witness SCENARIO...
 *
 * One TAP line for each scenario: verdict.h tells what is judged in all of them, each scenario what
 * else; the figures behind the # are there to be read.  Some need a hand from outside; for those a
 * line "HOST what" asks.
 *
 * The one thing a reader would get wrong: the limits are of the guest's own time.  Where the
 * emulator counts instructions (see guest.py) a busy host does not show in it; elsewhere a CPU may
 * be held up at any time, so that how soon a step is followed is not judged there.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <vdsotime/client.h>

#include "tests/guest/kernel.h"
#include "tests/guest/scenario.h"
#include "tests/guest/tally.h"
#include "tests/guest/verdict.h"

static const struct {
	const char *name;
	void (*run)(void);
} scenarios[] = {
	{ "rest", scenario_rest },
	{ "still", scenario_still },
	{ "steps", scenario_steps },
	{ "crowd", scenario_crowd },
	{ "insert", scenario_insert },
	{ "delete", scenario_delete },
	{ "frequency", scenario_frequency },
	{ "tick", scenario_tick },
	{ "clocksource", scenario_clocksource },
	{ "era", scenario_era },
	{ "lost", scenario_lost },
	{ "off", scenario_off },
	{ "suspend", scenario_suspend },
	{ "pause", scenario_pause },
	{ "rewind", scenario_rewind },
	{ "stall", scenario_stall },
	{ "cpu", scenario_cpu },
	{ "race", scenario_race },
	{ "ratio", scenario_ratio },
};

static int run_scenario(const char *name)
{
	for (size_t i = 0; i < sizeof(scenarios) / sizeof(scenarios[0]); i++) {
		if (strcmp(scenarios[i].name, name) != 0)
			continue;
		scenarios[i].run();
		return 0;
	}
	fprintf(stderr, "witness: no scenario %s\n", name);
	return 2;
}

/* The daemon starts beside this program, and where there is no counter its page stays off. */
static int attach(void)
{
	int r = -ENOENT;

	for (int i = 0; i < 100 && r < 0; i++) {
		r = vdsotime_attach(&verdict_handle, NULL, 0);
		if (r < 0)
			kernel_sleep_ms(50);
	}
	return r < 0 ? vdsotime_attach(&verdict_handle, NULL, VDSOTIME_FALLBACK) : 0;
}

int main(int argc, char **argv)
{
	int r = attach();

	if (r == 0)
		r = tally_start(verdict_handle);
	if (r < 0) {
		fprintf(stderr, "witness: cannot start: %s\n", strerror(-r));
		return 1;
	}
	/* past the first moments of the daemon */
	kernel_sleep_ms(4000);
	printf("1..%d\n", argc - 1);
	for (int i = 1; i < argc && r == 0; i++)
		r = run_scenario(argv[i]);
	printf("DONE\n");
	return r;
}

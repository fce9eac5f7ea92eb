/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>

#include "daemon/config.h"
#include "daemon/log.h"
#include "tests/unit/scratch.h"

static char logged[8192];

static int catch_record(const struct log_record *record)
{
	size_t used = strlen(logged);

	snprintf(logged + used, sizeof(logged) - used, "<%d>%s\n", (int)record->level,
		record->message);
	return 0;
}

static int setup(void **state)
{
	logged[0] = 0;
	log_set_sink(catch_record);
	return scratch_setup(state);
}

static struct config config = CONFIG_NULL;
static struct server_refused_configuration refused;

static int load_text(const char *text)
{
	config_deinit(&config);
	return config_load(&config, NULL, scratch_write("a.conf", text), &refused);
}

static void assert_default(const struct config *c)
{
	struct config defaults;

	config_default(&defaults);
	assert_int_equal(c->keeper.period_ns, defaults.keeper.period_ns);
	assert_int_equal(c->keeper.fast_period_ns, defaults.keeper.fast_period_ns);
	assert_int_equal(c->keeper.max_drift_ppb, defaults.keeper.max_drift_ppb);
	assert_int_equal(c->keeper.max_slew_ppb, defaults.keeper.max_slew_ppb);
	assert_int_equal(c->chrony_port, 0);
	assert_int_equal(c->keeper.counter, defaults.keeper.counter);
	assert_memory_equal(&c->server, &defaults.server, sizeof(defaults.server));
	assert_int_equal(c->log_level, defaults.log_level);
}

static void test_empty_file_gives_defaults(void **state)
{
	(void)state;
	assert_int_equal(load_text(""), 0);
	assert_default(&config);
	assert_int_equal(config.files.count, 1);
	assert_string_equal(logged, "");
}

static void test_every_setting_is_taken(void **state)
{
	(void)state;
	assert_int_equal(load_text("# comment\n; comment\n"
				   "[Time]\n"
				   "Counter=trust\n"
				   "  Period = 200 ms\n"
				   "\tFastPeriod=5ms\r\n"
				   "MaxDrift=100ppm\n"
				   "MaxSlew=1%\n"
				   "ChronyPort=323\n"
				   "[Socket]\n"
				   "MaxPeers=100\n"
				   "MaxPeersPerUser=50\n"
				   "ReservedPeers=10\n"
				   "MaxSubscriptionsPerUser=7\n"
				   "RequestsPerUser=5000\n"
				   "BytesPerUser=128K\n"
				   "FrameTimeout=1s\n"
				   "StallTimeout=1min\n"
				   "[Log]\n"
				   "Level=debug"),
		0);
	assert_string_equal(logged, "");
	assert_int_equal(config.keeper.counter, KEEPER_COUNTER_TRUST);
	assert_int_equal(config.keeper.period_ns, 200000000);
	assert_int_equal(config.keeper.fast_period_ns, 5000000);
	assert_int_equal(config.keeper.max_drift_ppb, 100000);
	assert_int_equal(config.keeper.max_slew_ppb, 10000000);
	assert_int_equal(config.chrony_port, 323);
	assert_int_equal(config.server.peers_max, 100);
	assert_int_equal(config.server.peers_per_user_max, 50);
	assert_int_equal(config.server.peers_reserved, 10);
	assert_int_equal(config.server.subscriptions_max, 7);
	assert_int_equal(config.server.requests_per_user, 5000);
	assert_int_equal(config.server.bytes_per_user_max, 131072);
	assert_int_equal(config.server.frame_timeout_ns, 1000000000);
	assert_int_equal(config.server.stall_timeout_ns, UINT64_C(60000000000));
	assert_int_equal(config.log_level, LEVEL_DEBUG);
}

/* The file that is installed says what the defaults are: it must not lie. */
static void test_sample_states_the_defaults(void **state)
{
	char text[4096] = "", line[256];
	unsigned int count = 0;

	(void)state;
	FILE *f = fopen(SOURCE_ROOT "/daemon/vdsotimed.conf", "re");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		bool setting = line[0] == '#' && line[1] != ' ' && strchr(line, '=');
		count += setting;
		strcat(text, setting ? line + 1 : line);
	}
	fclose(f);
	assert_int_equal(load_text(text), 0);
	assert_string_equal(logged, "");
	assert_default(&config);
	assert_int_equal(count, 15);
}

static void test_empty_value_brings_the_default_back(void **state)
{
	(void)state;
	assert_int_equal(load_text("[Time]\nPeriod=200ms\nPeriod=\n"), 0);
	assert_default(&config);
}

static void test_infinity_is_no_limit(void **state)
{
	(void)state;
	assert_int_equal(load_text("[Socket]\nRequestsPerUser=5\n"), 0);
	assert_int_equal(config.server.requests_per_user, 5);
	assert_int_equal(load_text("[Socket]\nRequestsPerUser=5\nRequestsPerUser=infinity\n"), 0);
	assert_default(&config);
}

static void test_unknown_settings_are_warned_of_with_file_and_line(void **state)
{
	char expected[2048];

	(void)state;
	assert_int_equal(load_text("Early=1\n[Time]\nColour=blue\n[Elsewhere]\nPeriod=1h\n"), 0);
	assert_default(&config);
	snprintf(expected, sizeof(expected),
		"<4>%1$s:1: setting Early before any [section], ignored\n"
		"<4>%1$s:3: unknown setting Colour in section [Time], ignored\n"
		"<4>%1$s:5: setting Period in unknown section [Elsewhere], ignored\n",
		scratch_path("a.conf"));
	assert_string_equal(logged, expected);
}

static void test_bad_values_are_refused_with_file_and_line(void **state)
{
	static const struct {
		const char *text;
		unsigned int line;
		const char *message;
	} bad[] = {
		{ "[Time]\nPeriod=100\n", 2,
			"Period=100: expected a duration with its unit from 10ms to 1s" },
		{ "[Time]\nPeriod=9ms\n", 2,
			"Period=9ms: expected a duration with its unit from 10ms to 1s" },
		{ "\n\n[Time]\nPeriod=1min\n", 4,
			"Period=1min: expected a duration with its unit from 10ms to 1s" },
		{ "[Time]\nPeriod=-100ms\n", 2,
			"Period=-100ms: expected a duration with its unit from 10ms to 1s" },
		{ "[Time]\nPeriod=0x10ms\n", 2,
			"Period=0x10ms: expected a duration with its unit from 10ms to 1s" },
		{ "[Time]\nPeriod=99999999999999999999s\n", 2,
			"Period=99999999999999999999s: expected a duration with its unit "
			"from 10ms to 1s" },
		{ "[Time]\nPeriod=18446744073709551615s\n", 2,
			"Period=18446744073709551615s: expected a duration with its unit "
			"from 10ms to 1s" },
		{ "[Time]\nMaxDrift=50ms\n", 2,
			"MaxDrift=50ms: expected a rate with its unit from 1ppb to 500ppm" },
		{ "[Time]\n\nChronyPort=yes\n", 3,
			"ChronyPort=yes: expected a number from 0 to 65535" },
		{ "[Time]\nChronyPort=65536\n", 2,
			"ChronyPort=65536: expected a number from 0 to 65535" },
		{ "[Time]\nChronyPort=-1\n", 2,
			"ChronyPort=-1: expected a number from 0 to 65535" },
		{ "[Time]\nCounter=maybe\n", 2, "Counter=maybe: expected one of auto, trust, off" },
		{ "[Socket]\nMaxPeers=many\n", 2,
			"MaxPeers=many: expected a number from 8 to 65536" },
		{ "[Socket]\nMaxPeers=100k\n", 2,
			"MaxPeers=100k: expected a number from 8 to 65536" },
		{ "[Socket]\nMaxPeers=4294967304\n", 2,
			"MaxPeers=4294967304: expected a number from 8 to 65536" },
		{ "[Socket]\nRequestsPerUser=0\n", 2,
			"RequestsPerUser=0: expected a number from 1 to 10000000, or infinity" },
		{ "[Socket]\nMaxPeers=infinity\n", 2,
			"MaxPeers=infinity: expected a number from 8 to 65536" },
		{ "[Socket]\nBytesPerUser=16\n", 2,
			"BytesPerUser=16: expected a size with its unit from 64K to 4G" },
		{ "[Socket]\nBytesPerUser=5G\n", 2,
			"BytesPerUser=5G: expected a size with its unit from 64K to 4G" },
		{ "[Log]\nLevel=loud\n", 2,
			"Level=loud: expected one of error, warning, notice, info, debug" },
		{ "[Time]\nPeriod\n", 2, "neither [Section] nor Setting=value" },
		{ "[Time\n", 1, "neither [Section] nor Setting=value" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(load_text(bad[i].text), -EINVAL);
		assert_string_equal(refused.file, scratch_path("a.conf"));
		assert_string_equal(refused.message, bad[i].message);
		assert_int_equal(refused.line, bad[i].line);
	}
}

static void test_all_problems_are_logged_and_the_first_is_returned(void **state)
{
	(void)state;
	assert_int_equal(load_text("[Time]\nPeriod=1\nMaxDrift=2\n"), -EINVAL);
	assert_int_equal(refused.line, 2);
	assert_non_null(strstr(logged, ":2: Period=1: expected"));
	assert_non_null(strstr(logged, ":3: MaxDrift=2: expected"));
}

static void test_contradictions_are_refused(void **state)
{
	(void)state;
	assert_int_equal(load_text("[Time]\nPeriod=10ms\nFastPeriod=20ms\n"), -EINVAL);
	assert_string_equal(refused.message, "FastPeriod=20ms must not be longer than Period=10ms");
	assert_int_equal(load_text("[Socket]\nMaxPeers=64\n"), -EINVAL);
	assert_string_equal(refused.message, "ReservedPeers=64 must be less than MaxPeers=64");
}

/* inih would take the rest of a long line for a line of its own. */
static void test_long_lines_are_refused_not_split(void **state)
{
	char text[1024] = "[Time]\n#";

	(void)state;
	memset(text + strlen(text), 'x', 250);
	strcat(text, " Period=200ms\nMaxDrift=1ppm\n");
	assert_int_equal(load_text(text), -EINVAL);
	assert_int_equal(refused.line, 2);
	assert_non_null(strstr(refused.message, "longer than"));
}

static void test_nul_bytes_are_refused(void **state)
{
	static const char text[] = "[Time]\nPeriod=20\0"
				   "0ms\n";

	(void)state;
	scratch_write_bytes("nul.conf", text, sizeof(text) - 1);
	assert_int_equal(config_load(&config, NULL, scratch_path("nul.conf"), &refused), -EINVAL);
	assert_int_equal(refused.line, 2);
}

/* inih would take an indented line for more of the value above. */
static void test_indented_settings_are_settings(void **state)
{
	(void)state;
	assert_int_equal(load_text("[Time]\nPeriod=200ms\n    MaxDrift=1ppm\n"), 0);
	assert_int_equal(config.keeper.period_ns, 200000000);
	assert_int_equal(config.keeper.max_drift_ppb, 1000);
}

static void test_missing_file_that_was_asked_for_is_an_error(void **state)
{
	(void)state;
	assert_int_equal(config_load(&config, NULL, scratch_path("none.conf"), &refused), -ENOENT);
	assert_string_equal(refused.file, scratch_path("none.conf"));
	assert_int_equal(refused.line, 0);
	assert_string_equal(refused.message, "No such file or directory");
}

static void test_what_is_no_file_is_refused_at_once(void **state)
{
	(void)state;
	assert_int_equal(config_load(&config, NULL, scratch_dir, &refused), -EISDIR);
	assert_int_equal(mkfifo(scratch_path("fifo"), 0600), 0);
	assert_int_equal(config_load(&config, NULL, scratch_path("fifo"), &refused), -EINVAL);
	assert_string_equal(refused.message, "Not a regular file");
	/* it would never end */
	assert_int_equal(config_load(&config, NULL, "/dev/zero", &refused), -EINVAL);
	assert_int_equal(config_load(&config, NULL, "/dev/null", &refused), 0);
}

/* What inih takes beside what is documented, or leaves out without a word. */
static void test_what_is_neither_a_section_nor_a_setting_is_refused(void **state)
{
	static const char *const wrong[] = { "[Time] Period=bad", "[Time", "Period: 50ms", "=5",
		"Period" };

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		char text[64];

		snprintf(text, sizeof(text), "[Time]\n%s\n", wrong[i]);
		assert_int_equal(load_text(text), -EINVAL);
		assert_int_equal(refused.line, 2);
	}
	assert_int_equal(load_text("[Time] ; of clocks\nPeriod=50ms\n\v\n\f# none\n"), 0);
	assert_int_equal(config.keeper.period_ns, 50000000);
}

static void test_failure_leaves_the_former_configuration(void **state)
{
	(void)state;
	assert_int_equal(load_text("[Time]\nPeriod=200ms\n"), 0);
	scratch_write("b.conf", "[Time]\nPeriod=500ms\nMaxDrift=bad\n");
	assert_int_equal(config_load(&config, NULL, scratch_path("b.conf"), &refused), -EINVAL);
	assert_int_equal(config.keeper.period_ns, 200000000);
	assert_int_equal(config.files.count, 1);
	assert_string_equal(config.files.paths[0], scratch_path("a.conf"));
}

static void test_drop_ins_win_over_the_main_file(void **state)
{
	char etc[300], lib[300];
	const char *const dirs[] = { etc, lib, NULL };

	(void)state;
	snprintf(etc, sizeof(etc), "%s", scratch_path("etc"));
	snprintf(lib, sizeof(lib), "%s", scratch_path("lib"));
	scratch_write("etc/vdsotimed.conf", "[Time]\nPeriod=200ms\nMaxDrift=1ppm\n");
	scratch_write("lib/vdsotimed.conf", "[Time]\nCounter=off\n");
	scratch_write("lib/vdsotimed.conf.d/50.conf", "[Time]\nPeriod=300ms\nFastPeriod=20ms\n");
	scratch_write("etc/vdsotimed.conf.d/90.conf", "[Time]\nFastPeriod=30ms\n");
	assert_int_equal(config_load(&config, dirs, NULL, &refused), 0);
	assert_int_equal(config.keeper.counter, KEEPER_COUNTER_AUTO);
	assert_int_equal(config.keeper.max_drift_ppb, 1000);
	assert_int_equal(config.keeper.period_ns, 300000000);
	assert_int_equal(config.keeper.fast_period_ns, 30000000);
	assert_int_equal(config.files.count, 3);
}

static void test_no_file_at_all_gives_defaults(void **state)
{
	const char *const dirs[] = { "/nonexistent/a", "/nonexistent/b", NULL };

	(void)state;
	assert_int_equal(config_load(&config, dirs, NULL, &refused), 0);
	assert_default(&config);
	assert_int_equal(config.files.count, 0);
}

/* Each setting, written as it is told, makes the same configuration again. */
static void test_settings_are_told_as_they_are_written(void **state)
{
	char text[2048] = "";
	struct config told = CONFIG_NULL;
	struct server_setting s;
	size_t n;

	(void)state;
	assert_int_equal(load_text("[Time]\nPeriod=200ms\nMaxDrift=2 ppm\nCounter=off\n[Socket]\n"
				   "StallTimeout=90 s\n[Log]\nLevel=warning\n"),
		-EINVAL);
	assert_int_equal(load_text("[Time]\nPeriod=200ms\nMaxDrift=2 ppm\nCounter=off\n[Socket]\n"
				   "StallTimeout=60 s\n[Log]\nLevel=warning\n"),
		0);
	for (n = 0; config_setting(&config, &config, n, &s); n++) {
		size_t used = strlen(text);

		assert_string_equal(s.configured, "");
		snprintf(text + used, sizeof(text) - used, "[%s]\n%s=%s\n", s.section, s.name,
			s.value);
	}
	assert_int_equal(config_load(&told, NULL, scratch_write("told.conf", text), &refused), 0);
	assert_int_equal(told.keeper.period_ns, config.keeper.period_ns);
	assert_int_equal(told.keeper.fast_period_ns, config.keeper.fast_period_ns);
	assert_int_equal(told.keeper.max_drift_ppb, 2000);
	assert_int_equal(told.keeper.max_slew_ppb, config.keeper.max_slew_ppb);
	assert_int_equal(told.keeper.counter, KEEPER_COUNTER_OFF);
	assert_memory_equal(&told.server, &config.server, sizeof(config.server));
	assert_int_equal(told.log_level, LEVEL_WARNING);
	for (size_t i = 0; i < n; i++) {
		assert_true(config_setting(&told, &told, i, &s));
		assert_string_equal(s.file, scratch_path("told.conf"));
		assert_int_equal(s.line, 2 * i + 2);
	}
	config_deinit(&told);
}

static const struct server_setting *setting_named(const char *name, const struct config *in_force)
{
	static struct server_setting s;

	for (size_t n = 0; config_setting(&config, in_force, n, &s); n++) {
		if (strcmp(s.name, name) == 0)
			return &s;
	}
	fail_msg("%s is not told", name);
	return NULL;
}

static void test_settings_tell_who_made_them(void **state)
{
	char etc[300];
	const char *const dirs[] = { etc, NULL };
	const struct server_setting *s;
	struct config in_force;

	(void)state;
	snprintf(etc, sizeof(etc), "%s", scratch_path("etc"));
	scratch_write("etc/vdsotimed.conf", "[Time]\nPeriod=200ms\nMaxDrift=1ppm\nMaxSlew=1%\n");
	scratch_write("etc/vdsotimed.conf.d/9.conf", "[Time]\n\n\nPeriod=300ms\nMaxSlew=\n");
	assert_int_equal(config_load(&config, dirs, NULL, &refused), 0);
	s = setting_named("Period", &config);
	assert_string_equal(s->section, "Time");
	assert_string_equal(s->value, "300ms");
	assert_string_equal(s->file, scratch_path("etc/vdsotimed.conf.d/9.conf"));
	assert_int_equal(s->line, 4);
	assert_int_equal(s->origin, SERVER_SETTING_FILE);
	s = setting_named("MaxDrift", &config);
	assert_string_equal(s->file, scratch_path("etc/vdsotimed.conf"));
	assert_int_equal(s->line, 3);
	s = setting_named("MaxSlew", &config);
	assert_string_equal(s->value, "10%");
	assert_null(s->file);
	assert_null(setting_named("Counter", &config)->file);
	assert_int_equal(setting_named("Counter", &config)->origin, SERVER_SETTING_DEFAULT);
	/* what is written may not be in force */
	in_force = config;
	in_force.server.peers_max = 100;
	s = setting_named("MaxPeers", &in_force);
	assert_string_equal(s->value, "100");
	assert_string_equal(s->configured, "8192");
	assert_int_equal(s->origin, SERVER_SETTING_START);
}

static void test_settings_that_do_not_fit_are_refused_where_the_later_is_made(void **state)
{
	static const struct {
		const char *etc, *drop_in, *blamed;
		uint32_t line;
	} cases[] = {
		{ "[Time]\nPeriod=20ms\nFastPeriod=30ms\n", "[Time]\n", "etc/vdsotimed.conf", 3 },
		{ "[Time]\nFastPeriod=30ms\nPeriod=20ms\n", "[Time]\n", "etc/vdsotimed.conf", 3 },
		{ "[Time]\nFastPeriod=30ms\n", "[Time]\nPeriod=20ms\n",
			"etc/vdsotimed.conf.d/9.conf", 2 },
		{ "[Time]\nPeriod=20ms\n", "[Time]\nFastPeriod=30ms\n",
			"etc/vdsotimed.conf.d/9.conf", 2 },
		{ "[Time]\n[Socket]\nMaxPeers=8\n", "[Time]\n", "etc/vdsotimed.conf", 3 },
	};
	char etc[300];
	const char *const dirs[] = { etc, NULL };

	(void)state;
	snprintf(etc, sizeof(etc), "%s", scratch_path("etc"));
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		scratch_write("etc/vdsotimed.conf", cases[i].etc);
		scratch_write("etc/vdsotimed.conf.d/9.conf", cases[i].drop_in);
		assert_int_equal(config_load(&config, dirs, NULL, &refused), -EINVAL);
		assert_string_equal(refused.file, scratch_path(cases[i].blamed));
		assert_int_equal(refused.line, cases[i].line);
	}
}

static int teardown(void **state)
{
	config_deinit(&config);
	config_deinit(&config);
	return scratch_teardown(state);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_empty_file_gives_defaults),
		TEST(test_every_setting_is_taken),
		TEST(test_sample_states_the_defaults),
		TEST(test_empty_value_brings_the_default_back),
		TEST(test_infinity_is_no_limit),
		TEST(test_unknown_settings_are_warned_of_with_file_and_line),
		TEST(test_bad_values_are_refused_with_file_and_line),
		TEST(test_all_problems_are_logged_and_the_first_is_returned),
		TEST(test_contradictions_are_refused),
		TEST(test_long_lines_are_refused_not_split),
		TEST(test_nul_bytes_are_refused),
		TEST(test_indented_settings_are_settings),
		TEST(test_missing_file_that_was_asked_for_is_an_error),
		TEST(test_what_is_no_file_is_refused_at_once),
		TEST(test_what_is_neither_a_section_nor_a_setting_is_refused),
		TEST(test_failure_leaves_the_former_configuration),
		TEST(test_drop_ins_win_over_the_main_file),
		TEST(test_no_file_at_all_gives_defaults),
		TEST(test_settings_are_told_as_they_are_written),
		TEST(test_settings_tell_who_made_them),
		TEST(test_settings_that_do_not_fit_are_refused_where_the_later_is_made),
	};

	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}

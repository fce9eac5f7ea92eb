/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include <vdsotime/vdso.h>

#include "daemon/event.h"
#include "daemon/keeper.h"
#include "daemon/log.h"
#include "daemon/report.h"
#include "daemon/server.h"

static char text[4096];
static char fields[1024];
static enum log_level level;
static enum log_id id;
static unsigned int count;

static int catch_record(const struct log_record *record)
{
	size_t used = strlen(text);

	snprintf(text + used, sizeof(text) - used, "%s\n", record->message);
	fields[0] = 0;
	for (const struct log_field *f = record->fields; f && f->name; f++) {
		used = strlen(fields);
		snprintf(fields + used, sizeof(fields) - used, "%s=%s ", f->name, f->value);
	}
	level = record->level;
	id = record->id;
	count++;
	return 0;
}

static int setup(void **state)
{
	(void)state;
	text[0] = 0;
	count = 0;
	log_set_sink(catch_record);
	log_set_level(LEVEL_DEBUG);
	return 0;
}

static void test_every_event_has_its_words_and_fields(void **state)
{
	(void)state;
	for (enum event_kind kind = 0; kind < EVENT_KINDS; kind++) {
		const struct event e = { .kind = kind, .amount = -42, .epoch = 7 };
		char expected[128];
		setup(state);
		report_event(&e);
		assert_int_equal(count, 1);
		assert_non_null(strstr(text, event_text(kind)));
		snprintf(expected, sizeof(expected),
			"VDSOTIME_EVENT=%s VDSOTIME_AMOUNT=-42 VDSOTIME_EPOCH=7 ",
			event_name(kind));
		assert_string_equal(fields, expected);
	}
}

static void test_a_step_is_told_with_sign_and_unit(void **state)
{
	const struct event e = { .kind = EVENT_CLOCK_SET, .amount = 1500000000 };

	(void)state;
	report_event(&e);
	assert_string_equal(text, "REALTIME was set (+1500000000 ns)\n");
	assert_int_equal(level, LEVEL_NOTICE);
	assert_int_equal(id, LOG_ID_CLOCK_SET);
}

/*
 * A clock that is being disciplined has one every few seconds, and each a line would fill the
 * journal.
 */
static void test_rate_changes_are_for_debugging(void **state)
{
	const struct event e = { .kind = EVENT_RATE_CHANGED, .amount = 12 };

	(void)state;
	report_event(&e);
	assert_int_equal(level, LEVEL_DEBUG);
	log_set_level(LEVEL_INFO);
	report_event(&e);
	assert_int_equal(count, 1);
}

static void test_functions_are_told_with_symbol_version_and_address(void **state)
{
	struct vdsotime_vdso vdso = { .base = 0x1000, .size_bytes = 8192 };

	(void)state;
	vdso.address[VDSOTIME_CLOCK_GETTIME] = 0x1234;
	vdso.found[VDSOTIME_CLOCK_GETTIME].symbol = "__vdso_clock_gettime";
	vdso.found[VDSOTIME_CLOCK_GETTIME].version = "LINUX_2.6";
	vdso.address[VDSOTIME_TIME] = 0x1300;
	vdso.found[VDSOTIME_TIME].symbol = "__vdso_time";
	report_vdso(&vdso);
	assert_non_null(strstr(text, "vDSO at 0x1000, 8192 bytes"));
	assert_non_null(strstr(text, "clock_gettime: __vdso_clock_gettime@LINUX_2.6 at 0x1234\n"));
	assert_non_null(strstr(text, "\ntime: __vdso_time at 0x1300\n"));
	assert_non_null(strstr(text, "\ngetcpu: by system call ("));
}

static void test_no_vdso_is_a_warning(void **state)
{
	const struct vdsotime_vdso vdso = { .base = 0 };

	(void)state;
	report_vdso(&vdso);
	assert_int_equal(count, 1);
	assert_int_equal(level, LEVEL_WARNING);
	assert_int_equal(id, LOG_ID_VDSO_UNUSABLE);
}

static void test_status_line_tells_page_and_synchronisation(void **state)
{
	struct keeper_status s = {
		.page_on = true, .counter_name = "tsc", .sync = KEEPER_SYNC_CLAIMED
	};
	char line[256];

	(void)state;
	report_format_status(&s, line, sizeof(line));
	assert_string_equal(line, "Serving; page on (tsc); clock synchronised");
	s.page_on = false;
	s.counter_reason = "the kernel does not use it";
	s.sync = KEEPER_SYNC_UNKNOWN;
	report_format_status(&s, line, sizeof(line));
	assert_string_equal(
		line, "Serving; page off: the kernel does not use it; synchronisation not known");
}

static void test_refused_configuration_names_what_is_to_blame(void **state)
{
	struct server_refused_configuration refused = {
		.file = "/a.conf", .line = 3, .message = "Period=1: expected more"
	};
	char line[256];

	(void)state;
	report_format_refusal(&refused, line, sizeof(line));
	assert_string_equal(line, "/a.conf:3: Period=1: expected more");
	refused.line = 0;
	report_format_refusal(&refused, line, sizeof(line));
	assert_string_equal(line, "/a.conf: Period=1: expected more");
	refused.file[0] = 0;
	report_format_refusal(&refused, line, sizeof(line));
	assert_string_equal(line, "Period=1: expected more");
}

/* As in the reply to Reload: a status is shown on terminals. */
static void test_what_is_no_text_is_replaced_in_a_refusal(void **state)
{
	static const struct {
		const char *message;
		const char *told;
	} cases[] = {
		{ "Period=20\x1b[31m\xffms", "/a.conf: Period=20?[31m?ms" },
		{ "Period=20\nREADY=1", "/a.conf: Period=20?READY=1" },
		{ "Period=20\xc2\xb5s", "/a.conf: Period=20\xc2\xb5s" },
		{ "Period=20\xc2\xb5s\x7f", "/a.conf: Period=20??s?" },
	};
	struct server_refused_configuration refused = { .file = "/a.conf" };
	char line[64];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		strcpy(refused.message, cases[i].message);
		report_format_refusal(&refused, line, sizeof(line));
		assert_string_equal(line, cases[i].told);
	}
	strcpy(refused.file, "/\x9b.conf");
	refused.line = 3;
	report_format_refusal(&refused, line, sizeof(line));
	assert_string_equal(line, "/?.conf:3: Period=20??s?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_every_event_has_its_words_and_fields, setup),
		cmocka_unit_test_setup(test_a_step_is_told_with_sign_and_unit, setup),
		cmocka_unit_test_setup(test_rate_changes_are_for_debugging, setup),
		cmocka_unit_test_setup(
			test_functions_are_told_with_symbol_version_and_address, setup),
		cmocka_unit_test_setup(test_no_vdso_is_a_warning, setup),
		cmocka_unit_test_setup(test_refused_configuration_names_what_is_to_blame, setup),
		cmocka_unit_test_setup(test_what_is_no_text_is_replaced_in_a_refusal, setup),
		cmocka_unit_test_setup(test_status_line_tells_page_and_synchronisation, setup),
	};

	return cmocka_run_group_tests_name("report", tests, NULL, NULL);
}

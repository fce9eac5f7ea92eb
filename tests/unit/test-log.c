/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "daemon/log.h"

static char message[LOG_MESSAGE_BYTES];
static enum log_level level;
static unsigned int count;

static int catch_record(const struct log_record *record)
{
	snprintf(message, sizeof(message), "%s", record->message);
	level = record->level;
	count++;
	errno = EIO;
	return 0;
}

static int setup(void **state)
{
	(void)state;
	count = 0;
	log_set_sink(catch_record);
	log_set_level(LEVEL_INFO);
	return 0;
}

static void test_records_above_the_level_are_dropped(void **state)
{
	(void)state;
	log_debug("no");
	assert_int_equal(count, 0);
	log_info("yes %d", 1);
	assert_int_equal(count, 1);
	assert_string_equal(message, "yes 1");
	assert_int_equal(level, LEVEL_INFO);
	log_set_level(LEVEL_ERROR);
	log_warning("no");
	assert_int_equal(count, 1);
	log_error("yes");
	assert_int_equal(count, 2);
}

static void test_a_record_is_one_line_whatever_is_in_it(void **state)
{
	(void)state;
	log_info("%s", "name\n<0>forged\033[31m\177");
	assert_string_equal(message, "name?<0>forged?[31m?");
}

static void test_long_messages_are_cut(void **state)
{
	static char text[2 * LOG_MESSAGE_BYTES];

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	log_info("%s", text);
	assert_int_equal(strlen(message), LOG_MESSAGE_BYTES - 1);
}

static void test_errno_is_kept(void **state)
{
	(void)state;
	errno = ENOENT;
	log_info("text");
	assert_int_equal(errno, ENOENT);
}

static void test_level_names_are_understood(void **state)
{
	enum log_level parsed;

	(void)state;
	for (enum log_level l = LEVEL_ERROR; l <= LEVEL_DEBUG; l++) {
		assert_int_equal(log_level_parse(log_level_names[l - LEVEL_ERROR], &parsed), 0);
		assert_int_equal(parsed, l);
	}
	assert_null(log_level_names[LEVEL_DEBUG - LEVEL_ERROR + 1]);
	assert_int_equal(log_level_parse("loud", &parsed), -EINVAL);
	assert_int_equal(log_level_parse("", &parsed), -EINVAL);
}

static void test_stderr_lines_start_with_their_level(void **state)
{
	int ends[2];
	char text[64] = "";

	(void)state;
	log_set_sink(NULL);
	assert_int_equal(pipe(ends), 0);
	int saved = dup(STDERR_FILENO);
	dup2(ends[1], STDERR_FILENO);
	log_warning("careful");
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(ends[1]);
	assert_int_equal(read(ends[0], text, sizeof(text) - 1), strlen("<4>careful\n"));
	assert_string_equal(text, "<4>careful\n");
	close(ends[0]);
}

/* alarm(2) ends the test if it waits. */
static void test_a_reader_of_stderr_that_does_not_read_is_not_waited_for(void **state)
{
	static char text[1 << 17];
	int ends[2];

	(void)state;
	log_set_sink(NULL);
	assert_int_equal(pipe(ends), 0);
	int saved = dup(STDERR_FILENO);
	dup2(ends[1], STDERR_FILENO);
	alarm(10);
	for (unsigned int i = 0; i < sizeof(text); i++)
		log_warning("more");
	ssize_t n = read(ends[0], text, sizeof(text));
	log_warning("back");
	alarm(0);
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(ends[1]);
	unsigned int lost = (unsigned int)(sizeof(text) - (size_t)n / strlen("<4>more\n"));
	snprintf(message, sizeof(message), "<4>Messages lost before this one: %u\n<4>back\n", lost);
	n = read(ends[0], text, sizeof(text) - 1);
	close(ends[0]);
	assert_true(n > 0);
	text[n] = 0;
	assert_string_equal(text, message);
}

/* Each id of the journal is explained in the catalog, and nothing else is. */
static void test_catalog_explains_every_id(void **state)
{
	char line[512], found[LOG_IDS] = "";
	unsigned int entries = 0;

	(void)state;
	FILE *f = fopen(SOURCE_ROOT "/systemd/vdsotimed.catalog", "re");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		char id[33];
		if (sscanf(line, "-- %32[0-9a-f]", id) != 1)
			continue;
		entries++;
		for (enum log_id i = LOG_ID_NONE + 1; i < LOG_IDS; i++)
			if (strcmp(id, log_id_text(i)) == 0)
				found[i]++;
	}
	fclose(f);
	for (enum log_id i = LOG_ID_NONE + 1; i < LOG_IDS; i++)
		assert_int_equal(found[i], 1);
	assert_int_equal(entries, LOG_IDS - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_records_above_the_level_are_dropped, setup),
		cmocka_unit_test_setup(test_a_record_is_one_line_whatever_is_in_it, setup),
		cmocka_unit_test_setup(test_long_messages_are_cut, setup),
		cmocka_unit_test_setup(test_errno_is_kept, setup),
		cmocka_unit_test_setup(test_level_names_are_understood, setup),
		cmocka_unit_test_setup(test_stderr_lines_start_with_their_level, setup),
		cmocka_unit_test_setup(
			test_a_reader_of_stderr_that_does_not_read_is_not_waited_for, setup),
		cmocka_unit_test_setup(test_catalog_explains_every_id, setup),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}

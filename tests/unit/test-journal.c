/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "daemon/journal.h"
#include "daemon/log.h"
#include "tests/unit/scratch.h"

/* What journald would be: a datagram socket. */
static int journald = -1;

static void be_journald(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	strcpy(a.sun_path, scratch_path("socket"));
	journald = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(journald, (const struct sockaddr *)&a, sizeof(a)), 0);
}

static int setup(void **state)
{
	return scratch_setup(state);
}

static int teardown(void **state)
{
	log_set_sink(NULL);
	journal_close();
	if (journald >= 0)
		close(journald);
	journald = -1;
	return scratch_teardown(state);
}

/*
 * The next record as journald would read it: "NAME=value;NAME=value;"; "" when there is none.  Its
 * form, exactly: systemd.io/JOURNAL_NATIVE_PROTOCOL/.
 */
static const char *received(void)
{
	static char text[16384];
	char datagram[16384];
	size_t used = 0, length;
	uint64_t length_le;
	ssize_t n = recv(journald, datagram, sizeof(datagram), MSG_DONTWAIT);

	text[0] = 0;
	for (const char *at = datagram; n > 0 && at < datagram + n; at += length + 1) {
		const char *end = memchr(at, '\n', (size_t)(datagram + n - at));
		assert_non_null(end);
		memcpy(&length_le, end + 1, sizeof(length_le));
		length = le64toh(length_le);
		used += (size_t)snprintf(
			text + used, sizeof(text) - used, "%.*s=", (int)(end - at), at);
		at = end + 1 + sizeof(length_le);
		assert_true(at + length < datagram + n);
		assert_int_equal(at[length], '\n');
		used += (size_t)snprintf(
			text + used, sizeof(text) - used, "%.*s;", (int)length, at);
	}
	return text;
}

static void test_a_record_arrives_with_its_fields(void **state)
{
	const struct log_field fields[] = { { "VDSOTIME_ONE", "1" }, { "VDSOTIME_TWO", "" },
		{ NULL, NULL } };

	(void)state;
	be_journald();
	assert_int_equal(journal_open(scratch_path("socket")), 0);
	log_set_sink(journal_sink);
	log_warning("careful");
	assert_string_equal(received(), "SYSLOG_IDENTIFIER=vdsotimed;MESSAGE=careful;PRIORITY=4;");
	log_write(LEVEL_INFO, LOG_ID_STARTED, fields, "begun");
	assert_string_equal(received(),
		"SYSLOG_IDENTIFIER=vdsotimed;MESSAGE=begun;PRIORITY=6;"
		"MESSAGE_ID=aa87a40a0a644837ac857844789b8d31;VDSOTIME_ONE=1;VDSOTIME_TWO=;");
	assert_string_equal(received(), "");
}

static void test_no_value_can_be_taken_for_a_field(void **state)
{
	const struct log_field fields[] = { { "VDSOTIME_CONFIG_FILE", "a\nPRIORITY=0\n" },
		{ NULL, NULL } };

	(void)state;
	be_journald();
	assert_int_equal(journal_open(scratch_path("socket")), 0);
	assert_int_equal(journal_sink(&(struct log_record){
				 .level = LEVEL_INFO, .fields = fields, .message = "text" }),
		0);
	assert_string_equal(received(), "SYSLOG_IDENTIFIER=vdsotimed;MESSAGE=text;PRIORITY=6;"
					"VDSOTIME_CONFIG_FILE=a\nPRIORITY=0\n;");
}

static void test_long_values_are_cut_and_what_has_no_room_is_left_out(void **state)
{
	static char big[2 * LOG_MESSAGE_BYTES];
	const struct log_field fields[] = { { "A", big }, { "B", big }, { "C", big }, { "D", big },
		{ "E", "last" }, { NULL, NULL } };

	(void)state;
	memset(big, 'x', sizeof(big) - 1);
	be_journald();
	assert_int_equal(journal_open(scratch_path("socket")), 0);
	assert_int_equal(journal_sink(&(struct log_record){
				 .level = LEVEL_INFO, .fields = fields, .message = "text" }),
		0);
	const char *text = received();
	const char *c = strstr(text, ";C=");
	assert_non_null(c);
	assert_int_equal(strspn(c + 3, "x"), LOG_MESSAGE_BYTES);
	assert_null(strstr(text, ";D="));
	assert_non_null(strstr(text, ";E=last;"));
}

/* alarm(2) ends the test if it waits. */
static void test_a_journal_that_does_not_read_is_not_waited_for(void **state)
{
	const struct log_record record = { .level = LEVEL_INFO, .message = "FULL" };
	const char full[] = "SYSLOG_IDENTIFIER=vdsotimed;MESSAGE=FULL;PRIORITY=6;";
	unsigned int n = 0;
	int r;

	(void)state;
	be_journald();
	assert_int_equal(journal_open(scratch_path("socket")), 0);
	alarm(10);
	while ((r = journal_sink(&record)) == 0)
		n++;
	alarm(0);
	assert_int_equal(r, -EAGAIN);
	assert_true(n > 0);

	log_set_sink(journal_sink);
	log_info("lost");
	log_info("lost");
	while (n-- > 0)
		assert_string_equal(received(), full);
	assert_string_equal(received(), "");

	log_info("back");
	assert_string_equal(received(),
		"SYSLOG_IDENTIFIER=vdsotimed;MESSAGE=Messages lost before this one: 2;PRIORITY=4;");
	assert_string_equal(received(), "SYSLOG_IDENTIFIER=vdsotimed;MESSAGE=back;PRIORITY=6;");
	log_info("once");
	assert_string_equal(received(), "SYSLOG_IDENTIFIER=vdsotimed;MESSAGE=once;PRIORITY=6;");
}

static void test_a_journal_that_is_not_there_may_come(void **state)
{
	const struct log_record record = { .level = LEVEL_INFO, .message = "text" };

	(void)state;
	assert_int_equal(journal_open(scratch_path("socket")), 0);
	assert_int_equal(journal_sink(&record), -ENOENT);
	be_journald();
	assert_int_equal(journal_sink(&record), 0);

	/* As when its socket unit is restarted. */
	close(journald);
	assert_int_equal(journal_sink(&record), -ECONNREFUSED);
	assert_int_equal(unlink(scratch_path("socket")), 0);
	be_journald();
	assert_int_equal(journal_sink(&record), 0);
	assert_string_not_equal(received(), "");
}

static void test_wrong_use_is_refused(void **state)
{
	const struct log_record record = { .level = LEVEL_INFO, .message = "text" };
	char path[256] = "/";

	(void)state;
	journal_close();
	assert_int_equal(journal_sink(&record), -ENOTCONN);
	memset(path + 1, 'x', sizeof(path) - 2);
	assert_int_equal(journal_open(path), -ENAMETOOLONG);
	assert_int_equal(journal_sink(&record), -ENOTCONN);
	journal_close();
}

static void test_journal_is_known_by_its_inode(void **state)
{
	struct stat st;
	char stream[64];

	(void)state;
	assert_int_equal(fstat(STDERR_FILENO, &st), 0);
	unsetenv("JOURNAL_STREAM");
	assert_false(journal_is_stderr());
	snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	assert_true(journal_is_stderr());
	snprintf(stream, sizeof(stream), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino + 1);
	setenv("JOURNAL_STREAM", stream, 1);
	assert_false(journal_is_stderr());
	setenv("JOURNAL_STREAM", "nonsense", 1);
	assert_false(journal_is_stderr());
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_record_arrives_with_its_fields),
		TEST(test_no_value_can_be_taken_for_a_field),
		TEST(test_long_values_are_cut_and_what_has_no_room_is_left_out),
		TEST(test_a_journal_that_does_not_read_is_not_waited_for),
		TEST(test_a_journal_that_is_not_there_may_come),
		TEST(test_wrong_use_is_refused),
		TEST(test_journal_is_known_by_its_inode),
	};

	return cmocka_run_group_tests_name("journal", tests, NULL, NULL);
}

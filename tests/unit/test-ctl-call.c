/* SPDX-License-Identifier: MIT */
/*
 * The Varlink call, against peers of every kind: a real socket, with a thread behind it that
 * answers as each test wants it.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/ctl/call.h"
#include "client/ctl/ctl.h"
#include "client/ctl/line.h"
#include "tests/unit/varlink-peer.h"

#define SECOND_NS INT64_C(1000000000)

/* Call a peer that answers so; the caller frees *ret where the result is not negative. */
static int call_peer(const char *reply, size_t reply_bytes, size_t piece_bytes,
	char error[CALL_ERROR_BYTES], struct value **ret)
{
	struct peer p = { 0 };
	int r;

	peer_start(&p, reply, reply_bytes, piece_bytes);
	r = call_method(p.dir, "org.vdsotime.Time.GetStatus", NULL, 5 * SECOND_NS, error, ret);
	peer_stop(&p);
	assert_string_equal(p.got, "{\"method\":\"org.vdsotime.Time.GetStatus\"}");
	return r;
}

static void test_a_reply_gives_its_parameters(void **state)
{
	static const char reply[] = "{\"parameters\":{\"a\":1}}";
	char error[CALL_ERROR_BYTES];
	struct value *v;

	(void)state;
	/* Whole, and byte by byte. */
	for (size_t piece = sizeof(reply); piece > 0; piece = piece > 1 ? 1 : 0) {
		assert_int_equal(call_peer(reply, sizeof(reply), piece, error, &v), 0);
		assert_string_equal(value_text(v), "{\"a\":1}");
		value_free(v);
	}
}

static void test_a_reply_without_parameters_is_an_empty_object(void **state)
{
	static const char *const replies[] = { "{}", "{\"parameters\":{}}",
		"{\"parameters\":null}" };
	char error[CALL_ERROR_BYTES];
	struct value *v;

	(void)state;
	for (size_t i = 0; i < sizeof(replies) / sizeof(*replies); i++) {
		assert_int_equal(call_peer(replies[i], strlen(replies[i]) + 1, 100, error, &v), 0);
		assert_string_equal(value_text(v), "{}");
		value_free(v);
	}
}

static void test_an_error_reply_is_an_answer(void **state)
{
	static const char reply[] =
		"{\"error\":\"org.vdsotime.Time.NoSuchClock\",\"parameters\":{\"clock\":\"X\"}}";
	char error[CALL_ERROR_BYTES];
	struct value *v;

	(void)state;
	assert_int_equal(call_peer(reply, sizeof(reply), 100, error, &v), 1);
	assert_string_equal(error, "org.vdsotime.Time.NoSuchClock");
	assert_string_equal(value_get_string(v, "clock"), "X");
	value_free(v);
}

static void test_what_is_no_varlink_reply_is_refused(void **state)
{
	static const char *const replies[] = {
		"",
		"hello",
		"[]",
		"1",
		"null",
		"{",
		"{\"error\":1}",
		"{\"parameters\":[]}",
		"{\"parameters\":1}",
		"{} {}",
	};
	char error[CALL_ERROR_BYTES];
	struct value *v;

	(void)state;
	for (size_t i = 0; i < sizeof(replies) / sizeof(*replies); i++) {
		if (call_peer(replies[i], strlen(replies[i]) + 1, 100, error, &v) != -EPROTO)
			fail_msg("taken: %s", replies[i]);
	}
}

static void test_a_peer_that_goes_is_a_reset(void **state)
{
	char error[CALL_ERROR_BYTES];
	struct value *v;

	(void)state;
	assert_int_equal(call_peer("", 0, 1, error, &v), -ECONNRESET);
	/* Half a frame is none. */
	assert_int_equal(call_peer("{}", 2, 2, error, &v), -ECONNRESET);
}

static void test_a_reply_without_end_is_cut_off(void **state)
{
	size_t bytes = LINE_FRAME_BYTES_MAX + 1;
	char error[CALL_ERROR_BYTES];
	char *endless = malloc(bytes);
	struct value *v;

	(void)state;
	assert_non_null(endless);
	memset(endless, ' ', bytes);
	assert_int_equal(call_peer(endless, bytes, 65536, error, &v), -EMSGSIZE);
	free(endless);
}

static void test_a_peer_that_says_nothing_times_out(void **state)
{
	struct peer p = { .hangs = true };
	char error[CALL_ERROR_BYTES];
	struct value *v;

	(void)state;
	peer_start(&p, "{", 1, 1);
	assert_int_equal(call_method(p.dir, "a.B", NULL, SECOND_NS / 20, error, &v), -ETIMEDOUT);
	peer_stop(&p);
}

/* The backlog is full: connect() itself must not wait for ever. */
static void test_a_listener_that_never_accepts_times_out(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char dir[] = "/tmp/test-ctl-call-XXXXXX", error[CALL_ERROR_BYTES];
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), first;
	struct value *v;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", dir, CALL_INTERFACE);
	assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(listener, 0), 0);
	first = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(connect(first, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(call_method(dir, "a.B", NULL, SECOND_NS / 20, error, &v), -ETIMEDOUT);
	close(first);
	close(listener);
	unlink(address.sun_path);
	rmdir(dir);
}

static void test_nobody_there_is_told_apart(void **state)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char dir[] = "/tmp/test-ctl-call-XXXXXX", error[CALL_ERROR_BYTES], lengthy[200];
	int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct value *v;

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(call_method("/nonexistent", "a.B", NULL, SECOND_NS, error, &v), -ENOENT);
	assert_int_equal(call_method(dir, "a.B", NULL, SECOND_NS, error, &v), -ENOENT);
	/* A socket whose listener is gone. */
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", dir, CALL_INTERFACE);
	assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
	close(listener);
	assert_int_equal(call_method(dir, "a.B", NULL, SECOND_NS, error, &v), -ECONNREFUSED);
	unlink(address.sun_path);
	rmdir(dir);
	memset(lengthy, 'x', sizeof(lengthy));
	lengthy[sizeof(lengthy) - 1] = '\0';
	assert_int_equal(call_method(lengthy, "a.B", NULL, SECOND_NS, error, &v), -ENAMETOOLONG);
}

static void test_the_runtime_directory_is_found_by_the_librarys_rule(void **state)
{
	(void)state;
	unsetenv("VDSOTIME_RUNTIME_DIR");
	assert_string_equal(call_runtime_dir(NULL), "/run/vdsotimed");
	setenv("VDSOTIME_RUNTIME_DIR", "", 1);
	assert_string_equal(call_runtime_dir(NULL), "/run/vdsotimed");
	setenv("VDSOTIME_RUNTIME_DIR", "/elsewhere", 1);
	assert_string_equal(call_runtime_dir(NULL), "/elsewhere");
	assert_string_equal(call_runtime_dir("/given"), "/given");
	unsetenv("VDSOTIME_RUNTIME_DIR");
}

/* As verbs call: the exit code and the words for each failure. */
static void test_failures_become_exit_codes_and_words(void **state)
{
	static const struct {
		const char *reply;
		int status;
		const char *words;
	} cases[] = {
		{ "{\"parameters\":{}}", CTL_OK, "" },
		{ "{\"error\":\"a.B\",\"parameters\":{\"x\":1}}", CTL_FAILURE, "a.B {\"x\":1}" },
		{ "no", CTL_FAILURE, "does not speak Varlink" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct peer p = { 0 };
		struct ctl ctl = { .runtime_dir = p.dir };
		struct value *v = NULL;
		char *words;
		size_t bytes;

		peer_start(&p, cases[i].reply, strlen(cases[i].reply) + 1, 100);
		ctl.err = open_memstream(&words, &bytes);
		assert_int_equal(call_daemon(&ctl, "a.B", NULL, false, &v), cases[i].status);
		fclose(ctl.err);
		assert_non_null(strstr(words, cases[i].words));
		free(words);
		value_free(v);
		peer_stop(&p);
	}
}

static void test_not_running_is_told_unless_quiet(void **state)
{
	struct ctl ctl = { .runtime_dir = "/nonexistent" };
	struct value *v;
	char *words;
	size_t bytes;

	(void)state;
	ctl.err = open_memstream(&words, &bytes);
	assert_int_equal(call_daemon(&ctl, "a.B", NULL, true, &v), CTL_NOT_RUNNING);
	fflush(ctl.err);
	assert_int_equal(bytes, 0);
	assert_int_equal(call_daemon(&ctl, "a.B", NULL, false, &v), CTL_NOT_RUNNING);
	fclose(ctl.err);
	assert_non_null(strstr(words, "vdsotimed is not running: /nonexistent/" CALL_INTERFACE));
	free(words);
}

static int count_reply(const struct ctl *ctl, struct value *reply)
{
	fputs(value_text(reply), ctl->out);
	return CTL_OK;
}

static int stop_at_once(const struct ctl *ctl, struct value *reply)
{
	count_reply(ctl, reply);
	return CTL_FAILURE;
}

/* Call with more, against a peer that sends so much in pieces of piece_bytes. */
static int call_more(const char *reply, size_t bytes, size_t piece_bytes, call_reply_fn *on_reply,
	char **out, char **err)
{
	struct ctl ctl = { 0 };
	struct peer p = { 0 };
	size_t out_bytes, err_bytes;
	int status;

	peer_start(&p, reply, bytes, piece_bytes);
	ctl.runtime_dir = p.dir;
	ctl.out = open_memstream(out, &out_bytes);
	ctl.err = open_memstream(err, &err_bytes);
	status = call_daemon_more(&ctl, "a.B", NULL, on_reply);
	fclose(ctl.out);
	fclose(ctl.err);
	peer_stop(&p);
	assert_non_null(strstr(p.got, "\"more\":true"));
	return status;
}

static void test_replies_are_taken_one_by_one_until_the_last(void **state)
{
	static const char replies[] = "{\"parameters\":{\"n\":1},\"continues\":true}\0"
				      "{\"parameters\":{\"n\":2},\"continues\":true}\0"
				      "{\"parameters\":{\"n\":3}}\0"
				      "{\"parameters\":{\"n\":4}}";
	char *out, *err;

	(void)state;
	for (size_t piece_bytes = 1; piece_bytes < sizeof(replies) + 7; piece_bytes += 7) {
		assert_int_equal(
			call_more(replies, sizeof(replies), piece_bytes, count_reply, &out, &err),
			CTL_OK);
		assert_string_equal(out, "{\"n\":1}{\"n\":2}{\"n\":3}");
		free(out);
		free(err);
	}
	assert_int_equal(
		call_more(replies, sizeof(replies), 64, stop_at_once, &out, &err), CTL_FAILURE);
	assert_string_equal(out, "{\"n\":1}");
	free(out);
	free(err);
}

static void test_what_ends_replies_early_is_told(void **state)
{
	static const char error[] = "{\"parameters\":{\"n\":1},\"continues\":true}\0"
				    "{\"error\":\"a.Gone\"}";
	static const char cut[] = "{\"parameters\":{\"n\":1},\"continues\":true}\0{\"par";
	char *out, *err;

	(void)state;
	assert_int_equal(call_more(error, sizeof(error), 9, count_reply, &out, &err), CTL_FAILURE);
	assert_string_equal(out, "{\"n\":1}");
	assert_non_null(strstr(err, "a.Gone"));
	free(out);
	free(err);
	assert_int_equal(call_more(cut, sizeof(cut) - 1, 9, count_reply, &out, &err), CTL_FAILURE);
	assert_string_equal(out, "{\"n\":1}");
	assert_non_null(strstr(err, "before the last answer"));
	free(out);
	free(err);
	/* Where none came at all, that is what is told. */
	assert_int_equal(call_more("{\"par", 5, 9, count_reply, &out, &err), CTL_FAILURE);
	assert_non_null(strstr(err, "without an answer"));
	free(out);
	free(err);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_reply_gives_its_parameters),
		cmocka_unit_test(test_a_reply_without_parameters_is_an_empty_object),
		cmocka_unit_test(test_an_error_reply_is_an_answer),
		cmocka_unit_test(test_what_is_no_varlink_reply_is_refused),
		cmocka_unit_test(test_a_peer_that_goes_is_a_reset),
		cmocka_unit_test(test_a_reply_without_end_is_cut_off),
		cmocka_unit_test(test_a_peer_that_says_nothing_times_out),
		cmocka_unit_test(test_a_listener_that_never_accepts_times_out),
		cmocka_unit_test(test_nobody_there_is_told_apart),
		cmocka_unit_test(test_the_runtime_directory_is_found_by_the_librarys_rule),
		cmocka_unit_test(test_failures_become_exit_codes_and_words),
		cmocka_unit_test(test_not_running_is_told_unless_quiet),
		cmocka_unit_test(test_replies_are_taken_one_by_one_until_the_last),
		cmocka_unit_test(test_what_ends_replies_early_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * Memory runs out at each allocation in turn, once and from there on: a call is answered as it
 * would be otherwise or its connection closed, and nothing is lost.  Serving stamps asks for no
 * memory at all.
 *
 * malloc() and its kin are this program's own, so that those of json-c are met as well.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <json-c/json.h>

#include "daemon/loop.h"
#include "daemon/methods.h"
#include "daemon/server.h"
#include "proto/wire/stamp.h"
#include "tests/unit/fake-keeper.h"

extern void *__libc_malloc(size_t bytes);
extern void *__libc_calloc(size_t count, size_t bytes);
extern void *__libc_realloc(void *old, size_t bytes);

static long countdown = -1; /* allocations until one fails; negative: none does */
static bool for_good; /* and all after it */
static unsigned long failed;
static unsigned long allocated;

static bool fails(void)
{
	allocated++;
	if (countdown < 0)
		return false;
	if (countdown > 0) {
		countdown--;
		return false;
	}
	failed++;
	if (!for_good)
		countdown = -1;
	errno = ENOMEM;
	return true;
}

void *malloc(size_t bytes)
{
	return fails() ? NULL : __libc_malloc(bytes);
}

void *calloc(size_t count, size_t bytes)
{
	return fails() ? NULL : __libc_calloc(count, bytes);
}

void *realloc(void *old, size_t bytes)
{
	return fails() ? NULL : __libc_realloc(old, bytes);
}

struct world {
	char folder[32];
	struct keeper keeper;
	struct loop *loop;
	struct server *server;
	struct server_facts facts;
	struct methods methods;
	struct varlink_interface interface;
	struct varlink_service service;
};

static int refuse(void *data, struct server_refused_configuration *ret)
{
	(void)data;
	*ret = (struct server_refused_configuration){ "/etc/x.conf", 1, "no" };
	return -EINVAL;
}

static bool setting(void *data, size_t number, struct server_setting *ret)
{
	(void)data;
	*ret = (struct server_setting){ "Time", "Period", "/etc/x.conf", 1, "1s", "2s",
		SERVER_SETTING_START };
	return number < 2;
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct server_options options = SERVER_OPTIONS_DEFAULT;

	options.peers_max = 16;
	options.peers_reserved = 1;
	strcpy(w->folder, "/tmp/test-memory-XXXXXX");
	assert_non_null(mkdtemp(w->folder));
	fake_keeper_init(&w->keeper);
	w->keeper.time_ns = 1000;
	w->facts = (struct server_facts){
		.version = "1",
		.runtime_dir = w->folder,
		.reload = refuse,
		.setting = setting,
	};
	assert_int_equal(loop_new(&w->loop, server_watchers(&options)), 0);
	assert_int_equal(server_new(&w->server, &options, w->loop, &w->keeper, &w->facts), 0);
	w->methods = (struct methods){ &w->keeper, w->server, &w->facts, 0 };
	w->interface = methods_interface(&w->methods);
	w->service = (struct varlink_service){
		.vendor = "v",
		.product = "p",
		.version = "1",
		.url = "u",
		.interfaces = &w->interface,
		.interface_count = 1,
	};
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	countdown = -1;
	assert_null(server_free(w->server));
	assert_null(loop_free(w->loop));
	rmdir(w->folder);
	free(w);
	return 0;
}

static const char *const calls[] = {
	"{\"method\":\"org.varlink.service.GetInfo\"}",
	"{\"method\":\"org.varlink.service.GetInterfaceDescription\",\"parameters\":{\"interface\":"
	"\"org.vdsotime.Time\"}}",
	"{\"method\":\"org.no.Do\"}",
	"{\"method\":\"org.vdsotime.Time.Do\"}",
	"{\"method\":\"org.vdsotime.Time.Read\",\"parameters\":{\"clocks\":1}}",
	"{\"method\":\"org.vdsotime.Time.Read\",\"parameters\":{\"clocks\":[\"TAI\",\"no\"]}}",
	"{\"method\":\"org.vdsotime.Time.Read\",\"parameters\":{\"clocks\":[\"TAI\"]}}",
	"{\"method\":\"org.vdsotime.Time.GetStatus\"}",
	"{\"method\":\"org.vdsotime.Time.ListClocks\"}",
	"{\"method\":\"org.vdsotime.Time.GetEvents\"}",
	"{\"method\":\"org.vdsotime.Time.GetStatistics\"}",
	"{\"method\":\"org.vdsotime.Time.GetVdso\"}",
	"{\"method\":\"org.vdsotime.Time.GetConfiguration\"}",
	"{\"method\":\"org.vdsotime.Time.Reload\"}",
	"{\"method\":\"org.vdsotime.Time.Monitor\",\"more\":true,\"parameters\":{\"intervalNSec\":"
	"1000000}}",
};

/*
 * Serve it with memory as it is set; the reply must be text, if there is one.  What varlink_serve()
 * said.
 */
static int serve(struct world *w, const char *message, const char *text)
{
	struct varlink_stream stream;
	struct varlink_reply reply = { 0 };
	char copy[256];
	int r;

	strcpy(copy, message);
	r = varlink_serve(&w->service, true, copy, strlen(copy), &reply, &stream);
	countdown = -1;
	if (r == 0 && strcmp(reply.text, text) != 0)
		fail_msg("memory ran out, and the reply is %s", reply.text);
	varlink_reply_release(&reply);
	return r;
}

static void run_out(struct world *w, const char *message)
{
	struct varlink_stream stream;
	struct varlink_reply reply;
	char copy[256];
	char *text;

	strcpy(copy, message);
	assert_int_equal(varlink_serve(&w->service, true, copy, strlen(copy), &reply, &stream), 0);
	text = strdup(reply.text);
	varlink_reply_release(&reply);
	for (long n = 0;; n++) {
		failed = 0;
		countdown = n;

		int r = serve(w, message, text);

		if (failed == 0) {
			assert_int_equal(r, 0);
			break;
		}
		assert_true(r == 0 || r == -ENOMEM);
	}
	free(text);
}

static void test_call_is_answered_whole_or_not_at_all(void **state)
{
	struct world *w = *state;

	event_log_add(&w->keeper.events, &(struct event){ .kind = EVENT_CLOCK_SET });
	for (int good = 0; good < 2; good++) {
		for_good = good;
		for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++)
			run_out(w, calls[i]);
	}
}

static int connect_to(struct world *w, const char *name, int type)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", w->folder, name);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static void turn(struct world *w)
{
	for (int i = 0; i < 8; i++)
		loop_once(w->loop, 0);
}

static void test_stamps_need_no_memory(void **state)
{
	struct world *w = *state;
	struct stamp_request packet[4] = { stamp_hello(), stamp_stamp(1), stamp_stamp(99),
		stamp_subscribe(1, 1000, 0) };
	struct stamp_record reply[4];
	unsigned long before = 0;
	int fd;

	assert_int_equal(server_listen(w->server, SERVER_STAMP), 0);
	/* libev grows its tables by the first connections that it meets. */
	for (int i = 0; i < 25; i++) {
		if (i == 5)
			before = allocated;
		fd = connect_to(w, "stamp", SOCK_SEQPACKET);
		assert_int_equal(send(fd, packet, sizeof(packet), 0), sizeof(packet));
		turn(w);
		assert_int_equal(recv(fd, reply, sizeof(reply), 0), sizeof(reply));
		assert_int_equal(send(fd, &packet[1], 32, 0), 32);
		usleep(2000);
		turn(w);
		close(fd);
		turn(w);
	}
	assert_int_equal(allocated, before);
	assert_int_equal(server_charges(w->server), 0);
}

static void test_dialogue_is_closed_and_another_goes_on(void **state)
{
	struct world *w = *state;
	const char call[] = "{\"method\":\"org.vdsotime.Time.Read\"}";
	char reply[4096];
	int fds[2];

	assert_int_equal(server_listen(w->server, SERVER_VARLINK), 0);
	fds[0] = connect_to(w, "org.vdsotime.Time", SOCK_STREAM);
	fds[1] = connect_to(w, "org.vdsotime.Time", SOCK_STREAM);
	turn(w);
	assert_int_equal(send(fds[0], call, sizeof(call), 0), sizeof(call));
	for_good = true;
	countdown = 0;
	turn(w);
	countdown = -1;
	assert_int_equal(recv(fds[0], reply, sizeof(reply), 0), 0);
	assert_int_equal(send(fds[1], call, sizeof(call), 0), sizeof(call));
	turn(w);
	assert_true(recv(fds[1], reply, sizeof(reply), 0) > 0);
	close(fds[0]);
	close(fds[1]);
	turn(w);
	assert_int_equal(server_charges(w->server), 0);
}

static void test_server_and_loop_that_get_no_memory_are_not_made(void **state)
{
	struct world *w = *state;
	struct server_options options = SERVER_OPTIONS_DEFAULT;
	struct server *server;
	struct loop *loop;

	options.peers_max = 80;
	for_good = false;
	for (long n = 0;; n++) {
		int r;

		failed = 0;
		countdown = n;
		r = server_new(&server, &options, w->loop, &w->keeper, &w->facts);
		countdown = -1;
		if (r == 0) {
			server_free(server);
			break;
		}
		assert_int_equal(r, -ENOMEM);
	}
	/* Ours; libev's own it takes from what was taken before. */
	for (long n = 0;; n++) {
		int r;

		failed = 0;
		countdown = n;
		r = loop_new(&loop, 10);
		countdown = -1;
		if (r == 0)
			loop_free(loop);
		if (failed == 0)
			break;
		assert_true(r == 0 || r == -ENOMEM);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(test_call_is_answered_whole_or_not_at_all),
		TEST(test_stamps_need_no_memory),
		TEST(test_dialogue_is_closed_and_another_goes_on),
		TEST(test_server_and_loop_that_get_no_memory_are_not_made),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

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
#include "daemon/reserve.h"
#include "daemon/server.h"
#include "daemon/statistics.h"
#include "proto/wire/stamp.h"
#include "tests/unit/fake-keeper.h"

extern void *__libc_malloc(size_t bytes);
extern void *__libc_calloc(size_t count, size_t bytes);
extern void *__libc_realloc(void *old, size_t bytes);
extern void __libc_free(void *block);

static long countdown = -1; /* allocations until one fails; negative: none does */
static bool for_good; /* and all after it */
static unsigned long failed;
static unsigned long allocated;
static long in_use;

static void *counted(void *block)
{
	in_use += block != NULL;
	return block;
}

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
	return fails() ? NULL : counted(__libc_malloc(bytes));
}

void *calloc(size_t count, size_t bytes)
{
	return fails() ? NULL : counted(__libc_calloc(count, bytes));
}

void *realloc(void *old, size_t bytes)
{
	if (fails())
		return NULL;
	return old != NULL ? __libc_realloc(old, bytes) : counted(__libc_realloc(NULL, bytes));
}

void free(void *block)
{
	in_use -= block != NULL;
	__libc_free(block);
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
	options.subscriptions_max = 1;
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
		long before = in_use;

		failed = 0;
		countdown = n;

		int r = serve(w, message, text);

		assert_int_equal(in_use, before);
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
		loop_once(w->loop, false);
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

static uint64_t held_bytes(struct world *w)
{
	struct statistics s;

	server_statistics(w->server, SERVER_VARLINK, &s);
	return s.held_bytes;
}

/* One whose reply is under way, and one whose monitor was refused. */
static void test_dialogues_that_go_leave_no_memory(void **state)
{
	struct world *w = *state;
	const char monitor[] = "{\"method\":\"org.vdsotime.Time.Monitor\",\"more\":true}";
	const char call[] = "{\"method\":\"org.vdsotime.Time.GetStatus\"}";
	uint64_t idle_bytes;
	char reply[4096];
	long before = 0;
	int fds[2];

	assert_int_equal(server_listen(w->server, SERVER_VARLINK), 0);
	/* the loop's tables grow by the first */
	for (int i = 0; i < 10; i++) {
		if (i == 5)
			before = in_use;
		for (int j = 0; j < 2; j++) {
			fds[j] = connect_to(w, "org.vdsotime.Time", SOCK_STREAM);
			assert_int_equal(
				send(fds[j], monitor, sizeof(monitor), 0), sizeof(monitor));
			turn(w);
		}
		assert_true(recv(fds[1], reply, sizeof(reply), 0) > 0);
		assert_non_null(strstr(reply, "PermissionDenied"));
		idle_bytes = held_bytes(w);
		while (held_bytes(w) == idle_bytes) {
			assert_int_equal(send(fds[1], call, sizeof(call), 0), sizeof(call));
			turn(w);
		}
		close(fds[0]);
		close(fds[1]);
		turn(w);
		assert_int_equal(server_charges(w->server), 0);
	}
	assert_int_equal(in_use, before);
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

#define RESERVE_BYTES 4096
/* Far more than the heap of this program. */
#define LARGE_BYTES ((size_t)1 << 26)
/* The least that a block takes of it: its size before it, and one unit. */
#define BLOCKS_MAX (RESERVE_BYTES / (2 * sizeof(max_align_t)))

static int setup_reserve(void **state)
{
	(void)state;
	for_good = true;
	return reserve_hold(RESERVE_BYTES);
}

static int teardown_reserve(void **state)
{
	(void)state;
	countdown = -1;
	reserve_release();
	return 0;
}

static bool is_filled(const uint8_t *block, uint8_t with, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++)
		if (block[i] != with)
			return false;
	return true;
}

/* Blocks of that size until there is no more: apart from each other, and all within the reserve. */
static size_t use_up(size_t bytes)
{
	uint8_t *blocks[BLOCKS_MAX + 1];
	uintptr_t first = UINTPTR_MAX, end = 0;
	size_t count = 0;

	while (count <= BLOCKS_MAX && (blocks[count] = reserve_realloc(NULL, bytes)) != NULL) {
		uintptr_t at = (uintptr_t)blocks[count];

		assert_int_equal(at % _Alignof(max_align_t), 0);
		first = at < first ? at : first;
		end = at + bytes > end ? at + bytes : end;
		count++;
		memset(blocks[count - 1], (int)count, bytes);
	}
	for (size_t i = 0; i < count; i++)
		assert_true(is_filled(blocks[i], (uint8_t)(i + 1), bytes));
	/* before the first is its size */
	assert_true(count == 0 || end - first <= RESERVE_BYTES - sizeof(size_t));
	return count;
}

static void test_reserve_is_used_up_and_no_further(void **state)
{
	static const size_t sizes[] = { 1, sizeof(max_align_t), sizeof(max_align_t) + 1, 100, 1000,
		RESERVE_BYTES - sizeof(max_align_t) };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		size_t units = 1 + (sizes[i] + sizeof(max_align_t) - 1) / sizeof(max_align_t);

		countdown = 0;
		assert_int_equal(use_up(sizes[i]), RESERVE_BYTES / sizeof(max_align_t) / units);
		/* what is used up comes back with the last holder alone */
		assert_int_equal(setup_reserve(state), 0);
		teardown_reserve(state);
		countdown = 0;
		assert_null(reserve_realloc(NULL, sizes[i]));
		teardown_reserve(state);
		assert_int_equal(setup_reserve(state), 0);
	}
	countdown = 0;
	assert_null(reserve_realloc(NULL, RESERVE_BYTES));
}

/* From malloc() and from the reserve, to each of them, larger and smaller. */
static void test_block_keeps_what_is_in_it_wherever_it_goes(void **state)
{
	static const struct {
		size_t from, to;
	} sizes[] = { { 40, 41 }, { 40, 200 }, { 200, 40 }, { 200, 1 } };

	(void)state;
	for (size_t i = 0; i < 4 * sizeof(sizes) / sizeof(*sizes); i++) {
		size_t from = sizes[i / 4].from, to = sizes[i / 4].to;
		long before = in_use;
		uint8_t *block;

		countdown = i & 1 ? 0 : -1;
		block = reserve_realloc(NULL, from);
		assert_non_null(block);
		memset(block, 0x5a, from);
		countdown = i & 2 ? 0 : -1;
		block = reserve_realloc(block, to);
		assert_non_null(block);
		assert_true(is_filled(block, 0x5a, from < to ? from : to));
		assert_null(reserve_realloc(block, 0));
		assert_int_equal(in_use, before);
	}
	/* and no more is read than there is */
	for (int reserved = 0; reserved < 2; reserved++) {
		uint8_t *block;

		countdown = reserved ? 0 : -1;
		block = reserve_realloc(NULL, 40);
		memset(block, 0x5a, 40);
		countdown = -1;
		block = reserve_realloc(block, LARGE_BYTES);
		assert_non_null(block);
		assert_true(is_filled(block, 0x5a, 40));
		assert_null(reserve_realloc(block, 0));
	}
}

static void test_block_that_cannot_grow_stays_as_it_was(void **state)
{
	uint8_t *block;

	(void)state;
	for (int reserved = 0; reserved < 2; reserved++) {
		countdown = reserved ? 0 : -1;
		block = reserve_realloc(NULL, 100);
		assert_non_null(block);
		memset(block, 0x5a, 100);
		countdown = 0;
		assert_null(reserve_realloc(block, RESERVE_BYTES));
		assert_true(is_filled(block, 0x5a, 100));
		assert_null(reserve_realloc(block, 0));
	}
}

static void test_reserve_that_cannot_be_had_is_told(void **state)
{
	(void)state;
	for_good = false;
	countdown = 0;
	assert_int_equal(reserve_hold(RESERVE_BYTES), -ENOMEM);
	assert_int_equal(reserve_hold(RESERVE_BYTES), 0);
	reserve_release();
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(test_call_is_answered_whole_or_not_at_all),
		TEST(test_stamps_need_no_memory),
		TEST(test_dialogue_is_closed_and_another_goes_on),
		TEST(test_dialogues_that_go_leave_no_memory),
		TEST(test_server_and_loop_that_get_no_memory_are_not_made),
		cmocka_unit_test_setup_teardown(
			test_reserve_is_used_up_and_no_further, setup_reserve, teardown_reserve),
		cmocka_unit_test_setup_teardown(test_block_keeps_what_is_in_it_wherever_it_goes,
			setup_reserve, teardown_reserve),
		cmocka_unit_test_setup_teardown(test_block_that_cannot_grow_stays_as_it_was,
			setup_reserve, teardown_reserve),
		cmocka_unit_test(test_reserve_that_cannot_be_had_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

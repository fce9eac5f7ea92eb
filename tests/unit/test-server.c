/* SPDX-License-Identifier: MIT */
/*
 * The server over real sockets, in this process: the test turns the loop, so that it knows when
 * everything has been done, and can look at what is charged.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/listener.h"
#include "daemon/loop.h"
#include "daemon/peer.h"
#include "daemon/server.h"
#include "daemon/statistics.h"
#include "proto/wire/stamp.h"
#include "tests/unit/fake-keeper.h"

#define MS UINT64_C(1000000)

struct world {
	char folder[32];
	struct keeper keeper;
	struct loop *loop;
	struct server *server;
	struct server_facts facts;
	struct server_options options;
	struct rlimit descriptors; /* as it was before the test */
	unsigned int stopped;
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	strcpy(w->folder, "/tmp/test-server-XXXXXX");
	assert_non_null(mkdtemp(w->folder));
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &w->descriptors), 0);
	fake_keeper_init(&w->keeper);
	w->facts = (struct server_facts){ .version = "1", .runtime_dir = w->folder };
	w->options = (struct server_options)SERVER_OPTIONS_DEFAULT;
	w->options.peers_max = 16;
	w->options.peers_reserved = 2;
	w->options.stall_timeout_ns = 50 * MS;
	w->options.frame_timeout_ns = 50 * MS;
	assert_int_equal(loop_new(&w->loop, server_watchers(&w->options)), 0);
	assert_int_equal(server_new(&w->server, &w->options, w->loop, &w->keeper, &w->facts), 0);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	assert_int_equal(setrlimit(RLIMIT_NOFILE, &w->descriptors), 0);
	w->server = server_free(w->server);
	assert_null(loop_free(w->loop));
	if (w->keeper.page_fd >= 0)
		close(w->keeper.page_fd);
	assert_int_equal(rmdir(w->folder), 0); /* nothing is left behind */
	free(w);
	return 0;
}

static const char *path_in(struct world *w, const char *name)
{
	static char path[108];

	snprintf(path, sizeof(path), "%s/%s", w->folder, name);
	return path;
}

static unsigned int open_descriptors(void)
{
	DIR *d = opendir("/proc/self/fd");
	unsigned int n = 0;

	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

static int connect_to(struct world *w, const char *name, int type)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	strcpy(address.sun_path, path_in(w, name));
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		close(fd);
		return -errno;
	}
	return fd;
}

static void turn(struct world *w)
{
	for (int i = 0; i < 20; i++)
		loop_once(w->loop, false);
}

static void listen_both(struct world *w)
{
	assert_int_equal(server_listen(w->server, SERVER_STAMP), 0);
	assert_int_equal(server_listen(w->server, SERVER_VARLINK), 0);
}

static int greeted(struct world *w)
{
	struct stamp_request hello = stamp_hello();
	struct stamp_record reply;
	int fd = connect_to(w, "stamp", SOCK_SEQPACKET);

	assert_true(fd >= 0);
	assert_int_equal(send(fd, &hello, sizeof(hello), MSG_NOSIGNAL), sizeof(hello));
	turn(w);
	assert_int_equal(recv(fd, &reply, sizeof(reply), 0), sizeof(reply));
	return fd;
}

static void test_sockets_are_for_everyone_and_removed_at_the_end(void **state)
{
	struct world *w = *state;
	struct stat st;

	listen_both(w);
	assert_int_equal(server_listen(w->server, SERVER_STAMP), 0);
	assert_int_equal(stat(path_in(w, "stamp"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0666);
	assert_int_equal(stat(path_in(w, "org.vdsotime.Time"), &st), 0);
	assert_int_equal(st.st_mode & 07777, 0666);
	w->server = server_free(w->server);
	assert_int_equal(access(path_in(w, "stamp"), F_OK), -1);
}

static void test_dead_daemons_socket_is_replaced(void **state)
{
	struct world *w = *state;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	strcpy(address.sun_path, path_in(w, "stamp"));
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
	assert_int_equal(connect_to(w, "stamp", SOCK_SEQPACKET), -ECONNREFUSED);
	assert_int_equal(server_listen(w->server, SERVER_STAMP), 0);
	close(greeted(w));
}

static void test_what_is_no_socket_is_left_alone(void **state)
{
	struct world *w = *state;
	char path[108];
	int fd;

	strcpy(path, path_in(w, "stamp"));
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	close(fd);
	assert_int_equal(server_listen(w->server, SERVER_STAMP), -EADDRINUSE);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(symlink("/dev/null", path), 0);
	assert_int_equal(server_listen(w->server, SERVER_STAMP), -EADDRINUSE);
	assert_int_equal(unlink(path), 0);
}

static void test_file_that_somebody_else_put_there_is_not_removed(void **state)
{
	struct world *w = *state;
	char path[108];

	assert_int_equal(server_listen(w->server, SERVER_STAMP), 0);
	strcpy(path, path_in(w, "stamp"));
	assert_int_equal(unlink(path), 0);
	close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	w->server = server_free(w->server);
	assert_int_equal(unlink(path), 0);
}

static void test_missing_or_too_long_directory_is_refused(void **state)
{
	struct world *w = *state;
	char deep[200];
	unsigned int before = open_descriptors();

	w->facts.runtime_dir = "/nowhere/at/all";
	assert_int_equal(server_listen(w->server, SERVER_STAMP), -ENOENT);
	memset(deep, 'd', sizeof(deep));
	deep[sizeof(deep) - 1] = '\0';
	w->facts.runtime_dir = deep;
	assert_int_equal(server_listen(w->server, SERVER_VARLINK), -ENAMETOOLONG);
	assert_int_equal(open_descriptors(), before);
}

static int listening(int type)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, type, 0);

	/* autobind: an abstract name of the kernel's choice */
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(sa_family_t)), 0);
	assert_int_equal(listen(fd, 4), 0);
	return fd;
}

static void test_passed_sockets_are_taken_by_name(void **state)
{
	struct world *w = *state;
	int fd = listening(SOCK_SEQPACKET);

	assert_int_equal(server_listen_fd(w->server, "stamp", fd), 0);
	assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	assert_int_equal(fcntl(fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	assert_int_equal(server_listen_fd(w->server, "varlink", listening(SOCK_STREAM)), 0);
	listen_both(w); /* nothing to do */
	assert_int_equal(access(path_in(w, "stamp"), F_OK), -1);
}

static void test_wrong_passed_sockets_are_refused_and_closed(void **state)
{
	struct world *w = *state;
	unsigned int before = open_descriptors();
	int pair[2];

	assert_int_equal(server_listen_fd(w->server, "stamp", listening(SOCK_STREAM)), -EPROTOTYPE);
	assert_int_equal(
		server_listen_fd(w->server, "varlink", listening(SOCK_SEQPACKET)), -EPROTOTYPE);
	assert_int_equal(server_listen_fd(w->server, "stamp",
				 socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)),
		-EPROTOTYPE);
	assert_int_equal(server_listen_fd(w->server, "varlink",
				 socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)),
		-EPROTOTYPE);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	assert_int_equal(server_listen_fd(w->server, "varlink", pair[0]), -EPROTOTYPE);
	close(pair[1]);
	assert_int_equal(
		server_listen_fd(w->server, "stamp", open("/dev/null", O_RDONLY | O_CLOEXEC)),
		-ENOTSOCK);
	assert_int_equal(server_listen_fd(w->server, "page", listening(SOCK_STREAM)), -ENOENT);
	assert_int_equal(open_descriptors(), before);
	assert_int_equal(server_listen_fd(w->server, "stamp", listening(SOCK_SEQPACKET)), 0);
	assert_int_equal(server_listen_fd(w->server, "stamp", listening(SOCK_SEQPACKET)), -EEXIST);
}

static void test_limits_out_of_range_are_refused(void **state)
{
	struct world *w = *state;
	struct server_options bad = w->options;
	struct server *none;

	bad.peers_max = 7;
	assert_int_equal(server_new(&none, &bad, w->loop, &w->keeper, &w->facts), -EINVAL);
	bad.peers_max = 65537;
	assert_int_equal(server_new(&none, &bad, w->loop, &w->keeper, &w->facts), -EINVAL);
	bad = w->options;
	bad.peers_reserved = 16;
	assert_int_equal(server_new(&none, &bad, w->loop, &w->keeper, &w->facts), -EINVAL);
	bad = w->options;
	bad.frame_timeout_ns = 0;
	assert_int_equal(server_new(&none, &bad, w->loop, &w->keeper, &w->facts), -EINVAL);
}

static void test_everyone_is_charged_and_all_is_given_back(void **state)
{
	struct world *w = *state;
	struct stamp_request subscribe = stamp_subscribe(0, 1000000, 0);
	const char monitor[] = "{\"method\":\"org.vdsotime.Time.Monitor\",\"more\":true}";
	struct statistics s;
	unsigned int before;
	int stamp;
	int varlink;

	listen_both(w);
	before = open_descriptors();
	stamp = greeted(w);
	varlink = connect_to(w, "org.vdsotime.Time", SOCK_STREAM);
	turn(w);
	assert_int_equal(server_charges(w->server), 2);
	assert_int_equal(server_users(w->server), 1);
	assert_int_equal(send(stamp, &subscribe, 16, 0), 16);
	assert_int_equal(send(varlink, monitor, sizeof(monitor), 0), sizeof(monitor));
	turn(w);
	assert_int_equal(server_charges(w->server), 4);
	server_statistics(w->server, SERVER_VARLINK, &s);
	assert_true(s.held_bytes > 0);
	close(stamp);
	close(varlink);
	turn(w);
	assert_int_equal(server_charges(w->server), 0);
	server_statistics(w->server, SERVER_STAMP, &s);
	assert_int_equal(s.held_bytes, 0);
	server_statistics(w->server, SERVER_VARLINK, &s);
	assert_int_equal(s.held_bytes, 0);
	assert_int_equal(server_users(w->server), 0);
	assert_int_equal(open_descriptors(), before);
}

static void test_seats_run_out_and_come_back(void **state)
{
	struct world *w = *state;
	struct statistics s;
	int fds[16];
	int more;
	char c;

	listen_both(w);
	for (int i = 0; i < 16; i++)
		fds[i] = greeted(w);
	more = connect_to(w, "org.vdsotime.Time", SOCK_STREAM);
	turn(w);
	assert_int_equal(recv(more, &c, 1, 0), 0);
	close(more);
	server_statistics(w->server, SERVER_VARLINK, &s);
	assert_int_equal(s.turned_away_total, 1);
	more = connect_to(w, "stamp", SOCK_SEQPACKET);
	turn(w);
	assert_int_equal(recv(more, &c, 1, 0), 0);
	close(more);
	server_statistics(w->server, SERVER_STAMP, &s);
	assert_int_equal(s.turned_away_total, 1);
	close(fds[7]);
	turn(w);
	fds[7] = greeted(w);
	for (int i = 0; i < 16; i++)
		close(fds[i]);
	turn(w);
	assert_int_equal(server_charges(w->server), 0);
}

static struct statistics statistics_of(struct world *w, enum server_socket socket)
{
	struct statistics s;

	server_statistics(w->server, socket, &s);
	return s;
}

/* Whoever is turned away takes nothing along, however often. */
static void test_turning_away_costs_no_seat(void **state)
{
	struct world *w = *state;
	int fds[16];

	listen_both(w);
	for (int i = 0; i < 16; i++)
		fds[i] = greeted(w);
	for (int i = 0; i < 40; i++) {
		close(connect_to(w, "stamp", SOCK_SEQPACKET));
		close(connect_to(w, "org.vdsotime.Time", SOCK_STREAM));
		turn(w);
	}
	assert_int_equal(statistics_of(w, SERVER_STAMP).turned_away_total, 40);
	assert_int_equal(statistics_of(w, SERVER_VARLINK).turned_away_total, 40);
	for (int i = 0; i < 16; i++)
		close(fds[i]);
	turn(w);
	for (int i = 0; i < 16; i++)
		fds[i] = greeted(w);
	for (int i = 0; i < 16; i++)
		close(fds[i]);
}

static void test_connections_are_taken_in_turns(void **state)
{
	struct world *w = *state;
	struct statistics s;
	int fds[LISTENER_TURN + 4];

	listen_both(w);
	for (int i = 0; i < LISTENER_TURN + 4; i++)
		fds[i] = connect_to(w, "stamp", SOCK_SEQPACKET);
	loop_once(w->loop, false);
	s = statistics_of(w, SERVER_STAMP);
	assert_int_equal(s.accepted + s.turned_away_total, LISTENER_TURN);
	loop_once(w->loop, false);
	s = statistics_of(w, SERVER_STAMP);
	assert_int_equal(s.accepted + s.turned_away_total, LISTENER_TURN + 4);
	for (int i = 0; i < LISTENER_TURN + 4; i++)
		close(fds[i]);
}

/* From now on this process gets no descriptor but those that it gives up. */
static void limit_descriptors(struct world *w)
{
	int lowest = dup(STDERR_FILENO);
	struct rlimit limit = { (rlim_t)lowest, w->descriptors.rlim_max };

	close(lowest);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* Where there is no descriptor, one connection after the other is closed, and told so by that. */
static void test_without_descriptors_one_after_the_other_is_turned_away(void **state)
{
	struct world *w = *state;
	struct stamp_request hello = stamp_hello();
	int fds[4];
	char c;

	listen_both(w);
	for (int i = 0; i < 4; i++)
		fds[i] = connect_to(w, "stamp", SOCK_SEQPACKET);
	limit_descriptors(w);
	for (int i = 0; i < 3; i++) {
		while (statistics_of(w, SERVER_STAMP).turned_away_system == (uint64_t)i)
			loop_once(w->loop, i > 0);
		for (int j = 0; j < 4; j++)
			assert_int_equal(recv(fds[j], &c, 1, 0), j <= i ? 0 : -1);
	}
	assert_int_equal(statistics_of(w, SERVER_STAMP).accepted, 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &w->descriptors), 0);
	assert_int_equal(send(fds[3], &hello, sizeof(hello), MSG_NOSIGNAL), sizeof(hello));
	while (recv(fds[3], &c, 1, 0) < 0)
		loop_once(w->loop, true);
	assert_int_equal(statistics_of(w, SERVER_STAMP).accepted, 1);
	for (int i = 0; i < 4; i++)
		close(fds[i]);
}

/* Send count stamp requests in one packet, behind a greeting where there is none yet. */
static void ask(int fd, bool greet, size_t count)
{
	struct stamp_request packet[STAMP_PACKET_MAX];

	for (size_t i = 0; i < count; i++)
		packet[i] = i == 0 && greet ? stamp_hello() : stamp_stamp(1);
	assert_int_equal(send(fd, packet, count * 16, MSG_NOSIGNAL), count * 16);
}

static unsigned int replies(int fd)
{
	static char reply[65536];
	unsigned int n = 0;

	while (recv(fd, reply, sizeof(reply), MSG_DONTWAIT) > 0)
		n++;
	return n;
}

static void on_stopped(void *data)
{
	struct world *w = data;

	w->stopped++;
}

static void test_stop_is_at_once_when_nobody_is_there(void **state)
{
	struct world *w = *state;

	listen_both(w);
	server_stop(w->server, 1000 * MS, on_stopped, w);
	assert_int_equal(w->stopped, 1);
	assert_int_equal(access(path_in(w, "stamp"), F_OK), -1);
}

static void test_stop_answers_what_is_there_and_closes(void **state)
{
	struct world *w = *state;
	struct stamp_request request = stamp_stamp(1);
	struct stamp_record reply;
	int fd;

	listen_both(w);
	fd = greeted(w);
	for (int i = 0; i < 3; i++)
		assert_int_equal(send(fd, &request, 16, 0), 16);
	server_stop(w->server, 1000 * MS, on_stopped, w);
	server_stop(w->server, 1000 * MS, on_stopped, w);
	turn(w);
	assert_int_equal(w->stopped, 1);
	for (int i = 0; i < 3; i++)
		assert_int_equal(recv(fd, &reply, sizeof(reply), 0), sizeof(reply));
	assert_int_equal(recv(fd, &reply, sizeof(reply), 0), 0);
	assert_int_equal(server_charges(w->server), 0);
	close(fd);
}

/*
 * The loop goes on while it stops: of each peer one packet is served in a round, and in the end
 * those that had come by then; what comes later is not served, or it could go on for ever.
 */
static void test_stop_serves_in_rounds_what_has_come_by_then(void **state)
{
	struct world *w = *state;
	const char calls[] = "{\"method\":\"org.vdsotime.Time.Read\"}";
	int fds[2];
	int dialogue;
	unsigned int received = 0;

	listen_both(w);
	for (int i = 0; i < 2; i++)
		fds[i] = greeted(w);
	dialogue = connect_to(w, "org.vdsotime.Time", SOCK_STREAM);
	turn(w);
	for (int i = 0; i < 6; i++)
		ask(fds[i % 2], false, STAMP_PACKET_MAX);
	assert_int_equal(send(dialogue, calls, sizeof(calls), MSG_NOSIGNAL), sizeof(calls));
	server_stop(w->server, 1000 * MS, on_stopped, w);
	assert_int_equal(replies(fds[0]) + replies(fds[1]) + replies(dialogue), 0);
	for (int round = 0; round < 3; round++) {
		assert_int_equal(w->stopped, 0);
		if (round < 2) {
			ask(fds[0], false, STAMP_PACKET_MAX);
			ask(fds[1], false, 1);
		}
		loop_once(w->loop, false);
		received += replies(fds[0]) + replies(fds[1]);
		assert_int_equal(received, 2 * (1 + round));
	}
	assert_int_equal(w->stopped, 1);
	assert_int_equal(replies(dialogue), 1);
	assert_int_equal(server_charges(w->server), 0);
	for (int i = 0; i < 2; i++)
		close(fds[i]);
	close(dialogue);
}

/* A peer that owes its reply's taking holds a stop up, until it is read or the time is over. */
static void stop_with_owing_peer(struct world *w, bool read_it)
{
	struct stamp_request packet[STAMP_PACKET_MAX];
	struct stamp_record reply[STAMP_PACKET_MAX];
	unsigned int sent = 0;
	unsigned int received = 0;
	int fd;

	listen_both(w);
	fd = greeted(w);
	for (int i = 0; i < STAMP_PACKET_MAX; i++)
		packet[i] = stamp_stamp(1);
	while (send(fd, packet, sizeof(packet), MSG_NOSIGNAL) > 0) {
		sent++;
		loop_once(w->loop, false);
	}
	server_stop(w->server, 40 * MS, on_stopped, w);
	turn(w);
	assert_int_equal(w->stopped, 0);
	while (read_it && recv(fd, reply, sizeof(reply), 0) > 0) {
		received++;
		turn(w);
	}
	while (w->stopped == 0)
		loop_once(w->loop, true);
	if (read_it)
		assert_int_equal(received, sent);
	assert_int_equal(w->stopped, 1);
	assert_int_equal(server_charges(w->server), 0);
	close(fd);
}

static void test_stop_waits_for_a_reply_to_be_taken(void **state)
{
	stop_with_owing_peer(*state, true);
}

static void test_stop_does_not_wait_for_ever(void **state)
{
	stop_with_owing_peer(*state, false);
}

/* What was held for a reply that was not taken is given back once it is. */
static void test_stall_that_is_over_holds_nothing(void **state)
{
	struct world *w = *state;
	uint64_t idle_bytes;
	int fd;

	listen_both(w);
	fd = greeted(w);
	idle_bytes = statistics_of(w, SERVER_STAMP).held_bytes;
	for (int stalls = 0; stalls < 2; stalls++) {
		uint64_t sent_bytes = statistics_of(w, SERVER_STAMP).sent_bytes;

		while (statistics_of(w, SERVER_STAMP).held_bytes == idle_bytes) {
			ask(fd, false, STAMP_PACKET_MAX);
			loop_once(w->loop, false);
		}
		/* nor does the kernel hold more for it than it was told to */
		assert_in_range(statistics_of(w, SERVER_STAMP).sent_bytes - sent_bytes, 1,
			2 * PEER_SEND_BUFFER_BYTES);
		assert_int_equal(statistics_of(w, SERVER_STAMP).held_bytes,
			idle_bytes + STAMP_PACKET_MAX * sizeof(struct stamp_request));
		while (replies(fd) > 0)
			turn(w);
		assert_int_equal(statistics_of(w, SERVER_STAMP).held_bytes, idle_bytes);
	}
	/* and a packet that was served again is counted once */
	assert_int_equal(
		statistics_of(w, SERVER_STAMP).stamps, statistics_of(w, SERVER_STAMP).requests - 1);
	close(fd);
}

/* Replies of whole packets that a peer's socket takes before one stalls. */
static unsigned int replies_taken(struct world *w)
{
	uint64_t stamps = statistics_of(w, SERVER_STAMP).stamps;
	unsigned int n = 0;
	int fd = greeted(w);

	while (statistics_of(w, SERVER_STAMP).stamps == stamps + (uint64_t)n * STAMP_PACKET_MAX) {
		ask(fd, false, STAMP_PACKET_MAX);
		turn(w);
		n++;
	}
	close(fd);
	turn(w);
	return n - 1;
}

/*
 * A tick is lost for want of room, and the next one comes after more than the stall's time: whoever
 * has taken what there was by then has not stalled, and whoever has not has.
 */
static void lose_tick(struct world *w, bool read_it)
{
	struct server_options options = w->options;
	struct stamp_request subscribe = stamp_subscribe(0, 300000, 0);
	struct stamp_record tick;
	unsigned int count;
	int fd;

	options.stall_timeout_ns = 200 * MS;
	server_configure(w->server, &options);
	listen_both(w);
	count = replies_taken(w);
	fd = greeted(w);
	assert_int_equal(send(fd, &subscribe, sizeof(subscribe), 0), sizeof(subscribe));
	turn(w);
	assert_int_equal(replies(fd), 1);
	for (unsigned int i = 0; i < count; i++) {
		ask(fd, false, STAMP_PACKET_MAX);
		turn(w);
	}
	while (statistics_of(w, SERVER_STAMP).ticks_lost == 0)
		loop_once(w->loop, true);
	if (read_it)
		assert_int_equal(replies(fd), count);
	while (statistics_of(w, SERVER_STAMP).ticks == 0 && server_charges(w->server) > 0)
		loop_once(w->loop, true);
	assert_int_equal(statistics_of(w, SERVER_STAMP).stalled, !read_it);
	if (read_it) {
		assert_int_equal(recv(fd, &tick, sizeof(tick), 0), sizeof(tick));
		assert_int_equal(tick.op, STAMP_OP_TICK);
		assert_int_equal(tick.lost, 1);
	}
	close(fd);
}

static void test_who_takes_all_after_a_lost_tick_has_not_stalled(void **state)
{
	lose_tick(*state, true);
}

static void test_who_takes_nothing_after_a_lost_tick_has_stalled(void **state)
{
	lose_tick(*state, false);
}

/* More often than there is room: who goes in the midst of something leaves nothing. */
static void test_those_who_go_in_the_midst_leave_nothing(void **state)
{
	struct world *w = *state;
	struct server_options impatient = w->options;
	uint64_t idle_bytes;
	int fd;

	impatient.stall_timeout_ns = MS;
	server_configure(w->server, &impatient);
	listen_both(w);
	for (unsigned int i = 0; i < 40; i++) {
		fd = greeted(w);
		idle_bytes = statistics_of(w, SERVER_STAMP).held_bytes;
		while (statistics_of(w, SERVER_STAMP).held_bytes == idle_bytes) {
			ask(fd, false, STAMP_PACKET_MAX);
			loop_once(w->loop, false);
		}
		while (i % 2 == 0 && statistics_of(w, SERVER_STAMP).stalled == i / 2)
			loop_once(w->loop, true);
		close(fd);
		fd = connect_to(w, "org.vdsotime.Time", SOCK_STREAM);
		assert_int_equal(send(fd, "{", 1, MSG_NOSIGNAL), 1);
		turn(w);
		assert_int_equal(statistics_of(w, SERVER_VARLINK).peers, 1);
		close(fd);
		turn(w);
	}
	assert_int_equal(server_charges(w->server), 0);
}

/* What a connection holds between its calls is what it held at first. */
static void test_what_is_over_holds_nothing(void **state)
{
	struct world *w = *state;
	const char call[] = "{\"method\":\"org.vdsotime.Time.GetVdso\"}";
	const struct stamp_request subscribe[2] = { stamp_subscribe(1, 1000000, 0),
		stamp_subscribe(1, 0, 0) };
	uint64_t idle_bytes[2];
	int fds[2];

	listen_both(w);
	fds[0] = greeted(w);
	fds[1] = connect_to(w, "org.vdsotime.Time", SOCK_STREAM);
	turn(w);
	for (int i = 0; i < 2; i++)
		idle_bytes[i] = statistics_of(w, (enum server_socket)i).held_bytes;
	assert_int_equal(send(fds[0], &subscribe[0], 16, MSG_NOSIGNAL), 16);
	assert_int_equal(send(fds[1], call, 5, MSG_NOSIGNAL), 5);
	turn(w);
	assert_int_equal(
		statistics_of(w, SERVER_STAMP).held_bytes, idle_bytes[0] + loop_watcher_bytes());
	assert_int_equal(statistics_of(w, SERVER_VARLINK).held_bytes, idle_bytes[1] + 4096);
	assert_int_equal(send(fds[0], &subscribe[1], 16, MSG_NOSIGNAL), 16);
	assert_int_equal(send(fds[1], call + 5, sizeof(call) - 5, MSG_NOSIGNAL), sizeof(call) - 5);
	turn(w);
	assert_true(replies(fds[0]) == 2 && replies(fds[1]) > 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(statistics_of(w, (enum server_socket)i).held_bytes, idle_bytes[i]);
		close(fds[i]);
	}
}

static void test_calls_of_one_are_served_in_turns(void **state)
{
	struct world *w = *state;
	const char call[] = "{\"method\":\"org.vdsotime.Time.Read\"}";
	struct statistics s;
	uint64_t served = 0;
	int fd;

	listen_both(w);
	fd = connect_to(w, "org.vdsotime.Time", SOCK_STREAM);
	turn(w);
	for (int i = 0; i < PEER_TURN + 4; i++)
		assert_int_equal(send(fd, call, sizeof(call), MSG_NOSIGNAL), sizeof(call));
	loop_once(w->loop, false);
	assert_int_equal(statistics_of(w, SERVER_VARLINK).frames, PEER_TURN);
	loop_once(w->loop, false);
	s = statistics_of(w, SERVER_VARLINK);
	assert_int_equal(s.frames, PEER_TURN + 4);
	assert_int_equal(s.requests, s.frames);
	for (int i = 0; i < STATISTICS_HISTOGRAM; i++)
		served += s.serve_time[i];
	assert_int_equal(served, s.frames);
	close(fd);
}

/* All that is there, and what comes as it is received. */
static size_t receive_all(struct world *w, int fd, char *text, size_t size)
{
	size_t bytes = 0;
	ssize_t n;

	while ((n = recv(fd, text + bytes, size - bytes, 0)) > 0) {
		bytes += (size_t)n;
		turn(w);
	}
	return bytes;
}

/* Of all replies in text, what they say is lost. */
static uint64_t lost_told(const char *text, size_t bytes)
{
	const char key[] = "\"lost\":";
	uint64_t lost = 0;

	for (const char *at = text;
		(at = memmem(at, bytes - (size_t)(at - text), key, strlen(key))) != NULL;) {
		at += strlen(key);
		lost += strtoull(at, NULL, 10);
	}
	return lost;
}

/*
 * Each tick that comes due while the reply before it is under way is lost, and the next says so;
 * what has happened meanwhile is told once there is room, but for what is forgotten by then.
 */
static void test_monitor_that_does_not_read_loses_ticks_and_no_events(void **state)
{
	struct world *w = *state;
	struct server_options patient = w->options;
	const char monitor[] = "{\"method\":\"org.vdsotime.Time.Monitor\",\"more\":true,"
			       "\"parameters\":{\"intervalNSec\":1000000}}";
	struct event e = { .kind = EVENT_CLOCK_SET, .amount = 4711 };
	static char text[8 * PEER_SEND_BUFFER_BYTES];
	char wanted[32];
	size_t bytes;
	uint64_t due = 0;
	uint64_t lost;
	int fd;

	patient.stall_timeout_ns = 60000 * MS;
	server_configure(w->server, &patient);
	w->keeper.time_ns = 1000000;
	listen_both(w);
	fd = connect_to(w, "org.vdsotime.Time", SOCK_STREAM);
	assert_int_equal(send(fd, monitor, sizeof(monitor), MSG_NOSIGNAL), sizeof(monitor));
	turn(w);
	while (statistics_of(w, SERVER_VARLINK).ticks_lost < 5) {
		assert_in_range(++due, 1, 5000);
		w->keeper.time_ns += (int64_t)MS;
		loop_once(w->loop, true);
	}
	lost = statistics_of(w, SERVER_VARLINK).ticks_lost;
	assert_int_equal(statistics_of(w, SERVER_VARLINK).ticks, due - lost);
	for (int i = 0; i < EVENT_HISTORY + 3; i++)
		event_log_add(&w->keeper.events, &e);
	server_event(w->server);
	bytes = receive_all(w, fd, text, sizeof(text));
	assert_non_null(memmem(text, bytes, "\"amount\":4711", 13));
	snprintf(wanted, sizeof(wanted), "\"lost\":%d", (int)lost + 3);
	assert_non_null(memmem(text, bytes, wanted, strlen(wanted)));
	assert_int_equal(statistics_of(w, SERVER_VARLINK).ticks_lost, lost + 3);
	assert_int_equal(lost_told(text, bytes), lost + 3);
	assert_int_equal(statistics_of(w, SERVER_VARLINK).ticks, due - lost + EVENT_HISTORY);
	close(fd);
}

static void test_page_that_is_not_there_is_an_error_of_the_record(void **state)
{
	struct world *w = *state;
	struct stamp_request attach = stamp_attach();
	struct stamp_record reply;
	int fd;

	listen_both(w);
	fd = greeted(w);
	assert_int_equal(send(fd, &attach, 16, 0), 16);
	turn(w);
	assert_int_equal(recv(fd, &reply, sizeof(reply), 0), sizeof(reply));
	assert_int_equal(reply.error, -ENODATA);
	assert_true(stamp_reply_check(&attach, 1, &reply, sizeof(reply)));
	close(fd);
}

/* Receive a packet of one record, and close the descriptor that comes with it; was there one? */
static bool receive_record(int fd, struct stamp_record *record)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))];
	struct iovec part = { .iov_base = record, .iov_len = sizeof(*record) };
	struct msghdr message = {
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	int received;

	assert_int_equal(recvmsg(fd, &message, 0), sizeof(*record));
	if (CMSG_FIRSTHDR(&message) == NULL)
		return false;
	memcpy(&received, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(received));
	close(received);
	return true;
}

static void say_attach(struct world *w, int fd)
{
	struct stamp_request attach = stamp_attach();

	assert_int_equal(send(fd, &attach, sizeof(attach), MSG_NOSIGNAL), sizeof(attach));
	turn(w);
}

/* What one does not take is counted against the daemon, so that it could use all there is up. */
static void test_one_descriptor_is_on_its_way_to_a_connection(void **state)
{
	struct world *w = *state;
	struct stamp_record reply;
	int fds[2];

	listen_both(w);
	w->keeper.page_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	for (int i = 0; i < 2; i++)
		fds[i] = greeted(w);
	say_attach(w, fds[0]);
	say_attach(w, fds[0]);
	say_attach(w, fds[1]);
	assert_true(receive_record(fds[1], &reply)); /* of another: it is not in its way */
	/* taken but for what was said since */
	assert_true(receive_record(fds[0], &reply));
	assert_int_equal(reply.error, 0);
	say_attach(w, fds[0]);
	for (int i = 0; i < 2; i++) {
		assert_false(receive_record(fds[0], &reply));
		assert_int_equal(reply.error, -EBUSY);
	}
	say_attach(w, fds[0]);
	assert_true(receive_record(fds[0], &reply));
	assert_int_equal(reply.error, 0);
	assert_int_equal(statistics_of(w, SERVER_STAMP).attached, 3);
	assert_int_equal(statistics_of(w, SERVER_STAMP).attach_refused_busy, 2);
	close(fds[0]);
	close(fds[1]);
}

static void wait_for_charges(struct world *w, uint32_t charges)
{
	while (server_charges(w->server) > charges)
		loop_once(w->loop, true);
	assert_int_equal(server_charges(w->server), charges);
}

/* Closing does not call a descriptor back: without the seat's bound there would be no other. */
static void test_closed_connection_keeps_its_seat_until_its_descriptor_is_taken(void **state)
{
	struct world *w = *state;
	struct stamp_record reply;
	unsigned int before;
	int fds[3];

	listen_both(w);
	before = open_descriptors();
	w->keeper.page_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	for (int i = 0; i < 3; i++) {
		fds[i] = greeted(w);
		say_attach(w, fds[i]);
	}
	assert_true(receive_record(fds[2], &reply));
	for (int i = 0; i < 3; i++)
		assert_int_equal(send(fds[i], "junk", 4, MSG_NOSIGNAL), 4);
	turn(w);
	assert_int_equal(statistics_of(w, SERVER_STAMP).refused[STAMP_REFUSAL_LENGTH], 3);
	assert_int_equal(server_charges(w->server), 2);
	assert_int_equal(statistics_of(w, SERVER_STAMP).peers, 2);
	assert_int_equal(send(fds[0], "more", 4, MSG_NOSIGNAL), -1);
	loop_once(w->loop, true); /* it looks, and nothing has changed */
	assert_int_equal(server_charges(w->server), 2);
	close(fds[1]);
	wait_for_charges(w, 1);
	assert_true(receive_record(fds[0], &reply));
	assert_int_equal(recv(fds[0], &reply, sizeof(reply), 0), 0);
	wait_for_charges(w, 0);
	assert_int_equal(statistics_of(w, SERVER_STAMP).held_bytes, 0);
	assert_int_equal(statistics_of(w, SERVER_STAMP).stalled, 0);
	close(fds[0]);
	close(fds[2]);
	assert_int_equal(open_descriptors(), before + 1);
}

/* Whatever such a connection had under way ends with it, and nobody waits for it at a stop. */
static void test_closed_connection_that_keeps_its_seat_has_nothing_else(void **state)
{
	struct world *w = *state;
	struct stamp_request subscribe = stamp_subscribe(1, 1000, 0);
	struct statistics s;
	int fd;

	listen_both(w);
	w->keeper.page_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	fd = greeted(w);
	say_attach(w, fd);
	assert_int_equal(send(fd, &subscribe, 16, MSG_NOSIGNAL), 16);
	turn(w);
	assert_int_equal(statistics_of(w, SERVER_STAMP).subscriptions, 1);
	/* its time is over, with a packet that was not answered */
	while (statistics_of(w, SERVER_STAMP).stalled == 0) {
		struct stamp_request packet[STAMP_PACKET_MAX];

		for (int i = 0; i < STAMP_PACKET_MAX; i++)
			packet[i] = stamp_stamp(1);
		(void)send(fd, packet, sizeof(packet), MSG_NOSIGNAL);
		loop_once(w->loop, false);
	}
	s = statistics_of(w, SERVER_STAMP);
	assert_int_equal(server_charges(w->server), 1);
	assert_int_equal(s.subscriptions, 0);
	turn(w);
	assert_int_equal(statistics_of(w, SERVER_STAMP).sent_bytes, s.sent_bytes);
	server_stop(w->server, 1000 * MS, on_stopped, w);
	assert_int_equal(w->stopped, 1);
	assert_int_equal(server_charges(w->server), 0);
	close(fd);
}

/* Both are received as nothing; one is a packet of no requests. */
static void test_empty_packet_is_told_from_the_end(void **state)
{
	struct world *w = *state;
	char c;
	int fd;

	listen_both(w);
	fd = greeted(w);
	assert_int_equal(send(fd, "", 0, MSG_NOSIGNAL), 0);
	turn(w);
	assert_int_equal(recv(fd, &c, 1, 0), 0);
	close(fd);
	assert_int_equal(statistics_of(w, SERVER_STAMP).refused[STAMP_REFUSAL_LENGTH], 1);
	assert_int_equal(statistics_of(w, SERVER_STAMP).frames, 2);
	fd = greeted(w);
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	turn(w);
	assert_int_equal(recv(fd, &c, 1, 0), 0);
	close(fd);
	close(greeted(w));
	turn(w);
	assert_int_equal(server_charges(w->server), 0);
	assert_int_equal(statistics_of(w, SERVER_STAMP).refused[STAMP_REFUSAL_LENGTH], 1);
	assert_int_equal(statistics_of(w, SERVER_STAMP).frames, 4);
}

static void test_new_limits_hold_for_those_who_come(void **state)
{
	struct world *w = *state;
	struct server_options tighter = w->options;

	listen_both(w);
	tighter.peers_max = 4000;
	tighter.peers_reserved = 10;
	tighter.peers_per_user_max = 3;
	server_configure(w->server, &tighter);
	/* these two belong together: a reserve of another whole is not this one's */
	assert_int_equal(server_limits(w->server)->peers_max, 16);
	assert_int_equal(server_limits(w->server)->peers_reserved, 2);
	tighter.peers_max = 16;
	server_configure(w->server, &tighter);
	assert_int_equal(server_limits(w->server)->peers_reserved, 10);
	assert_int_equal(server_limits(w->server)->peers_per_user_max, 3);
	close(greeted(w));
}

/* Connected as a user who is not privileged; -EPERM: only root can. */
static int connect_as(struct world *w, uid_t uid, const char *name, int type)
{
	int fd;

	if (geteuid() != 0)
		return -EPERM;
	assert_int_equal(chmod(w->folder, 0755), 0);
	assert_int_equal(seteuid(uid), 0);
	fd = connect_to(w, name, type);
	assert_int_equal(seteuid(0), 0);
	return fd;
}

/* Turn until fds[i] has its reply, each before the next. */
static void turn_in_order(struct world *w, const int *fds, int count)
{
	for (int i = 0; i < count; i++) {
		while (replies(fds[i]) == 0) {
			for (int later = i + 1; later < count; later++)
				assert_int_equal(replies(fds[later]), 0);
			w->keeper.time_ns += 60 * INT64_C(1000000);
			loop_once(w->loop, true);
		}
	}
}

static void test_user_that_asks_too_much_waits_for_it(void **state)
{
	struct world *w = *state;
	struct server_options limited = w->options;
	const char call[] = "{\"method\":\"org.vdsotime.Time.Read\"}";
	int fds[3];
	int other;

	limited.requests_per_user = 1000;
	server_configure(w->server, &limited);
	w->keeper.time_ns = 1000000;
	listen_both(w);
	for (int i = 0; i < 2; i++)
		fds[i] = connect_as(w, 12345, "stamp", SOCK_SEQPACKET);
	if (fds[0] < 0)
		skip();
	fds[2] = connect_as(w, 12345, "org.vdsotime.Time", SOCK_STREAM);
	other = connect_as(w, 12346, "stamp", SOCK_SEQPACKET);
	for (int i = 0; i < 5; i++)
		ask(fds[0], i == 0, STAMP_PACKET_MAX);
	turn(w);
	assert_int_equal(replies(fds[0]), 4); /* the burst, and what overdraws it */
	ask(fds[1], true, 10);
	turn(w);
	assert_int_equal(send(fds[2], call, sizeof(call), MSG_NOSIGNAL), sizeof(call));
	turn(w);
	assert_int_equal(replies(fds[1]) + replies(fds[2]), 0);
	assert_int_equal(statistics_of(w, SERVER_STAMP).throttled, 2);
	assert_int_equal(statistics_of(w, SERVER_VARLINK).throttled, 1);
	/* others notice nothing */
	ask(other, true, 200);
	turn(w);
	assert_int_equal(replies(other), 1);
	close(greeted(w));
	turn_in_order(w, fds, 3);
	for (int i = 0; i < 3; i++)
		close(fds[i]);
	close(other);
	/* that they have gone is seen when their turn comes */
	while (server_charges(w->server) > 0) {
		w->keeper.time_ns += 60 * INT64_C(1000000);
		loop_once(w->loop, true);
	}
}

/* However often its packet is served until the reply is taken. */
static void test_refused_subscription_is_counted_once(void **state)
{
	struct world *w = *state;
	struct server_options limited = w->options;
	struct stamp_request packet[STAMP_PACKET_MAX];
	unsigned int sent = 0;
	uint64_t idle_bytes;
	int fd;

	limited.subscriptions_max = 1;
	limited.stall_timeout_ns = 60000 * MS;
	server_configure(w->server, &limited);
	listen_both(w);
	fd = connect_as(w, 12345, "stamp", SOCK_SEQPACKET);
	if (fd < 0)
		skip();
	for (int i = 0; i < STAMP_PACKET_MAX; i++)
		packet[i] = stamp_stamp(1);
	packet[0] = stamp_hello();
	packet[1] = stamp_subscribe(1, 1000000000, 0);
	assert_int_equal(send(fd, packet, 32, MSG_NOSIGNAL), 32);
	turn(w);

	int other = connect_as(w, 12345, "stamp", SOCK_SEQPACKET);

	ask(other, true, 1);
	turn(w);
	packet[0] = stamp_stamp(1);
	idle_bytes = statistics_of(w, SERVER_STAMP).held_bytes;
	while (statistics_of(w, SERVER_STAMP).held_bytes == idle_bytes) {
		assert_int_equal(send(other, packet, sizeof(packet), MSG_NOSIGNAL), sizeof(packet));
		sent++;
		turn(w);
	}
	assert_int_equal(statistics_of(w, SERVER_STAMP).subscriptions_refused, sent - 1);
	for (unsigned int received = 0; received < sent + 1; turn(w))
		received += replies(other);
	assert_int_equal(statistics_of(w, SERVER_STAMP).subscriptions_refused, sent);
	close(fd);
	close(other);
}

/* Whoever has gone is not charged for, does not keep its place, and is not counted as waiting. */
static void test_those_who_hung_up_cost_their_user_nothing(void **state)
{
	struct world *w = *state;
	struct server_options limited = w->options;
	int fds[3];

	limited.requests_per_user = 1000;
	limited.peers_per_user_max = 3;
	server_configure(w->server, &limited);
	w->keeper.time_ns = INT64_C(1000000000);
	listen_both(w);
	for (int i = 0; i < 3; i++)
		fds[i] = connect_as(w, 12345, "stamp", SOCK_SEQPACKET);
	if (fds[0] < 0)
		skip();
	for (int i = 0; i < 5; i++)
		ask(fds[0], i == 0, STAMP_PACKET_MAX);
	turn(w);
	ask(fds[1], true, STAMP_PACKET_MAX);
	turn(w);
	assert_int_equal(replies(fds[0]) + replies(fds[1]), 4);
	assert_int_equal(statistics_of(w, SERVER_STAMP).throttled, 2);
	close(fds[1]);
	close(fds[2]);
	turn(w);
	assert_int_equal(statistics_of(w, SERVER_STAMP).throttled, 2);
	assert_int_equal(statistics_of(w, SERVER_STAMP).peers, 2);
	/* its place is there for who comes next */
	fds[1] = connect_as(w, 12345, "stamp", SOCK_SEQPACKET);
	fds[2] = connect_as(w, 12345, "stamp", SOCK_SEQPACKET);
	turn(w);
	assert_int_equal(statistics_of(w, SERVER_STAMP).turned_away_user, 0);
	assert_int_equal(statistics_of(w, SERVER_STAMP).peers, 3);
	/* and where nobody comes, its turn is nothing but its end */
	for (int i = 1; i < 3; i++) {
		ask(fds[i], true, STAMP_PACKET_MAX);
		turn(w);
		close(fds[i]);
	}
	turn_in_order(w, fds, 1);
	close(fds[0]);
	while (server_charges(w->server) > 0) {
		w->keeper.time_ns += 60 * INT64_C(1000000);
		loop_once(w->loop, true);
	}
	assert_int_equal(statistics_of(w, SERVER_STAMP).requests, 5 * STAMP_PACKET_MAX);
}

#define BUSY 12

static unsigned int busy_replies(const int *fds, unsigned int counts[static BUSY])
{
	unsigned int total = 0;

	for (int i = 0; i < BUSY; i++) {
		counts[i] += replies(fds[i]);
		total += counts[i];
	}
	return total;
}

/* Alone, all of a user's connections are served in a round; beside another it has one turn. */
static void test_rounds_go_by_users(void **state)
{
	struct world *w = *state;
	unsigned int counts[BUSY] = { 0 };
	unsigned int other_replies = 0;
	unsigned int rounds;
	unsigned int total;
	int fds[BUSY];
	int other;

	listen_both(w);
	for (int i = 0; i < BUSY; i++)
		fds[i] = connect_as(w, 12345, "stamp", SOCK_SEQPACKET);
	if (fds[0] < 0)
		skip();
	turn(w);
	for (int i = 0; i < BUSY; i++)
		ask(fds[i], true, STAMP_PACKET_MAX);
	loop_once(w->loop, false);
	assert_int_equal(busy_replies(fds, counts), BUSY);
	other = connect_as(w, 12346, "stamp", SOCK_SEQPACKET);
	turn(w);
	for (int packet = 0; packet < 3; packet++) {
		for (int i = 0; i < BUSY; i++)
			ask(fds[i], false, STAMP_PACKET_MAX);
	}
	loop_once(w->loop, false);
	ask(other, true, 1);
	for (rounds = 0; other_replies == 0; rounds++) {
		loop_once(w->loop, false);
		other_replies = replies(other);
	}
	assert_in_range(rounds, 1, 2);
	/* a packet takes more than the turn's time, or hardly less */
	total = busy_replies(fds, counts);
	assert_in_range(total, BUSY + 1, BUSY + (1 + rounds) * BUSY / 2);
	/* and within a user it goes round by connections */
	while (total < 4 * BUSY) {
		loop_once(w->loop, false);
		total = busy_replies(fds, counts);
		for (int i = 0; i < BUSY; i++)
			assert_in_range(counts[i] - 1, (total - BUSY) / BUSY - (total > 2 * BUSY),
				(total - BUSY) / BUSY + 1);
	}
	for (int i = 0; i < BUSY; i++)
		close(fds[i]);
	close(other);
	turn(w);
	assert_int_equal(server_charges(w->server), 0);
}

/* Ticks cost the others no more than requests do, and each subscription has as many as the next. */
static void test_ticks_are_served_in_their_users_turns(void **state)
{
	struct world *w = *state;
	const char monitor[] = "{\"method\":\"org.vdsotime.Time.Monitor\",\"more\":true,"
			       "\"parameters\":{\"intervalNSec\":1000000}}";
	uint64_t before;
	unsigned int rounds;
	int fds[BUSY];
	int other;

	listen_both(w);
	for (int i = 0; i < BUSY; i++)
		fds[i] = connect_as(w, 12345, "org.vdsotime.Time", SOCK_STREAM);
	if (fds[0] < 0)
		skip();
	other = connect_as(w, 12346, "stamp", SOCK_SEQPACKET);
	turn(w);
	for (int i = 0; i < BUSY; i++)
		assert_int_equal(send(fds[i], monitor, sizeof(monitor), 0), sizeof(monitor));
	while (server_charges(w->server) < 2 * BUSY + 1)
		loop_once(w->loop, true);
	usleep(5000);
	before = statistics_of(w, SERVER_VARLINK).ticks;
	ask(other, true, 1);
	for (rounds = 1; rounds < 3; rounds++) {
		loop_once(w->loop, false);
		if (replies(other) > 0)
			break;
	}
	assert_in_range(rounds, 1, 2);
	/* a tick takes more than the turn's time, or hardly less */
	assert_in_range(statistics_of(w, SERVER_VARLINK).ticks - before, 1, rounds * BUSY / 3);
	for (int i = 0; i < BUSY; i++)
		close(fds[i]);
	close(other);
	turn(w);
	assert_int_equal(server_charges(w->server), 0);
}

static void on_time(void *data)
{
	bool *over = data;

	*over = true;
}

/*
 * A call that waits for its rate has no turns meanwhile, and is served soon when it need not wait.
 */
static void test_waiting_call_rests_until_its_limit_is_lifted(void **state)
{
	struct world *w = *state;
	struct server_options limited = w->options;
	const char call[] = "{\"method\":\"org.vdsotime.Time.Read\"}";
	struct loop_timer *timer;
	bool over = false;
	unsigned int began;
	int fds[2];

	limited.requests_per_user = 1;
	server_configure(w->server, &limited);
	w->keeper.time_ns = 1000000;
	listen_both(w);
	fds[0] = connect_as(w, 12345, "stamp", SOCK_SEQPACKET);
	if (fds[0] < 0)
		skip();
	fds[1] = connect_as(w, 12345, "org.vdsotime.Time", SOCK_STREAM);
	ask(fds[0], true, STAMP_PACKET_MAX);
	turn(w);
	assert_int_equal(send(fds[1], call, sizeof(call), MSG_NOSIGNAL), sizeof(call));
	turn(w);
	assert_int_equal(statistics_of(w, SERVER_VARLINK).throttled, 1);
	assert_int_equal(loop_timer_new(w->loop, on_time, &over, &timer), 0);
	loop_timer_start(timer, 30 * MS);
	began = loop_round(w->loop);
	while (!over)
		loop_once(w->loop, true);
	assert_in_range(loop_round(w->loop) - began, 1, 5);
	limited.requests_per_user = 0;
	server_configure(w->server, &limited);
	over = false;
	/* of the four minutes that it had to wait for */
	loop_timer_start(timer, 20000 * MS);
	while (!over && replies(fds[1]) == 0)
		loop_once(w->loop, true);
	assert_false(over);
	loop_timer_free(timer);
	close(fds[0]);
	close(fds[1]);
}

/* Those who wait may go, in any order, and a stop does not wait for the rate. */
static void test_waiting_peers_go_and_a_stop_serves_them(void **state)
{
	struct world *w = *state;
	struct server_options limited = w->options;
	const char call[] = "{\"method\":\"org.vdsotime.Time.Read\"}";
	int fds[5];

	limited.requests_per_user = 1;
	server_configure(w->server, &limited);
	w->keeper.time_ns = 1000000;
	listen_both(w);
	for (int i = 0; i < 4; i++)
		fds[i] = connect_as(w, 12345, "stamp", SOCK_SEQPACKET);
	if (fds[0] < 0)
		skip();
	fds[4] = connect_as(w, 12345, "org.vdsotime.Time", SOCK_STREAM);
	ask(fds[0], true, 2);
	turn(w);
	assert_int_equal(replies(fds[0]), 1);
	for (int i = 0; i < 4; i++) {
		ask(fds[i], i > 0, 1);
		turn(w);
	}
	assert_int_equal(send(fds[4], call, sizeof(call), MSG_NOSIGNAL), sizeof(call));
	turn(w);
	assert_int_equal(statistics_of(w, SERVER_STAMP).throttled, 4);
	assert_int_equal(statistics_of(w, SERVER_VARLINK).throttled, 1);
	close(fds[1]);
	server_stop(w->server, 1000 * MS, on_stopped, w);
	turn(w);
	assert_int_equal(w->stopped, 1);
	assert_int_equal(replies(fds[0]), 1);
	assert_int_equal(replies(fds[2]) + replies(fds[3]), 2);
	assert_int_equal(replies(fds[4]), 1);
	assert_int_equal(server_charges(w->server), 0);
	close(fds[0]);
	for (int i = 2; i < 5; i++)
		close(fds[i]);
}

static void test_server_goes_while_peers_wait(void **state)
{
	struct world *w = *state;
	struct server_options limited = w->options;
	int fds[3];

	limited.requests_per_user = 1;
	server_configure(w->server, &limited);
	w->keeper.time_ns = 1000000;
	listen_both(w);
	for (int i = 0; i < 3; i++)
		fds[i] = connect_as(w, 12345, "stamp", SOCK_SEQPACKET);
	if (fds[0] < 0)
		skip();
	for (int i = 0; i < 3; i++) {
		ask(fds[i], true, 3);
		turn(w);
	}
	assert_int_equal(statistics_of(w, SERVER_STAMP).throttled, 2);
	w->server = server_free(w->server);
	for (int i = 0; i < 3; i++)
		close(fds[i]);
}

static void test_bytes_of_a_user_are_bounded(void **state)
{
	struct world *w = *state;
	struct server_options limited = w->options;
	struct stamp_request subscribe = stamp_subscribe(1, 1000000, 0);
	struct stamp_record refused;
	uint64_t idle_bytes;
	int fds[3];
	int more;

	listen_both(w);
	fds[0] = connect_as(w, 12345, "org.vdsotime.Time", SOCK_STREAM);
	if (fds[0] < 0)
		skip();
	turn(w);
	idle_bytes = statistics_of(w, SERVER_VARLINK).held_bytes;
	assert_in_range(idle_bytes, 100, 2000);
	/* room for another, and for the beginning of one message */
	limited.bytes_per_user_max = 2 * idle_bytes + 4096 + 50;
	server_configure(w->server, &limited);
	fds[1] = connect_as(w, 12345, "org.vdsotime.Time", SOCK_STREAM);
	assert_int_equal(send(fds[0], "{", 1, MSG_NOSIGNAL), 1);
	turn(w);
	assert_int_equal(statistics_of(w, SERVER_VARLINK).held_bytes, 2 * idle_bytes + 4096);
	more = connect_as(w, 12345, "stamp", SOCK_SEQPACKET);
	turn(w);
	close(more);
	assert_int_equal(statistics_of(w, SERVER_STAMP).turned_away_bytes, 1);
	assert_int_equal(send(fds[1], "{", 1, MSG_NOSIGNAL), 1);
	turn(w);
	assert_int_equal(statistics_of(w, SERVER_VARLINK).overdrawn, 1);
	assert_int_equal(statistics_of(w, SERVER_VARLINK).peers, 1);
	/* and a connection, but no subscription */
	close(fds[1]);
	limited.bytes_per_user_max += 250;
	server_configure(w->server, &limited);
	fds[2] = connect_as(w, 12345, "stamp", SOCK_SEQPACKET);
	ask(fds[2], true, 1);
	turn(w);
	assert_int_equal(replies(fds[2]), 1);
	limited.bytes_per_user_max = 1;
	server_configure(w->server, &limited);
	assert_int_equal(send(fds[2], &subscribe, 16, MSG_NOSIGNAL), 16);
	turn(w);
	assert_int_equal(recv(fds[2], &refused, sizeof(refused), 0), sizeof(refused));
	assert_int_equal(refused.error, -EDQUOT);
	assert_int_equal(statistics_of(w, SERVER_STAMP).subscriptions_refused, 1);
	assert_int_equal(statistics_of(w, SERVER_STAMP).subscriptions, 0);
	close(fds[0]);
	close(fds[2]);
	turn(w);
	assert_int_equal(statistics_of(w, SERVER_VARLINK).held_bytes, 0);
	assert_int_equal(statistics_of(w, SERVER_STAMP).held_bytes, 0);
	assert_int_equal(server_charges(w->server), 0);
}

static void test_reply_that_its_user_has_no_room_for_closes(void **state)
{
	struct world *w = *state;
	struct server_options limited = w->options;
	const char call[] = "{\"method\":\"org.vdsotime.Time.Read\"}";
	char c;
	int fd;

	listen_both(w);
	fd = connect_as(w, 12345, "org.vdsotime.Time", SOCK_STREAM);
	if (fd < 0)
		skip();
	turn(w);
	limited.bytes_per_user_max = statistics_of(w, SERVER_VARLINK).held_bytes + 50;
	server_configure(w->server, &limited);
	assert_int_equal(send(fd, call, sizeof(call), MSG_NOSIGNAL), sizeof(call));
	turn(w);
	assert_int_equal(recv(fd, &c, 1, 0), 0);
	assert_int_equal(statistics_of(w, SERVER_VARLINK).overdrawn, 1);
	assert_int_equal(statistics_of(w, SERVER_VARLINK).held_bytes, 0);
	close(fd);
}

static void test_each_call_is_a_request_by_its_users_rate(void **state)
{
	struct world *w = *state;
	struct server_options limited = w->options;
	const char call[] = "{\"method\":\"org.vdsotime.Time.Read\"}";
	int fd;

	limited.requests_per_user = 10;
	server_configure(w->server, &limited);
	w->keeper.time_ns = 1000000;
	listen_both(w);
	fd = connect_as(w, 12345, "org.vdsotime.Time", SOCK_STREAM);
	if (fd < 0)
		skip();
	for (int i = 0; i < 20; i++)
		assert_int_equal(send(fd, call, sizeof(call), MSG_NOSIGNAL), sizeof(call));
	turn(w);
	/* the burst, and what overdraws it */
	assert_int_equal(statistics_of(w, SERVER_VARLINK).frames, 11);
	assert_int_equal(statistics_of(w, SERVER_VARLINK).throttled, 1);
	close(fd);
}

/* The time is that of the whole message, and not from one byte to the next. */
static void test_message_that_comes_byte_by_byte_has_no_more_time(void **state)
{
	struct world *w = *state;
	unsigned int bytes = 0;
	char reply;
	int fd;

	listen_both(w);
	fd = connect_to(w, "org.vdsotime.Time", SOCK_STREAM);
	for (; recv(fd, &reply, 1, 0) < 0; bytes++) {
		assert_in_range(bytes, 0, 1000);
		assert_int_equal(send(fd, "{", 1, MSG_NOSIGNAL), 1);
		usleep(10000);
		turn(w);
	}
	assert_int_equal(statistics_of(w, SERVER_VARLINK).unfinished, 1);
	close(fd);
}

static void test_whoever_leaves_is_not_counted_as_refused(void **state)
{
	struct world *w = *state;
	enum server_socket sockets[] = { SERVER_STAMP, SERVER_VARLINK };
	int fds[3];

	listen_both(w);
	fds[0] = greeted(w);
	fds[1] = connect_to(w, "org.vdsotime.Time", SOCK_STREAM);
	fds[2] = connect_to(w, "org.vdsotime.Time", SOCK_STREAM);
	assert_int_equal(send(fds[2], "{", 1, MSG_NOSIGNAL), 1);
	turn(w);
	for (int i = 0; i < 3; i++)
		close(fds[i]);
	turn(w);
	for (int i = 0; i < 2; i++) {
		struct statistics s = statistics_of(w, sockets[i]);

		assert_int_equal(s.peers, 0);
		assert_int_equal(s.stalled + s.unfinished, 0);
		for (int n = 0; n < STATISTICS_REFUSALS; n++)
			assert_int_equal(s.refused[n], 0);
	}
}

/* An event reaches those who monitor, and nobody else. */
static void test_event_is_told_to_monitors(void **state)
{
	struct world *w = *state;
	const char monitor[] = "{\"method\":\"org.vdsotime.Time.Monitor\",\"more\":true}";
	struct event e = { .kind = EVENT_CLOCK_SET, .amount = 42 };
	char reply[4096];
	int fds[2];

	listen_both(w);
	for (int i = 0; i < 2; i++)
		fds[i] = connect_to(w, "org.vdsotime.Time", SOCK_STREAM);
	assert_int_equal(send(fds[0], monitor, sizeof(monitor), 0), sizeof(monitor));
	turn(w);
	assert_true(recv(fds[0], reply, sizeof(reply), 0) > 0);
	event_log_add(&w->keeper.events, &e);
	event_log_add(&w->keeper.events, &e);
	server_event(w->server);
	/* Not at once: there may be a thousand of them, and the page is to be published. */
	assert_int_equal(recv(fds[0], reply, sizeof(reply), MSG_DONTWAIT), -1);
	turn(w);

	ssize_t n = recv(fds[0], reply, sizeof(reply), 0);

	assert_true(n > 0);
	assert_non_null(strstr(reply, "\"amount\":42"));
	assert_non_null(strstr(reply + strlen(reply) + 1, "\"number\":1"));
	assert_int_equal(recv(fds[1], reply, sizeof(reply), 0), -1);
	close(fds[0]);
	close(fds[1]);
	server_event(w->server);
	turn(w);
	assert_int_equal(server_charges(w->server), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
		TEST(test_sockets_are_for_everyone_and_removed_at_the_end),
		TEST(test_dead_daemons_socket_is_replaced),
		TEST(test_what_is_no_socket_is_left_alone),
		TEST(test_file_that_somebody_else_put_there_is_not_removed),
		TEST(test_missing_or_too_long_directory_is_refused),
		TEST(test_passed_sockets_are_taken_by_name),
		TEST(test_wrong_passed_sockets_are_refused_and_closed),
		TEST(test_limits_out_of_range_are_refused),
		TEST(test_everyone_is_charged_and_all_is_given_back),
		TEST(test_seats_run_out_and_come_back),
		TEST(test_turning_away_costs_no_seat),
		TEST(test_connections_are_taken_in_turns),
		TEST(test_without_descriptors_one_after_the_other_is_turned_away),
		TEST(test_stop_is_at_once_when_nobody_is_there),
		TEST(test_stop_answers_what_is_there_and_closes),
		TEST(test_stop_serves_in_rounds_what_has_come_by_then),
		TEST(test_stop_waits_for_a_reply_to_be_taken),
		TEST(test_stop_does_not_wait_for_ever),
		TEST(test_stall_that_is_over_holds_nothing),
		TEST(test_who_takes_all_after_a_lost_tick_has_not_stalled),
		TEST(test_who_takes_nothing_after_a_lost_tick_has_stalled),
		TEST(test_those_who_go_in_the_midst_leave_nothing),
		TEST(test_what_is_over_holds_nothing),
		TEST(test_calls_of_one_are_served_in_turns),
		TEST(test_monitor_that_does_not_read_loses_ticks_and_no_events),
		TEST(test_page_that_is_not_there_is_an_error_of_the_record),
		TEST(test_one_descriptor_is_on_its_way_to_a_connection),
		TEST(test_closed_connection_keeps_its_seat_until_its_descriptor_is_taken),
		TEST(test_closed_connection_that_keeps_its_seat_has_nothing_else),
		TEST(test_empty_packet_is_told_from_the_end),
		TEST(test_refused_subscription_is_counted_once),
		TEST(test_new_limits_hold_for_those_who_come),
		TEST(test_user_that_asks_too_much_waits_for_it),
		TEST(test_those_who_hung_up_cost_their_user_nothing),
		TEST(test_rounds_go_by_users),
		TEST(test_ticks_are_served_in_their_users_turns),
		TEST(test_waiting_call_rests_until_its_limit_is_lifted),
		TEST(test_waiting_peers_go_and_a_stop_serves_them),
		TEST(test_server_goes_while_peers_wait),
		TEST(test_bytes_of_a_user_are_bounded),
		TEST(test_reply_that_its_user_has_no_room_for_closes),
		TEST(test_each_call_is_a_request_by_its_users_rate),
		TEST(test_message_that_comes_byte_by_byte_has_no_more_time),
		TEST(test_whoever_leaves_is_not_counted_as_refused),
		TEST(test_event_is_told_to_monitors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

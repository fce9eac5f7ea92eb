/* SPDX-License-Identifier: MIT */
/*
 * Attach with raw system calls: see <vdsotime/attach.h>.
 *
 * One packet out (HELLO, ATTACH), one packet in, with the page's descriptor beside it.  A
 * descriptor is closed by whoever opened it here, on every path; the mapping outlives them.
 */
#include <vdsotime/attach.h>

#include <vdsotime/vdso.h>

#include "proto/page/boot-id.h"
#include "proto/vdso/bytes.h"
#include "proto/vdso/native.h"
#include "proto/wire/stamp.h"

enum {
	FAMILY_UNIX = 1,
	TYPE_SEQPACKET = 5,
	LEVEL_SOCKET = NATIVE_SOL_SOCKET,
	RIGHTS = 1,
	MESSAGE_CLOSE_ON_EXEC = 0x40000000,
	MESSAGE_NO_SIGNAL = 0x4000,
	POLL_INPUT = 1,
	PATIENCE_SEC = 1,
	CONTROL_CUT = 8,
	MESSAGE_CUT = 0x20,
	SEEK_TO_END = 2,
	SET_FLAGS = 4,
	GET_SEALS = 1034,
	SEAL_SHRINK = 2,
	MAP_READ = 1,
	MAP_IS_SHARED = 1,
	AT_WORKING_DIRECTORY = -100,
	ERROR_PERMISSION = 1,
	ERROR_INTERRUPTED = 4,
	ERROR_RANGE = 34,
	AGREE_TRIES = 16,
	ERROR_BAD_MESSAGE = NATIVE_EBADMSG,
	ERROR_PROTOCOL = NATIVE_EPROTO,
	ERROR_NAME_TOO_LONG = NATIVE_ENAMETOOLONG,
	SOCKET_PATH_BYTES = 108
};

struct socket_address {
	uint16_t family;
	char path[SOCKET_PATH_BYTES];
};

struct io_vector {
	const void *base;
	size_t bytes;
};

struct message {
	void *name;
	uint32_t name_bytes;
	struct io_vector *vectors;
	size_t vector_count;
	void *control;
	size_t control_bytes;
	uint32_t flags;
};

/*
 * One control message with one descriptor, and no room for padding: a second descriptor would fit
 * there, and be ours to close.
 */
struct control {
	size_t bytes;
	int32_t level;
	int32_t type;
	int32_t fd;
};

#define CONTROL_BYTES (offsetof(struct control, fd) + sizeof(int32_t))

static void close_fd(int fd)
{
	if (fd >= 0)
		(void)sys_call3(NR_CLOSE, fd, 0, 0);
}

/* dir and the socket's name; false when it does not fit. */
static bool set_path(struct socket_address *address, const char *dir)
{
	static const char name[] = "/" STAMP_SOCKET;
	size_t n = 0;

	bytes_clear(address, sizeof(*address));
	address->family = FAMILY_UNIX;
	while (dir[n] && n < sizeof(address->path) - sizeof(name)) {
		address->path[n] = dir[n];
		n++;
	}
	bytes_copy(address->path + n, name, sizeof(name));
	return !dir[n];
}

/* Without waiting where the listener's backlog is full: what connect(2) would do for ever. */
static int connect_to(const char *dir)
{
	struct socket_address address;
	NATIVE_WORD fd, r;

	if (!set_path(&address, dir))
		return -ERROR_NAME_TOO_LONG;
	fd = sys_call3(
		NR_SOCKET, FAMILY_UNIX, TYPE_SEQPACKET | NATIVE_O_CLOEXEC | NATIVE_O_NONBLOCK, 0);
	if (fd < 0)
		return (int)fd;
	r = sys_call3(NR_CONNECT, fd, sys_pointer(&address), sizeof(address));
	if (r < 0) {
		close_fd((int)fd);
		return (int)r;
	}
	return (int)fd;
}

/* sendmsg or recvmsg, again when a signal comes between. */
static NATIVE_WORD move_message(NATIVE_WORD number, int fd, struct message *message, uint32_t flags)
{
	NATIVE_WORD r;

	do
		r = sys_call3(number, fd, sys_pointer(message), (NATIVE_WORD)flags);
	while (r == -ERROR_INTERRUPTED);
	return r;
}

static int ask(int fd, const struct stamp_request *requests, size_t bytes)
{
	struct io_vector vector = { requests, bytes };
	struct message message;
	NATIVE_WORD r;

	bytes_clear(&message, sizeof(message));
	message.vectors = &vector;
	message.vector_count = 1;
	r = move_message(NR_SENDMSG, fd, &message, MESSAGE_NO_SIGNAL);
	return r < 0 ? (int)r : 0;
}

struct poll_one {
	int32_t fd;
	int16_t events;
	int16_t happened;
};

/*
 * For an answer, but not for ever.  Where a kernel is too old for that, or a filter forbids it, the
 * socket is made to wait as long as it takes.
 */
static void await_reply(int fd)
{
	struct poll_one one = { fd, POLL_INPUT, 0 };
	struct vdsotime_timespec left = { PATIENCE_SEC, 0 };
	NATIVE_WORD r;

	/* the kernel takes off what has passed, so signals do not prolong it */
	do
		r = sys_call6(NR_PPOLL, sys_pointer(&one), 1, sys_pointer(&left), 0, 0, 0);
	while (r == -ERROR_INTERRUPTED);
	if (r < 0)
		(void)sys_call3(NR_FCNTL, fd, SET_FLAGS, 0);
}

/* HELLO and ATTACH, both granted? */
static bool is_granted(const struct stamp_record records[2])
{
	return records[0].op == STAMP_OP_HELLO && records[0].error == 0 &&
	       records[0].version == STAMP_VERSION && records[1].op == STAMP_OP_ATTACH &&
	       records[1].error == 0;
}

/* The descriptor that came with the reply, or -EPROTO. */
static int receive(int fd)
{
	struct stamp_record records[2];
	struct io_vector vector = { records, sizeof(records) };
	struct control control;
	struct message message;
	NATIVE_WORD r;
	int page = -1;

	bytes_clear(&control, sizeof(control));
	bytes_clear(&message, sizeof(message));
	message.vectors = &vector;
	message.vector_count = 1;
	message.control = &control;
	message.control_bytes = CONTROL_BYTES;
	await_reply(fd);
	r = move_message(NR_RECVMSG, fd, &message, MESSAGE_CLOSE_ON_EXEC);
	if (r < 0)
		return (int)r;
	if (control.level == LEVEL_SOCKET && control.type == RIGHTS &&
		control.bytes == CONTROL_BYTES)
		page = control.fd;
	if (page >= 0 && !(message.flags & (CONTROL_CUT | MESSAGE_CUT)) &&
		r == (NATIVE_WORD)sizeof(records) && is_granted(records))
		return page;
	close_fd(page);
	return -ERROR_PROTOCOL;
}

/* The page's descriptor, of whoever listens in dir. */
static int request_page(const char *dir)
{
	struct stamp_request requests[2];
	int fd = connect_to(dir);
	int r;

	if (fd < 0)
		return fd;
	/* not stamp_hello(): for its zeroes clang calls memset() */
	bytes_clear(requests, sizeof(requests));
	requests[0].op = STAMP_OP_HELLO;
	requests[0].version = STAMP_VERSION;
	requests[0].magic = STAMP_MAGIC;
	requests[1].op = STAMP_OP_ATTACH;
	r = ask(fd, requests, sizeof(requests));
	if (r == 0)
		r = receive(fd);
	close_fd(fd);
	return r;
}

static int read_boot_id(uint8_t id[16])
{
	static const char path[] = BOOT_ID_FILE;
	char text[BOOT_ID_TEXT_BYTES];
	NATIVE_WORD fd, n;

	fd = sys_call6(
		NR_OPENAT, AT_WORKING_DIRECTORY, sys_pointer(path), NATIVE_O_CLOEXEC, 0, 0, 0);
	if (fd < 0)
		return (int)fd;
	n = sys_call3(NR_READ, fd, sys_pointer(text), sizeof(text));
	close_fd((int)fd);
	if (n < 0)
		return (int)n;
	return boot_id_parse(text, (size_t)n, id) ? 0 : -ERROR_BAD_MESSAGE;
}

static NATIVE_WORD map_shared(int fd, size_t bytes)
{
	NATIVE_WORD block[6] = { 0, (NATIVE_WORD)bytes, MAP_READ, MAP_IS_SHARED, fd, 0 };

	if (NATIVE_MMAP_BLOCK)
		return sys_call3(NR_MMAP, sys_pointer(block), 0, 0);
	return sys_call6(NR_MMAP, block[0], block[1], block[2], block[3], block[4], block[5]);
}

/* An address is no error: those are the last 4095 values. */
static bool is_error(NATIVE_WORD r)
{
	return (uintptr_t)r > UINTPTR_MAX - 4095;
}

static int map_page(
	int fd, const struct vdsotime_page_reader *reader, const struct vdsotime_page **ret)
{
	const size_t bytes = sizeof(struct vdsotime_page);
	const struct vdsotime_page *page;
	NATIVE_WORD r = sys_call3(NR_FCNTL, fd, GET_SEALS, 0);
	NATIVE_WORD size;

	if (r < 0 || !(r & SEAL_SHRINK))
		return r < 0 ? (int)r : -ERROR_PERMISSION;
	size = sys_call3(NR_LSEEK, fd, 0, SEEK_TO_END);
	if (size < (NATIVE_WORD)bytes)
		return size < 0 ? (int)size : -ERROR_BAD_MESSAGE;
	r = map_shared(fd, bytes);
	if (is_error(r))
		return (int)r;
	page = (const struct vdsotime_page *)(uintptr_t)r;
	if (vdsotime_page_check(page, (size_t)size, reader) != VDSOTIME_PAGE_OK) {
		vdsotime_page_detach(page);
		return -ERROR_BAD_MESSAGE;
	}
	*ret = page;
	return 0;
}

/* Does the page say of a clock what the kernel says, within the page's bound? */
static bool agrees_once(const struct vdsotime_page *page, int32_t clock)
{
	struct vdsotime_timespec before, after;
	struct vdsotime_instant instant;
	uint64_t now, first, last;
	int64_t ns;

	if (vdsotime_sys_clock_gettime(clock, &before) < 0 ||
		vdsotime_page_read_ns(page, clock, VDSOTIME_COUNTER_FENCE, &ns) !=
			VDSOTIME_PAGE_READ ||
		vdsotime_page_read_instant(page, VDSOTIME_COUNTER_FENCE, &instant) !=
			VDSOTIME_PAGE_READ ||
		vdsotime_sys_clock_gettime(clock, &after) < 0)
		return false;
	if (instant.tracking_ns > VDSOTIME_PAGE_TRACKING_MAX_NS)
		return false;
	now = (uint64_t)ns;
	first = (uint64_t)before.sec * 1000000000 + (uint64_t)before.nsec;
	last = (uint64_t)after.sec * 1000000000 + (uint64_t)after.nsec;
	/* in one comparison: now lies in [first - bound, last + bound] */
	return now - first + instant.tracking_ns <= last - first + 2 * instant.tracking_ns;
}

/* A step of a clock may fall between the readings, so one agreement in many is enough. */
static bool agrees(const struct vdsotime_page *page, int32_t clock)
{
	for (int i = 0; i < AGREE_TRIES; i++) {
		if (agrees_once(page, clock))
			return true;
	}
	return false;
}

int vdsotime_page_attach(const char *runtime_dir, const struct vdsotime_page **ret)
{
	const struct vdsotime_page *page = 0;
	struct vdsotime_page_reader reader;
	int fd, r;

	bytes_clear(&reader, sizeof(reader));
	reader.counter_kind = VDSOTIME_COUNTER_HERE;
	if (!vdsotime_counter_can(VDSOTIME_COUNTER_FENCE))
		reader.counter_kind = VDSOTIME_COUNTER_NONE;
	r = read_boot_id(reader.boot_id);
	if (r < 0)
		return r;
	fd = request_page(runtime_dir ? runtime_dir : VDSOTIME_RUNTIME_DIR_DEFAULT);
	if (fd < 0)
		return fd;
	r = map_page(fd, &reader, &page);
	close_fd(fd);
	if (r < 0)
		return r;
	if (!vdsotime_page_intact(page) || !agrees(page, VDSOTIME_PAGE_REALTIME) ||
		!agrees(page, VDSOTIME_PAGE_MONOTONIC) || !agrees(page, VDSOTIME_PAGE_BOOTTIME)) {
		vdsotime_page_detach(page);
		return -ERROR_RANGE;
	}
	*ret = page;
	return 0;
}

void vdsotime_page_detach(const struct vdsotime_page *page)
{
	if (page)
		(void)sys_call3(NR_MUNMAP, sys_pointer(page), sizeof(*page), 0);
}

/* SPDX-License-Identifier: MIT */
#include "client/mapping.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/page/boot-id.h"
#include "proto/wire/stamp.h"

/* The kernel's SCM_MAX_FD: whatever a liar sends is received, so that it can be closed. */
#define FDS_MAX 253

/* Take the one descriptor out of a message; any other number of them is closed. */
static enum vdsotime_nopage take_fd(struct msghdr *m, int *ret_fd)
{
	int fd = -1;
	size_t count = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		for (size_t i = 0; i < n; i++) {
			if (fd >= 0)
				close(fd);
			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			count++;
		}
	}
	if (count == 1 && !(m->msg_flags & MSG_CTRUNC)) {
		*ret_fd = fd;
		return VDSOTIME_NOPAGE_NONE;
	}
	if (fd >= 0)
		close(fd);
	return VDSOTIME_NOPAGE_NO_FD;
}

static enum vdsotime_nopage judge_reply(
	const struct stamp_request *requests, const struct stamp_record *records, size_t bytes)
{
	if (bytes < sizeof(*records) || records[0].op != STAMP_OP_HELLO)
		return VDSOTIME_NOPAGE_PROTOCOL;
	if (records[0].error == -EPROTONOSUPPORT)
		return VDSOTIME_NOPAGE_VERSION;
	if (!stamp_reply_check(requests, 2, records, bytes))
		return VDSOTIME_NOPAGE_PROTOCOL;
	if (records[0].error)
		return VDSOTIME_NOPAGE_PROTOCOL;
	if (records[1].error == -ENODATA)
		return VDSOTIME_NOPAGE_OFF;
	/* it has a page, but could not hand it out */
	return records[1].error ? VDSOTIME_NOPAGE_NO_FD : VDSOTIME_NOPAGE_NONE;
}

/* One packet out, one in. */
static enum vdsotime_nopage exchange(int fd, int64_t deadline_ns, int *ret_fd)
{
	const struct stamp_request requests[2] = { stamp_hello(), stamp_attach() };
	struct stamp_record records[3];
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(FDS_MAX * sizeof(int))];
	} control;
	struct iovec iov = { .iov_base = records, .iov_len = sizeof(records) };
	struct msghdr m = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	enum vdsotime_nopage reason, taken;
	int page_fd = -1;
	ssize_t n;

	do {
		n = dial_prepare(fd, deadline_ns);
		if (n == 0)
			n = send(fd, requests, sizeof(requests), MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return dial_reason(errno);
	do {
		n = dial_prepare(fd, deadline_ns);
		if (n == 0)
			n = recvmsg(fd, &m, MSG_CMSG_CLOEXEC);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return dial_reason(errno);
	taken = take_fd(&m, &page_fd);
	reason = judge_reply(requests, records, (size_t)n);
	if (reason == VDSOTIME_NOPAGE_NONE)
		reason = taken;
	if (reason == VDSOTIME_NOPAGE_NONE)
		*ret_fd = page_fd;
	else if (page_fd >= 0)
		close(page_fd);
	return reason;
}

enum vdsotime_nopage mapping_fetch(
	const char *runtime_dir, int *ret_fd, struct dial_owner *ret_owner)
{
	int64_t deadline_ns = dial_deadline();
	enum vdsotime_nopage reason;
	int fd;

	reason = dial_connect(runtime_dir, deadline_ns, &fd, ret_owner);
	if (reason != VDSOTIME_NOPAGE_NONE)
		return reason;
	reason = exchange(fd, deadline_ns, ret_fd);
	close(fd);
	return reason;
}

enum vdsotime_nopage mapping_open(
	int fd, const struct dial_owner *owner, const struct vdsotime_page **ret, size_t *ret_bytes)
{
	struct stat st;
	int seals;
	void *p;

	if (fstat(fd, &st) < 0)
		return VDSOTIME_NOPAGE_SYSTEM;
	if (!S_ISREG(st.st_mode) ||
		(st.st_uid != 0 && st.st_uid != owner->listener && st.st_uid != owner->directory))
		return VDSOTIME_NOPAGE_FILE;
	if (st.st_size < (off_t)sizeof(struct vdsotime_page_header))
		return VDSOTIME_NOPAGE_SIZE;
	/* Without this seal the file may shrink, and a read of the mapping be a SIGBUS. */
	seals = fcntl(fd, F_GET_SEALS);
	if (seals < 0 || !(seals & F_SEAL_SHRINK))
		return VDSOTIME_NOPAGE_SEALS;
	/* A shorter file is mapped too; only its header is touched, to tell what it is. */
	p = mmap(NULL, sizeof(struct vdsotime_page), PROT_READ, MAP_SHARED, fd, 0);
	if (p == MAP_FAILED)
		return VDSOTIME_NOPAGE_SYSTEM;
	*ret = p;
	*ret_bytes = (size_t)st.st_size;
	return VDSOTIME_NOPAGE_NONE;
}

static bool read_boot_id(uint8_t ret[static 16])
{
	char text[BOOT_ID_TEXT_BYTES];
	ssize_t n;
	int fd = open(BOOT_ID_FILE, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	n = read(fd, text, sizeof(text));
	close(fd);
	return n > 0 && boot_id_parse(text, (size_t)n, ret);
}

enum vdsotime_nopage mapping_check(const struct vdsotime_page *page, size_t bytes)
{
	struct vdsotime_page_reader self = { .counter_kind = VDSOTIME_COUNTER_HERE };

	/* Without /proc one cannot tell; a page that came over a live socket is of this boot. */
	if (!read_boot_id(self.boot_id))
		memcpy(self.boot_id, page->header.boot_id, sizeof(self.boot_id));
	switch (vdsotime_page_check(page, bytes, &self)) {
	case VDSOTIME_PAGE_OK:
		return VDSOTIME_NOPAGE_NONE;
	case VDSOTIME_PAGE_BAD_MAGIC:
		return VDSOTIME_NOPAGE_MAGIC;
	case VDSOTIME_PAGE_BAD_VERSION:
		return VDSOTIME_NOPAGE_VERSION;
	case VDSOTIME_PAGE_BAD_BOOT_ID:
		return VDSOTIME_NOPAGE_BOOT_ID;
	case VDSOTIME_PAGE_BAD_COUNTER:
		return page->header.counter_kind == VDSOTIME_COUNTER_NONE ? VDSOTIME_NOPAGE_OFF
									  : VDSOTIME_NOPAGE_COUNTER;
	case VDSOTIME_PAGE_BAD_SIZE:
	default:
		return VDSOTIME_NOPAGE_SIZE;
	}
}

const struct vdsotime_page *mapping_close(const struct vdsotime_page *page)
{
	if (page)
		munmap((void *)(uintptr_t)page, sizeof(*page));
	return NULL;
}

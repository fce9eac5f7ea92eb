/* SPDX-License-Identifier: MIT */
/*
 * recv() and sendmsg(), and where errno becomes -errno.
 */
#include "daemon/packet.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

/* Will the peer send no more?  An empty packet is received as the end is. */
static bool has_ended(int fd)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLRDHUP };

	return poll(&poll_fd, 1, 0) != 0;
}

int packet_receive(
	int fd, struct stamp_request requests[static STAMP_PACKET_MAX], size_t *ret_bytes)
{
	ssize_t n =
		recv(fd, requests, STAMP_PACKET_MAX * sizeof(*requests), MSG_DONTWAIT | MSG_TRUNC);

	if (n < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	if (n == 0 && has_ended(fd))
		return -ENOTCONN;
	*ret_bytes = (size_t)n;
	return 0;
}

int packet_send(int fd, const struct stamp_record *records, size_t count, int page_fd)
{
	struct iovec part = {
		.iov_base = (void *)(uintptr_t)records,
		.iov_len = count * sizeof(*records),
	};
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

	if (page_fd >= 0) {
		message.msg_control = control;
		message.msg_controllen = sizeof(control);

		struct cmsghdr *header = CMSG_FIRSTHDR(&message);

		header->cmsg_level = SOL_SOCKET;
		header->cmsg_type = SCM_RIGHTS;
		header->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(header), &page_fd, sizeof(page_fd));
	}
	if (sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	return 0;
}

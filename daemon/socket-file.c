/* SPDX-License-Identifier: MIT */
#include "daemon/socket-file.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define BACKLOG 4096

static int remove_stale(const char *path)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EADDRINUSE;
	return unlink(path) < 0 ? -errno : 0;
}

/* Nobody connects before listen(), so the file has its mode by then. */
static int bind_and_listen(struct socket_file *f, int fd, const struct sockaddr_un *address)
{
	struct stat st;
	int r = remove_stale(address->sun_path);

	if (r < 0)
		return r;
	if (bind(fd, (const struct sockaddr *)(const void *)address, sizeof(*address)) < 0)
		return -errno;
	if (lstat(address->sun_path, &st) < 0)
		return -errno;
	*f = (struct socket_file){ .address = *address, .dev = st.st_dev, .ino = st.st_ino };
	if (chmod(address->sun_path, 0666) < 0 || listen(fd, BACKLOG) < 0)
		return -errno;
	return 0;
}

int socket_file_listen(struct socket_file *f, const char *dir, const char *name, int type)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int length = snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", dir, name);

	if (length < 0 || (size_t)length >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	int r = bind_and_listen(f, fd, &address);
	if (r < 0) {
		socket_file_remove(f);
		close(fd);
		return r;
	}
	return fd;
}

void socket_file_remove(struct socket_file *f)
{
	struct stat st;

	if (f->address.sun_path[0] != '\0' && lstat(f->address.sun_path, &st) == 0 &&
		st.st_dev == f->dev && st.st_ino == f->ino)
		(void)unlink(f->address.sun_path);
	f->address.sun_path[0] = '\0';
}

/* SPDX-License-Identifier: MIT */
#include "daemon/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define LOCK_NAME "lock"

/* Daemons that leave take the file with them; so many at once there are not. */
#define LOCK_TRIES 64

static int open_dir(const char *dir, int *ret)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return -errno;
	int r = fstat(fd, &st) < 0 ? -errno : 0;
	if (r == 0 && (st.st_mode & S_IWOTH))
		r = LOCK_EXPOSED;
	if (r != 0) {
		close(fd);
		return r;
	}
	*ret = fd;
	return 0;
}

static pid_t read_holder(int fd)
{
	char text[16] = "";
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);

	return n > 0 ? (pid_t)strtol(text, NULL, 10) : 0;
}

/* The former holder may have removed the file between our open() and our flock(). */
static bool is_current(int dir_fd, int fd)
{
	struct stat ours, current;

	return fstat(fd, &ours) == 0 &&
	       fstatat(dir_fd, LOCK_NAME, &current, AT_SYMLINK_NOFOLLOW) == 0 &&
	       ours.st_dev == current.st_dev && ours.st_ino == current.st_ino;
}

static bool is_regular(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

static int lock_file(int dir_fd, int *ret, pid_t *ret_holder)
{
	for (int i = 0; i < LOCK_TRIES; i++) {
		int fd = openat(dir_fd, LOCK_NAME, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
		if (fd < 0)
			return errno == ELOOP || errno == EISDIR || errno == ENXIO ? LOCK_NO_FILE
										   : -errno;
		if (!is_regular(fd)) {
			close(fd);
			return LOCK_NO_FILE;
		}
		if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
			int r = errno == EWOULDBLOCK ? LOCK_HELD : -errno;
			if (r == LOCK_HELD)
				*ret_holder = read_holder(fd);
			close(fd);
			return r;
		}
		if (is_current(dir_fd, fd)) {
			*ret = fd;
			return 0;
		}
		close(fd);
	}
	return -EAGAIN;
}

/* For the refusal of the next one; a full disk must not keep us from serving. */
static void write_holder(int fd)
{
	char text[16];
	int n = snprintf(text, sizeof(text), "%d\n", (int)getpid());

	if (ftruncate(fd, 0) == 0 && pwrite(fd, text, (size_t)n, 0) != n)
		(void)!ftruncate(fd, 0);
}

int lock_take(struct lock *l, const char *dir, pid_t *ret_holder)
{
	struct lock taken = LOCK_NULL;
	int r = open_dir(dir, &taken.dir_fd);

	if (r != 0)
		return r;
	r = lock_file(taken.dir_fd, &taken.fd, ret_holder);
	if (r != 0) {
		close(taken.dir_fd);
		return r;
	}
	write_holder(taken.fd);
	*l = taken;
	return 0;
}

void lock_release(struct lock *l)
{
	if (l->fd >= 0) {
		if (is_current(l->dir_fd, l->fd))
			unlinkat(l->dir_fd, LOCK_NAME, 0);
		close(l->fd);
		close(l->dir_fd);
	}
	*l = (struct lock)LOCK_NULL;
}

/* SPDX-License-Identifier: MIT */
/*
 * A listening Unix socket that we make ourselves, and its file.
 *
 * What one would get wrong: the file is removed only while it is the very one that we made.
 * Somebody may have put another there, and it is theirs.
 */
#ifndef VDSOTIMED_SOCKET_FILE_H
#define VDSOTIMED_SOCKET_FILE_H

#include <sys/types.h>
#include <sys/un.h>

struct socket_file {
	struct sockaddr_un address; /* sun_path is "": there is none of ours */
	dev_t dev;
	ino_t ino;
};

/*
 * Make dir/name, mode 0666, and listen on it; type: SOCK_SEQPACKET or SOCK_STREAM.  Of f, which is
 * zeroed or removed.  The caller holds the lock of dir, so a socket that is there already is a dead
 * daemon's, and is replaced.  The descriptor, which is the caller's, does not block and is closed
 * on exec; -ENAMETOOLONG; -EADDRINUSE (what is there is no socket); what a system call said.
 */
int socket_file_listen(struct socket_file *f, const char *dir, const char *name, int type);

/*
 * Remove it, if it is there and ours.  Best while the descriptor is open: until then no other file
 * can have its inode.  May be called twice, and on one that is zeroed.
 */
void socket_file_remove(struct socket_file *f);

#endif

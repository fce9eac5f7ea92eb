/* SPDX-License-Identifier: MIT */
/*
 * The system call and error numbers of proto/vdso/native, against the kernel's own headers.  Only
 * compiled.
 */

#include <asm/errno.h>
#include <asm/fcntl.h>
#include <asm/socket.h>
#include <asm/unistd.h>

#include "proto/vdso/native.h"

#define CHECK(ours, theirs) _Static_assert((ours) == (theirs), #ours)

CHECK(NR_CLOCK_GETTIME, __NR_clock_gettime);
CHECK(NR_CLOCK_GETRES, __NR_clock_getres);
CHECK(NR_GETTIMEOFDAY, __NR_gettimeofday);
CHECK(NR_GETCPU, __NR_getcpu);
CHECK(NR_OPENAT, __NR_openat);
CHECK(NR_READ, __NR_read);
CHECK(NR_WRITE, __NR_write);
CHECK(NR_CLOSE, __NR_close);
CHECK(NR_PIPE2, __NR_pipe2);
CHECK(NR_GETPID, __NR_getpid);
CHECK(NR_PRCTL, __NR_prctl);
CHECK(NR_PROCESS_VM_READV, __NR_process_vm_readv);
CHECK(NR_MUNMAP, __NR_munmap);
CHECK(NR_LSEEK, __NR_lseek);
CHECK(NR_FCNTL, __NR_fcntl);
CHECK(NR_SOCKET, __NR_socket);
CHECK(NR_CONNECT, __NR_connect);
CHECK(NR_SENDMSG, __NR_sendmsg);
CHECK(NR_RECVMSG, __NR_recvmsg);
CHECK(NR_EXIT_GROUP, __NR_exit_group);
CHECK(NATIVE_ENOSYS, ENOSYS);
CHECK(NATIVE_EPROTO, EPROTO);
CHECK(NATIVE_EBADMSG, EBADMSG);
CHECK(NATIVE_ENAMETOOLONG, ENAMETOOLONG);
CHECK(NATIVE_SOL_SOCKET, SOL_SOCKET);
CHECK(NATIVE_O_CLOEXEC, O_CLOEXEC);

#ifdef __NR_mmap2
CHECK(NR_MMAP, __NR_mmap2);
#else
CHECK(NR_MMAP, __NR_mmap);
#endif

#ifdef __NR_clock_gettime64
CHECK(NR_CLOCK_GETTIME64, __NR_clock_gettime64);
CHECK(NR_CLOCK_GETRES_TIME64, __NR_clock_getres_time64);
#else
CHECK(NATIVE_TIME64, 1);
#endif

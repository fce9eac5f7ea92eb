/* SPDX-License-Identifier: MIT */
/*
 * i386, through int 0x80: slower than the kernel's __kernel_vsyscall, but always there.
 *
 * The sixth argument is in ebp, which the compiler may be using: it is put there by hand.
 */
#ifndef PROTO_VDSO_NATIVE_I386_H
#define PROTO_VDSO_NATIVE_I386_H

#define NATIVE_MACHINE MACHINE_386
#define NATIVE_BIG_ENDIAN NATIVE_IS_BIG
#define NATIVE_ELF_FLAGS 0
#define NATIVE_TIME64 0
#define NATIVE_SECONDS int32_t
#define NATIVE_SUSECONDS int32_t
#define NATIVE_WORD long

enum {
	NR_CLOCK_GETTIME = 265,
	NR_CLOCK_GETRES = 266,
	NR_GETTIMEOFDAY = 78,
	NR_GETCPU = 318,
	NR_OPENAT = 295,
	NR_READ = 3,
	NR_WRITE = 4,
	NR_CLOSE = 6,
	NR_PIPE2 = 331,
	NR_GETPID = 20,
	NR_PRCTL = 172,
	NR_PROCESS_VM_READV = 347,
	NR_MMAP = 192,
	NR_MUNMAP = 91,
	NR_LSEEK = 19,
	NR_FCNTL = 55,
	NR_SOCKET = 359,
	NR_CONNECT = 362,
	NR_SENDMSG = 370,
	NR_RECVMSG = 372,
	NR_PPOLL = 414, /* with 64-bit times: Linux 5.1 */
	NR_EXIT_GROUP = 252,
	NR_CLOCK_GETTIME64 = 403,
	NR_CLOCK_GETRES_TIME64 = 406,
};

static inline NATIVE_WORD sys_call3(NATIVE_WORD number, NATIVE_WORD a, NATIVE_WORD b, NATIVE_WORD c)
{
	NATIVE_WORD result;

	__asm__ volatile("int $0x80"
			 : "=a"(result)
			 : "a"(number), "b"(a), "c"(b), "d"(c)
			 : "memory");
	return result;
}

static inline NATIVE_WORD sys_call6(NATIVE_WORD number, NATIVE_WORD a, NATIVE_WORD b, NATIVE_WORD c,
	NATIVE_WORD d, NATIVE_WORD e, NATIVE_WORD f)
{
	NATIVE_WORD result;

	__asm__ volatile("pushl %[f]\n\t"
			 "pushl %%ebp\n\t"
			 "movl 4(%%esp), %%ebp\n\t"
			 "int $0x80\n\t"
			 "popl %%ebp\n\t"
			 "addl $4, %%esp"
			 : "=a"(result)
			 : "a"(number), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e), [f] "m"(f)
			 : "memory");
	return result;
}

#include "proto/vdso/native/call-c.h"

#endif

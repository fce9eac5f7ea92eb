/* SPDX-License-Identifier: MIT */
/*
 * x86-64.
 */
#ifndef PROTO_VDSO_NATIVE_X86_64_H
#define PROTO_VDSO_NATIVE_X86_64_H

#define NATIVE_MACHINE MACHINE_X86_64
#define NATIVE_BIG_ENDIAN NATIVE_IS_BIG
#define NATIVE_ELF_FLAGS 0
#define NATIVE_TIME64 1
#define NATIVE_SECONDS int64_t
#define NATIVE_SUSECONDS int64_t
#define NATIVE_WORD long

enum {
	NR_CLOCK_GETTIME = 228,
	NR_CLOCK_GETRES = 229,
	NR_GETTIMEOFDAY = 96,
	NR_GETCPU = 309,
	NR_OPENAT = 257,
	NR_READ = 0,
	NR_WRITE = 1,
	NR_CLOSE = 3,
	NR_PIPE2 = 293,
	NR_GETPID = 39,
	NR_PRCTL = 157,
	NR_PROCESS_VM_READV = 310,
	NR_MMAP = 9,
	NR_MUNMAP = 11,
	NR_LSEEK = 8,
	NR_FCNTL = 72,
	NR_SOCKET = 41,
	NR_CONNECT = 42,
	NR_SENDMSG = 46,
	NR_RECVMSG = 47,
	NR_PPOLL = 271,
	NR_EXIT_GROUP = 231,
};

enum {
	NR_CLOCK_GETTIME64 = -1,
	NR_CLOCK_GETRES_TIME64 = -1,
};

static inline NATIVE_WORD sys_call3(NATIVE_WORD number, NATIVE_WORD a, NATIVE_WORD b, NATIVE_WORD c)
{
	NATIVE_WORD result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(c)
			 : "rcx", "r11", "memory");
	return result;
}

static inline NATIVE_WORD sys_call6(NATIVE_WORD number, NATIVE_WORD a, NATIVE_WORD b, NATIVE_WORD c,
	NATIVE_WORD d, NATIVE_WORD e, NATIVE_WORD f)
{
	register NATIVE_WORD r_d __asm__("r10") = d;
	register NATIVE_WORD r_e __asm__("r8") = e;
	register NATIVE_WORD r_f __asm__("r9") = f;
	NATIVE_WORD result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r_d), "r"(r_e), "r"(r_f)
			 : "rcx", "r11", "memory");
	return result;
}

#include "proto/vdso/native/call-c.h"

#endif

/* SPDX-License-Identifier: MIT */
/*
 * x32: x86-64 with 32-bit addresses.  Times and system call arguments are 64-bit; calls with
 * pointers inside structs have numbers of their own.
 */
#ifndef PROTO_VDSO_NATIVE_X32_H
#define PROTO_VDSO_NATIVE_X32_H

#define NATIVE_MACHINE MACHINE_X86_64
#define NATIVE_BIG_ENDIAN NATIVE_IS_BIG
#define NATIVE_ELF_FLAGS 0
#define NATIVE_TIME64 1
#define NATIVE_SECONDS int64_t
#define NATIVE_SUSECONDS int64_t
#define NATIVE_WORD long long

enum {
	NR_CLOCK_GETTIME = 0x40000000 + 228,
	NR_CLOCK_GETRES = 0x40000000 + 229,
	NR_GETTIMEOFDAY = 0x40000000 + 96,
	NR_GETCPU = 0x40000000 + 309,
	NR_OPENAT = 0x40000000 + 257,
	NR_READ = 0x40000000 + 0,
	NR_WRITE = 0x40000000 + 1,
	NR_CLOSE = 0x40000000 + 3,
	NR_PIPE2 = 0x40000000 + 293,
	NR_GETPID = 0x40000000 + 39,
	NR_PRCTL = 0x40000000 + 157,
	NR_PROCESS_VM_READV = 0x40000000 + 539,
	NR_MMAP = 0x40000000 + 9,
	NR_MUNMAP = 0x40000000 + 11,
	NR_LSEEK = 0x40000000 + 8,
	NR_FCNTL = 0x40000000 + 72,
	NR_SOCKET = 0x40000000 + 41,
	NR_CONNECT = 0x40000000 + 42,
	NR_SENDMSG = 0x40000000 + 518,
	NR_RECVMSG = 0x40000000 + 519,
	NR_PPOLL = 0x40000000 + 271,
	NR_EXIT_GROUP = 0x40000000 + 231,
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

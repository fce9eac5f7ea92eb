/* SPDX-License-Identifier: MIT */
/*
 * sparc64: carry tells an error, errno in o0.  Its timeval has 32-bit microseconds.
 */
#ifndef PROTO_VDSO_NATIVE_SPARC64_H
#define PROTO_VDSO_NATIVE_SPARC64_H

#define NATIVE_MACHINE MACHINE_SPARCV9
#define NATIVE_BIG_ENDIAN 1
#define NATIVE_ELF_FLAGS 0
#define NATIVE_TIME64 1
#define NATIVE_SECONDS int64_t
#define NATIVE_SUSECONDS int32_t
#define NATIVE_ENOSYS 90
#define NATIVE_EPROTO 86
#define NATIVE_EBADMSG 76
#define NATIVE_ENAMETOOLONG 63
#define NATIVE_SOL_SOCKET 0xffff
#define NATIVE_O_CLOEXEC 0x400000
#define NATIVE_O_NONBLOCK 0x4000
#define NATIVE_WORD long

enum {
	NR_CLOCK_GETTIME = 257,
	NR_CLOCK_GETRES = 258,
	NR_GETTIMEOFDAY = 116,
	NR_GETCPU = 308,
	NR_OPENAT = 284,
	NR_READ = 3,
	NR_WRITE = 4,
	NR_CLOSE = 6,
	NR_PIPE2 = 321,
	NR_GETPID = 20,
	NR_PRCTL = 147,
	NR_PROCESS_VM_READV = 338,
	NR_MMAP = 71,
	NR_MUNMAP = 73,
	NR_LSEEK = 19,
	NR_FCNTL = 92,
	NR_SOCKET = 97,
	NR_CONNECT = 98,
	NR_SENDMSG = 114,
	NR_RECVMSG = 113,
	NR_PPOLL = 298,
	NR_EXIT_GROUP = 188,
};

enum {
	NR_CLOCK_GETTIME64 = -1,
	NR_CLOCK_GETRES_TIME64 = -1,
};

static inline NATIVE_WORD sys_call3(NATIVE_WORD number, NATIVE_WORD a, NATIVE_WORD b, NATIVE_WORD c)
{
	register NATIVE_WORD r_number __asm__("g1") = number;
	register NATIVE_WORD r_a __asm__("o0") = a;
	register NATIVE_WORD r_b __asm__("o1") = b;
	register NATIVE_WORD r_c __asm__("o2") = c;

	__asm__ volatile("t 0x6d\n\t"
			 "bcc,pt %%xcc, 1f\n\t"
			 " nop\n\t"
			 "sub %%g0, %%o0, %%o0\n\t"
			 "1:"
			 : "+r"(r_a)
			 : "r"(r_number), "r"(r_b), "r"(r_c)
			 : "cc", "memory");
	return r_a;
}

static inline NATIVE_WORD sys_call6(NATIVE_WORD number, NATIVE_WORD a, NATIVE_WORD b, NATIVE_WORD c,
	NATIVE_WORD d, NATIVE_WORD e, NATIVE_WORD f)
{
	register NATIVE_WORD r_number __asm__("g1") = number;
	register NATIVE_WORD r_a __asm__("o0") = a;
	register NATIVE_WORD r_b __asm__("o1") = b;
	register NATIVE_WORD r_c __asm__("o2") = c;
	register NATIVE_WORD r_d __asm__("o3") = d;
	register NATIVE_WORD r_e __asm__("o4") = e;
	register NATIVE_WORD r_f __asm__("o5") = f;

	__asm__ volatile("t 0x6d\n\t"
			 "bcc,pt %%xcc, 1f\n\t"
			 " nop\n\t"
			 "sub %%g0, %%o0, %%o0\n\t"
			 "1:"
			 : "+r"(r_a)
			 : "r"(r_number), "r"(r_b), "r"(r_c), "r"(r_d), "r"(r_e), "r"(r_f)
			 : "cc", "memory");
	return r_a;
}

#include "proto/vdso/native/call-c.h"

#endif

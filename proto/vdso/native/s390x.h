/* SPDX-License-Identifier: MIT */
/*
 * s390x.  A vDSO function wants the standard 160-byte frame of its caller, which C gives it.
 *
 * mmap takes a pointer to its six arguments.
 */
#ifndef PROTO_VDSO_NATIVE_S390X_H
#define PROTO_VDSO_NATIVE_S390X_H

#define NATIVE_MACHINE MACHINE_S390
#define NATIVE_BIG_ENDIAN 1
#define NATIVE_ELF_FLAGS 0
#define NATIVE_TIME64 1
#define NATIVE_SECONDS int64_t
#define NATIVE_SUSECONDS int64_t
#define NATIVE_MMAP_BLOCK 1
#define NATIVE_WORD long

enum {
	NR_CLOCK_GETTIME = 260,
	NR_CLOCK_GETRES = 261,
	NR_GETTIMEOFDAY = 78,
	NR_GETCPU = 311,
	NR_OPENAT = 288,
	NR_READ = 3,
	NR_WRITE = 4,
	NR_CLOSE = 6,
	NR_PIPE2 = 325,
	NR_GETPID = 20,
	NR_PRCTL = 172,
	NR_PROCESS_VM_READV = 340,
	NR_MMAP = 90,
	NR_MUNMAP = 91,
	NR_LSEEK = 19,
	NR_FCNTL = 55,
	NR_SOCKET = 359,
	NR_CONNECT = 362,
	NR_SENDMSG = 370,
	NR_RECVMSG = 372,
	NR_PPOLL = 302,
	NR_EXIT_GROUP = 248,
};

enum {
	NR_CLOCK_GETTIME64 = -1,
	NR_CLOCK_GETRES_TIME64 = -1,
};

static inline NATIVE_WORD sys_call3(NATIVE_WORD number, NATIVE_WORD a, NATIVE_WORD b, NATIVE_WORD c)
{
	register NATIVE_WORD r_number __asm__("r1") = number;
	register NATIVE_WORD r_a __asm__("r2") = a;
	register NATIVE_WORD r_b __asm__("r3") = b;
	register NATIVE_WORD r_c __asm__("r4") = c;

	__asm__ volatile("svc 0" : "+r"(r_a) : "r"(r_number), "r"(r_b), "r"(r_c) : "memory");
	return r_a;
}

static inline NATIVE_WORD sys_call6(NATIVE_WORD number, NATIVE_WORD a, NATIVE_WORD b, NATIVE_WORD c,
	NATIVE_WORD d, NATIVE_WORD e, NATIVE_WORD f)
{
	register NATIVE_WORD r_number __asm__("r1") = number;
	register NATIVE_WORD r_a __asm__("r2") = a;
	register NATIVE_WORD r_b __asm__("r3") = b;
	register NATIVE_WORD r_c __asm__("r4") = c;
	register NATIVE_WORD r_d __asm__("r5") = d;
	register NATIVE_WORD r_e __asm__("r6") = e;
	register NATIVE_WORD r_f __asm__("r7") = f;

	__asm__ volatile("svc 0"
			 : "+r"(r_a)
			 : "r"(r_number), "r"(r_b), "r"(r_c), "r"(r_d), "r"(r_e), "r"(r_f)
			 : "memory");
	return r_a;
}

#include "proto/vdso/native/call-c.h"

#endif

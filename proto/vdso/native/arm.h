/* SPDX-License-Identifier: MIT */
/*
 * arm (EABI), ARM and Thumb, either byte order.
 *
 * The number goes in r7, which is the frame pointer of Thumb code: it is saved by hand.
 */
#ifndef PROTO_VDSO_NATIVE_ARM_H
#define PROTO_VDSO_NATIVE_ARM_H

#define NATIVE_MACHINE MACHINE_ARM
#define NATIVE_BIG_ENDIAN NATIVE_IS_BIG
#define NATIVE_ELF_FLAGS 0
#define NATIVE_TIME64 0
#define NATIVE_SECONDS int32_t
#define NATIVE_SUSECONDS int32_t
#define NATIVE_WORD long

enum {
	NR_CLOCK_GETTIME = 263,
	NR_CLOCK_GETRES = 264,
	NR_GETTIMEOFDAY = 78,
	NR_GETCPU = 345,
	NR_OPENAT = 322,
	NR_READ = 3,
	NR_WRITE = 4,
	NR_CLOSE = 6,
	NR_PIPE2 = 359,
	NR_GETPID = 20,
	NR_PRCTL = 172,
	NR_PROCESS_VM_READV = 376,
	NR_MMAP = 192,
	NR_MUNMAP = 91,
	NR_LSEEK = 19,
	NR_FCNTL = 55,
	NR_SOCKET = 281,
	NR_CONNECT = 283,
	NR_SENDMSG = 296,
	NR_RECVMSG = 297,
	NR_PPOLL = 414, /* with 64-bit times: Linux 5.1 */
	NR_EXIT_GROUP = 248,
	NR_CLOCK_GETTIME64 = 403,
	NR_CLOCK_GETRES_TIME64 = 406,
};

static inline NATIVE_WORD sys_call3(NATIVE_WORD number, NATIVE_WORD a, NATIVE_WORD b, NATIVE_WORD c)
{
	register NATIVE_WORD r_a __asm__("r0") = a;
	register NATIVE_WORD r_b __asm__("r1") = b;
	register NATIVE_WORD r_c __asm__("r2") = c;
	NATIVE_WORD saved;

	__asm__ volatile("mov %[saved], r7\n\t"
			 "mov r7, %[number]\n\t"
			 "svc 0\n\t"
			 "mov r7, %[saved]"
			 : "+r"(r_a), [saved] "=&r"(saved)
			 : [number] "r"(number), "r"(r_b), "r"(r_c)
			 : "memory");
	return r_a;
}

static inline NATIVE_WORD sys_call6(NATIVE_WORD number, NATIVE_WORD a, NATIVE_WORD b, NATIVE_WORD c,
	NATIVE_WORD d, NATIVE_WORD e, NATIVE_WORD f)
{
	register NATIVE_WORD r_a __asm__("r0") = a;
	register NATIVE_WORD r_b __asm__("r1") = b;
	register NATIVE_WORD r_c __asm__("r2") = c;
	register NATIVE_WORD r_d __asm__("r3") = d;
	register NATIVE_WORD r_e __asm__("r4") = e;
	register NATIVE_WORD r_f __asm__("r5") = f;
	NATIVE_WORD saved;

	__asm__ volatile("mov %[saved], r7\n\t"
			 "mov r7, %[number]\n\t"
			 "svc 0\n\t"
			 "mov r7, %[saved]"
			 : "+r"(r_a), [saved] "=&r"(saved)
			 : [number] "r"(number), "r"(r_b), "r"(r_c), "r"(r_d), "r"(r_e), "r"(r_f)
			 : "memory");
	return r_a;
}

#include "proto/vdso/native/call-c.h"

#endif

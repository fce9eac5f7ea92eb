/* SPDX-License-Identifier: MIT */
/*
 * mips, o32: a3 tells an error, errno in v0; the fifth and sixth argument are on the stack.
 */
#ifndef PROTO_VDSO_NATIVE_MIPS_O32_H
#define PROTO_VDSO_NATIVE_MIPS_O32_H

#define NATIVE_MACHINE MACHINE_MIPS
#define NATIVE_BIG_ENDIAN NATIVE_IS_BIG
#define NATIVE_ELF_FLAGS 0
#define NATIVE_TIME64 0
#define NATIVE_SECONDS int32_t
#define NATIVE_SUSECONDS int32_t
#define NATIVE_WORD long

#include "proto/vdso/native/mips-numbers.h"

enum {
	NR_CLOCK_GETTIME = 4000 + 263,
	NR_CLOCK_GETRES = 4000 + 264,
	NR_GETTIMEOFDAY = 4000 + 78,
	NR_GETCPU = 4000 + 312,
	NR_OPENAT = 4000 + 288,
	NR_READ = 4000 + 3,
	NR_WRITE = 4000 + 4,
	NR_CLOSE = 4000 + 6,
	NR_PIPE2 = 4000 + 328,
	NR_GETPID = 4000 + 20,
	NR_PRCTL = 4000 + 192,
	NR_PROCESS_VM_READV = 4000 + 345,
	NR_MMAP = 4000 + 210,
	NR_MUNMAP = 4000 + 91,
	NR_LSEEK = 4000 + 19,
	NR_FCNTL = 4000 + 55,
	NR_SOCKET = 4000 + 183,
	NR_CONNECT = 4000 + 170,
	NR_SENDMSG = 4000 + 179,
	NR_RECVMSG = 4000 + 177,
	NR_PPOLL = 4000 + 414, /* with 64-bit times: Linux 5.1 */
	NR_EXIT_GROUP = 4000 + 246,
	NR_CLOCK_GETTIME64 = 4000 + 403,
	NR_CLOCK_GETRES_TIME64 = 4000 + 406,
};

/* what the kernel does not keep */
#if __mips_isa_rev >= 6
#define NATIVE_HILO
#else
#define NATIVE_HILO "hi", "lo",
#endif
#define NATIVE_CLOBBERS \
	NATIVE_HILO "$1", "$3", "$8", "$9", "$10", "$11", "$12", "$13", "$14", "$15", "$24", \
		"$25", "memory"

static inline NATIVE_WORD sys_call3(NATIVE_WORD number, NATIVE_WORD a, NATIVE_WORD b, NATIVE_WORD c)
{
	register NATIVE_WORD r_number __asm__("$2") = number;
	register NATIVE_WORD r_a __asm__("$4") = a;
	register NATIVE_WORD r_b __asm__("$5") = b;
	register NATIVE_WORD r_c __asm__("$6") = c;
	register NATIVE_WORD r_error __asm__("$7");

	__asm__ volatile("syscall"
			 : "+r"(r_number), "=r"(r_error)
			 : "r"(r_a), "r"(r_b), "r"(r_c)
			 : NATIVE_CLOBBERS);
	return r_error ? -r_number : r_number;
}

static inline NATIVE_WORD sys_call6(NATIVE_WORD number, NATIVE_WORD a, NATIVE_WORD b, NATIVE_WORD c,
	NATIVE_WORD d, NATIVE_WORD e, NATIVE_WORD f)
{
	register NATIVE_WORD r_number __asm__("$2") = number;
	register NATIVE_WORD r_a __asm__("$4") = a;
	register NATIVE_WORD r_b __asm__("$5") = b;
	register NATIVE_WORD r_c __asm__("$6") = c;
	register NATIVE_WORD r_error __asm__("$7") = d;

	__asm__ volatile("subu $sp, 32\n\t"
			 "sw %[e], 16($sp)\n\t"
			 "sw %[f], 20($sp)\n\t"
			 "syscall\n\t"
			 "addu $sp, 32"
			 : "+r"(r_number), "+r"(r_error)
			 : "r"(r_a), "r"(r_b), "r"(r_c), [e] "r"(e), [f] "r"(f)
			 : NATIVE_CLOBBERS);
	return r_error ? -r_number : r_number;
}

#include "proto/vdso/native/call-c.h"

#endif

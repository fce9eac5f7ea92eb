/* SPDX-License-Identifier: MIT */
/*
 * mips, n32: n64 with 32-bit addresses and times, and numbers of its own.
 */
#ifndef PROTO_VDSO_NATIVE_MIPS_N32_H
#define PROTO_VDSO_NATIVE_MIPS_N32_H

#define NATIVE_MACHINE MACHINE_MIPS
#define NATIVE_BIG_ENDIAN NATIVE_IS_BIG
#define NATIVE_ELF_FLAGS 0x20
#define NATIVE_TIME64 0
#define NATIVE_SECONDS int32_t
#define NATIVE_SUSECONDS int32_t
#define NATIVE_WORD long

#include "proto/vdso/native/mips-numbers.h"

enum {
	NR_CLOCK_GETTIME = 6000 + 226,
	NR_CLOCK_GETRES = 6000 + 227,
	NR_GETTIMEOFDAY = 6000 + 94,
	NR_GETCPU = 6000 + 275,
	NR_OPENAT = 6000 + 251,
	NR_READ = 6000 + 0,
	NR_WRITE = 6000 + 1,
	NR_CLOSE = 6000 + 3,
	NR_PIPE2 = 6000 + 291,
	NR_GETPID = 6000 + 38,
	NR_PRCTL = 6000 + 153,
	NR_PROCESS_VM_READV = 6000 + 309,
	NR_MMAP = 6000 + 9,
	NR_MUNMAP = 6000 + 11,
	NR_LSEEK = 6000 + 8,
	NR_FCNTL = 6000 + 70,
	NR_SOCKET = 6000 + 40,
	NR_CONNECT = 6000 + 41,
	NR_SENDMSG = 6000 + 45,
	NR_RECVMSG = 6000 + 46,
	NR_PPOLL = 6000 + 414, /* with 64-bit times: Linux 5.1 */
	NR_EXIT_GROUP = 6000 + 205,
	NR_CLOCK_GETTIME64 = 6000 + 403,
	NR_CLOCK_GETRES_TIME64 = 6000 + 406,
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
#define NATIVE_CLOBBERS6 \
	NATIVE_HILO "$1", "$3", "$10", "$11", "$12", "$13", "$14", "$15", "$24", "$25", "memory"

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
	register NATIVE_WORD r_e __asm__("$8") = e;
	register NATIVE_WORD r_f __asm__("$9") = f;

	__asm__ volatile("syscall"
			 : "+r"(r_number), "+r"(r_error), "+r"(r_e), "+r"(r_f)
			 : "r"(r_a), "r"(r_b), "r"(r_c)
			 : NATIVE_CLOBBERS6);
	return r_error ? -r_number : r_number;
}

#include "proto/vdso/native/call-c.h"

#endif

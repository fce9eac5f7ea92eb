/* SPDX-License-Identifier: MIT */
/*
 * mips, n64: a3 tells an error, errno in v0.
 */
#ifndef PROTO_VDSO_NATIVE_MIPS_N64_H
#define PROTO_VDSO_NATIVE_MIPS_N64_H

#define NATIVE_MACHINE MACHINE_MIPS
#define NATIVE_BIG_ENDIAN NATIVE_IS_BIG
#define NATIVE_ELF_FLAGS 0
#define NATIVE_TIME64 1
#define NATIVE_SECONDS int64_t
#define NATIVE_SUSECONDS int64_t
#define NATIVE_WORD long

#include "proto/vdso/native/mips-numbers.h"

enum {
	NR_CLOCK_GETTIME = 5000 + 222,
	NR_CLOCK_GETRES = 5000 + 223,
	NR_GETTIMEOFDAY = 5000 + 94,
	NR_GETCPU = 5000 + 271,
	NR_OPENAT = 5000 + 247,
	NR_READ = 5000 + 0,
	NR_WRITE = 5000 + 1,
	NR_CLOSE = 5000 + 3,
	NR_PIPE2 = 5000 + 287,
	NR_GETPID = 5000 + 38,
	NR_PRCTL = 5000 + 153,
	NR_PROCESS_VM_READV = 5000 + 304,
	NR_MMAP = 5000 + 9,
	NR_MUNMAP = 5000 + 11,
	NR_LSEEK = 5000 + 8,
	NR_FCNTL = 5000 + 70,
	NR_SOCKET = 5000 + 40,
	NR_CONNECT = 5000 + 41,
	NR_SENDMSG = 5000 + 45,
	NR_RECVMSG = 5000 + 46,
	NR_PPOLL = 5000 + 261,
	NR_EXIT_GROUP = 5000 + 205,
};

enum {
	NR_CLOCK_GETTIME64 = -1,
	NR_CLOCK_GETRES_TIME64 = -1,
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

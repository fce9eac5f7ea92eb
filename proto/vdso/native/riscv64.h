/* SPDX-License-Identifier: MIT */
/*
 * riscv64.
 */
#ifndef PROTO_VDSO_NATIVE_RISCV64_H
#define PROTO_VDSO_NATIVE_RISCV64_H

#define NATIVE_MACHINE MACHINE_RISCV
#define NATIVE_BIG_ENDIAN NATIVE_IS_BIG
#define NATIVE_ELF_FLAGS 0
#define NATIVE_TIME64 1
#define NATIVE_SECONDS int64_t
#define NATIVE_SUSECONDS int64_t
#define NATIVE_WORD long

#include "proto/vdso/native/generic-numbers.h"

enum {
	NR_CLOCK_GETTIME64 = -1,
	NR_CLOCK_GETRES_TIME64 = -1,
};

static inline NATIVE_WORD sys_call3(NATIVE_WORD number, NATIVE_WORD a, NATIVE_WORD b, NATIVE_WORD c)
{
	register NATIVE_WORD r_number __asm__("a7") = number;
	register NATIVE_WORD r_a __asm__("a0") = a;
	register NATIVE_WORD r_b __asm__("a1") = b;
	register NATIVE_WORD r_c __asm__("a2") = c;

	__asm__ volatile("ecall" : "+r"(r_a) : "r"(r_number), "r"(r_b), "r"(r_c) : "memory");
	return r_a;
}

static inline NATIVE_WORD sys_call6(NATIVE_WORD number, NATIVE_WORD a, NATIVE_WORD b, NATIVE_WORD c,
	NATIVE_WORD d, NATIVE_WORD e, NATIVE_WORD f)
{
	register NATIVE_WORD r_number __asm__("a7") = number;
	register NATIVE_WORD r_a __asm__("a0") = a;
	register NATIVE_WORD r_b __asm__("a1") = b;
	register NATIVE_WORD r_c __asm__("a2") = c;
	register NATIVE_WORD r_d __asm__("a3") = d;
	register NATIVE_WORD r_e __asm__("a4") = e;
	register NATIVE_WORD r_f __asm__("a5") = f;

	__asm__ volatile("ecall"
			 : "+r"(r_a)
			 : "r"(r_number), "r"(r_b), "r"(r_c), "r"(r_d), "r"(r_e), "r"(r_f)
			 : "memory");
	return r_a;
}

#include "proto/vdso/native/call-c.h"

#endif

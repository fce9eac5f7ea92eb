/* SPDX-License-Identifier: MIT */
/*
 * The calls of powerpc, 32 and 64 bits: a system call tells an error by CR0.SO, errno in r3.
 */
#ifndef PROTO_VDSO_NATIVE_POWERPC_CALL_H
#define PROTO_VDSO_NATIVE_POWERPC_CALL_H

static inline NATIVE_WORD sys_call3(NATIVE_WORD number, NATIVE_WORD a, NATIVE_WORD b, NATIVE_WORD c)
{
	register NATIVE_WORD r_number __asm__("r0") = number;
	register NATIVE_WORD r_a __asm__("r3") = a;
	register NATIVE_WORD r_b __asm__("r4") = b;
	register NATIVE_WORD r_c __asm__("r5") = c;

	__asm__ volatile(
		"sc\n\t"
		"bns+ 1f\n\t"
		"neg 3, 3\n\t"
		"1:"
		: "+r"(r_number), "+r"(r_a), "+r"(r_b), "+r"(r_c)
		:
		: "r6", "r7", "r8", "r9", "r10", "r11", "r12", "cr0", "ctr", "xer", "memory");
	return r_a;
}

static inline NATIVE_WORD sys_call6(NATIVE_WORD number, NATIVE_WORD a, NATIVE_WORD b, NATIVE_WORD c,
	NATIVE_WORD d, NATIVE_WORD e, NATIVE_WORD f)
{
	register NATIVE_WORD r_number __asm__("r0") = number;
	register NATIVE_WORD r_a __asm__("r3") = a;
	register NATIVE_WORD r_b __asm__("r4") = b;
	register NATIVE_WORD r_c __asm__("r5") = c;
	register NATIVE_WORD r_d __asm__("r6") = d;
	register NATIVE_WORD r_e __asm__("r7") = e;
	register NATIVE_WORD r_f __asm__("r8") = f;

	__asm__ volatile(
		"sc\n\t"
		"bns+ 1f\n\t"
		"neg 3, 3\n\t"
		"1:"
		: "+r"(r_number), "+r"(r_a), "+r"(r_b), "+r"(r_c), "+r"(r_d), "+r"(r_e), "+r"(r_f)
		:
		: "r9", "r10", "r11", "r12", "cr0", "ctr", "xer", "memory");
	return r_a;
}

/*
 * A vDSO function answers as a system call does: CR0.SO set, and errno in r3.  Its address is that
 * of code (ELFv1 has no descriptor for it), it keeps r2 and r13 and stores its return address in
 * its caller's frame: it gets a frame of its own, below what the compiler may have put under the
 * stack pointer without saying so.
 */
static inline int native_call3(uintptr_t address, NATIVE_WORD a, NATIVE_WORD b, NATIVE_WORD c)
{
	register NATIVE_WORD r_a __asm__("r3") = a;
	register NATIVE_WORD r_b __asm__("r4") = b;
	register NATIVE_WORD r_c __asm__("r5") = c;
	register uintptr_t r_address __asm__("r12") = address;

	__asm__ volatile("mtctr %[address]\n\t" NATIVE_FRAME_PUSH "\n\t"
			 "bctrl\n\t" NATIVE_FRAME_POP "\n\t"
			 "bns+ 1f\n\t"
			 "neg 3, 3\n\t"
			 "1:"
			 : "+r"(r_a), "+r"(r_b), "+r"(r_c), [address] "+r"(r_address)
			 :
			 : "r0", "r6", "r7", "r8", "r9", "r10", "r11", "cr0", "cr1", "cr5", "cr6",
			 "cr7", "xer", "lr", "ctr", "memory");
	return (int)r_a;
}

static inline int native_call_clock(uintptr_t address, int32_t clock_id, void *ret)
{
	return native_call3(address, clock_id, (NATIVE_WORD)(uintptr_t)ret, 0);
}

static inline int native_call_pointers(uintptr_t address, void *a, void *b)
{
	return native_call3(address, (NATIVE_WORD)(uintptr_t)a, (NATIVE_WORD)(uintptr_t)b, 0);
}

#endif

/* SPDX-License-Identifier: MIT */
/*
 * Functions in the place of the vDSO's, in the convention of the machine: each is an address of
 * code.
 *
 *   fake_fails          fails with errno 38 and writes nothing
 *   fake_words          two words of the machine: 1000 and 42
 *   fake_negative       two words: -5 and 42; success, as after 2038 on a 32-bit machine
 *   fake_wide           two 64-bit words: 5000000000 and 42
 *   fake_cpu            7 and 3 through two pointers
 */
#ifndef TESTS_NOLIBC_FAKES_H
#define TESTS_NOLIBC_FAKES_H

#include <stdint.h>

#include "proto/vdso/call.h"

#if defined(__powerpc__)

/*
 * CR0.SO is bit 3.  fake_words does what the kernel's do: it saves its return address in its
 * caller's frame and makes a frame of its own, so that a caller without one would lose its own.
 */
#if defined(__powerpc64__)
#define STORE "std"
#define FAKE_ENTER "mflr 0\n\tstd 0, 16(1)\n\tstd 2, 24(1)\n\tstdu 1, -112(1)\n\t"
#define FAKE_LEAVE "addi 1, 1, 112\n\tld 0, 16(1)\n\tmtlr 0\n\t"
#define SECOND "8"
#else
#define STORE "stw"
#define FAKE_ENTER "mflr 0\n\tstw 0, 4(1)\n\tstwu 1, -16(1)\n\t"
#define FAKE_LEAVE "addi 1, 1, 16\n\tlwz 0, 4(1)\n\tmtlr 0\n\t"
#define SECOND "4"
#endif

/*
 * A clock function has its pointer in r4, the others in r3: r10 is the one that is no small number.
 */
#define FAKE_POINTER "mr 10, 3\n\tcmplwi 0, 3, 4096\n\tbge 0, 1f\n\tmr 10, 4\n1:\n\t"
#define FAKE_SUCCEED "li 3, 0\n\tcrclr 3\n\tblr\n"
#define FAKE_TRASH \
	"li 5, -1\n\tli 6, -1\n\tli 7, -1\n\tli 8, -1\n\tli 9, -1\n\tli 11, -1\n\tli 12, -1\n\t"

__asm__(".text\n\t.p2align 2\n"
	"fake_fails:\n\tli 3, 38\n\tcrset 3\n\tblr\n"
	"fake_words:\n\t" FAKE_ENTER FAKE_POINTER "li 0, 1000\n\t" STORE
	" 0, 0(10)\n\tli 0, 42\n\t" STORE " 0, " SECOND
	"(10)\n\t" FAKE_TRASH FAKE_LEAVE FAKE_SUCCEED "fake_negative:\n\t" FAKE_POINTER
	"li 0, -5\n\t" STORE " 0, 0(10)\n\tli 0, 42\n\t" STORE " 0, " SECOND "(10)\n\t" FAKE_SUCCEED
	"fake_wide:\n\t"
	"li 5, 1\n\tlis 6, 0x2a05\n\tori 6, 6, 0xf200\n\tli 7, 0\n\tli 8, 42\n\t"
	"stw 5, 0(4)\n\tstw 6, 4(4)\n\tstw 7, 8(4)\n\tstw 8, 12(4)\n\t" FAKE_SUCCEED
	"fake_cpu:\n\tli 0, 7\n\tstw 0, 0(3)\n\tli 0, 3\n\tstw 0, 0(4)\n\t" FAKE_SUCCEED);

extern const char fake_fails[], fake_words[], fake_negative[], fake_wide[], fake_cpu[];

#else

static int fake_fails(void)
{
	return -38;
}

/* A clock function has its pointer second, the others first; theirs is a timeval. */
static int fake_store(uintptr_t a, uintptr_t b, NATIVE_SECONDS sec)
{
	NATIVE_SECONDS *clock = (NATIVE_SECONDS *)b;
	struct timeval_native *day = (struct timeval_native *)a;

	if (a < 4096) {
		clock[0] = sec;
		clock[1] = 42;
	} else {
		day->sec = sec;
		day->usec = 42;
	}
	return 0;
}

static int fake_words(uintptr_t a, uintptr_t b)
{
	return fake_store(a, b, 1000);
}

static int fake_negative(uintptr_t a, uintptr_t b)
{
	return fake_store(a, b, -5);
}

static int fake_wide(int32_t id, int64_t *ret)
{
	(void)id;
	ret[0] = 5000000000;
	ret[1] = 42;
	return 0;
}

static int fake_cpu(uint32_t *cpu, uint32_t *node, void *cache)
{
	(void)cache;
	*cpu = 7;
	*node = 3;
	return 0;
}

#endif

#endif

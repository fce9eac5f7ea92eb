/* SPDX-License-Identifier: MIT */
/*
 * Where a process starts: _start for each architecture.
 *
 * The kernel jumps to _start with the stack pointer at argc and no return address; registers hold
 * nothing. So _start cannot be C: it hands that stack pointer to nolibc_main(), on a stack that is
 * aligned as the architecture's C wants it, and ends the chain of frames for debuggers.
 * nolibc_main() never returns.
 *
 * Include it in one file.
 */
#ifndef EXAMPLES_NOLIBC_START_H
#define EXAMPLES_NOLIBC_START_H

#include <stdint.h>

/* stack: argc, argv[0] to argv[argc - 1], NULL, the environment, NULL, the auxiliary vector. */
__attribute__((noreturn, used)) void nolibc_main(const uintptr_t *stack);

#define NOLIBC_START ".text\n\t.globl _start\n\t.type _start, %function\n_start:\n\t"

#if defined(__x86_64__) && defined(__ILP32__)
__asm__(".text\n\t.globl _start\n\t.type _start, @function\n_start:\n\t"
	"xorl %ebp, %ebp\n\t"
	"movl %esp, %edi\n\t"
	"andl $-16, %esp\n\t"
	"call nolibc_main\n");

#elif defined(__x86_64__)
__asm__(".text\n\t.globl _start\n\t.type _start, @function\n_start:\n\t"
	"xorl %ebp, %ebp\n\t"
	"movq %rsp, %rdi\n\t"
	"andq $-16, %rsp\n\t"
	"call nolibc_main\n");

#elif defined(__i386__)
__asm__(".text\n\t.globl _start\n\t.type _start, @function\n_start:\n\t"
	"xorl %ebp, %ebp\n\t"
	"movl %esp, %eax\n\t"
	"andl $-16, %esp\n\t"
	"subl $12, %esp\n\t"
	"pushl %eax\n\t"
	"call nolibc_main\n");

#elif defined(__aarch64__)
__asm__(NOLIBC_START "mov x29, #0\n\t"
		     "mov x30, #0\n\t"
		     "mov x0, sp\n\t"
		     "and sp, x0, #-16\n\t"
		     "bl nolibc_main\n");

#elif defined(__arm__)
__asm__(".syntax unified\n\t.arm\n\t" NOLIBC_START "mov r11, #0\n\t"
	"mov lr, #0\n\t"
	"mov r0, sp\n\t"
	"bic r1, r0, #15\n\t"
	"mov sp, r1\n\t"
	"blx nolibc_main\n\t"
#ifdef __thumb__
	".thumb\n"
#endif
);

#elif defined(__riscv)
/* the linker makes short addresses relative to gp */
__asm__(NOLIBC_START ".option push\n\t"
		     ".option norelax\n\t"
		     "lla gp, __global_pointer$\n\t"
		     ".option pop\n\t"
		     "li s0, 0\n\t"
		     "li ra, 0\n\t"
		     "mv a0, sp\n\t"
		     "andi sp, sp, -16\n\t"
		     "call nolibc_main\n");

#elif defined(__powerpc64__) && _CALL_ELF == 2
/* the kernel leaves _start's own address in r12; r2 is reckoned from it */
__asm__(NOLIBC_START "addis 2, 12, .TOC.-_start@ha\n\t"
		     "addi 2, 2, .TOC.-_start@l\n\t"
		     "mr 3, 1\n\t"
		     "clrrdi 1, 1, 4\n\t"
		     "li 0, 0\n\t"
		     "stdu 0, -64(1)\n\t"
		     "mtlr 0\n\t"
		     "bl nolibc_main\n\t"
		     "nop\n");

#elif defined(__powerpc64__)
/* ELFv1: the entry is a descriptor, and the kernel loads r2 from it */
__asm__(".section .opd, \"aw\"\n\t.align 3\n\t.globl _start\n_start:\n\t"
	".quad ._start, .TOC.@tocbase, 0\n\t"
	".previous\n\t.text\n\t.globl ._start\n._start:\n\t"
	"mr 3, 1\n\t"
	"clrrdi 1, 1, 4\n\t"
	"li 0, 0\n\t"
	"stdu 0, -128(1)\n\t"
	"mtlr 0\n\t"
	"bl nolibc_main\n\t"
	"nop\n");

#elif defined(__powerpc__)
__asm__(".text\n\t.globl _start\n_start:\n\t"
	"mr 3, 1\n\t"
	"clrrwi 1, 1, 4\n\t"
	"li 0, 0\n\t"
	"stwu 0, -16(1)\n\t"
	"mtlr 0\n\t"
	"bl nolibc_main\n");

#elif defined(__s390x__)
/* a frame of 160 bytes belongs to whoever is called */
__asm__(".text\n\t.globl _start\n_start:\n\t"
	"lgr %r2, %r15\n\t"
	"lghi %r0, -16\n\t"
	"ngr %r15, %r0\n\t"
	"aghi %r15, -160\n\t"
	"xc 0(8, %r15), 0(%r15)\n\t"
	"brasl %r14, nolibc_main\n");

#elif defined(__loongarch__)
__asm__(".text\n\t.globl _start\n_start:\n\t"
	"move $fp, $zero\n\t"
	"move $ra, $zero\n\t"
	"move $a0, $sp\n\t"
	"bstrins.d $sp, $zero, 3, 0\n\t"
	"bl nolibc_main\n");

#elif defined(__mips__)
/* o32 has room for four arguments above the frame; built with -mno-abicalls, so no gp */
#if _MIPS_SIM == _ABI64
#define NOLIBC_MOVE_STACK "daddiu $29, $29, -32\n\t"
#else
#define NOLIBC_MOVE_STACK "addiu $29, $29, -32\n\t"
#endif
__asm__(".text\n\t.globl __start\n\t.globl _start\n__start:\n_start:\n\t"
	".set push\n\t"
	".set noreorder\n\t"
	"move $30, $0\n\t"
	"move $31, $0\n\t"
	"move $4, $29\n\t"
	"li $2, -16\n\t"
	"and $29, $29, $2\n\t" NOLIBC_MOVE_STACK "jal nolibc_main\n\t"
	" nop\n\t"
	".set pop\n");

#elif defined(__sparc__) && defined(__arch64__)
/*
 * above the biased stack pointer is a register window, then argc; who is called may store six
 * arguments
 */
__asm__(".text\n\t.globl _start\n_start:\n\t"
	"clr %fp\n\t"
	"add %sp, 2047 + 128, %o0\n\t"
	"call nolibc_main\n\t"
	" sub %sp, 48, %sp\n");

#else
#error "no _start for this architecture"
#endif

#endif

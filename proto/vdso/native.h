/* SPDX-License-Identifier: MIT */
/*
 * The machine that this is compiled for: its entry in the table, its system calls, its calls of the
 * vDSO.
 *
 * One header each in native/, which defines
 *   NATIVE_MACHINE, NATIVE_BIG_ENDIAN, NATIVE_ELF_FLAGS   which entry of the table it is
 *   NATIVE_TIME64       1: the kernel's own timespec is two 64-bit words
 *   NATIVE_SECONDS, NATIVE_SUSECONDS   the types of its timeval
 *   NATIVE_WORD         a system call argument
 *   NR_*                system call numbers
 *   sys_call3(), sys_call6()                    a system call: its result, or -errno
 *   native_call_clock(), native_call_pointers() a vDSO function: 0 or -errno
 *
 * and where they are not as below, the numbers of errors and flags.  Those that are used here and
 * not named below are the same everywhere.  A system call's results go through memory that the
 * compiler is told about; nothing sets errno.
 */
#ifndef PROTO_VDSO_NATIVE_H
#define PROTO_VDSO_NATIVE_H

#include <stdint.h>

#include "proto/vdso/elf.h"

#define NATIVE_IS_BIG (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__)

#if defined(__x86_64__) && defined(__ILP32__)
#include "proto/vdso/native/x32.h"
#elif defined(__x86_64__)
#include "proto/vdso/native/x86-64.h"
#elif defined(__i386__)
#include "proto/vdso/native/i386.h"
#elif defined(__aarch64__)
#include "proto/vdso/native/aarch64.h"
#elif defined(__arm__)
#include "proto/vdso/native/arm.h"
#elif defined(__riscv) && __riscv_xlen == 64
#include "proto/vdso/native/riscv64.h"
#elif defined(__powerpc64__)
#include "proto/vdso/native/powerpc64.h"
#elif defined(__powerpc__)
#include "proto/vdso/native/powerpc.h"
#elif defined(__s390x__)
#include "proto/vdso/native/s390x.h"
#elif defined(__loongarch__) && __loongarch_grlen == 64
#include "proto/vdso/native/loongarch64.h"
#elif defined(__mips__) && defined(_ABIO32) && _MIPS_SIM == _ABIO32
#include "proto/vdso/native/mips-o32.h"
#elif defined(__mips__) && defined(_ABIN32) && _MIPS_SIM == _ABIN32
#include "proto/vdso/native/mips-n32.h"
#elif defined(__mips__)
#include "proto/vdso/native/mips-n64.h"
#elif defined(__sparc__) && defined(__arch64__)
#include "proto/vdso/native/sparc64.h"
#else
#error "this architecture is not in the table: see proto/vdso/arch.c and proto/vdso/native/"
#endif

#ifndef NATIVE_ENOSYS
#define NATIVE_ENOSYS 38
#define NATIVE_EPROTO 71
#define NATIVE_EBADMSG 74
#define NATIVE_ENAMETOOLONG 36
#define NATIVE_SOL_SOCKET 1
#define NATIVE_O_CLOEXEC 0x80000
#define NATIVE_O_NONBLOCK 0x800
#endif

/* 1: mmap takes a pointer to its arguments. */
#ifndef NATIVE_MMAP_BLOCK
#define NATIVE_MMAP_BLOCK 0
#endif

/* A pointer as a system call argument. */
#define sys_pointer(pointer) ((NATIVE_WORD)(uintptr_t)(pointer))

#endif

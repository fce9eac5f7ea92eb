/* SPDX-License-Identifier: MIT */
/*
 * Numbers that mips has of its own, in each of its ABIs.
 */
#ifndef PROTO_VDSO_NATIVE_MIPS_NUMBERS_H
#define PROTO_VDSO_NATIVE_MIPS_NUMBERS_H

#define NATIVE_ENOSYS 89
#define NATIVE_EPROTO 71
#define NATIVE_EBADMSG 77
#define NATIVE_ENAMETOOLONG 78
#define NATIVE_SOL_SOCKET 0xffff
#define NATIVE_O_CLOEXEC 0x80000
#define NATIVE_O_NONBLOCK 0x80

#endif

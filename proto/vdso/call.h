/* SPDX-License-Identifier: MIT */
/*
 * The kernel's structs of time, as the system calls and the vDSO of this machine lay them out.
 */
#ifndef PROTO_VDSO_CALL_H
#define PROTO_VDSO_CALL_H

#include <stdint.h>

#include "proto/vdso/native.h"

struct timespec32 {
	int32_t sec;
	int32_t nsec;
};

/* The machine's own timeval; on 32-bit machines its seconds end in 2038. */
struct timeval_native {
	NATIVE_SECONDS sec;
	NATIVE_SUSECONDS usec;
};

/* n / 1000 without a divide instruction; exact for every n. */
static inline int32_t nsec_to_usec(uint32_t nsec)
{
	return (int32_t)((uint64_t)nsec * 274877907u >> 38);
}

#endif

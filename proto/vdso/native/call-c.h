/* SPDX-License-Identifier: MIT */
/*
 * Calling a vDSO function where it is a C function: 0 or -errno, as every architecture but powerpc.
 */
#ifndef PROTO_VDSO_NATIVE_CALL_C_H
#define PROTO_VDSO_NATIVE_CALL_C_H

#include <stdint.h>

static inline int native_call_clock(uintptr_t address, int32_t clock_id, void *ret)
{
	return ((int (*)(int32_t, void *))address)(clock_id, ret);
}

static inline int native_call_pointers(uintptr_t address, void *a, void *b)
{
	return ((int (*)(void *, void *, void *))address)(a, b, (void *)0);
}

#endif

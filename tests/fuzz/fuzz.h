/* SPDX-License-Identifier: MIT */
/*
 * A fuzz target is the function that libFuzzer calls; without libFuzzer, standalone.c calls it with
 * mutations of the target's own corpus.
 */
#ifndef VDSOTIMED_FUZZ_H
#define VDSOTIMED_FUZZ_H

#include <stddef.h>
#include <stdint.h>

/* Returns 0, or aborts where a promise was broken. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

#endif

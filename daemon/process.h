/* SPDX-License-Identifier: MIT */
/* What a daemon sees to in its own process before it does anything else. */
#ifndef VDSOTIMED_PROCESS_H
#define VDSOTIMED_PROCESS_H

#include <stddef.h>
#include <stdint.h>

/*
 * Open /dev/null for standard descriptors that are closed: the log must not get into a socket of
 * ours.
 */
void process_open_standard_descriptors(void);

/*
 * Block these for good: one that comes during set-up waits, and the loop later takes it from a
 * signalfd.
 */
void process_block_signals(const int *signals, size_t count);

/*
 * Raise the soft limit of descriptors to needed, as far as the hard one lets us.  0; -EMFILE when
 * that is not far enough, and then *ret_limit is what there is; what else setrlimit(2) said.
 */
int process_raise_descriptor_limit(uint64_t needed, uint64_t *ret_limit);

#endif

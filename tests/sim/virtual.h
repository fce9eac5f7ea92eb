/* SPDX-License-Identifier: MIT */
/*
 * The machine under the simulated text: included before everything else, by the compiler's command
 * line, when the daemon's time side, the page and the client's reads are compiled for the
 * simulation.
 *
 * It stands in for <vdsotime/counter.h> and for the protocol's loads and stores, so that the
 * counter is the world's and each store of a publication is an instant at which readers may look
 * and the writer may die.  All else is the product's own text.
 */
#ifndef TESTS_SIM_VIRTUAL_H
#define TESTS_SIM_VIRTUAL_H

#include <stdint.h>

/* The world's counter; virtual time passes. */
uint64_t virtual_counter(void);
/* Set: called at each store of a publication. */
extern void (*virtual_on_store)(void);

#define VDSOTIME_COUNTER_H

enum vdsotime_counter_kind {
	VDSOTIME_COUNTER_NONE = 0,
	VDSOTIME_COUNTER_TSC = 1,
	VDSOTIME_COUNTER_CNTVCT = 2,
	VDSOTIME_COUNTER_RISCV_TIME = 3
};

enum vdsotime_counter_order {
	VDSOTIME_COUNTER_FENCE = 0,
	VDSOTIME_COUNTER_RDTSCP = 1,
	VDSOTIME_COUNTER_RELAXED = 2
};

#define VDSOTIME_COUNTER_HERE VDSOTIME_COUNTER_TSC

static inline uint64_t vdsotime_counter_read(enum vdsotime_counter_order order)
{
	(void)order;
	return virtual_counter();
}

static inline uint64_t vdsotime_counter_read_relaxed(void)
{
	return virtual_counter();
}

static inline uint64_t vdsotime_counter_read_fence(void)
{
	return virtual_counter();
}

static inline uint64_t vdsotime_counter_read_rdtscp(void)
{
	return virtual_counter();
}

static inline void virtual_store(void)
{
	if (virtual_on_store)
		virtual_on_store();
}

#define VDSOTIME_SEQ_LOAD(p) (*(p))
#define VDSOTIME_SEQ_RELOAD(p) (*(p))
#define VDSOTIME_SEQ_STORE(p, v) (virtual_store(), *(p) = (v))
#define VDSOTIME_SEQ_RELEASE(p, v) (virtual_store(), *(p) = (v))
#define VDSOTIME_META_LOAD(p) (*(p))
#define VDSOTIME_META_STORE(p, v) (virtual_store(), *(p) = (v))
#define VDSOTIME_WORD_LOAD(p) (*(p))
#define VDSOTIME_WORD_STORE(p, v) (virtual_store(), *(p) = (v))
#define VDSOTIME_READ_FENCE() ((void)0)
#define VDSOTIME_WRITE_FENCE() ((void)0)

#endif

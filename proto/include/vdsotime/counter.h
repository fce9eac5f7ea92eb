/* SPDX-License-Identifier: MIT */
/*
 * The counter: the CPU's steady tick that user space can read, and how to read it in order.
 *
 * x86: the TSC; aarch64: CNTVCT_EL0; riscv64: the `time` CSR.  A relaxed read is the bare
 * instruction: the CPU may take it some nanoseconds before its place in the program.  An ordered
 * read is never taken before the loads that precede it are done, so whoever first saw another
 * thread's message and then reads the counter reads no earlier value than that thread did.  On
 * aarch64 that holds of the loads alone that a branch before it depends on, and of those ordered
 * before them: readers of the page have that branch, on the sequence, so for them it is enough to
 * load the message with acquire.
 *
 * Freestanding: no libc, no state.  What a reader would get wrong: "ordered" binds the read to what
 * comes before it.  What comes after may still start early, which is harmless, since it cannot be
 * seen.
 */
#ifndef VDSOTIME_COUNTER_H
#define VDSOTIME_COUNTER_H

#include <stdint.h>

/* Which counter a page was made for.  Values are on the page: ABI. */
enum vdsotime_counter_kind {
	VDSOTIME_COUNTER_NONE = 0,
	VDSOTIME_COUNTER_TSC = 1,
	VDSOTIME_COUNTER_CNTVCT = 2,
	VDSOTIME_COUNTER_RISCV_TIME = 3
};

/*
 * How to read it.  An ordered read on x86 is FENCE or RDTSCP, whichever is cheaper on the day, as
 * measured when attaching (in some guests one of the two traps); elsewhere both are the one way
 * there is.
 */
enum vdsotime_counter_order {
	VDSOTIME_COUNTER_FENCE = 0, /* lfence; rdtsc */
	VDSOTIME_COUNTER_RDTSCP = 1, /* rdtscp */
	VDSOTIME_COUNTER_RELAXED = 2 /* rdtsc */
};

#if defined(__x86_64__) || defined(__i386__)

#include <cpuid.h>

#define VDSOTIME_COUNTER_HERE VDSOTIME_COUNTER_TSC

/*
 * Does this CPU have the instructions of that order?  Where it has not they are fatal.  RDTSCP is
 * CPUID 80000001h EDX bit 27, lfence is of SSE2, 1 EDX bit 26, rdtsc itself 1 EDX bit 4.
 */
static inline int vdsotime_counter_can(enum vdsotime_counter_order order)
{
	unsigned int a, b, c, d;

	if (order == VDSOTIME_COUNTER_RDTSCP)
		return __get_cpuid(0x80000001, &a, &b, &c, &d) && (d & 1u << 27);
	if (!__get_cpuid(1, &a, &b, &c, &d) || !(d & 1u << 4))
		return 0;
	return order == VDSOTIME_COUNTER_RELAXED || (d & 1u << 26);
}

static inline uint64_t vdsotime_counter_read_relaxed(void)
{
	uint32_t low, high;

	__asm__ __volatile__("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}

static inline uint64_t vdsotime_counter_read_fence(void)
{
	uint32_t low, high;

	/* Intel SDM 2B, RDTSC; AMD APM 3, RDTSC: lfence waits for all that precedes it. */
	__asm__ __volatile__("lfence\n\trdtsc" : "=a"(low), "=d"(high) : : "memory");
	return (uint64_t)high << 32 | low;
}

static inline uint64_t vdsotime_counter_read_rdtscp(void)
{
	uint32_t low, high, cpu;

	__asm__ __volatile__("rdtscp" : "=a"(low), "=d"(high), "=c"(cpu) : : "memory");
	(void)cpu;
	return (uint64_t)high << 32 | low;
}

#elif defined(__aarch64__)

#define VDSOTIME_COUNTER_HERE VDSOTIME_COUNTER_CNTVCT

static inline uint64_t vdsotime_counter_read_relaxed(void)
{
	uint64_t value;

	__asm__ __volatile__("mrs %0, cntvct_el0" : "=r"(value));
	return value;
}

static inline uint64_t vdsotime_counter_read_fence(void)
{
	uint64_t value;

	/*
	 * Arm ARM D12.2: the counter may be read early unless an isb precedes, and that waits for a
	 * load only behind a branch that depends on it.  Readers of the page have one, on the
	 * sequence, as the kernel's vDSO does.
	 */
	__asm__ __volatile__("isb\n\tmrs %0, cntvct_el0" : "=r"(value) : : "memory");
	return value;
}

#elif defined(__riscv) && __riscv_xlen == 64

#define VDSOTIME_COUNTER_HERE VDSOTIME_COUNTER_RISCV_TIME

static inline uint64_t vdsotime_counter_read_relaxed(void)
{
	uint64_t value;

	__asm__ __volatile__("rdtime %0" : "=r"(value));
	return value;
}

static inline uint64_t vdsotime_counter_read_fence(void)
{
	uint64_t value;

	/* Unprivileged ISA, "Zicsr": CSR reads count as device input for a fence. */
	__asm__ __volatile__("fence r, i\n\trdtime %0" : "=r"(value) : : "memory");
	return value;
}

#else

/* No counter that user space may read: pages are not used here, clocks come from the vDSO. */
#define VDSOTIME_COUNTER_HERE VDSOTIME_COUNTER_NONE

static inline uint64_t vdsotime_counter_read_relaxed(void)
{
	return 0;
}

static inline uint64_t vdsotime_counter_read_fence(void)
{
	return 0;
}

#endif

#if !defined(__x86_64__) && !defined(__i386__)

static inline uint64_t vdsotime_counter_read_rdtscp(void)
{
	return vdsotime_counter_read_fence();
}

static inline int vdsotime_counter_can(enum vdsotime_counter_order order)
{
	(void)order;
	return VDSOTIME_COUNTER_HERE != VDSOTIME_COUNTER_NONE;
}

#endif

static inline uint64_t vdsotime_counter_read(enum vdsotime_counter_order order)
{
	if (order == VDSOTIME_COUNTER_RELAXED)
		return vdsotime_counter_read_relaxed();
	if (order == VDSOTIME_COUNTER_RDTSCP)
		return vdsotime_counter_read_rdtscp();
	return vdsotime_counter_read_fence();
}

#endif

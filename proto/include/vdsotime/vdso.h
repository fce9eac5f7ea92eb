/* SPDX-License-Identifier: MIT */
/*
 * The vDSO of this process: found without libc, and called, so that every call has an answer.
 *
 * <vdsotime/vdso-image.h> reads the image.  Here it is found, through the caller's hints or the
 * kernel, and becomes functions; a call takes the vDSO's when there is one, else the system call.
 *
 * Freestanding: needs no libc, sets no errno, allocates nothing, keeps no state.  Every function
 * may be called from any thread and from a signal handler.  Link libvdsotime-core.a (pkg-config
 * libvdsotime-core).  A vDSO call may need 8 KiB of stack below it: see vdsotime-vdso(7).
 *
 * The one thing to know: addresses are of one process and one exec.  Never hand them to another.
 */
#ifndef VDSOTIME_VDSO_H
#define VDSOTIME_VDSO_H

#include <stddef.h>
#include <stdint.h>

#include <vdsotime/vdso-image.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Which rung of the ladder named the image, in the order in which they are tried. */
enum vdsotime_rung {
	VDSOTIME_RUNG_NONE = 0,
	VDSOTIME_RUNG_EHDR, /* the caller's AT_SYSINFO_EHDR, as from getauxval() */
	VDSOTIME_RUNG_AUXV, /* the caller's auxiliary vector */
	VDSOTIME_RUNG_STACK, /* the caller's initial stack */
	VDSOTIME_RUNG_PROC, /* /proc/self/auxv */
	VDSOTIME_RUNG_PRCTL, /* prctl(PR_GET_AUXV), Linux 6.4 */
	VDSOTIME_RUNG_IMAGE, /* vdsotime_vdso_from_image() */
	VDSOTIME_RUNG_SET /* vdsotime_vdso_set() */
};

/* "caller", "auxv", "stack", "/proc/self/auxv", "prctl", ... */
const char *vdsotime_rung_name(uint32_t rung);

/*
 * What the caller knows.  All zero (or a NULL pointer to it) is right: then the kernel is asked.
 * An auxiliary vector that is whole and names no vDSO is an answer: no further rung is tried, as
 * whoever took the entry out (vdso=0, Valgrind, rr) meant it.
 */
struct vdsotime_hints {
	const void *stack; /* the initial stack pointer: where argc is */
	const void *auxv; /* the auxiliary vector, ended by AT_NULL */
	uintptr_t ehdr; /* AT_SYSINFO_EHDR's value, 0 for absent; looked at when has_ehdr is set */
	uint8_t has_ehdr;
	uint8_t probe; /* 1: test each image for readability first, as is always done for PRCTL */
	uint16_t skip; /* rungs not to try: bits 1 << VDSOTIME_RUNG_* */
};

/* For a program with libc: vdsotime_hints_ehdr(getauxval(AT_SYSINFO_EHDR)). */
static inline struct vdsotime_hints vdsotime_hints_ehdr(uintptr_t ehdr)
{
	struct vdsotime_hints hints = { 0, 0, 0, 0, 0, 0 };

	hints.ehdr = ehdr;
	hints.has_ehdr = 1;
	return hints;
}

/* How one function was found. */
struct vdsotime_found {
	const char *symbol; /* its name; NULL when there is none */
	const char *version; /* the version found; NULL when unversioned */
	uint8_t match; /* enum vdsotime_match; 0: not found */
	uint8_t reason; /* enum vdsotime_reason: why not */
};

/*
 * The resolved functions: the caller's memory, plain data, copied freely within the process.
 * All zero is valid: no vDSO, every call a system call.
 */
struct vdsotime_vdso {
	uintptr_t address[VDSOTIME_FUNCTIONS]; /* of code, in the arch's convention; 0: none */
	uintptr_t base; /* of the image; 0 without one */
	size_t size_bytes;
	struct vdsotime_found found[VDSOTIME_FUNCTIONS];
	uint8_t rung; /* enum vdsotime_rung: which one found the image */
	uint8_t reason; /* enum vdsotime_reason: why there is no vDSO; 0 when there is one */
	uint8_t rung_reason[VDSOTIME_RUNG_PRCTL + 1]; /* why each rung before it did not */
};

/*
 * Finds the vDSO of this process and its functions.  hints may be NULL. *ret is always filled and
 * usable, as "none" is an ordinary answer.  Returns 0 when the vDSO has at least one of the
 * functions, else the negative of ret->reason.
 */
int vdsotime_vdso_resolve(const struct vdsotime_hints *hints, struct vdsotime_vdso *ret);

/*
 * The same for the image at base, of size_bytes (0: found out from its headers), which must be
 * readable. Versions are matched exactly, else unversioned.  *ret is always filled.
 */
int vdsotime_vdso_from_image(const void *base, size_t size_bytes, struct vdsotime_vdso *ret);

/*
 * The same for a parsed image of any machine and process: the addresses in *ret are for showing,
 * and for calling only when the image is this process's own.  An address that does not fit
 * uintptr_t is 0.
 */
int vdsotime_vdso_from_parsed(const struct vdsotime_image *image, struct vdsotime_vdso *ret);

/*
 * Puts one function in, or with address 0 takes it out: for tests, and for whoever fakes time.  The
 * function must follow the architecture's convention and take the kernel's structs.
 */
void vdsotime_vdso_set(struct vdsotime_vdso *vdso, uint32_t function, uintptr_t address);

/*
 * Tells whether all of [address, address + size_bytes) can be read, without a fault: 1, 0, or -1
 * when the kernel lets no probe through.  Costs some system calls.
 */
int vdsotime_probe_readable(uintptr_t address, size_t size_bytes);

/*
 * The calls.  Times are 64-bit on every architecture.
 */
struct vdsotime_timespec {
	int64_t sec;
	int64_t nsec;
};

struct vdsotime_timeval {
	int64_t sec;
	int64_t usec;
};

/*
 * The system calls alone: 0 or -errno; *ret written on success only.  A bad pointer is -EFAULT.
 * On 32-bit machines the time64 call, then on -ENOSYS the time32 one.
 */
int vdsotime_sys_clock_gettime(int32_t clock_id, struct vdsotime_timespec *ret);
int vdsotime_sys_clock_getres(int32_t clock_id, struct vdsotime_timespec *ret);
int vdsotime_sys_gettimeofday(struct vdsotime_timeval *ret);
int vdsotime_sys_time(int64_t *ret_sec);
int vdsotime_sys_getcpu(uint32_t *ret_cpu, uint32_t *ret_node); /* either may be NULL */

/* vdsotime_vdso_clock_gettime() out of line: what it is where C cannot make the call. */
int vdsotime_call_clock_gettime(
	const struct vdsotime_vdso *vdso, int32_t clock_id, struct vdsotime_timespec *ret);

/*
 * Where the kernel's timespec is two 64-bit words and its functions are C functions, the vDSO is
 * called in place: one indirect call over the function itself.
 */
#if defined(__x86_64__) || defined(__aarch64__) || (defined(__riscv) && __riscv_xlen == 64) || \
	(defined(__loongarch__) && __loongarch_grlen == 64) || defined(__s390x__)
#define VDSOTIME_CALL_IN_PLACE 1
#else
#define VDSOTIME_CALL_IN_PLACE 0
#endif

/*
 * The clocks through the vDSO: 0 or -errno, *ret written on success only.  A vDSO that fails is not
 * believed: the system call is asked and its answer given.  clock_id is any that the kernel knows;
 * the vDSO itself serves REALTIME, MONOTONIC, RAW, BOOTTIME, TAI and the coarse ones, the rest cost
 * a system call.  A bad pointer may raise SIGSEGV.
 */
#if VDSOTIME_CALL_IN_PLACE
static inline int vdsotime_vdso_clock_gettime(
	const struct vdsotime_vdso *vdso, int32_t clock_id, struct vdsotime_timespec *ret)
{
	uintptr_t address = vdso->address[VDSOTIME_CLOCK_GETTIME];

	if (address && ((int (*)(int32_t, struct vdsotime_timespec *))address)(clock_id, ret) == 0)
		return 0;
	return vdsotime_sys_clock_gettime(clock_id, ret);
}
#else
static inline int vdsotime_vdso_clock_gettime(
	const struct vdsotime_vdso *vdso, int32_t clock_id, struct vdsotime_timespec *ret)
{
	return vdsotime_call_clock_gettime(vdso, clock_id, ret);
}
#endif

/*
 * The resolution of a clock.  It does not tell whether the clock exists: vDSOs answer clock_getres
 * for auxiliary clocks (16 to 23) that are not there; ask clock_gettime.
 */
int vdsotime_vdso_clock_getres(
	const struct vdsotime_vdso *vdso, int32_t clock_id, struct vdsotime_timespec *ret);

/* CLOCK_REALTIME in microseconds. */
int vdsotime_vdso_gettimeofday(const struct vdsotime_vdso *vdso, struct vdsotime_timeval *ret);

/* CLOCK_REALTIME_COARSE in seconds. */
int vdsotime_vdso_time(const struct vdsotime_vdso *vdso, int64_t *ret_sec);

/* The CPU and node that the caller ran on; either pointer may be NULL. */
int vdsotime_vdso_getcpu(const struct vdsotime_vdso *vdso, uint32_t *ret_cpu, uint32_t *ret_node);

#ifdef __cplusplus
}
#endif

#endif

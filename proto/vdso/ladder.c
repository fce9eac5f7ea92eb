/* SPDX-License-Identifier: MIT */
/*
 * Where the vDSO's address may be had: the caller's word, its auxiliary vector, its initial stack,
 * /proc/self/auxv, prctl(PR_GET_AUXV).
 *
 * The one thing a reader would get wrong: the kernel's own copy is the least trustworthy.  Valgrind
 * and rr edit the vector that the program sees on its stack and take the vDSO away; the kernel goes
 * on naming the old address.  So it comes last, and only when no other vector could be seen at all.
 */

#include "proto/vdso/ladder.h"

#include "proto/vdso/native.h"

enum {
	AUXV_NULL = 0,
	AUXV_SYSINFO_EHDR = 33,
	AUXV_WORDS = 256, /* room for 128 entries; Linux has about 25 */
	AUXV_ENTRIES_MAX = 4096, /* the caller's own vector: a bound against one without an end */
	AT_WORKING_DIRECTORY = -100,
	PRCTL_GET_AUXV = 0x41555856
};

/* words: of the vector, pairs of type and value.  One that does not end is not whole. */
static int find_entry(const uintptr_t *auxv, uint32_t words, uintptr_t *ret)
{
	for (uint32_t i = 0; i + 1 < words; i += 2) {
		if (auxv[i] == AUXV_NULL)
			return -VDSOTIME_REASON_ABSENT;
		if (auxv[i] != AUXV_SYSINFO_EHDR)
			continue;
		if (auxv[i + 1] == 0)
			return -VDSOTIME_REASON_ABSENT;
		*ret = auxv[i + 1];
		return 0;
	}
	return -VDSOTIME_REASON_NO_AUXV;
}

/* argc, argv[argc] and NULL, the environment and NULL, the auxiliary vector. */
static const uintptr_t *skip_to_auxv(const uintptr_t *stack)
{
	const uintptr_t *p = stack + 1 + stack[0] + 1;

	while (*p)
		p++;
	return p + 1;
}

static int ask_proc(uintptr_t *ret)
{
	static const char path[] = "/proc/self/auxv";
	uintptr_t auxv[AUXV_WORDS];
	uint32_t done = 0;
	NATIVE_WORD r, fd;

	fd = sys_call6(
		NR_OPENAT, AT_WORKING_DIRECTORY, sys_pointer(path), NATIVE_O_CLOEXEC, 0, 0, 0);
	if (fd < 0)
		return -VDSOTIME_REASON_NO_AUXV;
	do {
		r = sys_call3(NR_READ, fd, sys_pointer((const char *)auxv + done),
			(NATIVE_WORD)(sizeof(auxv) - done));
		if (r > 0)
			done += (uint32_t)r;
	} while (r > 0 && done < sizeof(auxv));
	(void)sys_call3(NR_CLOSE, fd, 0, 0);
	return find_entry(auxv, done / (uint32_t)sizeof(auxv[0]), ret);
}

static int ask_prctl(uintptr_t *ret)
{
	uintptr_t auxv[AUXV_WORDS];
	NATIVE_WORD r = sys_call6(
		NR_PRCTL, PRCTL_GET_AUXV, sys_pointer(auxv), (NATIVE_WORD)sizeof(auxv), 0, 0, 0);
	uint32_t bytes;

	if (r < 0)
		return -VDSOTIME_REASON_NO_AUXV;
	bytes = r < (NATIVE_WORD)sizeof(auxv) ? (uint32_t)r : (uint32_t)sizeof(auxv);
	return find_entry(auxv, bytes / (uint32_t)sizeof(auxv[0]), ret);
}

int vdsotime_ladder_ask(const struct vdsotime_hints *hints, uint32_t rung, uintptr_t *ret)
{
	if (rung == VDSOTIME_RUNG_PROC)
		return ask_proc(ret);
	if (rung == VDSOTIME_RUNG_PRCTL)
		return ask_prctl(ret);
	if (rung == VDSOTIME_RUNG_EHDR && hints->has_ehdr) {
		if (!hints->ehdr)
			return -VDSOTIME_REASON_ABSENT;
		*ret = hints->ehdr;
		return 0;
	}
	if (rung == VDSOTIME_RUNG_AUXV && hints->auxv)
		return find_entry((const uintptr_t *)hints->auxv, AUXV_ENTRIES_MAX, ret);
	if (rung == VDSOTIME_RUNG_STACK && hints->stack)
		return find_entry(
			skip_to_auxv((const uintptr_t *)hints->stack), AUXV_ENTRIES_MAX, ret);
	return -VDSOTIME_REASON_NO_AUXV;
}

/* SPDX-License-Identifier: MIT */
/*
 * Whether memory can be read, asked of the kernel, which answers EFAULT where the program would
 * fault.
 *
 * process_vm_readv() on the process itself leaves nothing behind; where a filter or an emulator
 * does not have it, a byte is written to a pipe.  The one thing a reader would get wrong: an answer
 * is for the moment.  It serves at start-up, before a thread that unmaps things is there.
 */

#include <vdsotime/vdso.h>

#include "proto/vdso/native.h"

enum {
	PAGE_BYTES = 4096, /* the smallest of any architecture */
	ERROR_FAULT = 14 /* EFAULT */

};

struct io_vector {
	uintptr_t base;
	uintptr_t bytes;
};

static int answer_of(NATIVE_WORD result)
{
	if (result == 1)
		return 1;
	return result == -ERROR_FAULT ? 0 : -1;
}

static int probe_by_readv(uintptr_t address)
{
	unsigned char byte;
	struct io_vector local = { (uintptr_t)&byte, 1 };
	struct io_vector remote = { address, 1 };
	NATIVE_WORD pid = sys_call3(NR_GETPID, 0, 0, 0);

	return answer_of(sys_call6(
		NR_PROCESS_VM_READV, pid, sys_pointer(&local), 1, sys_pointer(&remote), 1, 0));
}

static int probe_by_pipe(uintptr_t address)
{
	int32_t ends[2];
	int answer;

	if (sys_call3(NR_PIPE2, sys_pointer(ends), NATIVE_O_CLOEXEC, 0) < 0)
		return -1;
	answer = answer_of(sys_call3(NR_WRITE, ends[1], (NATIVE_WORD)address, 1));
	(void)sys_call3(NR_CLOSE, ends[0], 0, 0);
	(void)sys_call3(NR_CLOSE, ends[1], 0, 0);
	return answer;
}

int vdsotime_probe_readable(uintptr_t address, size_t size_bytes)
{
	uintptr_t last = address + size_bytes - 1;
	int answer = 1;

	if (size_bytes == 0)
		return 1;
	if (last < address)
		return 0;
	for (uintptr_t at = address;; at = (at | (PAGE_BYTES - 1)) + 1) {
		answer = probe_by_readv(at);
		if (answer < 0)
			answer = probe_by_pipe(at);
		if (answer != 1 || (last | (PAGE_BYTES - 1)) == (at | (PAGE_BYTES - 1)))
			return answer;
	}
}

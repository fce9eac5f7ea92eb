/* SPDX-License-Identifier: MIT */
/*
 * A wait for an epoch on a kernel that lacks the futex call with 64-bit times, which a seccomp
 * filter stands for.  It says what is wrong, and ends with 1.
 *
 *     old-kernel RUNTIME_DIR ERRNO     what that call fails with: ENOSYS or EPERM, as a number
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <vdsotime/client.h>

static int fail(const char *what, int r)
{
	printf("%s: %s\n", what, strerror(-r));
	return 1;
}

static int forbid_futex_time64(unsigned int error)
{
	struct sock_filter rules[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_futex_time64, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = { sizeof(rules) / sizeof(rules[0]), rules };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
		return -errno;
	return 0;
}

int main(int argc, char **argv)
{
	const struct timespec patience = { .tv_nsec = 20000000 };
	struct vdsotime_status s;
	struct vdsotime *t;
	int r;

	if (argc != 3)
		return 2;
	r = vdsotime_attach(&t, argv[1], 0);
	if (r < 0)
		return fail("attach", r);
	r = forbid_futex_time64((unsigned int)atoi(argv[2]));
	if (r < 0)
		return fail("seccomp", r);
	r = vdsotime_status(t, &s);
	if (r < 0)
		return fail("status", r);
	r = vdsotime_wait_epoch(t, s.epoch, &patience);
	if (r != -ETIMEDOUT)
		return fail("wait", r);
	vdsotime_detach(t);
	return 0;
}

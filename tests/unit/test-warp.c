/* SPDX-License-Identifier: MIT */
/* The warp test, on the machine's own CPUs. */
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>

#include <cmocka.h>

#include <vdsotime/counter.h>

#include "daemon/os.h"
#include "daemon/warp.h"

#define TEST_NS 20000000

static int allowed_cpus(void)
{
	cpu_set_t set;

	assert_int_equal(sched_getaffinity(0, sizeof(set), &set), 0);
	return CPU_COUNT(&set);
}

static int skip_without_counter(void **state)
{
	(void)state;
	if (VDSOTIME_COUNTER_HERE == VDSOTIME_COUNTER_NONE)
		skip();
	return 0;
}

static void test_all_cpus_take_part(void **state)
{
	struct os_warp warp;

	skip_without_counter(state);
	assert_int_equal(warp_measure(TEST_NS, &warp), 0);
	assert_true(warp.pinned);
	assert_int_equal(warp.cpus, allowed_cpus() < 64 ? allowed_cpus() : 64);
}

static void test_caller_keeps_its_own_cpus(void **state)
{
	struct os_warp warp;
	int before = allowed_cpus();

	skip_without_counter(state);
	assert_int_equal(warp_measure(1000000, &warp), 0);
	assert_int_equal(allowed_cpus(), before);
}

static void test_background_leaves_its_caller_alone(void **state)
{
	struct os_warp warp = { 0 };
	unsigned int polls = 0;

	skip_without_counter(state);
	assert_int_equal(warp_start(TEST_NS), 0);
	assert_int_equal(warp_start(TEST_NS), -EBUSY);
	assert_int_equal(warp_poll(&warp), -EINPROGRESS);
	assert_int_equal(warp.cpus, 0);
	for (; warp_poll(&warp) == -EINPROGRESS; polls++)
		usleep(1000);
	assert_true(polls > 0);
	assert_true(warp.pinned);
	assert_int_equal(warp.cpus, allowed_cpus() < 64 ? allowed_cpus() : 64);
	/* and once more */
	assert_int_equal(warp_start(1000000), 0);
	while (warp_poll(&warp) == -EINPROGRESS)
		usleep(1000);
}

/* As the service's filter does: pinning is refused. */
static void refuse_pinning(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_sched_setaffinity, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog filter = { sizeof(code) / sizeof(code[0]), code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) < 0)
		_exit(3);
}

static void test_pinning_may_be_forbidden(void **state)
{
	struct os_warp warp;
	int status;
	pid_t pid;

	skip_without_counter(state);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		refuse_pinning();
		_exit(warp_measure(TEST_NS, &warp) != 0 || warp.pinned || warp.cpus < 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 3)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_cpus_take_part),
		cmocka_unit_test(test_caller_keeps_its_own_cpus),
		cmocka_unit_test(test_background_leaves_its_caller_alone),
		cmocka_unit_test(test_pinning_may_be_forbidden),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

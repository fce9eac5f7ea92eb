/* SPDX-License-Identifier: MIT */
/*
 * The calls: through this process's own vDSO, through functions put in its place that fail or lie,
 * and by system call alone.  The 32-bit paths and other architectures are run by tests/nolibc.
 */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/time.h>
#include <time.h>

#include <cmocka.h>

#include <vdsotime/vdso.h>

enum { ERRNO_MARK = 777 };

static unsigned fake_calls;

static struct vdsotime_vdso own_vdso(void)
{
	struct vdsotime_hints hints = vdsotime_hints_ehdr(getauxval(AT_SYSINFO_EHDR));
	struct vdsotime_vdso vdso;

	(void)vdsotime_vdso_resolve(&hints, &vdso);
	return vdso;
}

static int64_t to_ns(struct vdsotime_timespec t)
{
	return t.sec * 1000000000 + t.nsec;
}

/* A reading through `vdso` lies between two by system call. */
static void check_between(const struct vdsotime_vdso *vdso, int32_t id)
{
	struct vdsotime_timespec before, now, after;
	int64_t slack_ns =
		id == CLOCK_REALTIME_COARSE || id == CLOCK_MONOTONIC_COARSE ? 20000000 : 0;

	assert_int_equal(vdsotime_sys_clock_gettime(id, &before), 0);
	assert_int_equal(vdsotime_vdso_clock_gettime(vdso, id, &now), 0);
	assert_int_equal(vdsotime_sys_clock_gettime(id, &after), 0);
	assert_in_range(now.nsec, 0, 999999999);
	assert_true(to_ns(now) + slack_ns >= to_ns(before));
	assert_true(to_ns(now) <= to_ns(after));
	assert_int_equal(vdsotime_call_clock_gettime(vdso, id, &now), 0);
	assert_true(to_ns(now) + slack_ns >= to_ns(before));
}

static void test_every_clock_agrees_with_the_kernel(void **state)
{
	static const int32_t ids[] = { CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW,
		CLOCK_BOOTTIME, CLOCK_TAI, CLOCK_REALTIME_COARSE, CLOCK_MONOTONIC_COARSE,
		CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID };
	struct vdsotime_vdso vdso = own_vdso();
	struct vdsotime_vdso none;

	(void)state;
	memset(&none, 0, sizeof(none));
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		check_between(&vdso, ids[i]);
		check_between(&none, ids[i]);
	}
}

/* The same answer and the same error as clock_gettime(2), whatever the id. */
static void test_ids_outside_the_vdso_are_the_kernels(void **state)
{
	struct vdsotime_vdso vdso = own_vdso();

	(void)state;
	for (int32_t id = -16; id < 40; id++) {
		struct vdsotime_timespec ours = { -5, -5 };
		struct timespec theirs;
		int expected = clock_gettime(id, &theirs) < 0 ? -errno : 0;

		assert_int_equal(vdsotime_vdso_clock_gettime(&vdso, id, &ours), expected);
		if (expected < 0)
			assert_true(ours.sec == -5 && ours.nsec == -5);
		assert_int_equal(vdsotime_sys_clock_gettime(id, &ours), expected);
	}
}

static void test_resolution_is_the_kernels(void **state)
{
	static const int32_t ids[] = { CLOCK_REALTIME, CLOCK_MONOTONIC_COARSE, CLOCK_TAI,
		CLOCK_PROCESS_CPUTIME_ID };
	struct vdsotime_vdso vdso = own_vdso();
	struct vdsotime_timespec a, b;

	(void)state;
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		assert_int_equal(vdsotime_vdso_clock_getres(&vdso, ids[i], &a), 0);
		assert_int_equal(vdsotime_sys_clock_getres(ids[i], &b), 0);
		assert_true(a.sec == b.sec && a.nsec == b.nsec);
	}
	assert_int_equal(vdsotime_vdso_clock_getres(&vdso, 9999, &a), -EINVAL);
}

static void check_gettimeofday(const struct vdsotime_vdso *vdso)
{
	struct vdsotime_timespec before, after;
	struct vdsotime_timeval now;

	assert_int_equal(vdsotime_sys_clock_gettime(CLOCK_REALTIME, &before), 0);
	assert_int_equal(vdsotime_vdso_gettimeofday(vdso, &now), 0);
	assert_int_equal(vdsotime_sys_clock_gettime(CLOCK_REALTIME, &after), 0);
	assert_true(now.sec * 1000000 + now.usec >= to_ns(before) / 1000);
	assert_true(now.sec * 1000000 + now.usec <= to_ns(after) / 1000);
}

static void check_time(const struct vdsotime_vdso *vdso)
{
	int64_t before, now, after;

	assert_int_equal(vdsotime_sys_time(&before), 0);
	assert_int_equal(vdsotime_vdso_time(vdso, &now), 0);
	assert_int_equal(vdsotime_sys_time(&after), 0);
	assert_in_range(now, before, after);
}

static void check_getcpu(const struct vdsotime_vdso *vdso)
{
	uint32_t cpu = UINT32_MAX, node = UINT32_MAX;

	assert_int_equal(vdsotime_vdso_getcpu(vdso, &cpu, &node), 0);
	assert_true(cpu < 8192 && node < 1024);
	assert_int_equal(vdsotime_vdso_getcpu(vdso, NULL, NULL), 0);
	assert_int_equal(vdsotime_vdso_getcpu(vdso, &cpu, NULL), 0);
	assert_int_equal(vdsotime_vdso_getcpu(vdso, NULL, &node), 0);
}

static void test_other_functions_with_and_without_vdso(void **state)
{
	struct vdsotime_vdso vdso = own_vdso();
	struct vdsotime_vdso none;

	(void)state;
	memset(&none, 0, sizeof(none));
	check_gettimeofday(&vdso);
	check_gettimeofday(&none);
	check_time(&vdso);
	check_time(&none);
	check_getcpu(&vdso);
	check_getcpu(&none);
}

static int fail_clock(int32_t id, struct vdsotime_timespec *ret)
{
	(void)id;
	(void)ret;
	fake_calls++;
	return -ENOSYS;
}

static int fail_pointers(void *a, void *b, void *c)
{
	(void)a;
	(void)b;
	(void)c;
	fake_calls++;
	return -EPERM;
}

static void test_a_failing_vdso_is_asked_again_of_the_kernel(void **state)
{
	struct vdsotime_vdso vdso;

	(void)state;
	memset(&vdso, 0, sizeof(vdso));
	vdsotime_vdso_set(&vdso, VDSOTIME_CLOCK_GETTIME, (uintptr_t)fail_clock);
	vdsotime_vdso_set(&vdso, VDSOTIME_CLOCK_GETRES, (uintptr_t)fail_clock);
	vdsotime_vdso_set(&vdso, VDSOTIME_GETTIMEOFDAY, (uintptr_t)fail_pointers);
	vdsotime_vdso_set(&vdso, VDSOTIME_TIME, (uintptr_t)fail_pointers);
	vdsotime_vdso_set(&vdso, VDSOTIME_GETCPU, (uintptr_t)fail_pointers);
	assert_int_equal(vdso.rung, VDSOTIME_RUNG_SET);
	fake_calls = 0;
	check_between(&vdso, CLOCK_MONOTONIC);
	assert_int_equal(fake_calls, 2);
	check_gettimeofday(&vdso);
	assert_int_equal(fake_calls, 3);
	check_time(&vdso); /* its own function, then the coarse clock */
	assert_int_equal(fake_calls, 5);
	check_getcpu(&vdso);
	assert_int_equal(fake_calls, 9);

	struct vdsotime_timespec a;

	assert_int_equal(vdsotime_vdso_clock_getres(&vdso, CLOCK_MONOTONIC, &a), 0);
	assert_int_equal(fake_calls, 10);
	assert_int_equal(vdsotime_vdso_clock_gettime(&vdso, 9999, &a), -EINVAL);
}

static int fixed_clock(int32_t id, struct vdsotime_timespec *ret)
{
	ret->sec = 1000 + id;
	ret->nsec = 42;
	return 0;
}

static int fixed_timeval(struct timeval *ret, void *zone, void *unused)
{
	(void)unused;
	assert_null(zone);
	ret->tv_sec = 1234;
	ret->tv_usec = 56;
	return 0;
}

static long fixed_time(long *ret, void *a, void *b)
{
	(void)a;
	(void)b;
	*ret = 5000000000; /* after 2038: what a C int of it says is no error */
	return *ret;
}

static int fixed_cpu(uint32_t *cpu, uint32_t *node, void *cache)
{
	assert_null(cache);
	*cpu = 7;
	*node = 3;
	return 0;
}

static void test_functions_that_are_set_are_called(void **state)
{
	struct vdsotime_timespec now;
	struct vdsotime_timeval day;
	struct vdsotime_vdso vdso;
	uint32_t cpu, node;
	int64_t second;

	(void)state;
	memset(&vdso, 0, sizeof(vdso));
	vdsotime_vdso_set(&vdso, VDSOTIME_CLOCK_GETTIME, (uintptr_t)fixed_clock);
	vdsotime_vdso_set(&vdso, VDSOTIME_GETTIMEOFDAY, (uintptr_t)fixed_timeval);
	vdsotime_vdso_set(&vdso, VDSOTIME_TIME, (uintptr_t)fixed_time);
	vdsotime_vdso_set(&vdso, VDSOTIME_GETCPU, (uintptr_t)fixed_cpu);
	vdsotime_vdso_set(&vdso, VDSOTIME_FUNCTIONS, 1); /* no such function: nothing happens */
	assert_int_equal(vdsotime_vdso_clock_gettime(&vdso, 7, &now), 0);
	assert_true(now.sec == 1007 && now.nsec == 42);
	assert_int_equal(vdsotime_vdso_gettimeofday(&vdso, &day), 0);
	assert_true(day.sec == 1234 && day.usec == 56);
	assert_int_equal(vdsotime_vdso_time(&vdso, &second), 0);
	assert_int_equal(second, 5000000000);
	assert_int_equal(vdsotime_vdso_getcpu(&vdso, &cpu, &node), 0);
	assert_true(cpu == 7 && node == 3);
	vdsotime_vdso_set(&vdso, VDSOTIME_CLOCK_GETTIME, 0);
	assert_int_equal(vdso.found[VDSOTIME_CLOCK_GETTIME].reason, VDSOTIME_REASON_NO_SYMBOL);
	check_between(&vdso, CLOCK_MONOTONIC);
}

static void test_errno_is_left_alone(void **state)
{
	struct vdsotime_vdso vdso = own_vdso();
	struct vdsotime_timespec now;
	struct vdsotime_vdso again;

	(void)state;
	errno = ERRNO_MARK;
	assert_int_equal(vdsotime_vdso_clock_gettime(&vdso, 9999, &now), -EINVAL);
	assert_int_equal(vdsotime_sys_clock_gettime(9999, &now), -EINVAL);
	(void)vdsotime_vdso_resolve(NULL, &again);
	assert_int_equal(vdsotime_probe_readable(16, 1), 0);
	assert_int_equal(errno, ERRNO_MARK);
}

static void test_system_calls_refuse_bad_pointers(void **state)
{
	void *bad = (void *)(uintptr_t)16;

	(void)state;
	assert_int_equal(vdsotime_sys_clock_gettime(CLOCK_REALTIME, bad), -EFAULT);
	assert_int_equal(vdsotime_sys_clock_getres(CLOCK_REALTIME, bad), -EFAULT);
	assert_int_equal(vdsotime_sys_getcpu(bad, NULL), -EFAULT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_clock_agrees_with_the_kernel),
		cmocka_unit_test(test_ids_outside_the_vdso_are_the_kernels),
		cmocka_unit_test(test_resolution_is_the_kernels),
		cmocka_unit_test(test_other_functions_with_and_without_vdso),
		cmocka_unit_test(test_a_failing_vdso_is_asked_again_of_the_kernel),
		cmocka_unit_test(test_functions_that_are_set_are_called),
		cmocka_unit_test(test_errno_is_left_alone),
		cmocka_unit_test(test_system_calls_refuse_bad_pointers),
	};

	return cmocka_run_group_tests_name("vdso-call", tests, NULL, NULL);
}

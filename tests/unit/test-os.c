/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#include <vdsotime/counter.h>
#include <vdsotime/vdso.h>

#include "daemon/os.h"

static struct vdsotime_vdso vdso;
static struct os os;

static int setup(void **state)
{
	(void)state;
	(void)vdsotime_vdso_resolve(NULL, &vdso);
	os_host_init(&os, &vdso);
	return 0;
}

static void test_clocks_are_those_of_the_c_library(void **state)
{
	static const int32_t ids[] = { CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW,
		CLOCK_BOOTTIME, CLOCK_TAI };

	(void)state;
	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		struct timespec before, after;
		int64_t by_vdso, by_syscall;
		clock_gettime(ids[i], &before);
		assert_int_equal(os.clock_gettime_ns(os.ctx, ids[i], &by_vdso), 0);
		assert_int_equal(os.clock_gettime_syscall_ns(os.ctx, ids[i], &by_syscall), 0);
		clock_gettime(ids[i], &after);
		assert_true(by_vdso >= before.tv_sec * INT64_C(1000000000) + before.tv_nsec);
		assert_true(by_syscall >= by_vdso);
		assert_true(by_syscall <= after.tv_sec * INT64_C(1000000000) + after.tv_nsec);
	}
}

static void test_unknown_clock_is_refused_and_nothing_written(void **state)
{
	int64_t t = 4711;

	(void)state;
	assert_int_equal(os.clock_gettime_ns(os.ctx, 99, &t), -EINVAL);
	assert_int_equal(os.clock_gettime_syscall_ns(os.ctx, 99, &t), -EINVAL);
	assert_int_equal(t, 4711);
}

static void test_counter_does_not_go_backwards(void **state)
{
	struct os_counter counter;

	(void)state;
	assert_int_equal(os.counter_info(os.ctx, &counter), 0);
	if (counter.kind == VDSOTIME_COUNTER_NONE)
		skip();
	assert_int_equal(counter.kind, VDSOTIME_COUNTER_HERE);
	uint64_t last = os.counter_read(os.ctx);
	assert_int_not_equal(last, 0);
	for (int i = 0; i < 1000; i++) {
		uint64_t now = os.counter_read(os.ctx);
		assert_true((int64_t)(now - last) >= 0);
		last = now;
	}
}

static void test_timex_is_the_kernels(void **state)
{
	struct timex tx = { .modes = 0 };
	struct os_timex t;

	(void)state;
	int expected = adjtimex(&tx);
	int r = os.timex_read(os.ctx, &t);
	if (expected < 0) {
		assert_int_equal(r, -EPERM);
		return;
	}
	assert_int_equal(r, 0);
	assert_int_equal(t.tick_us, tx.tick);
	assert_int_equal(t.tai_offset_s, tx.tai);
	assert_int_equal(t.status & STA_UNSYNC, tx.status & STA_UNSYNC);
}

static void test_clocksource_is_among_those_available(void **state)
{
	char current[32], available[128], is[32] = "unchanged";

	(void)state;
	int r = os.clocksource_read(os.ctx, current, sizeof(current), available, sizeof(available));
	if (r == -ENOENT)
		skip();
	assert_int_equal(r, 0);
	assert_true(strlen(current) > 0);
	assert_null(strpbrk(current, " \n"));
	assert_non_null(strstr(available, current));
	assert_int_equal(
		os.clocksource_read(os.ctx, is, 2, available, sizeof(available)), -ENAMETOOLONG);
	assert_int_equal(os.clocksource_read(os.ctx, is, sizeof(is), available, 2), -ENAMETOOLONG);
	assert_string_equal(is, "unchanged");
}

static void test_boot_id_and_namespace_are_steady(void **state)
{
	uint8_t first[16], second[16], zero[16] = { 0 };
	uint64_t dev[2], ino[2];

	(void)state;
	assert_int_equal(os.boot_id(os.ctx, first), 0);
	assert_int_equal(os.boot_id(os.ctx, second), 0);
	assert_memory_equal(first, second, 16);
	assert_memory_not_equal(first, zero, 16);
	if (os.time_namespace(os.ctx, &dev[0], &ino[0]) == -ENOENT)
		skip();
	assert_int_equal(os.time_namespace(os.ctx, &dev[1], &ino[1]), 0);
	assert_int_equal(dev[0], dev[1]);
	assert_int_equal(ino[0], ino[1]);
}

static void test_vmclock_is_a_device_where_there_is_one(void **state)
{
	struct stat st;
	int fd = 4711;

	(void)state;
	if (os.vmclock_open(os.ctx, &fd) < 0) {
		assert_int_equal(fd, 4711);
		return;
	}
	assert_int_equal(fstat(fd, &st), 0);
	assert_true(S_ISCHR(st.st_mode));
	close(fd);
}

static void test_there_is_a_cpu(void **state)
{
	uint32_t n = 0;

	(void)state;
	assert_int_equal(os.cpu_online_count(os.ctx, &n), 0);
	assert_true(n >= 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clocks_are_those_of_the_c_library),
		cmocka_unit_test(test_unknown_clock_is_refused_and_nothing_written),
		cmocka_unit_test(test_counter_does_not_go_backwards),
		cmocka_unit_test(test_timex_is_the_kernels),
		cmocka_unit_test(test_clocksource_is_among_those_available),
		cmocka_unit_test(test_boot_id_and_namespace_are_steady),
		cmocka_unit_test(test_vmclock_is_a_device_where_there_is_one),
		cmocka_unit_test(test_there_is_a_cpu),
	};

	return cmocka_run_group_tests_name("os", tests, setup, NULL);
}

/* SPDX-License-Identifier: MIT */
/* The VMClock, with a page in memory for the hypervisor's, honest and otherwise. */
#include <endian.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/os.h"
#include "daemon/vmclock.h"

#include "tests/unit/fake-os.h"

#define PAGE_BYTES 4096
/* include/uapi/linux/vmclock-abi.h */
#define MAGIC 0
#define SIZE 4
#define VERSION 8
#define SEQUENCE 12
#define MARKER 16
#define FLAGS 24
#define GENERATION 104

static struct fake_os f;
static struct vmclock v;
static unsigned char *page;

static void put32(size_t at, uint32_t value)
{
	value = htole32(value);
	memcpy(page + at, &value, sizeof(value));
}

static void put64(size_t at, uint64_t value)
{
	value = htole64(value);
	memcpy(page + at, &value, sizeof(value));
}

static int begin(void **state)
{
	(void)state;
	fake_os_init(&f);
	f.vmclock_fd = memfd_create("vmclock", MFD_CLOEXEC);
	assert_true(f.vmclock_fd >= 0);
	assert_int_equal(ftruncate(f.vmclock_fd, PAGE_BYTES), 0);
	page = mmap(NULL, PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, f.vmclock_fd, 0);
	assert_true(page != MAP_FAILED);
	memcpy(page + MAGIC, "VCLK", 4);
	put32(SIZE, PAGE_BYTES);
	page[VERSION] = 1;
	put32(SEQUENCE, 4);
	put64(MARKER, 7);
	put64(FLAGS, 1 << 8);
	put64(GENERATION, 11);
	v = (struct vmclock){ 0 };
	return 0;
}

static int end(void **state)
{
	(void)state;
	vmclock_deinit(&v);
	vmclock_deinit(&v);
	munmap(page, PAGE_BYTES);
	close(f.vmclock_fd);
	return 0;
}

static void start(void)
{
	vmclock_init(&v, &f.os);
	assert_int_equal(v.state, VMCLOCK_PRESENT);
	assert_int_equal(vmclock_look(&v), VMCLOCK_SAME);
}

static void test_quiet_page_tells_nothing(void **state)
{
	(void)state;
	start();
	put32(SEQUENCE, 6);
	assert_int_equal(vmclock_look(&v), VMCLOCK_SAME);
}

static void test_each_disruption_is_told_once(void **state)
{
	(void)state;
	start();
	put64(MARKER, 8);
	assert_int_equal(vmclock_look(&v), VMCLOCK_DISRUPTED);
	assert_int_equal(vmclock_look(&v), VMCLOCK_SAME);
	/* a count that goes back, or changes high up, is another one as well */
	put64(MARKER, 7);
	assert_int_equal(vmclock_look(&v), VMCLOCK_DISRUPTED);
	put64(MARKER, 7 | UINT64_C(1) << 63);
	assert_int_equal(vmclock_look(&v), VMCLOCK_DISRUPTED);
}

static void test_snapshot_is_told_apart_from_a_move(void **state)
{
	(void)state;
	start();
	put64(MARKER, 8);
	put64(GENERATION, 12);
	assert_int_equal(vmclock_look(&v), VMCLOCK_RESTORED);
	put64(GENERATION, 13);
	assert_int_equal(vmclock_look(&v), VMCLOCK_RESTORED);
	assert_int_equal(vmclock_look(&v), VMCLOCK_SAME);
}

static void test_generation_that_is_not_meant_is_not_looked_at(void **state)
{
	(void)state;
	put64(FLAGS, 0);
	start();
	put64(GENERATION, 12);
	assert_int_equal(vmclock_look(&v), VMCLOCK_SAME);
	/* when it comes to be there, it is not another one yet */
	put64(FLAGS, 1 << 8);
	assert_int_equal(vmclock_look(&v), VMCLOCK_SAME);
	put64(GENERATION, 13);
	assert_int_equal(vmclock_look(&v), VMCLOCK_RESTORED);
	put32(SIZE, GENERATION);
	put64(GENERATION, 14);
	assert_int_equal(vmclock_look(&v), VMCLOCK_SAME);
}

static void test_page_being_written_is_not_believed_and_not_waited_for(void **state)
{
	(void)state;
	start();
	put32(SEQUENCE, 5);
	put64(MARKER, 8);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(vmclock_look(&v), VMCLOCK_SAME);
	put32(SEQUENCE, 6);
	assert_int_equal(vmclock_look(&v), VMCLOCK_DISRUPTED);
}

static void test_page_odd_from_the_start_is_learnt_later(void **state)
{
	(void)state;
	put32(SEQUENCE, 5);
	vmclock_init(&v, &f.os);
	assert_int_equal(v.state, VMCLOCK_PRESENT);
	put32(SEQUENCE, 6);
	put64(MARKER, 9);
	assert_int_equal(vmclock_look(&v), VMCLOCK_SAME);
	put64(MARKER, 10);
	assert_int_equal(vmclock_look(&v), VMCLOCK_DISRUPTED);
}

static void test_no_device_is_absent(void **state)
{
	int fd = f.vmclock_fd;

	(void)state;
	f.vmclock_fd = -1;
	vmclock_init(&v, &f.os);
	assert_int_equal(v.state, VMCLOCK_ABSENT);
	assert_int_equal(vmclock_look(&v), VMCLOCK_SAME);
	f.vmclock_fd = fd;
}

static int refuse(void *ctx, int *ret_fd)
{
	(void)ctx;
	(void)ret_fd;
	return -EACCES;
}

static void expect_unusable(void)
{
	vmclock_init(&v, &f.os);
	assert_int_equal(v.state, VMCLOCK_UNUSABLE);
	assert_null(v.page);
	assert_int_equal(vmclock_look(&v), VMCLOCK_SAME);
}

static void test_what_is_not_known_is_unusable(void **state)
{
	(void)state;
	page[MAGIC]++;
	expect_unusable();
	page[MAGIC]--;
	page[VERSION] = 2;
	expect_unusable();
	page[VERSION] = 1;
	put32(SIZE, GENERATION - 1);
	expect_unusable();
	put32(SIZE, GENERATION);
	f.os.vmclock_open = refuse;
	expect_unusable();
}

/* Whatever is there, a look comes to an end and says one of three things. */
static void test_any_contents_are_harmless(void **state)
{
	unsigned int seed = 20240611;

	(void)state;
	start();
	for (int i = 0; i < 20000; i++) {
		for (int j = 0; j < 8; j++)
			page[rand_r(&seed) % 112] = (unsigned char)rand_r(&seed);
		assert_in_range(vmclock_look(&v), VMCLOCK_SAME, VMCLOCK_RESTORED);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_quiet_page_tells_nothing),
		TEST(test_each_disruption_is_told_once),
		TEST(test_snapshot_is_told_apart_from_a_move),
		TEST(test_generation_that_is_not_meant_is_not_looked_at),
		TEST(test_page_being_written_is_not_believed_and_not_waited_for),
		TEST(test_page_odd_from_the_start_is_learnt_later),
		TEST(test_no_device_is_absent),
		TEST(test_what_is_not_known_is_unusable),
		TEST(test_any_contents_are_harmless),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

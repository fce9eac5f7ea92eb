/* SPDX-License-Identifier: MIT */
/*
 * Finding the vDSO: each rung with vectors made by hand and with this process's own, what ends the
 * climb, and the probe for readable memory, with and without the system calls that it likes best.
 */

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <vdsotime/vdso.h>

#include "tests/fixtures/vdso-fixture.h"

enum { PAGE = 4096, ALL_RUNGS = 0xff, CHILD_OK = 0, CHILD_FAILED = 1, CHILD_SKIP = 77 };

static uint16_t only(uint32_t rung)
{
	return (uint16_t)(ALL_RUNGS & ~(1u << rung));
}

static bool has_own_vdso(void)
{
	if (getauxval(AT_SYSINFO_EHDR))
		return true;
	print_message("# this process has no vDSO\n");
	return false;
}

/* Asserts that the one rung, with these hints, gives this address, or this reason. */
static void check_rung(struct vdsotime_hints hints, uint32_t rung, int expected, uintptr_t base)
{
	struct vdsotime_vdso vdso;

	hints.skip = only(rung);
	assert_int_equal(vdsotime_vdso_resolve(&hints, &vdso), expected);
	assert_int_equal(vdso.reason, -expected);
	assert_int_equal(vdso.base, expected == 0 ? base : 0);
	assert_int_equal(vdso.rung, expected == 0 ? rung : VDSOTIME_RUNG_NONE);
	if (expected < 0) {
		assert_int_equal(vdso.rung_reason[rung], -expected);
		for (uint32_t i = 0; i < VDSOTIME_FUNCTIONS; i++)
			assert_int_equal(vdso.address[i], 0);
	}
}

static void test_each_rung_finds_the_same_image(void **state)
{
	uintptr_t ehdr = getauxval(AT_SYSINFO_EHDR);
	const uintptr_t auxv[] = { AT_PAGESZ, 4096, AT_SYSINFO_EHDR, ehdr, AT_NULL, 0 };
	const uintptr_t stack[] = { 2, 1, 1, 0, 1, 1, 1, 0, AT_PAGESZ, 4096, AT_SYSINFO_EHDR, ehdr,
		AT_NULL, 0 };
	struct vdsotime_hints hints = { .auxv = auxv, .stack = stack, .ehdr = ehdr, .has_ehdr = 1 };

	(void)state;
	if (!has_own_vdso())
		skip();
	for (uint32_t rung = VDSOTIME_RUNG_EHDR; rung <= VDSOTIME_RUNG_PROC; rung++)
		check_rung(hints, rung, 0, ehdr);
	hints.probe = 1;
	for (uint32_t rung = VDSOTIME_RUNG_EHDR; rung <= VDSOTIME_RUNG_PROC; rung++)
		check_rung(hints, rung, 0, ehdr);
}

/* PR_GET_AUXV, Linux 6.4. */
static void test_prctl_finds_the_same_image(void **state)
{
	uintptr_t words[4];
	const struct vdsotime_hints hints = { 0 };

	(void)state;
	if (!has_own_vdso())
		skip();
	if (prctl(0x41555856, words, sizeof(words), 0, 0) < 0) {
		print_message("# this kernel has no PR_GET_AUXV\n");
		check_rung(hints, VDSOTIME_RUNG_PRCTL, -VDSOTIME_REASON_NO_AUXV, 0);
		skip();
	}
	check_rung(hints, VDSOTIME_RUNG_PRCTL, 0, getauxval(AT_SYSINFO_EHDR));
}

static void test_no_hints_ask_the_kernel(void **state)
{
	struct vdsotime_vdso vdso;

	(void)state;
	if (!has_own_vdso())
		skip();
	assert_int_equal(vdsotime_vdso_resolve(NULL, &vdso), 0);
	assert_int_equal(vdso.rung, VDSOTIME_RUNG_PROC);
	assert_int_equal(vdso.base, getauxval(AT_SYSINFO_EHDR));
	assert_int_equal(vdso.rung_reason[VDSOTIME_RUNG_EHDR], VDSOTIME_REASON_NO_AUXV);
	assert_int_equal(vdso.rung_reason[VDSOTIME_RUNG_STACK], VDSOTIME_REASON_NO_AUXV);
	assert_string_equal(vdsotime_rung_name(vdso.rung), "/proc/self/auxv");
	assert_string_equal(vdsotime_rung_name(1000), "unknown rung");
}

/* vdso=0 on the kernel's command line, or Valgrind: a vector without the entry, or with 0. */
static void test_a_vector_without_vdso_ends_the_climb(void **state)
{
	const uintptr_t without[] = { AT_PAGESZ, 4096, AT_IGNORE, 0x1000, AT_NULL, 0 };
	const uintptr_t with_zero[] = { AT_SYSINFO_EHDR, 0, AT_NULL, 0 };
	const uintptr_t *vectors[] = { without, with_zero };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct vdsotime_hints hints = { .auxv = vectors[i] };
		struct vdsotime_vdso vdso;
		struct vdsotime_timespec now;

		assert_int_equal(vdsotime_vdso_resolve(&hints, &vdso), -VDSOTIME_REASON_ABSENT);
		assert_int_equal(vdso.reason, VDSOTIME_REASON_ABSENT);
		assert_int_equal(vdso.base, 0);
		assert_int_equal(vdsotime_vdso_clock_gettime(&vdso, 0, &now), 0);
	}

	const struct vdsotime_hints absent = vdsotime_hints_ehdr(0);
	struct vdsotime_vdso vdso;

	assert_int_equal(vdsotime_vdso_resolve(&absent, &vdso), -VDSOTIME_REASON_ABSENT);
}

/* A vector without an end is not whole: the next rung is asked. */
static void test_a_vector_without_end_is_passed_over(void **state)
{
	uintptr_t *endless = calloc(4096, sizeof(*endless));
	struct vdsotime_hints hints = { .auxv = endless };

	(void)state;
	assert_non_null(endless);
	for (size_t i = 0; i < 4096; i++)
		endless[i] = AT_IGNORE;
	check_rung(hints, VDSOTIME_RUNG_AUXV, -VDSOTIME_REASON_NO_AUXV, 0);
	free(endless);
}

static void test_no_rung_at_all(void **state)
{
	const struct vdsotime_hints hints = { .skip = ALL_RUNGS };
	struct vdsotime_vdso vdso;
	struct vdsotime_timespec now;

	(void)state;
	assert_int_equal(vdsotime_vdso_resolve(&hints, &vdso), -VDSOTIME_REASON_NO_AUXV);
	assert_int_equal(vdsotime_vdso_clock_gettime(&vdso, 0, &now), 0);
}

/* An image of two pages, as a caller's vector could name it. */
static void *map_fixture(const struct elf_spec *spec)
{
	struct elf_image image = elf_build(spec);
	size_t bytes = 2 * PAGE;
	void *memory =
		mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	assert_true(memory != MAP_FAILED);
	assert_in_range(image.size_bytes, PAGE + 1, bytes);
	memcpy(memory, image.bytes, image.size_bytes);
	elf_free(image);
	return memory;
}

static struct elf_spec native_spec(void)
{
	struct elf_spec spec = fixture_spec();
	const struct vdsotime_arch *arch = vdsotime_arch_native();

	spec.machine = arch->machine;
	spec.class_bits = arch->class_bits;
	return spec;
}

/* An image of another class or machine: 32-bit guests see their 64-bit host's, some emulators'. */
static void test_an_image_of_another_machine_is_passed_over(void **state)
{
	struct elf_spec spec = native_spec();
	struct vdsotime_vdso vdso;

	(void)state;
	spec.class_bits = 32;
	spec.machine = 40;

	void *image = map_fixture(&spec);
	const uintptr_t auxv[] = { AT_SYSINFO_EHDR, (uintptr_t)image, AT_NULL, 0 };
	const struct vdsotime_hints hints = { .auxv = auxv };

	check_rung(hints, VDSOTIME_RUNG_AUXV, -VDSOTIME_REASON_MACHINE, 0);
	if (getauxval(AT_SYSINFO_EHDR)) {
		assert_int_equal(vdsotime_vdso_resolve(&hints, &vdso), 0);
		assert_int_equal(vdso.rung, VDSOTIME_RUNG_PROC);
		assert_int_equal(vdso.rung_reason[VDSOTIME_RUNG_AUXV], VDSOTIME_REASON_MACHINE);
	}
	munmap(image, 2 * PAGE);
}

static void test_bad_images_keep_their_reason(void **state)
{
	struct elf_spec spec = native_spec();
	unsigned char *image = map_fixture(&spec);
	struct vdsotime_vdso vdso;
	struct vdsotime_hints hints = vdsotime_hints_ehdr((uintptr_t)image);

	(void)state;
	check_rung(hints, VDSOTIME_RUNG_EHDR, 0, (uintptr_t)image);
	assert_int_equal(vdsotime_vdso_from_image(image, 0, &vdso), 0);
	assert_int_equal(vdso.rung, VDSOTIME_RUNG_IMAGE);
	assert_int_equal(vdso.size_bytes, 2 * PAGE);
	assert_string_equal(vdso.found[VDSOTIME_CLOCK_GETTIME].symbol, "__vdso_clock_gettime");
	assert_string_equal(vdso.found[VDSOTIME_CLOCK_GETTIME].version, "LINUX_2.6");
	assert_int_equal(vdso.found[VDSOTIME_GETCPU].reason, VDSOTIME_REASON_NO_SYMBOL);
	assert_int_equal(vdsotime_vdso_from_image(image, 64, &vdso), -VDSOTIME_REASON_HEADERS);
	image[0] = 0;
	check_rung(hints, VDSOTIME_RUNG_EHDR, -VDSOTIME_REASON_MAGIC, 0);
	hints.probe = 1;
	check_rung(hints, VDSOTIME_RUNG_EHDR, -VDSOTIME_REASON_MAGIC, 0);
	munmap(image, 2 * PAGE);
}

/* The first rung that named an image tells the reason, when no later one finds a better. */
static void test_the_first_reason_is_kept(void **state)
{
	struct elf_spec spec = native_spec();
	unsigned char *bad = map_fixture(&spec);
	struct vdsotime_vdso vdso;

	(void)state;
	spec.machine = 40;

	unsigned char *other = map_fixture(&spec);
	const uintptr_t auxv[] = { AT_SYSINFO_EHDR, (uintptr_t)other, AT_NULL, 0 };
	struct vdsotime_hints hints = vdsotime_hints_ehdr((uintptr_t)bad);

	bad[0] = 0;
	hints.auxv = auxv;
	hints.skip = ALL_RUNGS & ~(1u << VDSOTIME_RUNG_EHDR | 1u << VDSOTIME_RUNG_AUXV);
	assert_int_equal(vdsotime_vdso_resolve(&hints, &vdso), -VDSOTIME_REASON_MAGIC);
	assert_int_equal(vdso.rung_reason[VDSOTIME_RUNG_AUXV], VDSOTIME_REASON_MACHINE);
	munmap(bad, 2 * PAGE);
	munmap(other, 2 * PAGE);
}

/* The weak name is taken where the other is not there. */
static void test_the_alias_is_taken_without_the_name(void **state)
{
	static const struct elf_symbol symbols[] = { { "clock_gettime", 0x10, 2, 2, 1, 2 } };
	struct elf_spec spec = fixture_spec();
	struct vdsotime_vdso vdso;

	(void)state;
	spec.symbols = symbols;
	spec.symbol_count = 1;

	struct fixture f = fixture_open(&spec);

	assert_int_equal(vdsotime_vdso_from_parsed(&f.parsed, &vdso), 0);
	assert_string_equal(vdso.found[VDSOTIME_CLOCK_GETTIME].symbol, "clock_gettime");
	fixture_close(&f);
}

static void test_an_image_without_time_functions(void **state)
{
	static const struct elf_symbol symbols[] = { { "__vdso_something", 0x10, 2, 1, 1, 2 } };
	struct elf_spec spec = fixture_spec();
	struct vdsotime_vdso vdso;

	(void)state;
	spec.symbols = symbols;
	spec.symbol_count = 1;

	struct fixture f = fixture_open(&spec);

	assert_int_equal(
		vdsotime_vdso_from_parsed(&f.parsed, &vdso), -VDSOTIME_REASON_NO_FUNCTIONS);
	assert_int_equal(vdso.base, 0);
	fixture_close(&f);
}

/* arm: clock_gettime64 alone is a function that the kernel forgot to switch off. */
static void test_arm_gettime64_is_trusted_only_beside_gettime(void **state)
{
	static const struct elf_symbol symbols[] = {
		{ "__vdso_clock_getres", 0x20, 2, 1, 1, 2 },
		{ "__vdso_clock_gettime64", 0x10, 2, 1, 1, 2 },
		{ "__vdso_clock_gettime", 0x30, 2, 1, 1, 2 },
	};

	(void)state;
	for (unsigned machine = 0; machine < 2; machine++) {
		for (size_t count = 1; count <= 3; count++) {
			struct elf_spec spec = fixture_spec();
			struct vdsotime_vdso vdso;
			bool trusted = count == 3 || (machine == 1 && count == 2);
			int reason = trusted      ? 0
				     : count == 1 ? VDSOTIME_REASON_NO_SYMBOL
						  : VDSOTIME_REASON_DISTRUSTED;

			spec.class_bits = 32;
			spec.machine = machine ? 3 : 40;
			spec.symbols = symbols;
			spec.symbol_count = count;

			struct fixture f = fixture_open(&spec);

			assert_int_equal(vdsotime_vdso_from_parsed(&f.parsed, &vdso), 0);
			assert_true((vdso.address[VDSOTIME_CLOCK_GETTIME64] != 0) == trusted);
			assert_int_equal(vdso.found[VDSOTIME_CLOCK_GETTIME64].reason, reason);
			assert_true(vdso.address[VDSOTIME_CLOCK_GETRES] != 0);
			fixture_close(&f);
		}
	}
}

static void test_probe_tells_readable_memory(void **state)
{
	unsigned char *pages = mmap(NULL, 4 * PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uintptr_t at = (uintptr_t)pages;

	(void)state;
	assert_true(pages != MAP_FAILED);
	assert_int_equal(mprotect(pages + 2 * PAGE, PAGE, PROT_NONE), 0);
	munmap(pages + 3 * PAGE, PAGE);
	assert_int_equal(vdsotime_probe_readable(at, 2 * PAGE), 1);
	assert_int_equal(vdsotime_probe_readable(at + 100, 2 * PAGE - 100), 1);
	assert_int_equal(vdsotime_probe_readable(at + 2 * PAGE - 1, 1), 1);
	assert_int_equal(vdsotime_probe_readable(at + 2 * PAGE - 1, 2), 0);
	assert_int_equal(vdsotime_probe_readable(at, 3 * PAGE), 0);
	assert_int_equal(vdsotime_probe_readable(at + 2 * PAGE, 1), 0);
	assert_int_equal(vdsotime_probe_readable(at + 3 * PAGE, 1), 0);
	assert_int_equal(vdsotime_probe_readable(0, 1), 0);
	assert_int_equal(vdsotime_probe_readable(at, 0), 1);
	assert_int_equal(vdsotime_probe_readable(UINTPTR_MAX - 10, 100), 0);
	munmap(pages, 3 * PAGE);
}

/* With --coverage: writes down what was run, as _exit() does not. */
__attribute__((weak)) void __gcov_dump(void);

/* Runs in a child what cannot be undone. */
static int in_child(int (*run)(void))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		status = run();
		if (__gcov_dump)
			__gcov_dump();
		_exit(status);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (!WIFEXITED(status))
		fail_msg("the child died of signal %d", WTERMSIG(status));
	return WEXITSTATUS(status);
}

/* A filter under which the system calls a and b do not exist. */
static bool forbid(unsigned a, unsigned b)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, a, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, b, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(code) / sizeof(code[0]), code };

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

static int probe_by_pipe_alone(void)
{
	static const char here[] = "here";

	if (!forbid(SYS_process_vm_readv, SYS_process_vm_readv))
		return CHILD_SKIP;
	return vdsotime_probe_readable((uintptr_t)here, sizeof(here)) == 1 &&
			       vdsotime_probe_readable(16, 1) == 0
		       ? CHILD_OK
		       : CHILD_FAILED;
}

/* How many descriptors there may be; 0: no file can be opened, no pipe made. */
static bool limit_files(bool any)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0)
		return false;
	files.rlim_cur = any ? files.rlim_max : 0;
	return setrlimit(RLIMIT_NOFILE, &files) == 0;
}

static int without_files(int (*run)(void))
{
	int r;

	if (!limit_files(false))
		return CHILD_SKIP;
	r = run();
	return limit_files(true) ? r : CHILD_SKIP;
}

static int probe_by_nothing_now(void)
{
	static const char here[] = "here";
	struct vdsotime_hints hints = vdsotime_hints_ehdr(getauxval(AT_SYSINFO_EHDR));
	struct vdsotime_vdso vdso;

	hints.probe = 1;
	hints.skip = only(VDSOTIME_RUNG_EHDR);
	return vdsotime_probe_readable((uintptr_t)here, sizeof(here)) == -1 &&
			       (!hints.ehdr || vdsotime_vdso_resolve(&hints, &vdso) ==
						       -VDSOTIME_REASON_UNREADABLE)
		       ? CHILD_OK
		       : CHILD_FAILED;
}

static int probe_by_nothing(void)
{
	if (!forbid(SYS_process_vm_readv, SYS_process_vm_readv))
		return CHILD_SKIP;
	return without_files(probe_by_nothing_now);
}

/* A process that may neither open /proc nor ask prctl() has no vector. */
static int resolve_by_nothing_now(void)
{
	struct vdsotime_vdso vdso;

	return vdsotime_vdso_resolve(NULL, &vdso) == -VDSOTIME_REASON_NO_AUXV ? CHILD_OK
									      : CHILD_FAILED;
}

static int resolve_by_nothing(void)
{
	if (!forbid(SYS_prctl, SYS_prctl))
		return CHILD_SKIP;
	return without_files(resolve_by_nothing_now);
}

/* Where no clock can be read at all, that is what is said. */
static int read_by_nothing(void)
{
	struct vdsotime_timespec now;
	struct vdsotime_timeval day;
	struct vdsotime_vdso none;
	int64_t second;

	memset(&none, 0, sizeof(none));
	if (!forbid(SYS_clock_gettime, SYS_gettimeofday))
		return CHILD_SKIP;
	return vdsotime_vdso_clock_gettime(&none, 0, &now) == -ENOSYS &&
			       vdsotime_vdso_gettimeofday(&none, &day) == -ENOSYS &&
			       vdsotime_vdso_time(&none, &second) == -ENOSYS &&
			       vdsotime_sys_time(&second) == -ENOSYS
		       ? CHILD_OK
		       : CHILD_FAILED;
}

static void test_under_filters(void **state)
{
	int (*const runs[])(void) = { probe_by_pipe_alone, probe_by_nothing, resolve_by_nothing,
		read_by_nothing };

	(void)state;
	for (size_t i = 0; i < sizeof(runs) / sizeof(runs[0]); i++) {
		int r = in_child(runs[i]);

		if (r == CHILD_SKIP) {
			print_message("# no seccomp filters here\n");
			skip();
		}
		assert_int_equal(r, CHILD_OK);
	}
}

/* The kernel goes on naming an image that is no longer mapped: what Valgrind does, by hand. */
static int resolve_after_unmapping(void)
{
	uintptr_t ehdr = getauxval(AT_SYSINFO_EHDR);
	struct vdsotime_hints hints = { .skip = only(VDSOTIME_RUNG_PRCTL) };
	struct vdsotime_vdso vdso;
	struct vdsotime_timespec now;

	if (!ehdr || vdsotime_vdso_resolve(&hints, &vdso) != 0 ||
		munmap((void *)ehdr, vdso.size_bytes) != 0)
		return CHILD_SKIP;
	return vdsotime_vdso_resolve(&hints, &vdso) == -VDSOTIME_REASON_UNREADABLE &&
			       vdsotime_vdso_clock_gettime(&vdso, 0, &now) == 0
		       ? CHILD_OK
		       : CHILD_FAILED;
}

/* Its first page alone is left: the header can be read, the image cannot. */
static int resolve_half_an_image(void)
{
	struct elf_spec spec = native_spec();
	unsigned char *image;
	struct vdsotime_hints hints;
	struct vdsotime_vdso vdso;

	image = map_fixture(&spec);
	hints = vdsotime_hints_ehdr((uintptr_t)image);
	hints.probe = 1;
	hints.skip = only(VDSOTIME_RUNG_EHDR);
	munmap(image + PAGE, PAGE);
	return vdsotime_vdso_resolve(&hints, &vdso) == -VDSOTIME_REASON_UNREADABLE ? CHILD_OK
										   : CHILD_FAILED;
}

static void test_an_unmapped_image_is_not_touched(void **state)
{
	int r = in_child(resolve_after_unmapping);

	(void)state;
	assert_int_equal(in_child(resolve_half_an_image), CHILD_OK);
	if (r == CHILD_SKIP) {
		print_message("# no PR_GET_AUXV, no vDSO, or one that cannot be unmapped\n");
		skip();
	}
	assert_int_equal(r, CHILD_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_rung_finds_the_same_image),
		cmocka_unit_test(test_prctl_finds_the_same_image),
		cmocka_unit_test(test_no_hints_ask_the_kernel),
		cmocka_unit_test(test_a_vector_without_vdso_ends_the_climb),
		cmocka_unit_test(test_a_vector_without_end_is_passed_over),
		cmocka_unit_test(test_no_rung_at_all),
		cmocka_unit_test(test_an_image_of_another_machine_is_passed_over),
		cmocka_unit_test(test_bad_images_keep_their_reason),
		cmocka_unit_test(test_the_first_reason_is_kept),
		cmocka_unit_test(test_the_alias_is_taken_without_the_name),
		cmocka_unit_test(test_an_image_without_time_functions),
		cmocka_unit_test(test_arm_gettime64_is_trusted_only_beside_gettime),
		cmocka_unit_test(test_probe_tells_readable_memory),
		cmocka_unit_test(test_under_filters),
		cmocka_unit_test(test_an_unmapped_image_is_not_touched),
	};

	return cmocka_run_group_tests_name("vdso-ladder", tests, NULL, NULL);
}

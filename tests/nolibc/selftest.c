/* SPDX-License-Identifier: MIT */
/*
 * The call layer on the machine that it is compiled for, without libc: through its own vDSO, and
 * through functions put in its place.  Prints what does not hold; leaves with the number of it, at
 * most 100.
 */

#include <stdbool.h>

#include <vdsotime/vdso.h>

#include "examples/nolibc/start.h"
#include "examples/nolibc/text.h"
#include "proto/vdso/bytes.h"
#include "tests/nolibc/fakes.h"

enum { BAD_CLOCK = 9999, ERROR_INVALID = 22 };

static unsigned failures;

static void note(const char *what)
{
	struct text t;

	t.length = 0;
	text_add(&t, "note: ");
	text_add(&t, what);
	text_write(&t);
}

static void expect(bool holds, const char *what)
{
	struct text t;

	t.length = 0;
	if (holds)
		return;
	failures++;
	text_add(&t, "not ok: ");
	text_add(&t, what);
	text_write(&t);
}

static bool is_now(const struct vdsotime_timespec *t)
{
	struct vdsotime_timespec now;

	return vdsotime_sys_clock_gettime(0, &now) == 0 && now.sec - t->sec <= 2 &&
	       now.sec >= t->sec && t->nsec >= 0 && t->nsec < 1000000000;
}

/* qemu 10 has the number of another system call in its i386 getcpu. */
static bool is_the_time_of_day(uint32_t cpu)
{
	struct vdsotime_timespec now;

	return NATIVE_MACHINE == MACHINE_386 && vdsotime_sys_clock_gettime(0, &now) == 0 &&
	       now.sec - (int64_t)cpu <= 2 && now.sec >= (int64_t)cpu;
}

static void put(struct vdsotime_vdso *vdso, uint32_t function, const void *code)
{
	vdsotime_vdso_set(vdso, function, (uintptr_t)code);
}

/* What has to hold with any set of functions that tell the truth, none included. */
static void check_truth(const struct vdsotime_vdso *vdso)
{
	struct vdsotime_timespec t = { 0, 0 };
	struct vdsotime_timeval day = { 0, 0 };
	uint32_t cpu = 1u << 31, node = 1u << 31;
	int64_t second = 0;

	expect(vdsotime_vdso_clock_gettime(vdso, 0, &t) == 0 && is_now(&t), "clock_gettime");
	expect(vdsotime_call_clock_gettime(vdso, 0, &t) == 0 && is_now(&t),
		"clock_gettime, called");
	expect(vdsotime_vdso_clock_gettime(vdso, BAD_CLOCK, &t) == -ERROR_INVALID, "a bad clock");
	t.nsec = 0;
	expect(vdsotime_vdso_clock_getres(vdso, 1, &t) == 0 && t.sec == 0 && t.nsec > 0,
		"clock_getres");
	expect(vdsotime_vdso_clock_getres(vdso, BAD_CLOCK, &t) == -ERROR_INVALID,
		"clock_getres of a bad clock");
	expect(vdsotime_vdso_gettimeofday(vdso, &day) == 0, "gettimeofday");
	t.sec = day.sec;
	t.nsec = day.usec * 1000;
	expect(is_now(&t), "the time of day");
	expect(vdsotime_vdso_time(vdso, &second) == 0, "time");
	t.sec = second;
	t.nsec = 0;
	expect(is_now(&t), "the second");
	expect(vdsotime_vdso_getcpu(vdso, &cpu, &node) == 0, "getcpu");
	if (is_the_time_of_day(cpu))
		note("this vDSO's getcpu calls gettimeofday, as qemu-i386's does");
	else
		expect(cpu < 8192 && node < 8192, "the CPU");
	expect(vdsotime_vdso_getcpu(vdso, NULL, NULL) == 0, "getcpu of nothing");
}

static void check_failing(void)
{
	struct vdsotime_vdso vdso;

	bytes_clear(&vdso, sizeof(vdso));
	for (uint32_t i = 0; i < VDSOTIME_FUNCTIONS; i++)
		put(&vdso, i, fake_fails);
	check_truth(&vdso);
}

/* Words of the machine's own width are read as such. */
static void check_words(void)
{
	struct vdsotime_timespec t = { 0, 0 };
	struct vdsotime_timeval day = { 0, 0 };
	struct vdsotime_vdso vdso;
	uint32_t cpu = 0, node = 0;

	bytes_clear(&vdso, sizeof(vdso));
	put(&vdso, VDSOTIME_CLOCK_GETTIME, fake_words);
	put(&vdso, VDSOTIME_CLOCK_GETRES, fake_words);
	put(&vdso, VDSOTIME_GETTIMEOFDAY, fake_words);
	put(&vdso, VDSOTIME_GETCPU, fake_cpu);
	expect(vdsotime_vdso_clock_gettime(&vdso, 1, &t) == 0 && t.sec == 1000 && t.nsec == 42,
		"words of clock_gettime");
	t.sec = t.nsec = 0;
	expect(vdsotime_vdso_clock_getres(&vdso, 1, &t) == 0 && t.sec == 1000 && t.nsec == 42,
		"words of clock_getres");
	expect(vdsotime_vdso_gettimeofday(&vdso, &day) == 0 && day.sec == 1000 && day.usec == 42,
		"words of gettimeofday");
	expect(vdsotime_vdso_getcpu(&vdso, &cpu, &node) == 0 && cpu == 7 && node == 3,
		"words of getcpu");
}

/* A second below 0 on a machine of 32 bits is one after 2038: the system call knows it. */
static void check_after_2038(void)
{
	struct vdsotime_timespec t = { 0, 0 };
	struct vdsotime_timeval day = { 0, 0 };
	struct vdsotime_vdso vdso;

	if (NATIVE_TIME64)
		return;
	bytes_clear(&vdso, sizeof(vdso));
	put(&vdso, VDSOTIME_CLOCK_GETTIME, fake_negative);
	put(&vdso, VDSOTIME_GETTIMEOFDAY, fake_negative);
	expect(vdsotime_vdso_clock_gettime(&vdso, 0, &t) == 0 && is_now(&t), "a negative second");
	expect(vdsotime_vdso_gettimeofday(&vdso, &day) == 0, "a negative day");
	t.sec = day.sec;
	t.nsec = day.usec * 1000;
	expect(is_now(&t), "a negative day's time");
	put(&vdso, VDSOTIME_CLOCK_GETTIME64, fake_wide);
	expect(vdsotime_vdso_clock_gettime(&vdso, 0, &t) == 0 && t.sec == 5000000000 &&
			t.nsec == 42,
		"clock_gettime64");
	put(&vdso, VDSOTIME_CLOCK_GETRES_TIME64, fake_wide);
	expect(vdsotime_vdso_clock_getres(&vdso, 0, &t) == 0 && t.sec == 5000000000,
		"clock_getres_time64");
	put(&vdso, VDSOTIME_CLOCK_GETTIME64, fake_fails);
	expect(vdsotime_vdso_clock_gettime(&vdso, 0, &t) == 0 && is_now(&t),
		"a failing clock_gettime64");
}

static void check_system_calls(void)
{
	struct vdsotime_timespec t;
	struct vdsotime_timeval day;
	int64_t second;

	expect(vdsotime_sys_clock_gettime(BAD_CLOCK, &t) == -ERROR_INVALID, "sys: a bad clock");
	expect(vdsotime_sys_clock_getres(0, &t) == 0 && t.nsec > 0, "sys: clock_getres");
	expect(vdsotime_sys_gettimeofday(&day) == 0 && day.usec >= 0 && day.usec < 1000000,
		"sys: gettimeofday");
	expect(vdsotime_sys_time(&second) == 0 && day.sec - second <= 1 && second - day.sec <= 1,
		"sys: time");
}

static void check_probe(const uintptr_t *stack)
{
	expect(vdsotime_probe_readable((uintptr_t)stack, sizeof(*stack)) == 1, "probe: the stack");
	expect(vdsotime_probe_readable(16, 1) == 0, "probe: nothing");
}

/* However it is found, it is the same. */
static void check_ladder(const uintptr_t *stack)
{
	struct vdsotime_hints hints = { stack, NULL, 0, 0, 0, 0 };
	struct vdsotime_vdso by_stack, by_kernel;
	int r = vdsotime_vdso_resolve(&hints, &by_stack);

	check_truth(&by_stack);
	(void)vdsotime_vdso_resolve(NULL, &by_kernel);
	expect(r < 0 || by_kernel.base == by_stack.base || by_kernel.reason != 0, "the ladder");
	check_truth(&by_kernel);
}

static const char *found(const uintptr_t *stack)
{
	struct vdsotime_hints hints = { stack, NULL, 0, 0, 0, 0 };
	struct vdsotime_vdso vdso;

	return vdsotime_vdso_resolve(&hints, &vdso) == 0 ? "through its vDSO" : "without a vDSO";
}

void nolibc_main(const uintptr_t *stack)
{
	struct vdsotime_vdso none;
	struct text t;

	t.length = 0;
	bytes_clear(&none, sizeof(none));
	check_truth(&none);
	check_ladder(stack);
	check_failing();
	check_words();
	check_after_2038();
	check_system_calls();
	check_probe(stack);
	text_add(&t, failures ? "not ok: " : "ok: ");
	text_add(&t, vdsotime_arch_native()->name);
	text_char(&t, ' ');
	text_add(&t, found(stack));
	text_write(&t);
	nolibc_exit((int)(failures > 100 ? 100 : failures));
}

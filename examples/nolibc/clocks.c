/* SPDX-License-Identifier: MIT */
/*
 * A program without libc: finds the vDSO from its initial stack, prints every clock with what it
 * costs to read it, and reads the page of a running vdsotimed.
 *
 * From the top of the source tree, with libvdsotime-core installed:
 *
 *   cc -I. -static -nostdlib -nostartfiles -ffreestanding -fno-stack-protector \
 *       -o clocks examples/nolibc/clocks.c $(pkg-config --cflags --libs libvdsotime-core)
 *   VDSOTIME_RUNTIME_DIR=/some/dir ./clocks
 *
 * Leaves with 0; with 1 when a clock that must be there cannot be read, or disagrees with the
 * system call.
 */

#include <stdbool.h>

#include <vdsotime/attach.h>
#include <vdsotime/vdso.h>

#include "examples/nolibc/start.h"
#include "examples/nolibc/text.h"

enum { READS = 1000, COLUMN = 18 };

struct clock {
	int32_t id;
	char name[20];
};

static const struct clock clocks[] = {
	{ 0, "REALTIME" },
	{ 1, "MONOTONIC" },
	{ 4, "MONOTONIC_RAW" },
	{ 7, "BOOTTIME" },
	{ 11, "TAI" },
	{ 5, "REALTIME_COARSE" },
	{ 6, "MONOTONIC_COARSE" },
	{ 2, "PROCESS_CPUTIME" },
	{ 3, "THREAD_CPUTIME" },
};

static uint64_t to_ns(const struct vdsotime_timespec *t)
{
	return (uint64_t)t->sec * 1000000000 + (uint64_t)t->nsec;
}

static void print_vdso(const struct vdsotime_vdso *vdso, struct text *t)
{
	const struct vdsotime_arch *arch = vdsotime_arch_native();

	text_add(t, arch->name);
	if (vdso->base) {
		text_add(t, ": vDSO at ");
		text_hex(t, vdso->base);
		text_add(t, ", found by ");
		text_add(t, vdsotime_rung_name(vdso->rung));
	} else {
		text_add(t, ": no vDSO: ");
		text_add(t, vdsotime_reason_string(vdso->reason));
	}
	text_write(t);
	for (uint32_t i = 0; i < VDSOTIME_FUNCTIONS; i++) {
		const struct vdsotime_found *found = &vdso->found[i];

		if (!found->symbol)
			continue;
		text_add(t, "  ");
		text_add(t, vdsotime_function_name(i));
		text_to(t, 24);
		text_add(t, found->symbol);
		text_add(t, "@");
		text_add(t, found->version ? found->version : "");
		text_write(t);
	}
}

/* The mean cost of a read, in tenths of a ns: by the vDSO of `vdso`, which may be none. */
static uint32_t cost(const struct vdsotime_vdso *vdso, int32_t id)
{
	struct vdsotime_timespec begin = { 0, 0 }, end = { 0, 0 }, now;

	(void)vdsotime_vdso_clock_gettime(vdso, 1, &begin);
	for (uint32_t i = 0; i < READS; i++)
		(void)vdsotime_vdso_clock_gettime(vdso, id, &now);
	(void)vdsotime_vdso_clock_gettime(vdso, 1, &end);
	return (uint32_t)(to_ns(&end) - to_ns(&begin)) / (READS / 10);
}

static void print_cost(struct text *t, uint32_t tenths, size_t column)
{
	text_to(t, column);
	text_u32(t, tenths / 10, 1);
	text_char(t, '.');
	text_u32(t, tenths % 10, 1);
	text_add(t, " ns");
}

/* A reading between two by system call; the coarse clocks lag. */
static bool agrees(const struct vdsotime_vdso *vdso, int32_t id, struct vdsotime_timespec *ret)
{
	const uint64_t slack_ns = id == 5 || id == 6 ? 20000000 : 0;
	struct vdsotime_timespec before, after;

	return vdsotime_sys_clock_gettime(id, &before) == 0 &&
	       vdsotime_vdso_clock_gettime(vdso, id, ret) == 0 &&
	       vdsotime_sys_clock_gettime(id, &after) == 0 &&
	       to_ns(ret) + slack_ns >= to_ns(&before) && to_ns(ret) <= to_ns(&after);
}

static bool print_clocks(const struct vdsotime_vdso *vdso, struct text *t)
{
	struct vdsotime_vdso none;
	bool all = true;

	for (size_t i = 0; i < sizeof(none); i++)
		((volatile unsigned char *)&none)[i] = 0;
	text_add(t, "CLOCK");
	text_to(t, COLUMN);
	text_add(t, "TIME");
	text_to(t, 42);
	text_add(t, "READ");
	text_to(t, 54);
	text_add(t, "SYSTEM CALL");
	text_write(t);
	for (size_t i = 0; i < sizeof(clocks) / sizeof(clocks[0]); i++) {
		struct vdsotime_timespec now;

		text_add(t, clocks[i].name);
		text_to(t, COLUMN);
		if (agrees(vdso, clocks[i].id, &now)) {
			text_u64(t, (uint64_t)now.sec);
			text_char(t, '.');
			text_u32(t, (uint32_t)now.nsec, 9);
			print_cost(t, cost(vdso, clocks[i].id), 42);
			print_cost(t, cost(&none, clocks[i].id), 54);
		} else {
			text_add(t, "disagrees with the system call");
			all = false;
		}
		text_write(t);
	}
	return all;
}

/* The value of a variable of the environment, which follows argv; NULL when it is not there. */
static const char *get_environment(const uintptr_t *stack, const char *name)
{
	const uintptr_t *p = stack + 1 + stack[0] + 1;

	for (; *p; p++) {
		const char *text = (const char *)*p;
		size_t n = 0;

		while (name[n] && text[n] == name[n])
			n++;
		if (!name[n] && text[n] == '=')
			return text + n + 1;
	}
	return NULL;
}

static void print_difference(struct text *t, int64_t ns)
{
	text_char(t, ns < 0 ? '-' : '+');
	text_u64(t, ns < 0 ? (uint64_t)-ns : (uint64_t)ns);
	text_add(t, " ns");
}

/* Each clock of the page, less a reading of the vDSO just before: its own age in it. */
static bool read_page(
	const struct vdsotime_page *page, const struct vdsotime_vdso *vdso, struct text *t)
{
	for (size_t i = 0; i < 5; i++) {
		struct vdsotime_timespec now;
		int64_t paged;

		text_add(t, "  page ");
		text_add(t, clocks[i].name);
		text_to(t, COLUMN + 6);
		if (vdsotime_vdso_clock_gettime(vdso, clocks[i].id, &now) < 0 ||
			vdsotime_page_read_ns(page, clocks[i].id, VDSOTIME_COUNTER_FENCE, &paged) !=
				VDSOTIME_PAGE_READ) {
			text_add(t, "stale");
			text_write(t);
			return false;
		}
		text_u64(t, (uint64_t)paged);
		text_add(t, " ns, ");
		print_difference(t, paged - (int64_t)to_ns(&now));
		text_write(t);
	}
	return true;
}

/* That nobody serves is no failure. */
static bool print_page(const char *dir, const struct vdsotime_vdso *vdso, struct text *t)
{
	const struct vdsotime_page *page;
	int r = vdsotime_page_attach(dir, &page);
	bool ok;

	if (r < 0) {
		text_add(t, "page: none here, error ");
		text_u32(t, (uint32_t)-r, 1);
		text_write(t);
		return true;
	}
	text_add(t, "page: attached");
	text_write(t);
	ok = read_page(page, vdso, t);
	vdsotime_page_detach(page);
	return ok;
}

void nolibc_main(const uintptr_t *stack)
{
	struct vdsotime_hints hints = { stack, NULL, 0, 0, 0, 0 };
	struct vdsotime_vdso vdso;
	struct text t;
	bool ok;

	t.length = 0;
	(void)vdsotime_vdso_resolve(&hints, &vdso);
	print_vdso(&vdso, &t);
	ok = print_clocks(&vdso, &t);
	ok = print_page(get_environment(stack, "VDSOTIME_RUNTIME_DIR"), &vdso, &t) && ok;
	nolibc_exit(ok ? 0 : 1);
}

/* SPDX-License-Identifier: MIT */
/*
 * What can be known without the daemon: see machine.h.
 */
#include "client/ctl/machine.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/timex.h>
#include <sys/utsname.h>
#include <time.h>

#include <vdsotime/vdso.h>

enum { COST_BATCHES = 30, COST_CALLS = 100, LINE_BYTES = 256 };

/* The first line of a file, without its newline.  0; -ENOENT when there is none to read. */
static int read_line(const char *path, char buf[LINE_BYTES])
{
	FILE *f = fopen(path, "re");
	char *got;

	if (!f)
		return -ENOENT;
	got = fgets(buf, LINE_BYTES, f);
	fclose(f);
	if (!got)
		return -ENOENT;
	buf[strcspn(buf, "\n")] = '\0';
	return 0;
}

static int64_t monotonic_ns(const struct vdsotime_vdso *vdso)
{
	struct vdsotime_timespec now = { 0 };

	vdsotime_vdso_clock_gettime(vdso, CLOCK_MONOTONIC, &now);
	return now.sec * 1000000000 + now.nsec;
}

/* The cost of one read through vdso, a whole number of ns: the cheapest of many batches. */
static int64_t read_cost_ns(const struct vdsotime_vdso *clock, const struct vdsotime_vdso *vdso)
{
	int64_t best_ns = INT64_MAX;

	for (int batch = 0; batch < COST_BATCHES; batch++) {
		int64_t start_ns = monotonic_ns(clock), cost_ns;

		for (int i = 0; i < COST_CALLS; i++)
			monotonic_ns(vdso);
		cost_ns = monotonic_ns(clock) - start_ns;
		if (cost_ns < best_ns)
			best_ns = cost_ns;
	}
	return (best_ns + COST_CALLS / 2) / COST_CALLS;
}

static void resolve(struct vdsotime_vdso *ret)
{
	struct vdsotime_hints hints = vdsotime_hints_ehdr(getauxval(AT_SYSINFO_EHDR));

	/* That there is none is told by *ret, which is filled and usable all the same. */
	(void)vdsotime_vdso_resolve(&hints, ret);
}

static void add_soname(struct value *v, const struct vdsotime_vdso *vdso)
{
	struct vdsotime_image image;
	const void *base = (const void *)vdso->base;

	if (vdso->base && vdsotime_image_parse(base, vdso->size_bytes, vdso->base, 0, &image) == 0)
		value_add_string(v, "soname", vdsotime_image_soname(&image));
	else
		value_add_null(v, "soname");
}

struct value *machine_vdso(void)
{
	struct value *v = value_new_object(), *functions = value_new_array();
	struct vdsotime_vdso vdso;
	bool usable = false;

	resolve(&vdso);
	for (uint32_t i = 0; i < VDSOTIME_FUNCTIONS; i++)
		usable |= vdso.address[i] != 0;
	value_add_bool(v, "usable", usable);
	add_soname(v, &vdso);
	for (uint32_t i = 0; i < VDSOTIME_FUNCTIONS; i++) {
		const struct vdsotime_found *found = &vdso.found[i];
		struct value *function;

		/* The 64-bit forms are functions of their own on 32-bit machines alone. */
		if (i >= VDSOTIME_CLOCK_GETTIME64 && !found->symbol)
			continue;
		function = value_new_object();
		value_add_string(function, "name", vdsotime_function_name(i));
		value_add_string(function, "symbol", found->symbol);
		value_add_string(function, "version", found->version);
		value_append(functions, function);
	}
	value_add(v, "functions", functions);
	return v;
}

static struct value *words(char *line)
{
	struct value *list = value_new_array();
	char *rest = NULL;

	for (char *word = strtok_r(line, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
		value_append_string(list, word);
	return list;
}

struct value *machine_clocksource(const char *sysfs_dir)
{
	const struct vdsotime_vdso none = { 0 };
	struct value *v = value_new_object();
	struct vdsotime_vdso vdso;
	int64_t vdso_ns, syscall_ns;
	char path[LINE_BYTES], line[LINE_BYTES];

	snprintf(path, sizeof(path), "%s/current_clocksource", sysfs_dir);
	value_add_string(v, "current", read_line(path, line) == 0 ? line : NULL);
	snprintf(path, sizeof(path), "%s/available_clocksource", sysfs_dir);
	if (read_line(path, line) < 0)
		line[0] = '\0';
	value_add(v, "available", words(line));
	resolve(&vdso);
	vdso_ns = read_cost_ns(&vdso, &vdso);
	syscall_ns = read_cost_ns(&vdso, &none);
	/* A vDSO that falls back pays for the system call and a little more. */
	value_add_bool(v, "avoidsSystemCall", 2 * vdso_ns < syscall_ns);
	value_add_int(v, "vdsoCostNSec", vdso_ns);
	value_add_int(v, "systemCallCostNSec", syscall_ns);
	return v;
}

/*
 * The kernel's maxerror starts from what the disciplining daemon sets and grows by 500 us each
 * second.  One that sets it to 0 (timesyncd, phc2sys) tells no error: then it is a whole number of
 * those steps.  The daemon goes by the same rule.
 */
static bool is_unquantified(const struct timex *timex)
{
	return timex->maxerror % 500 == 0;
}

static const char *leap_name(int clock_state)
{
	switch (clock_state) {
	case TIME_OK:
	case TIME_WAIT:
		return "none";
	case TIME_INS:
	case TIME_OOP:
		return "insert";
	case TIME_DEL:
		return "delete";
	default:
		return "unknown";
	}
}

struct value *machine_synchronisation(int clock_state, const struct timex *timex)
{
	struct value *v = value_new_object();
	const char *state = "claimed", *origin = "the kernel's maxerror, grown at its 500 ppm";

	if (clock_state < 0) {
		value_add_string(v, "state", "unknown");
		value_add_string(v, "origin", "the kernel's clock state may not be read here");
		value_add_string(v, "source", "kernel");
		value_add_null(v, "errorNSec");
		value_add_string(v, "leap", "unknown");
		return v;
	}
	if (clock_state == TIME_ERROR || (timex->status & STA_UNSYNC)) {
		state = "unsynchronised";
		origin = "the kernel says that nobody disciplines its clock";
	} else if (is_unquantified(timex)) {
		state = "unquantified";
		origin = "whoever disciplines the kernel's clock tells no error";
	}
	value_add_string(v, "state", state);
	value_add_string(v, "origin", origin);
	value_add_string(v, "source", "kernel");
	if (strcmp(state, "claimed") == 0)
		value_add_int(v, "errorNSec", (int64_t)timex->maxerror * 1000);
	else
		value_add_null(v, "errorNSec");
	value_add_int(v, "maximumErrorNSec", (int64_t)timex->maxerror * 1000);
	value_add_int(v, "estimatedErrorNSec", (int64_t)timex->esterror * 1000);
	/* freq counts 2^-16 ppm. */
	value_add_int(v, "frequencyPpb", (int64_t)timex->freq * 1000 / 65536);
	value_add_int(v, "kernelStatus", timex->status);
	if (timex->tai != 0)
		value_add_int(v, "taiOffsetSec", timex->tai);
	else
		value_add_null(v, "taiOffsetSec");
	value_add_string(v, "leap", leap_name(clock_state));
	return v;
}

struct value *machine_synchronisation_now(void)
{
	struct timex timex = { .modes = 0 };
	int clock_state = adjtimex(&timex);

	return machine_synchronisation(clock_state < 0 ? -errno : clock_state, &timex);
}

/* The CPU's name as /proc/cpuinfo has it, which is for x86 and few others. */
static int cpu_model(char buf[LINE_BYTES])
{
	FILE *f = fopen("/proc/cpuinfo", "re");
	char line[LINE_BYTES];
	int r = -ENOENT;

	while (f && r < 0 && fgets(line, sizeof(line), f)) {
		const char *colon = strchr(line, ':');

		if (!colon || strncmp(line, "model name", 10) != 0)
			continue;
		snprintf(buf, LINE_BYTES, "%s", colon + 1 + strspn(colon + 1, " "));
		buf[strcspn(buf, "\n")] = '\0';
		r = 0;
	}
	if (f)
		fclose(f);
	return r;
}

struct value *machine_describe(void)
{
	struct value *v = value_new_object();
	char line[LINE_BYTES];
	struct utsname uts = { 0 };

	uname(&uts);
	value_add_string(v, "processor", cpu_model(line) == 0 ? line : NULL);
	value_add_string(v, "architecture", uts.machine);
	snprintf(line, sizeof(line), "%s %s", uts.sysname, uts.release);
	value_add_string(v, "kernel", line);
	value_add_string(v, "clocksource",
		read_line(MACHINE_CLOCKSOURCE_DIR "/current_clocksource", line) == 0 ? line : NULL);
	return v;
}

/* SPDX-License-Identifier: MIT */
/*
 * What the kernel's vDSO offers on each architecture, as data.
 *
 * Names and versions are those of the kernel's linker scripts (arch/.../vdso*.lds.S), not of
 * vdso(7), which is wrong in places.  The one thing a reader would get wrong: the version is that
 * of the symbol set, not the kernel in which a function appeared; that is `since`.
 *
 * The texts lie in the table itself: a table of pointers would need a loader (see reason.c).
 */

#include "proto/vdso/native.h"

#define LINUX(major, minor, patch) ((major) << 16 | (minor) << 8 | (patch))

/* A function: which, its name, and the Linux that has it first. */
#define SYMBOL(function, name, ...) \
	[VDSOTIME_##function] = { .symbol = name, .since = LINUX(__VA_ARGS__) }
#define ALIASED(function, name, weak, ...) \
	[VDSOTIME_##function] = { .symbol = name, .alias = weak, .since = LINUX(__VA_ARGS__) }
#define TIME32(function, name, ...) \
	[VDSOTIME_##function] = { .symbol = name, .since = LINUX(__VA_ARGS__), .time32 = 1 }

enum {
	MIPS_ABI2 = 0x20 /* EF_MIPS_ABI2: n32 */
};

static const struct vdsotime_arch arches[] = {
	{
		.name = "x86-64",
		.version = "LINUX_2.6",
		.machine = MACHINE_X86_64,
		.class_bits = 64,
		.big_endian = 0,
		.convention = VDSOTIME_CONVENTION_C,
		.functions = {
			ALIASED(CLOCK_GETTIME, "__vdso_clock_gettime", "clock_gettime", 2, 6, 23),
			ALIASED(CLOCK_GETRES, "__vdso_clock_getres", "clock_getres", 5, 3, 0),
			ALIASED(GETTIMEOFDAY, "__vdso_gettimeofday", "gettimeofday", 2, 6, 23),
			ALIASED(TIME, "__vdso_time", "time", 3, 0, 0),
			ALIASED(GETCPU, "__vdso_getcpu", "getcpu", 2, 6, 23),
		},
	},
	/* x32: 32-bit addresses, 64-bit times */
	{
		.name = "x32",
		.version = "LINUX_2.6",
		.machine = MACHINE_X86_64,
		.class_bits = 32,
		.big_endian = 0,
		.convention = VDSOTIME_CONVENTION_C,
		.functions = {
			SYMBOL(CLOCK_GETTIME, "__vdso_clock_gettime", 3, 4, 0),
			SYMBOL(CLOCK_GETRES, "__vdso_clock_getres", 5, 3, 0),
			SYMBOL(GETTIMEOFDAY, "__vdso_gettimeofday", 3, 4, 0),
			SYMBOL(TIME, "__vdso_time", 3, 4, 0),
			SYMBOL(GETCPU, "__vdso_getcpu", 3, 4, 0),
		},
	},
	{
		.name = "i386",
		.version = "LINUX_2.6",
		.machine = MACHINE_386,
		.class_bits = 32,
		.big_endian = 0,
		.convention = VDSOTIME_CONVENTION_C,
		.functions = {
			TIME32(CLOCK_GETTIME, "__vdso_clock_gettime", 3, 15, 0),
			TIME32(CLOCK_GETRES, "__vdso_clock_getres", 5, 3, 0),
			TIME32(GETTIMEOFDAY, "__vdso_gettimeofday", 3, 15, 0),
			TIME32(TIME, "__vdso_time", 3, 15, 0),
			SYMBOL(GETCPU, "__vdso_getcpu", 6, 2, 0),
			SYMBOL(CLOCK_GETTIME64, "__vdso_clock_gettime64", 5, 3, 0),
			SYMBOL(CLOCK_GETRES_TIME64, "__vdso_clock_getres_time64", 7, 0, 0),
		},
	},
	{
		.name = "aarch64",
		.version = "LINUX_2.6.39",
		.machine = MACHINE_AARCH64,
		.class_bits = 64,
		.big_endian = 2,
		.convention = VDSOTIME_CONVENTION_C,
		.functions = {
			SYMBOL(CLOCK_GETTIME, "__kernel_clock_gettime", 3, 7, 0),
			SYMBOL(CLOCK_GETRES, "__kernel_clock_getres", 3, 7, 0),
			SYMBOL(GETTIMEOFDAY, "__kernel_gettimeofday", 3, 7, 0),
		},
	},
	{
		.name = "arm",
		.version = "LINUX_2.6",
		.machine = MACHINE_ARM,
		.class_bits = 32,
		.big_endian = 2,
		.convention = VDSOTIME_CONVENTION_C,
		.functions = {
			TIME32(CLOCK_GETTIME, "__vdso_clock_gettime", 4, 1, 0),
			TIME32(CLOCK_GETRES, "__vdso_clock_getres", 5, 5, 0),
			TIME32(GETTIMEOFDAY, "__vdso_gettimeofday", 4, 1, 0),
			SYMBOL(CLOCK_GETTIME64, "__vdso_clock_gettime64", 5, 5, 0),
			SYMBOL(CLOCK_GETRES_TIME64, "__vdso_clock_getres_time64", 7, 0, 0),
		},
	},
	{
		.name = "riscv64",
		.version = "LINUX_4.15",
		.machine = MACHINE_RISCV,
		.class_bits = 64,
		.big_endian = 0,
		.convention = VDSOTIME_CONVENTION_C,
		.functions = {
			SYMBOL(CLOCK_GETTIME, "__vdso_clock_gettime", 4, 15, 0),
			SYMBOL(CLOCK_GETRES, "__vdso_clock_getres", 4, 15, 0),
			SYMBOL(GETTIMEOFDAY, "__vdso_gettimeofday", 4, 15, 0),
			SYMBOL(GETCPU, "__vdso_getcpu", 4, 15, 0),
		},
	},
	{
		.name = "powerpc64le",
		.version = "LINUX_2.6.15",
		.machine = MACHINE_PPC64,
		.class_bits = 64,
		.big_endian = 0,
		.convention = VDSOTIME_CONVENTION_SO,
		.functions = {
			SYMBOL(CLOCK_GETTIME, "__kernel_clock_gettime", 3, 13, 0),
			SYMBOL(CLOCK_GETRES, "__kernel_clock_getres", 3, 13, 0),
			SYMBOL(GETTIMEOFDAY, "__kernel_gettimeofday", 3, 13, 0),
			SYMBOL(TIME, "__kernel_time", 3, 13, 0),
			SYMBOL(GETCPU, "__kernel_getcpu", 3, 13, 0),
		},
	},
	{
		.name = "powerpc64",
		.version = "LINUX_2.6.15",
		.machine = MACHINE_PPC64,
		.class_bits = 64,
		.big_endian = 1,
		.convention = VDSOTIME_CONVENTION_SO_CODE,
		.functions = {
			SYMBOL(CLOCK_GETTIME, "__kernel_clock_gettime", 2, 6, 15),
			SYMBOL(CLOCK_GETRES, "__kernel_clock_getres", 2, 6, 15),
			SYMBOL(GETTIMEOFDAY, "__kernel_gettimeofday", 2, 6, 15),
			SYMBOL(TIME, "__kernel_time", 3, 10, 0),
			SYMBOL(GETCPU, "__kernel_getcpu", 3, 6, 0),
		},
	},
	/* vdso(7) gives clock_gettime64 the version LINUX_5.11: the kernel does not */
	{
		.name = "powerpc",
		.version = "LINUX_2.6.15",
		.machine = MACHINE_PPC,
		.class_bits = 32,
		.big_endian = 1,
		.convention = VDSOTIME_CONVENTION_SO,
		.functions = {
			TIME32(CLOCK_GETTIME, "__kernel_clock_gettime", 2, 6, 15),
			TIME32(CLOCK_GETRES, "__kernel_clock_getres", 2, 6, 15),
			TIME32(GETTIMEOFDAY, "__kernel_gettimeofday", 2, 6, 15),
			TIME32(TIME, "__kernel_time", 3, 10, 0),
			SYMBOL(GETCPU, "__kernel_getcpu", 3, 6, 0),
			SYMBOL(CLOCK_GETTIME64, "__kernel_clock_gettime64", 5, 11, 0),
			SYMBOL(CLOCK_GETRES_TIME64, "__kernel_clock_getres_time64", 7, 0, 0),
		},
	},
	{
		.name = "s390x",
		.version = "LINUX_2.6.29",
		.machine = MACHINE_S390,
		.class_bits = 64,
		.big_endian = 1,
		.convention = VDSOTIME_CONVENTION_S390_FRAME,
		.functions = {
			SYMBOL(CLOCK_GETTIME, "__kernel_clock_gettime", 2, 6, 29),
			SYMBOL(CLOCK_GETRES, "__kernel_clock_getres", 2, 6, 29),
			SYMBOL(GETTIMEOFDAY, "__kernel_gettimeofday", 2, 6, 29),
			SYMBOL(GETCPU, "__kernel_getcpu", 4, 5, 0),
		},
	},
	{
		.name = "loongarch64",
		.version = "LINUX_5.10",
		.machine = MACHINE_LOONGARCH,
		.class_bits = 64,
		.big_endian = 0,
		.convention = VDSOTIME_CONVENTION_C,
		.functions = {
			SYMBOL(CLOCK_GETTIME, "__vdso_clock_gettime", 5, 19, 0),
			SYMBOL(CLOCK_GETRES, "__vdso_clock_getres", 5, 19, 0),
			SYMBOL(GETTIMEOFDAY, "__vdso_gettimeofday", 5, 19, 0),
			SYMBOL(GETCPU, "__vdso_getcpu", 5, 19, 0),
		},
	},
	{
		.name = "mips-n32",
		.version = "LINUX_2.6",
		.machine = MACHINE_MIPS,
		.class_bits = 32,
		.big_endian = 2,
		.convention = VDSOTIME_CONVENTION_C,
		.elf_flags_mask = MIPS_ABI2,
		.elf_flags = MIPS_ABI2,
		.functions = {
			TIME32(CLOCK_GETTIME, "__vdso_clock_gettime", 4, 4, 0),
			TIME32(CLOCK_GETRES, "__vdso_clock_getres", 5, 4, 0),
			TIME32(GETTIMEOFDAY, "__vdso_gettimeofday", 4, 4, 0),
			SYMBOL(CLOCK_GETTIME64, "__vdso_clock_gettime64", 5, 4, 0),
			SYMBOL(CLOCK_GETRES_TIME64, "__vdso_clock_getres_time64", 7, 0, 0),
		},
	},
	{
		.name = "mips-o32",
		.version = "LINUX_2.6",
		.machine = MACHINE_MIPS,
		.class_bits = 32,
		.big_endian = 2,
		.convention = VDSOTIME_CONVENTION_C,
		.elf_flags_mask = MIPS_ABI2,
		.elf_flags = 0,
		.functions = {
			TIME32(CLOCK_GETTIME, "__vdso_clock_gettime", 4, 4, 0),
			TIME32(CLOCK_GETRES, "__vdso_clock_getres", 5, 4, 0),
			TIME32(GETTIMEOFDAY, "__vdso_gettimeofday", 4, 4, 0),
			SYMBOL(CLOCK_GETTIME64, "__vdso_clock_gettime64", 5, 4, 0),
			SYMBOL(CLOCK_GETRES_TIME64, "__vdso_clock_getres_time64", 7, 0, 0),
		},
	},
	{
		.name = "mips-n64",
		.version = "LINUX_2.6",
		.machine = MACHINE_MIPS,
		.class_bits = 64,
		.big_endian = 2,
		.convention = VDSOTIME_CONVENTION_C,
		.functions = {
			SYMBOL(CLOCK_GETTIME, "__vdso_clock_gettime", 4, 4, 0),
			SYMBOL(CLOCK_GETRES, "__vdso_clock_getres", 5, 4, 0),
			SYMBOL(GETTIMEOFDAY, "__vdso_gettimeofday", 4, 4, 0),
		},
	},
	{
		.name = "sparc64",
		.version = "LINUX_2.6",
		.machine = MACHINE_SPARCV9,
		.class_bits = 64,
		.big_endian = 1,
		.convention = VDSOTIME_CONVENTION_C,
		.functions = {
			ALIASED(CLOCK_GETTIME, "__vdso_clock_gettime", "clock_gettime", 4, 16, 0),
			ALIASED(GETTIMEOFDAY, "__vdso_gettimeofday", "gettimeofday", 4, 16, 0),
		},
	},
};

static const size_t arch_count = sizeof(arches) / sizeof(arches[0]);

const struct vdsotime_arch *vdsotime_arch_at(size_t index)
{
	return index < arch_count ? &arches[index] : NULL;
}

static const struct vdsotime_arch *find_arch(
	uint32_t machine, uint32_t class_bits, uint32_t big_endian, uint32_t elf_flags)
{
	for (size_t i = 0; i < arch_count; i++) {
		const struct vdsotime_arch *arch = &arches[i];

		if (arch->machine == machine && arch->class_bits == class_bits &&
			(arch->big_endian == 2 || arch->big_endian == big_endian) &&
			(elf_flags & arch->elf_flags_mask) == arch->elf_flags)
			return arch;
	}
	return NULL;
}

const struct vdsotime_arch *vdsotime_arch_of(const struct vdsotime_image *image)
{
	return find_arch(image->machine, image->class_bits, image->big_endian, image->elf_flags);
}

const struct vdsotime_arch *vdsotime_arch_native(void)
{
	return find_arch(NATIVE_MACHINE, sizeof(void *) * 8, NATIVE_BIG_ENDIAN, NATIVE_ELF_FLAGS);
}

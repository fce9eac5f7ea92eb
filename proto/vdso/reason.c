/* SPDX-License-Identifier: MIT */
/*
 * Reasons, functions and rungs in words.
 *
 * Each table is one array of characters, not of pointers: a pointer in a table is a relocation, and
 * a static program without libc has nobody to do it.
 */

#include <vdsotime/vdso.h>

static const char reasons[VDSOTIME_REASONS][56] = {
	[VDSOTIME_REASON_NONE] = "no error",
	[VDSOTIME_REASON_TOO_SHORT] = "image is too short",
	[VDSOTIME_REASON_TOO_LARGE] = "image is larger than 1 MiB",
	[VDSOTIME_REASON_MAGIC] = "not an ELF image",
	[VDSOTIME_REASON_CLASS] = "ELF class is neither 32 nor 64 bits",
	[VDSOTIME_REASON_BYTE_ORDER] = "ELF byte order is neither little nor big",
	[VDSOTIME_REASON_VERSION] = "ELF version is not 1",
	[VDSOTIME_REASON_TYPE] = "not a shared object",
	[VDSOTIME_REASON_MACHINE] = "image is of another machine",
	[VDSOTIME_REASON_HEADERS] = "program headers are bad or outside the image",
	[VDSOTIME_REASON_SEGMENTS] = "segments are missing, too many or outside the image",
	[VDSOTIME_REASON_NO_DYNAMIC] = "no dynamic segment",
	[VDSOTIME_REASON_DYNAMIC] = "dynamic table is bad or outside the image",
	[VDSOTIME_REASON_STRINGS] = "string table is bad or outside the image",
	[VDSOTIME_REASON_SYMBOLS] = "symbol table is bad or outside the image",
	[VDSOTIME_REASON_HASH] = "hash table (DT_HASH) is bad or outside the image",
	[VDSOTIME_REASON_GNU_HASH] = "hash table (DT_GNU_HASH) is bad or outside the image",
	[VDSOTIME_REASON_VERSIONS] = "version tables are bad or outside the image",
	[VDSOTIME_REASON_NO_METHOD] = "image has no such hash table",
	[VDSOTIME_REASON_NO_SYMBOL] = "no such symbol",
	[VDSOTIME_REASON_SYMBOL_VERSION] = "symbol has another version",
	[VDSOTIME_REASON_SYMBOL_TYPE] = "symbol is not a function",
	[VDSOTIME_REASON_SYMBOL_UNDEF] = "symbol is undefined",
	[VDSOTIME_REASON_SYMBOL_ABS] = "symbol is absolute",
	[VDSOTIME_REASON_SYMBOL_LOCAL] = "symbol is local",
	[VDSOTIME_REASON_SYMBOL_ADDRESS] = "symbol is in no executable segment",
	[VDSOTIME_REASON_ABSENT] = "the auxiliary vector names no vDSO",
	[VDSOTIME_REASON_NO_AUXV] = "no auxiliary vector",
	[VDSOTIME_REASON_UNREADABLE] = "no readable memory at the vDSO's address",
	[VDSOTIME_REASON_NO_FUNCTIONS] = "image has no time functions",
	[VDSOTIME_REASON_DISTRUSTED] = "function is not trusted without its plain twin",
	[VDSOTIME_REASON_ARCH] = "architecture is not in the table",
};

static const char functions[VDSOTIME_FUNCTIONS][24] = {
	[VDSOTIME_CLOCK_GETTIME] = "clock_gettime",
	[VDSOTIME_CLOCK_GETRES] = "clock_getres",
	[VDSOTIME_GETTIMEOFDAY] = "gettimeofday",
	[VDSOTIME_TIME] = "time",
	[VDSOTIME_GETCPU] = "getcpu",
	[VDSOTIME_CLOCK_GETTIME64] = "clock_gettime64",
	[VDSOTIME_CLOCK_GETRES_TIME64] = "clock_getres_time64",
};

static const char rungs[VDSOTIME_RUNG_SET + 1][24] = {
	[VDSOTIME_RUNG_NONE] = "none",
	[VDSOTIME_RUNG_EHDR] = "AT_SYSINFO_EHDR",
	[VDSOTIME_RUNG_AUXV] = "auxiliary vector",
	[VDSOTIME_RUNG_STACK] = "initial stack",
	[VDSOTIME_RUNG_PROC] = "/proc/self/auxv",
	[VDSOTIME_RUNG_PRCTL] = "prctl(PR_GET_AUXV)",
	[VDSOTIME_RUNG_IMAGE] = "given image",
	[VDSOTIME_RUNG_SET] = "set by the caller",
};

const char *vdsotime_reason_string(int reason)
{
	unsigned index = reason < 0 ? 0u - (unsigned)reason : (unsigned)reason;

	return index < VDSOTIME_REASONS ? reasons[index] : "unknown reason";
}

const char *vdsotime_function_name(uint32_t function)
{
	return function < VDSOTIME_FUNCTIONS ? functions[function] : NULL;
}

const char *vdsotime_rung_name(uint32_t rung)
{
	return rung <= VDSOTIME_RUNG_SET ? rungs[rung] : "unknown rung";
}

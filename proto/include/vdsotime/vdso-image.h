/* SPDX-License-Identifier: MIT */
/*
 * A vDSO as an ELF image, and what the kernel's vDSO offers on each architecture.
 *
 * An image is (pointer, length): checked once, then searched and listed.  Any class, byte order and
 * machine on any host; hostile input gets a reason, never a fault.  The architectures are data.
 *
 * Freestanding: needs no libc, sets no errno, allocates nothing, keeps no state.  Every function
 * may be called from any thread and from a signal handler.
 *
 * The one thing to know: a struct here points into the caller's bytes and lives no longer than
 * they.
 */
#ifndef VDSOTIME_VDSO_IMAGE_H
#define VDSOTIME_VDSO_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Reasons.  Functions that can refuse return 0 or a negative reason (not an errno).
 */
enum vdsotime_reason {
	VDSOTIME_REASON_NONE = 0,

	/* about an image */
	VDSOTIME_REASON_TOO_SHORT, /* smaller than an ELF header */
	VDSOTIME_REASON_TOO_LARGE, /* larger than VDSOTIME_IMAGE_BYTES_MAX */
	VDSOTIME_REASON_MAGIC, /* does not begin with \177ELF */
	VDSOTIME_REASON_CLASS, /* neither ELFCLASS32 nor ELFCLASS64 */
	VDSOTIME_REASON_BYTE_ORDER, /* neither ELFDATA2LSB nor ELFDATA2MSB */
	VDSOTIME_REASON_VERSION, /* ELF version other than 1 */
	VDSOTIME_REASON_TYPE, /* not a shared object (ET_DYN) */
	VDSOTIME_REASON_MACHINE, /* not the machine of this process */
	VDSOTIME_REASON_HEADERS, /* program headers missing, misshapen or outside the image */
	VDSOTIME_REASON_SEGMENTS, /* no PT_LOAD, too many, or one outside the image */
	VDSOTIME_REASON_NO_DYNAMIC, /* no PT_DYNAMIC */
	VDSOTIME_REASON_DYNAMIC, /* dynamic table misshapen or outside the image */
	VDSOTIME_REASON_STRINGS, /* string table missing, outside the image or without an end */
	VDSOTIME_REASON_SYMBOLS, /* symbol table missing, misshapen or outside the image */
	VDSOTIME_REASON_HASH, /* DT_HASH misshapen or outside the image */
	VDSOTIME_REASON_GNU_HASH, /* DT_GNU_HASH misshapen or outside the image */
	VDSOTIME_REASON_VERSIONS, /* version tables misshapen or outside the image */
	VDSOTIME_REASON_NO_METHOD, /* the way of lookup that was asked for is not in this image */

	/* about a symbol */
	VDSOTIME_REASON_NO_SYMBOL, /* no symbol of that name */
	VDSOTIME_REASON_SYMBOL_VERSION, /* the name is there, in no version that the policy takes */
	VDSOTIME_REASON_SYMBOL_TYPE, /* a section, file, TLS or data symbol */
	VDSOTIME_REASON_SYMBOL_UNDEF, /* undefined */
	VDSOTIME_REASON_SYMBOL_ABS, /* absolute or common: no place in the image */
	VDSOTIME_REASON_SYMBOL_LOCAL, /* local binding */
	VDSOTIME_REASON_SYMBOL_ADDRESS, /* its address is in no executable segment */

	/* about finding the image */
	VDSOTIME_REASON_ABSENT, /* the auxiliary vector names no vDSO: vdso=0, Valgrind, ... */
	VDSOTIME_REASON_NO_AUXV, /* no auxiliary vector could be had */
	VDSOTIME_REASON_UNREADABLE, /* an address was named, but there is no readable memory */
	VDSOTIME_REASON_NO_FUNCTIONS, /* an image without time functions */
	VDSOTIME_REASON_DISTRUSTED, /* known to lie where its plain twin is switched off */
	VDSOTIME_REASON_ARCH, /* this architecture is not in the table */

	VDSOTIME_REASONS /* their number */
};

/* A static English text for a reason of either sign; "unknown reason" for any other number. */
const char *vdsotime_reason_string(int reason);

/*
 * Image.
 */
#define VDSOTIME_IMAGE_BYTES_MAX 1048576u /* the largest vDSO seen is 50 KiB */
#define VDSOTIME_SEGMENTS_MAX 16u

struct vdsotime_segment {
	uint64_t vaddr; /* link address */
	uint64_t offset_bytes; /* where it begins in the image */
	uint64_t file_bytes; /* bytes that are in the image */
	uint64_t memory_bytes; /* bytes that it takes in memory */
	uint32_t flags; /* 1 execute, 2 write, 4 read */
	uint32_t pad;
};

/*
 * A checked image.  Plain data, filled by vdsotime_image_parse(); read its fields freely, change
 * none. Offsets are from the first byte of the image; 0 where the image has no such table.
 */
struct vdsotime_image {
	const unsigned char *data; /* the caller's: must outlive this struct and its symbols */
	size_t size_bytes;
	uint64_t base; /* the address of the first byte in the process that the image belongs to */
	uint64_t bias; /* link address + bias = address, modulo 2^32 or 2^64 */
	uint64_t entry; /* e_entry, a link address */

	uint8_t class_bits; /* 32 or 64 */
	uint8_t big_endian; /* 0 or 1 */
	uint8_t osabi;
	uint8_t as_file; /* parsed with VDSOTIME_IMAGE_AS_FILE */
	uint16_t machine; /* EM_* */
	uint16_t hash_word; /* bytes of a DT_HASH word: 4, or 8 on s390x and alpha */
	uint32_t elf_flags; /* e_flags */
	uint32_t version_defs; /* number of version definitions */
	uint32_t symbols; /* number of dynamic symbols, the null symbol included */
	uint32_t linux_version; /* LINUX_VERSION_CODE from the "Linux" note, 0 without one */

	uint32_t program_headers_offset;
	uint32_t program_headers;
	uint32_t dynamic_offset, dynamic_bytes;
	uint32_t strings_offset, strings_bytes;
	uint32_t symbols_offset;
	uint32_t hash_offset;
	uint32_t gnu_hash_offset;
	uint32_t versym_offset;
	uint32_t verdef_offset;
	uint32_t soname_offset; /* of the name itself */
	uint32_t build_id_offset; /* of the id itself */
	uint32_t build_id_bytes;
	uint32_t segment_count;
	struct vdsotime_segment segments[VDSOTIME_SEGMENTS_MAX]; /* PT_LOADs with bytes, in order */
};

/*
 * How the bytes lie.  By default as the kernel maps them: one piece, in which a segment is where
 * its link address puts it relative to the first.  AS_FILE: at p_offset, as in an ELF file on disk.
 * The two are the same for every vDSO that a kernel maps.
 */
#define VDSOTIME_IMAGE_AS_FILE 1u

/*
 * Checks the image and fills *ret.
 *   data, size_bytes  readable memory, of any content; not aligned necessarily
 *   base              what address data[0] has in its process; (uintptr_t)data for an own image, 0
 *                     for a file, so that addresses are offsets
 *   flags             VDSOTIME_IMAGE_*
 * Returns 0, or a negative reason and *ret untouched.  Takes a bounded number of steps, linear in
 * size_bytes.
 */
int vdsotime_image_parse(const void *data, size_t size_bytes, uint64_t base, uint32_t flags,
	struct vdsotime_image *ret);

/*
 * The size of the image that is mapped at data, told from its header and program headers alone:
 * what a caller without a length gives to vdsotime_image_parse().  Reads at most the first
 * readable_bytes (a page is certain to be mapped where a vDSO is); the result is rounded up to
 * whole pages of 4096 bytes.  Returns 0 or a negative reason.
 */
int vdsotime_image_extent(const void *data, size_t readable_bytes, size_t *ret_bytes);

/* How a symbol's version met the one asked for. */
enum vdsotime_match {
	VDSOTIME_MATCH_NONE = 0,
	VDSOTIME_MATCH_EXACT, /* the version asked for, default or hidden */
	VDSOTIME_MATCH_UNVERSIONED, /* the symbol or the whole image has no version */
	VDSOTIME_MATCH_ANY, /* another version */
};

/* What a lookup takes: the best match that its policy allows.  Or one of each group together. */
enum vdsotime_lookup {
	/* version policy; each takes what the one before takes, too */
	VDSOTIME_VERSION_EXACT = 0,
	VDSOTIME_VERSION_UNVERSIONED = 1,
	VDSOTIME_VERSION_ANY = 2,
	VDSOTIME_VERSION_MASK = 3,

	/* way: the first that the image has; or one of them, for cross-checks */
	VDSOTIME_WAY_AUTO = 0,
	VDSOTIME_WAY_GNU_HASH = 4,
	VDSOTIME_WAY_HASH = 8,
	VDSOTIME_WAY_SCAN = 12,
	VDSOTIME_WAY_MASK = 12,

	/* take symbols that cannot be called as well: their address is 0 and refusal tells why */
	VDSOTIME_ANY_TYPE = 16
};

struct vdsotime_symbol {
	const char *name; /* in the image, ended within it; never NULL */
	const char *version; /* in the image; NULL when unversioned, "" when defined nowhere */
	uint64_t value; /* st_value as it stands */
	uint64_t size_bytes; /* st_size; 0 is common, never rely on it */
	uint64_t address; /* bias + value, in an executable segment; 0 when not callable.  A Thumb
				function keeps bit 0 */
	uint32_t index; /* in the dynamic symbol table */
	uint16_t section; /* st_shndx */
	uint8_t type; /* STT_*: 0 NOTYPE, 1 OBJECT, 2 FUNC, 3 SECTION, ... */
	uint8_t binding; /* STB_*: 0 LOCAL, 1 GLOBAL, 2 WEAK, ... */
	uint8_t visibility; /* STV_*: 0 DEFAULT, ... */
	uint8_t hidden; /* 1: version is not the default one (name@version) */
	uint8_t match; /* enum vdsotime_match, of a lookup */
	uint8_t refusal; /* enum vdsotime_reason: why address is 0 */
};

/*
 * Finds the callable symbol `name` in `version` (NULL: the unversioned one is the exact match).
 * lookup: one VDSOTIME_VERSION_* | one VDSOTIME_WAY_* | VDSOTIME_ANY_TYPE.
 * Returns 0, or a negative reason (NO_SYMBOL, SYMBOL_*, NO_METHOD) and *ret untouched.
 */
int vdsotime_image_lookup(const struct vdsotime_image *image, const char *name, const char *version,
	uint32_t lookup, struct vdsotime_symbol *ret);

/*
 * The symbol at index, 1 to image->symbols - 1, callable or not: a listing. Returns 0, or
 * -VDSOTIME_REASON_NO_SYMBOL past the end, or -VDSOTIME_REASON_STRINGS when the name is outside the
 * string table.
 */
int vdsotime_image_symbol(
	const struct vdsotime_image *image, uint32_t index, struct vdsotime_symbol *ret);

/* The image's DT_SONAME, or NULL. */
static inline const char *vdsotime_image_soname(const struct vdsotime_image *image)
{
	return image->soname_offset ? (const char *)image->data + image->soname_offset
				    : (const char *)0;
}

/* The build-id's bytes, image->build_id_bytes of them; NULL when there is none. */
static inline const unsigned char *vdsotime_image_build_id(const struct vdsotime_image *image)
{
	return image->build_id_bytes ? image->data + image->build_id_offset
				     : (const unsigned char *)0;
}

/*
 * The true size of the ELF file that is mapped as this image: up to the end of its section headers
 * when they lie within size_bytes, else to the end of its last segment.  At most size_bytes.
 */
size_t vdsotime_image_file_bytes(const struct vdsotime_image *image);

/*
 * Makes a copy of the image a well-formed file: file, of file_bytes as told above, holds a copy of
 * image->data.  An image that was relocated in memory (qemu-user) gets its link addresses back
 * (first segment at p_offset), section headers that are not wholly in the file are dropped.
 * Returns 1 when it changed anything, 0 when not, or a negative reason.
 */
int vdsotime_image_normalise(const struct vdsotime_image *image, void *file, size_t file_bytes);

/*
 * Architectures.
 */

/* The functions that read time.  The *64 forms are separate functions on 32-bit machines only. */
enum vdsotime_function {
	VDSOTIME_CLOCK_GETTIME, /* 32-bit machines: time32 */
	VDSOTIME_CLOCK_GETRES, /* 32-bit machines: time32 */
	VDSOTIME_GETTIMEOFDAY, /* 32-bit machines: time32 */
	VDSOTIME_TIME, /* 32-bit machines: time32 */
	VDSOTIME_GETCPU,
	VDSOTIME_CLOCK_GETTIME64,
	VDSOTIME_CLOCK_GETRES_TIME64,
	VDSOTIME_FUNCTIONS /* their number */
};

/* "clock_gettime", ...; NULL past the end. */
const char *vdsotime_function_name(uint32_t function);

/* How a function of an architecture's vDSO is called, and how it tells an error. */
enum vdsotime_convention {
	VDSOTIME_CONVENTION_C, /* a C function: 0 or -errno */
	VDSOTIME_CONVENTION_SO, /* powerpc: as a system call, CR0.SO set: r3 is errno */
	VDSOTIME_CONVENTION_SO_CODE, /* powerpc64 ELFv1: the same, and the symbol is the code
					  itself, not a descriptor: never a C function pointer */
	VDSOTIME_CONVENTION_S390_FRAME /* C: 0 or -errno; the caller supplies the 160-byte frame */
};

struct vdsotime_arch_function {
	char symbol[32]; /* "" when this architecture has none */
	char alias[16]; /* a weak second name, "" without one */
	uint32_t since; /* LINUX_VERSION_CODE of the first mainline kernel known to have it */
	uint8_t time32; /* 1: its struct has 32-bit seconds */
	uint8_t pad[3];
};

struct vdsotime_arch {
	char name[16]; /* "x86-64", "mips-n32", ... */
	char version[16]; /* of every function below */
	uint16_t machine; /* EM_* */
	uint8_t class_bits;
	uint8_t big_endian; /* 0, 1, or 2 for either */
	uint8_t convention; /* enum vdsotime_convention */
	uint8_t pad[3];
	uint32_t elf_flags_mask, elf_flags; /* e_flags & mask == elf_flags: tells ABIs apart */
	struct vdsotime_arch_function functions[VDSOTIME_FUNCTIONS];
};

/* The table: entry index, or NULL past its end. */
const struct vdsotime_arch *vdsotime_arch_at(size_t index);

/* The entry that an image belongs to, or NULL. */
const struct vdsotime_arch *vdsotime_arch_of(const struct vdsotime_image *image);

/* The entry of the machine that this was compiled for, or NULL. */
const struct vdsotime_arch *vdsotime_arch_native(void);

#ifdef __cplusplus
}
#endif

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The parts of the ELF format that a vDSO uses, and reading them byte by byte.
 *
 * Numbers are read at any alignment, in the image's own byte order, so that an image of any machine
 * can be read on any other.  The one thing to know: the readers do not check; whoever calls one has
 * checked the range with image_has().
 */
#ifndef PROTO_VDSO_ELF_H
#define PROTO_VDSO_ELF_H

#include <stdbool.h>
#include <stdint.h>

#include <vdsotime/vdso-image.h>

enum {
	ELF_CLASS32 = 1,
	ELF_CLASS64 = 2,
	ELF_LITTLE = 1,
	ELF_BIG = 2,
	ELF_SHARED_OBJECT = 3,

	SEGMENT_LOAD = 1,
	SEGMENT_DYNAMIC = 2,
	SEGMENT_NOTE = 4,
	SEGMENT_EXECUTE = 1,

	SECTION_UNDEF = 0,
	SECTION_RESERVED = 0xff00,
	SECTION_TYPE_SYMTAB = 2,
	SECTION_TYPE_NOBITS = 8,

	BINDING_GLOBAL = 1,
	BINDING_WEAK = 2,

	TYPE_NONE = 0,
	TYPE_FUNCTION = 2,

	VERSION_INDEX_GLOBAL = 1,
	VERSION_INDEX_MASK = 0x7fff,
	VERSION_HIDDEN = 0x8000,
	VERSION_FLAG_BASE = 1,
	VERSION_DEF_BYTES = 20,
	VERSION_AUX_BYTES = 8,
	VERSIONS_MAX = 64, /* the most seen is 3; bounds the walk for each symbol */

	NOTE_HEADER_BYTES = 12,
	NOTE_GNU_BUILD_ID = 3,

	GNU_HASH_HEADER_BYTES = 16
};

enum elf_machine {
	MACHINE_386 = 3,
	MACHINE_MIPS = 8,
	MACHINE_PPC = 20,
	MACHINE_PPC64 = 21,
	MACHINE_S390 = 22,
	MACHINE_ARM = 40,
	MACHINE_SPARCV9 = 43,
	MACHINE_X86_64 = 62,
	MACHINE_AARCH64 = 183,
	MACHINE_RISCV = 243,
	MACHINE_LOONGARCH = 258,
	MACHINE_ALPHA = 0x9026
};

enum elf_tag {
	TAG_NULL = 0,
	TAG_PLTGOT = 3,
	TAG_HASH = 4,
	TAG_STRTAB = 5,
	TAG_SYMTAB = 6,
	TAG_RELA = 7,
	TAG_STRSZ = 10,
	TAG_SYMENT = 11,
	TAG_INIT = 12,
	TAG_FINI = 13,
	TAG_SONAME = 14,
	TAG_REL = 17,
	TAG_JMPREL = 23,
	TAG_GNU_HASH = 0x6ffffef5,
	TAG_VERSYM = 0x6ffffff0,
	TAG_VERDEF = 0x6ffffffc,
	TAG_VERDEFNUM = 0x6ffffffd
};

/* Where the fields of each class lie, in bytes. */
struct elf_shape {
	uint8_t word; /* bytes of an address */
	uint8_t header, entry, phoff, shoff, flags, phentsize, phnum, shentsize, shnum, shstrndx;
	uint8_t segment, p_flags, p_offset, p_vaddr, p_paddr, p_filesz, p_memsz, p_align;
	uint8_t section, sh_type, sh_addr, sh_offset, sh_size;
	uint8_t symbol, st_info, st_other, st_shndx, st_value, st_size;
};

static const struct elf_shape elf_shape32 = {
	.word = 4,
	.header = 52,
	.entry = 24,
	.phoff = 28,
	.shoff = 32,
	.flags = 36,
	.phentsize = 42,
	.phnum = 44,
	.shentsize = 46,
	.shnum = 48,
	.shstrndx = 50,
	.segment = 32,
	.p_offset = 4,
	.p_vaddr = 8,
	.p_paddr = 12,
	.p_filesz = 16,
	.p_memsz = 20,
	.p_flags = 24,
	.p_align = 28,
	.section = 40,
	.sh_type = 4,
	.sh_addr = 12,
	.sh_offset = 16,
	.sh_size = 20,
	.symbol = 16,
	.st_value = 4,
	.st_size = 8,
	.st_info = 12,
	.st_other = 13,
	.st_shndx = 14,
};

static const struct elf_shape elf_shape64 = {
	.word = 8,
	.header = 64,
	.entry = 24,
	.phoff = 32,
	.shoff = 40,
	.flags = 48,
	.phentsize = 54,
	.phnum = 56,
	.shentsize = 58,
	.shnum = 60,
	.shstrndx = 62,
	.segment = 56,
	.p_flags = 4,
	.p_offset = 8,
	.p_vaddr = 16,
	.p_paddr = 24,
	.p_filesz = 32,
	.p_memsz = 40,
	.p_align = 48,
	.section = 64,
	.sh_type = 4,
	.sh_addr = 16,
	.sh_offset = 24,
	.sh_size = 32,
	.symbol = 24,
	.st_info = 4,
	.st_other = 5,
	.st_shndx = 6,
	.st_value = 8,
	.st_size = 16,
};

static inline const struct elf_shape *elf_shape_of(const struct vdsotime_image *image)
{
	return image->class_bits == 64 ? &elf_shape64 : &elf_shape32;
}

/* Whether [offset, offset + bytes) lies within size. */
static inline bool range_within(uint64_t size, uint64_t offset, uint64_t bytes)
{
	return offset <= size && bytes <= size - offset;
}

static inline bool image_has(const struct vdsotime_image *image, uint64_t offset, uint64_t bytes)
{
	return range_within(image->size_bytes, offset, bytes);
}

static inline uint16_t image_u16(const struct vdsotime_image *image, uint64_t offset)
{
	const unsigned char *p = image->data + offset;

	return (uint16_t)(image->big_endian ? p[0] << 8 | p[1] : p[1] << 8 | p[0]);
}

static inline uint32_t image_u32(const struct vdsotime_image *image, uint64_t offset)
{
	uint32_t first = image_u16(image, offset);
	uint32_t second = image_u16(image, offset + 2);

	return image->big_endian ? first << 16 | second : second << 16 | first;
}

static inline uint64_t image_u64(const struct vdsotime_image *image, uint64_t offset)
{
	uint64_t first = image_u32(image, offset);
	uint64_t second = image_u32(image, offset + 4);

	return image->big_endian ? first << 32 | second : second << 32 | first;
}

/* A number of 4 or 8 bytes. */
static inline uint64_t image_number(
	const struct vdsotime_image *image, uint64_t offset, uint32_t bytes)
{
	return bytes == 8 ? image_u64(image, offset) : image_u32(image, offset);
}

/* An address, offset or size of the image's class. */
static inline uint64_t image_word(const struct vdsotime_image *image, uint64_t offset)
{
	return image_number(image, offset, elf_shape_of(image)->word);
}

/* Addresses are counted modulo 2^32 or 2^64: images linked near the top of memory wrap. */
static inline uint64_t image_wrap(const struct vdsotime_image *image, uint64_t address)
{
	return image->class_bits == 64 ? address : (uint32_t)address;
}

/* Where in the image a segment's first byte is. */
uint64_t vdsotime_segment_position(
	const struct vdsotime_image *image, const struct vdsotime_segment *segment);

/*
 * Where in the image the bytes of link address vaddr are, with the number of bytes that follow in
 * the same segment.  False when no segment has that address.
 */
bool vdsotime_image_locate(const struct vdsotime_image *image, uint64_t vaddr, uint64_t *ret_offset,
	uint64_t *ret_bytes);

/* The type of program header index, with its place in *ret_at. */
static inline uint32_t segment_type(
	const struct vdsotime_image *image, uint32_t index, uint64_t *ret_at)
{
	*ret_at = image->program_headers_offset + (uint64_t)index * elf_shape_of(image)->segment;
	return image_u32(image, *ret_at);
}

/* The table of `bytes` at link address vaddr; false when it is not wholly within one segment. */
static inline bool locate_table(
	const struct vdsotime_image *image, uint64_t vaddr, uint64_t bytes, uint32_t *ret_offset)
{
	uint64_t offset, available;

	if (!vdsotime_image_locate(image, vaddr, &offset, &available) || bytes > available)
		return false;
	*ret_offset = (uint32_t)offset;
	return true;
}

/*
 * Finds the dynamic table and through it the others, and checks that each lies within the image,
 * whose segments are checked already.  0 or a negative reason.
 */
int vdsotime_image_read_tables(struct vdsotime_image *image);

/*
 * The quotient, and in *ret_rest the remainder, without a divide instruction: some machines have
 * none and would call a library for it.  divisor is not 0.
 */
static inline uint32_t divide(uint32_t dividend, uint32_t divisor, uint32_t *ret_rest)
{
	uint32_t quotient = 0;
	uint64_t rest = 0;

	for (uint32_t bit = UINT32_C(1) << 31; bit; bit >>= 1) {
		rest = rest << 1 | ((dividend & bit) != 0);
		if (rest >= divisor) {
			rest -= divisor;
			quotient |= bit;
		}
	}
	*ret_rest = (uint32_t)rest;
	return quotient;
}

/*
 * Counts the steps of every loop over the image's own numbers.  Nothing in the product; a test
 * gives it a body and asserts a bound.
 */
#ifndef IMAGE_STEP
#define IMAGE_STEP() ((void)0)
#endif

#endif

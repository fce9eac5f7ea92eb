/* SPDX-License-Identifier: MIT */
/*
 * A mapped image as a file again: its true size, and its link addresses.
 *
 * The kernel maps the whole file, rounded up to pages, so that the section headers are there though
 * no segment has them.  qemu-user relocates its images where they lie: addresses in headers, in the
 * dynamic table and in symbols are then of one process.  The one thing a reader would get wrong: an
 * image linked high (gVisor, old x86-64 kernels) is not a relocated one; only bias 0 tells.
 */

#include "proto/vdso/elf.h"

struct sections {
	uint64_t offset;
	uint32_t count;
	uint64_t end; /* of the table and of everything it names */
};

/* The section headers, when they and all that they name are in the image. */
static bool read_sections(const struct vdsotime_image *image, struct sections *ret)
{
	const struct elf_shape *shape = elf_shape_of(image);
	uint64_t offset = image_word(image, shape->shoff);
	uint32_t count = image_u16(image, shape->shnum);
	uint64_t bytes = (uint64_t)count * shape->section;

	if (offset == 0 || count == 0 || image_u16(image, shape->shentsize) != shape->section ||
		image_u16(image, shape->shstrndx) >= count || !image_has(image, offset, bytes))
		return false;
	ret->end = offset + bytes;
	for (uint32_t i = 0; i < count; i++) {
		uint64_t at = offset + (uint64_t)i * shape->section;
		uint64_t begin = image_word(image, at + shape->sh_offset);
		uint64_t length = image_word(image, at + shape->sh_size);

		IMAGE_STEP();
		if (image_u32(image, at + shape->sh_type) == SECTION_TYPE_NOBITS)
			continue;
		if (!image_has(image, begin, length))
			return false;
		if (begin + length > ret->end)
			ret->end = begin + length;
	}
	ret->offset = offset;
	ret->count = count;
	return true;
}

/* Segments that lie in memory at other distances than in the file they came from. */
static bool is_spread(const struct vdsotime_image *image)
{
	const struct vdsotime_segment *first = &image->segments[0];

	for (uint32_t i = 1; i < image->segment_count; i++) {
		const struct vdsotime_segment *segment = &image->segments[i];
		uint64_t away = segment->vaddr - first->vaddr;

		if (image_wrap(image, away + first->offset_bytes - segment->offset_bytes) != 0)
			return !image->as_file;
	}
	return false;
}

size_t vdsotime_image_file_bytes(const struct vdsotime_image *image)
{
	struct sections sections;
	uint64_t end = image->program_headers_offset +
		       (uint64_t)image->program_headers * elf_shape_of(image)->segment;

	for (uint32_t i = 0; i < image->segment_count; i++) {
		const struct vdsotime_segment *segment = &image->segments[i];
		uint64_t segment_end =
			vdsotime_segment_position(image, segment) + segment->file_bytes;

		if (segment_end > end)
			end = segment_end;
	}
	if (!is_spread(image) && read_sections(image, &sections) && sections.end > end)
		end = sections.end;
	return (size_t)end;
}

static void put_number(const struct vdsotime_image *image, unsigned char *file, uint64_t at,
	uint32_t bytes, uint64_t n)
{
	for (uint32_t i = 0; i < bytes; i++) {
		uint32_t place = image->big_endian ? bytes - 1 - i : i;

		file[at + place] = (unsigned char)(n & 0xff);
		n >>= 8;
	}
}

static void put_word(
	const struct vdsotime_image *image, unsigned char *file, uint64_t at, uint64_t n)
{
	put_number(image, file, at, elf_shape_of(image)->word, n);
}

/* Moves the address at `at` back by delta, when it is one of the image's own. */
static void move_address(
	const struct vdsotime_image *image, unsigned char *file, uint64_t at, uint64_t delta)
{
	uint64_t address = image_word(image, at);
	uint64_t offset, available;

	if (vdsotime_image_locate(image, address, &offset, &available))
		put_word(image, file, at, image_wrap(image, address - delta));
}

static bool tag_is_address(uint32_t tag)
{
	switch (tag) {
	case TAG_PLTGOT:
	case TAG_HASH:
	case TAG_STRTAB:
	case TAG_SYMTAB:
	case TAG_RELA:
	case TAG_INIT:
	case TAG_FINI:
	case TAG_REL:
	case TAG_JMPREL:
	case TAG_GNU_HASH:
	case TAG_VERSYM:
	case TAG_VERDEF:
		return true;
	default:
		return false;
	}
}

static void move_dynamic(const struct vdsotime_image *image, unsigned char *file, uint64_t delta)
{
	uint32_t word = elf_shape_of(image)->word;

	for (uint32_t done = 0; image->dynamic_bytes - done >= 2 * word; done += 2 * word) {
		uint32_t at = image->dynamic_offset + done;
		uint64_t tag = image_word(image, at);

		if (tag == TAG_NULL)
			return;
		if (tag <= UINT32_MAX && tag_is_address((uint32_t)tag))
			move_address(image, file, at + word, delta);
	}
}

/*
 * A defined symbol moves wherever it is.  qemu-user relocates the others as well, the null symbol
 * and absolute ones of value 0: these come back when they have become addresses of the image.
 */
static void move_symbols(const struct vdsotime_image *image, unsigned char *file, uint64_t delta)
{
	const struct elf_shape *shape = elf_shape_of(image);

	for (uint32_t i = 0; i < image->symbols; i++) {
		uint32_t symbol = image->symbols_offset + i * shape->symbol;
		uint32_t section = image_u16(image, symbol + shape->st_shndx);
		uint32_t at = symbol + shape->st_value;

		if (section == SECTION_UNDEF || section >= SECTION_RESERVED)
			move_address(image, file, at, delta);
		else
			put_word(image, file, at, image_wrap(image, image_word(image, at) - delta));
	}
}

/* The symbols of a static table, which may have been relocated or not. */
static void move_static_symbols(const struct vdsotime_image *image, unsigned char *file,
	uint64_t begin, uint64_t bytes, uint64_t delta)
{
	const struct elf_shape *shape = elf_shape_of(image);

	for (uint64_t done = 0; bytes - done >= shape->symbol; done += shape->symbol)
		move_address(image, file, begin + done + shape->st_value, delta);
}

/* Addresses of sections, those without one included: 0 comes back as 0. */
static void move_sections(const struct vdsotime_image *image, unsigned char *file, uint64_t delta)
{
	const struct elf_shape *shape = elf_shape_of(image);
	struct sections sections;

	if (!read_sections(image, &sections))
		return;
	for (uint32_t i = 0; i < sections.count; i++) {
		uint64_t at = sections.offset + (uint64_t)i * shape->section;

		move_address(image, file, at + shape->sh_addr, delta);
		if (image_u32(image, at + shape->sh_type) == SECTION_TYPE_SYMTAB)
			move_static_symbols(image, file, image_word(image, at + shape->sh_offset),
				image_word(image, at + shape->sh_size), delta);
	}
}

/* Program headers: link addresses back by delta, and offsets to where the bytes are. */
static void move_segments(
	const struct vdsotime_image *image, unsigned char *file, uint64_t delta, bool spread)
{
	const struct elf_shape *shape = elf_shape_of(image);

	for (uint32_t i = 0; i < image->program_headers; i++) {
		uint64_t at, offset, available;

		(void)segment_type(image, i, &at);
		if (spread && vdsotime_image_locate(image, image_word(image, at + shape->p_vaddr),
				      &offset, &available))
			put_word(image, file, at + shape->p_offset, offset);
		if (delta) {
			move_address(image, file, at + shape->p_vaddr, delta);
			move_address(image, file, at + shape->p_paddr, delta);
		}
	}
}

static void drop_sections(const struct vdsotime_image *image, unsigned char *file)
{
	const struct elf_shape *shape = elf_shape_of(image);

	put_word(image, file, shape->shoff, 0);
	put_number(image, file, shape->shnum, 2, 0);
	put_number(image, file, shape->shstrndx, 2, 0);
}

int vdsotime_image_normalise(const struct vdsotime_image *image, void *file, size_t file_bytes)
{
	const struct elf_shape *shape = elf_shape_of(image);
	unsigned char *bytes = (unsigned char *)file;
	bool relocated = image->base != 0 && image->bias == 0;
	uint64_t delta = relocated ? image->base : 0;
	bool spread = is_spread(image);
	struct sections sections;
	int changed = 0;

	if (file_bytes < vdsotime_image_file_bytes(image))
		return -VDSOTIME_REASON_TOO_SHORT;
	if (relocated || spread) {
		move_segments(image, bytes, delta, spread);
		changed = 1;
	}
	if (relocated) {
		move_address(image, bytes, shape->entry, delta);
		move_dynamic(image, bytes, delta);
		move_symbols(image, bytes, delta);
		move_sections(image, bytes, delta);
	}
	if (image_word(image, shape->shoff) != 0 && (spread || !read_sections(image, &sections))) {
		drop_sections(image, bytes);
		changed = 1;
	}
	return changed;
}

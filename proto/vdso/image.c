/* SPDX-License-Identifier: MIT */
/*
 * An ELF image checked once: header, segments, notes; dynamic.c checks the tables.
 *
 * After vdsotime_image_parse() has said yes, everything that struct vdsotime_image names lies
 * within the image.  The one thing a reader would get wrong: an address in the image means nothing
 * by itself. Images are linked at 0, near the top of memory, or are relocated where they lie; the
 * first PT_LOAD alone tells what to add.
 */

#include "proto/vdso/elf.h"

#include "proto/vdso/bytes.h"

uint64_t vdsotime_segment_position(
	const struct vdsotime_image *image, const struct vdsotime_segment *segment)
{
	const struct vdsotime_segment *first = &image->segments[0];

	if (image->as_file)
		return segment->offset_bytes;
	return image_wrap(image, segment->vaddr - first->vaddr + first->offset_bytes);
}

bool vdsotime_image_locate(const struct vdsotime_image *image, uint64_t vaddr, uint64_t *ret_offset,
	uint64_t *ret_bytes)
{
	for (uint32_t i = 0; i < image->segment_count; i++) {
		const struct vdsotime_segment *segment = &image->segments[i];
		uint64_t within = image_wrap(image, vaddr - segment->vaddr);

		if (within >= segment->file_bytes)
			continue;
		*ret_offset = vdsotime_segment_position(image, segment) + within;
		*ret_bytes = segment->file_bytes - within;
		return true;
	}
	return false;
}

static int read_identity(struct vdsotime_image *image)
{
	const unsigned char *p = image->data;

	if (image->size_bytes < elf_shape32.header)
		return -VDSOTIME_REASON_TOO_SHORT;
	if (image->size_bytes > VDSOTIME_IMAGE_BYTES_MAX)
		return -VDSOTIME_REASON_TOO_LARGE;
	if (p[0] != 0x7f || p[1] != 'E' || p[2] != 'L' || p[3] != 'F')
		return -VDSOTIME_REASON_MAGIC;
	if (p[4] != ELF_CLASS32 && p[4] != ELF_CLASS64)
		return -VDSOTIME_REASON_CLASS;
	if (p[5] != ELF_LITTLE && p[5] != ELF_BIG)
		return -VDSOTIME_REASON_BYTE_ORDER;
	if (p[6] != 1)
		return -VDSOTIME_REASON_VERSION;
	image->class_bits = p[4] == ELF_CLASS64 ? 64 : 32;
	image->big_endian = p[5] == ELF_BIG;
	image->osabi = p[7];
	return 0;
}

static int read_header(struct vdsotime_image *image)
{
	int r = read_identity(image);

	if (r < 0)
		return r;

	const struct elf_shape *shape = elf_shape_of(image);

	if (image->size_bytes < shape->header)
		return -VDSOTIME_REASON_TOO_SHORT;
	if (image_u16(image, 16) != ELF_SHARED_OBJECT)
		return -VDSOTIME_REASON_TYPE;
	if (image_u32(image, 20) != 1)
		return -VDSOTIME_REASON_VERSION;
	image->machine = image_u16(image, 18);
	image->hash_word = 4;
	if (image->class_bits == 64 &&
		(image->machine == MACHINE_S390 || image->machine == MACHINE_ALPHA))
		image->hash_word = 8;
	image->entry = image_word(image, shape->entry);
	image->elf_flags = image_u32(image, shape->flags);

	uint64_t offset = image_word(image, shape->phoff);
	uint32_t count = image_u16(image, shape->phnum);

	if (image_u16(image, shape->phentsize) != shape->segment || count == 0 ||
		!image_has(image, offset, (uint64_t)count * shape->segment))
		return -VDSOTIME_REASON_HEADERS;
	image->program_headers_offset = (uint32_t)offset;
	image->program_headers = count;
	return 0;
}

/* Collects the PT_LOADs that hold bytes, without asking whether those lie within the image. */
static int read_segments(struct vdsotime_image *image)
{
	const struct elf_shape *shape = elf_shape_of(image);

	for (uint32_t i = 0; i < image->program_headers; i++) {
		uint64_t at;

		IMAGE_STEP();
		if (segment_type(image, i, &at) != SEGMENT_LOAD ||
			image_word(image, at + shape->p_filesz) == 0)
			continue;
		if (image->segment_count == VDSOTIME_SEGMENTS_MAX)
			return -VDSOTIME_REASON_SEGMENTS;

		struct vdsotime_segment *segment = &image->segments[image->segment_count++];

		segment->flags = image_u32(image, at + shape->p_flags);
		segment->offset_bytes = image_word(image, at + shape->p_offset);
		segment->vaddr = image_word(image, at + shape->p_vaddr);
		segment->file_bytes = image_word(image, at + shape->p_filesz);
		segment->memory_bytes = image_word(image, at + shape->p_memsz);
	}
	if (image->segment_count == 0)
		return -VDSOTIME_REASON_SEGMENTS;
	return 0;
}

static int check_segments(struct vdsotime_image *image)
{
	for (uint32_t i = 0; i < image->segment_count; i++) {
		const struct vdsotime_segment *segment = &image->segments[i];

		if (segment->memory_bytes < segment->file_bytes ||
			!image_has(image, vdsotime_segment_position(image, segment),
				segment->file_bytes))
			return -VDSOTIME_REASON_SEGMENTS;
	}
	image->bias = image_wrap(
		image, image->base + image->segments[0].offset_bytes - image->segments[0].vaddr);
	return 0;
}

static bool name_is(
	const struct vdsotime_image *image, uint64_t at, uint32_t bytes, const char *name)
{
	for (uint32_t i = 0; i < bytes; i++)
		if (image->data[at + i] != (unsigned char)name[i])
			return false;
	return true;
}

static void take_note(struct vdsotime_image *image, uint64_t name, uint32_t name_bytes,
	uint32_t type, uint64_t desc, uint32_t desc_bytes)
{
	if (name_bytes == 4 && name_is(image, name, 4, "GNU") && type == NOTE_GNU_BUILD_ID) {
		image->build_id_offset = (uint32_t)desc;
		image->build_id_bytes = desc_bytes;
	}
	if (name_bytes == 6 && name_is(image, name, 6, "Linux") && type == 0 && desc_bytes >= 4)
		image->linux_version = image_u32(image, desc);
}

/* Notes are for people: a misshapen one ends the walk and refuses nothing. */
static void read_note_segment(
	struct vdsotime_image *image, uint64_t offset, uint64_t bytes, uint32_t align)
{
	uint64_t mask = align == 8 ? 7 : 3;

	while (bytes >= NOTE_HEADER_BYTES) {
		uint32_t name_bytes = image_u32(image, offset);
		uint32_t desc_bytes = image_u32(image, offset + 4);
		uint64_t desc = (NOTE_HEADER_BYTES + (uint64_t)name_bytes + mask) & ~mask;
		uint64_t next = (desc + desc_bytes + mask) & ~mask;

		IMAGE_STEP();
		if (!range_within(bytes, desc, desc_bytes))
			return;
		take_note(image, offset + NOTE_HEADER_BYTES, name_bytes,
			image_u32(image, offset + 8), offset + desc, desc_bytes);
		if (next > bytes)
			return;
		offset += next;
		bytes -= next;
	}
}

static void read_notes(struct vdsotime_image *image)
{
	const struct elf_shape *shape = elf_shape_of(image);
	uint32_t notes = 0;

	for (uint32_t i = 0; i < image->program_headers && notes < VDSOTIME_SEGMENTS_MAX; i++) {
		uint64_t at;
		uint32_t offset;

		IMAGE_STEP();
		if (segment_type(image, i, &at) != SEGMENT_NOTE)
			continue;
		notes++;

		uint64_t bytes = image_word(image, at + shape->p_filesz);

		if (locate_table(image, image_word(image, at + shape->p_vaddr), bytes, &offset))
			read_note_segment(image, offset, bytes,
				(uint32_t)image_word(image, at + shape->p_align));
	}
}

static int open_image(struct vdsotime_image *image, const void *data, size_t size_bytes)
{
	bytes_clear(image, sizeof(*image));
	image->data = (const unsigned char *)data;
	image->size_bytes = size_bytes;

	int r = read_header(image);

	return r < 0 ? r : read_segments(image);
}

int vdsotime_image_parse(const void *data, size_t size_bytes, uint64_t base, uint32_t flags,
	struct vdsotime_image *ret)
{
	struct vdsotime_image image;
	int r = open_image(&image, data, size_bytes);

	if (r < 0)
		return r;
	image.base = base;
	image.as_file = (flags & VDSOTIME_IMAGE_AS_FILE) != 0;
	r = check_segments(&image);
	if (r < 0)
		return r;
	r = vdsotime_image_read_tables(&image);
	if (r < 0)
		return r;
	read_notes(&image);
	bytes_copy(ret, &image, sizeof(image));
	return 0;
}

int vdsotime_image_extent(const void *data, size_t readable_bytes, size_t *ret_bytes)
{
	const uint64_t page_mask = 4095;
	struct vdsotime_image image;
	uint64_t extent = readable_bytes;
	int r = open_image(&image, data, readable_bytes);

	if (r < 0)
		return r;
	for (uint32_t i = 0; i < image.segment_count; i++) {
		uint64_t position = vdsotime_segment_position(&image, &image.segments[i]);
		uint64_t bytes = image.segments[i].file_bytes;

		if (!range_within(VDSOTIME_IMAGE_BYTES_MAX, position, bytes))
			return -VDSOTIME_REASON_TOO_LARGE;
		if (position + bytes > extent)
			extent = position + bytes;
	}
	*ret_bytes = (size_t)((extent + page_mask) & ~page_mask);
	return 0;
}

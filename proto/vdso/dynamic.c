/* SPDX-License-Identifier: MIT */
/*
 * The dynamic table of an image, and the ranges of the tables that it names: strings, symbols, both
 * kinds of hash, versions.
 *
 * Each table is proved to lie within one segment before symbol.c reads it, so that the reading
 * itself asks nothing.  The one thing a reader would get wrong: DT_GNU_HASH does not tell how many
 * symbols there are; the end of its last chain does.
 */

#include "proto/vdso/elf.h"

#include "proto/vdso/bytes.h"

/* What the dynamic table says, before any of it is believed. */
struct dynamic {
	uint64_t hash, gnu_hash, strings, strings_bytes, symbols, symbol_bytes;
	uint64_t soname, versym, verdef, verdef_count;
	bool has_hash, has_gnu_hash, has_strings, has_symbols, has_symbol_bytes, has_versym,
		has_verdef;
};

static int find_dynamic(struct vdsotime_image *image)
{
	const struct elf_shape *shape = elf_shape_of(image);

	for (uint32_t i = 0; i < image->program_headers; i++) {
		uint64_t at;

		IMAGE_STEP();
		if (segment_type(image, i, &at) != SEGMENT_DYNAMIC)
			continue;

		uint64_t vaddr = image_word(image, at + shape->p_vaddr);
		uint64_t bytes = image_word(image, at + shape->p_filesz);

		if (bytes < 2u * shape->word ||
			!locate_table(image, vaddr, bytes, &image->dynamic_offset))
			return -VDSOTIME_REASON_DYNAMIC;
		image->dynamic_bytes = (uint32_t)bytes;
		return 0;
	}
	return -VDSOTIME_REASON_NO_DYNAMIC;
}

static void take_entry(struct dynamic *dynamic, uint32_t tag, uint64_t value)
{
	switch (tag) {
	case TAG_HASH:
		dynamic->hash = value;
		dynamic->has_hash = true;
		break;
	case TAG_GNU_HASH:
		dynamic->gnu_hash = value;
		dynamic->has_gnu_hash = true;
		break;
	case TAG_STRTAB:
		dynamic->strings = value;
		dynamic->has_strings = true;
		break;
	case TAG_STRSZ:
		dynamic->strings_bytes = value;
		break;
	case TAG_SYMTAB:
		dynamic->symbols = value;
		dynamic->has_symbols = true;
		break;
	case TAG_SYMENT:
		dynamic->symbol_bytes = value;
		dynamic->has_symbol_bytes = true;
		break;
	case TAG_SONAME:
		dynamic->soname = value;
		break;
	case TAG_VERSYM:
		dynamic->versym = value;
		dynamic->has_versym = true;
		break;
	case TAG_VERDEF:
		dynamic->verdef = value;
		dynamic->has_verdef = true;
		break;
	case TAG_VERDEFNUM:
		dynamic->verdef_count = value;
		break;
	default:
		break;
	}
}

/* A table without DT_NULL ends where its segment says. */
static void read_dynamic(const struct vdsotime_image *image, struct dynamic *ret)
{
	uint32_t word = elf_shape_of(image)->word;
	uint32_t entry = 2 * word;

	bytes_clear(ret, sizeof(*ret));
	for (uint32_t done = 0; image->dynamic_bytes - done >= entry; done += entry) {
		uint32_t at = image->dynamic_offset + done;
		uint64_t tag = image_word(image, at);

		IMAGE_STEP();
		if (tag == TAG_NULL)
			break;
		if (tag <= UINT32_MAX)
			take_entry(ret, (uint32_t)tag, image_word(image, at + word));
	}
}

/* The table ends in NUL, so that every name in it ends. */
static int check_strings(struct vdsotime_image *image, const struct dynamic *dynamic)
{
	if (!dynamic->has_strings || dynamic->strings_bytes == 0 ||
		!locate_table(
			image, dynamic->strings, dynamic->strings_bytes, &image->strings_offset))
		return -VDSOTIME_REASON_STRINGS;
	image->strings_bytes = (uint32_t)dynamic->strings_bytes;
	if (image->data[image->strings_offset + image->strings_bytes - 1] != 0)
		return -VDSOTIME_REASON_STRINGS;
	if (dynamic->soname >= image->strings_bytes)
		return -VDSOTIME_REASON_STRINGS;
	if (dynamic->soname)
		image->soname_offset = image->strings_offset + (uint32_t)dynamic->soname;
	return 0;
}

/* DT_HASH: nbucket, nchain, the buckets, the chains; it also tells how many symbols there are. */
static int check_hash(struct vdsotime_image *image, const struct dynamic *dynamic)
{
	uint32_t word = image->hash_word;

	if (!dynamic->has_hash)
		return 0;
	if (!locate_table(image, dynamic->hash, 2u * word, &image->hash_offset))
		return -VDSOTIME_REASON_HASH;

	uint64_t buckets = image_number(image, image->hash_offset, word);
	uint64_t chains = image_number(image, image->hash_offset + word, word);

	if (buckets == 0 || chains == 0 || buckets > VDSOTIME_IMAGE_BYTES_MAX ||
		chains > VDSOTIME_IMAGE_BYTES_MAX ||
		!locate_table(
			image, dynamic->hash, (2 + buckets + chains) * word, &image->hash_offset))
		return -VDSOTIME_REASON_HASH;
	image->symbols = (uint32_t)chains;
	return 0;
}

/*
 * The last symbol is the end of the chain that begins last; symbols before symbol_base are not
 * hashed.  chains_bytes: what there is room for.
 */
static int count_gnu_symbols(const struct vdsotime_image *image, uint32_t buckets_offset,
	uint32_t buckets, uint32_t symbol_base, uint64_t chains_bytes, uint32_t *ret)
{
	uint32_t chains_offset = buckets_offset + buckets * 4;
	uint32_t last = 0;

	for (uint32_t i = 0; i < buckets; i++) {
		uint32_t first = image_u32(image, buckets_offset + i * 4);

		IMAGE_STEP();
		if (first != 0 && first < symbol_base)
			return -VDSOTIME_REASON_GNU_HASH;
		if (first > last)
			last = first;
	}
	if (last == 0) {
		*ret = symbol_base;
		return 0;
	}
	for (uint64_t at = ((uint64_t)last - symbol_base) * 4; range_within(chains_bytes, at, 4);
		at += 4) {
		IMAGE_STEP();
		last++;
		if (image_u32(image, chains_offset + at) & 1) {
			*ret = last;
			return 0;
		}
	}
	return -VDSOTIME_REASON_GNU_HASH;
}

/* DT_GNU_HASH: nbuckets, symbol_base, bloom size, bloom shift, the bloom words, buckets, chains. */
static int check_gnu_hash(struct vdsotime_image *image, const struct dynamic *dynamic)
{
	uint64_t offset, available;

	if (!dynamic->has_gnu_hash)
		return 0;
	if (!vdsotime_image_locate(image, dynamic->gnu_hash, &offset, &available) ||
		available < GNU_HASH_HEADER_BYTES)
		return -VDSOTIME_REASON_GNU_HASH;

	uint32_t buckets = image_u32(image, offset);
	uint32_t symbol_base = image_u32(image, offset + 4);
	uint32_t bloom = image_u32(image, offset + 8);
	uint64_t bloom_bytes = (uint64_t)bloom * elf_shape_of(image)->word;
	uint64_t tables = GNU_HASH_HEADER_BYTES + bloom_bytes + (uint64_t)buckets * 4;
	uint32_t symbols;

	/* the bloom size is a power of two by the format: readers mask with it */
	if (buckets == 0 || bloom == 0 || (bloom & (bloom - 1)) || tables > available)
		return -VDSOTIME_REASON_GNU_HASH;

	uint32_t buckets_offset = (uint32_t)(offset + GNU_HASH_HEADER_BYTES + bloom_bytes);
	int r = count_gnu_symbols(
		image, buckets_offset, buckets, symbol_base, available - tables, &symbols);

	if (r < 0)
		return r;
	image->gnu_hash_offset = (uint32_t)offset;
	if (!dynamic->has_hash)
		image->symbols = symbols;
	return 0;
}

/*
 * Without a hash table nothing tells the number of symbols: the table ends where the next one
 * begins, which is the string table in every image known.
 */
static uint32_t count_symbols(
	const struct vdsotime_image *image, const struct dynamic *dynamic, uint64_t available)
{
	const uint64_t others[] = { dynamic->strings, dynamic->has_versym ? dynamic->versym : 0,
		dynamic->has_verdef ? dynamic->verdef : 0 };
	uint32_t rest;

	for (uint32_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		uint64_t distance = image_wrap(image, others[i] - dynamic->symbols);

		if (distance != 0 && distance < available)
			available = distance;
	}
	return divide((uint32_t)available, elf_shape_of(image)->symbol, &rest);
}

static int check_symbols(struct vdsotime_image *image, const struct dynamic *dynamic)
{
	uint32_t symbol_bytes = elf_shape_of(image)->symbol;
	uint64_t offset, available;

	if (!dynamic->has_symbols ||
		(dynamic->has_symbol_bytes && dynamic->symbol_bytes != symbol_bytes) ||
		!vdsotime_image_locate(image, dynamic->symbols, &offset, &available))
		return -VDSOTIME_REASON_SYMBOLS;
	if (!dynamic->has_hash && !dynamic->has_gnu_hash)
		image->symbols = count_symbols(image, dynamic, available);
	if (image->symbols == 0 || (uint64_t)image->symbols * symbol_bytes > available)
		return -VDSOTIME_REASON_SYMBOLS;
	image->symbols_offset = (uint32_t)offset;
	return 0;
}

/* Walks the definitions forward; each holds the offset of the next, which only ever grows. */
static int check_version_defs(struct vdsotime_image *image, const struct dynamic *dynamic)
{
	uint64_t offset, available;

	if (!vdsotime_image_locate(image, dynamic->verdef, &offset, &available))
		return -VDSOTIME_REASON_VERSIONS;
	image->verdef_offset = (uint32_t)offset;
	for (;;) {
		IMAGE_STEP();
		if (available < VERSION_DEF_BYTES || image->version_defs == VERSIONS_MAX)
			return -VDSOTIME_REASON_VERSIONS;

		uint64_t aux = image_u32(image, offset + 12);
		uint64_t next = image_u32(image, offset + 16);

		if (!range_within(available, aux, VERSION_AUX_BYTES) ||
			image_u32(image, offset + aux) >= image->strings_bytes)
			return -VDSOTIME_REASON_VERSIONS;
		image->version_defs++;
		if (next == 0 || image->version_defs == dynamic->verdef_count)
			return 0;
		if (next < VERSION_DEF_BYTES || next > available)
			return -VDSOTIME_REASON_VERSIONS;
		offset += next;
		available -= next;
	}
}

/* Versions need both tables; with one alone the image has none. */
static int check_versions(struct vdsotime_image *image, const struct dynamic *dynamic)
{
	if (!dynamic->has_versym || !dynamic->has_verdef)
		return 0;
	if (!locate_table(
		    image, dynamic->versym, (uint64_t)image->symbols * 2, &image->versym_offset))
		return -VDSOTIME_REASON_VERSIONS;
	return check_version_defs(image, dynamic);
}

int vdsotime_image_read_tables(struct vdsotime_image *image)
{
	struct dynamic dynamic;
	int r = find_dynamic(image);

	if (r < 0)
		return r;
	read_dynamic(image, &dynamic);
	r = check_strings(image, &dynamic);
	if (r < 0)
		return r;
	r = check_hash(image, &dynamic);
	if (r < 0)
		return r;
	r = check_gnu_hash(image, &dynamic);
	if (r < 0)
		return r;
	r = check_symbols(image, &dynamic);
	if (r < 0)
		return r;
	return check_versions(image, &dynamic);
}

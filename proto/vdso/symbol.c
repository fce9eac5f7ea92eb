/* SPDX-License-Identifier: MIT */
/*
 * Symbols of a checked image: by name and version through either hash or a scan, and one by one.
 *
 * A lookup walks every symbol of the asked name, as an image may hold one name in several versions,
 * and takes the best that the caller's policy allows.  The one thing a reader would get wrong: a
 * symbol is not callable because it has the right name.  Version names are symbols too (OBJECT,
 * absolute), and assembly functions have no type; read_refusal() is where the line is drawn.
 */

#include "proto/vdso/elf.h"

#include "proto/vdso/bytes.h"

/* One lookup in progress. */
struct search {
	const struct vdsotime_image *image;
	const char *name;
	const char *version;
	uint32_t lookup;
	int reason; /* the best excuse so far, while nothing is found */
	bool found;
	struct vdsotime_symbol best;
};

static uint32_t symbol_at(const struct vdsotime_image *image, uint32_t index)
{
	return image->symbols_offset + index * elf_shape_of(image)->symbol;
}

/* The string at offset of the string table; NULL outside of it. */
static const char *string_at(const struct vdsotime_image *image, uint32_t offset)
{
	if (offset >= image->strings_bytes)
		return NULL;
	return (const char *)image->data + image->strings_offset + offset;
}

/*
 * The name of version index; NULL for the image's own (base) version, "" for one without
 * definition.
 */
static const char *version_name(const struct vdsotime_image *image, uint32_t index)
{
	uint64_t at = image->verdef_offset;

	for (uint32_t i = 0; i < image->version_defs; i++) {
		IMAGE_STEP();
		if ((image_u16(image, at + 4) & VERSION_INDEX_MASK) == index) {
			if (image_u16(image, at + 2) & VERSION_FLAG_BASE)
				return NULL;
			return string_at(image, image_u32(image, at + image_u32(image, at + 12)));
		}
		at += image_u32(image, at + 16);
	}
	return "";
}

static void read_version(const struct vdsotime_image *image, struct vdsotime_symbol *symbol)
{
	symbol->version = NULL;
	symbol->hidden = 0;
	if (image->version_defs == 0)
		return;

	uint32_t version = image_u16(image, image->versym_offset + symbol->index * 2);

	symbol->hidden = (version & VERSION_HIDDEN) != 0;
	version &= VERSION_INDEX_MASK;
	if (version > VERSION_INDEX_GLOBAL)
		symbol->version = version_name(image, version);
}

static bool is_executable(const struct vdsotime_image *image, uint64_t vaddr)
{
	for (uint32_t i = 0; i < image->segment_count; i++) {
		const struct vdsotime_segment *segment = &image->segments[i];

		if ((segment->flags & SEGMENT_EXECUTE) &&
			image_wrap(image, vaddr - segment->vaddr) < segment->file_bytes)
			return true;
	}
	return false;
}

/* Why the symbol cannot be called; 0 when it can, and its address is filled in. */
static uint8_t read_refusal(const struct vdsotime_image *image, struct vdsotime_symbol *symbol)
{
	uint64_t code = symbol->value;

	symbol->address = 0;
	if (symbol->section == SECTION_UNDEF)
		return VDSOTIME_REASON_SYMBOL_UNDEF;
	if (symbol->section >= SECTION_RESERVED)
		return VDSOTIME_REASON_SYMBOL_ABS;
	if (symbol->type != TYPE_FUNCTION && symbol->type != TYPE_NONE)
		return VDSOTIME_REASON_SYMBOL_TYPE;
	if (symbol->binding != BINDING_GLOBAL && symbol->binding != BINDING_WEAK)
		return VDSOTIME_REASON_SYMBOL_LOCAL;
	if (image->machine == MACHINE_ARM)
		code &= ~(uint64_t)1; /* Thumb */
	if (!is_executable(image, code))
		return VDSOTIME_REASON_SYMBOL_ADDRESS;
	symbol->address = image_wrap(image, image->bias + symbol->value);
	return symbol->address ? VDSOTIME_REASON_NONE : VDSOTIME_REASON_SYMBOL_ADDRESS;
}

/* Fills in everything but the match; false when its name is outside the string table. */
static bool read_symbol(
	const struct vdsotime_image *image, uint32_t index, struct vdsotime_symbol *symbol)
{
	const struct elf_shape *shape = elf_shape_of(image);
	uint32_t at = symbol_at(image, index);
	const char *name = string_at(image, image_u32(image, at));

	if (!name)
		return false;
	symbol->name = name;
	symbol->index = index;
	symbol->value = image_word(image, at + shape->st_value);
	symbol->size_bytes = image_word(image, at + shape->st_size);
	symbol->section = image_u16(image, at + shape->st_shndx);
	symbol->type = image->data[at + shape->st_info] & 15;
	symbol->binding = image->data[at + shape->st_info] >> 4;
	symbol->visibility = image->data[at + shape->st_other] & 3;
	symbol->match = VDSOTIME_MATCH_NONE;
	read_version(image, symbol);
	symbol->refusal = read_refusal(image, symbol);
	return true;
}

static uint8_t match_version(const struct vdsotime_symbol *symbol, const char *version)
{
	if (!symbol->version)
		return version ? VDSOTIME_MATCH_UNVERSIONED : VDSOTIME_MATCH_EXACT;
	if (version && text_equal(symbol->version, version))
		return VDSOTIME_MATCH_EXACT;
	return VDSOTIME_MATCH_ANY;
}

/* Takes the symbol at index when it is a better answer than the one so far. */
static void consider(struct search *search, uint32_t index)
{
	const struct vdsotime_image *image = search->image;
	const char *name = string_at(image, image_u32(image, symbol_at(image, index)));
	uint32_t policy = search->lookup & VDSOTIME_VERSION_MASK;
	struct vdsotime_symbol symbol;

	if (!name || !text_equal(name, search->name))
		return;
	(void)read_symbol(image, index, &symbol);
	symbol.match = match_version(&symbol, search->version);
	if (symbol.match > policy + VDSOTIME_MATCH_EXACT) {
		search->reason = VDSOTIME_REASON_SYMBOL_VERSION;
		return;
	}
	if (symbol.refusal && !(search->lookup & VDSOTIME_ANY_TYPE)) {
		search->reason = symbol.refusal;
		return;
	}
	if (search->found && search->best.match <= symbol.match)
		return;
	search->found = true;
	bytes_copy(&search->best, &symbol, sizeof(symbol));
}

static uint32_t hash_gnu(const char *name)
{
	uint32_t hash = 5381;

	for (; *name; name++)
		hash = hash * 33 + (unsigned char)*name;
	return hash;
}

static uint32_t hash_sysv(const char *name)
{
	uint32_t hash = 0;

	for (; *name; name++) {
		hash = (hash << 4) + (unsigned char)*name;
		hash ^= hash >> 24 & 0xf0;
		hash &= 0x0fffffff;
	}
	return hash;
}

/* The bloom filter is not asked: it only saves time, and few names are asked for. */
static void search_gnu_hash(struct search *search)
{
	const struct vdsotime_image *image = search->image;
	uint32_t table = image->gnu_hash_offset;
	uint32_t bucket_count = image_u32(image, table);
	uint32_t symbol_base = image_u32(image, table + 4);
	uint32_t bloom_bytes = image_u32(image, table + 8) * elf_shape_of(image)->word;
	uint32_t buckets = table + GNU_HASH_HEADER_BYTES + bloom_bytes;
	uint32_t chains = buckets + bucket_count * 4;
	uint32_t hash = hash_gnu(search->name);
	uint32_t bucket;

	(void)divide(hash, bucket_count, &bucket);

	uint32_t index = image_u32(image, buckets + bucket * 4);

	/* every chain ends before the table does: dynamic.c saw the end of the last */
	for (; index != 0 && index < image->symbols; index++) {
		uint32_t entry = image_u32(image, chains + (index - symbol_base) * 4);

		IMAGE_STEP();
		if ((entry | 1) == (hash | 1))
			consider(search, index);
		if (entry & 1)
			return;
	}
}

static void search_hash(struct search *search)
{
	const struct vdsotime_image *image = search->image;
	uint32_t word = image->hash_word;
	uint32_t table = image->hash_offset;
	uint32_t bucket_count = (uint32_t)image_number(image, table, word);
	uint32_t bucket;

	(void)divide(hash_sysv(search->name), bucket_count, &bucket);

	uint64_t index = image_number(image, table + (2 + bucket) * word, word);

	/* a chain without a cycle has at most as many links as there are symbols */
	for (uint32_t links = 0; links < image->symbols; links++) {
		IMAGE_STEP();
		if (index == 0 || index >= image->symbols)
			return;
		consider(search, (uint32_t)index);
		index = image_number(
			image, table + (2 + bucket_count + (uint32_t)index) * word, word);
	}
}

static void search_all(struct search *search)
{
	for (uint32_t index = 1; index < search->image->symbols; index++) {
		IMAGE_STEP();
		consider(search, index);
	}
}

/* The way to search: the one asked for, or the first that the image has. */
static int search_by(struct search *search, uint32_t way)
{
	const struct vdsotime_image *image = search->image;
	bool any = way == VDSOTIME_WAY_AUTO;

	if (image->gnu_hash_offset && (any || way == VDSOTIME_WAY_GNU_HASH))
		search_gnu_hash(search);
	else if (image->hash_offset && (any || way == VDSOTIME_WAY_HASH))
		search_hash(search);
	else if (any || way == VDSOTIME_WAY_SCAN)
		search_all(search);
	else
		return -VDSOTIME_REASON_NO_METHOD;
	return 0;
}

int vdsotime_image_lookup(const struct vdsotime_image *image, const char *name, const char *version,
	uint32_t lookup, struct vdsotime_symbol *ret)
{
	struct search search;
	int r;

	search.image = image;
	search.name = name;
	search.version = version;
	search.lookup = lookup;
	search.reason = VDSOTIME_REASON_NO_SYMBOL;
	search.found = false;
	r = search_by(&search, lookup & VDSOTIME_WAY_MASK);
	if (r < 0)
		return r;
	if (!search.found)
		return -search.reason;
	bytes_copy(ret, &search.best, sizeof(search.best));
	return 0;
}

int vdsotime_image_symbol(
	const struct vdsotime_image *image, uint32_t index, struct vdsotime_symbol *ret)
{
	if (index == 0 || index >= image->symbols)
		return -VDSOTIME_REASON_NO_SYMBOL;
	return read_symbol(image, index, ret) ? 0 : -VDSOTIME_REASON_STRINGS;
}

/* SPDX-License-Identifier: MIT */
/*
 * What other resolvers fell into, each pitfall an image of its own, and every refusal that the
 * parser knows.  Images lie in memory of exactly their size, so that a sanitizer sees a byte read
 * beyond.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <vdsotime/vdso-image.h>

#include "tests/fixtures/vdso-fixture.h"

enum { DT_HASH = 4, DT_STRTAB = 5, DT_SYMTAB = 6, DT_STRSZ = 10, DT_SYMENT = 11, DT_SONAME = 14 };

static const uint64_t DT_GNU_HASH = 0x6ffffef5;
static const uint64_t DT_VERSYM = 0x6ffffff0;
static const uint64_t DT_VERDEF = 0x6ffffffc;
static const uint64_t DT_VERDEFNUM = 0x6ffffffd;
static const uint64_t FAR_AWAY = 0x7fffff00;

/* Gives a dynamic entry another value, or another tag. */
static void put_dynamic(struct elf_image *image, uint64_t tag, uint64_t value)
{
	elf_put(image, elf_dynamic_value(image, tag), elf_word(image), value);
}

static void hide_dynamic(struct elf_image *image, uint64_t tag)
{
	elf_put(image, elf_dynamic_value(image, tag) - elf_word(image), elf_word(image), 0x12345);
}

static void put_phdr(struct elf_image *image, size_t index, const char *field, uint64_t value)
{
	unsigned bytes = strcmp(field, "p_type") == 0 ? 4 : elf_word(image);

	elf_put(image, elf_phdr_at(image, index, field), bytes, value);
}

static size_t after_header(const struct elf_image *image, size_t at32, size_t at64)
{
	return elf_word(image) == 8 ? at64 : at32;
}

/* One thing wrong with an image, and the refusal. */
struct spoil {
	const char *what;
	int reason;
	void (*spoil)(struct elf_image *image);
};

static void magic(struct elf_image *i)
{
	i->bytes[3] = 'f';
}
static void magic_0(struct elf_image *i)
{
	i->bytes[0] = 0x7e;
}
static void magic_1(struct elf_image *i)
{
	i->bytes[1] = 'e';
}
static void magic_2(struct elf_image *i)
{
	i->bytes[2] = 'l';
}
static void class_of_neither_kind(struct elf_image *i)
{
	i->bytes[4] = 3;
}
static void byte_order_of_neither_kind(struct elf_image *i)
{
	i->bytes[5] = 0;
}
static void identity_version(struct elf_image *i)
{
	i->bytes[6] = 2;
}
static void header_version(struct elf_image *i)
{
	elf_put(i, 20, 4, 2);
}
static void executable_file(struct elf_image *i)
{
	elf_put(i, 16, 2, 2);
}
static void no_program_headers(struct elf_image *i)
{
	elf_put(i, after_header(i, 44, 56), 2, 0);
}
static void huge_phnum(struct elf_image *i)
{
	elf_put(i, after_header(i, 44, 56), 2, 0xffff);
}
static void wrong_phentsize(struct elf_image *i)
{
	elf_put(i, after_header(i, 42, 54), 2, 8);
}
static void program_headers_far_away(struct elf_image *i)
{
	elf_put(i, after_header(i, 28, 32), elf_word(i), UINT64_MAX - 8);
}
static void no_load_segment(struct elf_image *i)
{
	put_phdr(i, 0, "p_type", 0x60000000);
}
static void load_beyond_the_end(struct elf_image *i)
{
	put_phdr(i, 0, "p_filesz", i->size_bytes + 1);
	put_phdr(i, 0, "p_memsz", i->size_bytes + 1);
}
static void load_of_wrapping_size(struct elf_image *i)
{
	put_phdr(i, 0, "p_filesz", UINT64_MAX);
	put_phdr(i, 0, "p_memsz", UINT64_MAX);
}
static void memory_smaller_than_file(struct elf_image *i)
{
	put_phdr(i, 0, "p_memsz", 8);
}
static void no_dynamic_segment(struct elf_image *i)
{
	put_phdr(i, 1, "p_type", 0x60000000);
}
static void dynamic_far_away(struct elf_image *i)
{
	put_phdr(i, 1, "p_vaddr", FAR_AWAY);
}
static void dynamic_too_small(struct elf_image *i)
{
	put_phdr(i, 1, "p_filesz", 4);
}
static void dynamic_beyond_the_end(struct elf_image *i)
{
	put_phdr(i, 1, "p_filesz", i->size_bytes);
}
static void no_string_table(struct elf_image *i)
{
	hide_dynamic(i, DT_STRTAB);
}
static void no_string_size(struct elf_image *i)
{
	hide_dynamic(i, DT_STRSZ);
}
static void strings_far_away(struct elf_image *i)
{
	put_dynamic(i, DT_STRTAB, FAR_AWAY);
}
static void strings_too_long(struct elf_image *i)
{
	put_dynamic(i, DT_STRSZ, FAR_AWAY);
}
static void strings_without_end(struct elf_image *i)
{
	i->bytes[i->strings + elf_get(i, elf_dynamic_value(i, DT_STRSZ), elf_word(i)) - 1] = 'x';
}
static void soname_far_away(struct elf_image *i)
{
	put_dynamic(i, DT_SONAME, FAR_AWAY);
}
static void no_symbol_table(struct elf_image *i)
{
	hide_dynamic(i, DT_SYMTAB);
}
static void symbols_far_away(struct elf_image *i)
{
	put_dynamic(i, DT_SYMTAB, FAR_AWAY);
}
static void symbols_of_wrong_size(struct elf_image *i)
{
	put_dynamic(i, DT_SYMENT, 20);
}
static void symbols_beyond_the_end(struct elf_image *i)
{
	put_dynamic(i, DT_SYMTAB, i->code + i->code_bytes - 100);
}
static void hash_far_away(struct elf_image *i)
{
	put_dynamic(i, DT_HASH, FAR_AWAY);
}
static void no_hash_buckets(struct elf_image *i)
{
	elf_put(i, i->hash, 4, 0);
}
static void no_hash_chains(struct elf_image *i)
{
	elf_put(i, i->hash + 4, 4, 0);
}
static void huge_hash_buckets(struct elf_image *i)
{
	elf_put(i, i->hash, 4, 0xffffffff);
}
static void huge_hash_chains(struct elf_image *i)
{
	elf_put(i, i->hash + 4, 4, 0xffffffff);
}
static void hash_beyond_the_end(struct elf_image *i)
{
	elf_put(i, i->hash + 4, 4, 100000);
}
static void gnu_hash_far_away(struct elf_image *i)
{
	put_dynamic(i, DT_GNU_HASH, FAR_AWAY);
}
static void gnu_hash_at_the_end(struct elf_image *i)
{
	put_dynamic(i, DT_GNU_HASH, i->code + i->code_bytes - 8);
}
static void no_gnu_hash_buckets(struct elf_image *i)
{
	elf_put(i, i->gnu_hash, 4, 0);
}
static void huge_gnu_hash_buckets(struct elf_image *i)
{
	elf_put(i, i->gnu_hash, 4, 0xffffffff);
}
static void no_bloom(struct elf_image *i)
{
	elf_put(i, i->gnu_hash + 8, 4, 0);
}
/* Another table in the place of the GNU hash, in the code; its words follow the header. */
static size_t put_gnu_hash(struct elf_image *i, uint32_t buckets, uint32_t base, uint32_t bloom)
{
	size_t at = i->code + 64;

	put_dynamic(i, DT_GNU_HASH, at);
	memset(i->bytes + at, 0, 128);
	elf_put(i, at, 4, buckets);
	elf_put(i, at + 4, 4, base);
	elf_put(i, at + 8, 4, bloom);
	return at + 16 + bloom * elf_word(i);
}
/* Whole but for that: the one bucket is empty. */
static void bloom_of_three(struct elf_image *i)
{
	(void)put_gnu_hash(i, 1, 1, 3);
}
/* Whole but for that: the last chain ends. */
static void bucket_below_the_base(struct elf_image *i)
{
	size_t words = put_gnu_hash(i, 2, 2, 1);

	elf_put(i, words, 4, 1);
	elf_put(i, words + 4, 4, 2);
	elf_put(i, words + 8, 4, 1);
}
static size_t gnu_bucket(const struct elf_image *i)
{
	return i->gnu_hash + 16 + elf_word(i);
}
static void bucket_before_the_base(struct elf_image *i)
{
	elf_put(i, i->gnu_hash + 4, 4, 20);
}
static void bucket_far_away(struct elf_image *i)
{
	elf_put(i, gnu_bucket(i), 4, 0x10000000);
}
static void chain_without_end(struct elf_image *i)
{
	/* another table at the end of the segment, whose chain is all 0xcc: no end bit */
	size_t at = i->code + i->code_bytes - 64;

	put_dynamic(i, DT_GNU_HASH, at);
	elf_put(i, at, 4, 1);
	elf_put(i, at + 4, 4, 1);
	elf_put(i, at + 8, 4, 1);
	elf_put(i, at + 16 + elf_word(i), 4, 1);
}
static void versym_far_away(struct elf_image *i)
{
	put_dynamic(i, DT_VERSYM, FAR_AWAY);
}
static void verdef_far_away(struct elf_image *i)
{
	put_dynamic(i, DT_VERDEF, FAR_AWAY);
}
static void verdef_at_the_end(struct elf_image *i)
{
	put_dynamic(i, DT_VERDEF, i->code + i->code_bytes - 8);
}
static void version_name_far_away(struct elf_image *i)
{
	elf_put(i, i->verdef + 20, 4, 0x7fffffff);
}
static void version_aux_far_away(struct elf_image *i)
{
	elf_put(i, i->verdef + 12, 4, 0x7fffffff);
}
static void version_next_far_away(struct elf_image *i)
{
	elf_put(i, i->verdef + 16, 4, 0x7fffffff);
}
static void version_cycle(struct elf_image *i)
{
	elf_put(i, i->verdef + 16, 4, 4);
}
static void versions_without_number(struct elf_image *i)
{
	/* more definitions than any image has, each the next 28 bytes */
	put_dynamic(i, DT_VERDEFNUM, 100);
	put_dynamic(i, DT_VERDEF, i->code);
	for (size_t at = i->code; at + 28 <= i->code + i->code_bytes; at += 28) {
		elf_put(i, at + 12, 4, 20);
		elf_put(i, at + 16, 4, 28);
		elf_put(i, at + 20, 4, 0);
	}
}

#define SPOIL(what, reason) \
	{ \
#what, VDSOTIME_REASON_##reason, what \
	}

static const struct spoil spoils[] = {
	SPOIL(magic, MAGIC),
	SPOIL(magic_0, MAGIC),
	SPOIL(magic_1, MAGIC),
	SPOIL(magic_2, MAGIC),
	SPOIL(class_of_neither_kind, CLASS),
	SPOIL(byte_order_of_neither_kind, BYTE_ORDER),
	SPOIL(identity_version, VERSION),
	SPOIL(header_version, VERSION),
	SPOIL(executable_file, TYPE),
	SPOIL(no_program_headers, HEADERS),
	SPOIL(huge_phnum, HEADERS),
	SPOIL(wrong_phentsize, HEADERS),
	SPOIL(program_headers_far_away, HEADERS),
	SPOIL(no_load_segment, SEGMENTS),
	SPOIL(load_beyond_the_end, SEGMENTS),
	SPOIL(load_of_wrapping_size, SEGMENTS),
	SPOIL(memory_smaller_than_file, SEGMENTS),
	SPOIL(no_dynamic_segment, NO_DYNAMIC),
	SPOIL(dynamic_far_away, DYNAMIC),
	SPOIL(dynamic_too_small, DYNAMIC),
	SPOIL(dynamic_beyond_the_end, DYNAMIC),
	SPOIL(no_string_table, STRINGS),
	SPOIL(no_string_size, STRINGS),
	SPOIL(strings_far_away, STRINGS),
	SPOIL(strings_too_long, STRINGS),
	SPOIL(strings_without_end, STRINGS),
	SPOIL(soname_far_away, STRINGS),
	SPOIL(no_symbol_table, SYMBOLS),
	SPOIL(symbols_far_away, SYMBOLS),
	SPOIL(symbols_of_wrong_size, SYMBOLS),
	SPOIL(symbols_beyond_the_end, SYMBOLS),
	SPOIL(hash_far_away, HASH),
	SPOIL(no_hash_buckets, HASH),
	SPOIL(no_hash_chains, HASH),
	SPOIL(huge_hash_buckets, HASH),
	SPOIL(huge_hash_chains, HASH),
	SPOIL(hash_beyond_the_end, HASH),
	SPOIL(gnu_hash_far_away, GNU_HASH),
	SPOIL(gnu_hash_at_the_end, GNU_HASH),
	SPOIL(no_gnu_hash_buckets, GNU_HASH),
	SPOIL(huge_gnu_hash_buckets, GNU_HASH),
	SPOIL(no_bloom, GNU_HASH),
	SPOIL(bloom_of_three, GNU_HASH),
	SPOIL(bucket_before_the_base, GNU_HASH),
	SPOIL(bucket_below_the_base, GNU_HASH),
	SPOIL(bucket_far_away, GNU_HASH),
	SPOIL(chain_without_end, GNU_HASH),
	SPOIL(versym_far_away, VERSIONS),
	SPOIL(verdef_far_away, VERSIONS),
	SPOIL(verdef_at_the_end, VERSIONS),
	SPOIL(version_name_far_away, VERSIONS),
	SPOIL(version_aux_far_away, VERSIONS),
	SPOIL(version_next_far_away, VERSIONS),
	SPOIL(version_cycle, VERSIONS),
	SPOIL(versions_without_number, VERSIONS),
};

/* The image in memory of its size alone, parsed; *ret_image keeps the bytes. */
static int parse_exact(const struct elf_image *image, struct vdsotime_image *ret)
{
	unsigned char *exact = malloc(image->size_bytes);

	assert_non_null(exact);
	memcpy(exact, image->bytes, image->size_bytes);

	int r = vdsotime_image_parse(exact, image->size_bytes, 0x40000, 0, ret);

	free(exact);
	return r;
}

static void test_every_refusal_has_its_reason(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(spoils) / sizeof(spoils[0]); i++) {
		for (unsigned shape = 0; shape < 4; shape++) {
			struct elf_spec spec = fixture_spec();

			spec.class_bits = shape & 1 ? 64 : 32;
			spec.big_endian = shape & 2;

			struct elf_image image = elf_build(&spec);
			struct vdsotime_image parsed;

			memset(&parsed, 0x55, sizeof(parsed));
			assert_int_equal(parse_exact(&image, &parsed), 0);
			memset(&parsed, 0x55, sizeof(parsed));
			spoils[i].spoil(&image);

			int r = parse_exact(&image, &parsed);

			if (r != -spoils[i].reason)
				fail_msg("%s: %s", spoils[i].what, vdsotime_reason_string(r));
			assert_int_equal(parsed.segment_count, 0x55555555); /* untouched */
			elf_free(image);
		}
	}
}

static void test_sizes_at_the_limits(void **state)
{
	struct elf_spec spec = fixture_spec();
	struct elf_image image = elf_build(&spec);
	struct vdsotime_image parsed;
	size_t bytes = VDSOTIME_IMAGE_BYTES_MAX + 1;
	unsigned char *large = calloc(1, bytes);

	(void)state;
	assert_non_null(large);
	memcpy(large, image.bytes, image.size_bytes);
	assert_int_equal(
		vdsotime_image_parse(large, bytes, 0, 0, &parsed), -VDSOTIME_REASON_TOO_LARGE);
	assert_int_equal(vdsotime_image_parse(large, bytes - 1, 0, 0, &parsed), 0);
	assert_int_equal(vdsotime_image_parse(large, 0, 0, 0, &parsed), -VDSOTIME_REASON_TOO_SHORT);
	assert_int_equal(
		vdsotime_image_parse(large, 51, 0, 0, &parsed), -VDSOTIME_REASON_TOO_SHORT);
	assert_int_equal(
		vdsotime_image_parse(large, 63, 0, 0, &parsed), -VDSOTIME_REASON_TOO_SHORT);
	free(large);
	elf_free(image);
}

static void test_extent_of_a_huge_segment_is_refused(void **state)
{
	struct elf_spec spec = fixture_spec();
	struct elf_image image = elf_build(&spec);
	size_t bytes = 77;

	(void)state;
	load_of_wrapping_size(&image);
	assert_int_equal(
		vdsotime_image_extent(image.bytes, 512, &bytes), -VDSOTIME_REASON_TOO_LARGE);
	no_load_segment(&image);
	assert_int_equal(
		vdsotime_image_extent(image.bytes, 512, &bytes), -VDSOTIME_REASON_SEGMENTS);
	assert_int_equal(vdsotime_image_extent(image.bytes, 8, &bytes), -VDSOTIME_REASON_TOO_SHORT);
	assert_int_equal(bytes, 77);
	elf_free(image);
}

/* Looks a function up in every way that the image has. */
static void assert_found(const struct elf_image *image, const char *name)
{
	struct vdsotime_image parsed;
	struct vdsotime_symbol symbol;

	assert_int_equal(fixture_parse(image, &parsed), 0);
	for (uint32_t way = VDSOTIME_WAY_AUTO; way <= VDSOTIME_WAY_SCAN; way += 4) {
		int r = vdsotime_image_lookup(
			&parsed, name, "LINUX_2.6", way | VDSOTIME_VERSION_UNVERSIONED, &symbol);

		if (r == -VDSOTIME_REASON_NO_METHOD)
			continue;
		assert_int_equal(r, 0);
		assert_true(symbol.address != 0);
	}
}

static struct elf_image build(void (*adjust)(struct elf_spec *))
{
	struct elf_spec spec = fixture_spec();

	if (adjust)
		adjust(&spec);
	return elf_build(&spec);
}

static void sysv_only(struct elf_spec *spec)
{
	spec->gnu_hash = false;
}
static void no_hash_at_all(struct elf_spec *spec)
{
	spec->gnu_hash = false;
	spec->hash_word = 0;
}
static void no_versions(struct elf_spec *spec)
{
	memset(spec->versions, 0, sizeof(spec->versions));
}
static void no_null_entry(struct elf_spec *spec)
{
	spec->endless_dynamic = true;
}
static void many_segments(struct elf_spec *spec)
{
	spec->extra_segments = VDSOTIME_SEGMENTS_MAX - 1;
}
static void too_many_segments(struct elf_spec *spec)
{
	spec->extra_segments = VDSOTIME_SEGMENTS_MAX;
}
static void base_flag_on_version(struct elf_spec *spec)
{
	spec->first_version_flags = 1;
}
static void arm_machine(struct elf_spec *spec)
{
	static const struct elf_symbol thumb[] = {
		{ "__vdso_clock_gettime", 0x11, 2, 1, 1, 2 },
		{ "__vdso_last", 0xfff, 2, 1, 1, 2 },
		{ "__vdso_outside", 0x1001, 2, 1, 1, 2 },
	};

	spec->class_bits = 32;
	spec->machine = 40;
	spec->symbols = thumb;
	spec->symbol_count = 3;
}

/* A chain that comes back to itself: others hang. */
static void test_cyclic_hash_chain_ends(void **state)
{
	struct elf_image image = build(sysv_only);
	struct vdsotime_image parsed;
	struct vdsotime_symbol symbol;

	(void)state;
	for (size_t i = 1; i < image.symbol_count; i++)
		elf_put(&image, image.hash + (2 + 3 + i) * 4, 4, i);
	assert_int_equal(fixture_parse(&image, &parsed), 0);
	assert_int_equal(vdsotime_image_lookup(&parsed, "no_such", "LINUX_2.6", 0, &symbol),
		-VDSOTIME_REASON_NO_SYMBOL);
	elf_free(image);
}

static void test_hash_link_outside_the_symbols_ends(void **state)
{
	struct elf_image image = build(sysv_only);
	struct vdsotime_image parsed;
	struct vdsotime_symbol symbol;

	(void)state;
	for (size_t i = 0; i < 3; i++)
		elf_put(&image, image.hash + (2 + i) * 4, 4, 0xfffffff0);
	assert_int_equal(fixture_parse(&image, &parsed), 0);
	assert_int_equal(vdsotime_image_lookup(&parsed, "__vdso_time", "LINUX_2.6", 0, &symbol),
		-VDSOTIME_REASON_NO_SYMBOL);
	elf_free(image);
}

/* s390x and alpha have 8-byte words in DT_HASH; read as 4-byte ones, every second is 0. */
static void test_hash_of_8_byte_words(void **state)
{
	struct elf_spec spec = fixture_spec();

	(void)state;
	spec.gnu_hash = false;
	spec.hash_word = 8;
	for (unsigned machine = 0; machine < 2; machine++) {
		spec.machine = machine ? 0x9026 : 22;
		spec.big_endian = !machine;

		struct elf_image image = elf_build(&spec);

		assert_found(&image, "__vdso_clock_gettime");
		elf_free(image);
	}
}

/* A GNU hash whose buckets are all empty has symbols up to its base. */
static void test_empty_gnu_hash(void **state)
{
	struct elf_spec spec = fixture_spec();
	struct vdsotime_image parsed;
	struct vdsotime_symbol symbol;

	(void)state;
	spec.hash_word = 0;

	struct elf_image image = elf_build(&spec);

	for (size_t i = 0; i < 3; i++)
		elf_put(&image, gnu_bucket(&image) + 4 * i, 4, 0);
	assert_int_equal(fixture_parse(&image, &parsed), 0);
	assert_int_equal(parsed.symbols, 2);
	assert_int_equal(vdsotime_image_lookup(&parsed, "__vdso_time", "LINUX_2.6", 0, &symbol),
		-VDSOTIME_REASON_NO_SYMBOL);
	elf_free(image);
}

/* DT_HASH may count fewer symbols than the GNU hash reaches: neither is read beyond. */
static void test_hashes_that_disagree(void **state)
{
	struct elf_image image = build(NULL);
	struct vdsotime_image parsed;
	struct vdsotime_symbol symbol;

	(void)state;
	elf_put(&image, image.hash + 4, 4, 2);
	assert_int_equal(fixture_parse(&image, &parsed), 0);
	assert_int_equal(parsed.symbols, 2);
	assert_int_equal(vdsotime_image_lookup(&parsed, "__vdso_time", "LINUX_2.6",
				 VDSOTIME_WAY_GNU_HASH, &symbol),
		-VDSOTIME_REASON_NO_SYMBOL);
	elf_free(image);
}

/* The Go runtime dereferenced NULL where an image has no version definitions. */
static void test_no_versions_is_unversioned(void **state)
{
	struct elf_image image = build(no_versions);
	struct vdsotime_image parsed;
	struct vdsotime_symbol symbol;

	(void)state;
	assert_int_equal(fixture_parse(&image, &parsed), 0);
	assert_int_equal(vdsotime_image_lookup(&parsed, "__vdso_time", "LINUX_2.6",
				 VDSOTIME_VERSION_UNVERSIONED, &symbol),
		0);
	assert_int_equal(symbol.match, VDSOTIME_MATCH_UNVERSIONED);
	assert_null(symbol.version);
	elf_free(image);
}

static void test_one_version_table_without_the_other(void **state)
{
	(void)state;
	for (unsigned which = 0; which < 2; which++) {
		struct elf_image image = build(NULL);
		struct vdsotime_image parsed;

		hide_dynamic(&image, which ? DT_VERSYM : DT_VERDEF);
		assert_int_equal(fixture_parse(&image, &parsed), 0);
		assert_int_equal(parsed.version_defs, 0);
		assert_found(&image, "__vdso_time");
		elf_free(image);
	}
}

/* Without DT_VERDEFNUM the definitions end where the last says so. */
static void test_versions_end_without_their_number(void **state)
{
	struct elf_image image = build(NULL);
	struct vdsotime_image parsed;

	(void)state;
	hide_dynamic(&image, DT_VERDEFNUM);
	assert_int_equal(fixture_parse(&image, &parsed), 0);
	assert_int_equal(parsed.version_defs, 3);
	elf_free(image);
}

/* VER_FLG_BASE marks the image's own name, which is no version. */
static void test_base_version_is_no_version(void **state)
{
	struct elf_image image = build(base_flag_on_version);
	struct vdsotime_image parsed;
	struct vdsotime_symbol symbol;

	(void)state;
	assert_int_equal(fixture_parse(&image, &parsed), 0);
	assert_int_equal(vdsotime_image_lookup(&parsed, "__vdso_time", "LINUX_2.6", 0, &symbol),
		-VDSOTIME_REASON_SYMBOL_VERSION);
	assert_int_equal(vdsotime_image_lookup(&parsed, "__vdso_time", NULL, 0, &symbol), 0);
	elf_free(image);
}

/* A symbol whose version index nobody defines has a version, of no name. */
static void test_version_without_definition(void **state)
{
	struct elf_image image = build(NULL);
	struct vdsotime_image parsed;
	struct vdsotime_symbol symbol;

	(void)state;
	assert_int_equal(fixture_parse(&image, &parsed), 0);
	assert_int_equal(vdsotime_image_lookup(
				 &parsed, "undefined_version", NULL, VDSOTIME_VERSION_ANY, &symbol),
		0);
	assert_string_equal(symbol.version, "");
	elf_free(image);
}

/* Only the size of the segment ends such a table. */
static void test_dynamic_table_without_null(void **state)
{
	struct elf_image image = build(no_null_entry);

	(void)state;
	assert_found(&image, "__vdso_clock_gettime");
	elf_free(image);
}

/* A tag of more than 32 bits is not the tag that its low bits spell. */
static void test_dynamic_tag_of_64_bits(void **state)
{
	struct elf_image image = build(NULL);
	struct vdsotime_image parsed;

	(void)state;
	elf_put(&image, elf_dynamic_value(&image, DT_SYMTAB) - 8, 8, UINT64_C(0x100000006));
	assert_int_equal(fixture_parse(&image, &parsed), -VDSOTIME_REASON_SYMBOLS);
	elf_free(image);
}

static void test_no_soname_and_no_entry_size(void **state)
{
	struct elf_image image = build(NULL);
	struct vdsotime_image parsed;

	(void)state;
	hide_dynamic(&image, DT_SONAME);
	hide_dynamic(&image, DT_SYMENT);
	assert_int_equal(fixture_parse(&image, &parsed), 0);
	assert_null(vdsotime_image_soname(&parsed));
	assert_found(&image, "__vdso_clock_gettime");
	elf_free(image);
}

/* The segments behind the first three headers, of a byte each. */
static void fill_segments(struct elf_image *image)
{
	for (size_t i = 3; i < image->program_header_count; i++) {
		put_phdr(image, i, "p_filesz", 1);
		put_phdr(image, i, "p_memsz", 1);
	}
}

/* Sixteen that hold something; any number that do not. */
static void test_many_load_segments(void **state)
{
	struct elf_image image = build(many_segments);
	struct vdsotime_image parsed;
	size_t extent;

	(void)state;
	fill_segments(&image);
	assert_int_equal(fixture_parse(&image, &parsed), 0);
	assert_int_equal(parsed.segment_count, VDSOTIME_SEGMENTS_MAX);
	assert_found(&image, "__vdso_clock_gettime");
	assert_int_equal(vdsotime_image_file_bytes(&parsed), image.size_bytes);
	assert_int_equal(vdsotime_image_extent(image.bytes, image.size_bytes, &extent), 0);
	assert_int_equal(extent, 8192);
	elf_free(image);
	image = build(too_many_segments);
	assert_int_equal(fixture_parse(&image, &parsed), 0);
	assert_int_equal(parsed.segment_count, 1);
	fill_segments(&image);
	assert_int_equal(fixture_parse(&image, &parsed), -VDSOTIME_REASON_SEGMENTS);
	elf_free(image);
}

/*
 * No hash: symbols end at the strings; or, where those come first, at the next table or segment's
 * end.
 */
static void test_symbols_counted_without_hash(void **state)
{
	struct elf_image image = build(no_hash_at_all);
	struct vdsotime_image parsed;

	(void)state;
	assert_int_equal(fixture_parse(&image, &parsed), 0);
	assert_int_equal(parsed.symbols, image.symbol_count);
	assert_int_equal(parsed.hash_offset, 0);
	assert_int_equal(parsed.gnu_hash_offset, 0);
	elf_free(image);
}

/* No version table to end them either, or one where they begin themselves. */
static void test_symbols_counted_beside_odd_tables(void **state)
{
	struct elf_image image = build(no_hash_at_all);
	struct vdsotime_image parsed;

	(void)state;
	hide_dynamic(&image, DT_VERDEF);
	assert_int_equal(fixture_parse(&image, &parsed), 0);
	assert_int_equal(parsed.symbols, image.symbol_count);
	put_dynamic(&image, DT_VERSYM, image.symbols);
	assert_int_equal(fixture_parse(&image, &parsed), 0);
	assert_int_equal(parsed.symbols, image.symbol_count);
	put_dynamic(&image, DT_SYMTAB, image.strings - 8);
	assert_int_equal(fixture_parse(&image, &parsed), -VDSOTIME_REASON_SYMBOLS);
	elf_free(image);
}

static void test_fewer_versions_than_there_are(void **state)
{
	struct elf_image image = build(NULL);
	struct vdsotime_image parsed;

	(void)state;
	put_dynamic(&image, DT_VERDEFNUM, 2);
	assert_int_equal(fixture_parse(&image, &parsed), 0);
	assert_int_equal(parsed.version_defs, 2);
	elf_free(image);
}

/* More note segments than anybody needs: the first sixteen are read. */
static void test_many_note_segments(void **state)
{
	struct elf_spec spec = fixture_spec();
	struct vdsotime_image parsed;

	(void)state;
	spec.extra_segments = 17;

	struct elf_image image = elf_build(&spec);

	for (size_t i = 3; i < image.program_header_count; i++)
		put_phdr(&image, i, "p_type", 4);
	put_phdr(&image, 2, "p_type", 0x60000000);
	put_phdr(&image, image.program_header_count - 1, "p_vaddr", image.notes);
	put_phdr(&image, image.program_header_count - 1, "p_filesz", 24);
	assert_int_equal(fixture_parse(&image, &parsed), 0);
	assert_int_equal(parsed.linux_version, 0);
	put_phdr(&image, image.program_header_count - 2, "p_vaddr", image.notes);
	put_phdr(&image, image.program_header_count - 2, "p_filesz", 24);
	assert_int_equal(fixture_parse(&image, &parsed), 0);
	assert_int_equal(parsed.linux_version, 0x060c00);
	elf_free(image);
}

static void test_symbols_after_strings_without_hash(void **state)
{
	struct elf_image image = build(no_hash_at_all);
	struct vdsotime_image parsed;
	struct vdsotime_symbol symbol;
	size_t room = image.code + 8;

	(void)state;
	/* the symbols again, within the code: no table follows */
	memcpy(image.bytes + room, image.bytes + image.symbols, 9 * 24);
	put_dynamic(&image, DT_SYMTAB, room);
	hide_dynamic(&image, DT_VERSYM);
	assert_int_equal(fixture_parse(&image, &parsed), 0);
	assert_int_equal(parsed.symbols, (image.code_bytes - 8) / 24);
	assert_int_equal(vdsotime_image_symbol(&parsed, 1, &symbol), 0);
	elf_free(image);
}

/* The name of a symbol outside the string table: listed as an error, found by nobody. */
static void test_symbol_name_outside_the_strings(void **state)
{
	struct elf_image image = build(NULL);
	struct vdsotime_image parsed;
	struct vdsotime_symbol symbol;

	(void)state;
	elf_put(&image, elf_symbol_at(&image, "__vdso_time"), 4, 0x7fffffff);
	assert_int_equal(fixture_parse(&image, &parsed), 0);
	assert_int_equal(vdsotime_image_lookup(&parsed, "__vdso_time", "LINUX_2.6", 0, &symbol),
		-VDSOTIME_REASON_NO_SYMBOL);

	unsigned bad = 0;

	for (uint32_t i = 1; i < parsed.symbols; i++)
		bad += vdsotime_image_symbol(&parsed, i, &symbol) == -VDSOTIME_REASON_STRINGS;
	assert_int_equal(bad, 1);
	elf_free(image);
}

/* Where the counter cannot be used, an arm kernel sets st_name to 0 and leaves the hash chain. */
static void test_arm_blanked_name(void **state)
{
	struct elf_image image = build(arm_machine);
	struct vdsotime_image parsed;
	struct vdsotime_symbol symbol;

	(void)state;
	elf_put(&image, elf_symbol_at(&image, "__vdso_clock_gettime"), 4, 0);
	assert_int_equal(fixture_parse(&image, &parsed), 0);
	for (uint32_t way = VDSOTIME_WAY_GNU_HASH; way <= VDSOTIME_WAY_SCAN; way += 4)
		assert_int_equal(vdsotime_image_lookup(&parsed, "__vdso_clock_gettime", "LINUX_2.6",
					 way, &symbol),
			-VDSOTIME_REASON_NO_SYMBOL);
	elf_free(image);
}

/* Bit 0 of a Thumb function is part of its address, and not of where its code is. */
static void test_thumb_bit_is_kept(void **state)
{
	struct elf_image image = build(arm_machine);
	struct vdsotime_image parsed;
	struct vdsotime_symbol symbol;

	(void)state;
	assert_int_equal(fixture_parse(&image, &parsed), 0);
	assert_int_equal(
		vdsotime_image_lookup(&parsed, "__vdso_clock_gettime", "LINUX_2.6", 0, &symbol), 0);
	assert_int_equal(symbol.address, 0x40000 + image.code + 0x11);
	assert_int_equal(vdsotime_image_lookup(&parsed, "__vdso_last", "LINUX_2.6", 0, &symbol), 0);
	assert_int_equal(vdsotime_image_lookup(&parsed, "__vdso_outside", "LINUX_2.6", 0, &symbol),
		-VDSOTIME_REASON_SYMBOL_ADDRESS);
	/* the segment ends with the function's first byte */
	put_phdr(&image, 0, "p_filesz", image.code + 0x11);
	assert_int_equal(fixture_parse(&image, &parsed), 0);
	assert_int_equal(
		vdsotime_image_lookup(&parsed, "__vdso_clock_gettime", "LINUX_2.6", 0, &symbol), 0);
	elf_free(image);
}

/* Code in a segment that is not executable is not code. */
static void test_segment_that_is_not_executable(void **state)
{
	struct elf_image image = build(NULL);
	struct vdsotime_image parsed;
	struct vdsotime_symbol symbol;

	(void)state;
	elf_put(&image, elf_phdr_at(&image, 0, "p_flags"), 4, 4);
	assert_int_equal(fixture_parse(&image, &parsed), 0);
	assert_int_equal(vdsotime_image_lookup(&parsed, "__vdso_time", "LINUX_2.6", 0, &symbol),
		-VDSOTIME_REASON_SYMBOL_ADDRESS);
	elf_free(image);
}

/* Address 0 means "none": a symbol there has no address. */
static void test_symbol_at_address_zero(void **state)
{
	struct elf_image image = build(NULL);
	struct vdsotime_image parsed;
	struct vdsotime_symbol symbol;

	(void)state;
	elf_put(&image, elf_symbol_at(&image, "__vdso_time") + 8, 8, 0);
	assert_int_equal(vdsotime_image_parse(image.bytes, image.size_bytes, 0, 0, &parsed), 0);
	assert_int_equal(vdsotime_image_lookup(&parsed, "__vdso_time", "LINUX_2.6", 0, &symbol),
		-VDSOTIME_REASON_SYMBOL_ADDRESS);
	elf_free(image);
}

/* Other EI_OSABI values are in use: 3 for Linux, others by emulators. */
static void test_osabi_does_not_matter(void **state)
{
	struct elf_image image = build(NULL);
	struct vdsotime_image parsed;

	(void)state;
	image.bytes[7] = 3;
	assert_int_equal(fixture_parse(&image, &parsed), 0);
	assert_int_equal(parsed.osabi, 3);
	elf_free(image);
}

static void spoil_notes(unsigned kind, struct elf_image *image)
{
	switch (kind) {
	case 0: /* a name longer than the segment */
		elf_put(image, image->notes, 4, 0xfffffff0);
		break;
	case 1: /* a description longer than the segment */
		elf_put(image, image->notes + 4, 4, 0xfffffff0);
		break;
	case 2: /* a Linux note of another type */
		elf_put(image, image->notes + 8, 4, 7);
		break;
	case 3: /* another name of the same length */
		image->bytes[image->notes + 12] = 'l';
		break;
	case 4: /* outside the image */
		put_phdr(image, 2, "p_vaddr", FAR_AWAY);
		break;
	case 5: /* too short for a version */
		elf_put(image, image->notes + 4, 4, 2);
		break;
	case 6: /* longer than the image */
		put_phdr(image, 2, "p_filesz", FAR_AWAY);
		break;
	case 7: /* another name than "GNU", of that length and type */
		memcpy(image->bytes + image->notes + 24 + 12, "Lin", 4);
		break;
	case 8: /* a "GNU" note of another type */
		elf_put(image, image->notes + 24 + 8, 4, 1);
		break;
	default: /* ends within its last padding */
		put_phdr(image, 2, "p_filesz", 24 + 12 + 4 + 18);
		elf_put(image, image->notes + 24 + 4, 4, 18);
		break;
	}
}

/* Notes are for people: bad ones are passed over. */
static void test_bad_notes_refuse_nothing(void **state)
{
	static const struct {
		uint32_t linux_version, build_id_bytes;
	} expected[] = { { 0, 0 }, { 0, 0 }, { 0, 20 }, { 0, 20 }, { 0, 0 }, { 0, 20 }, { 0, 0 },
		{ 0x060c00, 0 }, { 0x060c00, 0 }, { 0x060c00, 18 } };

	(void)state;
	for (unsigned kind = 0; kind < 10; kind++) {
		struct elf_image image = build(NULL);
		struct vdsotime_image parsed;

		spoil_notes(kind, &image);
		assert_int_equal(fixture_parse(&image, &parsed), 0);
		assert_int_equal(parsed.linux_version, expected[kind].linux_version);
		assert_int_equal(parsed.build_id_bytes, expected[kind].build_id_bytes);
		elf_free(image);
	}
}

/* .note.gnu.property has 8-byte alignment, and a descriptor that is padded to it. */
static void test_note_of_8_byte_alignment(void **state)
{
	struct elf_image image = build(NULL);
	struct vdsotime_image parsed;
	size_t at = image.notes;

	(void)state;
	put_phdr(&image, 2, "p_align", 8);
	/*
	 * namesz 4, descsz 12, type 5, "GNU", 12 bytes and 4 of padding, then nothing that is a
	 * note
	 */
	elf_put(&image, at, 4, 4);
	elf_put(&image, at + 4, 4, 12);
	elf_put(&image, at + 8, 4, 5);
	memcpy(image.bytes + at + 12, "GNU", 4);
	elf_put(&image, at + 32, 4, 4);
	elf_put(&image, at + 36, 4, 8);
	elf_put(&image, at + 40, 4, 3);
	memcpy(image.bytes + at + 44, "GNU", 4);
	assert_int_equal(fixture_parse(&image, &parsed), 0);
	assert_int_equal(parsed.build_id_offset, at + 48);
	assert_int_equal(parsed.build_id_bytes, 8);
	elf_free(image);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_refusal_has_its_reason),
		cmocka_unit_test(test_sizes_at_the_limits),
		cmocka_unit_test(test_extent_of_a_huge_segment_is_refused),
		cmocka_unit_test(test_cyclic_hash_chain_ends),
		cmocka_unit_test(test_hash_link_outside_the_symbols_ends),
		cmocka_unit_test(test_hash_of_8_byte_words),
		cmocka_unit_test(test_empty_gnu_hash),
		cmocka_unit_test(test_hashes_that_disagree),
		cmocka_unit_test(test_no_versions_is_unversioned),
		cmocka_unit_test(test_one_version_table_without_the_other),
		cmocka_unit_test(test_versions_end_without_their_number),
		cmocka_unit_test(test_base_version_is_no_version),
		cmocka_unit_test(test_version_without_definition),
		cmocka_unit_test(test_dynamic_table_without_null),
		cmocka_unit_test(test_dynamic_tag_of_64_bits),
		cmocka_unit_test(test_no_soname_and_no_entry_size),
		cmocka_unit_test(test_many_load_segments),
		cmocka_unit_test(test_symbols_counted_without_hash),
		cmocka_unit_test(test_symbols_counted_beside_odd_tables),
		cmocka_unit_test(test_symbols_after_strings_without_hash),
		cmocka_unit_test(test_fewer_versions_than_there_are),
		cmocka_unit_test(test_many_note_segments),
		cmocka_unit_test(test_symbol_name_outside_the_strings),
		cmocka_unit_test(test_arm_blanked_name),
		cmocka_unit_test(test_thumb_bit_is_kept),
		cmocka_unit_test(test_segment_that_is_not_executable),
		cmocka_unit_test(test_symbol_at_address_zero),
		cmocka_unit_test(test_osabi_does_not_matter),
		cmocka_unit_test(test_bad_notes_refuse_nothing),
		cmocka_unit_test(test_note_of_8_byte_alignment),
	};

	return cmocka_run_group_tests_name("vdso-pitfalls", tests, NULL, NULL);
}

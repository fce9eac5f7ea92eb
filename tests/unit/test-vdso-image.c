/* SPDX-License-Identifier: MIT */
/*
 * The parser and the lookup on well-formed images of every shape: class, byte order, hash tables,
 * link address, relocated, one segment or two.  What is spoiled is in test-vdso-pitfalls.c.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <vdsotime/vdso-image.h>

#include "tests/fixtures/vdso-fixture.h"

static const uint32_t ways[] = { VDSOTIME_WAY_AUTO, VDSOTIME_WAY_GNU_HASH, VDSOTIME_WAY_HASH,
	VDSOTIME_WAY_SCAN };

static bool has_way(const struct vdsotime_image *image, uint32_t way)
{
	if (way == VDSOTIME_WAY_GNU_HASH)
		return image->gnu_hash_offset != 0;
	if (way == VDSOTIME_WAY_HASH)
		return image->hash_offset != 0;
	return true;
}

/* Calls test with every shape of image, opened; names the shape when one fails. */
static void for_each_shape(void (*test)(const struct fixture *, const char *shape))
{
	struct elf_spec spec;
	char shape[128];
	size_t i;

	for (i = 0; fixture_shape(i, &spec, shape, sizeof(shape)); i++) {
		struct fixture f = fixture_open(&spec);

		test(&f, shape);
		fixture_close(&f);
	}
	assert_int_equal(i, 120);
}

static uint64_t expected_address(const struct fixture *f, uint64_t in_code)
{
	return f->base + f->image.code + f->image.spec.code_shift + in_code;
}

static void check_header(const struct fixture *f, const char *shape)
{
	const struct vdsotime_image *image = &f->parsed;

	if (image->class_bits != f->image.spec.class_bits ||
		image->big_endian != f->image.spec.big_endian ||
		image->machine != f->image.spec.machine ||
		image->symbols != f->image.symbol_count || image->version_defs != 3 ||
		image->linux_version != 0x060c00)
		fail_msg("header of: %s", shape);
	assert_string_equal(vdsotime_image_soname(image), "linux-vdso.so.1");
	assert_int_equal(image->build_id_bytes, 20);
	assert_int_equal(vdsotime_image_build_id(image)[0], 0xa0);
}

static void test_header_is_read_in_every_shape(void **state)
{
	(void)state;
	for_each_shape(check_header);
}

static void check_lookup(const struct fixture *f, const char *shape)
{
	static const struct {
		const char *name;
		uint64_t in_code;
	} functions[] = { { "__vdso_clock_gettime", 0x10 }, { "clock_gettime", 0x10 },
		{ "__vdso_gettimeofday", 0x20 }, { "__vdso_time", 0x30 },
		{ "__kernel_rt_sigreturn", 0x40 }, { "hidden_function", 0x80 }, { "twice", 0xa0 } };

	for (size_t w = 0; w < sizeof(ways) / sizeof(ways[0]); w++) {
		for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++) {
			struct vdsotime_symbol symbol;
			int r = vdsotime_image_lookup(
				&f->parsed, functions[i].name, "LINUX_2.6", ways[w], &symbol);

			if (!has_way(&f->parsed, ways[w])) {
				assert_int_equal(r, -VDSOTIME_REASON_NO_METHOD);
				continue;
			}
			if (r != 0 || symbol.match != VDSOTIME_MATCH_EXACT ||
				symbol.address != expected_address(f, functions[i].in_code))
				fail_msg("%s by way %u in: %s", functions[i].name, ways[w], shape);
			assert_string_equal(symbol.name, functions[i].name);
			assert_string_equal(symbol.version, "LINUX_2.6");
		}
	}
}

static void test_functions_are_found_by_every_way(void **state)
{
	(void)state;
	for_each_shape(check_lookup);
}

static void check_refusals(const struct fixture *f, const char *shape)
{
	static const struct {
		const char *name;
		int reason;
	} refused[] = {
		{ "LINUX_2.6", VDSOTIME_REASON_SYMBOL_ABS },
		{ "undefined_function", VDSOTIME_REASON_SYMBOL_UNDEF },
		{ "common_function", VDSOTIME_REASON_SYMBOL_ABS },
		{ "some_data", VDSOTIME_REASON_SYMBOL_TYPE },
		{ "some_tls", VDSOTIME_REASON_SYMBOL_TYPE },
		{ "some_resolver", VDSOTIME_REASON_SYMBOL_TYPE },
		{ "some_section", VDSOTIME_REASON_SYMBOL_TYPE },
		{ "local_function", VDSOTIME_REASON_SYMBOL_LOCAL },
		{ "unique_function", VDSOTIME_REASON_SYMBOL_LOCAL },
		{ "outside_function", VDSOTIME_REASON_SYMBOL_ADDRESS },
		{ "no_such_function", VDSOTIME_REASON_NO_SYMBOL },
		{ "", VDSOTIME_REASON_NO_SYMBOL },
	};

	for (size_t w = 0; w < sizeof(ways) / sizeof(ways[0]); w++) {
		for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
			struct vdsotime_symbol symbol = { .address = 77 };
			int r = vdsotime_image_lookup(&f->parsed, refused[i].name, "LINUX_2.6",
				ways[w] | VDSOTIME_VERSION_ANY, &symbol);

			if (!has_way(&f->parsed, ways[w]))
				continue;
			/* undefined symbols are not in a GNU hash */
			if (r == -VDSOTIME_REASON_NO_SYMBOL && f->parsed.gnu_hash_offset &&
				refused[i].reason == VDSOTIME_REASON_SYMBOL_UNDEF)
				continue;
			if (r != -refused[i].reason || symbol.address != 77)
				fail_msg("\"%s\" by way %u: %s, in: %s", refused[i].name, ways[w],
					vdsotime_reason_string(r), shape);
		}
	}
}

static void test_what_is_no_function_is_refused(void **state)
{
	(void)state;
	for_each_shape(check_refusals);
}

static void check_listing(const struct fixture *f, const char *shape)
{
	struct vdsotime_symbol symbol;
	size_t callable = 0;

	for (uint32_t i = 1; i < f->parsed.symbols; i++) {
		assert_int_equal(vdsotime_image_symbol(&f->parsed, i, &symbol), 0);
		assert_int_equal(symbol.index, i);
		assert_true((symbol.address == 0) == (symbol.refusal != 0));
		callable += symbol.address != 0;
	}
	if (callable != 10)
		fail_msg("%zu callable symbols in: %s", callable, shape);
	assert_int_equal(vdsotime_image_symbol(&f->parsed, 0, &symbol), -VDSOTIME_REASON_NO_SYMBOL);
	assert_int_equal(vdsotime_image_symbol(&f->parsed, f->parsed.symbols, &symbol),
		-VDSOTIME_REASON_NO_SYMBOL);
}

static void test_listing_has_every_symbol(void **state)
{
	(void)state;
	for_each_shape(check_listing);
}

/* One row of the policy: what a lookup of name in version gives under each of the three. */
static void check_policy(const struct vdsotime_image *image, const char *name, const char *version,
	int exact, int unversioned, int any)
{
	const int expected[] = { exact, unversioned, any };

	for (uint32_t policy = 0; policy < 3; policy++) {
		struct vdsotime_symbol symbol = { .match = 0 };
		int r = vdsotime_image_lookup(image, name, version, policy, &symbol);
		int got = r < 0 ? r : symbol.match;

		if (got != expected[policy])
			fail_msg("%s@%s under policy %u: %d, not %d", name,
				version ? version : "NULL", policy, got, expected[policy]);
	}
}

static void test_version_policy_tells_what_matched(void **state)
{
	enum {
		EXACT = VDSOTIME_MATCH_EXACT,
		UNVERSIONED = VDSOTIME_MATCH_UNVERSIONED,
		ANY = VDSOTIME_MATCH_ANY,
		NO = -VDSOTIME_REASON_SYMBOL_VERSION
	};
	struct elf_spec spec = fixture_spec();
	struct fixture f = fixture_open(&spec);

	(void)state;
	check_policy(&f.parsed, "__vdso_time", "LINUX_2.6", EXACT, EXACT, EXACT);
	check_policy(&f.parsed, "__vdso_time", "LINUX_9", NO, NO, ANY);
	check_policy(&f.parsed, "__vdso_time", "LINUX_2", NO, NO, ANY);
	check_policy(&f.parsed, "__vdso_time", "LINUX_2.6.1", NO, NO, ANY);
	check_policy(&f.parsed, "__vdso_time", NULL, NO, NO, ANY);
	check_policy(&f.parsed, "unversioned_function", "LINUX_2.6", NO, UNVERSIONED, UNVERSIONED);
	check_policy(&f.parsed, "unversioned_function", NULL, EXACT, EXACT, EXACT);
	check_policy(&f.parsed, "undefined_version", "LINUX_2.6", NO, NO, ANY);
	fixture_close(&f);
}

/* The default and the hidden version of one name are two symbols. */
static void test_one_name_in_two_versions(void **state)
{
	struct elf_spec spec = fixture_spec();
	struct fixture f = fixture_open(&spec);
	struct vdsotime_symbol symbol;

	(void)state;
	for (size_t w = 0; w < sizeof(ways) / sizeof(ways[0]); w++) {
		assert_int_equal(
			vdsotime_image_lookup(&f.parsed, "twice", "LINUX_2.5", ways[w], &symbol),
			0);
		assert_int_equal(symbol.address, expected_address(&f, 0x90));
		assert_int_equal(symbol.hidden, 1);
		assert_int_equal(
			vdsotime_image_lookup(&f.parsed, "twice", "LINUX_2.6", ways[w], &symbol),
			0);
		assert_int_equal(symbol.address, expected_address(&f, 0xa0));
		assert_int_equal(symbol.hidden, 0);
	}
	fixture_close(&f);
}

static void test_any_type_gives_symbols_without_address(void **state)
{
	struct elf_spec spec = fixture_spec();
	struct fixture f = fixture_open(&spec);
	struct vdsotime_symbol symbol;

	(void)state;
	assert_int_equal(vdsotime_image_lookup(
				 &f.parsed, "LINUX_2.6", "LINUX_2.6", VDSOTIME_ANY_TYPE, &symbol),
		0);
	assert_int_equal(symbol.address, 0);
	assert_int_equal(symbol.refusal, VDSOTIME_REASON_SYMBOL_ABS);
	assert_int_equal(symbol.type, 1);
	assert_int_equal(symbol.binding, 1);
	assert_int_equal(symbol.section, 0xfff1);
	fixture_close(&f);
}

/* A file of two segments has its code elsewhere than memory has it. */
static void test_file_and_memory_layout_differ(void **state)
{
	struct elf_spec spec = fixture_spec();
	struct vdsotime_image parsed;
	struct vdsotime_symbol symbol;

	(void)state;
	spec.code_shift = 0x3000;

	struct elf_image image = elf_build(&spec);

	assert_int_equal(vdsotime_image_parse(
				 image.bytes, image.size_bytes, 0, VDSOTIME_IMAGE_AS_FILE, &parsed),
		0);
	assert_int_equal(vdsotime_image_lookup(&parsed, "__vdso_time", "LINUX_2.6", 0, &symbol), 0);
	assert_int_equal(symbol.address, image.code + 0x3000 + 0x30);
	assert_int_equal(vdsotime_image_parse(image.bytes, image.size_bytes, 0, 0, &parsed),
		-VDSOTIME_REASON_SEGMENTS);
	elf_free(image);
}

static void check_extent(const struct fixture *f, const char *shape)
{
	size_t bytes = 0;
	size_t end = f->image.code + f->image.code_bytes + f->image.spec.code_shift;

	assert_int_equal(vdsotime_image_extent(f->memory, 512, &bytes), 0);
	if (bytes != (end + 4095) / 4096 * 4096)
		fail_msg("extent %zu of: %s", bytes, shape);
}

static void test_extent_is_told_from_headers_alone(void **state)
{
	(void)state;
	for_each_shape(check_extent);
}

static void test_reasons_have_words(void **state)
{
	(void)state;
	for (int i = 0; i < VDSOTIME_REASONS; i++) {
		assert_true(strlen(vdsotime_reason_string(-i)) > 0);
		assert_string_equal(vdsotime_reason_string(-i), vdsotime_reason_string(i));
	}
	assert_string_equal(vdsotime_reason_string(VDSOTIME_REASONS), "unknown reason");
	assert_string_equal(vdsotime_reason_string(-1000000), "unknown reason");
}

static void test_names_beyond_the_tables(void **state)
{
	(void)state;
	assert_string_equal(vdsotime_function_name(VDSOTIME_CLOCK_GETTIME), "clock_gettime");
	assert_null(vdsotime_function_name(VDSOTIME_FUNCTIONS));
}

/* Of two versions under the widest policy the exact one is taken, whichever comes first. */
static void test_the_best_match_is_taken(void **state)
{
	static const char *const versions[] = { "LINUX_2.5", "LINUX_2.6", "LINUX_9" };
	static const uint64_t in_code[] = { 0x90, 0xa0, 0 };
	struct elf_spec spec = fixture_spec();
	struct fixture f = fixture_open(&spec);

	(void)state;
	for (size_t w = 0; w < sizeof(ways) / sizeof(ways[0]); w++) {
		for (size_t i = 0; i < 3; i++) {
			struct vdsotime_symbol symbol;

			assert_int_equal(vdsotime_image_lookup(&f.parsed, "twice", versions[i],
						 ways[w] | VDSOTIME_VERSION_ANY, &symbol),
				0);
			assert_int_equal(
				symbol.match, i < 2 ? VDSOTIME_MATCH_EXACT : VDSOTIME_MATCH_ANY);
			if (i < 2)
				assert_int_equal(symbol.address, expected_address(&f, in_code[i]));
		}
	}
	fixture_close(&f);
}

/* The table is whole: names differ, each has a version, and finds itself again. */
static void test_architectures_are_told_apart(void **state)
{
	size_t n = 0;

	(void)state;
	for (const struct vdsotime_arch *arch; (arch = vdsotime_arch_at(n)) != NULL; n++) {
		struct vdsotime_image image = { .machine = arch->machine,
			.class_bits = arch->class_bits,
			.big_endian = arch->big_endian == 1,
			.elf_flags = arch->elf_flags };
		unsigned functions = 0;

		assert_ptr_equal(vdsotime_arch_of(&image), arch);
		assert_true(strncmp(arch->version, "LINUX_", 6) == 0);
		for (uint32_t i = 0; i < VDSOTIME_FUNCTIONS; i++) {
			const struct vdsotime_arch_function *function = &arch->functions[i];

			functions += function->symbol[0] != 0;
			assert_true((function->symbol[0] != 0) == (function->since != 0));
			assert_true(function->since < 8 << 16);
		}
		assert_true(functions >= 2);
		for (size_t other = 0; other < n; other++)
			assert_string_not_equal(vdsotime_arch_at(other)->name, arch->name);
	}
	assert_int_equal(n, 15);
	assert_null(vdsotime_arch_at(n));
	assert_non_null(vdsotime_arch_native());

	/* no x86-64 of the other byte order, no such machine */
	struct vdsotime_image none = { .machine = 62, .class_bits = 64, .big_endian = 1 };

	assert_null(vdsotime_arch_of(&none));
	none.machine = 0xffff;
	assert_null(vdsotime_arch_of(&none));
}

/*
 * vdsotime-vdso(7) has a row of the table for each architecture, with its version and its first
 * prefix.
 */
static void test_the_manual_has_each_architecture(void **state)
{
	static char page[65536];
	FILE *file = fopen(SOURCE_ROOT "/man/vdsotime-vdso.7.scd", "re");
	char row[64];

	(void)state;
	assert_non_null(file);
	assert_in_range(fread(page, 1, sizeof(page) - 1, file), 1, sizeof(page) - 2);
	fclose(file);
	for (size_t i = 0; vdsotime_arch_at(i); i++) {
		const struct vdsotime_arch *arch = vdsotime_arch_at(i);

		snprintf(row, sizeof(row), "|  %s\n:  %s\n", arch->name, arch->version);
		if (!strstr(page, row))
			fail_msg("no row %s %s", arch->name, arch->version);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_header_is_read_in_every_shape),
		cmocka_unit_test(test_functions_are_found_by_every_way),
		cmocka_unit_test(test_what_is_no_function_is_refused),
		cmocka_unit_test(test_listing_has_every_symbol),
		cmocka_unit_test(test_version_policy_tells_what_matched),
		cmocka_unit_test(test_one_name_in_two_versions),
		cmocka_unit_test(test_any_type_gives_symbols_without_address),
		cmocka_unit_test(test_file_and_memory_layout_differ),
		cmocka_unit_test(test_extent_is_told_from_headers_alone),
		cmocka_unit_test(test_reasons_have_words),
		cmocka_unit_test(test_names_beyond_the_tables),
		cmocka_unit_test(test_the_best_match_is_taken),
		cmocka_unit_test(test_architectures_are_told_apart),
		cmocka_unit_test(test_the_manual_has_each_architecture),
	};

	return cmocka_run_group_tests_name("vdso-image", tests, NULL, NULL);
}

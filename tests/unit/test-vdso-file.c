/* SPDX-License-Identifier: MIT */
/*
 * An image made a file again: what is relocated or spread in memory gets back to what it was, and
 * tools that others wrote accept the result.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <vdsotime/vdso-image.h>

#include "tests/fixtures/vdso-corpus.h"
#include "tests/fixtures/vdso-fixture.h"

/* The file of an image: malloc()ed. */
static unsigned char *to_file(const struct vdsotime_image *image, int expected, size_t *ret_bytes)
{
	size_t bytes = vdsotime_image_file_bytes(image);
	unsigned char *file = malloc(bytes);

	assert_non_null(file);
	memcpy(file, image->data, bytes);
	assert_int_equal(vdsotime_image_normalise(image, file, bytes), expected);
	*ret_bytes = bytes;
	return file;
}

/* Relocated, and built without relocation: the same file to the byte. */
static void test_relocated_images_get_their_link_addresses_back(void **state)
{
	struct elf_spec spec;
	char shape[128];
	unsigned seen = 0;

	(void)state;
	for (size_t i = 0; fixture_shape(i, &spec, shape, sizeof(shape)); i++) {
		if (!spec.relocated_by || spec.code_shift)
			continue;
		seen++;

		struct fixture f = fixture_open(&spec);
		size_t bytes;
		unsigned char *file = to_file(&f.parsed, 1, &bytes);

		spec.relocated_by = 0;

		struct elf_image plain = elf_build(&spec);

		assert_int_equal(bytes, plain.size_bytes);
		if (memcmp(file, plain.bytes, bytes) != 0)
			fail_msg("not as it was built: %s", shape);
		elf_free(plain);
		free(file);
		fixture_close(&f);
	}
	assert_int_equal(seen, 20);
}

static void test_other_images_stay_as_they_are(void **state)
{
	struct elf_spec spec;
	char shape[128];

	(void)state;
	for (size_t i = 0; fixture_shape(i, &spec, shape, sizeof(shape)); i++) {
		if (spec.relocated_by || spec.code_shift)
			continue;

		struct fixture f = fixture_open(&spec);
		size_t bytes;
		unsigned char *file = to_file(&f.parsed, 0, &bytes);

		assert_int_equal(bytes, f.image.size_bytes);
		assert_memory_equal(file, f.image.bytes, bytes);
		free(file);
		fixture_close(&f);
	}
}

/* Two segments lie apart in memory: the file has them where they are, and no section headers. */
static void test_spread_images_become_files(void **state)
{
	struct elf_spec spec;
	char shape[128];

	(void)state;
	for (size_t i = 0; fixture_shape(i, &spec, shape, sizeof(shape)); i++) {
		if (!spec.code_shift)
			continue;

		struct fixture f = fixture_open(&spec);
		struct vdsotime_image again;
		struct vdsotime_symbol a, b;
		size_t bytes;
		unsigned char *file = to_file(&f.parsed, 1, &bytes);
		uint64_t moved = spec.relocated_by;

		assert_int_equal(
			vdsotime_image_parse(file, bytes, f.base, VDSOTIME_IMAGE_AS_FILE, &again),
			0);
		assert_int_equal(again.segments[1].offset_bytes, f.image.code + spec.code_shift);
		assert_int_equal(
			vdsotime_image_lookup(&f.parsed, "__vdso_time", "LINUX_2.6", 0, &a), 0);
		assert_int_equal(
			vdsotime_image_lookup(&again, "__vdso_time", "LINUX_2.6", 0, &b), 0);
		assert_int_equal(a.address, b.address);
		assert_int_equal(a.value, b.value + moved);
		assert_int_equal(vdsotime_image_normalise(&again, file, bytes), 0);
		free(file);
		fixture_close(&f);
	}
}

/* Section headers are taken or dropped whole. */
static void check_sections(void (*spoil)(struct elf_image *), size_t expected_end, int expected)
{
	struct elf_spec spec = fixture_spec();
	struct elf_image image = elf_build(&spec);
	struct vdsotime_image parsed;
	size_t bytes;

	spoil(&image);
	assert_int_equal(fixture_parse(&image, &parsed), 0);

	unsigned char *file = to_file(&parsed, expected, &bytes);

	assert_int_equal(bytes, expected_end ? expected_end : image.code + image.code_bytes);
	if (expected) {
		assert_int_equal(file[40] | file[41], 0); /* e_shoff */
		assert_int_equal(file[60] | file[62], 0); /* e_shnum, e_shstrndx */
	}
	free(file);
	elf_free(image);
}

static void sections_far_away(struct elf_image *i)
{
	elf_put(i, 40, 8, 0x7fffff00);
}
static void sections_too_many(struct elf_image *i)
{
	elf_put(i, 60, 2, 60000);
}
static void sections_of_another_size(struct elf_image *i)
{
	elf_put(i, 58, 2, 40);
}
static void names_are_no_section(struct elf_image *i)
{
	elf_put(i, 62, 2, 9);
}
static void section_far_away(struct elf_image *i)
{
	elf_put(i, i->sections + 64 + 24, 8, 0x7fffff00);
}
static void no_number_of_sections(struct elf_image *i)
{
	elf_put(i, 60, 2, 0);
}
static void sections_within_the_code(struct elf_image *i)
{
	memcpy(i->bytes + i->code, i->bytes + i->sections, 4 * 64);
	elf_put(i, 40, 8, i->code);
	elf_put(i, i->code + 2 * 64 + 24, 8, i->code); /* the names: nothing behind the code */
}
static void no_sections(struct elf_image *i)
{
	elf_put(i, 40, 8, 0);
	elf_put(i, 60, 2, 0);
}
static void section_without_bytes(struct elf_image *i)
{
	elf_put(i, i->sections + 64 + 4, 4, 8);
	elf_put(i, i->sections + 64 + 24, 8, 0x7fffff00);
}

static void test_sections_are_taken_or_dropped_whole(void **state)
{
	struct elf_spec spec = fixture_spec();
	struct elf_image image = elf_build(&spec);

	(void)state;
	check_sections(sections_far_away, 0, 1);
	check_sections(sections_too_many, 0, 1);
	check_sections(sections_of_another_size, 0, 1);
	check_sections(names_are_no_section, 0, 1);
	check_sections(section_far_away, 0, 1);
	check_sections(no_number_of_sections, 0, 1);
	check_sections(sections_within_the_code, 0, 0);
	check_sections(no_sections, 0, 0);
	check_sections(section_without_bytes, image.size_bytes, 0);
	elf_free(image);
}

/* Sections may lie before what they name. */
static void test_a_section_behind_the_headers(void **state)
{
	struct elf_spec spec = fixture_spec();
	struct elf_image image = elf_build(&spec);
	struct vdsotime_image parsed;
	size_t end = image.size_bytes + 100;

	(void)state;
	elf_put(&image, image.sections + 2 * 64 + 24, 8, image.size_bytes);
	elf_put(&image, image.sections + 2 * 64 + 32, 8, 100);
	assert_int_equal(vdsotime_image_parse(image.bytes, end + 50, 0x40000, 0, &parsed), 0);
	assert_int_equal(vdsotime_image_file_bytes(&parsed), end);
	elf_free(image);
}

/* Relocated, with no end of the dynamic table, a tag beyond 32 bits, and segments without bytes. */
static void test_odd_relocated_images(void **state)
{
	struct elf_spec spec = fixture_spec();

	(void)state;
	for (unsigned spread = 0; spread < 2; spread++) {
		struct vdsotime_image parsed, again;
		size_t bytes, memory_bytes;

		spec.relocated_by = 0x40000;
		spec.endless_dynamic = true;
		spec.extra_segments = 2;
		spec.code_shift = spread ? 0x1000 : 0;

		struct elf_image image = elf_build(&spec);

		elf_put(&image, elf_dynamic_value(&image, 7) - 8, 8, UINT64_C(0x100000007));

		unsigned char *memory = elf_map(&image, &memory_bytes);

		assert_int_equal(
			vdsotime_image_parse(memory, memory_bytes, 0x40000, 0, &parsed), 0);

		unsigned char *file = to_file(&parsed, 1, &bytes);

		assert_int_equal(
			vdsotime_image_parse(file, bytes, 0, VDSOTIME_IMAGE_AS_FILE, &again), 0);
		assert_int_equal(again.segments[0].vaddr, 0);
		free(file);
		free(memory);
		elf_free(image);
	}
}

/* A file that is linked at 0 is at 0: nothing is relocated. */
static void test_a_file_at_address_zero_is_not_relocated(void **state)
{
	struct elf_spec spec = fixture_spec();
	struct elf_image image = elf_build(&spec);
	struct vdsotime_image parsed;
	size_t bytes;

	(void)state;
	assert_int_equal(vdsotime_image_parse(image.bytes, image.size_bytes, 0, 0, &parsed), 0);
	free(to_file(&parsed, 0, &bytes));
	elf_free(image);
}

static void test_a_file_too_small_is_refused(void **state)
{
	struct elf_spec spec = fixture_spec();
	struct fixture f = fixture_open(&spec);
	unsigned char byte = 0;

	(void)state;
	assert_int_equal(vdsotime_image_normalise(&f.parsed, &byte, 1), -VDSOTIME_REASON_TOO_SHORT);
	fixture_close(&f);
}

/*
 * What a command says of a file of these bytes, without the lines that `but` (an awk pattern) takes
 * out.
 */
static unsigned count_complaints(const char *command, const char *but, const void *bytes, size_t n)
{
	char path[] = "/tmp/vdsotime-file-XXXXXX", line[1024];
	int fd = mkstemp(path);
	unsigned lines = 0;
	FILE *pipe;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, n), n);
	close(fd);
	snprintf(line, sizeof(line), "LC_ALL=C %s '%s' 2>&1 | awk '!/%s/'", command, path, but);
	pipe = popen(line, "re");
	assert_non_null(pipe);
	for (; fgets(line, sizeof(line), pipe); lines++)
		print_message("# %s", line);
	pclose(pipe);
	unlink(path);
	return lines;
}

/*
 * The kernel's own images have notes of a type, and a section with flags, that elfutils does not
 * know: the same complaints that it has of the kernel's vdso.so on disk.
 */
static void test_tools_accept_the_own_vdso(void **state)
{
	struct corpus_image own = corpus_own();
	struct vdsotime_image parsed;
	size_t bytes;

	(void)state;
	if (own.size_bytes == 0) {
		print_message("# this process has no vDSO\n");
		skip();
	}
	assert_int_equal(vdsotime_image_parse(own.bytes, own.size_bytes, 0x40000, 0, &parsed), 0);

	unsigned char *file = to_file(&parsed, 0, &bytes);

	assert_int_equal(count_complaints("readelf -W -a", "^$", file, 0), 1);
	assert_int_equal(count_complaints("readelf -W -a >/dev/null", "^$", file, bytes), 0);
	if (system("command -v eu-elflint >/dev/null") == 0)
		assert_int_equal(
			count_complaints("eu-elflint --quiet --gnu-ld",
				"object file note type|has wrong flags|writable", file, bytes),
			0);
	free(file);
	free(own.bytes);
}

static void test_readelf_accepts_files_of_relocated_images(void **state)
{
	struct elf_spec spec;
	char shape[128];

	(void)state;
	for (size_t i = 40; i < 60 && fixture_shape(i, &spec, shape, sizeof(shape)); i += 3) {
		struct fixture f = fixture_open(&spec);
		size_t bytes;
		unsigned char *file = to_file(&f.parsed, 1, &bytes);

		print_message("# %s\n", shape);
		assert_int_equal(
			count_complaints("readelf -W -a >/dev/null", "^$", file, bytes), 0);
		free(file);
		fixture_close(&f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_relocated_images_get_their_link_addresses_back),
		cmocka_unit_test(test_other_images_stay_as_they_are),
		cmocka_unit_test(test_spread_images_become_files),
		cmocka_unit_test(test_sections_are_taken_or_dropped_whole),
		cmocka_unit_test(test_a_section_behind_the_headers),
		cmocka_unit_test(test_odd_relocated_images),
		cmocka_unit_test(test_a_file_at_address_zero_is_not_relocated),
		cmocka_unit_test(test_a_file_too_small_is_refused),
		cmocka_unit_test(test_tools_accept_the_own_vdso),
		cmocka_unit_test(test_readelf_accepts_files_of_relocated_images),
	};

	return cmocka_run_group_tests_name("vdso-file", tests, NULL, NULL);
}

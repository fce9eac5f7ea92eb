/* SPDX-License-Identifier: MIT */
/*
 * Real images, against what readelf(1) says of them: this process's own vDSO, and those of other
 * machines where the build knows a directory of them.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <vdsotime/vdso.h>

#include "tests/fixtures/vdso-corpus.h"

enum { SYMBOLS_MAX = 128, PAGE_BYTES = 4096 };

static const uint64_t BASE = 0x70000000;
static const uint32_t ways[] = { VDSOTIME_WAY_AUTO, VDSOTIME_WAY_GNU_HASH, VDSOTIME_WAY_HASH,
	VDSOTIME_WAY_SCAN };

/* A line of readelf --dyn-syms. */
struct expected {
	uint32_t index;
	uint64_t value;
	char type[16], binding[16], section[16], name[128], version[64];
	bool hidden;
};

/*
 * name@version is a hidden version, name@@version the default one.  A version's own symbol,
 * absolute, is in that version, which readelf tells in its version section (-V) and leaves out
 * here.
 */
static void split_version(struct expected *expected)
{
	char *at = strchr(expected->name, '@');

	if (!at && strcmp(expected->section, "ABS") == 0)
		memcpy(expected->version, expected->name, sizeof(expected->version));
	if (!at)
		return;
	*at++ = 0;
	expected->hidden = *at != '@';
	snprintf(expected->version, sizeof(expected->version), "%s", at + !expected->hidden);
}

static size_t read_expected(const char *path, struct expected *expected)
{
	char command[600], line[512];
	size_t n = 0;
	FILE *pipe;

	snprintf(command, sizeof(command), "LC_ALL=C readelf --dyn-syms -W '%s'", path);
	pipe = popen(command, "re");
	assert_non_null(pipe);
	while (fgets(line, sizeof(line), pipe)) {
		struct expected *e = &expected[n];

		memset(e, 0, sizeof(*e));
		if (sscanf(line, " %u: %lx %*s %15s %15s %*s %15s %127s", &e->index, &e->value,
			    e->type, e->binding, e->section, e->name) < 5)
			continue;
		split_version(e);
		n++;
		assert_true(n < SYMBOLS_MAX);
	}
	assert_int_equal(pclose(pipe), 0);
	return n;
}

static const char *type_name(uint8_t type)
{
	static const char *const names[] = { "NOTYPE", "OBJECT", "FUNC", "SECTION" };

	return type < 4 ? names[type] : "?";
}

static const char *binding_name(uint8_t binding)
{
	static const char *const names[] = { "LOCAL", "GLOBAL", "WEAK" };

	return binding < 3 ? names[binding] : "?";
}

static void check_symbol(const char *image_name, const struct expected *expected,
	const struct vdsotime_symbol *symbol)
{
	const char *version = symbol->version ? symbol->version : "";

	if (symbol->index != expected->index || symbol->value != expected->value ||
		symbol->hidden != expected->hidden || strcmp(version, expected->version) != 0 ||
		strcmp(symbol->name, expected->name) != 0 ||
		strcmp(type_name(symbol->type), expected->type) != 0 ||
		strcmp(binding_name(symbol->binding), expected->binding) != 0)
		fail_msg("%s: symbol %u %s", image_name, expected->index, expected->name);
}

/* By every way that the image has; a way finds what it has hashed, and the scan everything. */
static void check_ways(const char *image_name, const struct vdsotime_image *image,
	const struct expected *expected, unsigned *ways_taken)
{
	for (size_t w = 0; w < sizeof(ways) / sizeof(ways[0]); w++) {
		struct vdsotime_symbol symbol;
		int r = vdsotime_image_lookup(image, expected->name,
			expected->version[0] ? expected->version : NULL,
			ways[w] | VDSOTIME_ANY_TYPE, &symbol);

		if (r == -VDSOTIME_REASON_NO_METHOD)
			continue;
		if (r < 0)
			fail_msg("%s: %s not found by way %u", image_name, expected->name, ways[w]);
		check_symbol(image_name, expected, &symbol);
		ways_taken[w]++;
	}
}

/* As in memory: whole pages. */
static unsigned char *to_pages(const struct corpus_image *image, size_t *ret_bytes)
{
	size_t bytes = (image->size_bytes + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
	unsigned char *memory = calloc(1, bytes);

	assert_non_null(memory);
	memcpy(memory, image->bytes, image->size_bytes);
	*ret_bytes = bytes;
	return memory;
}

static void check_image(const struct corpus_image *image)
{
	static struct expected expected[SYMBOLS_MAX];
	size_t n = read_expected(image->path, expected);
	unsigned ways_taken[4] = { 0 };
	struct vdsotime_image parsed;
	struct vdsotime_symbol symbol;
	size_t bytes;
	unsigned char *memory = to_pages(image, &bytes);

	assert_int_equal(vdsotime_image_parse(memory, bytes, BASE, 0, &parsed), 0);
	if (parsed.symbols != n)
		fail_msg("%s: %u symbols, readelf has %zu", image->name, parsed.symbols, n);
	for (size_t i = 1; i < n; i++) {
		assert_int_equal(vdsotime_image_symbol(&parsed, expected[i].index, &symbol), 0);
		if (symbol.type == 3) /* readelf gives a section symbol its section's name */
			continue;
		check_symbol(image->name, &expected[i], &symbol);
		if (symbol.section != 0)
			check_ways(image->name, &parsed, &expected[i], ways_taken);
	}
	print_message("# %-36s %2zu symbols; GNU hash %2u, SysV hash %2u, scan %2u\n", image->name,
		n - 1, ways_taken[1], ways_taken[2], ways_taken[3]);
	free(memory);
}

static void test_symbols_are_those_of_readelf(void **state)
{
	struct corpus corpus = corpus_real();

	(void)state;
	if (corpus.count == 0) {
		print_message("# no real images: configure with -Dvdso_images=DIR\n");
		corpus_free(corpus);
		skip();
	}
	for (size_t i = 0; i < corpus.count; i++)
		check_image(&corpus.images[i]);
	corpus_free(corpus);
}

static void test_own_symbols_are_those_of_readelf(void **state)
{
	struct corpus_image own = corpus_own();
	char path[] = "/tmp/vdsotime-own-XXXXXX";
	int fd;

	(void)state;
	if (own.size_bytes == 0) {
		print_message("# this process has no vDSO\n");
		skip();
	}
	fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, own.bytes, own.size_bytes), own.size_bytes);
	close(fd);
	snprintf(own.path, sizeof(own.path), "%s", path);
	check_image(&own);
	unlink(path);
	free(own.bytes);
}

/* The kernel that an image is of: its note, or the number that its name begins with. */
static uint32_t kernel_version(
	const struct corpus_image *image, const struct vdsotime_image *parsed)
{
	unsigned major = 0, minor = 0;

	if (parsed->linux_version)
		return parsed->linux_version;
	assert_int_equal(sscanf(image->name, "%u.%u", &major, &minor), 2);
	return major << 16 | minor << 8;
}

/* Every function of the table that this kernel has is found in its exact version; no other is. */
static void check_functions(const struct corpus_image *image)
{
	struct vdsotime_image parsed;
	struct vdsotime_vdso vdso;
	const struct vdsotime_arch *arch;
	unsigned found = 0;

	assert_int_equal(
		vdsotime_image_parse(image->bytes, image->size_bytes, BASE, 0, &parsed), 0);
	arch = vdsotime_arch_of(&parsed);
	if (!arch) {
		print_message("# %-36s no architecture\n", image->name);
		assert_int_equal(vdsotime_vdso_from_parsed(&parsed, &vdso), -VDSOTIME_REASON_ARCH);
		return;
	}
	assert_int_equal(vdsotime_vdso_from_parsed(&parsed, &vdso), 0);
	for (uint32_t i = 0; i < VDSOTIME_FUNCTIONS; i++) {
		bool known = arch->functions[i].symbol[0] &&
			     arch->functions[i].since <= kernel_version(image, &parsed);

		if (known != (vdso.address[i] != 0) ||
			(known && vdso.found[i].match != VDSOTIME_MATCH_EXACT))
			fail_msg("%s: %s %s", image->name, vdsotime_function_name(i),
				known ? "is missing" : "is there before its time");
		found += known;
	}
	print_message("# %-36s %s, Linux %u.%u: %u functions\n", image->name, arch->name,
		kernel_version(image, &parsed) >> 16, kernel_version(image, &parsed) >> 8 & 255,
		found);
}

static void test_table_resolves_on_real_images(void **state)
{
	struct corpus corpus = corpus_real();

	(void)state;
	if (corpus.count == 0) {
		print_message("# no real images: configure with -Dvdso_images=DIR\n");
		corpus_free(corpus);
		skip();
	}
	for (size_t i = 0; i < corpus.count; i++)
		check_functions(&corpus.images[i]);
	corpus_free(corpus);
}

/* Mapped, an image is whole pages; its true size is that of the file. */
static void test_true_size_is_told_from_pages(void **state)
{
	struct corpus corpus = corpus_real();

	(void)state;
	if (corpus.count == 0) {
		print_message("# no real images: configure with -Dvdso_images=DIR\n");
		corpus_free(corpus);
		skip();
	}
	for (size_t i = 0; i < corpus.count; i++) {
		const struct corpus_image *image = &corpus.images[i];
		struct vdsotime_image parsed;
		size_t bytes;
		unsigned char *memory = to_pages(image, &bytes);

		assert_int_equal(vdsotime_image_parse(memory, bytes, BASE, 0, &parsed), 0);
		if (vdsotime_image_file_bytes(&parsed) != image->size_bytes)
			fail_msg("%s: %zu bytes, not %zu", image->name,
				vdsotime_image_file_bytes(&parsed), image->size_bytes);
		assert_int_equal(vdsotime_image_normalise(&parsed, memory, bytes), 0);
		assert_memory_equal(memory, image->bytes, image->size_bytes);
		free(memory);
	}
	corpus_free(corpus);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_symbols_are_those_of_readelf),
		cmocka_unit_test(test_own_symbols_are_those_of_readelf),
		cmocka_unit_test(test_table_resolves_on_real_images),
		cmocka_unit_test(test_true_size_is_told_from_pages),
	};

	return cmocka_run_group_tests_name("vdso-real", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * Images that somebody spoiled: one to three bytes of metadata changed at random, and every length
 * of truncation.  Built with a sanitizer, as ./check does, a byte read beyond an image ends the
 * program.
 *
 * VDSO_HOSTILE_RUNS and VDSO_HOSTILE_SEED in the environment: how many mutations, and from which
 * seed.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include <vdsotime/vdso-image.h>

#include "tests/fixtures/vdso-corpus.h"
#include "tests/fixtures/vdso-exercise.h"

enum { RUNS_DEFAULT = 100000, RANGES_MAX = 16 };

struct range {
	uint32_t offset, bytes;
};

static uint64_t random_state;

static uint64_t next_random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

/* Where the image's metadata is: headers and tables. */
static size_t metadata(const struct vdsotime_image *image, struct range *ranges)
{
	uint32_t symbol = image->class_bits == 64 ? 24 : 16;
	const struct range all[] = {
		{ 0, image->class_bits == 64 ? 64 : 52 },
		{ image->program_headers_offset,
			image->program_headers * (image->class_bits == 64 ? 56 : 32) },
		{ image->dynamic_offset, image->dynamic_bytes },
		{ image->symbols_offset, image->symbols * symbol },
		{ image->strings_offset, image->strings_bytes },
		{ image->hash_offset, image->hash_offset ? 8 + 4 * image->symbols : 0 },
		{ image->gnu_hash_offset, image->gnu_hash_offset ? 16 + 4 * image->symbols : 0 },
		{ image->versym_offset, image->version_defs ? 2 * image->symbols : 0 },
		{ image->verdef_offset, 28 * image->version_defs },
		{ image->build_id_offset, image->build_id_bytes },
	};
	size_t n = 0;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (all[i].bytes)
			ranges[n++] = all[i];
	return n;
}

/* A random place, or one bit, or an extreme. */
static unsigned char spoiled(unsigned char byte)
{
	switch (next_random() % 4) {
	case 0:
		return (unsigned char)(byte ^ 1u << next_random() % 8);
	case 1:
		return next_random() % 2 ? 0xff : 0;
	default:
		return (unsigned char)next_random();
	}
}

static void spoil(unsigned char *bytes, const struct range *ranges, size_t count)
{
	for (uint64_t n = 1 + next_random() % 3; n > 0; n--) {
		const struct range *range = &ranges[next_random() % count];
		size_t at = range->offset + next_random() % range->bytes;

		bytes[at] = spoiled(bytes[at]);
	}
}

static void test_mutations_give_no_fault_and_no_wild_address(void **state)
{
	struct corpus corpus = corpus_all();
	uint64_t runs = from_environment("VDSO_HOSTILE_RUNS", RUNS_DEFAULT);
	uint64_t seed = from_environment("VDSO_HOSTILE_SEED", (uint64_t)time(NULL));
	uint64_t done = 0, refused = 0, addresses = 0;

	(void)state;
	print_message("# seed %llu\n", (unsigned long long)seed);
	random_state = seed * 2 + 1;
	for (size_t i = 0; i < corpus.count; i++) {
		const struct corpus_image *image = &corpus.images[i];
		unsigned char *copy = malloc(image->size_bytes);
		struct range ranges[RANGES_MAX];
		struct vdsotime_image parsed;
		size_t count;

		assert_non_null(copy);
		assert_int_equal(
			vdsotime_image_parse(image->bytes, image->size_bytes, 0, 0, &parsed), 0);
		count = metadata(&parsed, ranges);
		for (; done < runs * (i + 1) / corpus.count; done++) {
			memcpy(copy, image->bytes, image->size_bytes);
			spoil(copy, ranges, count);

			struct exercise exercise = exercise_image(copy, image->size_bytes);

			refused += exercise.reason != 0;
			addresses += exercise.addresses;
		}
		free(copy);
	}
	print_message(
		"# %llu mutations of %zu images: %llu refused, %llu addresses, each in code\n",
		(unsigned long long)done, corpus.count, (unsigned long long)refused,
		(unsigned long long)addresses);
	assert_true(refused > done / 20 && refused < done);
	corpus_free(corpus);
}

static void test_every_truncation_is_refused_or_whole(void **state)
{
	struct corpus corpus = corpus_all();
	uint64_t lengths = 0;

	(void)state;
	for (size_t i = 0; i < corpus.count; i++) {
		const struct corpus_image *image = &corpus.images[i];

		for (size_t bytes = 0; bytes < image->size_bytes; bytes++, lengths++) {
			unsigned char *exact = malloc(bytes ? bytes : 1);

			assert_non_null(exact);
			memcpy(exact, image->bytes, bytes);
			(void)exercise_image(exact, bytes);
			free(exact);
		}
	}
	print_message("# %llu lengths of %zu images\n", (unsigned long long)lengths, corpus.count);
	corpus_free(corpus);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mutations_give_no_fault_and_no_wild_address),
		cmocka_unit_test(test_every_truncation_is_refused_or_whole),
	};

	return cmocka_run_group_tests_name("vdso-hostile", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * Fuzzing without libFuzzer, in any build: each file of the corpus as it is, then mutations of them
 * from a printed seed.
 *
 *   fuzz-NAME CORPUS [RUNS [SEED]]
 */
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/fuzz/fuzz.h"

#define INPUT_MAX 8192
#define SEEDS_MAX 128

struct input {
	uint8_t data[INPUT_MAX];
	size_t bytes;
};

static struct input seeds[SEEDS_MAX];
static size_t seed_count;
static uint64_t random_state;

/* xorshift64*: the same everywhere. */
static uint32_t random_below(size_t bound)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return (uint32_t)((random_state * UINT64_C(2685821657736338717) >> 33) % bound);
}

static void load(const char *folder)
{
	DIR *d = opendir(folder);
	struct dirent *entry;

	while (d != NULL && (entry = readdir(d)) != NULL && seed_count < SEEDS_MAX) {
		struct input *seed = &seeds[seed_count];
		char path[512];
		FILE *f;

		if (entry->d_name[0] == '.')
			continue;
		(void)snprintf(path, sizeof(path), "%s/%s", folder, entry->d_name);
		f = fopen(path, "re");
		if (f == NULL)
			continue;
		seed->bytes = fread(seed->data, 1, INPUT_MAX, f);
		fclose(f);
		seed_count++;
	}
	if (d != NULL)
		closedir(d);
}

/* Copies bytes of from, at source, into to, at place: over what is there, or between. */
static void splice(struct input *to, size_t place, const struct input *from, size_t source,
	size_t n, bool over)
{
	uint8_t piece[INPUT_MAX];

	if (n > from->bytes - source)
		n = from->bytes - source;
	if (over && n > to->bytes - place)
		n = to->bytes - place;
	if (!over && n > INPUT_MAX - to->bytes)
		n = INPUT_MAX - to->bytes;
	memcpy(piece, &from->data[source], n);
	if (!over) {
		memmove(&to->data[place + n], &to->data[place], to->bytes - place);
		to->bytes += n;
	}
	memcpy(&to->data[place], piece, n);
}

static void mutate(struct input *i)
{
	static const uint8_t telling[] = "\0\1\x7f\x80\xc0\xed\xff\"\\{}[]:,-+.eE019un \t\n";
	size_t place = i->bytes == 0 ? 0 : random_below(i->bytes);
	const struct input *other = &seeds[random_below(seed_count)];

	switch (random_below(6)) {
	case 0:
		if (i->bytes > 0)
			i->data[place] ^= (uint8_t)(1U << random_below(8));
		break;
	case 1:
		if (i->bytes > 0)
			i->data[place] = telling[random_below(sizeof(telling) - 1)];
		break;
	case 2:
		splice(i, place,
			&(struct input){ { telling[random_below(sizeof(telling) - 1)] }, 1 }, 0, 1,
			false);
		break;
	case 3:
		if (i->bytes > 0) {
			size_t n = 1 + random_below(i->bytes - place);

			memmove(&i->data[place], &i->data[place + n], i->bytes - place - n);
			i->bytes -= n;
		}
		break;
	case 4:
		if (i->bytes > 0)
			splice(i, place, i, random_below(i->bytes), 1 + random_below(64), false);
		break;
	default:
		if (other->bytes > 0)
			splice(i, place, other, random_below(other->bytes), 1 + random_below(64),
				random_below(2));
		break;
	}
}

/* From memory of its exact size, for the sanitiser. */
static void run(const struct input *i)
{
	uint8_t *copy = malloc(i->bytes > 0 ? i->bytes : 1);

	memcpy(copy, i->data, i->bytes);
	(void)LLVMFuzzerTestOneInput(copy, i->bytes);
	free(copy);
}

int main(int argc, char **argv)
{
	unsigned long runs = argc > 2 ? strtoul(argv[2], NULL, 10) : 100000;
	unsigned long seed = argc > 3 ? strtoul(argv[3], NULL, 10) : 20260423;

	if (argc < 2 || (load(argv[1]), seed_count) == 0) {
		fprintf(stderr, "Usage: fuzz-NAME CORPUS [RUNS [SEED]]\n");
		return 2;
	}
	printf("%zu files, %lu mutations, seed %lu\n", seed_count, runs, seed);
	fflush(stdout);
	for (size_t i = 0; i < seed_count; i++)
		run(&seeds[i]);
	random_state = seed | 1;
	for (unsigned long n = 0; n < runs; n++) {
		static struct input i;
		uint32_t mutations = 1 + random_below(8);

		i = seeds[random_below(seed_count)];
		while (mutations-- > 0)
			mutate(&i);
		run(&i);
	}
	return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * Writes an image of every shape into a directory, as seeds of fuzz-vdso: seeds-vdso DIR.
 */

#include <stdio.h>
#include <stdlib.h>

#include "tests/fixtures/vdso-corpus.h"

int main(int argc, char **argv)
{
	struct corpus corpus;

	if (argc != 2) {
		fprintf(stderr, "Usage: seeds-vdso DIR\n");
		return 2;
	}
	corpus = corpus_all();
	for (size_t i = 0; i < corpus.count; i++) {
		char path[4096];
		FILE *file;

		snprintf(path, sizeof(path), "%s/seed-%03zu", argv[1], i);
		file = fopen(path, "we");
		if (!file ||
			fwrite(corpus.images[i].bytes, 1, corpus.images[i].size_bytes, file) !=
				corpus.images[i].size_bytes ||
			fclose(file) != 0) {
			perror(path);
			return 1;
		}
	}
	corpus_free(corpus);
	return 0;
}

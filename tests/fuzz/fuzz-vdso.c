/* SPDX-License-Identifier: MIT */
/*
 * libFuzzer: any bytes as an image, and everything done with it that the resolver can.  What must
 * hold is in tests/fixtures/vdso-exercise.c, the seeds are written by seeds-vdso.c.
 */

#include "tests/fixtures/vdso-exercise.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	(void)exercise_image(data, bytes);
	return 0;
}

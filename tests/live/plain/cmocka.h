/* SPDX-License-Identifier: MIT */
/*
 * What the fixtures take from cmocka, for programs of machines that have none: say what failed, and
 * end.
 */
#ifndef VDSOTIMED_TESTS_PLAIN_CMOCKA_H
#define VDSOTIMED_TESTS_PLAIN_CMOCKA_H

#include <stdio.h>
#include <stdlib.h>

#define assert_true(condition) \
	do { \
		if (!(condition)) { \
			printf("%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
			exit(1); \
		} \
	} while (0)
#define assert_int_equal(a, b) assert_true((a) == (b))
#define assert_non_null(pointer) assert_true((pointer) != NULL)

#endif

/* SPDX-License-Identifier: MIT */
/* The boot id's text: the whole of it is taken, and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "proto/page/boot-id.h"

static const uint8_t expected[16] = { 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0xfe, 0xdc,
	0xba, 0x98, 0x76, 0x54, 0x32, 0x10 };

static void test_what_the_kernel_writes_is_taken(void **state)
{
	static const char *const texts[] = {
		"01234567-89ab-cdef-fedc-ba9876543210\n",
		"01234567-89ab-cdef-fedc-ba9876543210",
		"0123456789abcdeffedcba9876543210",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		uint8_t id[16] = { 0 };

		assert_true(boot_id_parse(texts[i], strlen(texts[i]), id));
		assert_memory_equal(id, expected, sizeof(id));
	}
}

static void test_what_is_no_boot_id_is_refused_and_leaves_nothing(void **state)
{
	static const char *const texts[] = {
		"",
		"\n",
		"01234567-89ab-cdef-fedc-ba987654321\n",
		"01234567-89ab-cdef-fedc-ba98765432\n",
		"01234567-89ab-cdef-fedc-ba9876543210f\n",
		"01234567-89ab-cdef-fedc-ba987654321000\n",
		"01234567-89ab-cdef-fedc-ba987654321 \n",
		"01234567 89ab cdef fedc ba9876543210\n",
		"01234567-89AB-CDEF-FEDC-BA9876543210\n",
		"0-1234567-89ab-cdef-fedc-ba9876543210\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		uint8_t id[16] = { 0 };
		const uint8_t nothing[16] = { 0 };

		assert_false(boot_id_parse(texts[i], strlen(texts[i]), id));
		assert_memory_equal(id, nothing, sizeof(id));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_the_kernel_writes_is_taken),
		cmocka_unit_test(test_what_is_no_boot_id_is_refused_and_leaves_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "daemon/utf8.h"

static bool is_surrogate(unsigned int c)
{
	return c >= 0xd800 && c <= 0xdfff;
}

static size_t length(const unsigned char *at, size_t bytes)
{
	return utf8_length(at, at + bytes);
}

static void test_each_character_is_one_and_not_without_its_last_byte(void **state)
{
	(void)state;
	for (unsigned int c = 0x80; c <= 0x10ffff; c++) {
		unsigned char text[4];
		size_t bytes = (size_t)(utf8_put(text, c) - text);

		assert_int_equal(bytes, c < 0x800 ? 2 : c < 0x10000 ? 3 : 4);
		assert_int_equal(length(text, bytes), is_surrogate(c) ? 0 : bytes);
		assert_int_equal(length(text, bytes - 1), 0);
	}
}

/* So no character has a second form, and nothing else is one. */
static void test_as_many_are_characters_as_there_are_characters(void **state)
{
	unsigned int found[5] = { 0 };

	(void)state;
	for (unsigned int i = 0x800000; i <= 0xffffff; i++) {
		/* the fourth byte, where there is one, has 64 values, and all are good */
		const unsigned char text[] = { (unsigned char)(i >> 16), (unsigned char)(i >> 8),
			(unsigned char)i, 0x80 };
		size_t bytes = length(text, sizeof(text));

		assert_true(bytes <= 4);
		found[bytes]++;
	}
	/* a character of two bytes is found with each byte behind it */
	assert_int_equal(found[1], 0);
	assert_int_equal(found[2], (0x800 - 0x80) * 256);
	assert_int_equal(found[3], 0x10000 - 0x800 - 0x800);
	assert_int_equal(found[4], 0x100000 / 64);
}

static void test_bytes_that_end_a_character_are_looked_at(void **state)
{
	(void)state;
	for (unsigned int last = 0; last <= 0xff; last++) {
		const unsigned char text[] = { 0xf0, 0x9f, 0x98, (unsigned char)last };

		assert_int_equal(length(text, 4), last >= 0x80 && last <= 0xbf ? 4 : 0);
	}
}

static void test_one_byte_is_written_as_it_is(void **state)
{
	unsigned char text[4];

	(void)state;
	for (unsigned int c = 1; c < 0x80; c++) {
		assert_ptr_equal(utf8_put(text, c), text + 1);
		assert_int_equal(text[0], c);
	}
}

static void test_text_for_replies_is_told_from_bytes(void **state)
{
	(void)state;
	assert_true(utf8_is_text("", 0));
	assert_true(utf8_is_text("/run/\xc3\xa4", 7));
	assert_true(utf8_is_text(" ~", 2));
	assert_false(utf8_is_text("/run/\xe4", 6));
	assert_false(utf8_is_text("/run/\xc3\xa4", 6));
	assert_false(utf8_is_text("a\nb", 3));
	assert_false(utf8_is_text("a\0b", 3));
	assert_false(utf8_is_text("\x7f", 1));
}

static void test_what_is_no_text_becomes_one_of_the_same_length(void **state)
{
	char text[] = "/run/\xe4 ~\n \x7f \x1f";

	(void)state;
	utf8_make_text(text, sizeof(text) - 1);
	assert_string_equal(text, "/run/? ~? ? ?");
	assert_true(utf8_is_text(text, strlen(text)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_character_is_one_and_not_without_its_last_byte),
		cmocka_unit_test(test_as_many_are_characters_as_there_are_characters),
		cmocka_unit_test(test_bytes_that_end_a_character_are_looked_at),
		cmocka_unit_test(test_one_byte_is_written_as_it_is),
		cmocka_unit_test(test_text_for_replies_is_told_from_bytes),
		cmocka_unit_test(test_what_is_no_text_becomes_one_of_the_same_length),
	};

	return cmocka_run_group_tests_name("utf8", tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * vdsotimectl vdso: images of this process, of another and of files, listed and dumped; and what it
 * says of what is none.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/ctl/value.h"
#include "client/ctl/vdso-image.h"
#include "client/ctl/verbs.h"
#include "tests/fixtures/vdso-corpus.h"
#include "tests/fixtures/vdso-fixture.h"
#include "tests/unit/scratch.h"

enum { OUTPUT_BYTES = 65536 };

static char output[OUTPUT_BYTES], messages[OUTPUT_BYTES];

/* Run the verb with these options; its exit code. */
static int run(enum ctl_json json, const struct ctl_given *given, size_t n)
{
	struct ctl ctl = { .json = json, .legend = true, .n_given = n };
	int status;

	memset(output, 0, sizeof(output));
	memset(messages, 0, sizeof(messages));
	ctl.out = fmemopen(output, sizeof(output) - 1, "w");
	ctl.err = fmemopen(messages, sizeof(messages) - 1, "w");
	assert_true(ctl.out && ctl.err);
	if (n)
		memcpy(ctl.given, given, n * sizeof(*given));
	status = verb_vdso(&ctl, 0, NULL);
	fclose(ctl.out);
	fclose(ctl.err);
	return status;
}

static int run_one(enum ctl_json json, const char *option, const char *value)
{
	const struct ctl_given given = { option, value };

	return run(json, &given, 1);
}

static bool has_vdso(void)
{
	if (getauxval(AT_SYSINFO_EHDR))
		return true;
	print_message("# this process has no vDSO\n");
	return false;
}

static const char *write_image(const char *name, const unsigned char *bytes, size_t n)
{
	const char *path = scratch_path(name);
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, n, file), n);
	fclose(file);
	return path;
}

static void test_own_image_is_listed(void **state)
{
	(void)state;
	if (!has_vdso())
		skip();
	assert_int_equal(run(CTL_JSON_OFF, NULL, 0), CTL_OK);
	assert_non_null(strstr(output, "clock_gettime"));
	assert_non_null(strstr(output, "[vdso]"));
	assert_non_null(strstr(output, "USED AS"));
	assert_string_equal(messages, "");
}

/* Each symbol of the image, and which are used, as JSON that can be read back. */
static void test_file_of_another_machine_as_json(void **state)
{
	struct elf_spec spec = fixture_spec();
	const char *reason, *path;
	struct value *all, *symbols;
	unsigned used = 0;

	(void)state;
	spec.class_bits = 32;
	spec.big_endian = true;
	spec.machine = 3;

	struct elf_image image = elf_build(&spec);

	path = write_image("other.so", image.bytes, image.size_bytes);
	assert_int_equal(run_one(CTL_JSON_SHORT, "image", path), CTL_OK);
	assert_int_equal(value_parse(output, strlen(output), &all, &reason), 0);
	assert_string_equal(value_get_string(all, "origin"), "file");
	assert_int_equal(value_length(value_get(all, "functions")), VDSOTIME_FUNCTIONS);
	assert_int_equal(value_length(value_get(all, "mappings")), 0);
	symbols = value_get(all, "symbols");
	assert_int_equal(value_length(symbols), image.symbol_count - 1);
	for (size_t i = 0; i < value_length(symbols); i++)
		used += value_get_string(value_at(symbols, i), "usedAs") != NULL;
	assert_int_equal(used, 0); /* big endian i386 is in no table */
	value_free(all);
	elf_free(image);
}

/* Names out of an image do not reach the terminal as they are. */
static void test_hostile_names_are_made_printable(void **state)
{
	static const struct elf_symbol symbols[] = { { "bad\033[31m\nname", 0x10, 2, 1, 1, 2 } };
	struct elf_spec spec = fixture_spec();

	(void)state;
	spec.symbols = symbols;
	spec.symbol_count = 1;
	spec.soname = "so\007name";

	struct elf_image image = elf_build(&spec);
	const char *path = write_image("bad.so", image.bytes, image.size_bytes);

	assert_int_equal(run_one(CTL_JSON_OFF, "image", path), CTL_OK);
	assert_null(strpbrk(output, "\033\007"));
	assert_non_null(strstr(output, "bad?[31m?name"));
	assert_int_equal(run_one(CTL_JSON_SHORT, "image", path), CTL_OK);
	assert_null(strpbrk(output, "\033\007"));
	assert_non_null(strstr(output, "so?name"));
	elf_free(image);
}

static void test_dump_is_the_file_it_was(void **state)
{
	struct corpus_image own = corpus_own();
	const char *path = scratch_path("dump.so");
	struct vdsoimage image;
	const char *reason;

	(void)state;
	if (!has_vdso())
		skip();
	assert_int_equal(run_one(CTL_JSON_OFF, "dump", path), CTL_OK);
	assert_string_equal(output, "");
	assert_non_null(strstr(messages, "bytes written"));
	assert_int_equal(vdsoimage_of_file(path, &image, &reason), 0);
	assert_in_range(image.image.size_bytes, 1, own.size_bytes);
	assert_memory_equal(image.bytes, own.bytes, image.image.size_bytes);
	assert_int_equal(vdsotime_image_file_bytes(&image.image), image.image.size_bytes);
	vdsoimage_deinit(&image);
	vdsoimage_deinit(&image);
	free(own.bytes);
}

static void test_dump_that_cannot_be_written(void **state)
{
	(void)state;
	if (!has_vdso())
		skip();
	assert_int_equal(run_one(CTL_JSON_OFF, "dump", scratch_path("no/such/dir")), CTL_FAILURE);
	assert_non_null(strstr(messages, "cannot write"));
	assert_int_equal(run_one(CTL_JSON_OFF, "dump", "/dev/full"), CTL_FAILURE);
	assert_int_equal(run_one(CTL_JSON_OFF, "dump", "/dev/null"), CTL_OK);
	assert_int_equal(access("/dev/null", W_OK), 0); /* written in place */
}

/* A child has the same image at the same place, as fork() keeps it. */
static void test_image_of_another_process(void **state)
{
	char pid[16];
	int ends[2], status;
	pid_t child;

	(void)state;
	if (!has_vdso())
		skip();
	assert_int_equal(pipe(ends), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		close(ends[1]);
		_exit((int)read(ends[0], pid, 1)); /* until the parent closes */
	}
	close(ends[0]);
	snprintf(pid, sizeof(pid), "%d", (int)child);
	assert_int_equal(run_one(CTL_JSON_OFF, "pid", pid), CTL_OK);
	assert_non_null(strstr(output, "[vdso]"));
	assert_non_null(strstr(output, "clock_gettime"));
	close(ends[1]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(run_one(CTL_JSON_OFF, "pid", pid), CTL_FAILURE);
	assert_non_null(strstr(messages, "No such process"));
}

static void test_bad_arguments_are_told(void **state)
{
	static const char *const bad_pids[] = { "", "x", "0", "-1", "1x", "99999999999" };
	const struct ctl_given both[] = { { "image", "a" }, { "pid", "1" } };

	(void)state;
	for (size_t i = 0; i < sizeof(bad_pids) / sizeof(bad_pids[0]); i++) {
		assert_int_equal(run_one(CTL_JSON_OFF, "pid", bad_pids[i]), CTL_USAGE);
		assert_non_null(strstr(messages, "not a process id"));
	}
	assert_int_equal(run(CTL_JSON_OFF, both, 2), CTL_USAGE);
	assert_int_equal(run_one(CTL_JSON_OFF, "image", scratch_path("nothing")), CTL_FAILURE);
	assert_non_null(strstr(messages, "No such file"));
	assert_int_equal(run_one(CTL_JSON_OFF, "image", "/dev/null"), CTL_FAILURE);
	assert_non_null(strstr(messages, "too short"));
	assert_int_equal(run_one(CTL_JSON_OFF, "image", "/dev/zero"), CTL_FAILURE);
	assert_int_equal(run_one(CTL_JSON_OFF, "image", "/"), CTL_FAILURE);
	assert_non_null(strstr(messages, "directory"));
}

/* The vector of a 32-bit process is of 32-bit words. */
static void test_vectors_of_both_word_sizes(void **state)
{
	static const uint64_t wide[] = { AT_PAGESZ, 4096, AT_SYSINFO_EHDR, 0x7fff12345000, 0, 0 };
	static const uint32_t narrow[] = { AT_SYSINFO, 0xf7f01000, AT_SYSINFO_EHDR, 0xf7f00000, 0,
		0 };
	static const uint32_t without[] = { AT_PAGESZ, 4096, AT_HWCAP, 7, 0, 0 };
	static const uint64_t endless[] = { AT_PAGESZ, 4096 };
	uint64_t ehdr = 0;

	(void)state;
	assert_int_equal(vdsoimage_find_ehdr(wide, sizeof(wide), &ehdr), 0);
	assert_int_equal(ehdr, 0x7fff12345000);
	assert_int_equal(vdsoimage_find_ehdr(narrow, sizeof(narrow), &ehdr), 0);
	assert_int_equal(ehdr, 0xf7f00000);
	assert_int_equal(vdsoimage_find_ehdr(without, sizeof(without), &ehdr), -ENOENT);
	assert_int_equal(vdsoimage_find_ehdr(endless, sizeof(endless), &ehdr), -EBADMSG);
	assert_int_equal(vdsoimage_find_ehdr(wide, 0, &ehdr), -EBADMSG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_own_image_is_listed),
		cmocka_unit_test(test_file_of_another_machine_as_json),
		cmocka_unit_test(test_hostile_names_are_made_printable),
		cmocka_unit_test(test_dump_is_the_file_it_was),
		cmocka_unit_test(test_dump_that_cannot_be_written),
		cmocka_unit_test(test_image_of_another_process),
		cmocka_unit_test(test_bad_arguments_are_told),
		cmocka_unit_test(test_vectors_of_both_word_sizes),
	};

	return cmocka_run_group_tests_name("ctl-vdso", tests, scratch_setup, scratch_teardown);
}

/* SPDX-License-Identifier: MIT */
/* The writer: the memory of the page, whom it may be written by, and taking one over. */
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/writer.h"

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

static const struct page_identity identity = {
	.boot_id = { 1, 2, 3 },
	.time_namespace_dev = 4,
	.time_namespace_inode = 5,
	.counter_kind = VDSOTIME_COUNTER_HERE,
};

static struct writer w = WRITER_NULL;

static int begin(void **state)
{
	(void)state;
	return writer_init(&w, -1, &identity, 2000000000, 42);
}

static int end(void **state)
{
	(void)state;
	writer_deinit(&w);
	return 0;
}

/* At a tick a ns. */
static void publish_at(uint64_t counter, uint64_t monotonic_ns)
{
	struct vdsotime_line line = { .meta = 30,
		.word = { counter, UINT64_C(1) << 32, monotonic_ns } };

	writer_publish(&w, &line);
}

static void publish(uint64_t counter, uint64_t epoch)
{
	struct vdsotime_line line = { .meta = 30, .word = { counter, 1, counter * 2 } };

	line.extra[VDSOTIME_EXTRA_EPOCH] = epoch;
	writer_publish(&w, &line);
}

static void test_no_two_pages_share_an_epoch(void **state)
{
	struct writer other;
	uint64_t epoch = w.line.extra[VDSOTIME_EXTRA_EPOCH];

	(void)state;
	assert_int_equal((uint32_t)epoch, 0);
	assert_int_not_equal(epoch, 0);
	assert_int_equal(writer_init(&other, -1, &identity, 1, 43), 0);
	assert_int_not_equal(other.line.extra[VDSOTIME_EXTRA_EPOCH], epoch);
	/* a JSON number of 64 bits is signed */
	assert_true((int64_t)other.line.extra[VDSOTIME_EXTRA_EPOCH] > 0);
	writer_deinit(&other);
}

static void test_new_page_is_sealed_and_cannot_be_written_by_readers(void **state)
{
	struct stat st;

	(void)state;
	assert_false(w.restored);
	assert_int_equal(fcntl(w.fd, F_GET_SEALS) & SEALS, SEALS);
	assert_int_equal(fcntl(w.fd, F_GET_SEALS) & F_SEAL_WRITE, 0);
	assert_int_equal(fstat(w.reader_fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0400);
	assert_int_equal(st.st_size, sizeof(struct vdsotime_page));
	/* all of it is there: no store can fail for want of memory */
	assert_true(st.st_blocks * 512 >= (long)sizeof(struct vdsotime_page));
	assert_int_equal(fcntl(w.reader_fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	assert_true(fcntl(w.fd, F_GETFD) & FD_CLOEXEC);
	assert_true(fcntl(w.reader_fd, F_GETFD) & FD_CLOEXEC);
	assert_true(mmap(NULL, sizeof(struct vdsotime_page), PROT_READ | PROT_WRITE, MAP_SHARED,
			    w.reader_fd, 0) == MAP_FAILED);
	assert_int_equal(ftruncate(w.fd, 0), -1);
	assert_int_equal(errno, EPERM);
}

static void test_header_is_that_of_its_identity(void **state)
{
	const struct vdsotime_page_header *h = &w.page->header;

	(void)state;
	assert_int_equal(h->magic, VDSOTIME_PAGE_MAGIC);
	assert_memory_equal(h->boot_id, identity.boot_id, 16);
	assert_int_equal(h->time_namespace_inode, 5);
	assert_int_equal(h->counter_hz, 2000000000);
	assert_int_equal(h->instance, 42);
}

static void test_publications_are_counted(void **state)
{
	struct vdsotime_line line;

	(void)state;
	for (uint64_t i = 1; i <= 3; i++) {
		publish(1000 * i, 7);
		assert_true(vdsotime_page_line(w.page, &line));
		assert_int_equal(line.extra[VDSOTIME_EXTRA_GENERATION], i);
		assert_int_equal(line.word[VDSOTIME_WORD_COUNTER], 1000 * i);
		assert_int_equal(w.line.extra[VDSOTIME_EXTRA_GENERATION], i);
	}
	assert_int_equal(w.page->epoch, 7);
}

static void test_stamps_find_no_line_of_a_counter_that_has_begun_anew(void **state)
{
	int64_t ns;

	(void)state;
	for (uint64_t i = 1; i <= 600; i++)
		publish(i << 20, 0);
	for (uint64_t i = 1; i <= 300; i++)
		publish_at(i << 20, (600 + i) << 20);
	for (uint64_t i = 1; i < 300; i++) {
		assert_true(
			vdsotime_page_resolve(w.page, VDSOTIME_PAGE_MONOTONIC, (i << 20) + 5, &ns));
		assert_int_equal(ns, ((600 + i) << 20) + 5);
	}
}

static void test_child_has_no_page_to_write(void **state)
{
	pid_t pid;
	int status;

	(void)state;
	publish(1000, 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		volatile struct vdsotime_page *page = w.page;

		/* not mapped here: a store is a fault */
		signal(SIGSEGV, SIG_DFL);
		page->epoch = 1;
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	/* sanitizers turn the signal into an exit */
	assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) != 0);
	assert_int_equal(w.page->epoch, 0);
}

static void test_epoch_wakes_who_waits_for_it(void **state)
{
	struct timespec limit = { .tv_sec = 20 };
	pid_t pid;
	int status;

	(void)state;
	publish(1000, 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		void *p = mmap(
			NULL, sizeof(struct vdsotime_page), PROT_READ, MAP_SHARED, w.reader_fd, 0);
		struct vdsotime_page *page = p;

		while (__atomic_load_n(&page->epoch, __ATOMIC_ACQUIRE) == 0)
			if (syscall(SYS_futex, &page->epoch, FUTEX_WAIT, 0, &limit, NULL, 0) < 0 &&
				errno == ETIMEDOUT)
				_exit(1);
		_exit(0);
	}
	usleep(20000);
	publish(2000, 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* The page as another life of the daemon gets it. */
static int take_over(const struct page_identity *mine)
{
	int fd = dup(w.fd);

	writer_deinit(&w);
	return writer_init(&w, fd, mine, 1, 43);
}

static void test_page_goes_on_in_the_next_life(void **state)
{
	struct stat before, after;

	(void)state;
	publish(1000, 3);
	assert_int_equal(fstat(w.fd, &before), 0);
	assert_int_equal(take_over(&identity), 0);
	assert_true(w.restored);
	assert_int_equal(fstat(w.fd, &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	assert_int_equal(w.line.word[VDSOTIME_WORD_COUNTER], 1000);
	publish(2000, 3);
	assert_int_equal(w.line.extra[VDSOTIME_EXTRA_GENERATION], 2);
	/* what was made once stays */
	assert_int_equal(w.page->header.instance, 42);
}

static void test_page_of_a_writer_killed_half_way_is_repaired(void **state)
{
	(void)state;
	for (unsigned int odd = 0; odd < 2; odd++) {
		struct vdsotime_line *line;

		publish(1000, 0);
		publish(2000, 0);
		line = &w.page->line[odd];
		line->seq |= 1;
		line->word[VDSOTIME_WORD_COUNTER] = 3000;
		assert_int_equal(take_over(&identity), 0);
		assert_true(w.restored);
		assert_int_equal(w.line.word[VDSOTIME_WORD_COUNTER], 2000);
		for (unsigned int i = 0; i < 2; i++) {
			assert_int_equal(w.page->line[i].seq & 1, 0);
			assert_int_equal(w.page->line[i].word[VDSOTIME_WORD_COUNTER], 2000);
		}
		writer_deinit(&w);
		begin(NULL);
	}
}

static int open_fds(void)
{
	int count = 0;

	for (int fd = 0; fd < 256; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

/* fd is consumed in every case */
static void expect_refused(int fd)
{
	struct writer other = WRITER_NULL;
	int before = open_fds();

	assert_int_equal(writer_init(&other, fd, &identity, 1, 43), 0);
	assert_false(other.restored);
	assert_int_equal(other.page->header.instance, 43);
	writer_deinit(&other);
	assert_int_equal(open_fds(), before - 1);
}

static void test_page_of_another_identity_is_refused(void **state)
{
	struct page_identity other[4];

	(void)state;
	for (int i = 0; i < 4; i++)
		other[i] = identity;
	other[0].boot_id[15] ^= 1;
	other[1].time_namespace_inode++;
	other[2].time_namespace_dev++;
	other[3].counter_kind = VDSOTIME_COUNTER_RISCV_TIME;
	publish(1000, 0);
	for (int i = 0; i < 4; i++) {
		struct writer foreign = WRITER_NULL;

		assert_int_equal(writer_init(&foreign, dup(w.fd), &other[i], 1, 43), 0);
		assert_false(foreign.restored);
		writer_deinit(&foreign);
	}
}

static void test_what_is_no_page_is_refused(void **state)
{
	int unsealed = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int pipe_fd[2];

	(void)state;
	/* never published on */
	expect_refused(dup(w.fd));
	publish(1000, 0);
	/* a page whose memory has gone bad */
	w.page->line[0].extra[VDSOTIME_EXTRA_ERROR] ^= 1;
	expect_refused(dup(w.fd));
	w.page->line[0].extra[VDSOTIME_EXTRA_ERROR] ^= 1;
	/* a page that could shrink under its readers */
	assert_int_equal(ftruncate(unsealed, sizeof(struct vdsotime_page)), 0);
	assert_true(pwrite(unsealed, w.page, sizeof(*w.page), 0) == (ssize_t)sizeof(*w.page));
	expect_refused(dup(unsealed));
	/* of another size */
	assert_int_equal(ftruncate(unsealed, 4096), 0);
	assert_int_equal(fcntl(unsealed, F_ADD_SEALS, SEALS), 0);
	expect_refused(unsealed);
	assert_int_equal(pipe(pipe_fd), 0);
	close(pipe_fd[0]);
	expect_refused(pipe_fd[1]);
	expect_refused(open("/dev/null", O_RDWR | O_CLOEXEC));
	/* without write access it is of no use */
	expect_refused(dup(w.reader_fd));
}

static void test_deinit_leaves_nothing_and_may_be_called_twice(void **state)
{
	int before = open_fds();

	(void)state;
	for (int i = 0; i < 20; i++) {
		struct writer other = WRITER_NULL;

		assert_int_equal(writer_init(&other, -1, &identity, 1, 1), 0);
		writer_deinit(&other);
		writer_deinit(&other);
		assert_null(other.page);
	}
	assert_int_equal(open_fds(), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_no_two_pages_share_an_epoch, begin, end),
		cmocka_unit_test_setup_teardown(
			test_new_page_is_sealed_and_cannot_be_written_by_readers, begin, end),
		cmocka_unit_test_setup_teardown(test_header_is_that_of_its_identity, begin, end),
		cmocka_unit_test_setup_teardown(test_publications_are_counted, begin, end),
		cmocka_unit_test_setup_teardown(
			test_stamps_find_no_line_of_a_counter_that_has_begun_anew, begin, end),
		cmocka_unit_test_setup_teardown(test_child_has_no_page_to_write, begin, end),
		cmocka_unit_test_setup_teardown(test_epoch_wakes_who_waits_for_it, begin, end),
		cmocka_unit_test_setup_teardown(test_page_goes_on_in_the_next_life, begin, end),
		cmocka_unit_test_setup_teardown(
			test_page_of_a_writer_killed_half_way_is_repaired, begin, end),
		cmocka_unit_test_setup_teardown(
			test_page_of_another_identity_is_refused, begin, end),
		cmocka_unit_test_setup_teardown(test_what_is_no_page_is_refused, begin, end),
		cmocka_unit_test_setup_teardown(
			test_deinit_leaves_nothing_and_may_be_called_twice, begin, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: MIT */
/*
 * Getting at a vDSO's image: see vdso-image.h.
 */
#include "client/ctl/vdso-image.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	AUXV_BYTES = 4096,
	LINE_BYTES = 512,
	PATH_BYTES = 4096,
	/* types are small numbers; a vector read in words of the wrong size has others */
	AUXV_TYPE_MAX = 4096
};

/* Up to capacity bytes from fd at offset: how many there were, or -errno. */
static ssize_t read_at(int fd, uint64_t offset, unsigned char *to, size_t capacity)
{
	size_t done = 0;

	while (done < capacity) {
		ssize_t n = pread(fd, to + done, capacity - done, (off_t)(offset + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && done == 0)
			return -errno;
		if (n <= 0)
			break;
		done += (size_t)n;
	}
	return (ssize_t)done;
}

static int open_of(pid_t pid, const char *name)
{
	char path[LINE_BYTES];
	int fd;

	if (pid)
		snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	else
		snprintf(path, sizeof(path), "/proc/self/%s", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	return fd;
}

static uint64_t word_at(const unsigned char *bytes, size_t word)
{
	uint64_t wide;
	uint32_t narrow;

	if (word == sizeof(wide)) {
		memcpy(&wide, bytes, sizeof(wide));
		return wide;
	}
	memcpy(&narrow, bytes, sizeof(narrow));
	return narrow;
}

static int find_ehdr(const unsigned char *auxv, size_t bytes, size_t word, uint64_t *ret)
{
	uint64_t ehdr = 0;

	for (size_t at = 0; at + 2 * word <= bytes; at += 2 * word) {
		uint64_t type = word_at(auxv + at, word);

		if (type > AUXV_TYPE_MAX)
			return -EBADMSG;
		if (type == AT_SYSINFO_EHDR)
			ehdr = word_at(auxv + at + word, word);
		if (type != AT_NULL)
			continue;
		*ret = ehdr;
		return ehdr ? 0 : -ENOENT;
	}
	return -EBADMSG;
}

int vdsoimage_find_ehdr(const void *auxv, size_t bytes, uint64_t *ret)
{
	int r = find_ehdr(auxv, bytes, 8, ret);

	return r == -EBADMSG ? find_ehdr(auxv, bytes, 4, ret) : r;
}

/* Keep the kernel's own mappings, and the one that has the image under whatever name. */
static void take_mapping(struct vdsoimage *image, const char *line, uint64_t base)
{
	struct vdsoimage_mapping mapping = { .name = "" };

	if (image->n_mappings == VDSOIMAGE_MAPPINGS_MAX ||
		sscanf(line, "%" SCNx64 "-%" SCNx64 " %7s %*s %*s %*s %31s", &mapping.start,
			&mapping.end, mapping.permissions, mapping.name) < 3)
		return;
	if (strncmp(mapping.name, "[vdso", 5) != 0 && strncmp(mapping.name, "[vvar", 5) != 0 &&
		strcmp(mapping.name, "[vsyscall]") != 0 &&
		(base < mapping.start || base >= mapping.end))
		return;
	image->mappings[image->n_mappings++] = mapping;
}

static int read_mappings(struct vdsoimage *image, pid_t pid, uint64_t base)
{
	char line[PATH_BYTES + LINE_BYTES];
	int fd = open_of(pid, "maps");
	FILE *maps;

	if (fd < 0)
		return fd;
	maps = fdopen(fd, "r");
	if (!maps) {
		close(fd);
		return -ENOMEM;
	}
	while (fgets(line, sizeof(line), maps))
		take_mapping(image, line, base);
	fclose(maps);
	return 0;
}

/* To the end of the mapping that has base, within reason. */
static size_t mapped_bytes(const struct vdsoimage *image, uint64_t base)
{
	for (size_t i = 0; i < image->n_mappings; i++) {
		const struct vdsoimage_mapping *mapping = &image->mappings[i];

		if (base >= mapping->start && base < mapping->end &&
			mapping->end - base <= VDSOTIME_IMAGE_BYTES_MAX)
			return (size_t)(mapping->end - base);
	}
	return VDSOTIME_IMAGE_BYTES_MAX;
}

/* image->bytes is filled with `bytes`: check them. */
static int parse(struct vdsoimage *image, size_t bytes, uint64_t base, uint32_t flags,
	const char **ret_reason)
{
	int r = vdsotime_image_parse(image->bytes, bytes, base, flags, &image->image);

	if (r < 0) {
		*ret_reason = vdsotime_reason_string(r);
		return -EBADMSG;
	}
	/* That it has no time functions is told by vdso.reason, which is filled. */
	(void)vdsotime_vdso_from_parsed(&image->image, &image->vdso);
	return 0;
}

static int read_image(struct vdsoimage *image, pid_t pid, uint64_t base, const char **ret_reason)
{
	size_t capacity;
	ssize_t n;
	int fd, r = read_mappings(image, pid, base);

	if (r < 0)
		return r;
	fd = open_of(pid, "mem");
	if (fd < 0)
		return fd;
	capacity = mapped_bytes(image, base);
	image->bytes = malloc(capacity);
	n = image->bytes ? read_at(fd, base, image->bytes, capacity) : -ENOMEM;
	close(fd);
	if (n < 0)
		return (int)n;
	return parse(image, (size_t)n, base, 0, ret_reason);
}

static int fail(struct vdsoimage *image, int r, const char **ret_reason)
{
	if (r < 0 && !*ret_reason)
		*ret_reason = strerror(-r);
	if (r < 0)
		vdsoimage_deinit(image);
	return r;
}

int vdsoimage_of_self(struct vdsoimage *ret, const char **ret_reason)
{
	struct vdsotime_hints hints = vdsotime_hints_ehdr(getauxval(AT_SYSINFO_EHDR));
	struct vdsotime_vdso vdso;
	int r;

	memset(ret, 0, sizeof(*ret));
	*ret_reason = NULL;
	r = vdsotime_vdso_resolve(&hints, &vdso);
	if (r < 0 && vdso.reason != VDSOTIME_REASON_NO_FUNCTIONS) {
		*ret_reason = vdsotime_reason_string(r);
		return -ENOENT;
	}
	snprintf(ret->origin, sizeof(ret->origin), "%s",
		vdsotime_rung_name(vdso.rung ? vdso.rung : VDSOTIME_RUNG_EHDR));
	return fail(ret, read_image(ret, 0, hints.ehdr, ret_reason), ret_reason);
}

int vdsoimage_of_process(pid_t pid, struct vdsoimage *ret, const char **ret_reason)
{
	unsigned char auxv[AUXV_BYTES];
	uint64_t base;
	ssize_t n;
	int fd, r;

	memset(ret, 0, sizeof(*ret));
	*ret_reason = NULL;
	fd = open_of(pid, "auxv");
	if (fd < 0)
		return fail(ret, fd, ret_reason);
	n = read_at(fd, 0, auxv, sizeof(auxv));
	close(fd);
	r = n < 0 ? (int)n : vdsoimage_find_ehdr(auxv, (size_t)n, &base);
	if (r == -ENOENT)
		*ret_reason = vdsotime_reason_string(VDSOTIME_REASON_ABSENT);
	if (r == -EBADMSG)
		*ret_reason = vdsotime_reason_string(VDSOTIME_REASON_NO_AUXV);
	if (r == 0)
		r = read_image(ret, pid, base, ret_reason);
	snprintf(ret->origin, sizeof(ret->origin), "/proc/%d/auxv", (int)pid);
	return fail(ret, r, ret_reason);
}

int vdsoimage_of_file(const char *path, struct vdsoimage *ret, const char **ret_reason)
{
	const size_t capacity = VDSOTIME_IMAGE_BYTES_MAX + 1;
	ssize_t n;
	int fd, r;

	memset(ret, 0, sizeof(*ret));
	*ret_reason = NULL;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return fail(ret, -errno, ret_reason);
	ret->bytes = malloc(capacity);
	n = ret->bytes ? read_at(fd, 0, ret->bytes, capacity) : -ENOMEM;
	close(fd);
	r = n < 0 ? (int)n : parse(ret, (size_t)n, 0, VDSOTIME_IMAGE_AS_FILE, ret_reason);
	snprintf(ret->origin, sizeof(ret->origin), "file");
	return fail(ret, r, ret_reason);
}

void vdsoimage_deinit(struct vdsoimage *image)
{
	free(image->bytes);
	memset(image, 0, sizeof(*image));
}

static int write_whole(int fd, const unsigned char *bytes, size_t n)
{
	while (n > 0) {
		ssize_t done = write(fd, bytes, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return -errno;
		bytes += done;
		n -= (size_t)done;
	}
	return 0;
}

/* Beside path under another name, then moved there; what is no regular file is written in place. */
static int write_file(const char *path, const unsigned char *bytes, size_t n)
{
	char temporary[PATH_BYTES];
	struct stat st;
	bool in_place = stat(path, &st) == 0 && !S_ISREG(st.st_mode);
	int fd, r;

	if ((size_t)snprintf(temporary, sizeof(temporary), "%s.XXXXXX", path) >= sizeof(temporary))
		return -ENAMETOOLONG;
	fd = in_place ? open(path, O_WRONLY | O_CLOEXEC) : mkostemp(temporary, O_CLOEXEC);
	if (fd < 0)
		return -errno;
	r = write_whole(fd, bytes, n);
	if (r == 0 && !in_place && fchmod(fd, 0644) < 0)
		r = -errno;
	if (close(fd) < 0 && r == 0)
		r = -errno;
	if (in_place)
		return r;
	if (r == 0 && rename(temporary, path) < 0)
		r = -errno;
	if (r < 0)
		unlink(temporary);
	return r;
}

int vdsoimage_dump(const struct vdsoimage *image, const char *path, size_t *ret_bytes)
{
	size_t n = vdsotime_image_file_bytes(&image->image);
	unsigned char *file = malloc(n);
	int r;

	if (!file)
		return -ENOMEM;
	memcpy(file, image->bytes, n);
	/* n is what it asked for, so that it cannot refuse */
	(void)vdsotime_image_normalise(&image->image, file, n);
	r = write_file(path, file, n);
	free(file);
	if (r == 0)
		*ret_bytes = n;
	return r;
}

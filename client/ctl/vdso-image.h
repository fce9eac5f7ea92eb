/* SPDX-License-Identifier: MIT */
/*
 * A vDSO's image in this process's memory, wherever it came from: this process, another one, or a
 * file.
 *
 * What one would get wrong: the addresses of another process mean nothing here; they are for
 * showing.
 */
#ifndef VDSOTIMED_CTL_VDSO_IMAGE_H
#define VDSOTIMED_CTL_VDSO_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <vdsotime/vdso.h>

enum { VDSOIMAGE_MAPPINGS_MAX = 16, VDSOIMAGE_NAME_BYTES = 32 };

/* A mapping that the kernel makes in each process: [vdso], [vvar], [vvar_vclock], [vsyscall]. */
struct vdsoimage_mapping {
	uint64_t start;
	uint64_t end;
	char permissions[8];
	char name[VDSOIMAGE_NAME_BYTES];
};

struct vdsoimage {
	struct vdsotime_image image; /* checked; its data is ours */
	struct vdsotime_vdso vdso; /* what of it is used; addresses of its own process */
	char origin[64]; /* how it was found, in words */
	size_t n_mappings; /* none for a file */
	struct vdsoimage_mapping mappings[VDSOIMAGE_MAPPINGS_MAX];
	unsigned char *bytes;
};

/*
 * Fill *ret from this process, process pid, or the file at path.  0, or a negative errno with
 * *ret_reason in words: -ENOENT when that process has no vDSO (or path is not there), -ESRCH,
 * -EACCES, -EBADMSG when there is no image that can be read, ...
 */
int vdsoimage_of_self(struct vdsoimage *ret, const char **ret_reason);
int vdsoimage_of_process(pid_t pid, struct vdsoimage *ret, const char **ret_reason);
int vdsoimage_of_file(const char *path, struct vdsoimage *ret, const char **ret_reason);

/* Takes one that is all zero, and may be called twice. */
void vdsoimage_deinit(struct vdsoimage *image);

/*
 * Write the image to path as a well-formed ELF file of its true size.  The file appears whole or
 * not at all. 0 and its size, or a negative errno.
 */
int vdsoimage_dump(const struct vdsoimage *image, const char *path, size_t *ret_bytes);

/*
 * AT_SYSINFO_EHDR in `bytes` of another process's auxiliary vector, whose words are of 4 or of 8
 * bytes. 0 and *ret; -ENOENT when it is whole and has none; -EBADMSG when it is no such vector.
 */
int vdsoimage_find_ehdr(const void *auxv, size_t bytes, uint64_t *ret);

#endif

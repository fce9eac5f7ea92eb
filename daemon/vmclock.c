/* SPDX-License-Identifier: MIT */
#include "daemon/vmclock.h"

#include <endian.h>
#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

#include "daemon/os.h"

#define MAGIC UINT32_C(0x4b4c4356) /* "VCLK" */
#define VERSION 1
#define FLAG_HAS_GENERATION (UINT64_C(1) << 8)
#define TRIES 16

/* As the hypervisor lays it out, little-endian; only what is used has a name of its own. */
struct vmclock_page {
	uint32_t magic;
	uint32_t size_bytes; /* of what is meant by the version and the flags */
	uint16_t version;
	uint8_t counter_id;
	uint8_t time_type;
	uint32_t sequence; /* odd: being written */
	uint64_t marker;
	uint64_t flags;
	uint64_t time[9];
	uint64_t generation; /* if the flags say so */
};

_Static_assert(offsetof(struct vmclock_page, sequence) == 12, "vmclock-abi.h");
_Static_assert(offsetof(struct vmclock_page, marker) == 16, "vmclock-abi.h");
_Static_assert(offsetof(struct vmclock_page, flags) == 24, "vmclock-abi.h");
_Static_assert(offsetof(struct vmclock_page, generation) == 104, "vmclock-abi.h");
_Static_assert(sizeof(struct vmclock_page) == 112, "vmclock-abi.h");

static const volatile struct vmclock_page *map_device(const struct os *os, int *ret_error)
{
	int fd;
	int r = os->vmclock_open(os->ctx, &fd);

	*ret_error = r;
	if (r < 0)
		return NULL;
	/* the driver gives one page, whole and read-only */
	void *p = mmap(NULL, sizeof(struct vmclock_page), PROT_READ, MAP_SHARED, fd, 0);
	*ret_error = p == MAP_FAILED ? -errno : 0;
	close(fd);
	return p == MAP_FAILED ? NULL : p;
}

static bool is_known(const volatile struct vmclock_page *p)
{
	return le32toh(p->magic) == MAGIC && le16toh(p->version) == VERSION &&
	       le32toh(p->size_bytes) >= offsetof(struct vmclock_page, generation);
}

void vmclock_init(struct vmclock *v, const struct os *os)
{
	int error;

	*v = (struct vmclock){ .page = map_device(os, &error) };
	if (!v->page) {
		v->state = error == -ENOENT ? VMCLOCK_ABSENT : VMCLOCK_UNUSABLE;
	} else if (!is_known(v->page)) {
		vmclock_deinit(v);
		v->state = VMCLOCK_UNUSABLE;
	} else {
		v->state = VMCLOCK_PRESENT;
		vmclock_look(v);
	}
}

void vmclock_deinit(struct vmclock *v)
{
	union {
		const volatile struct vmclock_page *mapped;
		void *address;
	} u = { .mapped = v->page };

	if (u.mapped)
		munmap(u.address, sizeof(struct vmclock_page));
	v->page = NULL;
}

/* Both numbers of one moment; false: the hypervisor was at it at every try. */
static bool take(const volatile struct vmclock_page *p, uint64_t *ret_marker,
	uint64_t *ret_generation, bool *ret_has_generation)
{
	for (int i = 0; i < TRIES; i++) {
		uint32_t sequence = le32toh(p->sequence);

		atomic_thread_fence(memory_order_acquire);
		uint64_t marker = le64toh(p->marker);
		uint64_t flags = le64toh(p->flags);
		uint64_t generation = le64toh(p->generation);
		uint32_t size_bytes = le32toh(p->size_bytes);

		atomic_thread_fence(memory_order_acquire);
		if (sequence & 1 || le32toh(p->sequence) != sequence)
			continue;
		*ret_marker = marker;
		*ret_generation = generation;
		*ret_has_generation =
			flags & FLAG_HAS_GENERATION && size_bytes >= sizeof(struct vmclock_page);
		return true;
	}
	return false;
}

enum vmclock_change vmclock_look(struct vmclock *v)
{
	enum vmclock_change change = VMCLOCK_SAME;
	uint64_t marker, generation;
	bool has_generation;

	if (!v->page || !take(v->page, &marker, &generation, &has_generation))
		return VMCLOCK_SAME;
	if (v->has_marker && marker != v->marker)
		change = VMCLOCK_DISRUPTED;
	if (v->has_generation && has_generation && generation != v->generation)
		change = VMCLOCK_RESTORED;
	v->has_marker = true;
	v->marker = marker;
	v->has_generation = has_generation;
	v->generation = generation;
	return change;
}

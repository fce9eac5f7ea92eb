/* SPDX-License-Identifier: MIT */
/*
 * The VMClock: a page by which a hypervisor tells its guest that the clocks were disturbed in a way
 * that the guest cannot see, since it did not run then: it was moved to another host, whose counter
 * has another rate and value, or was loaded from a snapshot.
 *
 * Linux gives it as /dev/vmclock0 (include/uapi/linux/vmclock-abi.h, from 6.13 on).  Of all that is
 * on it only two numbers are of use here, each other than before after such a thing.  They are
 * under a sequence count, odd while the hypervisor writes.
 *
 * The one thing a reader would get wrong: the page is another's memory.  It may change between any
 * two loads and may stay odd for ever, so a look takes no more than a few tries.
 */
#ifndef VDSOTIMED_VMCLOCK_H
#define VDSOTIMED_VMCLOCK_H

#include <stdbool.h>
#include <stdint.h>

struct os;
struct vmclock_page;

enum vmclock_state {
	VMCLOCK_ABSENT,
	VMCLOCK_PRESENT,
	VMCLOCK_UNUSABLE /* it may not be opened, or is of no kind that is known */
};

enum vmclock_change {
	VMCLOCK_SAME, /* or nothing could be seen */
	VMCLOCK_DISRUPTED, /* moved to another host, or the like */
	VMCLOCK_RESTORED /* loaded from a snapshot, which is a disruption too */
};

struct vmclock {
	enum vmclock_state state;
	const volatile struct vmclock_page *page; /* NULL unless present */
	bool has_marker, has_generation; /* these were seen before */
	uint64_t marker, generation;
};

/* Map the device where there is one, and remember what it says.  os is used only here. */
void vmclock_init(struct vmclock *v, const struct os *os);
void vmclock_deinit(struct vmclock *v);

/* What has happened since the last look that saw anything; tens of ns, a microsecond at most. */
enum vmclock_change vmclock_look(struct vmclock *v);

#endif

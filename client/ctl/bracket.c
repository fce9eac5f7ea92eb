/* SPDX-License-Identifier: MIT */
/*
 * A bracket: see bracket.h.
 */
#include "client/ctl/bracket.h"

#include "client/ctl/clockid.h"

int64_t bracket_kernel_ns(clockid_t id)
{
	struct timespec now = { 0 };

	clock_gettime(id, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

typedef int read_fn(const struct vdsotime *t, clockid_t id, int64_t *ret);

static int narrowest(const struct vdsotime *t, clockid_t id, unsigned int tries, read_fn *read,
	struct bracket *ret)
{
	struct bracket best = { 0 };

	for (unsigned int i = 0; i < tries; i++) {
		struct bracket b;
		int r;

		b.before_ns = bracket_kernel_ns(id);
		r = read(t, id, &b.value_ns);
		b.after_ns = bracket_kernel_ns(id);
		if (r < 0)
			return r;
		/* A clock that was set in between gives no width. */
		if (i == 0 || (b.after_ns >= b.before_ns &&
				      b.after_ns - b.before_ns < best.after_ns - best.before_ns))
			best = b;
	}
	*ret = best;
	return 0;
}

static int read_snapshot(const struct vdsotime *t, clockid_t id, int64_t *ret)
{
	struct vdsotime_snapshot snapshot;
	int r = vdsotime_snapshot(t, &snapshot);

	if (r == 0)
		*ret = clockid_of_snapshot(&snapshot, id);
	return r;
}

int bracket_snapshot(
	const struct vdsotime *t, clockid_t id, unsigned int tries, struct bracket *ret)
{
	return narrowest(t, id, tries, read_snapshot, ret);
}

int bracket_gettime(const struct vdsotime *t, clockid_t id, unsigned int tries, struct bracket *ret)
{
	return narrowest(t, id, tries, vdsotime_gettime_ns, ret);
}

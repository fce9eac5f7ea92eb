/* SPDX-License-Identifier: MIT */
/*
 * The functions of this process: an address from the ladder, the image there, the names that the
 * architecture's vDSO has.
 *
 * The one thing a reader would get wrong: not finding a vDSO is no failure.  Kernels boot with
 * vdso=0, emulators and debuggers take it away, and every call still has its system call; *ret
 * tells the reason.
 */

#include <vdsotime/vdso.h>

#include "proto/vdso/bytes.h"
#include "proto/vdso/ladder.h"
#include "proto/vdso/native.h"

enum {
	HEADER_BYTES = 4096 /* mapped where anything is: the smallest page */
};

static void find_function(const struct vdsotime_image *image, const struct vdsotime_arch *arch,
	uint32_t function, struct vdsotime_vdso *vdso)
{
	const struct vdsotime_arch_function *known = &arch->functions[function];
	struct vdsotime_found *found = &vdso->found[function];
	struct vdsotime_symbol symbol;
	int r = -VDSOTIME_REASON_NO_SYMBOL;

	if (known->symbol[0])
		r = vdsotime_image_lookup(
			image, known->symbol, arch->version, VDSOTIME_VERSION_UNVERSIONED, &symbol);
	if (r < 0 && known->alias[0])
		r = vdsotime_image_lookup(
			image, known->alias, arch->version, VDSOTIME_VERSION_UNVERSIONED, &symbol);
	if (r == 0 && symbol.address > UINTPTR_MAX)
		r = -VDSOTIME_REASON_SYMBOL_ADDRESS;
	if (r < 0) {
		found->reason = (uint8_t)-r;
		return;
	}
	vdso->address[function] = (uintptr_t)symbol.address;
	found->symbol = symbol.name;
	found->version = symbol.version;
	found->match = symbol.match;
}

static void drop_function(struct vdsotime_vdso *vdso, uint32_t function, uint8_t reason)
{
	vdso->address[function] = 0;
	bytes_clear(&vdso->found[function], sizeof(vdso->found[function]));
	vdso->found[function].reason = reason;
}

/*
 * Where the counter cannot be used, an arm kernel blanks the names of its functions; 5.5 to 5.7
 * forgot clock_gettime64, which then answers garbage.  It is believed only beside the plain one.
 */
static void distrust_functions(const struct vdsotime_image *image, struct vdsotime_vdso *vdso)
{
	if (image->machine == MACHINE_ARM && !vdso->address[VDSOTIME_CLOCK_GETTIME] &&
		vdso->address[VDSOTIME_CLOCK_GETTIME64])
		drop_function(vdso, VDSOTIME_CLOCK_GETTIME64, VDSOTIME_REASON_DISTRUSTED);
}

static int find_functions(const struct vdsotime_image *image, struct vdsotime_vdso *vdso)
{
	const struct vdsotime_arch *arch = vdsotime_arch_of(image);
	bool any = false;

	if (!arch)
		return -VDSOTIME_REASON_ARCH;
	for (uint32_t i = 0; i < VDSOTIME_FUNCTIONS; i++)
		find_function(image, arch, i, vdso);
	distrust_functions(image, vdso);
	for (uint32_t i = 0; i < VDSOTIME_FUNCTIONS; i++)
		any |= vdso->address[i] != 0;
	if (!any)
		return -VDSOTIME_REASON_NO_FUNCTIONS;
	vdso->base = (uintptr_t)image->base;
	vdso->size_bytes = image->size_bytes;
	return 0;
}

static int read_image(const void *base, size_t size_bytes, struct vdsotime_vdso *vdso)
{
	struct vdsotime_image image;
	int r = 0;

	if (size_bytes == 0)
		r = vdsotime_image_extent(base, HEADER_BYTES, &size_bytes);
	if (r < 0)
		return r;
	r = vdsotime_image_parse(base, size_bytes, (uintptr_t)base, 0, &image);
	if (r < 0)
		return r;
	if (vdsotime_arch_of(&image) != vdsotime_arch_native())
		return -VDSOTIME_REASON_MACHINE;
	return find_functions(&image, vdso);
}

/* As read_image(), after asking the kernel whether each page is there. */
static int read_probed_image(uintptr_t base, struct vdsotime_vdso *vdso)
{
	size_t size_bytes;
	int r;

	if (vdsotime_probe_readable(base, HEADER_BYTES) != 1)
		return -VDSOTIME_REASON_UNREADABLE;
	r = vdsotime_image_extent((const void *)base, HEADER_BYTES, &size_bytes);
	if (r < 0)
		return r;
	if (vdsotime_probe_readable(base, size_bytes) != 1)
		return -VDSOTIME_REASON_UNREADABLE;
	return read_image((const void *)base, size_bytes, vdso);
}

static int climb(const struct vdsotime_hints *hints, uint32_t rung, struct vdsotime_vdso *vdso)
{
	uintptr_t base;
	int r;

	if (hints->skip >> rung & 1)
		return -VDSOTIME_REASON_NO_AUXV;
	r = vdsotime_ladder_ask(hints, rung, &base);
	if (r < 0)
		return r;
	if (hints->probe || rung == VDSOTIME_RUNG_PRCTL)
		return read_probed_image(base, vdso);
	return read_image((const void *)base, 0, vdso);
}

static int finish(struct vdsotime_vdso *vdso, uint32_t rung, int r)
{
	if (r < 0) {
		vdso->reason = (uint8_t)-r;
		return r;
	}
	vdso->rung = (uint8_t)rung;
	return 0;
}

int vdsotime_vdso_resolve(const struct vdsotime_hints *hints, struct vdsotime_vdso *ret)
{
	struct vdsotime_hints none;
	int reason = -VDSOTIME_REASON_NO_AUXV;

	bytes_clear(&none, sizeof(none));
	bytes_clear(ret, sizeof(*ret));
	for (uint32_t rung = VDSOTIME_RUNG_EHDR; rung <= VDSOTIME_RUNG_PRCTL; rung++) {
		int r = climb(hints ? hints : &none, rung, ret);

		if (r == 0)
			return finish(ret, rung, 0);
		ret->rung_reason[rung] = (uint8_t)-r;
		if (r == -VDSOTIME_REASON_ABSENT)
			return finish(ret, rung, r);
		if (r != -VDSOTIME_REASON_NO_AUXV && reason == -VDSOTIME_REASON_NO_AUXV)
			reason = r;
	}
	return finish(ret, VDSOTIME_RUNG_NONE, reason);
}

int vdsotime_vdso_from_image(const void *base, size_t size_bytes, struct vdsotime_vdso *ret)
{
	bytes_clear(ret, sizeof(*ret));
	return finish(ret, VDSOTIME_RUNG_IMAGE, read_image(base, size_bytes, ret));
}

int vdsotime_vdso_from_parsed(const struct vdsotime_image *image, struct vdsotime_vdso *ret)
{
	bytes_clear(ret, sizeof(*ret));
	return finish(ret, VDSOTIME_RUNG_IMAGE, find_functions(image, ret));
}

void vdsotime_vdso_set(struct vdsotime_vdso *vdso, uint32_t function, uintptr_t address)
{
	if (function >= VDSOTIME_FUNCTIONS)
		return;
	drop_function(vdso, function, address ? VDSOTIME_REASON_NONE : VDSOTIME_REASON_NO_SYMBOL);
	vdso->address[function] = address;
	vdso->rung = VDSOTIME_RUNG_SET;
}

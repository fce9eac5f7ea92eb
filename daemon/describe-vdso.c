/* SPDX-License-Identifier: MIT */
/*
 * The vDSO in JSON: what the daemon uses of it, and, from its image, all that it has.
 */
#include "daemon/describe.h"

#include <stdio.h>

#include <vdsotime/vdso.h>

#include "daemon/object.h"

static struct json_object *describe_function(const struct vdsotime_vdso *v, uint32_t function)
{
	const struct vdsotime_found *found = &v->found[function];
	struct object o = object_begin();

	object_add_text(&o, "name", vdsotime_function_name(function));
	if (v->address[function] != 0) {
		object_add_text(&o, "symbol", found->symbol);
		object_add_text(&o, "version", found->version);
	}
	return object_end(&o);
}

/* The image that v was resolved in; false: there is none, or it is no longer what it was. */
static bool parse_image(const struct vdsotime_vdso *v, struct vdsotime_image *ret)
{
	return v->base != 0 &&
	       vdsotime_image_parse((const void *)v->base, v->size_bytes, v->base, 0, ret) == 0;
}

/* The *64 forms are functions of their own on 32-bit machines, and nowhere else. */
static uint32_t functions_here(void)
{
	return sizeof(long) == 4 ? VDSOTIME_FUNCTIONS : VDSOTIME_CLOCK_GETTIME64;
}

struct json_object *describe_vdso(const struct vdsotime_vdso *v)
{
	struct object o = object_begin();
	struct vdsotime_image image;
	bool usable = false;

	for (uint32_t i = 0; i < functions_here(); i++)
		usable |= v->address[i] != 0;
	object_add_bool(&o, "usable", usable);
	if (parse_image(v, &image))
		object_add_text(&o, "soname", vdsotime_image_soname(&image));

	struct json_object *functions = object_add_array(&o, "functions");

	for (uint32_t i = 0; i < functions_here(); i++)
		object_append(&o, functions, describe_function(v, i));
	return object_end(&o);
}

/* names[number], or the number in digits where it has no name. */
static void add_named(struct object *o, const char *key, const char *const *names,
	unsigned int count, unsigned int number)
{
	char digits[16];

	(void)snprintf(digits, sizeof(digits), "%u", number);
	object_add_text(o, key, number < count ? names[number] : digits);
}

static struct json_object *describe_symbol(
	const struct vdsotime_image *image, const struct vdsotime_symbol *symbol)
{
	static const char *const kinds[] = { "notype", "object", "func", "section", "file",
		"common", "tls" };
	static const char *const bindings[] = { "local", "global", "weak" };
	struct object o = object_begin();

	object_add_text(&o, "name", symbol->name);
	object_add_text(&o, "version", symbol->version);
	add_named(&o, "kind", kinds, 7, symbol->type);
	add_named(&o, "binding", bindings, 3, symbol->binding);
	object_add_uint(&o, "offsetBytes",
		symbol->address == 0 ? symbol->value : symbol->address - image->base);
	object_add_uint(&o, "sizeBytes", symbol->size_bytes);
	return object_end(&o);
}

static void add_build_id(struct object *o, const struct vdsotime_image *image)
{
	const unsigned char *id = vdsotime_image_build_id(image);
	char digits[2 * 64 + 1];

	if (id == NULL || image->build_id_bytes > 64)
		return;
	for (uint32_t i = 0; i < image->build_id_bytes; i++)
		(void)snprintf(&digits[2 * i], 3, "%02x", id[i]);
	object_add_text(o, "buildId", digits);
}

struct json_object *describe_vdso_image(const struct vdsotime_vdso *v)
{
	struct object o = object_begin();
	struct vdsotime_image image;
	bool parsed = parse_image(v, &image);

	object_add(&o, "vdso", describe_vdso(v));
	object_add_text(&o, "origin",
		v->reason == 0 ? vdsotime_rung_name(v->rung) : vdsotime_reason_string(v->reason));
	if (parsed)
		add_build_id(&o, &image);
	object_add_uint(&o, "sizeBytes", parsed ? image.size_bytes : 0);

	struct json_object *symbols = object_add_array(&o, "symbols");

	for (uint32_t i = 1; parsed && i < image.symbols; i++) {
		struct vdsotime_symbol symbol;

		if (vdsotime_image_symbol(&image, i, &symbol) == 0 && symbol.name[0] != '\0')
			object_append(&o, symbols, describe_symbol(&image, &symbol));
	}
	return object_end(&o);
}

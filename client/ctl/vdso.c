/* SPDX-License-Identifier: MIT */
/*
 * vdsotimectl vdso: a vDSO, its time functions, all of its symbols, and where it is mapped; or its
 * image as a file.  Of this process, of another, or of a file of any machine.
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>

#include "client/ctl/humane.h"
#include "client/ctl/table.h"
#include "client/ctl/text.h"
#include "client/ctl/value.h"
#include "client/ctl/vdso-image.h"
#include "client/ctl/verbs.h"

enum { NUMBER_BYTES = 24, BUILD_ID_BYTES = 2 * 64 + 1, NAME_BYTES = 256 };

/* A word for a number of ELF, or the number itself. */
static const char *name_of(
	const char *const *names, size_t n, unsigned int number, char buf[NUMBER_BYTES])
{
	if (number < n && names[number])
		return names[number];
	snprintf(buf, NUMBER_BYTES, "%u", number);
	return buf;
}

static const char *type_name(unsigned int type, char buf[NUMBER_BYTES])
{
	static const char *const names[] = { "notype", "object", "func", "section", "file",
		"common", "tls" };

	return name_of(names, sizeof(names) / sizeof(names[0]), type, buf);
}

static const char *binding_name(unsigned int binding, char buf[NUMBER_BYTES])
{
	static const char *const names[] = { "local", "global", "weak" };

	return name_of(names, sizeof(names) / sizeof(names[0]), binding, buf);
}

/*
 * A name out of an image, which may be anybody's: without what would steer a terminal.  NULL stays
 * NULL.
 */
static const char *printable(const char *text, char buf[NAME_BYTES])
{
	size_t n = 0;

	if (!text)
		return NULL;
	for (; text[n] && n < NAME_BYTES - 1; n++)
		buf[n] = text[n] > ' ' && text[n] <= '~' ? text[n] : '?';
	buf[n] = '\0';
	return buf;
}

static const char *match_name(unsigned int match)
{
	static const char *const names[] = { "none", "exact", "unversioned", "any" };

	return names[match];
}

static const char *build_id(const struct vdsotime_image *image, char buf[BUILD_ID_BYTES])
{
	const unsigned char *id = vdsotime_image_build_id(image);
	size_t n = image->build_id_bytes < 64 ? image->build_id_bytes : 64;

	if (!id)
		return NULL;
	for (size_t i = 0; i < n; i++)
		snprintf(buf + 2 * i, 3, "%02x", id[i]);
	return buf;
}

static const char *linux_version(uint32_t version, char buf[NUMBER_BYTES])
{
	if (!version)
		return NULL;
	snprintf(buf, NUMBER_BYTES, "%" PRIu32 ".%" PRIu32 ".%" PRIu32, version >> 16,
		version >> 8 & 0xff, version & 0xff);
	return buf;
}

static const char *arch_name(const struct vdsotime_image *image, char buf[NUMBER_BYTES])
{
	const struct vdsotime_arch *arch = vdsotime_arch_of(image);

	if (arch)
		return arch->name;
	snprintf(buf, NUMBER_BYTES, "ELF machine %u", image->machine);
	return buf;
}

/* The time function that a symbol is used for; NULL for none. */
static const char *use_of(const struct vdsoimage *v, const struct vdsotime_symbol *symbol)
{
	for (uint32_t i = 0; i < VDSOTIME_FUNCTIONS; i++) {
		if (v->vdso.found[i].symbol == symbol->name)
			return vdsotime_function_name(i);
	}
	return NULL;
}

static void print_head(const struct ctl *ctl, const struct vdsoimage *v)
{
	const struct vdsotime_image *image = &v->image;
	char number[NUMBER_BYTES], id[BUILD_ID_BYTES], name[NAME_BYTES];
	const char *soname = printable(vdsotime_image_soname(image), name);
	const char *text;

	text_field(ctl, "vDSO", "%s (%s)", soname ? soname : "without a name", v->origin);
	text_field(ctl, "Machine", "%s, %u bits, %s endian", arch_name(image, number),
		image->class_bits, image->big_endian ? "big" : "little");
	text = linux_version(image->linux_version, number);
	if (text)
		text_field(ctl, "Kernel", "Linux %s", text);
	text = build_id(image, id);
	if (text)
		text_field(ctl, "Build ID", "%s", text);
	if (image->base)
		text_field(ctl, "Base", "0x%" PRIx64, image->base);
	text_field(ctl, "Size", "%zu bytes%s, %zu as a file", image->size_bytes,
		v->n_mappings ? " mapped" : "", vdsotime_image_file_bytes(image));
	for (size_t i = 0; i < v->n_mappings; i++) {
		const struct vdsoimage_mapping *m = &v->mappings[i];

		text_field(ctl, i ? "" : "Mappings",
			"0x%012" PRIx64 "-0x%012" PRIx64 " %s %6" PRIu64 "K %s", m->start, m->end,
			m->permissions, (m->end - m->start) / 1024,
			m->name[0] ? m->name : "(the image)");
	}
}

static void print_functions(const struct ctl *ctl, const struct vdsoimage *v)
{
	static const struct table_column columns[] = {
		{ "FUNCTION", false },
		{ "SYMBOL", false },
		{ "VERSION", false },
		{ "MATCH", false },
	};
	const struct vdsotime_arch *arch = vdsotime_arch_of(&v->image);
	struct table *table;

	if (!arch)
		return;
	table = table_new(columns, 4);
	for (uint32_t i = 0; i < VDSOTIME_FUNCTIONS; i++) {
		const struct vdsotime_found *found = &v->vdso.found[i];
		char name[NAME_BYTES];

		if (!arch->functions[i].symbol[0])
			continue;
		table_cell(table, "%s", vdsotime_function_name(i));
		table_cell(table, "%s", found->symbol ? found->symbol : "-");
		table_cell(table, "%s", found->version ? printable(found->version, name) : "-");
		table_cell(table, "%s",
			found->match ? match_name(found->match)
				     : vdsotime_reason_string(found->reason));
	}
	fputc('\n', ctl->out);
	table_print(ctl, table);
	table_free(table);
}

static void print_symbols(const struct ctl *ctl, const struct vdsoimage *v)
{
	static const struct table_column columns[] = {
		{ "NAME", false },
		{ "VERSION", false },
		{ "BINDING", false },
		{ "TYPE", false },
		{ "SIZE", true },
		{ "ADDRESS", true },
		{ "USED AS", false },
	};
	struct table *table = table_new(columns, 7);
	char number[NUMBER_BYTES];

	for (uint32_t i = 1; i < v->image.symbols; i++) {
		struct vdsotime_symbol symbol;
		char name[NAME_BYTES];
		const char *use;

		if (vdsotime_image_symbol(&v->image, i, &symbol) < 0)
			continue;
		use = use_of(v, &symbol);
		table_cell(table, "%s", symbol.name[0] ? printable(symbol.name, name) : "-");
		table_cell(table, "%s%s", symbol.version ? printable(symbol.version, name) : "-",
			symbol.version && symbol.hidden ? " (hidden)" : "");
		table_cell(table, "%s", binding_name(symbol.binding, number));
		table_cell(table, "%s", type_name(symbol.type, number));
		table_cell(table, "%" PRIu64, symbol.size_bytes);
		if (symbol.address)
			table_cell(table, "0x%" PRIx64, symbol.address);
		else
			table_cell(table, "-");
		table_cell(table, "%s", use ? use : "-");
	}
	fputc('\n', ctl->out);
	table_print(ctl, table);
	table_free(table);
}

static struct value *describe_functions(const struct vdsoimage *v)
{
	struct value *list = value_new_array();
	char name[NAME_BYTES];

	for (uint32_t i = 0; i < VDSOTIME_FUNCTIONS; i++) {
		const struct vdsotime_found *found = &v->vdso.found[i];
		struct value *function = value_new_object();

		value_add_string(function, "name", vdsotime_function_name(i));
		value_add_string(function, "symbol", found->symbol);
		value_add_string(function, "version", printable(found->version, name));
		value_add_string(function, "match", match_name(found->match));
		value_add_string(function, "reason",
			found->match ? NULL : vdsotime_reason_string(found->reason));
		value_append(list, function);
	}
	return list;
}

static struct value *describe_symbols(const struct vdsoimage *v)
{
	struct value *list = value_new_array();
	char number[NUMBER_BYTES], name[NAME_BYTES];

	for (uint32_t i = 1; i < v->image.symbols; i++) {
		struct vdsotime_symbol symbol;
		struct value *one;

		if (vdsotime_image_symbol(&v->image, i, &symbol) < 0)
			continue;
		one = value_new_object();
		value_add_string(one, "name", printable(symbol.name, name));
		value_add_string(one, "version", printable(symbol.version, name));
		value_add_bool(one, "hidden", symbol.hidden);
		value_add_string(one, "kind", type_name(symbol.type, number));
		value_add_string(one, "binding", binding_name(symbol.binding, number));
		value_add_uint(one, "sizeBytes", symbol.size_bytes);
		value_add_uint(one, "value", symbol.value);
		if (symbol.address)
			value_add_uint(one, "address", symbol.address);
		else
			value_add_null(one, "address");
		value_add_string(one, "refusal",
			symbol.refusal ? vdsotime_reason_string(symbol.refusal) : NULL);
		value_add_string(one, "usedAs", use_of(v, &symbol));
		value_append(list, one);
	}
	return list;
}

static struct value *describe_mappings(const struct vdsoimage *v)
{
	struct value *list = value_new_array();

	for (size_t i = 0; i < v->n_mappings; i++) {
		struct value *one = value_new_object();

		value_add_string(one, "name", v->mappings[i].name);
		value_add_uint(one, "start", v->mappings[i].start);
		value_add_uint(one, "end", v->mappings[i].end);
		value_add_string(one, "permissions", v->mappings[i].permissions);
		value_append(list, one);
	}
	return list;
}

static void print_json(const struct ctl *ctl, const struct vdsoimage *v)
{
	const struct vdsotime_image *image = &v->image;
	struct value *all = value_new_object();
	char number[NUMBER_BYTES], id[BUILD_ID_BYTES], name[NAME_BYTES];

	value_add_string(all, "origin", v->origin);
	value_add_string(all, "soname", printable(vdsotime_image_soname(image), name));
	value_add_string(all, "machine", arch_name(image, number));
	value_add_uint(all, "classBits", image->class_bits);
	value_add_bool(all, "bigEndian", image->big_endian);
	value_add_string(all, "linuxVersion", linux_version(image->linux_version, number));
	value_add_string(all, "buildId", build_id(image, id));
	value_add_uint(all, "base", image->base);
	value_add_uint(all, "sizeBytes", image->size_bytes);
	value_add_uint(all, "fileBytes", vdsotime_image_file_bytes(image));
	value_add(all, "functions", describe_functions(v));
	value_add(all, "symbols", describe_symbols(v));
	value_add(all, "mappings", describe_mappings(v));
	value_print(ctl, all);
	value_free(all);
}

static void print_text(const struct ctl *ctl, const struct vdsoimage *v)
{
	print_head(ctl, v);
	print_functions(ctl, v);
	print_symbols(ctl, v);
}

static int dump(const struct ctl *ctl, const struct vdsoimage *v, const char *path)
{
	size_t bytes;
	int r = vdsoimage_dump(v, path, &bytes);

	if (r < 0) {
		ctl_error(ctl, "vdso: cannot write %s: %s", path, strerror(-r));
		return r == -EACCES || r == -EPERM ? CTL_PERMISSION : CTL_FAILURE;
	}
	if (ctl->legend)
		fprintf(ctl->err, "%zu bytes written to %s\n", bytes, path);
	return CTL_OK;
}

/* From where the options say.  CTL_OK, or an exit code with a message. */
static int open_image(const struct ctl *ctl, struct vdsoimage *ret)
{
	const char *path = ctl_option(ctl, "image");
	const char *process = ctl_option(ctl, "pid");
	const char *reason, *of = path ? path : process ? process : "this process";
	int64_t pid = 0;
	int r;

	if (path && process) {
		ctl_error(ctl, "vdso: --image and --pid exclude each other");
		return CTL_USAGE;
	}
	if (process && humane_parse_number(process, 1, INT_MAX, &pid) < 0) {
		ctl_error(ctl, "vdso: --pid: not a process id: %s", process);
		return CTL_USAGE;
	}
	if (path)
		r = vdsoimage_of_file(path, ret, &reason);
	else if (process)
		r = vdsoimage_of_process((pid_t)pid, ret, &reason);
	else
		r = vdsoimage_of_self(ret, &reason);
	if (r == 0)
		return CTL_OK;
	ctl_error(ctl, "vdso: no image of %s%s: %s", process ? "process " : "", of, reason);
	return r == -EACCES || r == -EPERM ? CTL_PERMISSION : CTL_FAILURE;
}

int verb_vdso(const struct ctl *ctl, int argc, char **argv)
{
	const char *path = ctl_option(ctl, "dump");
	struct vdsoimage image;
	int status = open_image(ctl, &image);

	(void)argc;
	(void)argv;
	if (status != CTL_OK)
		return status;
	if (path)
		status = dump(ctl, &image, path);
	else if (ctl->json != CTL_JSON_OFF)
		print_json(ctl, &image);
	else
		print_text(ctl, &image);
	vdsoimage_deinit(&image);
	return status;
}

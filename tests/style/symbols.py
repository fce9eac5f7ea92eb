#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the libraries show to the outside is what their contracts say, and they need nothing else.

    symbols.py ROOT LIBVDSOTIME-CLIENT.SO LIBVDSOTIME-CORE.A

Exported symbols, the version script and the declarations of the header are one set; the shared library
needs libc alone; the freestanding core needs nothing, writes nowhere and has no name but vdsotime_*.
"""

import re
import subprocess
import sys

import tree

NODE = "LIBVDSOTIME_CLIENT_0"
INSTRUMENTED = re.compile(r"_*(asan|ubsan|tsan|sanitizer|gcov)_|__odr_asan|__x86\.get_pc_thunk")


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def exported(library):
    """Symbols of the dynamic table with their versions."""
    names = {}
    for line in run("nm", "-D", "--defined-only", "--with-symbol-versions", library).splitlines():
        name, _, version = line.split()[-1].partition("@@")
        if name != NODE:
            names[name] = version
    return names


def scripted(path):
    with open(path, encoding="utf-8") as f:
        text = f.read()
    return set(re.findall(r"^\s*(\w+);", text, re.MULTILINE))


def declared(path):
    with open(path, encoding="utf-8") as f:
        text = re.sub(r"/\*.*?\*/", "", f.read(), flags=re.DOTALL)
    return set(re.findall(r"VDSOTIME_PUBLIC\b[^;{]*?\b(vdsotime_\w+)\s*\(", text))


def compare(one, one_name, other, other_name):
    yield from (f"{name}: in {one_name}, not in {other_name}" for name in sorted(one - other))
    yield from (f"{name}: in {other_name}, not in {one_name}" for name in sorted(other - one))


def check_client(root, library):
    symbols = exported(library)
    script = scripted(f"{root}/client/libvdsotime-client.map")
    header = declared(f"{root}/client/include/vdsotime/client.h")
    yield from compare(set(symbols), "the library", script, "the version script")
    yield from compare(set(symbols), "the library", header, "the header")
    for name, version in symbols.items():
        if version != NODE:
            yield f"{name}: has version {version or 'none'}, not {NODE}"
    dynamic = run("readelf", "-dW", library)
    needed = set(re.findall(r"NEEDED.*\[(.*)\]", dynamic))
    # A build with sanitizers needs theirs.
    spare = {n for n in needed if not re.match(r"(libc|ld-linux[\w-]*|lib(a|ub|t)san|lib(m|gcc_s))\.", n)}
    if spare:
        yield f"the library needs {sorted(spare)}, not libc alone"
    if "[libvdsotime-client.so.0]" not in dynamic:
        yield "the library's soname is not libvdsotime-client.so.0"


def check_core(archive):
    defined, undefined = set(), set()
    for line in run("nm", "-g", archive).splitlines():
        fields = line.split()
        if len(fields) == 2 and fields[0] == "U":
            undefined.add(fields[1])
        elif len(fields) == 3:
            defined.add(fields[2])
            # A program that links with it may have any other name for its own.
            if not fields[2].startswith("vdsotime_") and not INSTRUMENTED.match(fields[2]):
                yield f"{fields[2]}: the core defines it, and it is not vdsotime_"
            if fields[1] in "DBC":
                yield f"{fields[2]}: the core has writable data"
    instrumented = {n for n in undefined if INSTRUMENTED.match(n)}
    left = undefined - defined - instrumented - {"_GLOBAL_OFFSET_TABLE_"}
    if not instrumented:
        yield from (f"{name}: the core leaves it undefined" for name in sorted(left))


def main(root, library, archive):
    tree.finish("symbols", [*check_client(root, library), *check_core(archive)])


if __name__ == "__main__":
    main(*sys.argv[1:4])

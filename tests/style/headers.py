#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every public header stands alone, in every language that it promises, without a warning.

    headers.py ROOT

Each is compiled by itself, twice in one file, and all of them together in both orders.  Strict C99 has no
struct timespec: it needs the macro that asks for POSIX, as it does for clock_gettime().  Every reader of the
page, and attaching to one, is linked for a 32-bit machine without libc and without the compiler's library.
"""

import glob
import itertools
import os
import shutil
import subprocess
import sys

import tree

FOLDERS = ("proto/include", "client/include")
ARGUMENTS = ["-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wundef", "-Werror"]
POSIX = ["-D_POSIX_C_SOURCE=200809L"]
COMPILERS = {
    "c": (("gcc", "clang"), ("c99", "c11", "c17")),
    "c++": (("g++", "clang++"), ("c++11", "c++17")),
}
FREESTANDING = ["-ffreestanding", "-nostdlib"]


def compile_text(root, compiler, language, standard, text, more):
    command = [compiler, f"-std={standard}", *ARGUMENTS, *more, "-O1", "-fsyntax-only"]
    command += [f"-I{os.path.join(root, folder)}" for folder in FOLDERS]
    done = subprocess.run(
        [*command, "-x", language, "-"], input=text, capture_output=True, text=True, check=False
    )
    if done.returncode == 0:
        return None
    return next((line for line in done.stderr.splitlines() if "error" in line), done.stderr)


def texts(headers):
    for header in headers:
        yield header, f"#include <{header}>\n"
        yield f"{header} twice", f"#include <{header}>\n" * 2
    yield "all", "".join(f"#include <{h}>\n" for h in headers)
    yield "all, the other way round", "".join(f"#include <{h}>\n" for h in reversed(headers))


READERS = """
#include <vdsotime/attach.h>

const char *dir;
const struct vdsotime_page *page;
struct vdsotime_instant instant;
struct vdsotime_bounded bounded;
int64_t ns, sec;
uint32_t nsec;

void _start(void)
{
	(void)vdsotime_page_attach(dir, &page);
	(void)vdsotime_page_read_ns(page, 11, VDSOTIME_COUNTER_FENCE, &ns);
	(void)vdsotime_page_read_sec(page, 0, VDSOTIME_COUNTER_FENCE, &sec, &nsec);
	(void)vdsotime_page_read_instant(page, VDSOTIME_COUNTER_FENCE, &instant);
	(void)vdsotime_page_read_bounded(page, VDSOTIME_COUNTER_FENCE, &bounded);
	(void)vdsotime_page_resolve(page, 0, 0, &ns);
}
"""
CORE = ("proto/page", "proto/vdso")


def machine_32(compiler):
    """Whether it can compile for one."""
    command = [compiler, "-m32", "-fsyntax-only", "-ffreestanding", "-x", "c", "-"]
    text = "#if !defined(__i386__)\n#error\n#endif\n#include <stdint.h>\n"
    if not shutil.which(compiler):
        return False
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    return done.returncode == 0


def link_32(root, compiler, level):
    """What is missing where there is neither, at one level of optimisation."""
    sources = [path for room in CORE for path in sorted(glob.glob(f"{root}/{room}/*.c"))]
    command = [compiler, "-m32", "-std=c11", level, *FREESTANDING, "-fno-builtin", "-static"]
    command += ["-fno-stack-protector", f"-I{root}", f"-I{root}/proto/include", "-o", os.devnull]
    if compiler == "gcc":
        command.append("-fno-tree-loop-distribute-patterns")
    command += ["-x", "c", "-", *sources]
    done = subprocess.run(command, input=READERS, capture_output=True, text=True, check=False)
    return [line for line in done.stderr.splitlines() if "undefined" in line or "error:" in line]


def main(root):
    headers = []
    for folder in FOLDERS:
        paths = os.listdir(os.path.join(root, folder, "vdsotime"))
        headers += [f"vdsotime/{name}" for name in sorted(paths) if name.endswith(".h")]
    found, compiled = [], 0
    for language, (compilers, standards) in COMPILERS.items():
        for compiler, standard in itertools.product(compilers, standards):
            if not shutil.which(compiler):
                print(f"without {compiler}, which is not here")
                continue
            for name, text in texts(headers):
                compiled += 1
                more = POSIX if standard == "c99" else []
                trouble = compile_text(root, compiler, language, standard, text, more)
                if trouble:
                    found.append(f"{name}, {compiler} -std={standard}: {trouble}")
    # A runtime without libc has these alone.
    for header in headers:
        if os.path.exists(os.path.join(root, "proto/include", header)):
            text = f"#include <{header}>\n"
            trouble = compile_text(root, "gcc", "c", "c11", text, FREESTANDING)
            compiled += 1
            if trouble:
                found.append(f"{header}, freestanding: {trouble}")
    for compiler, level in itertools.product(("gcc", "clang"), ("-O0", "-O2")):
        if machine_32(compiler):
            compiled += 1
            found += [f"-m32, {compiler} {level}: {line}" for line in link_32(root, compiler, level)]
    if not compiled:
        tree.skip("no compiler")
    print(f"{compiled} compilations")
    tree.finish("headers", found)


main(sys.argv[1])

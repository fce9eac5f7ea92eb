#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every public header stands alone, in every language that it promises, without a warning.

    headers.py ROOT

Each is compiled by itself, twice in one file, and all of them together in both orders.  Strict C99 has no
struct timespec: it needs the macro that asks for POSIX, as it does for clock_gettime().
"""

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
    if not compiled:
        tree.skip("no compiler")
    print(f"{compiled} compilations")
    tree.finish("headers", found)


main(sys.argv[1])

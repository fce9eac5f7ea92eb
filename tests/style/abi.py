#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The library's ABI is the one on record, with the types of its public headers down to their members, and
the values of their enumerators and flags, none of which is missing there.

    abi.py ROOT LIBVDSOTIME-CLIENT.SO             compares
    abi.py ROOT LIBVDSOTIME-CLIENT.SO --renew     puts that library's on record, after a change that adds

The record of types is of x86-64, and compares with libraries that have debugging information.
"""

import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile

import tree

RECORD = "client/abi/libvdsotime-client.abi"
HEADERS = ("client/include", "proto/include")
VALUES = "client/abi/values.c"
# whose values programs, pages and records have in them
VALUED = ("client.h", "counter.h", "page.h", "quality.h")
# how often a reader tries is its own affair
FREE = {"VDSOTIME_PAGE_TRIES"}
# abidiff(1): bits of its exit status
ERROR, CHANGE, INCOMPATIBLE = 0x3, 0x4, 0x8


def record(root, library, path):
    """Only what the public headers define: what is behind an opaque handle may change."""
    folders = [word for folder in HEADERS for word in ("--headers-dir", os.path.join(root, folder))]
    subprocess.run(["abidw", *folders, "--drop-private-types", "--no-show-locs", "--no-corpus-path",
                    "--no-comp-dir-path", "--type-id-style", "hash", "--out-file", path, library], check=True)
    # Where it was built is nobody's business.
    with open(path, encoding="utf-8") as f:
        text = re.sub(r"path='[^']*/((?:client|proto)/[^']*)'", r"path='\1'", f.read())
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


def compare(root, library):
    with tempfile.TemporaryDirectory(prefix="vdsotimed-abi-") as folder:
        now = os.path.join(folder, "now.abi")
        record(root, library, now)
        done = subprocess.run(["abidiff", os.path.join(root, RECORD), now],
                              capture_output=True, text=True, check=False)
    print(done.stdout + done.stderr, end="")
    if done.returncode < 0 or done.returncode & ERROR:
        yield f"abidiff: exit status {done.returncode}"
    elif done.returncode & INCOMPATIBLE:
        yield "programs that are linked with the library would break: that needs another soname"
    elif done.returncode & CHANGE:
        yield "it is not what is on record; if that only adds to it, say so with --renew"


def names(root):
    """All enumerators, and the macros that are numbers."""
    for folder in HEADERS:
        for path in (os.path.join(root, folder, "vdsotime", name) for name in VALUED):
            if os.path.exists(path):
                with open(path, encoding="utf-8") as f:
                    text = re.sub(r"/\*.*?\*/", "", f.read(), flags=re.S)
                for body in re.findall(r"\benum(?:\s+\w+)?\s*\{([^}]*)\}", text):
                    yield from re.findall(r"(?:^|,)\s*(\w+)", body)
                yield from re.findall(r"^#define (\w+) (?:[0-9(]|UINT64_)", text, re.M)


def values(root):
    """Those that are not what they were, and those that nobody has written down."""
    path = os.path.join(root, VALUES)
    compiler = shutil.which("gcc") or shutil.which("clang")
    includes = [f"-I{os.path.join(root, folder)}" for folder in HEADERS]
    if compiler:
        done = subprocess.run([compiler, "-std=c11", "-D_POSIX_C_SOURCE=200809L", "-fsyntax-only", *includes, path],
                              capture_output=True, text=True, check=False)
        yield from (line for line in done.stderr.splitlines() if "error" in line)
    with open(path, encoding="utf-8") as f:
        written = set(re.findall(r"\bVALUE\((\w+), ", f.read()))
    yield from (f"{name} is not in {VALUES}" for name in names(root) if name not in written | FREE)


def main(root, library, *options):
    problems = list(values(root))
    if problems:
        tree.finish("abi", problems)
    if not shutil.which("abidiff"):
        tree.skip("no abidiff, which abigail-tools has")
    if platform.machine() != "x86_64":
        tree.skip(f"the record is of x86_64, not of {platform.machine()}")
    library = os.path.realpath(library)
    sections = subprocess.run(["readelf", "-SW", library], capture_output=True, text=True, check=True).stdout
    if ".debug_info" not in sections:
        tree.skip("the library was built without debugging information")
    if options == ("--renew",):
        record(root, library, os.path.join(root, RECORD))
    else:
        tree.finish("abi", list(compare(root, library)))


main(*sys.argv[1:])

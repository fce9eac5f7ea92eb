#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The library's ABI is the one on record, with the types of its public headers down to their members.

    abi.py ROOT LIBVDSOTIME-CLIENT.SO             compares
    abi.py ROOT LIBVDSOTIME-CLIENT.SO --renew     puts that library's on record, after a change that adds

The record is of x86-64, and compares with libraries that have debugging information.
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


def main(root, library, *options):
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

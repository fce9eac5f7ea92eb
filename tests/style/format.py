#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every source is as clang-format 14 would write it, and every text ends as a text should.

    format.py ROOT
"""

import os
import re
import shutil
import subprocess
import sys

import tree

VERSION = "14"
TEXTS = (".c", ".h", ".py", ".sh", ".build", ".in", ".scd", ".md", ".socket", ".varlink", ".conf")


def clang_format():
    for name in (f"clang-format-{VERSION}", "clang-format"):
        if shutil.which(name):
            told = subprocess.run([name, "--version"], capture_output=True, text=True, check=True)
            if re.search(rf"version {VERSION}\.", told.stdout):
                return name
    return None


def check_text(root, path):
    with open(os.path.join(root, path), "rb") as f:
        text = f.read()
    if text and not text.endswith(b"\n"):
        yield f"{path}: no newline at the end"
    for number, line in enumerate(text.split(b"\n"), 1):
        if line != line.rstrip():
            yield f"{path}:{number}: blanks at the end of the line"


def main(root):
    found = [p for path in tree.files(root, TEXTS) for p in check_text(root, path)]
    tool = clang_format()
    if not tool:
        if found:
            tree.finish("format", found)
        tree.skip(f"no clang-format {VERSION}: other versions differ in what they write")
    done = subprocess.run(
        [tool, "--dry-run", *tree.files(root, (".c", ".h"))],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    wrong = [line for line in done.stderr.splitlines() if "[-Wclang-format-violations]" in line]
    # One line for each file is enough to know what to do.
    files = {line.split(":", 1)[0]: line for line in reversed(wrong)}
    found += [files[path] for path in sorted(files)]
    tree.finish("format", found)


main(sys.argv[1])

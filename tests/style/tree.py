# SPDX-License-Identifier: MIT
"""The tree as the style tests see it: its files, and how a test tells what is wrong."""

import os
import sys

ROOMS = ("proto", "daemon", "client", "systemd", "man", "tests", "examples")
SKIPPED = 77  # what meson takes for "skipped"


def files(root, suffixes):
    """Paths relative to root of all files in the rooms with one of the suffixes."""
    for room in ROOMS:
        for folder, folders, names in os.walk(os.path.join(root, room)):
            folders[:] = sorted(f for f in folders if not f.startswith("."))
            for name in sorted(names):
                if name.endswith(suffixes):
                    yield os.path.relpath(os.path.join(folder, name), root)


def finish(what, problems):
    """Tells the problems and leaves: 0 without any, else 1."""
    for problem in problems:
        print(problem)
    print(f"{what}: {len(problems) or 'no'} problem{'' if len(problems) == 1 else 's'}")
    sys.exit(1 if problems else 0)


def skip(why):
    print(f"skipped: {why}")
    sys.exit(SKIPPED)

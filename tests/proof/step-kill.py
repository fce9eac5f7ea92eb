#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Builds step-kill.c with each compiler at each level, and runs it.

    step-kill.py ROOT [--all]

Every instruction of a publication is looked at.  Killed at are all but for -O0, where it is every fourth;
of the states that a death leaves, some are taken over step by step.  --all: each (a minute).
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile

COMPILERS = ("gcc", "clang")
LEVELS = ("-O0", "-O1", "-O2", "-O3")
# as proto/meson.build has it
CORE = "-ffreestanding -fno-stack-protector -fno-builtin -fcf-protection=none".split()
# level: at every which instruction to kill, and from every which state to step through a take-over
STRIDES = {"-O0": (4, 8), "-O1": (1, 4), "-O2": (1, 2), "-O3": (1, 4)}
SKIPPED = 77


def build(root, folder, compiler, level):
    """The harness at -O1, and at level what it steps."""
    base = [compiler, "-std=c11", "-D_GNU_SOURCE", f"-I{root}", f"-I{root}/proto/include"]
    program = os.path.join(folder, f"step-kill-{compiler}{level}")
    core = []
    for source in ("publish", "page"):
        core.append(f"{program}-{source}.o")
        source = os.path.join(root, "proto/page", source + ".c")
        subprocess.run(base + CORE + [level, "-c", source, "-o", core[-1]], check=True)
    harness = os.path.join(os.path.dirname(__file__), "step-kill.c")
    subprocess.run(base + ["-O1", harness] + core + ["-o", program], check=True)
    return program


def main(root, everything):
    kills = 0
    # parent and child hand each step to and fro: on one CPU that is several times faster
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as folder:
        for compiler in filter(shutil.which, COMPILERS):
            for level in LEVELS:
                program = build(root, folder, compiler, level)
                strides = [] if everything else [str(n) for n in STRIDES[level]]
                done = subprocess.run(
                    [program] + strides, capture_output=True, text=True, check=False
                )
                if done.returncode == SKIPPED:
                    print(f"skipped: {done.stdout}")
                    sys.exit(SKIPPED)
                if done.returncode:
                    sys.exit(f"{compiler} {level}: {done.stdout}{done.stderr}")
                print(f"{compiler} {level}: {done.stdout}", end="", flush=True)
                kills += int(re.search(r"kills (\d+)", done.stdout).group(1))
    print(f"{kills} kills: after each, readers and the successor went on")


main(sys.argv[1], "--all" in sys.argv)

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Spin's search of page.pml: the model holds, and fails with each of its parts taken away.

    spin.py PML
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile

TAKEN_AWAY = {
    "PLUS_ONE": "a store to a dead writer's line begins with seq + 1",
    "NO_REPAIR": "take-over without repair",
    "BACKUP_FIRST": "the backup is written first",
    "NO_RECHECK": "the sequence is not loaded again",
    "WRAP_IN_A_TRY": "the sequence comes round within one try",
}


def search(pml, define):
    """(whether no execution fails, what Spin said) of the model with define."""
    # one that fails does so before the optimizer's work has paid
    level = "-O0" if define else "-O1"
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(pml, os.path.join(folder, "page.pml"))
        steps = [
            ["spin", "-a"] + ([f"-D{define}"] if define else []) + ["page.pml"],
            ["cc", level, "-w", "-DSAFETY", "-DMEMLIM=2000", "-o", "pan", "pan.c"],
            ["./pan", "-m100000"],
        ]
        for step in steps:
            done = subprocess.run(step, cwd=folder, capture_output=True, text=True, check=False)
            if done.returncode:
                sys.exit(f"{' '.join(step)}: {done.stdout}{done.stderr}")
    told = done.stdout
    complete = "Search not completed" not in told and "max search depth" not in told
    if not complete and "pan:1:" not in told:
        sys.exit(f"the search was not complete:\n{told}")
    return "errors: 0" in told, told


def main(pml):
    if not shutil.which("spin"):
        print("skipped: no spin")
        sys.exit(77)
    holds, told = search(pml, None)
    if not holds:
        sys.exit(f"the model fails:\n{told}")
    states = re.search(r"(\d+) states, stored", told)
    print(f"the model holds: {states.group(1)} states")
    for define, what in TAKEN_AWAY.items():
        holds, told = search(pml, define)
        if holds:
            sys.exit(f"the model holds although {what}")
        print(f"fails, as it must: {what} ({re.search('pan:1: (.*) .at depth', told).group(1)})")


main(sys.argv[1])

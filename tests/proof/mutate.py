#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Breaks the page's text in one place after another, and sees that a proof fails for each.

    mutate.py ROOT [NUMBER...]

mutants.py lists them.  A mutant goes up the ladder of proofs, beginning with the one that its list entry
names, until one fails.  One that none fails must be explained as equivalent, and one that is must survive.
"""

import collections
import concurrent.futures
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

from mutants import MUTANTS

SANITIZE = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
CORE = ["proto/page/page.c", "proto/page/publish.c"]
C = ["cc", "-std=c11", "-D_GNU_SOURCE", "-w"]

# What of a proof takes long to compile and few mutants touch: once for all of the others.
SEARCH = ["c++", "-std=gnu++11", "-w", "-O1", "-DBRIEF", "-c", "tests/proof/relacy.cpp"]
COMMON = {"relacy.o": SEARCH}
# Of the headers it knows what they declare, the constants, and how lines are checked; the accesses are the
# text's alone.
DECLARED = re.compile(
    r"^(?:struct|enum) [^\n]*\{\n.*?^\}|^static inline uint64_t vdsotime_line_check.*?^\}"
    r"|^#define (?!VDSOTIME_(?:SEQ|META|WORD|READ|WRITE)_(?:LOAD|RELOAD|STORE|RELEASE|FENCE)\b)"
    r"(?:[^\n]*\\\n)*[^\n]*",
    re.MULTILINE | re.DOTALL,
)
TEXT = ["-O0", "tests/proof/relacy-page.c"]

# words: the compiler's, with paths in the mutant's tree; common: one of COMMON, or ""; arguments: those of
# what comes out.
Rung = collections.namedtuple("Rung", "words common arguments")
LADDER = {
    "unit": Rung(["-O0", "tests/unit/test-page.c", *CORE, "-lcmocka"], "", []),
    "step-kill": Rung(["-O1", "tests/proof/step-kill.c", *CORE], "", ["8", "8"]),
    "hostile": Rung(["-O0", *SANITIZE, "tests/proof/hostile.c", *CORE], "", ["20000", "301"]),
    "adversary": Rung(["-O0", *SANITIZE, "tests/proof/adversary.c"], "", ["1000", "50"]),
    "relacy": Rung([*TEXT, "-lstdc++"], "relacy.o", []),
    "stress": Rung(["-O1", "-pthread", "tests/proof/stress.c", *CORE], "", ["150"]),
    "halves": Rung([*TEXT, "-DHALVES", "-lstdc++"], "relacy.o", []),
}
# No proof takes so long, unless a mutant waits for ever.
SECONDS = 120


def compile_in(folder, words):
    command = [*words, "-I.", "-Iproto/include"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}:\n{done.stderr}")


def compile_common(root, folder, name):
    path = os.path.join(folder, name)
    compile_in(root, [*COMMON[name], "-o", path])
    return path


def plant(root, folder, mutant):
    """A tree with the mutant in it, or what is wrong with its list entry."""
    shutil.copytree(os.path.join(root, "proto"), os.path.join(folder, "proto"))
    for room in ("tests/proof", "tests/unit"):
        os.makedirs(os.path.join(folder, os.path.dirname(room)), exist_ok=True)
        os.symlink(os.path.join(root, room), os.path.join(folder, room))
    path = os.path.join(folder, mutant.path)
    with open(path, encoding="utf-8") as f:
        text = f.read()
    if text.count(mutant.old) != 1:
        return f"what it replaces is there {text.count(mutant.old)} times"
    with open(path, "w", encoding="utf-8") as f:
        f.write(text.replace(mutant.old, mutant.new))
    return None


def declares_otherwise(root, mutant):
    """Whether what was compiled from the headers without the mutant is of another kin."""
    with open(os.path.join(root, mutant.path), encoding="utf-8") as f:
        text = f.read()
    return DECLARED.findall(text) != DECLARED.findall(text.replace(mutant.old, mutant.new))


def fails(folder, common, name):
    """Whether a proof fails in this tree; common is None where it must have everything of its own."""
    rung = LADDER[name]
    program = os.path.join(folder, name)
    kept = []
    if rung.common and common:
        kept = [common[rung.common].result()]
    elif rung.common:
        kept = [compile_common(folder, folder, rung.common)]
    # an object before the library that it needs
    compile_in(folder, C + kept + rung.words + ["-o", program])
    try:
        run = subprocess.run(
            [program] + rung.arguments, capture_output=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return True
    return run.returncode not in (0, 77)


def judge(root, common, mutant):
    """The rung that killed it, or None."""
    with tempfile.TemporaryDirectory() as folder:
        wrong = plant(root, folder, mutant)
        if wrong:
            raise RuntimeError(wrong)
        if declares_otherwise(root, mutant):
            common = None
        order = sorted(LADDER, key=lambda rung: rung != mutant.rung)
        return next((rung for rung in order if fails(folder, common, rung)), None)


def usable(header):
    """Whether the compilers have a header."""
    before = "".join(f"#include <{h}.h>\n" for h in ("setjmp", "stdarg", "stddef", "stdint"))
    return not subprocess.run(
        ["c++", "-x", "c++", "-fsyntax-only", "-w", "-"],
        input=f"{before}#include <{header}>\n",
        capture_output=True,
        text=True,
        check=False,
    ).returncode


def main(root, numbers):
    missing = [header for header in ("cmocka.h", "relacy/relacy.hpp") if not usable(header)]
    if missing:
        print(f"skipped: no <{missing[0]}>: the ladder would lack a rung")
        sys.exit(77)
    chosen = [(i, m) for i, m in enumerate(MUTANTS, 1) if not numbers or i in numbers]
    survived = killed = equivalent = 0
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as kept:
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            common = {name: pool.submit(compile_common, root, kept, name) for name in COMMON}
            # those that climb the whole ladder first, so that none is left over at the end
            order = sorted(chosen, key=lambda job: not job[1].equivalent)
            submitted = {i: pool.submit(judge, root, common, m) for i, m in order}
            jobs = [(i, m, submitted[i]) for i, m in chosen]
            for i, mutant, job in jobs:
                try:
                    rung = job.result()
                except RuntimeError as error:
                    sys.exit(f"{i}: {mutant.what}: {error}")
                if rung and mutant.equivalent:
                    rung = f"{rung}, BUT SAID TO BE EQUIVALENT: {mutant.equivalent}"
                    survived += 1
                elif rung:
                    killed += 1
                elif mutant.equivalent:
                    equivalent += 1
                    rung = f"equivalent: {mutant.equivalent}"
                else:
                    survived += 1
                    rung = "SURVIVED"
                name = os.path.basename(mutant.path)
                print(f"{i:3} {name:15} {mutant.what:62} {rung}", flush=True)
    print(
        f"{len(chosen)} mutants, {killed} killed, {equivalent} equivalent, {survived} survived;"
        f" {time.monotonic() - start:.0f} s"
    )
    sys.exit(1 if survived else 0)


if __name__ == "__main__":
    main(sys.argv[1], [int(n) for n in sys.argv[2:]])

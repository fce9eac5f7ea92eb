#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Adds up what meson has noted of test runs.

    results.py BUILD_DIR...

Each case of a program that tells its cases counts, every other program counts as one.  A program that died, or
ran too long, has failed even when all cases that it told of had passed; a build directory without any result
is one failure.  Ends with `N passed, N failed, N skipped`; the exit status is 1 when anything failed.
"""

import json
import os
import sys
import xml.etree.ElementTree

BAD = ("FAIL", "ERROR", "TIMEOUT", "INTERRUPT", "UNEXPECTEDPASS")


def cases(path):
    """Program -> [(case, outcome)] of those that tell their cases."""
    found = {}
    for suite in xml.etree.ElementTree.parse(path).getroot():
        for case in suite:
            if case.tag != "testcase":
                continue
            outcome = "passed"
            for child in case:
                if child.tag in ("failure", "error"):
                    outcome = "failed"
                elif child.tag == "skipped":
                    outcome = "skipped"
            found.setdefault(suite.get("name"), []).append((case.get("name"), outcome))
    return found


def results(folder):
    """(what, outcome) of each case of a build directory."""
    logs = os.path.join(folder, "meson-logs")
    try:
        told = cases(os.path.join(logs, "testlog.junit.xml"))
        with open(os.path.join(logs, "testlog.json"), encoding="utf-8") as f:
            programs = [json.loads(line) for line in f]
    except OSError:
        programs = []
    if not programs:
        yield "the build, or the run of its tests", "failed"
        return
    for program in programs:
        # "vdsotimed:unit / page" is "vdsotimed.vdsotimed:unit / page" in the other file.
        own = next((c for n, c in told.items() if n.endswith("." + program["name"])), [])
        yield from ((f"{program['name']}: {case}", outcome) for case, outcome in own)
        if program["result"] in BAD:
            if all(outcome != "failed" for _, outcome in own):
                yield f"{program['name']}: {program['result']}", "failed"
        elif not own:
            yield program["name"], "skipped" if program["result"] == "SKIP" else "passed"


def main(folders):
    count = {"passed": 0, "failed": 0, "skipped": 0}
    for folder in folders:
        for what, outcome in results(folder):
            count[outcome] += 1
            if outcome == "failed":
                print(f"failed in {os.path.basename(folder)}: {what}")
    print(f"{count['passed']} passed, {count['failed']} failed, {count['skipped']} skipped")
    sys.exit(1 if count["failed"] else 0)


main(sys.argv[1:])

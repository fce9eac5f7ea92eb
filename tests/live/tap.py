# SPDX-License-Identifier: MIT
"""Runs the test_ functions of a module and tells the results as TAP, which meson reads."""

import inspect
import sys
import traceback


class Skip(Exception):
    """Raised by a test that cannot be run here, with the reason."""


def run(module, *args):
    """Each function test_NAME(*args) of the module, in the order in which they stand there."""
    tests = [f for n, f in vars(module).items() if n.startswith("test_") and inspect.isfunction(f)]
    print(f"1..{len(tests)}")
    failed = 0
    for number, test in enumerate(tests, 1):
        try:
            test(*args)
            print(f"ok {number} - {test.__name__}")
        except Skip as why:
            print(f"ok {number} - {test.__name__} # SKIP {why}")
        except Exception:  # pylint: disable=broad-except
            failed += 1
            print(f"not ok {number} - {test.__name__}")
            # meson shows what comes on stderr.
            sys.stdout.flush()
            traceback.print_exc()
        sys.stdout.flush()
    sys.exit(1 if failed else 0)

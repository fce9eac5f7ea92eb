# SPDX-License-Identifier: MIT
"""What tests assert, with both sides told where it does not hold."""

import time

from daemon import PATIENCE_S


def assert_equal(found, expected, what=""):
    assert found == expected, f"{what}: {found!r} is not {expected!r}"


def assert_in(part, whole):
    assert part in whole, f"{part!r} is not in {whole!r}"


def wait_until(condition):
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.01)

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Allocations that fail in the whole daemon: while it starts, in every method, and when it reads its
configuration again.

    memory.py VDSOTIMED HEAP_LIBRARY

Each one in turn, alone and with all that come after it, until all are passed.  A start is refused with a
word, a call answered or its connection closed; nothing is lost and no one else is met.
"""

import contextlib
import os
import re
import signal
import socket
import sys
import time

import tap
from faults import TIME, Subject, ask_stamps, converse, subscription, varlink

INTERFACE = os.path.join(os.path.dirname(__file__), "../../proto/wire/org.vdsotime.Time.varlink")


def check_start(program, heap_library, normal_blocks, countdown, for_good):
    """Whether there was such an allocation."""
    with Subject(program, heap_library, countdown=countdown, for_good=for_good) as s:
        if s.starts():
            s.heap["countdown"] = -1
            assert converse(s.runtime_dir, 1) == 2, f"allocation {countdown}: it does not serve"
            s.signal(signal.SIGTERM)
            status = s.end()
            assert status == 0, f"allocation {countdown}: it ended with {status}"
        else:
            status = s.end()
            assert status == 1, f"allocation {countdown}: it ended with {status}: {s.log()[-300:]}"
            assert "annot" in s.log(), f"allocation {countdown}: refused without a word"
        assert s.heap["live_blocks"] <= normal_blocks, f"allocation {countdown}: blocks are lost"
        assert not os.listdir(s.runtime_dir), f"allocation {countdown}: files are left behind"
        return s.heap["failed"] > 0


def test_start_without_memory_is_refused_or_goes_well(program, heap_library):
    with Subject(program, heap_library) as s:
        assert s.listens()
        s.signal(signal.SIGTERM)
        assert s.end() == 0
        blocks = s.heap["live_blocks"]
    for for_good in (0, 1):
        n = 0
        while check_start(program, heap_library, blocks, n, for_good):
            n += 1
        print(f"# {n} allocations")
        assert n > 10


def run_out(subject, act):
    """Do it with each allocation failing in turn; how many there were."""
    act()
    converse(subject.runtime_dir, 1)  # tables grow to their size
    act()
    descriptors, blocks = subject.at_rest()
    for for_good in (0, 1):
        subject.heap["for_good"] = for_good
        n = 0
        while True:
            before = subject.heap["failed"]
            subject.heap["countdown"] = n
            with contextlib.suppress(OSError, AssertionError):
                act()
            subject.heap["countdown"] = -1
            assert subject.process.poll() is None, f"allocation {n}: it died: {subject.log()[-300:]}"
            left = subject.settles(descriptors)
            assert not left, f"allocation {n}: left behind: {left}"
            if subject.heap["failed"] == before:
                break
            n += 1
        more = subject.lost_blocks(blocks)
        assert more <= 0, f"{more} blocks are lost"
    return n


def methods():
    with open(INTERFACE, encoding="utf-8") as f:
        return re.findall(r"^method (\w+)", f.read(), re.MULTILINE)


def monitor(runtime_dir):
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(1)
        s.connect(os.path.join(runtime_dir, TIME))
        parameters = '{"intervalNSec":1000000,"count":2}'
        s.send(f'{{"method":"{TIME}.Monitor","more":true,"parameters":{parameters}}}\0'.encode())
        data = b""
        while data.count(b"\0") < 2:
            chunk = s.recv(65536)
            if not chunk:
                return
            data += chunk


def test_serving_without_memory_loses_the_call_at_most(program, heap_library):
    with Subject(program, heap_library) as s:
        s.ready()
        acts = {
            f"{TIME}.{m}": lambda m=m: varlink(s.runtime_dir, f"{TIME}.{m}")
            for m in methods()
            if m not in ("Monitor", "Reload")
        }
        acts["GetInfo"] = lambda: varlink(s.runtime_dir, "org.varlink.service.GetInfo")
        acts["GetInterfaceDescription"] = lambda: varlink(
            s.runtime_dir, "org.varlink.service.GetInterfaceDescription", {"interface": TIME}
        )
        acts["Monitor"] = lambda: monitor(s.runtime_dir)
        with subscription(s.runtime_dir) as bystander:
            for name, act in acts.items():
                count = run_out(s, act)
                print(f"# {name}: {count} allocations")
                assert count > 0
            count = run_out(s, lambda: ask_stamps(s.runtime_dir))
            assert count == 0, f"stamps take {count} allocations"
            bystander.settimeout(10)
            assert len(bystander.recv(64)) == 32
        assert converse(s.runtime_dir, 1) == 2
        s.signal(signal.SIGTERM)
        assert s.end() == 0


def test_crowd_without_memory_is_served(program, heap_library):
    """Tables grow with each of its descriptors."""
    with Subject(program, heap_library) as s, contextlib.ExitStack() as stack:
        s.ready()
        s.heap["for_good"] = 1
        s.heap["countdown"] = 0
        for _ in range(400):
            stack.enter_context(subscription(s.runtime_dir))
        print(f"# {s.heap['failed']} allocations")
        assert s.heap["failed"] > 0
        s.heap["countdown"] = -1
        assert converse(s.runtime_dir, 1) == 2
        s.signal(signal.SIGTERM)
        assert s.end() == 0


def test_reading_the_configuration_without_memory_keeps_that_in_force(program, heap_library):
    with Subject(program, heap_library) as s:
        s.ready()

        def reload_by_signal():
            read = s.log().count("read again") + s.log().count("refused")
            s.drain()
            s.signal(signal.SIGHUP)
            end = time.monotonic() + 10
            while s.log().count("read again") + s.log().count("refused") == read:
                assert time.monotonic() < end, "nothing is said of it"
                time.sleep(0.001)

        def reload_by_call():
            s.drain()
            varlink(s.runtime_dir, f"{TIME}.Reload")

        for act in (reload_by_signal, reload_by_call):
            print(f"# {run_out(s, act)} allocations")
            s.drain()
        assert converse(s.runtime_dir, 1) == 2
        s.signal(signal.SIGTERM)
        assert s.end() == 0


if __name__ == "__main__":
    tap.run(sys.modules[__name__], *sys.argv[1:])

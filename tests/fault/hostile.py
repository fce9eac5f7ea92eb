#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What somebody who means harm costs the daemon: CPU time and heap for each of his tries.

    hostile.py VDSOTIMED HEAP_LIBRARY [--bench]

Each try comes from a connection of its own.  It is refused, its peer closed and counted by its reason; no
one else is met, and nothing is left when all have gone.  A refusal takes no more heap than HEAP_BYTES, and
no more CPU time than FACTOR times that of the smallest message that is refused; --bench tells the figures of
more tries.
"""

import array
import contextlib
import os
import socket
import statistics as mathematics
import struct
import sys
import time

import dialogue
import stamp
import tap
from faults import PATIENCE_S, TIME, Subject, now, check_times

HEAP_BYTES = 256 * 1024
FACTOR = 8
TRIES, BENCH_TRIES = 60, 1000
TIMED_TRIES = 50  # of those that take time until they are closed

CALL = b'{"method":"a.b","parameters":{"a":%s}}'
MAX = 4095


def filled(prefix, unit, suffix):
    """As many units as a message may have."""
    room = MAX - len(CALL) - len(prefix) - len(suffix)
    return CALL % (prefix + unit * (room // len(unit)) + suffix)


def keys(n):
    return b"{" + b",".join(b'"k%d":0' % i for i in range(n)) + b"}"


# name: (reason that it is counted by, message)
MESSAGES = {
    "one byte": ("jsonSyntax", b"x"),
    "depth of arrays": ("jsonLimit", filled(b"", b"[", b"")),
    "depth of objects": ("jsonLimit", filled(b"", b'{"a":', b"")),
    "many {}": ("jsonLimit", filled(b"[", b"{},", b"{}]")),
    "many []": ("jsonLimit", filled(b"[", b"[],", b"[]]")),
    "many numbers": ("jsonLimit", filled(b"[", b"0,", b"0]")),
    "many keys": ("jsonLimit", CALL % keys(300)),
    "long string, open": ("jsonSyntax", filled(b'"', b"a", b"")),
    "long string of escapes": ("jsonEncoding", filled(b'"', b"\\u0041", b'\\u0000"')),
    "long key": ("call", b'{"' + b"k" * (MAX - 20) + b'":0}'),
    "digits": ("jsonNumber", filled(b"", b"9", b"")),
    "digits of a fraction": ("jsonNumber", filled(b"1.", b"9", b"e999")),
    "key twice": ("jsonKey", CALL % b'{"k":0,"k":0}'),
    "key twice at the end": ("jsonKey", CALL % (keys(50)[:-1] + b',"k49":0}')),
    "key twice by an escape": ("jsonKey", CALL % b'{"k":0,"\\u006b":0}'),
    "key with a NUL": ("jsonKey", CALL % b'{"\\u0000b":1}'),
    "NaN": ("jsonSyntax", CALL % b"NaN"),
    "no UTF-8": ("jsonEncoding", filled(b'"', b"\xc3\xa9", b'\xff"')),
    "only blanks": ("jsonSyntax", b" " * MAX),
    "too long": ("length", b"[" * 65536),
    "no call": ("call", b'{"method":1}'),
}

ZERO = struct.pack("=HHiQ", 0, 0, 0, 0)
PACKETS = {
    "one byte": ("length", [b"x"]),
    "half a request": ("length", [stamp.hello() + stamp.stamp(0)[:-1]]),
    "a packet too long": ("length", [stamp.hello(), stamp.stamp(0) * 300]),
    "no hello": ("helloMissing", [stamp.stamp(0) * 256]),
    "hello again": ("helloRepeated", [stamp.hello() * 256]),
    "bad magic": ("magic", [stamp.hello(magic=1)]),
    "no operation": ("operation", [stamp.hello() + stamp.stamp(0) * 254 + ZERO]),
    "reserved bits": ("reserved", [stamp.hello() + struct.pack("=HHiQ", stamp.STAMP, 1, 0, 0)]),
    "attach again": ("attachRepeated", [stamp.hello() + stamp.attach() * 2]),
}


def connect(subject, name, kind):
    s = socket.socket(socket.AF_UNIX, kind)
    s.settimeout(PATIENCE_S)
    s.connect(os.path.join(subject.runtime_dir, name))
    return s


def seqpacket(subject):
    return connect(subject, "stamp", socket.SOCK_SEQPACKET)


def stream(subject):
    return connect(subject, TIME, socket.SOCK_STREAM)


def wait_closed(s):
    """Reads what was sent before, if any, until the end."""
    with contextlib.suppress(ConnectionResetError):
        while s.recv(65536):
            pass


def send_all(s, messages):
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        for message in messages:
            s.sendall(message)


def try_message(subject, message):
    with stream(subject) as s:
        send_all(s, [message + b"\0"])
        wait_closed(s)


def try_packets(subject, packets):
    with seqpacket(subject) as s:
        send_all(s, packets)
        wait_closed(s)


def check_bystander(s):
    before = now()
    replies = stamp.ask(s, *(stamp.stamp(c) for c in stamp.CLOCKS))
    check_times(replies, stamp.CLOCKS, before, now())


class Costs:
    """Of tries of one kind: CPU time of each, and the most that the heap grew by."""

    def __init__(self, subject, bystander, act, tries):
        """In portions, of which the cheapest counts; each ends when the daemon has turned to another."""
        act()
        _, live = subject.at_rest()
        bytes_before = subject.heap["live_bytes"]
        subject.heap["peak_bytes"] = bytes_before
        portion = max(1, tries // 6)
        spent = []
        for _ in range(6):
            before = subject.cpu_ns()
            for _ in range(portion):
                act()
            check_bystander(bystander)
            check_bystander(bystander)
            spent.append((subject.cpu_ns() - before) / portion)
        self.tries = 1 + 6 * portion
        self.cpu_us = min(spent) / 1000
        self.median_us = mathematics.median(spent) / 1000
        self.heap_bytes = subject.heap["peak_bytes"] - bytes_before
        lost = subject.lost_blocks(live)
        assert lost < portion, f"{lost} blocks are kept"

    def tell(self, name):
        print(
            f"# {name:36} {self.cpu_us:7.1f} us at best, {self.median_us:7.1f} median of CPU, "
            f"{self.heap_bytes:7} bytes of heap"
        )


@contextlib.contextmanager
def attacked(program, heap_library):
    """A daemon, one who uses it meanwhile, and a look at what is left."""
    with Subject(program, heap_library) as d:
        d.ready()
        for _ in range(3):
            try_message(d, b"x")
            try_packets(d, [b"x"])
        descriptors, _ = d.at_rest()
        with seqpacket(d) as s:
            stamp.ask(s, stamp.hello())
            yield d, s
            check_bystander(s)
        left = d.settles(descriptors)
        for look in (stamp.statistics, dialogue.statistics):
            assert look(d)["subscriptions"] == 0
        assert not left, f"left behind: {left}"


def test_refusals_are_cheap_and_counted(program, heap_library, *flags):
    tries = BENCH_TRIES if "--bench" in flags else TRIES
    kinds = [
        ("message", try_message, MESSAGES, dialogue.refusals),
        ("packet", try_packets, PACKETS, stamp.refusals),
    ]
    with attacked(program, heap_library) as (d, bystander):
        for kind, act, cases, refusals in kinds:
            least = Costs(d, bystander, lambda: act(d, cases["one byte"][1]), tries)
            for name, (reason, what) in cases.items():
                before = refusals(d).get(reason, 0)
                costs = Costs(d, bystander, lambda: act(d, what), tries)
                costs.tell(f"{kind}: {name}")
                assert refusals(d).get(reason, 0) - before == costs.tries, (name, refusals(d))
                assert costs.heap_bytes <= HEAP_BYTES, (name, costs.heap_bytes)
                assert costs.cpu_us <= FACTOR * least.cpu_us, (name, costs.cpu_us, least.cpu_us)
                check_bystander(bystander)


def test_descriptors_that_are_sent_cost_little(program, heap_library, *flags):
    tries = BENCH_TRIES if "--bench" in flags else TRIES
    null = os.open("/dev/null", os.O_RDONLY)
    messages = [
        (stream, b'{"method":"org.varlink.service.GetInfo"}\0'),
        (seqpacket, stamp.hello()),
    ]
    with attacked(program, heap_library) as (d, bystander):
        for connected, message in messages:
            for count in (1, 253):
                sent = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [null] * count))]

                def act():
                    with connected(d) as s:
                        s.sendmsg([message], sent)
                        assert s.recv(65536)

                before = d.descriptors()
                Costs(d, bystander, act, tries).tell(f"{connected.__name__}: {count} descriptors")
                assert not d.settles(before, 1)
                check_bystander(bystander)
    os.close(null)


def test_half_closes_and_resets_cost_little(program, heap_library, *flags):
    tries = BENCH_TRIES if "--bench" in flags else TRIES

    def half_close(connected, *messages):
        def act():
            with connected(d) as s:
                send_all(s, messages)
                s.shutdown(socket.SHUT_WR)
                wait_closed(s)

        return act

    def reset(connected, *messages):
        def act():
            with connected(d) as s:
                send_all(s, messages)  # what is answered is not read

        return act

    call = b'{"method":"org.vdsotime.Time.GetVdso"}\0'
    with attacked(program, heap_library) as (d, bystander):
        for make in (half_close, reset):
            for connected, messages in (
                (stream, ()),
                (stream, (b'{"method":',)),
                (stream, (call,) * 3),
                (seqpacket, ()),
                (seqpacket, (stamp.hello(), stamp.stamp(0) * 256)),
            ):
                name = f"{make.__name__}: {connected.__name__}, {len(messages)} sent"
                Costs(d, bystander, make(connected, *messages), tries).tell(name)
                check_bystander(bystander)


def fill(s, message):
    """Until the daemon takes no more."""
    s.setblocking(False)
    with contextlib.suppress(BlockingIOError, BrokenPipeError, ConnectionResetError):
        while True:
            s.send(message)


def begin_loris(subject):
    s = stream(subject)
    s.send(b'{"method":')
    return s


def begin_mute_monitor(subject):
    s = stream(subject)
    monitor = f'{{"method":"{TIME}.Monitor","more":true,"parameters":{{"intervalNSec":1000000}}}}\0'
    s.send(monitor.encode())
    return s


def begin_mute_caller(subject):
    s = stream(subject)
    fill(s, b'{"method":"org.vdsotime.Time.GetVdso"}\0')
    return s


def begin_mute_stamper(subject):
    s = seqpacket(subject)
    s.send(stamp.hello())
    fill(s, stamp.stamp(0) * 256)
    return s


def test_those_who_keep_it_waiting_are_closed(program, heap_library, *_flags):
    cases = [
        (begin_loris, dialogue.statistics, "unfinished"),
        (begin_mute_monitor, dialogue.statistics, "stalled"),
        (begin_mute_caller, dialogue.statistics, "stalled"),
        (begin_mute_stamper, stamp.statistics, "stalled"),
    ]
    with attacked(program, heap_library) as (d, bystander):
        for begin, look, counter in cases:
            descriptors, live = d.at_rest()
            before, spent, count = d.heap["live_bytes"], d.cpu_ns(), look(d)[counter]
            d.heap["peak_bytes"] = before
            with contextlib.ExitStack() as stack:
                for _ in range(TIMED_TRIES):
                    stack.callback(begin(d).close)
                end = time.monotonic() + PATIENCE_S
                while look(d)[counter] - count < TIMED_TRIES:
                    assert time.monotonic() < end, f"{begin.__name__}: {look(d)[counter] - count} closed"
                    check_bystander(bystander)
                    time.sleep(0.02)
                grown = (d.heap["peak_bytes"] - before) / TIMED_TRIES
            print(
                f"# {begin.__name__:20} {(d.cpu_ns() - spent) / TIMED_TRIES / 1000:8.1f} us of CPU "
                f"with what was served, {grown:8.0f} bytes of heap each"
            )
            assert grown <= HEAP_BYTES, (begin.__name__, grown)
            left = d.settles(descriptors, 1)
            assert not left, (begin.__name__, left)
            assert d.lost_blocks(live) < TIMED_TRIES, f"{begin.__name__}: memory is kept"


if __name__ == "__main__":
    tap.run(sys.modules[__name__], *sys.argv[1:])

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The stamp socket of a real daemon, spoken byte by byte as PROTOCOL.md draws it.

    stamp.py VDSOTIMED
"""

import array
import contextlib
import errno
import fcntl
import mmap
import os
import resource
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time

import tap
from checks import wait_until
from daemon import PATIENCE_S, Daemon

HELLO, ATTACH, STAMP, SUBSCRIBE, TICK = 1, 2, 3, 4, 5
MAGIC = 0x53744456
FROM_PAGE, LAST = 1, 2
REALTIME, MONOTONIC, RAW, BOOTTIME, TAI = 0, 1, 4, 7, 11
CLOCKS = (REALTIME, MONOTONIC, RAW, BOOTTIME, TAI)


def hello(version=1, magic=MAGIC):
    return struct.pack("=HHIII", HELLO, 0, version, magic, 0)


def attach():
    return struct.pack("=HHIQ", ATTACH, 0, 0, 0)


def stamp(clock):
    return struct.pack("=HHiQ", STAMP, 0, clock, 0)


def subscribe(clock, interval_us, count=0):
    return struct.pack("=HHiII", SUBSCRIBE, 0, clock, interval_us, count)


def records(packet):
    """(op, flags, error, time_ns, counter_ticks, lost) of each."""
    return list(struct.iter_unpack("=HHiqQQ", packet))


def connect(daemon, *first):
    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    s.settimeout(PATIENCE_S)
    s.connect(os.path.join(daemon.runtime_dir, "stamp"))
    if first:
        s.send(b"".join(first))
        records(s.recv(65536))
    return contextlib.closing(s)


def ask(s, *requests):
    s.send(b"".join(requests))
    return records(s.recv(65536))


def statistics(daemon):
    sockets = daemon.call("org.vdsotime.Time.GetStatistics")["sockets"]
    return next(s for s in sockets if s["socket"] == "stamp")


def refusals(daemon):
    return {r["reason"]: r["count"] for r in statistics(daemon)["refused"]}


def is_closed(s):
    try:
        return s.recv(65536) == b""
    except ConnectionResetError:
        return True


def open_descriptors(daemon):
    """Those that stay: it opens files of sysfs now and then."""
    seen = []
    for _ in range(5):
        seen.append(set(os.listdir(f"/proc/{daemon.process.pid}/fd")))
        time.sleep(0.003)
    return sorted(set.intersection(*seen), key=int)


def cpu_s(daemon):
    """CPU time that it has used."""
    with open(f"/proc/{daemon.process.pid}/stat", encoding="ascii") as f:
        fields = f.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_one_packet_greets_attaches_and_stamps(program):
    with Daemon(program) as d, connect(d) as s:
        before = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
        s.send(hello() + attach() + b"".join(stamp(c) for c in CLOCKS))
        packet, ancillary, flags, _ = s.recvmsg(65536, socket.CMSG_SPACE(64))
        after = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
        assert flags & socket.MSG_CTRUNC == 0 and len(ancillary) == 1
        fds = array.array("i", ancillary[0][2])
        assert len(fds) == 1
        replies = records(packet)
        assert [r[0] for r in replies] == [HELLO, ATTACH] + [STAMP] * 5
        assert all(r[2] == 0 for r in replies)
        assert struct.unpack_from("=II", packet, 8) == (1, 256)
        major, minor, size = struct.unpack_from("=HHI", packet, 32 + 8)
        assert (major, minor) == (1, 0) and size == os.fstat(fds[0]).st_size
        assert before - 10**6 <= replies[3][3] <= after + 10**6, "MONOTONIC"
        mapped = mmap.mmap(fds[0], size, mmap.MAP_SHARED, mmap.PROT_READ)
        assert mapped[:8] == struct.pack("=Q", 0x454D49544F534456)
        mapped.close()
        try:
            os.write(fds[0], b"x")
            raise AssertionError("the descriptor is writable")
        except OSError as e:
            assert e.errno == errno.EBADF
        assert fcntl.fcntl(fds[0], fcntl.F_GET_SEALS) & 0x7 == 0x7
        os.close(fds[0])
        assert statistics(d)["attached"] == 1


def test_page_is_on_its_way_once_for_each_connection(program):
    with Daemon(program) as d, connect(d, hello()) as s, connect(d, hello()) as other:
        sent = 40
        for _ in range(sent):
            s.send(attach())
        wait_until(lambda: statistics(d)["frames"] == 2 + sent)
        assert ask(other, attach())[0][2] == 0
        replies = [records(s.recv(65536))[0] for _ in range(sent)]
        assert [r[2] for r in replies] == [0] + [-errno.EBUSY] * (sent - 1)
        assert ask(s, attach())[0][2] == 0
        assert statistics(d)["attached"] == 3
        assert statistics(d)["attachRefused"] == [{"reason": "busy", "count": sent - 1}]


def test_page_that_is_not_taken_keeps_a_closed_connection(program):
    with Daemon(program) as d:
        before = open_descriptors(d)
        with connect(d) as taken, connect(d) as left:
            for s in taken, left:
                s.send(hello() + attach())
                s.send(b"junk")
            wait_until(lambda: refusals(d) == {"length": 2})
            assert statistics(d)["peers"] == 2
            assert len(records(taken.recv(65536))) == 2
            assert is_closed(taken)
            wait_until(lambda: statistics(d)["peers"] == 1)
        wait_until(lambda: statistics(d)["peers"] == 0)
        wait_until(lambda: open_descriptors(d) == before)


def test_packet_of_256_is_answered_in_order(program):
    with Daemon(program) as d, connect(d, hello()) as s:
        clocks = [CLOCKS[i % 5] for i in range(256)]
        replies = ask(s, *(stamp(c) for c in clocks))
        assert len(replies) == 256
        for clock in CLOCKS:
            times = [r[3] for r, c in zip(replies, clocks) if c == clock]
            assert times == sorted(times)
        tai = [r[3] for r, c in zip(replies, clocks) if c == TAI]
        assert abs(tai[0] - time.time_ns()) < 3600 * 10**9


def test_clock_that_is_not_served_is_an_error_of_its_record_alone(program):
    with Daemon(program) as d, connect(d, hello()) as s:
        replies = ask(s, *(stamp(c) for c in (2, MONOTONIC, 3, 5, -1, 2**31 - 1, REALTIME)))
        assert [r[2] for r in replies] == [-errno.EINVAL, 0] + [-errno.EINVAL] * 4 + [0]
        assert all(r[3:] == (0, 0, 0) and r[1] == 0 for r in replies if r[2])
        assert refusals(d) == {}


def test_what_breaks_the_protocol_is_closed_and_counted(program):
    zero = struct.pack("=HHiQ", 0, 0, 0, 0)
    cases = [
        ("length", [hello() + stamp(0)[:-1]]),
        ("length", [hello()[:8]]),
        ("length", [b""]),
        ("length", [hello(), b""]),
        ("length", [hello(), stamp(0) * 257]),
        ("length", [hello(), stamp(0) * 300 + b"x"]),
        ("helloMissing", [stamp(0)]),
        ("helloMissing", [attach() + hello()]),
        ("helloRepeated", [hello() + hello()]),
        ("helloRepeated", [hello(), hello()]),
        ("magic", [hello(magic=0)]),
        ("magic", [hello(magic=0x56447453)]),
        ("operation", [hello(), zero]),
        ("operation", [hello(), struct.pack("=HHiQ", TICK, 0, 0, 0)]),
        ("operation", [hello(), stamp(0) * 255 + struct.pack("=HHiQ", 6, 0, 0, 0)]),
        ("reserved", [hello(), struct.pack("=HHiQ", STAMP, 1, 0, 0)]),
        ("reserved", [hello(), struct.pack("=HHiQ", STAMP, 0, 0, 1)]),
        ("reserved", [hello(), struct.pack("=HHiQ", ATTACH, 0, 1, 0)]),
        ("reserved", [hello(), subscribe(0, 0, 1)]),
        ("attachRepeated", [hello() + attach() + attach()]),
    ]
    with Daemon(program) as d, connect(d, hello()) as bystander:
        expected = {}
        for reason, packets in cases:
            with connect(d, *packets[:-1]) as s:
                s.send(packets[-1])
                assert is_closed(s), (reason, "was answered")
            expected[reason] = expected.get(reason, 0) + 1
        assert refusals(d) == expected
        assert ask(bystander, stamp(MONOTONIC))[0][2] == 0
        wait_until(lambda: statistics(d)["peers"] == 1)


def test_unspoken_version_is_told_and_closed(program):
    with Daemon(program) as d, connect(d) as s:
        replies = ask(s, hello(version=0), stamp(0))
        assert [r[2] for r in replies] == [-errno.EPROTONOSUPPORT] * 2
        assert replies[0][3] & 0xFFFFFFFF == 1
        assert is_closed(s)
        with connect(d) as t:
            assert ask(t, hello(version=7))[0][3] & 0xFFFFFFFF == 1


def test_last_reply_survives_a_close_with_more_sent(program):
    """A refusal behind a good packet does not take its reply with it."""
    with Daemon(program) as d:
        for _ in range(50):
            with connect(d) as s:
                s.send(hello() + stamp(REALTIME))
                for packet in (stamp(0), b"bad", stamp(0), stamp(0)):
                    try:
                        s.send(packet)
                    except (BrokenPipeError, ConnectionResetError):
                        break
                assert len(records(s.recv(65536))) == 2
                assert len(records(s.recv(65536))) == 1
                assert is_closed(s)


def test_ticks_come_until_the_count(program):
    with Daemon(program) as d, connect(d, hello()) as s:
        reply = ask(s, subscribe(BOOTTIME, 20000, 5))[0]
        assert reply[0] == SUBSCRIBE and reply[2] == 0
        assert reply[3] == 20000 | 5 << 32
        ticks = [records(s.recv(65536)) for _ in range(5)]
        assert all(len(t) == 1 and t[0][0] == TICK for t in ticks)
        assert [t[0][1] & LAST for t in ticks] == [0, 0, 0, 0, LAST]
        sent = [t[0][3] for t in ticks]
        lost = sum(t[0][5] for t in ticks)
        assert sent == sorted(sent)
        assert sent[-1] - sent[0] >= 3 * 20 * 10**6
        print(f"# lost {lost}")
        assert ask(s, stamp(MONOTONIC))[0][0] == STAMP
        assert statistics(d)["subscriptions"] == 0
        assert statistics(d)["ticks"] == 5


def test_subscription_is_replaced_ended_and_refused(program):
    with Daemon(program) as d, connect(d, hello()) as s:
        assert ask(s, subscribe(0, 10**6))[0][2] == 0
        assert ask(s, subscribe(0, 10**6))[0][2] == 0
        assert statistics(d)["subscriptions"] == 1
        assert ask(s, subscribe(0, 999))[0][2] == -errno.ERANGE
        assert statistics(d)["subscriptions"] == 0
        assert ask(s, subscribe(5, 10**6))[0][2] == -errno.EINVAL
        assert ask(s, subscribe(0, 10**6))[0][2] == 0
        assert ask(s, subscribe(0, 0))[0][2:4] == (0, 0)
        assert statistics(d)["subscriptions"] == 0


def test_reader_that_is_slow_loses_ticks_and_is_told(program):
    with Daemon(program) as d, connect(d, hello()) as s:
        ask(s, subscribe(MONOTONIC, 1000))
        wait_until(lambda: statistics(d)["ticksLost"] > 100)
        received = 1
        while records(s.recv(65536))[0][5] < 50:
            received += 1
        assert received > 5, "what was sent before is kept"
        assert statistics(d)["stalled"] == 0


def test_reader_that_never_reads_is_closed(program):
    with tempfile.NamedTemporaryFile("w") as config:
        config.write("[Socket]\nStallTimeout=300ms\n")
        config.flush()
        with Daemon(program, f"--config={config.name}") as d:
            with connect(d, hello()) as ticks, connect(d, hello()) as replies:
                ask(ticks, subscribe(MONOTONIC, 1000))
                replies.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    while True:
                        replies.send(stamp(0) * 256)
                wait_until(lambda: statistics(d)["stalled"] == 2)
                assert statistics(d)["peers"] == 0


def test_peer_that_reads_again_gets_every_reply(program):
    with Daemon(program) as d, connect(d, hello()) as s:
        s.setblocking(False)
        sent = 0
        with contextlib.suppress(BlockingIOError):
            while True:
                s.send(stamp(MONOTONIC) * 256)
                sent += 1
        s.settimeout(PATIENCE_S)
        last = 0
        for _ in range(sent):
            replies = records(s.recv(65536))
            assert len(replies) == 256
            assert replies[0][3] >= last
            last = replies[-1][3]
        assert ask(s, stamp(0))[0][2] == 0
        print(f"# {sent} packets were under way")


def test_descriptors_that_are_sent_to_it_are_dropped(program):
    with Daemon(program) as d, connect(d, hello()) as s:
        before = open_descriptors(d)
        null = os.open("/dev/null", os.O_RDONLY)
        for count in (1, 3, 253):
            s.sendmsg(
                [stamp(0)],
                [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [null] * count))],
            )
            assert records(s.recv(65536))[0][2] == 0
        assert open_descriptors(d) == before
        os.close(null)


def test_half_closes_resets_and_empty_packets_leave_nothing(program):
    with Daemon(program) as d:
        before = open_descriptors(d)
        for i in range(60):
            with connect(d) as s:
                if i % 3 == 0:
                    s.send(hello())
                if i % 3 == 1:
                    s.send(b"")
                if i % 2:
                    s.shutdown(socket.SHUT_WR)
        wait_until(lambda: statistics(d)["accepted"] == 60)
        wait_until(lambda: statistics(d)["peers"] == 0)
        wait_until(lambda: open_descriptors(d) == before)


def test_half_closed_client_still_gets_its_reply(program):
    with Daemon(program) as d, connect(d) as s:
        s.send(hello() + stamp(0))
        s.send(stamp(1) * 3)
        s.shutdown(socket.SHUT_WR)
        assert len(records(s.recv(65536))) == 2
        assert len(records(s.recv(65536))) == 3
        assert is_closed(s)


def as_user(uid, function):
    """Run it in a child of that uid; its exit status."""
    pid = os.fork()
    if pid == 0:
        status = 99
        try:
            os.setgroups([])
            os.setgid(uid)
            os.setuid(uid)
            status = function()
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_one_user_is_held_to_its_share(program):
    if os.geteuid() != 0:
        raise tap.Skip("only root can be other users")
    with tempfile.NamedTemporaryFile("w") as config:
        config.write("[Socket]\nMaxPeers=16\nMaxPeersPerUser=5\nReservedPeers=4\n")
        config.flush()
        with Daemon(program, f"--config={config.name}") as d:
            os.chmod(d.folder.name, 0o755)

            def flood():
                held = []
                for _ in range(10):
                    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                    s.settimeout(PATIENCE_S)
                    s.connect(os.path.join(d.runtime_dir, "stamp"))
                    try:
                        s.send(hello())
                        if s.recv(64):
                            held.append(s)
                    except (BrokenPipeError, ConnectionResetError):
                        pass
                return len(held)

            assert as_user(12345, flood) == 5
            assert as_user(12346, flood) == 5
            wait_until(lambda: statistics(d)["peers"] == 0)
            away = {r["reason"]: r["count"] for r in statistics(d)["turnedAway"]}
            assert away == {"user": 10}
            with contextlib.ExitStack() as stack:
                for _ in range(12):
                    stack.enter_context(connect(d, hello()))
                assert as_user(12345, flood) == 0, "the reserve is the privileged user's"
                with connect(d, hello()) as s:
                    assert ask(s, stamp(0))[0][2] == 0


def test_user_that_asks_too_much_is_slowed_down(program):
    if os.geteuid() != 0:
        raise tap.Skip("only root can be other users")
    with tempfile.NamedTemporaryFile("w") as config:
        config.write("[Socket]\nRequestsPerUser=300\n")
        config.flush()
        with Daemon(program, f"--config={config.name}") as d, connect(d, hello()) as bystander:
            os.chmod(d.folder.name, 0o755)
            seconds = 2

            def flood():
                """All that two connections give, as fast as they do."""
                replies = 0
                with connect(d, hello()) as a, connect(d, hello()) as b:
                    end = time.monotonic() + seconds
                    a.setblocking(False)
                    b.setblocking(False)
                    while time.monotonic() < end:
                        for s in (a, b):
                            with contextlib.suppress(BlockingIOError):
                                s.send(stamp(MONOTONIC))
                            with contextlib.suppress(BlockingIOError):
                                replies += len(records(s.recv(65536)))
                print(f"# {replies} replies in {seconds} s at 300 a second", flush=True)
                return 0 if 300 * seconds * 0.5 < replies <= 300 * (seconds + 2) else 1

            before = cpu_s(d)
            assert as_user(12345, flood) == 0
            spent = cpu_s(d) - before
            print(f"# {spent * 1000:.0f} ms of CPU")
            assert spent < 0.5 * seconds
            assert statistics(d)["throttled"] > 10
            for _ in range(20):
                assert ask(bystander, *[stamp(MONOTONIC)] * 256)[0][2] == 0
            wait_until(lambda: statistics(d)["peers"] == 1)


def test_memory_for_one_user_is_bounded(program):
    if os.geteuid() != 0:
        raise tap.Skip("only root can be other users")
    with tempfile.NamedTemporaryFile("w") as config:
        config.write("[Socket]\nBytesPerUser=64K\n")
        config.flush()
        with Daemon(program, f"--config={config.name}") as d:
            os.chmod(d.folder.name, 0o755)

            def hoard():
                """Connections that begin a message each; how many are left alone."""
                path = os.path.join(d.runtime_dir, "org.vdsotime.Time")
                held = []
                for _ in range(40):
                    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                    s.connect(path)
                    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                        s.send(b"{")
                    held.append(s)
                time.sleep(0.3)
                kept = 0
                for s in held:
                    s.setblocking(False)
                    try:
                        kept += s.recv(1) == b"?"
                    except BlockingIOError:
                        kept += 1
                    except ConnectionResetError:
                        pass
                return kept

            kept = as_user(12345, hoard)
            assert 10 <= kept <= 15, kept
            sockets = d.call("org.vdsotime.Time.GetStatistics")["sockets"]
            varlink = next(s for s in sockets if s["socket"] == "varlink")
            away = {r["reason"]: r["count"] for r in varlink["turnedAway"]}
            assert kept + varlink["overdrawn"] + away.get("bytes", 0) == 40
            assert varlink["overdrawn"] > 0


def accepts(d, seconds):
    """How often it tries to accept."""
    with tempfile.NamedTemporaryFile("r") as trace:
        strace = ["strace", "-f", "-e", "trace=accept,accept4", "-o", trace.name, "-p", str(d.process.pid)]
        with subprocess.Popen(strace, stderr=subprocess.DEVNULL) as process:
            time.sleep(seconds)
            process.terminate()
        count = sum("accept" in line for line in trace)
    print(f"# {count} accepts in {seconds} s at the limit of descriptors")
    return count


def test_no_descriptor_left_is_no_spin_and_recovers(program):
    waiting = 200
    with Daemon(program) as d, connect(d, hello()) as served:
        limit = len(open_descriptors(d)) + 10
        resource.prlimit(d.process.pid, resource.RLIMIT_NOFILE, (limit, limit))
        with contextlib.ExitStack() as stack:
            held = [stack.enter_context(connect(d)) for _ in range(waiting)]
            if shutil.which("strace"):
                assert 0 < accepts(d, 3) <= 3 * 20
            before = cpu_s(d)
            time.sleep(1)
            spent = cpu_s(d) - before
            print(f"# {spent * 1000:.0f} ms of CPU in a second at the limit of descriptors")
            assert spent < 0.3
            assert ask(served, stamp(0))[0][2] == 0
        wait_until(lambda: len(open_descriptors(d)) < limit - 5)
        with connect(d, hello()) as s:
            assert ask(s, stamp(0))[0][2] == 0
        assert any(r["reason"] == "system" for r in statistics(d)["turnedAway"])
        assert len(held) == waiting


def test_stop_answers_what_was_received(program):
    for _ in range(5):
        with Daemon(program) as d, connect(d, hello()) as s:
            os.kill(d.process.pid, signal.SIGSTOP)
            for _ in range(20):
                s.send(stamp(MONOTONIC) * 7)
            d.process.send_signal(signal.SIGTERM)
            os.kill(d.process.pid, signal.SIGCONT)
            for _ in range(20):
                assert len(records(s.recv(65536))) == 7
            assert is_closed(s)
            assert d.process.wait(PATIENCE_S) == 0


if __name__ == "__main__":
    tap.run(sys.modules[__name__], *sys.argv[1:])

# SPDX-License-Identifier: MIT
"""A daemon to which something is done: its heap is counted, its descriptors and peers are looked at."""

import array
import contextlib
import mmap
import os
import signal
import socket
import struct
import subprocess
import tempfile
import time

from daemon import Manager, varlink
from stamp import BOOTTIME, CLOCKS, MONOTONIC, attach, hello, records, stamp, subscribe

TIME = "org.vdsotime.Time"
PATIENCE_S = 20
REPLY_S = 1
ROUNDS = 4
CONVERSATIONS = 2 * ROUNDS
CONFIG = "[Socket]\nFrameTimeout=300ms\nStallTimeout=300ms\nMaxPeers=1024\n[Log]\nLevel=info\n"
# Between what a clock says here and in the daemon; the two read it one after the other.
STAMP_SLACK_NS = 10**6


class Heap:
    """struct heap of heap.h."""

    FIELDS = ("allocations", "live_blocks", "live_bytes", "peak_bytes", "failed", "countdown", "for_good")

    def __init__(self, path):
        self.file = open(path, "w+b")
        self.file.write(struct.pack("=7q", 0, 0, 0, 0, 0, -1, 0))
        self.file.flush()
        self.map = mmap.mmap(self.file.fileno(), 56)

    def __getitem__(self, name):
        return struct.unpack_from("=q", self.map, 8 * self.FIELDS.index(name))[0]

    def __setitem__(self, name, value):
        struct.pack_into("=q", self.map, 8 * self.FIELDS.index(name), value)

    def close(self):
        self.map.close()
        self.file.close()


class Subject:
    """A daemon in a directory of its own, under strace with those options, if any."""

    def __init__(self, program, heap_library, strace=(), countdown=-1, for_good=0, runtime_dir=None):
        self.folder = tempfile.TemporaryDirectory(prefix="vdsotimed-fault-")
        self.runtime_dir = runtime_dir or os.path.join(self.folder.name, "run")
        if not runtime_dir:
            os.mkdir(self.runtime_dir, 0o755)
        self.manager = Manager(os.path.join(self.folder.name, "notify"))
        self.heap = Heap(os.path.join(self.folder.name, "heap"))
        self.heap["countdown"], self.heap["for_good"] = countdown, for_good
        config = os.path.join(self.folder.name, "vdsotimed.conf")
        with open(config, "w", encoding="ascii") as f:
            f.write(CONFIG)
        self.command = [program, f"--config={config}", f"--runtime-dir={self.runtime_dir}"]
        variables = {
            "LD_PRELOAD": heap_library,
            "HEAP_FILE": os.path.join(self.folder.name, "heap"),
            "NOTIFY_SOCKET": self.manager.path,
        }
        self.log_path = os.path.join(self.folder.name, "log")
        if strace:
            settings = [part for k, v in variables.items() for part in ("-E", f"{k}={v}")]
            self.command = ["strace", "-f", "-qq", *strace, *settings, *self.command]
            variables = {}
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                self.command, env=dict(os.environ, **variables), stdin=subprocess.DEVNULL, stderr=log
            )
        self.traced = bool(strace)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            with contextlib.suppress(OSError):
                os.kill(self.pid(), signal.SIGKILL)
            self.process.kill()
        self.process.wait()
        self.manager.close()
        self.heap.close()
        self.folder.cleanup()

    def pid(self):
        if not self.traced:
            return self.process.pid
        with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children", encoding="ascii") as f:
            return int(f.read().split()[0])

    def log(self):
        with open(self.log_path, encoding="utf-8") as f:
            return f.read()

    def listens(self):
        """Waits until it does; whether it runs."""
        end = time.monotonic() + PATIENCE_S
        while self.process.poll() is None and time.monotonic() < end:
            with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as s:
                s.connect(os.path.join(self.runtime_dir, TIME))
                return True
            time.sleep(0.003)
        return False

    def ready(self):
        """Waits until it says so: all of its own descriptors are there."""
        self.manager.wait_for("READY", PATIENCE_S)
        self.drain()

    def starts(self):
        """Whether it says that it is ready, or ends."""
        end = time.monotonic() + PATIENCE_S
        while self.process.poll() is None:
            if "READY" in (self.manager.receive(0.02) or ()):
                return True
            assert time.monotonic() < end, "it is neither ready nor gone"
        return False

    def call(self, method, parameters=None):
        return varlink(self.runtime_dir, method, parameters)["parameters"]

    def cpu_ns(self):
        """CPU time that it has used."""
        with open(f"/proc/{self.pid()}/schedstat", encoding="ascii") as f:
            return int(f.read().split()[0])

    def drain(self):
        """What it told its service manager is taken away, as a manager would."""
        while self.manager.receive(0.0001):
            pass

    def signal(self, signum):
        with contextlib.suppress(OSError, IndexError):
            os.kill(self.pid(), signum)

    def end(self):
        """Its exit status; None when it hangs."""
        try:
            return self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            return None

    def descriptors(self):
        return sorted(os.listdir(f"/proc/{self.pid()}/fd"), key=int)

    def lost_blocks(self, blocks):
        """More than those in the heap, after a while."""
        end = time.monotonic() + 2
        while self.heap["live_blocks"] > blocks and time.monotonic() < end:
            time.sleep(0.001)
        return self.heap["live_blocks"] - blocks

    def at_rest(self):
        """Its descriptors, and blocks in its heap: the fewest for a while."""
        seen = []
        for _ in range(20):
            seen.append((self.descriptors(), self.heap["live_blocks"]))
            time.sleep(0.002)
        return min((d for d, _ in seen), key=len), min(b for _, b in seen)

    def peers(self):
        """Connected to the two sockets, this question apart."""
        sockets = self.call(f"{TIME}.GetStatistics")["sockets"]
        return sum(s["peers"] for s in sockets) - 1

    def settles(self, descriptors, others=0):
        """What is there, after a while, of peers but those others, and of more descriptors than those."""
        end = time.monotonic() + PATIENCE_S
        left = "nothing can be asked"
        while left and time.monotonic() < end:
            with contextlib.suppress(OSError, AssertionError):
                peers, more = self.peers() - others, set(self.descriptors()) - set(descriptors)
                left = f"{peers} peers, descriptors {more}" if peers or more else None
            if left:
                time.sleep(0.01)
        return left


def check_times(replies, clocks, before, after):
    """Each time of a reply lies between what its clock said before and after."""
    assert len(replies) == len(clocks)
    for clock, (_, _, error, time_ns, _, _) in zip(clocks, replies):
        assert error == 0
        early = before[clock] - STAMP_SLACK_NS
        assert early <= time_ns <= after[clock] + STAMP_SLACK_NS, f"clock {clock}: wrong stamp"


def now():
    return {clock: time.clock_gettime_ns(clock) for clock in CLOCKS}


def ask_stamps(runtime_dir):
    """Greets, attaches, asks for every clock, subscribes; whether all of it was answered."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
        s.settimeout(REPLY_S)
        s.connect(os.path.join(runtime_dir, "stamp"))
        before = now()
        s.send(hello() + attach() + b"".join(stamp(c) for c in CLOCKS))
        packet, ancillary, _, _ = s.recvmsg(9000, socket.CMSG_SPACE(4))
        after = now()
        fds = [array.array("i", content)[0] for _, _, content in ancillary]
        for fd in fds:
            os.close(fd)
        if not packet:
            return False  # turned away
        replies = records(packet)
        check_times(replies[2:], CLOCKS, before, after)
        # Descriptors may be wanting: then it says so.
        if replies[1][2] == 0 and not fds:
            raise AssertionError("ATTACH without a page")
        s.send(subscribe(MONOTONIC, 1000, 2))
        records_seen = [s.recv(64) for _ in range(3)]
        after = now()
        if not all(len(r) == 32 for r in records_seen):
            return False
        for tick in records_seen[1:]:
            check_times(records(tick), [MONOTONIC], before, after)
        return bool(fds)


def ask_varlink(runtime_dir):
    """A call of each kind, and a monitor with ticks; whether all of it was answered."""
    messages = (
        f'{{"method":"{TIME}.Read","parameters":{{"clocks":["BOOTTIME"]}}}}\0'
        f'{{"method":"{TIME}.GetStatus"}}\0'
        f'{{"method":"{TIME}.Monitor","more":true,'
        f'"parameters":{{"clocks":["BOOTTIME"],"intervalNSec":1000000,"count":2}}}}\0'
    ).encode()
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(REPLY_S)
        s.connect(os.path.join(runtime_dir, TIME))
        before = time.clock_gettime_ns(BOOTTIME)
        s.send(messages)
        data = b""
        while data.count(b"\0") < 4:
            chunk = s.recv(65536)
            if not chunk:
                return False
            data += chunk
        after = time.clock_gettime_ns(BOOTTIME)
        for text in data.split(b'"timeNSec":')[1:]:
            told = int(text.split(b",")[0].split(b"}")[0])
            assert before - STAMP_SLACK_NS <= told <= after + STAMP_SLACK_NS, "wrong time"
        return data.count(b'"timeNSec":') == 3


def converse(runtime_dir, rounds=ROUNDS):
    """Rounds with both sockets; how many conversations came to their end: two in a round."""
    whole = 0
    for _ in range(rounds):
        for ask in (ask_stamps, ask_varlink):
            with contextlib.suppress(OSError):
                whole += ask(runtime_dir)
    return whole


@contextlib.contextmanager
def stream(runtime_dir):
    """A monitor that ticks."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(REPLY_S)
        s.connect(os.path.join(runtime_dir, TIME))
        parameters = '{"intervalNSec":5000000}'
        s.send(f'{{"method":"{TIME}.Monitor","more":true,"parameters":{parameters}}}\0'.encode())
        s.recv(65536)
        yield s


@contextlib.contextmanager
def subscription(runtime_dir):
    """A subscription that ticks."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
        s.settimeout(REPLY_S)
        s.connect(os.path.join(runtime_dir, "stamp"))
        s.send(hello() + subscribe(MONOTONIC, 5000))
        s.recv(64)
        yield s

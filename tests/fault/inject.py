#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""System calls that fail while the daemon starts, serves and stops.

    inject.py VDSOTIMED [--long]

For each system call, each errno that it may well give, and its first, second, ... occurrence: the daemon
either refuses to start (1) or serves on and stops (0).  It never crashes, hangs, loses more than the
connection that was hit, or leaves a file behind.
"""

import array
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import tap
from stamp import MONOTONIC, attach, hello, records, stamp, subscribe

PATIENCE_S = 10
REPLY_S = 1
ROUNDS = 4

FAULTS = {
    "accept4": ["EMFILE", "ENFILE", "ECONNABORTED", "EINTR", "ENOMEM"],
    "recvfrom": ["EINTR", "ECONNRESET", "ENOMEM"],
    "sendmsg": ["EINTR", "EAGAIN", "ENOBUFS", "EPIPE", "ETOOMANYREFS"],
    "sendto": ["EINTR", "EAGAIN", "ENOBUFS", "EPIPE"],
    "epoll_create1": ["EMFILE"],
    "epoll_ctl": ["ENOSPC", "ENOMEM"],
    "epoll_wait": ["EINTR"],
    "getsockopt": ["ENOBUFS"],
    "setsockopt": ["ENOMEM"],
    "shutdown": ["ENOTCONN"],
    "socket": ["EMFILE", "ENFILE"],
    "bind": ["ENOSPC", "EROFS", "EADDRINUSE"],
    "listen": ["ENOMEM"],
    "chmod": ["EPERM", "EROFS"],
    "eventfd2": ["EMFILE"],
    "timerfd_create": ["EMFILE"],
    "memfd_create": ["EMFILE", "ENOMEM"],
    "fallocate": ["ENOSPC", "ENOMEM"],
}
SAMPLE, ALL = (1, 2), (1, 2, 3, 4, 5)


def converse(runtime_dir):
    """Rounds of both sockets; how many conversations came to their end."""
    whole = 0
    for _ in range(ROUNDS):
        with contextlib.suppress(OSError), socket.socket(
            socket.AF_UNIX, socket.SOCK_SEQPACKET
        ) as s:
            s.settimeout(REPLY_S)
            s.connect(os.path.join(runtime_dir, "stamp"))
            s.send(hello() + attach() + stamp(MONOTONIC) * 8)
            packet, ancillary, _, _ = s.recvmsg(9000, socket.CMSG_SPACE(4))
            for _, _, content in ancillary:
                os.close(array.array("i", content)[0])
            if not packet:
                continue  # turned away
            assert len(records(packet)) == 10
            s.send(subscribe(MONOTONIC, 2000, 2))
            whole += all(len(s.recv(64)) == 32 for _ in range(3))
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as s:
            s.settimeout(REPLY_S)
            s.connect(os.path.join(runtime_dir, "org.vdsotime.Time"))
            s.send(b'{"method":"org.vdsotime.Time.GetStatus"}\0')
            whole += s.recv(65536).endswith(b"\0")
    return whole


def children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
        return [int(child) for child in f.read().split()]


def wait_ready(process, runtime_dir):
    names = ("stamp", "org.vdsotime.Time")
    end = time.monotonic() + 2
    while process.poll() is None and time.monotonic() < end:
        if all(os.path.exists(os.path.join(runtime_dir, name)) for name in names):
            return
        time.sleep(0.005)


def run_one(program, call, error, occurrence):
    """What is wrong with how it took that fault, or None."""
    with tempfile.TemporaryDirectory() as folder:
        runtime_dir = os.path.join(folder, "run")
        os.mkdir(runtime_dir, 0o755)
        fault = f"inject={call}:error={error}:when={occurrence}"
        process = subprocess.Popen(
            ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e", fault]
            + [program, "--config=/dev/null", f"--runtime-dir={runtime_dir}"],
            stderr=subprocess.PIPE,
        )
        wait_ready(process, runtime_dir)
        whole = converse(runtime_dir) if process.poll() is None else None
        with contextlib.suppress(OSError):
            for pid in children(process.pid):
                os.kill(pid, signal.SIGTERM)
        try:
            said = process.communicate(timeout=PATIENCE_S)[1].decode()
        except subprocess.TimeoutExpired:
            for pid in children(process.pid):
                os.kill(pid, signal.SIGKILL)
            process.communicate()
            return "it hangs"
        if "error while loading shared libraries" in said:
            return None
        if process.returncode not in (0, 1):
            return f"it ended with {process.returncode}: {said[-300:]}"
        if os.listdir(runtime_dir):
            return f"it left {os.listdir(runtime_dir)} behind"
        if process.returncode == 0 and whole is not None and whole < 2 * ROUNDS - 2:
            return f"{whole} of {2 * ROUNDS} conversations came to their end"
        return None


def test_failing_system_calls_are_survived(program, *flags):
    if not shutil.which("strace"):
        raise tap.Skip("strace is not installed")
    probe = subprocess.run(
        ["strace", "-o", "/dev/null", "/bin/true"], capture_output=True, check=False
    )
    if probe.returncode != 0:
        raise tap.Skip("ptrace is not allowed here")
    occurrences = ALL if "--long" in flags else SAMPLE
    problems = []
    runs = 0
    for call, errors in FAULTS.items():
        for error in errors:
            for occurrence in occurrences:
                problem = run_one(program, call, error, occurrence)
                runs += 1
                if problem:
                    problems.append(f"{call} {error} {occurrence}: {problem}")
    print(f"# {runs} faults")
    assert not problems, "\n".join(problems)


if __name__ == "__main__":
    tap.run(sys.modules[__name__], *sys.argv[1:])

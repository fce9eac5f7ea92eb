#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""System calls that fail while the daemon starts, serves and stops.

    inject.py VDSOTIMED HEAP_LIBRARY [--long]

Which calls it makes in each of the three is found out first.  Then, for each call, each errno that it may
well give, and its first, second, ... occurrence, while serving also every one for a time: the daemon refuses
to start (1) or serves on and stops (0).
It never crashes, hangs, tells a wrong time, loses more than the connection that was hit, or leaves peers,
descriptors, memory or files behind.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import tap
from faults import CONVERSATIONS, PATIENCE_S, Subject, converse, stream, subscription

PHASES = ("start", "serve", "stop")

# Also by their names on other machines and with other libraries.
FAULTS = {
    "accept": ["EMFILE", "ENFILE", "ECONNABORTED", "EINTR", "ENOMEM"],
    "accept4": ["EMFILE", "ENFILE", "ECONNABORTED", "EINTR", "ENOMEM"],
    "access": ["EACCES"],
    "bind": ["ENOSPC", "EROFS", "EADDRINUSE"],
    "chmod": ["EPERM", "EROFS"],
    "clock_adjtime": ["EPERM"],
    "clock_gettime": ["EPERM"],
    "clock_nanosleep": ["EINTR"],
    "clone": ["EAGAIN", "ENOMEM"],
    "clone3": ["EAGAIN", "ENOMEM"],
    "connect": ["EAGAIN", "ECONNREFUSED"],
    "epoll_create1": ["EMFILE", "ENOMEM"],
    "epoll_ctl": ["ENOSPC", "ENOMEM"],
    "epoll_pwait": ["EINTR"],
    "epoll_pwait2": ["EINTR"],
    "epoll_wait": ["EINTR"],
    "eventfd2": ["EMFILE"],
    "faccessat": ["EACCES"],
    "faccessat2": ["EACCES"],
    "fallocate": ["ENOSPC", "ENOMEM", "EINTR"],
    "fchmod": ["EPERM"],
    "fchmodat": ["EPERM", "EROFS"],
    "fcntl": ["EMFILE", "EPERM"],
    "flock": ["EINTR", "EWOULDBLOCK", "ENOLCK"],
    "fstat": ["EIO", "ENOMEM"],
    "ftruncate": ["ENOSPC", "EIO", "EINTR"],
    "getdents64": ["EIO"],
    "getrandom": ["ENOSYS"],
    "getsockopt": ["ENOBUFS"],
    "ioctl": ["ENOTTY", "EIO"],
    "listen": ["EADDRINUSE", "ENOMEM"],
    "lseek": ["ESPIPE"],
    "lstat": ["ENOENT", "EACCES", "EIO"],
    "madvise": ["ENOMEM", "EINVAL"],
    "memfd_create": ["EMFILE", "ENFILE", "ENOMEM"],
    "mmap": ["ENOMEM", "EAGAIN"],
    "mprotect": ["ENOMEM"],
    "nanosleep": ["EINTR"],
    "newfstatat": ["ENOENT", "EACCES", "EIO", "ENOMEM"],
    "openat": ["EMFILE", "ENFILE", "ENOMEM", "EACCES", "ENOENT", "EINTR"],
    "poll": ["EINTR", "ENOMEM"],
    "ppoll": ["EINTR", "ENOMEM"],
    "prctl": ["EINVAL", "EPERM"],
    "pread64": ["EIO", "EINTR"],
    "prlimit64": ["EPERM"],
    "pwrite64": ["ENOSPC", "EIO", "EINTR"],
    "read": ["EIO", "EINTR", "EAGAIN"],
    "pread64": ["EIO", "EINTR"],
    "readlink": ["EACCES", "EIO"],
    "readlinkat": ["EACCES", "EIO"],
    "recvfrom": ["EINTR", "ECONNRESET", "ENOMEM"],
    "recvmsg": ["EINTR", "ECONNRESET", "ENOMEM"],
    "sched_getaffinity": ["EPERM"],
    "sched_setaffinity": ["EPERM", "EINVAL"],
    "sendmsg": ["EINTR", "EAGAIN", "ENOBUFS", "EPIPE", "ETOOMANYREFS"],
    "sendto": ["EINTR", "EAGAIN", "ENOBUFS", "EPIPE"],
    "setrlimit": ["EPERM"],
    "setsockopt": ["ENOMEM", "EPERM"],
    "shutdown": ["ENOTCONN"],
    "signalfd4": ["EMFILE", "ENFILE", "ENOMEM"],
    "socket": ["EMFILE", "ENFILE", "ENOMEM"],
    "stat": ["ENOENT", "EACCES", "EIO"],
    "statx": ["ENOENT", "EACCES", "EIO"],
    "timerfd_create": ["EMFILE", "ENOMEM"],
    "timerfd_settime": ["ECANCELED"],
    "unlink": ["EACCES", "EROFS", "ENOENT"],
    "unlinkat": ["EACCES", "EROFS"],
    "write": ["EIO", "ENOSPC", "EINTR", "EAGAIN"],
}
# They cannot fail as they are called; or strace would leave undone what the kernel does even when it tells
# of an error (close, munmap); or a fault is not told by errno (brk); or libc itself gives up (futex).
NEVER_FAIL = {
    "arch_prctl", "brk", "close", "execve", "exit", "exit_group", "futex", "getegid", "geteuid", "getgid",
    "getpid", "getppid", "gettid", "getuid", "munmap", "restart_syscall", "rseq", "rt_sigaction",
    "rt_sigprocmask", "rt_sigreturn", "sched_yield", "set_robust_list", "set_tid_address", "sigaltstack",
}  # fmt: skip
# With these failing, files may stay: another daemon takes them over.  (Whoever has not got the lock must
# not remove its file.)
MAY_LEAVE = {"flock", "fstat", "lstat", "newfstatat", "statx", "unlink", "unlinkat"}
OCCURRENCES = 5
ALWAYS = "always"  # until strace is gone

# The first thing that main() does; what is before that is the dynamic loader's.
MAIN = '"/dev/null", O_RDWR'


class Tracer:
    """strace on a process that runs already."""

    def __init__(self, pid, *options):
        self.pid = pid
        self.process = subprocess.Popen(
            ["strace", "-f", "-qq", *options, "-p", str(pid)], stderr=subprocess.DEVNULL
        )
        end = time.monotonic() + PATIENCE_S
        while not self.attached():
            assert time.monotonic() < end and self.process.poll() is None, "strace did not attach"
            time.sleep(0.002)

    def attached(self):
        with open(f"/proc/{self.pid}/status", encoding="ascii") as f:
            return "TracerPid:\t0\n" not in f.read()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        self.process.wait()


def serve_and_reload(subject, *options):
    """How many conversations came to their end under strace with those options."""
    with Tracer(subject.pid(), *options):
        whole = converse(subject.runtime_dir)
        subject.signal(signal.SIGHUP)
        time.sleep(0.02)
    subject.drain()
    return whole


def stop(subject, *options):
    """Ends it while a stream and a subscription go on; its exit status."""
    with stream(subject.runtime_dir), subscription(subject.runtime_dir):
        with Tracer(subject.pid(), *options):
            subject.signal(signal.SIGTERM)
            return subject.end()


def calls_of(path):
    """(thread, call, line) of a trace."""
    with open(path, encoding="utf-8", errors="replace") as f:
        for line in f:
            found = re.match(r"(\d+) +([a-z_0-9]+)\(", line)
            if found:
                yield found.group(1), found.group(2), line


class Normal:
    """What it does when nothing fails: {phase: {call: (made before the phase, made in it)}}, in the thread
    that makes the most of them; and how much is never freed."""

    def __init__(self, program, heap_library):
        self.calls = {}
        with Subject(program, heap_library) as s:
            s.ready()
            for phase in ("serve", "stop"):
                out = os.path.join(s.folder.name, phase)
                if phase == "serve":
                    assert serve_and_reload(s, "-o", out) == CONVERSATIONS, "without any fault"
                else:
                    assert stop(s, "-o", out) == 0
                self.calls[phase] = {c: (0, n) for c, n in self.count(calls_of(out)).items()}
            self.live_blocks = s.heap["live_blocks"]
        self.calls["start"] = self.starts(program, heap_library)
        unknown = {c for calls in self.calls.values() for c in calls} - set(FAULTS) - NEVER_FAIL
        assert not unknown, f"nothing is known of how these fail: {unknown}"

    @staticmethod
    def count(calls):
        counts = {}
        for thread, call, _ in calls:
            counts[call, thread] = counts.get((call, thread), 0) + 1
        return {call: max(n for (c, _), n in counts.items() if c == call) for call, _ in counts}

    def starts(self, program, heap_library):
        """From main()'s first call to the first wait."""
        with tempfile.NamedTemporaryFile() as out:
            with Subject(program, heap_library, ("-o", out.name)) as s:
                assert s.listens()
                s.signal(signal.SIGTERM)
                assert s.end() == 0
            calls = list(calls_of(out.name))
        begin = next(i for i, (_, _, line) in enumerate(calls) if MAIN in line)
        end = next(i for i, (_, call, _) in enumerate(calls) if call == "epoll_wait")
        before = self.count(calls[:begin])
        own = self.count(c for c in calls[begin:end] if c[0] == calls[0][0])
        others = self.count(c for c in calls[begin:end] if c[0] != calls[0][0])
        made = {call: (0, n) for call, n in others.items()}
        made.update({call: (before.get(call, 0), n) for call, n in own.items()})
        return made


def run_phase(phase, subject, options):
    """(exit status, conversations that came to their end, of how many)."""
    if phase == "start":
        if not subject.listens():
            return subject.end(), 0, 0
        whole = converse(subject.runtime_dir, 1)
        subject.signal(signal.SIGTERM)
        return subject.end(), whole, 2
    subject.ready()
    descriptors = subject.descriptors()
    if phase == "stop":
        return stop(subject, *options), 0, 0
    whole = serve_and_reload(subject, *options)
    left = subject.settles(descriptors)
    assert not left, f"left behind: {left}"
    assert converse(subject.runtime_dir, 1) == 2, "it does not serve as before"
    subject.signal(signal.SIGTERM)
    return subject.end(), whole, CONVERSATIONS


def check_files(subject, program, heap_library, call):
    files = os.listdir(subject.runtime_dir)
    assert call in MAY_LEAVE or not files, f"it left {files} behind"
    if files:
        with Subject(program, heap_library, runtime_dir=subject.runtime_dir) as another:
            assert another.listens(), "it left what the next one does not take over"
            another.signal(signal.SIGTERM)
            assert another.end() == 0
        assert not os.listdir(subject.runtime_dir)


def run_one(program, heap_library, normal, phase, call, error, occurrence):
    """One fault; AssertionError says what is wrong with how it was taken."""
    before = normal.calls[phase][call][0]
    when = "1+" if occurrence == ALWAYS else before + occurrence
    options = ["-o", "/dev/null", "-e", f"trace={call}", "-e"]
    options.append(f"inject={call}:error={error}:when={when}")
    strace = ["--seccomp-bpf", *options] if phase == "start" else ()
    with Subject(program, heap_library, strace) as s:
        status, whole, conversations = run_phase(phase, s, options)
        assert status is not None, "it hangs"
        good = (0, 1) if phase == "start" else (0,)
        assert status in good, f"it ended with {status}: {s.log()[-300:]}"
        lost = conversations if occurrence == ALWAYS else 1
        assert status or whole >= conversations - lost, f"only {whole} of {conversations} conversations ended"
        blocks = s.heap["live_blocks"] - normal.live_blocks
        assert blocks <= 0, f"{blocks} blocks were not freed"
        check_files(s, program, heap_library, call)


def faults_of(normal, everything):
    """(phase, call, error, occurrence): all, or the first error's first and the last one's second."""
    for phase in PHASES:
        for call, (_, made) in sorted(normal.calls[phase].items()):
            errors = FAULTS.get(call, ())
            if everything:
                for error in errors:
                    for occurrence in range(1, min(made, OCCURRENCES) + 1):
                        yield phase, call, error, occurrence
                    if phase == "serve" and error != "EINTR":  # no signal comes for ever
                        yield phase, call, error, ALWAYS
            elif errors:
                yield phase, call, errors[0], 1
                if made > 1 and len(errors) > 1:
                    yield phase, call, errors[-1], 2


def test_failing_system_calls_are_survived(program, heap_library, *flags):
    if not shutil.which("strace"):
        raise tap.Skip("strace is not installed")
    probe = subprocess.run(
        ["strace", "-o", "/dev/null", "/bin/true"], capture_output=True, check=False
    )
    if probe.returncode != 0:
        raise tap.Skip("ptrace is not allowed here")
    normal = Normal(program, heap_library)
    problems = []
    runs = 0
    for fault in faults_of(normal, "--long" in flags):
        runs += 1
        try:
            run_one(program, heap_library, normal, *fault)
        except (AssertionError, OSError) as why:
            problems.append(f"{' '.join(map(str, fault))}: {why}")
            print(f"# {problems[-1]}", flush=True)
    print(f"# {runs} faults")
    assert not problems, "\n".join(problems)


if __name__ == "__main__":
    tap.run(sys.modules[__name__], *sys.argv[1:])

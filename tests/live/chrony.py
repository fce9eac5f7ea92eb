#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Bounds from a real chronyd, which never touches this machine's clock (chronyd -x).

    chrony.py VDSOTIMED

The chronyd is $VDSOTIME_CHRONYD, that of the machine, or Debian's, fetched by apt and not installed.
"""

import contextlib
import ctypes
import glob
import os
import pwd
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

import tap
from daemon import PATIENCE_S, Daemon

# From 1900 to 1970, as NTP counts.
NTP_EPOCH_S = 2208988800

# What sync.h gives a report, and a round of asking.
STALE_S = 16 + 4


def fetched():
    """The folder of a chrony package, unpacked."""
    folder = os.path.join(os.environ.get("XDG_CACHE_HOME", "/var/tmp"), "vdsotimed-chrony")
    if os.path.exists(folder + "/usr/sbin/chronyd"):
        return folder
    if not shutil.which("apt-get") or not shutil.which("dpkg"):
        raise tap.Skip("no chronyd, no apt-get to fetch it with, and $VDSOTIME_CHRONYD is not set")
    with tempfile.TemporaryDirectory() as work:
        done = subprocess.run(
            ["apt-get", "download", "-q", "chrony"], cwd=work, capture_output=True, check=False
        )
        packages = glob.glob(work + "/chrony_*.deb")
        if done.returncode or not packages:
            raise tap.Skip("no chronyd, and the package chrony cannot be fetched")
        subprocess.run(["dpkg", "-x", packages[0], folder], check=True)
    return folder


def chronyd():
    """Path of a chronyd that runs here."""
    named = os.environ.get("VDSOTIME_CHRONYD") or shutil.which(
        "chronyd", path=os.environ["PATH"] + ":/usr/sbin:/usr/local/sbin"
    )
    program = named or fetched() + "/usr/sbin/chronyd"
    done = subprocess.run([program, "-v"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise tap.Skip(f"{program} does not run here: {done.stderr.strip()}")
    return program


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Timex(ctypes.Structure):
    _fields_ = (
        [("modes", ctypes.c_uint)]
        + [(n, ctypes.c_long) for n in ("offset", "freq", "maxerror", "esterror")]
        + [("status", ctypes.c_int)]
        + [(n, ctypes.c_long) for n in ("constant", "precision", "tolerance", "sec", "usec", "tick")]
        + [(n, ctypes.c_long) for n in ("ppsfreq", "jitter")]
        + [("shift", ctypes.c_int)]
        + [(n, ctypes.c_long) for n in ("stabil", "jitcnt", "calcnt", "errcnt", "stbcnt")]
        + [("tai", ctypes.c_int), ("room", ctypes.c_int * 11)]
    )


STA_UNSYNC = 0x40


def kernel_clock():
    """What a daemon that disciplined the clock would have changed; None: that is somebody's work here."""
    t = Timex()
    if ctypes.CDLL(None).adjtimex(ctypes.byref(t)) < 0 or not t.status & STA_UNSYNC:
        return None
    return t.freq, t.tick, t.status, t.tai, t.constant


class Chronyd:
    """A chronyd that reads the system's clock and never sets it, on the loopback alone."""

    def __init__(self, folder, name, *lines, command_port=None):
        self.port = command_port or free_port()
        path = os.path.join(folder, name)
        with open(path + ".conf", "w", encoding="utf-8") as f:
            f.write(
                f"cmdport {self.port}\nbindcmdaddress 127.0.0.1\nbindcmdaddress /\n"
                f"pidfile {path}.pid\n" + "".join(line + "\n" for line in lines)
            )
        # -x: no control of the system's clock; -U: also where it is not root
        user = pwd.getpwuid(os.geteuid()).pw_name
        command = [chronyd(), "-x", "-d", "-U", "-u", user, "-f", path + ".conf"]
        with open(path + ".log", "wb") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def end(self, signum=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(signum)
        self.process.wait(PATIENCE_S)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.end(signal.SIGKILL)


class Server(threading.Thread):
    """An NTP server of this machine's clock that says of itself how far it may be off."""

    def __init__(self, root_delay_s, root_dispersion_s):
        super().__init__(daemon=True)
        # RFC 5905, figure 8: no leap, version 4, server; stratum, poll, precision
        self.head = struct.pack("!BBbb", 0x24, 2, 0, -20)
        self.head += struct.pack("!II", int(root_delay_s * 65536), int(root_dispersion_s * 65536))
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]

    def now(self):
        seconds, ns = divmod(time.time_ns(), 10**9)
        return struct.pack("!II", seconds + NTP_EPOCH_S, (ns << 32) // 10**9)

    def run(self):
        while True:
            request, client = self.socket.recvfrom(1024)
            if not request:
                return
            now = self.now()
            reply = self.head + b"\xc0\x00\x02\x01" + now + request[40:48] + now + self.now()
            self.socket.sendto(reply, client)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.socket.sendto(b"", self.socket.getsockname())
        self.join()
        self.socket.close()


@contextlib.contextmanager
def clock_left_alone():
    before = kernel_clock()
    yield
    if before:
        assert kernel_clock() == before, f"{before} has become {kernel_clock()}"


def source(port):
    """What makes a chronyd follow the server there, soon."""
    return f"server 127.0.0.1 port {port} minpoll -4 maxpoll -4 iburst"


@contextlib.contextmanager
def pair():
    """A chronyd that has this machine's clock for its truth, and one that follows it."""
    with clock_left_alone(), tempfile.TemporaryDirectory(prefix="vdsotimed-chrony-") as folder:
        port = free_port()
        server = ["local stratum 8", f"port {port}", "bindaddress 127.0.0.1", "allow 127.0.0.1"]
        follow = [source(port), "port 0"]
        with Chronyd(folder, "server", *server) as a, Chronyd(folder, "client", *follow) as b:
            yield folder, a, b, follow


def asking(program, folder, port):
    """vdsotimed, configured to ask at that port."""
    configuration = os.path.join(folder, "vdsotimed.conf")
    configure(configuration, port)
    d = Daemon(program, "--config=" + configuration)
    d.configuration = configuration
    return d


def configure(path, port):
    with open(path, "w", encoding="utf-8") as f:
        f.write(f"[Time]\nChronyPort={port}\nMaxSlew=500ppm\n")


def wait_for(d, patience_s=PATIENCE_S, **wanted):
    """The first status of synchronisation with these members."""
    end = time.monotonic() + patience_s
    while True:
        found = d.status()["synchronisation"]
        if all(found[key] == value for key, value in wanted.items()):
            return found
        if time.monotonic() > end:
            raise AssertionError(f"{found} is not {wanted} after {patience_s} s; {d.log()}")
        time.sleep(0.05)


def chrony_counts(d):
    return d.call("org.vdsotime.Time.GetStatistics")["chrony"]


def test_it_is_not_asked_by_default(program):
    with Daemon(program) as d:
        time.sleep(0.3)
        assert d.status()["synchronisation"]["source"] == "kernel"
        assert not any(chrony_counts(d).values()), chrony_counts(d)
        inodes = {os.stat(f).st_ino for f in glob.glob(f"/proc/{d.process.pid}/fd/*")}
        with open("/proc/net/udp", encoding="ascii") as f:
            assert not inodes & {int(line.split()[9]) for line in list(f)[1:]}


def test_report_is_the_bound(program):
    """chronyd adds to what its server says of itself what is between them: far less, on one machine."""
    delay_s, dispersion_s = 0.25, 0.5
    least = (delay_s / 2 + dispersion_s) * 1e9
    with clock_left_alone(), tempfile.TemporaryDirectory(prefix="vdsotimed-chrony-") as folder:
        with Server(delay_s, dispersion_s) as server, Chronyd(
            folder, "client", source(server.port), "port 0"
        ) as client, asking(program, folder, client.port) as d:
            found = wait_for(d, source="chrony", state="claimed")
            print(f"# server {least:.0f} ns, bound {found['errorNSec']} ns; {found['origin']}")
            assert least <= found["errorNSec"] < least * 1.1, found
            assert "chronyd" in found["origin"]
            assert chrony_counts(d)["reports"] >= 1
            assert re.search(rf"chronyd answers at 127.0.0.1, port {client.port}", d.log())


def test_local_reference_is_no_bound(program):
    with tempfile.TemporaryDirectory() as folder:
        with Chronyd(folder, "alone", "local stratum 8", "port 0") as alone:
            with asking(program, folder, alone.port) as d:
                found = wait_for(d, source="chrony")
                assert found["state"] == "unsynchronised", found
                assert found.get("errorNSec") is None, found


def test_unsynchronised_chronyd_is_believed(program):
    with tempfile.TemporaryDirectory() as folder:
        with Chronyd(folder, "alone", "port 0") as alone, asking(program, folder, alone.port) as d:
            found = wait_for(d, source="chrony")
            assert found["state"] == "unsynchronised", found


def test_chronyd_that_dies_is_dropped_and_taken_again(program):
    with pair() as (folder, _, client, follow), asking(program, folder, client.port) as d:
        wait_for(d, source="chrony", state="claimed")
        client.end(signal.SIGKILL)
        # its last report is of some use, for a while
        assert d.status()["synchronisation"]["source"] == "chrony"
        wait_for(d, patience_s=STALE_S + PATIENCE_S, source="kernel")
        counts = chrony_counts(d)
        assert counts["lost"] >= 1, counts
        assert d.log().count("No report from chronyd") == 1, d.log()
        with Chronyd(folder, "again", *follow, command_port=client.port):
            wait_for(d, source="chrony", state="claimed")
        assert chrony_counts(d)["reports"] > counts["reports"]


def test_reload_puts_the_port_in_force(program):
    with pair() as (folder, _, client, _), asking(program, folder, 0) as d:
        assert d.status()["synchronisation"]["source"] == "kernel"
        configure(d.configuration, client.port)
        d.call("org.vdsotime.Time.Reload")
        wait_for(d, source="chrony", state="claimed")
        configure(d.configuration, "none")
        d.process.send_signal(signal.SIGHUP)
        d.manager.wait_for("RELOADING")
        end = time.monotonic() + PATIENCE_S
        while ":2: ChronyPort=none: expected a number from 0 to 65535" not in d.log():
            assert time.monotonic() < end, d.log()
            time.sleep(0.05)
        assert d.status()["synchronisation"]["source"] == "chrony"
        configure(d.configuration, 0)
        d.call("org.vdsotime.Time.Reload")
        # at once, and not when the last report has grown old
        end = time.monotonic() + STALE_S / 5
        wait_for(d, source="kernel")
        assert time.monotonic() < end


if __name__ == "__main__":
    tap.run(sys.modules[__name__], *sys.argv[1:])

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The installed service under a real systemd: units, user, sockets, page store, watchdog, journal.

    under-systemd.py BUILD_DIR READER

Skips where namespaces of our own are not to be had (no root, no systemd, a container that forbids them).
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import chrony
import tap
from checks import assert_equal, assert_in, wait_until
from daemon import PATIENCE_S, varlink
from program import Program

HERE = os.path.dirname(os.path.abspath(__file__))
STARTED = "aa87a40a0a644837ac857844789b8d31"
REFUSED = "8577e8905afe4cff97c212998af30d0d"
RESTORED = "95c34db86d5f493299b7d00a26f35135"


def needs_unmet():
    if os.geteuid() != 0:
        return "needs root"
    if not os.path.exists("/lib/systemd/systemd"):
        return "needs systemd"
    for tool in ("unshare", "nsenter", "setpriv", "ip"):
        if not shutil.which(tool):
            return f"needs {tool}"
    return None


def name_libraries(tree):
    """Has the loader look where meson has put the library, which need not be where it does look."""
    for folder, _, names in os.walk(tree):
        if "libvdsotime-client.so.0" in names:
            path = os.path.join(tree, "etc/ld.so.conf.d/vdsotimed.conf")
            os.makedirs(os.path.dirname(path))
            with open(path, "w", encoding="utf-8") as f:
                f.write("/" + os.path.relpath(folder, tree) + "\n")
            return
    raise AssertionError("the library was not installed")


class Machine:
    """A booted machine with our tree installed."""

    def __init__(self, build_dir, reader):
        self.reader = reader
        self.folder = tempfile.mkdtemp(prefix="vdsotimed-systemd-")
        tree = os.path.join(self.folder, "tree")
        self.state = os.path.join(self.folder, "machine")
        os.mkdir(self.state)
        subprocess.run(
            ["meson", "install", "-C", build_dir, "--no-rebuild", "--destdir", tree],
            check=True,
            capture_output=True,
        )
        name_libraries(tree)
        booted = self.namespace("boot", self.state, tree)
        if booted.returncode:
            self.close()
            raise tap.Skip("no namespaces here: " + booted.stderr.strip().replace("\n", "; "))
        with open(os.path.join(self.state, "init.pid"), encoding="utf-8") as f:
            self.root = f"/proc/{f.read().strip()}/root"

    @staticmethod
    def namespace(*args):
        return subprocess.run(
            [os.path.join(HERE, "namespace.sh"), *args],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def run(self, *command):
        """Runs it inside: the finished process."""
        return self.namespace("exec", self.state, *command)

    def told(self, *command):
        """What it says on stdout; it must succeed."""
        done = self.run(*command)
        assert done.returncode == 0, f"{command}: {done.returncode}: {done.stdout}{done.stderr}"
        return done.stdout

    def show(self, unit, name):
        return self.told("systemctl", "show", "--value", f"--property={name}", unit).strip()

    def pid(self):
        return int(self.show("vdsotimed.service", "MainPID"))

    def status(self):
        reply = varlink(self.root + "/run/vdsotimed", "org.vdsotime.Time.GetStatus")
        return reply["parameters"]

    def write(self, path, text):
        path = self.root + path
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)

    def journal(self, *matches):
        """The service's records of that kind, as dicts."""
        self.told("journalctl", "--sync")
        lines = self.told("journalctl", "--output=json", "--unit=vdsotimed", *matches)
        return [json.loads(line) for line in lines.splitlines()]

    def wait_for_another(self, pid):
        """Until the service runs as a process other than pid and is ready."""
        end = time.monotonic() + 2 * PATIENCE_S
        while time.monotonic() < end:
            if self.pid() not in (0, pid) and self.show("vdsotimed", "ActiveState") == "active":
                return
            time.sleep(0.05)
        raise AssertionError(self.run("systemctl", "status", "vdsotimed").stdout)

    def close(self):
        self.namespace("stop", self.state)
        shutil.rmtree(self.folder)


def test_units_are_well_formed(m):
    done = m.run(
        "systemd-analyze",
        "verify",
        "--man=no",
        "vdsotimed.service",
        "vdsotimed.socket",
        "vdsotimed-stamp.socket",
    )
    ours = [line for line in done.stderr.splitlines() if "vdsotimed" in line]
    assert_equal(ours, [])


def test_exposure_stays_low(m):
    told = m.told("systemd-analyze", "security", "--threshold=7", "vdsotimed.service")
    print(f"# {told.splitlines()[-1]}")


def test_service_starts_as_its_own_user_without_any_capability(m):
    m.told("systemctl", "start", "vdsotimed.service")
    assert_equal(m.show("vdsotimed", "ActiveState"), "active")
    status = m.told("cat", f"/proc/{m.pid()}/status")
    fields = dict(line.split(":", 1) for line in status.splitlines())
    uid = int(m.told("id", "-u", "vdsotime"))
    assert uid != 0
    assert_equal([int(n) for n in fields["Uid"].split()], [uid] * 4)
    for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert_equal(int(fields[kind], 16), 0)
    assert_equal(fields["NoNewPrivs"].strip(), "1")
    assert_equal(fields["Seccomp"].strip(), "2")


def test_service_status_says_what_it_does(m):
    assert_in("Serving", m.show("vdsotimed", "StatusText"))


def test_everyone_may_ask(m):
    for uid in ("0", "65534"):
        done = m.run(
            "setpriv", "--reuid", uid, "--regid", uid, "--clear-groups", "vdsotimectl", "status"
        )
        assert done.returncode == 0, f"{done.returncode}: {done.stdout}{done.stderr}"
        assert_in("serving", done.stdout)


def sockets_of(m, pid):
    """Inodes of the sockets that a process has open."""
    folder = f"{m.root}/proc/{pid}/fd"
    links = [os.readlink(os.path.join(folder, fd)) for fd in os.listdir(folder)]
    return {link[len("socket:[") : -1] for link in links if link.startswith("socket:[")}


def test_sockets_are_the_managers_taken_by_name(m):
    """The same sockets are open in both: a daemon that had not taken them would have made its own."""
    bound = {}
    for line in m.told("cat", "/proc/1/net/unix").splitlines():
        fields = line.split()
        if fields[-1].startswith("/run/vdsotimed/"):
            bound[os.path.basename(fields[-1])] = fields[-2]
    assert_equal(sorted(bound), ["org.vdsotime.Time", "stamp"])
    for inode in bound.values():
        assert inode in sockets_of(m, 1) and inode in sockets_of(m, m.pid())
    for name in bound:
        assert_equal(os.stat(f"{m.root}/run/vdsotimed/{name}").st_mode & 0o777, 0o666)
    link = os.readlink(m.root + "/run/varlink/registry/org.vdsotime.Time")
    assert_equal(link, "/run/vdsotimed/org.vdsotime.Time")
    assert_equal([r for r in m.journal() if "closed" in r["MESSAGE"]], [])


def test_sandbox_takes_nothing_that_is_needed(m):
    status = m.status()
    assert status["vdso"]["usable"]
    assert status["clocksource"]["current"]
    # "unknown" would be: adjtimex(2) may not be read.
    assert status["synchronisation"]["state"] != "unknown"
    assert status["page"]["kept"]
    # Threads to compare the CPUs with could be had; they could not be pinned.
    counter = status["counter"]
    if counter["name"] != "none":
        assert counter["comparedCpus"] >= 1 and not counter["comparedPinned"], counter


def test_sandbox_has_the_vmclock_where_there_is_one(m):
    """No hypervisor here has one: /dev/zero stands in, which can be opened and mapped, and is none."""
    folder = "/run/systemd/system/vdsotimed.service.d/"
    m.told("mknod", "--mode=0440", "/dev/vmclock0", "c", "1", "5")
    m.told("chgrp", "vdsotime", "/dev/vmclock0")
    m.told("systemctl", "restart", "vdsotimed")
    assert_equal(m.status()["counter"]["vmclock"], "absent")
    m.write(folder + "look.conf", "[Service]\nExecStartPre=/usr/bin/head --bytes=1 /dev/vmclock0\n")
    found = m.run("find", "/usr/share", "/usr/local/share", "-path", "*/vdsotimed/vmclock.conf")
    m.told("ln", "--symbolic", found.stdout.strip(), folder)
    m.told("systemctl", "daemon-reload")
    m.told("systemctl", "restart", "vdsotimed")
    assert_equal(m.status()["counter"]["vmclock"], "unusable")
    # The same drop-in does no harm where there is no such device.
    for left in ("/dev/vmclock0", folder + "look.conf"):
        os.unlink(m.root + left)
    m.told("systemctl", "daemon-reload")
    m.told("systemctl", "restart", "vdsotimed")
    assert_equal(m.status()["counter"]["vmclock"], "absent")
    os.unlink(m.root + folder + "vmclock.conf")
    m.told("systemctl", "daemon-reload")
    m.told("systemctl", "restart", "vdsotimed")


def connect_as(m, uid):
    """A connection of that user's, who has no way into the machine but the open directory."""
    s = socket.socket(socket.AF_UNIX)
    folder = os.open(m.root + "/run/vdsotimed", os.O_PATH)
    os.seteuid(uid)
    try:
        s.connect(f"/proc/self/fd/{folder}/org.vdsotime.Time")
    finally:
        os.seteuid(0)
        os.close(folder)
    return s


def test_peers_are_told_apart(m):
    """With PrivateUsers= all but the daemon's own user and root would be nobody, and share one quota."""
    assert_equal(m.show("vdsotimed", "PrivateUsers"), "no")
    before = m.status()["clients"]["users"]
    with connect_as(m, 4711), connect_as(m, 4712):
        wait_until(lambda: m.status()["clients"]["users"] == before + 2)


def test_start_is_in_the_journal_with_its_fields(m):
    record = m.journal(f"MESSAGE_ID={STARTED}")[-1]
    assert_equal(record["VDSOTIME_RUNTIME_DIR"], "/run/vdsotimed")
    assert int(record["VDSOTIME_START_NSEC"]) > 0
    assert record["VDSOTIME_VERSION"]
    assert_equal(record["SYSLOG_IDENTIFIER"], "vdsotimed")


def test_catalog_explains_the_messages(m):
    m.told("journalctl", "--update-catalog")
    told = m.told("journalctl", "--catalog", "--unit=vdsotimed", f"MESSAGE_ID={STARTED}")
    assert_in("Subject: The vDSO time service was started", told)
    assert_in("serves time in /run/vdsotimed", told)


def assert_page_went_on(m, before, pid):
    m.wait_for_another(pid)
    page = m.status()["page"]
    assert page["restored"] and page["kept"], page
    assert page["generation"] > before["generation"], (before, page)
    assert_equal(m.show("vdsotimed", "NFileDescriptorStore"), "1")


def test_page_outlives_a_kill(m):
    for _ in range(3):
        m.run("systemctl", "reset-failed", "vdsotimed")
        before, pid = m.status()["page"], m.pid()
        m.told("systemctl", "kill", "--signal=KILL", "vdsotimed")
        assert_page_went_on(m, before, pid)
    assert len(m.journal(f"MESSAGE_ID={RESTORED}")) >= 3


def test_page_outlives_a_restart(m):
    before, pid = m.status()["page"], m.pid()
    m.told("systemctl", "restart", "vdsotimed")
    assert_page_went_on(m, before, pid)


def test_reader_goes_on_while_the_daemon_is_killed(m):
    """It ends at once when time goes backwards, or is farther from the kernel's than its bound."""
    with Program([m.reader, m.root + "/run/vdsotimed"]) as program:
        program.wait_for("page: ")
        for _ in range(4):
            m.run("systemctl", "reset-failed", "vdsotimed")
            before, pid = m.status()["page"], m.pid()
            m.told("systemctl", "kill", "--signal=KILL", "vdsotimed")
            assert_page_went_on(m, before, pid)
        time.sleep(0.3)
        left = sum(1 for line in list(program.lines.queue) if line and "vdso: " in line)
        print(f"# {program.finish()} reads; 4 kills, after which the page was left {left} times")


def test_page_outlives_the_watchdog(m):
    m.write("/run/systemd/system/vdsotimed.service.d/quick.conf", "[Service]\nWatchdogSec=1s\n")
    m.told("systemctl", "daemon-reload")
    m.told("systemctl", "restart", "vdsotimed")
    before, pid = m.status()["page"], m.pid()
    # Longer than the interval, to see that a daemon that works is let be.
    time.sleep(2)
    assert_equal(m.pid(), pid)
    begin = time.monotonic()
    m.told("systemctl", "kill", "--signal=STOP", "vdsotimed")
    assert_page_went_on(m, before, pid)
    print(f"# back {time.monotonic() - begin:.2f} s after it hung, WatchdogSec=1s")
    assert any("watchdog" in r["MESSAGE"].lower() for r in m.journal())


def test_reload_takes_a_good_configuration_and_refuses_a_bad_one(m):
    """Where the unit is Type=notify, a reload returns before the daemon has done it."""
    path = "/etc/vdsotimed/vdsotimed.conf.d/50-test.conf"
    m.write(path, "[Socket]\nMaxPeersPerUser=77\n")
    m.told("systemctl", "reload", "vdsotimed")
    wait_until(lambda: m.status()["clients"]["peersPerUserMaximum"] == 77)
    m.write(path, "[Socket]\nMaxPeersPerUser=all\n")
    m.run("systemctl", "reload", "vdsotimed")
    wait_until(lambda: "refused" in m.show("vdsotimed", "StatusText"))
    assert_in(path, m.show("vdsotimed", "StatusText"))
    assert_equal(m.show("vdsotimed", "ActiveState"), "active")
    assert_equal(m.status()["clients"]["peersPerUserMaximum"], 77)
    assert_equal(m.journal(f"MESSAGE_ID={REFUSED}")[-1]["VDSOTIME_CONFIG_FILE"], path)
    os.unlink(m.root + path)
    m.told("systemctl", "reload", "vdsotimed")
    wait_until(lambda: m.status()["clients"]["peersPerUserMaximum"] == 1024)


def test_a_journal_that_does_not_read_holds_up_nothing(m):
    """Reloads, of which each is told, until long after there is room for another message."""
    m.told("systemctl", "kill", "--signal=STOP", "systemd-journald")
    try:
        for _ in range(1000):
            assert_equal(varlink(m.root + "/run/vdsotimed", "org.vdsotime.Time.Reload"), {})
        before = m.status()["tracking"]["samples"]
        wait_until(lambda: m.status()["tracking"]["samples"] > before)
    finally:
        m.told("systemctl", "kill", "--signal=CONT", "systemd-journald")
    m.told("journalctl", "--sync")
    m.told("systemctl", "reload", "vdsotimed")
    wait_until(lambda: any(r["MESSAGE"].startswith("Messages lost") for r in m.journal()))


def test_stop_leaves_nothing_behind(m):
    units = ("vdsotimed.socket", "vdsotimed-stamp.socket", "vdsotimed.service")
    m.told("systemctl", "stop", *units)
    for unit in units:
        assert_equal(m.show(unit, "ActiveState"), "inactive")
    assert_equal(m.show("vdsotimed", "Result"), "success")
    assert_equal(os.listdir(m.root + "/run/vdsotimed"), [])
    assert not os.path.lexists(m.root + "/run/varlink/registry/org.vdsotime.Time")
    assert_equal(m.run("vdsotimectl", "status").returncode, 3)


def test_first_connection_starts_it(m):
    m.told("systemctl", "start", "vdsotimed.socket", "vdsotimed-stamp.socket")
    assert_equal(m.show("vdsotimed", "ActiveState"), "inactive")
    assert_in("serving", m.told("vdsotimectl", "status"))
    assert_equal(m.show("vdsotimed", "ActiveState"), "active")


def test_stopped_service_leaves_the_managers_sockets_alone(m):
    m.told("systemctl", "stop", "vdsotimed.service")
    assert_equal(sorted(os.listdir(m.root + "/run/vdsotimed")), ["org.vdsotime.Time", "stamp"])
    assert_in("serving", m.told("vdsotimectl", "status"))


def test_wrong_configuration_is_a_failed_start_that_says_why(m):
    path = "/etc/vdsotimed/vdsotimed.conf"
    m.told("systemctl", "stop", "vdsotimed.socket", "vdsotimed-stamp.socket", "vdsotimed")
    m.write(path, "[Time]\nPeriod=yes\n")
    done = m.run("systemctl", "start", "vdsotimed.service")
    assert done.returncode != 0
    messages = [r["MESSAGE"] for r in m.journal("PRIORITY=3")]
    assert any(message.startswith(f"{path}:2: Period=yes") for message in messages), messages
    os.unlink(m.root + path)
    m.run("systemctl", "reset-failed", "vdsotimed.service")
    m.told("systemctl", "start", "vdsotimed.service")


def files_of_the_manual(section):
    """What that section of vdsotimed.conf(5) says to write: path -> text."""
    path = os.path.join(HERE, "../../man/vdsotimed.conf.5.scd")
    with open(path, encoding="utf-8") as f:
        text = f.read().split(f"\n# {section}\n")[1].split("\n# ")[0]
    return dict(re.findall(r"^(?:and )?_(/\S+)_:\n\n```\n(.*?)```", text, re.MULTILINE | re.DOTALL))


def test_service_reaches_chronyd_as_the_manual_says(m):
    files = files_of_the_manual("CHRONY")
    assert_equal(len(files), 2)
    program = chrony.chronyd()
    lines = "local", "port 0", "bindcmdaddress 127.0.0.1", "bindcmdaddress /", "pidfile /run/chrony.pid"
    m.write("/run/chrony.conf", "\n".join(lines))
    m.told(program, "-x", "-u", "root", "-f", "/run/chrony.conf")
    for path, text in files.items():
        m.write(path, text)
    m.told("systemctl", "daemon-reload")
    m.told("systemctl", "restart", "vdsotimed.service")
    end = time.monotonic() + PATIENCE_S
    while m.status()["synchronisation"]["source"] != "chrony":
        assert time.monotonic() < end, [r["MESSAGE"] for r in m.journal()][-3:]
        time.sleep(0.05)
    for path in files:
        os.unlink(m.root + path)
    m.told("systemctl", "daemon-reload")
    m.told("systemctl", "restart", "vdsotimed.service")


def main(build_dir, reader):
    why = needs_unmet()
    machine = None
    # A test runner that gives up must not leave a machine running.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        if not why:
            machine = Machine(build_dir, reader)
    except tap.Skip as skipped:
        why = skipped
    if why:
        print(f"1..0 # SKIP {why}")
        return
    try:
        tap.run(sys.modules[__name__], machine)
    finally:
        machine.close()


main(*sys.argv[1:])

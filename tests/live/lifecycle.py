#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How vdsotimed starts, is refused, reloads, stops, dies and comes back.

    lifecycle.py VDSOTIMED
"""

import os
import re
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time

import tap
from checks import assert_equal, assert_in
from daemon import PATIENCE_S, Daemon, Manager, varlink


def run(program, *args, **variables):
    """Runs it to its end: exit status, what it said on stdout and stderr, how long it took."""
    begin = time.monotonic()
    done = subprocess.run(
        [program, *args],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        env=dict(os.environ, **variables),
        check=False,
    )
    return done.returncode, done.stdout, done.stderr, time.monotonic() - begin


def test_it_serves_and_leaves_nothing_behind(program):
    for signum in (signal.SIGTERM, signal.SIGINT):
        with Daemon(program) as d:
            assert_equal(
                sorted(os.listdir(d.runtime_dir)), ["lock", "org.vdsotime.Time", "stamp"]
            )
            assert_equal(d.status()["daemon"]["processId"], d.process.pid)
            assert_equal(d.stop(signum), 0)
            d.manager.wait_for("STOPPING")
            assert_equal(os.listdir(d.runtime_dir), [])


def test_it_tells_name_version_and_address_of_each_function(program):
    with Daemon(program) as d:
        log = d.log()
        if "No vDSO" in log:
            raise tap.Skip("this process has no vDSO")
        for name in ("clock_gettime", "clock_getres", "gettimeofday", "time", "getcpu"):
            assert re.search(rf"{name}: (__\w+(@\w+\.[\d.]+)? at 0x[0-9a-f]+|by system call)", log)


def test_second_daemon_is_refused_at_once_and_the_first_goes_on(program):
    with Daemon(program) as d:
        code, _, said, took_s = run(program, f"--runtime-dir={d.runtime_dir}")
        assert_equal(code, 1)
        assert_in(d.runtime_dir, said)
        assert_in(f"process {d.process.pid}", said)
        print(f"# refused after {took_s * 1000:.0f} ms")
        assert_equal(d.status()["daemon"]["processId"], d.process.pid)


def test_directory_must_be_there_and_writable_and_ours(program):
    with tempfile.TemporaryDirectory() as folder:
        missing = os.path.join(folder, "missing")
        code, _, said, _ = run(program, f"--runtime-dir={missing}")
        assert_equal(code, 1)
        assert_in(f"{missing}: No such file or directory", said)

        # Nobody may make files there, root included.
        code, _, said, _ = run(program, "--runtime-dir=/sys/kernel")
        assert_equal(code, 1)
        assert_in("/sys/kernel: ", said)

        file = os.path.join(folder, "file")
        with open(file, "w", encoding="utf-8"):
            pass
        code, _, said, _ = run(program, f"--runtime-dir={file}")
        assert_equal(code, 1)
        assert_in(f"{file}: Not a directory", said)

        shared = os.path.join(folder, "shared")
        os.mkdir(shared)
        os.chmod(shared, 0o1777)
        code, _, said, _ = run(program, f"--runtime-dir={shared}")
        assert_equal(code, 1)
        assert_in("everyone may write in it", said)
        assert_equal(os.listdir(shared), [])


def test_directory_without_permission_is_refused(program):
    with tempfile.TemporaryDirectory() as folder:
        locked = os.path.join(folder, "locked")
        os.mkdir(locked, 0o555)
        if os.access(locked, os.W_OK):
            raise tap.Skip("root may write everywhere")
        code, _, said, _ = run(program, f"--runtime-dir={locked}")
        assert_equal(code, 1)
        assert_in(f"{locked}: Permission denied", said)


def test_stopped_at_any_moment_it_leaves_nothing_behind(program):
    """Start takes some 10 ms here: signals come before, during and after it."""
    codes = []
    for delay_ms in range(0, 30, 2):
        with tempfile.TemporaryDirectory() as folder:
            process = subprocess.Popen(
                [program, f"--runtime-dir={folder}", "--config=/dev/null"],
                stderr=subprocess.DEVNULL,
            )
            time.sleep(delay_ms / 1000)
            process.terminate()
            codes.append(process.wait(PATIENCE_S))
            assert_equal(os.listdir(folder), [])
    # Killed by the signal: only before main() had begun.
    assert set(codes) <= {0, -signal.SIGTERM}, codes
    assert_equal(codes[-1], 0)


def test_closed_standard_descriptors_do_no_harm(program):
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(
            ["/bin/sh", "-c", 'exec "$@" 0<&- 1>&- 2>&-', "sh"]
            + [program, f"--runtime-dir={folder}", "--config=/dev/null"]
        )
        end = time.monotonic() + PATIENCE_S
        while not os.path.exists(os.path.join(folder, "org.vdsotime.Time")):
            assert time.monotonic() < end and process.poll() is None
            time.sleep(0.02)
        reply = varlink(folder, "org.vdsotime.Time.GetStatus")
        assert_equal(reply["parameters"]["daemon"]["processId"], process.pid)
        for fd in range(3):
            assert_equal(os.readlink(f"/proc/{process.pid}/fd/{fd}"), "/dev/null")
        process.terminate()
        assert_equal(process.wait(PATIENCE_S), 0)


def test_path_too_long_for_a_socket_is_refused_and_cleaned_up(program):
    with tempfile.TemporaryDirectory() as folder:
        deep = os.path.join(folder, "d" * 100)
        os.mkdir(deep)
        code, _, said, _ = run(program, f"--runtime-dir={deep}")
        assert_equal(code, 1)
        assert_in(f"{deep}/", said)
        assert_in("too long a name: it may have 107 bytes", said)
        assert_equal(os.listdir(deep), [])


def test_wrong_command_lines_end_with_a_hint(program):
    for args in (["--colour=blue"], ["-x"], ["stray"], ["--log-level=loud"], ["--runtime-dir"]):
        code, _, said, _ = run(program, *args)
        assert_equal(code, 2)
        assert_in("Try `vdsotimed --help`", said)
        assert_in(args[0].lstrip("-").split("=")[0][:4], said)


def test_help_and_version_go_to_stdout(program):
    code, told, said, _ = run(program, "--version")
    assert_equal((code, said), (0, ""))
    assert re.fullmatch(r"vdsotimed \d+\.\d+\.\d+\n", told)
    code, told, said, _ = run(program, "--help")
    assert_equal((code, said), (0, ""))
    assert_in("--runtime-dir=DIR", told)


def test_wrong_command_lines_name_the_option(program):
    for args, told in (
        (["--check"], "unknown option --check (did you mean --check-config?)"),
        (["--conf=x"], "unknown option --conf=x (did you mean --config?)"),
        (["--conf", "x"], "unknown option --conf (did you mean --config?)"),
        (["--config", ""], "--config= names nothing"),
        (["--runtime-dir="], "--runtime-dir= names nothing"),
    ):
        code, _, said, _ = run(program, *args)
        assert_equal(code, 2)
        assert_in(told, said)


def test_help_that_cannot_be_written_is_a_failure(program):
    for option in ("--help", "--version"):
        for command in ('exec "$0" "$1" >/dev/full', 'exec "$0" "$1" >&-'):
            done = subprocess.run(
                ["/bin/sh", "-c", command, program, option], capture_output=True, text=True, check=False
            )
            assert_equal(done.returncode, 1)
            assert_in("cannot write: ", done.stderr)


def test_bad_configuration_is_refused_with_file_and_line(program):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "bad.conf")
        with open(path, "w", encoding="utf-8") as f:
            f.write("[Time]\nColour=blue\nPeriod=soon\n")
        for mode in ("--check-config", f"--runtime-dir={folder}"):
            code, _, said, _ = run(program, f"--config={path}", mode)
            assert_equal(code, 1)
            assert_in(f"{path}:2: unknown setting Colour", said)
            assert_in(f"{path}:3: Period=soon: expected a duration", said)
        assert_equal(os.listdir(folder), ["bad.conf"])

        code, _, said, _ = run(program, f"--config={path}.none", f"--runtime-dir={folder}")
        assert_equal(code, 1)
        assert_in(f"{path}.none: No such file or directory", said)


def test_good_configuration_passes_the_check(program):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "good.conf")
        with open(path, "w", encoding="utf-8") as f:
            f.write("[Time]\nPeriod=50ms\n")
        code, told, said, _ = run(program, f"--config={path}", "--check-config")
        assert_equal((code, told, said), (0, "", ""))


class Configured(Daemon):
    """One whose configuration is a file that the test may write again."""

    def __init__(self, program, text):
        self.config = tempfile.NamedTemporaryFile("w", prefix="vdsotimed-", suffix=".conf")
        self.write(text)
        super().__init__(program, f"--config={self.config.name}")

    def write(self, text):
        self.config.seek(0)
        self.config.truncate()
        self.config.write(text)
        self.config.flush()

    def reload(self):
        self.process.send_signal(signal.SIGHUP)
        reloading = self.manager.wait_for("RELOADING")
        assert int(reloading["MONOTONIC_USEC"]) > 0
        return self.manager.wait_for("READY")["STATUS"]


def test_reload_puts_a_good_configuration_in_force(program):
    with Configured(program, "[Socket]\nMaxPeersPerUser=11\n") as d:
        assert_equal(d.status()["clients"]["peersPerUserMaximum"], 11)
        d.write("[Socket]\nMaxPeersPerUser=22\n")
        assert_in("Serving", d.reload())
        assert_equal(d.status()["clients"]["peersPerUserMaximum"], 22)
        d.write("")
        d.reload()
        assert_equal(d.status()["clients"]["peersPerUserMaximum"], 1024)


def test_reload_keeps_the_former_configuration_when_the_new_one_is_bad(program):
    with Configured(program, "[Socket]\nMaxPeersPerUser=11\n") as d:
        d.write("[Socket]\nMaxPeersPerUser=33\nMaxPeers=none\n")
        status = d.reload()
        assert_in("configuration refused", status)
        assert_in(f"{d.config.name}:3: MaxPeers=none", status)
        assert_in(f"{d.config.name}:3: MaxPeers=none", d.log())
        assert_equal(d.status()["clients"]["peersPerUserMaximum"], 11)
        d.write("[Socket]\nMaxPeersPerUser=44\n")
        assert "refused" not in d.reload()
        assert_equal(d.status()["clients"]["peersPerUserMaximum"], 44)
        assert_equal(d.stop(), 0)


def test_reload_by_varlink_is_synchronous_and_tells_why_not(program):
    with Configured(program, "[Socket]\nMaxPeersPerUser=11\n") as d:
        d.write("[Socket]\nMaxPeersPerUser=22\n")
        d.call("org.vdsotime.Time.Reload")
        assert_equal(d.status()["clients"]["peersPerUserMaximum"], 22)
        d.write("[Socket]\nMaxPeersPerUser=0\n")
        reply = varlink(d.runtime_dir, "org.vdsotime.Time.Reload")
        assert_in("Configuration", reply["error"])
        assert_equal(reply["parameters"]["file"], d.config.name)
        assert_equal(reply["parameters"]["line"], 2)
        assert_equal(d.status()["clients"]["peersPerUserMaximum"], 22)


def test_restart_over_the_leavings_of_a_killed_daemon(program):
    with Daemon(program) as d:
        d.process.kill()
        d.process.wait()
        assert_equal(sorted(os.listdir(d.runtime_dir)), ["lock", "org.vdsotime.Time", "stamp"])
        with Daemon(program, runtime_dir=d.runtime_dir) as second:
            assert_equal(second.status()["daemon"]["processId"], second.process.pid)
            assert_equal(second.stop(), 0)
        assert_equal(os.listdir(d.runtime_dir), [])


def test_file_in_the_place_of_a_socket_is_not_removed(program):
    with tempfile.TemporaryDirectory() as folder:
        with open(os.path.join(folder, "stamp"), "w", encoding="utf-8") as f:
            f.write("mine")
        code, _, said, _ = run(program, f"--runtime-dir={folder}")
        assert_equal(code, 1)
        assert_in(f"Socket {folder}/stamp: there is something that is no socket", said)
        assert_equal(os.listdir(folder), ["stamp"])


def test_what_is_named_lock_and_is_no_file_is_told(program):
    for make in (
        os.mkdir,
        os.mkfifo,
        lambda path: os.symlink("/etc/passwd", path),
    ):
        with tempfile.TemporaryDirectory() as folder:
            lock = os.path.join(folder, "lock")
            make(lock)
            code, _, said, _ = run(program, f"--runtime-dir={folder}")
            assert_equal(code, 1)
            assert_in(f"{lock}: not a regular file", said)
            assert_equal(os.listdir(folder), ["lock"])


def listener(kind, path):
    s = socket.socket(socket.AF_UNIX, kind)
    s.bind(path)
    s.listen(8)
    return s


def test_sockets_are_taken_by_name_and_left_where_they_are(program):
    with tempfile.TemporaryDirectory() as folder:
        control = listener(socket.SOCK_STREAM, os.path.join(folder, "org.vdsotime.Time"))
        stamp = listener(socket.SOCK_SEQPACKET, os.path.join(folder, "stamp"))
        strange = listener(socket.SOCK_STREAM, os.path.join(folder, "strange"))
        passed = {
            "strange": strange.fileno(),
            "varlink": control.fileno(),
            "stamp": stamp.fileno(),
        }
        with Daemon(program, runtime_dir=folder, passed=passed) as d:
            assert_in("its name strange is not known", d.log())
            assert_equal(d.status()["daemon"]["processId"], d.process.pid)
            assert_equal(d.stop(), 0)
        assert_equal(sorted(os.listdir(folder)), ["org.vdsotime.Time", "stamp", "strange"])
        for s in (control, stamp, strange):
            s.close()


def test_page_is_handed_over_and_taken_up_again(program):
    with Daemon(program) as first:
        # The page is stored before READY=1.
        page = os.dup(first.manager.kept["page"])
        assert first.status()["page"]["kept"]
        generation = first.status()["page"]["generation"]
        first.process.kill()
        first.process.wait()
        with Daemon(program, passed={"page": page}) as second:
            status = second.status()["page"]
            assert status["restored"] and status["kept"], status
            assert status["generation"] > generation, status
            assert_in("The page of an earlier life was taken over", second.log())
            assert "page" not in second.manager.kept
        os.close(page)


def test_page_that_is_none_is_replaced(program):
    strange = os.memfd_create("strange")
    os.write(strange, b"no page" * 1000)
    with Daemon(program, passed={"page": strange}) as d:
        assert not d.status()["page"]["restored"]
        assert_in({"FDSTOREREMOVE": "1", "FDNAME": "page"}, d.manager.told)
        assert "page" in d.manager.kept
    os.close(strange)


def test_watchdog_hears_of_a_daemon_that_publishes_and_of_no_other(program):
    with Daemon(program, environment={"WATCHDOG_USEC": "1000000"}) as d:
        for _ in range(4):
            d.manager.wait_for("WATCHDOG", 2)
        d.process.send_signal(signal.SIGSTOP)
        time.sleep(0.1)
        while d.manager.receive(0.05):
            pass
        assert d.manager.receive(1.5) is None
        d.process.send_signal(signal.SIGCONT)
        d.manager.wait_for("WATCHDOG", 5)


def test_watchdog_is_answered_when_no_descriptor_is_to_be_had(program):
    with Daemon(program, environment={"WATCHDOG_USEC": "1000000"}) as d:
        resource.prlimit(d.process.pid, resource.RLIMIT_NOFILE, (3, 3))
        while d.manager.receive(0.01):
            pass
        for _ in range(4):
            d.manager.wait_for("WATCHDOG", 5)


def test_service_manager_that_does_not_read_is_not_waited_for(program):
    with Configured(program, "[Socket]\nMaxPeersPerUser=11\n") as d:
        d.manager.fill()
        for limit in (22, 33):
            d.write(f"[Socket]\nMaxPeersPerUser={limit}\n")
            d.process.send_signal(signal.SIGHUP)
            end = time.monotonic() + PATIENCE_S
            while d.status()["clients"]["peersPerUserMaximum"] != limit:
                assert time.monotonic() < end
        d.write("[Socket]\nMaxPeersPerUser=all\n")
        assert_in("Configuration", varlink(d.runtime_dir, "org.vdsotime.Time.Reload")["error"])

        # It is told when it reads again, of the last of them.
        reloading = d.manager.wait_for("RELOADING")
        assert int(reloading["MONOTONIC_USEC"]) > 0
        ready = d.manager.receive(PATIENCE_S)
        assert_equal(ready["READY"], "1")
        assert_in("MaxPeersPerUser=all", ready["STATUS"])
        assert d.manager.receive(0.5) is None

        # Nor does it keep the daemon from its end.
        d.manager.fill()
        assert_equal(d.stop(), 0)


def test_page_is_handed_over_to_a_service_manager_that_is_slow(program):
    with tempfile.TemporaryDirectory() as folder:
        manager = Manager(os.path.join(folder, "notify"))
        manager.fill()
        process = subprocess.Popen(
            [program, f"--runtime-dir={folder}", "--config=/dev/null"],
            env=dict(os.environ, NOTIFY_SOCKET=manager.path),
            stderr=subprocess.DEVNULL,
        )
        try:
            time.sleep(0.2)
            manager.wait_for("READY")
            assert "page" in manager.kept
        finally:
            process.terminate()
            code = process.wait(PATIENCE_S)
            manager.close()
        assert_equal(code, 0)


def test_it_runs_without_a_service_manager(program):
    with tempfile.TemporaryDirectory() as folder:
        variables = {k: v for k, v in os.environ.items() if k != "NOTIFY_SOCKET"}
        variables["VDSOTIME_RUNTIME_DIR"] = folder
        with open(os.path.join(folder, "log"), "w+", encoding="utf-8") as log:
            process = subprocess.Popen([program, "--config=/dev/null"], env=variables, stderr=log)
            end = time.monotonic() + PATIENCE_S
            while "serves in" not in open(log.name, encoding="utf-8").read():
                assert time.monotonic() < end and process.poll() is None
                time.sleep(0.02)
            process.terminate()
            assert_equal(process.wait(PATIENCE_S), 0)
        assert_equal(os.listdir(folder), ["log"])


def test_start_to_ready(program):
    """Told and not judged: how long it takes is the machine's, too."""
    took_us = []
    for _ in range(5):
        with Daemon(program) as d:
            took_us.append(int(re.search(r"ready after (\d+) us", d.log())[1]))
    print(f"# start to READY: median {sorted(took_us)[2]} us of {took_us}")


tap.run(sys.modules[__name__], sys.argv[1])

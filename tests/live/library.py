#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The client library as its users have it: installed, found by pkg-config, and read from while daemons come and go.

    library.py VDSOTIMED READER STAMPER RING BUILD_DIR SOURCE_DIR SANITIZERS CC
"""

import contextlib
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import time

import tap
from daemon import PATIENCE_S, Daemon
from program import Program


KILLS = 100
RING_WHOLE_S = 15  # the ring holds 1024 publications, one each 10 ms
RING_S = float(os.environ.get("VDSOTIME_RING_SECONDS", "2"))


def test_a_reader_survives_its_daemons(daemon, reader, *_):
    with tempfile.TemporaryDirectory(prefix="vdsotimed-run-") as run, Program([reader, run]) as program:
        program.wait_for("vdso: no daemon listens")
        for signum in (signal.SIGKILL, signal.SIGTERM, signal.SIGKILL):
            with Daemon(daemon, runtime_dir=run) as d:
                program.wait_for("page: the page answers")
                d.stop(signum)
                _, took = program.wait_for("vdso: ")
                assert took < 1, f"left the page only after {took:.3f} s"
        print(f"# {program.finish()} reads")


def test_a_stopped_daemon_is_left_and_returned_to(daemon, reader, *_):
    with Daemon(daemon) as d, Program([reader, d.runtime_dir]) as program:
        program.wait_for("page: ")
        d.process.send_signal(signal.SIGSTOP)
        _, took = program.wait_for("vdso: ")
        d.process.send_signal(signal.SIGCONT)
        assert took < 1, f"left the page only after {took:.3f} s"
        program.wait_for("page: ")
        print(f"# {program.finish()} reads")


def test_a_page_kept_by_the_service_manager_goes_on(daemon, reader, *_):
    """A killed daemon's page handed to the next: readers need no refresh, and time goes on."""
    with Daemon(daemon) as first:
        while "page" not in first.manager.kept:
            assert first.manager.receive(PATIENCE_S) is not None
        page = os.dup(first.manager.kept["page"])
        run = first.runtime_dir
        before = first.status()
        with Program([reader, run]) as program:
            program.wait_for("page: ")
            first.process.kill()
            first.process.wait()
            with Daemon(daemon, runtime_dir=run, passed={"page": page}) as second:
                after = second.status()
                assert after["page"]["restored"], after["page"]
                assert after["page"]["generation"] > before["page"]["generation"]
                time.sleep(0.3)
            print(f"# {program.finish()} reads")
        os.close(page)


def test_readers_outlive_a_hundred_daemons(daemon, reader, *_):
    """Four readers, none of which may see time fail, tear or go back, while the page's daemon is killed and replaced."""
    with contextlib.ExitStack() as stack:
        first = stack.enter_context(Daemon(daemon))
        while "page" not in first.manager.kept:
            assert first.manager.receive(PATIENCE_S) is not None
        page = os.dup(first.manager.kept["page"])
        stack.callback(os.close, page)
        # they never rest: the daemon goes first, or each start of it takes a second
        readers = [stack.enter_context(Program(["nice", "-n", "19", reader, first.runtime_dir])) for _ in range(4)]
        for program in readers:
            program.wait_for("page: ")
        generation, process = 0, first.process
        for life in range(KILLS):
            process.kill()
            process.wait()
            with Daemon(daemon, runtime_dir=first.runtime_dir, passed={"page": page}) as d:
                # somewhere in the midst of its publications
                time.sleep(life % 10 / 1000)
                if life % 20 == 0:
                    told = d.status()["page"]
                    assert told["restored"] and told["generation"] > generation, told
                    generation = told["generation"]
                d.process.kill()
                process = d.process
        print(f"# {sum(program.finish() for program in readers)} reads over {KILLS} lives of the daemon")


def test_stamps_are_resolved_from_the_ring(daemon, _reader, _stamper, ring, *_):
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as f:
        f.write("[Time]\nPeriod=10ms\nFastPeriod=1ms\n")
        f.flush()
        os.chmod(f.name, 0o644)
        with Daemon(daemon, f"--config={f.name}") as d:
            done = subprocess.run([ring, d.runtime_dir, str(RING_S)], stdout=subprocess.PIPE, text=True, check=False,
                                  timeout=RING_S + PATIENCE_S)
    print(f"# {done.stdout.rstrip()}")
    assert done.returncode == 0
    words = done.stdout.split()
    if RING_S >= RING_WHOLE_S:
        assert float(words[3]) >= 10 and int(words[-4]) > 0, "the ring did not turn over"


def test_another_time_namespace_gets_its_own_clocks(daemon, reader, *_):
    """REALTIME and TAI from the page, the others from its own vDSO: the reader compares each with its kernel's."""
    enter = ["unshare", "--user", "--map-root-user", "--time", "--monotonic=1000", "--boottime=2000"]
    if subprocess.run([*enter, "true"], capture_output=True, check=False).returncode:
        raise tap.Skip("no time namespaces to be had here")
    with Daemon(daemon) as d, Program([*enter, reader, d.runtime_dir]) as program:
        program.wait_for("page: another time namespace")
        d.stop()
        program.wait_for("vdso: ")
        print(f"# {program.finish()} reads")


def test_stamps_come_over_the_socket(daemon, _reader, stamper, *_):
    with Daemon(daemon) as d:
        done = subprocess.run([stamper, d.runtime_dir], stdout=subprocess.PIPE, text=True, check=False,
                              timeout=PATIENCE_S)
        print(f"# {done.stdout.rstrip()}")
        assert done.returncode == 0


def test_stamps_come_to_a_process_that_may_not_read_the_counter(daemon, _reader, stamper, _ring, _build, _source,
                                                                sanitizers, _cc):
    if sanitizers != "none":
        raise tap.Skip("the sanitizers' own runtime reads the counter")
    with Daemon(daemon) as d:
        done = subprocess.run([stamper, d.runtime_dir, "forbid"], stdout=subprocess.PIPE, text=True,
                              check=False, timeout=PATIENCE_S)
        if done.returncode == 77:
            raise tap.Skip("no PR_SET_TSC here")
        print(f"# {done.stdout.rstrip()}")
        assert done.returncode == 0


def test_an_installed_library_is_all_that_a_program_needs(daemon, _reader, _stamper, _ring, build, source, sanitizers, cc):
    if sanitizers != "none":
        raise tap.Skip("a plain program cannot load a library with sanitizers")
    with tempfile.TemporaryDirectory(prefix="vdsotimed-install-") as root:
        subprocess.run(["meson", "install", "-C", build, "--destdir", root, "--no-rebuild", "--quiet"],
                       check=True, stdout=subprocess.DEVNULL)
        found = [os.path.join(p, "libvdsotime-client.pc") for p, _, n in os.walk(root)
                 if "libvdsotime-client.pc" in n]
        assert len(found) == 1, found
        variables = dict(os.environ, PKG_CONFIG_PATH=os.path.dirname(found[0]), PKG_CONFIG_SYSROOT_DIR=root)
        flags = subprocess.run(["pkg-config", "--cflags", "--libs", "libvdsotime-client"], env=variables,
                               check=True, capture_output=True, text=True).stdout
        program = os.path.join(root, "read-time")
        subprocess.run([*shlex.split(cc), "-Wall", "-Werror", "-o", program,
                        os.path.join(source, "examples/read-time.c"), *shlex.split(flags)], check=True)
        libraries = os.path.dirname(os.path.dirname(found[0]))
        with Daemon(daemon) as d:
            environment = {"LD_LIBRARY_PATH": libraries, "VDSOTIME_RUNTIME_DIR": d.runtime_dir}
            with Program([program], environment) as p:
                p.wait_for(" page: the page answers")
                d.process.kill()
                d.process.wait()
                p.wait_for(" vdso: ")
                with Daemon(daemon, runtime_dir=d.runtime_dir):
                    p.wait_for(" page: the page answers")


if __name__ == "__main__":
    tap.run(sys.modules[__name__], *sys.argv[1:])

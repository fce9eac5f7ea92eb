#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The client library of other machines: compiled whole, and run, natively or under qemu-user.

    foreign.py VDSOTIMED SOURCE_DIR
"""

import errno
import glob
import os
import platform
import shutil
import subprocess
import sys
import tempfile

import tap
from daemon import PATIENCE_S, Daemon
from program import Program

ROOMS = ("client/*.c", "proto/page/*.c", "proto/wire/*.c", "proto/vdso/*.c")
ARGUMENTS = ["-std=c11", "-O2", "-Wall", "-Wextra", "-Wconversion", "-Werror", "-D_GNU_SOURCE",
             '-DVDSOTIME_VERSION="test"']
# What a 32-bit program must be compiled with to see the library's times.
TIME64 = ["-D_TIME_BITS=64", "-D_FILE_OFFSET_BITS=64"]
INCLUDE = ("", "proto/include", "client/include", "tests/live/plain")
I386 = [["i686-linux-gnu-gcc"], ["gcc", "-m32"]]
FIXTURES = ["tests/fixtures/fake-daemon.c", "tests/fixtures/live-page.c"]


class Compiler:
    """Makes static programs of a machine with the library in them."""

    def __init__(self, candidates, source, folder):
        self.words = next((c for c in candidates if shutil.which(c[0]) and has_libc(c, folder)), None)
        if not self.words:
            raise tap.Skip(f"none of {', '.join(' '.join(c) for c in candidates)} makes programs here")
        self.source, self.folder, self.library = source, folder, []
        self.library = [self.run("-c", path) for room in ROOMS for path in glob.glob(os.path.join(source, room))]

    def run(self, *words):
        output = os.path.join(self.folder, f"{len(os.listdir(self.folder))}.out")
        include = [f"-I{os.path.join(self.source, f)}" for f in INCLUDE]
        subprocess.run([*self.words, *ARGUMENTS, *include, "-o", output, *words], check=True)
        return output

    def program(self, *sources):
        return self.run(*(os.path.join(self.source, s) for s in sources), "-static", "-pthread", *self.library)


def has_libc(words, folder):
    source = os.path.join(folder, "empty.c")
    with open(source, "w", encoding="ascii") as f:
        f.write("#include <stdio.h>\nint main(void) { return 0; }\n")
    done = subprocess.run([*words, "-static", "-o", os.path.join(folder, "empty"), source],
                          capture_output=True, check=False)
    return done.returncode == 0


def emulator(machine):
    for name in (f"qemu-{machine}-static", f"qemu-{machine}"):
        if shutil.which(name):
            return name
    raise tap.Skip(f"no qemu-{machine}")


def test_i386_programs_read_the_page_of_this_daemon(daemon, source):
    if platform.machine() != "x86_64":
        raise tap.Skip("this is no x86-64")
    compilers = [[*words, "-msse2", *TIME64] for words in I386]
    with tempfile.TemporaryDirectory(prefix="vdsotimed-i386-") as folder:
        compiler = Compiler(compilers, source, folder)
        try:
            subprocess.run([os.path.join(folder, "empty")], check=True)
        except OSError as e:
            raise tap.Skip("this kernel runs no i386 programs") from e
        reader = compiler.program("tests/live/reader.c")
        with Daemon(daemon) as d, Program([reader, d.runtime_dir]) as program:
            program.wait_for("page: the page answers")
            d.process.kill()
            program.wait_for("vdso: ")
            print(f"# {program.finish()} reads")
        stamper = compiler.program("tests/live/stamper.c")
        with Daemon(daemon) as d:
            subprocess.run([stamper, d.runtime_dir], check=True, stdout=subprocess.DEVNULL, timeout=PATIENCE_S)
        waiter = compiler.program("tests/live/old-kernel.c")
        for error in (errno.ENOSYS, errno.EPERM):
            with Daemon(daemon) as d:
                done = subprocess.run([waiter, d.runtime_dir, str(error)], stdout=subprocess.PIPE, text=True,
                                      check=False, timeout=PATIENCE_S)
                assert done.returncode == 0, done


def test_i386_programs_with_32_bit_times_are_not_compiled(_daemon, source):
    """Their struct timespec is another than the library's: there must be no way to hand it over."""
    compiler = next((c for c in I386 if shutil.which(c[0])), ["false"])
    include = [f"-I{os.path.join(source, f)}" for f in INCLUDE[1:3]]
    text, refused = "#include <vdsotime/client.h>\n", []
    for language, standard in (("c", "c99"), ("c", "c11"), ("c++", "c++11")):
        command = [*compiler, *include, f"-std={standard}", "-D_GNU_SOURCE", "-fsyntax-only", "-x", language, "-"]
        done = subprocess.run([*command, *TIME64], input=text, capture_output=True, text=True, check=False)
        if done.returncode:
            continue
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
        # before C11, glibc's _Static_assert swallows the words
        words = "sizeof(time_t) == 8" if standard == "c99" else "needs 64-bit times: -D_TIME_BITS=64"
        assert done.returncode and words in done.stderr, done
        refused.append(standard)
    if not refused:
        raise tap.Skip(f"{compiler[0]} has no headers of i386")
    print(f"# refused as {', '.join(refused)}")


def check_emulated(daemon, source, machine, name):
    qemu = emulator(machine)
    with tempfile.TemporaryDirectory(prefix=f"vdsotimed-{machine}-") as folder:
        compiler = Compiler([[name]], source, folder)
        own_page = compiler.program("tests/live/foreign-page.c", *FIXTURES)
        for options in ([], ["-p", "65536"]):
            done = subprocess.run([qemu, *options, own_page], stdout=subprocess.PIPE, text=True, check=False,
                                  timeout=PATIENCE_S)
            print(f"# {' '.join([qemu, *options])}: {done.stdout.rstrip()}")
            assert done.returncode == 0, done.returncode
        reader = compiler.program("tests/live/reader.c")
        with Daemon(daemon) as d, Program([qemu, reader, d.runtime_dir]) as program:
            program.wait_for("syscall: the page is for a counter that is not read here")
            print(f"# {program.finish()} reads")


def test_a_cpu_without_rdtscp_reads_by_the_fence_and_one_without_tsc_not_at_all(daemon, source):
    """Where the CPU lacks an instruction it is fatal, under qemu-user as on the CPU; its TSC is that of this machine."""
    if platform.machine() != "x86_64":
        raise tap.Skip("this is no x86-64")
    qemu = emulator("x86_64")
    with tempfile.TemporaryDirectory(prefix="vdsotimed-old-cpu-") as folder:
        compiler = Compiler([["gcc"]], source, folder)
        own_page = compiler.program("tests/live/foreign-page.c", *FIXTURES)
        reader = compiler.program("tests/live/reader.c")
        done = subprocess.run([qemu, "-cpu", "core2duo", own_page], stdout=subprocess.PIPE, text=True, check=False,
                              timeout=PATIENCE_S)
        print(f"# {done.stdout.rstrip()}")
        assert done.returncode == 0 and "no rdtscp" in done.stdout, done
        with Daemon(daemon) as d, Program([qemu, "-cpu", "core2duo", reader, d.runtime_dir]) as program:
            program.wait_for("page: the page answers")
            print(f"# {program.finish()} reads")
        with Daemon(daemon) as d, Program([qemu, "-cpu", "core2duo,-tsc", reader, d.runtime_dir]) as program:
            program.wait_for("syscall: the page is for a counter that is not read here")
            print(f"# {program.finish()} reads")


def test_aarch64_reads_a_page_of_its_counter_and_refuses_another(daemon, source):
    check_emulated(daemon, source, "aarch64", "aarch64-linux-gnu-gcc")


def test_riscv64_reads_a_page_of_its_counter_and_refuses_another(daemon, source):
    check_emulated(daemon, source, "riscv64", "riscv64-linux-gnu-gcc")


if __name__ == "__main__":
    tap.run(sys.modules[__name__], *sys.argv[1:])

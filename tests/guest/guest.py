#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Boots an emulated machine with the daemon in it, and disturbs its clocks.

    guest.py MACHINE vdsotimed witness

MACHINE is one of MACHINES below: what it is, and which scenarios of witness.c it runs.  The kernel is
Debian's for clouds, fetched by apt and not installed, or what $VDSOTIME_GUEST_KERNEL names.  Exit 77: it
cannot be run here, and why.

What one would get wrong: most machines count their time in instructions, so that nothing in them depends
on how busy this one is.
"""
import glob
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from typing import NamedTuple

QEMU = 'qemu-system-x86_64'
TOOLS = (QEMU, 'qemu-img', 'busybox', 'cpio', 'dpkg', 'setpriv')
PACKAGES = 'qemu-system-x86 qemu-utils busybox-static cpio'
KERNEL_PACKAGE = 'linux-image-cloud-amd64'

# Three times what the longest takes on a busy host.
SECONDS = 180

# For so many seconds it is stopped, or let run before it is put back.
AWAY = 3

# One CPU of 125 million instructions a second, by its own clock, which skips what it would sleep.  More
# than one does not boot so: they wait for each other's counters by spinning.
COUNTED = ('-smp', '1', '-icount', 'shift=3,sleep=off')
# Two that run as the host lets them, and whose battery clock runs on while they do not.
REAL = ('-smp', '2')


class Machine(NamedTuple):
    kernel: str  # arguments
    scenarios: str
    clock: tuple = COUNTED
    before: str = 'true'  # what busybox does before the daemon starts


MACHINES = {
    'clocks': Machine('tsc=reliable',
                      'rest steps crowd insert delete frequency tick clocksource era era rest '
                      'lost off'),
    'hands': Machine('tsc=reliable', 'still race cpu suspend pause stall rewind still', REAL),
    'hpet': Machine('clocksource=hpet tsc=reliable', 'ratio still', REAL),
    'unstable': Machine('tsc=unstable', 'off'),
    'notsc': Machine('notsc', 'off'),
    'novdso': Machine('vdso=0 tsc=reliable', 'rest steps clocksource'),
    '2038': Machine('tsc=reliable', 'era steps', before='date -s "2038-01-19 03:14:00"'),
    '2106': Machine('tsc=reliable', 'era steps', before='date -s "2106-02-07 06:28:08"'),
}

INIT = '''#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /run /tmp
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sys /sys
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox mount -t tmpfs tmp /run
/bin/busybox mkdir /run/vdsotimed
/bin/busybox %s
/bin/vdsotimed --runtime-dir=/run/vdsotimed 2>/run/log &
VDSOTIME_RUNTIME_DIR=/run/vdsotimed /bin/witness %s
/bin/busybox tail -n 40 /run/log
/bin/busybox poweroff -f
'''


def skip(why):
    print(f'1..0 # SKIP {why}')
    sys.exit(77)


def give_up(why):
    print(f'Bail out! {why}', flush=True)
    sys.exit(1)


def fetch_kernel(work, cache):
    """The package that the metapackage names today, unpacked."""
    depends = subprocess.run(['apt-cache', 'depends', KERNEL_PACKAGE], text=True,
                             stdout=subprocess.PIPE).stdout.split()
    names = [w for w in depends
             if w.startswith('linux-image-') and w != KERNEL_PACKAGE and not w.endswith(':')]
    if not names or subprocess.run(['apt-get', 'download', '-q', names[0]], cwd=work,
                                   stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL).returncode:
        skip(f'the kernel {KERNEL_PACKAGE} cannot be fetched')
    # another run may be doing the same
    part = f'{cache}.{os.getpid()}'
    subprocess.run(['dpkg', '-x', glob.glob(work + '/linux-image-*.deb')[0], part], check=True)
    try:
        os.rename(part, cache)
    except OSError:
        shutil.rmtree(part)


def find_kernel(work):
    named = os.environ.get('VDSOTIME_GUEST_KERNEL')
    if named:
        return named
    cache = os.path.join(os.environ.get('XDG_CACHE_HOME', '/var/tmp'), 'vdsotimed-guest-kernel')
    if not glob.glob(cache + '/boot/vmlinuz-*'):
        if not shutil.which('apt-get'):
            skip('no apt-get to fetch a kernel with, and $VDSOTIME_GUEST_KERNEL is not set')
        fetch_kernel(work, cache)
    return max(glob.glob(cache + '/boot/vmlinuz-*'))


def libraries(programs):
    """What the loader takes for them."""
    found = set()
    for program in programs:
        out = subprocess.run(['ldd', program], text=True, stdout=subprocess.PIPE).stdout
        found.update(w for w in out.split() if w.startswith('/'))
    return found


def make_initramfs(work, programs, machine):
    root = work + '/root'
    os.makedirs(root + '/bin')
    for program in [*programs, shutil.which('busybox')]:
        shutil.copy(program, root + '/bin/')
    for library in libraries(programs):
        at = library
        if not at.startswith(('/lib', '/usr/lib')):
            # the project's own, which the loader will look for by its name alone
            at = '/lib/x86_64-linux-gnu/' + os.path.basename(library)
        os.makedirs(os.path.dirname(root + at), exist_ok=True)
        shutil.copy(library, root + at)
    with open(root + '/init', 'w') as init:
        init.write(INIT % (machine.before, machine.scenarios))
    os.chmod(root + '/init', 0o755)
    names = subprocess.run(['find', '.'], cwd=root, stdout=subprocess.PIPE, check=True).stdout
    with open(work + '/initrd', 'wb') as archive:
        subprocess.run(['cpio', '-o', '-H', 'newc', '--quiet'], cwd=root, input=names,
                       stdout=archive, check=True)
    return work + '/initrd'


def make_disk(work):
    """Nothing but a place for snapshots."""
    disk = work + '/disk'
    subprocess.run(['qemu-img', 'create', '-q', '-f', 'qcow2', disk, '64M'], check=True)
    return f'if=none,id=d,format=qcow2,file={disk}'


def command_line(work, machine, kernel, initrd):
    clock = 'vm' if machine.clock is COUNTED else 'host'
    # the emulator dies with this process, however that is killed
    return ['setpriv', '--pdeathsig', 'KILL', QEMU,
            '-accel', 'tcg', '-cpu', 'max', '-m', '256', *machine.clock,
            '-rtc', f'clock={clock}',
            '-kernel', kernel, '-initrd', initrd,
            '-append', 'console=ttyS0 quiet panic=-1 no_console_suspend ' + machine.kernel,
            '-nodefaults', '-display', 'none', '-serial', 'stdio', '-no-reboot',
            '-drive', make_disk(work), '-qmp', f'unix:{work}/qmp,server=on,wait=off']


class Guest:
    """A running machine, and its monitor."""

    def __init__(self, work, command):
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, text=True,
                                        stdout=subprocess.PIPE, errors='replace')
        self.timer = threading.Timer(SECONDS, self.process.kill)
        self.timer.start()
        self.path = work + '/qmp'
        self.monitor = None

    def close(self):
        self.timer.cancel()
        self.process.kill()
        self.process.wait()

    def connect(self):
        connection = socket.socket(socket.AF_UNIX)
        connection.connect(self.path)
        self.monitor = connection.makefile('rw')
        self.monitor.readline()
        self.command('qmp_capabilities')

    def command(self, name, **arguments):
        if not self.monitor:
            self.connect()
        self.monitor.write(json.dumps({'execute': name, 'arguments': arguments}) + '\n')
        self.monitor.flush()
        for line in self.monitor:
            answer = json.loads(line)
            if 'error' in answer:
                give_up(f'{name}: {answer["error"]}')
            if 'return' in answer:
                return answer['return']
        return give_up(f'{name}: the emulator has gone')

    def human(self, line):
        """A command that says nothing when all is well."""
        answer = self.command('human-monitor-command', **{'command-line': line})
        if answer:
            give_up(f'{line}: {answer}')

    def wake(self):
        while self.command('query-status')['status'] != 'suspended':
            time.sleep(0.1)
        time.sleep(AWAY)
        self.command('system_wakeup')

    def pause(self):
        self.command('stop')
        time.sleep(AWAY)
        self.command('cont')

    def rewind(self):
        self.human('savevm a')
        time.sleep(AWAY)
        self.human('loadvm a')

    def stall(self):
        self.process.send_signal(signal.SIGSTOP)
        time.sleep(AWAY)
        self.process.send_signal(signal.SIGCONT)

    def help(self, what):
        {'wake': self.wake, 'pause': self.pause, 'rewind': self.rewind, 'stall': self.stall}[what]()


def watch(guest):
    """Print the guest's lines and do as it asks.  Whether it was well to its end."""
    well, done = True, False
    for line in guest.process.stdout:
        line = line.strip()
        if line.startswith('HOST '):
            guest.help(line[5:])
        elif line.startswith(('ok ', 'not ok ', '1..')):
            print(line, flush=True)
            well = well and not line.startswith('not ok ')
        elif line == 'DONE':
            done = True
        else:
            print('# ' + line, flush=True)
    if not done:
        give_up('the guest did not get to its end')
    return well


def main():
    machine, programs = MACHINES[sys.argv[1]], sys.argv[2:]
    if os.uname().machine != 'x86_64':
        skip('the guest is x86-64')
    for tool in TOOLS:
        if not shutil.which(tool):
            skip(f'{tool} is not installed ({PACKAGES})')
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(1))
    with tempfile.TemporaryDirectory(prefix='vdsotimed-guest-') as work:
        kernel = find_kernel(work)
        initrd = make_initramfs(work, programs, machine)
        guest = Guest(work, command_line(work, machine, kernel, initrd))
        try:
            sys.exit(0 if watch(guest) else 1)
        finally:
            guest.close()


if __name__ == '__main__':
    main()

#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Boots an emulated machine with the daemon in it, and disturbs its clocks.

    guest.py MACHINE vdsotimed witness PROGRAM...

MACHINE is one of MACHINES below: what the kernel is told, and which scenarios witness.c runs.  The kernel
is Debian's for clouds, fetched by apt and not installed, or what $VDSOTIME_GUEST_KERNEL names.  Exit 77:
it cannot be run here, and why.
"""
import glob
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time

QEMU = 'qemu-system-x86_64'
PACKAGES = 'qemu-system-x86 qemu-utils busybox-static cpio'

# kernel arguments, arguments of QEMU, scenarios, seconds
MACHINES = {
    'short': ('tsc=reliable', [], 'rest steps insert suspend clocksource', 150),
    'hpet': ('clocksource=hpet tsc=reliable', [], 'ratio rest', 60),
    'hpet-goal': ('clocksource=hpet tsc=reliable', [], 'goal rest', 60),
    'all': ('tsc=reliable', [], 'rest steps insert delete frequency clocksource suspend pause rewind steps', 300),
    'unstable': ('tsc=unstable', [], 'off', 60),
    'notsc': ('notsc', [], 'off', 60),
    'novdso': ('vdso=0 tsc=reliable', [], 'rest steps', 90),
    '2038': ('tsc=reliable', ['-rtc', 'base=2038-01-19T03:13:50'], 'rest steps', 90),
    '2106': ('tsc=reliable', ['-rtc', 'base=2106-02-07T06:28:05'], 'rest steps', 90),
}

INIT = '''#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /run /tmp
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sys /sys
/bin/busybox mount -t devtmpfs dev /dev
/bin/busybox mount -t tmpfs tmp /run
/bin/busybox mkdir /run/vdsotimed
/bin/vdsotimed --runtime-dir=/run/vdsotimed 2>/run/log &
VDSOTIME_RUNTIME_DIR=/run/vdsotimed /bin/witness %s
/bin/busybox cat /run/log
/bin/busybox poweroff -f
'''


def skip(why):
    print(f'1..0 # SKIP {why}')
    sys.exit(77)


def kernel(work):
    named = os.environ.get('VDSOTIME_GUEST_KERNEL')
    if named:
        return named
    cache = os.path.join(os.environ.get('XDG_CACHE_HOME', '/var/tmp'), 'vdsotimed-guest-kernel')
    for found in sorted(glob.glob(cache + '/boot/vmlinuz-*')):
        return found
    if not shutil.which('apt-get'):
        skip('no apt-get to fetch a kernel with, and $VDSOTIME_GUEST_KERNEL is not set')
    depends = subprocess.run(['apt-cache', 'depends', 'linux-image-cloud-amd64'], text=True,
                             stdout=subprocess.PIPE).stdout
    names = [w for w in depends.split() if w.startswith('linux-image-') and w[-1] != ':' and w != 'linux-image-cloud-amd64']
    if not names or subprocess.run(['apt-get', 'download', '-q', names[0]], cwd=work,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode:
        skip('the kernel linux-image-cloud-amd64 cannot be fetched')
    package = glob.glob(work + '/linux-image-*.deb')[0]
    subprocess.run(['dpkg', '-x', package, cache], check=True)
    return sorted(glob.glob(cache + '/boot/vmlinuz-*'))[0]


def libraries(programs):
    found = set()
    for program in programs:
        out = subprocess.run(['ldd', program], text=True, stdout=subprocess.PIPE).stdout
        for line in out.splitlines():
            found.update(w for w in line.split() if w.startswith('/'))
    return found


def initramfs(work, programs, scenarios):
    root = os.path.join(work, 'root')
    os.makedirs(root + '/bin')
    for program in programs:
        shutil.copy(program, root + '/bin/')
    shutil.copy('/bin/busybox' if os.path.exists('/bin/busybox') else '/usr/bin/busybox', root + '/bin/busybox')
    for library in libraries(programs):
        # the loader looks for the project's own library by its name alone
        at = library if library.startswith(('/lib', '/usr/lib')) else '/lib/x86_64-linux-gnu/' + os.path.basename(library)
        os.makedirs(os.path.dirname(root + at), exist_ok=True)
        shutil.copy(library, root + at)
    with open(root + '/init', 'w') as f:
        f.write(INIT % scenarios)
    os.chmod(root + '/init', 0o755)
    archive = os.path.join(work, 'initrd')
    with open(archive, 'wb') as f:
        names = subprocess.run(['find', '.'], cwd=root, stdout=subprocess.PIPE).stdout
        subprocess.run(['cpio', '-o', '-H', 'newc', '--quiet'], cwd=root, input=names, stdout=f, check=True)
    return archive


class Machine:
    """A running guest and its monitor."""

    def __init__(self, work, image, archive, arguments, extra):
        monitor = work + '/qmp'
        self.process = subprocess.Popen(
            [QEMU, '-accel', 'tcg', '-cpu', 'max', '-m', '256', '-smp', '2', '-kernel', image,
             '-initrd', archive, '-append', 'console=ttyS0 quiet panic=-1 no_console_suspend ' + arguments,
             '-display', 'none', '-serial', 'stdio', '-no-reboot', '-nodefaults',
             '-qmp', f'unix:{monitor},server=on,wait=off'] + extra,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, errors='replace')
        for _ in range(200):
            try:
                s = socket.socket(socket.AF_UNIX)
                s.connect(monitor)
                break
            except OSError:
                time.sleep(0.05)
        self.file = s.makefile('rw')
        self.file.readline()
        self.command('qmp_capabilities')

    def command(self, name, **arguments):
        self.file.write(json.dumps({'execute': name, 'arguments': arguments}) + '\n')
        self.file.flush()
        while True:
            answer = json.loads(self.file.readline())
            if 'return' in answer or 'error' in answer:
                return answer

    def human(self, line):
        self.command('human-monitor-command', **{'command-line': line})

    def help(self, what):
        if what == 'wake':
            time.sleep(3)
            self.command('system_wakeup')
        elif what == 'pause':
            self.command('stop')
            time.sleep(2)
            self.command('cont')
        elif what == 'rewind':
            self.human('savevm a')
            time.sleep(2)
            self.human('loadvm a')


def watch(machine, seconds):
    """The guest's lines; 0 when all is well."""
    deadline = time.monotonic() + seconds
    failed, done, helped, seen = 0, False, set(), set()
    watchdog = subprocess.Popen(['sleep', str(seconds)])
    try:
        for line in machine.process.stdout:
            line = line.strip()
            if line.startswith('HOST '):
                # a machine that is rewound asks again
                if line not in helped:
                    helped.add(line)
                    machine.help(line[5:])
            elif line.startswith(('ok ', 'not ok ', '1..')):
                if line not in seen:
                    print(line, flush=True)
                seen.add(line)
                failed += line.startswith('not ok ')
            elif line == 'DONE':
                done = True
            else:
                print('# ' + line, flush=True)
            if time.monotonic() > deadline:
                break
    finally:
        watchdog.kill()
    if not done:
        print('Bail out! the guest did not get to its end')
    return 0 if done and not failed else 1


def main():
    name, programs = sys.argv[1], sys.argv[2:]
    for tool in (QEMU, 'busybox', 'cpio', 'dpkg'):
        if not shutil.which(tool):
            skip(f'{tool} is not installed ({PACKAGES})')
    if os.uname().machine != 'x86_64':
        skip('the guest is x86-64')
    arguments, extra, scenarios, seconds = MACHINES[name]
    if 'rewind' in scenarios and not shutil.which('qemu-img'):
        skip(f'qemu-img is not installed ({PACKAGES})')
    with tempfile.TemporaryDirectory(prefix='vdsotimed-guest-') as work:
        image = kernel(work)
        if 'rewind' in scenarios:
            # a snapshot needs a disk to be in
            disk = work + '/disk'
            subprocess.run(['qemu-img', 'create', '-q', '-f', 'qcow2', disk, '64M'], check=True)
            extra = extra + ['-drive', f'if=none,id=d,format=qcow2,file={disk}']
        machine = Machine(work, image, initramfs(work, programs, scenarios), arguments, extra)
        try:
            sys.exit(watch(machine, seconds))
        finally:
            machine.process.kill()
            machine.process.wait()


if __name__ == '__main__':
    main()

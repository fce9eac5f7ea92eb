#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The units agree with the daemon, and expose little.

    units.py ROOT VDSOTIMED.SERVICE

Names and paths of the sockets are those that the daemon looks for; the sandbox scores 0.7 at most with
systemd-analyze, where 0 is none and 10 is full exposure.
"""

import configparser
import os
import re
import shutil
import subprocess
import sys

import tree

THRESHOLD = "7"  # tenths


def unit(path):
    parser = configparser.ConfigParser(strict=False, interpolation=None, delimiters=("=",))
    parser.optionxform = str
    parser.read(path)
    return parser


def sockets(root):
    """Name -> file, of the list that the server is made from."""
    with open(os.path.join(root, "daemon/server.h"), encoding="utf-8") as f:
        return dict(re.findall(r'X\(\w+, "([\w.]+)", "([\w.]+)"\)', f.read()))


def check_sockets(root):
    expected = sockets(root)
    found = {}
    for name in ("vdsotimed.socket", "vdsotimed-stamp.socket"):
        section = unit(os.path.join(root, "systemd", name))["Socket"]
        listen = section.get("ListenStream") or section.get("ListenSequentialPacket")
        found[section["FileDescriptorName"]] = os.path.basename(listen)
        if os.path.dirname(listen) != "/run/vdsotimed":
            yield f"{name}: listens in {os.path.dirname(listen)}"
        if section.get("SocketMode") != "0666":
            yield f"{name}: not for everyone"
    if found != expected:
        yield f"the units have {found}, the daemon has {expected}"


def check_service(path):
    service = unit(path)["Service"]
    if int(service["FileDescriptorStoreMax"]) < 1:
        yield "the service manager would not keep the page"
    if service["CapabilityBoundingSet"] != "":
        yield "the service has capabilities"
    if service["Type"] not in ("notify", "notify-reload"):
        yield f"Type={service['Type']} does not wait for readiness"


def check_exposure(path):
    if not shutil.which("systemd-analyze"):
        print("without systemd-analyze, which is not here")
        return
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", f"--threshold={THRESHOLD}", path],
        capture_output=True,
        text=True,
        check=False,
    )
    print((done.stdout.splitlines() or [done.stderr.strip()])[-1])
    if done.returncode:
        yield "the service exposes more than it did"


def main(root, path):
    tree.finish("units", [*check_sockets(root), *check_service(path), *check_exposure(path)])


main(*sys.argv[1:])

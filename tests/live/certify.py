#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The Varlink engine before clients that others wrote.

    certify.py CERTIFY VDSOTIMED SOURCE_ROOT
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time

import tap
from daemon import Daemon, PATIENCE_S

GO_LIBRARIES = "/usr/share/gocode"


def test_certification_of_varlink_go(certify, *_):
    client = shutil.which("varlink-go-certification")
    if not client:
        raise tap.Skip("varlink-go-certification (package varlink-go) is not installed")
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "socket")
        with subprocess.Popen([certify, path]) as server:
            try:
                end = time.monotonic() + PATIENCE_S
                while not os.path.exists(path) and time.monotonic() < end:
                    time.sleep(0.01)
                done = subprocess.run(
                    [client, "-client", "-varlink", f"unix:{path}"],
                    capture_output=True,
                    text=True,
                    timeout=PATIENCE_S,
                    check=False,
                )
            finally:
                server.kill()
        # Its exit status is 0 also when it has failed.
        assert "End: 'true'" in done.stdout, done.stdout + done.stderr


def test_a_generic_client_calls_and_follows(_, vdsotimed, root):
    if not shutil.which("go") or not os.path.isdir(f"{GO_LIBRARIES}/src/github.com/varlink/go"):
        raise tap.Skip("golang-go and golang-github-varlink-go-dev are not installed")
    with tempfile.TemporaryDirectory() as folder, Daemon(vdsotimed) as d:
        client = os.path.join(folder, "generic")
        environment = os.environ | {
            "GO111MODULE": "off",
            "GOPATH": GO_LIBRARIES,
            "GOCACHE": os.path.join(folder, "cache"),
        }
        source = os.path.join(root, "tests/live/generic.go")
        subprocess.run(["go", "build", "-o", client, source], env=environment, check=True)
        address = f"unix:{d.runtime_dir}/org.vdsotime.Time"
        subprocess.run([client, address], timeout=PATIENCE_S, check=True)


if __name__ == "__main__":
    tap.run(sys.modules[__name__], *sys.argv[1:])

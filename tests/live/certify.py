#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The Varlink engine before clients that others wrote.

    certify.py CERTIFY
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time

import tap
from daemon import PATIENCE_S


def test_certification_of_varlink_go(certify):
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


if __name__ == "__main__":
    tap.run(sys.modules[__name__], *sys.argv[1:])

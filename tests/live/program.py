# SPDX-License-Identifier: MIT
"""A reader of the library, running, whose lines are waited for."""

import os
import queue
import subprocess
import threading
import time

from daemon import PATIENCE_S


class Program:
    """A running program whose lines are waited for."""

    def __init__(self, command, environment=None):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env=dict(os.environ, **(environment or {})))
        self.lines = queue.Queue()
        threading.Thread(target=self.pump, daemon=True).start()

    def pump(self):
        for line in self.process.stdout:
            self.lines.put(line.rstrip("\n"))
        self.lines.put(None)

    def wait_for(self, words):
        """The first line with these words in it, and how long it took; fails on the end of its output."""
        start = time.monotonic()
        while (left := start + PATIENCE_S - time.monotonic()) > 0:
            try:
                line = self.lines.get(timeout=left)
            except queue.Empty:
                break
            if line is None or line.startswith(("FAILED", "BACKWARD", "WRONG")):
                raise AssertionError(f"waiting for {words!r}: {line or 'the program ended'}")
            if words in line:
                return line, time.monotonic() - start
        raise AssertionError(f"no line with {words!r} within {PATIENCE_S} s")

    def finish(self):
        self.process.stdin.close()
        line, _ = self.wait_for("reads ")
        assert self.process.wait(PATIENCE_S) == 0
        return int(line.split()[1])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()

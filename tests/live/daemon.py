# SPDX-License-Identifier: MIT
"""A real vdsotimed in a directory of its own, with this process in the place of the service manager."""

import array
import contextlib
import json
import os
import signal
import socket
import subprocess
import tempfile
import time

PATIENCE_S = 20  # a slow machine is no failure; a hang is


class Manager:
    """The socket that a service manager listens on, and the descriptors that it was given to keep."""

    def __init__(self, path):
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)
        self.kept = {}
        self.told = []

    def receive(self, timeout_s):
        """The next message as a dict, or None when none came in time."""
        self.socket.settimeout(timeout_s)
        try:
            data, ancillary, _, _ = self.socket.recvmsg(4096, socket.CMSG_SPACE(4))
        except socket.timeout:
            return None
        message = dict(line.split("=", 1) for line in data.decode().splitlines())
        for _, kind, content in ancillary:
            if kind == socket.SCM_RIGHTS:
                self.kept[message["FDNAME"]] = array.array("i", content)[0]
        self.told.append(message)
        return message

    def wait_for(self, key, timeout_s=PATIENCE_S):
        """The first message with that key."""
        end = time.monotonic() + timeout_s
        while (left := end - time.monotonic()) > 0:
            message = self.receive(left)
            if message and key in message:
                return message
        raise AssertionError(f"no {key}= within {timeout_s} s; told: {self.told}")

    def fill(self):
        """From here on it has no room for a message, until it receives."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while True:
                    s.sendto(b"FULL=1", self.path)

    def close(self):
        self.socket.close()
        os.unlink(self.path)
        for fd in self.kept.values():
            os.close(fd)


class Daemon:
    """vdsotimed, started and ready."""

    def __init__(self, program, *args, runtime_dir=None, environment=None, passed=None):
        self.folder = tempfile.TemporaryDirectory(prefix="vdsotimed-live-")
        self.runtime_dir = runtime_dir or os.path.join(self.folder.name, "run")
        if not runtime_dir:
            os.mkdir(self.runtime_dir, 0o755)
        self.manager = Manager(os.path.join(self.folder.name, "notify"))
        self.log_path = os.path.join(self.folder.name, "log")
        command = [program, f"--runtime-dir={self.runtime_dir}", "--config=/dev/null", *args]
        variables = dict(os.environ, NOTIFY_SOCKET=self.manager.path, **(environment or {}))
        with open(self.log_path, "wb") as log:
            self.process = start_with_descriptors(command, variables, log, passed or {})
        try:
            self.ready = self.manager.wait_for("READY")
        except AssertionError:
            print(f"# {self.log()}")
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.manager.close()
        self.folder.cleanup()

    def log(self):
        with open(self.log_path, encoding="utf-8") as f:
            return f.read()

    def stop(self, signum=signal.SIGTERM):
        """Ends it and gives its exit status."""
        self.process.send_signal(signum)
        return self.process.wait(PATIENCE_S)

    def call(self, method, parameters=None):
        """A Varlink call: the parameters of the reply."""
        reply = varlink(self.runtime_dir, method, parameters)
        if "error" in reply:
            raise AssertionError(f"{method}: {reply}")
        return reply.get("parameters", {})

    def status(self):
        return self.call("org.vdsotime.Time.GetStatus")


def varlink(runtime_dir, method, parameters=None):
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
        s.settimeout(PATIENCE_S)
        s.connect(os.path.join(runtime_dir, "org.vdsotime.Time"))
        s.sendall(json.dumps({"method": method, "parameters": parameters or {}}).encode() + b"\0")
        data = b""
        while not data.endswith(b"\0"):
            chunk = s.recv(65536)
            if not chunk:
                raise AssertionError(f"{method}: closed without a reply")
            data += chunk
    return json.loads(data[:-1])


def start_with_descriptors(command, variables, log, passed):
    """passed: name -> descriptor, handed over as sd_listen_fds(3) says: from 3 on, to that process."""
    fds = list(passed.values())

    def arrange():
        high = [os.dup(fd) for fd in fds]
        high = [os.dup2(fd, 100 + i) for i, fd in enumerate(high)]
        for i, fd in enumerate(high):
            os.dup2(fd, 3 + i)

    if not passed:
        return subprocess.Popen(command, env=variables, stdin=subprocess.DEVNULL, stderr=log)
    variables["LISTEN_FDS"] = str(len(fds))
    variables["LISTEN_FDNAMES"] = ":".join(passed)
    # Only the process itself knows its pid before it is there.
    command = ["/bin/sh", "-c", 'LISTEN_PID=$$ exec "$@"', "sh", *command]
    return subprocess.Popen(
        command,
        env=variables,
        stdin=subprocess.DEVNULL,
        stderr=log,
        preexec_fn=arrange,
        close_fds=True,
        pass_fds=range(3, 3 + len(fds)),
    )

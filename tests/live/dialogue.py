#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The Varlink socket of a real daemon, message by message: framing, order, streams, closes.

    dialogue.py VDSOTIMED
"""

import contextlib
import json
import os
import signal
import socket
import sys
import tempfile
import time

import tap
from checks import wait_until
from daemon import PATIENCE_S, Daemon
from stamp import as_user, cpu_s, is_closed, open_descriptors

TIME = "org.vdsotime.Time"
SERVICE = "org.varlink.service"
MESSAGE_MAX = 4096
WIRE = os.path.join(os.path.dirname(__file__), "../../proto/wire")


class Dialogue:
    def __init__(self, daemon):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(PATIENCE_S)
        self.socket.connect(os.path.join(daemon.runtime_dir, TIME))
        self.data = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, *messages):
        self.socket.sendall(b"".join(m + b"\0" for m in messages))

    def receive(self):
        while b"\0" not in self.data:
            chunk = self.socket.recv(65536)
            if not chunk:
                raise EOFError
            self.data += chunk
        message, self.data = self.data.split(b"\0", 1)
        return json.loads(message)

    def ask(self, message):
        self.send(message)
        return self.receive()

    def closed(self):
        return not self.data and is_closed(self.socket)


def call(method, parameters=None, **flags):
    message = {"method": method, **flags}
    if parameters is not None:
        message["parameters"] = parameters
    return json.dumps(message).encode()


def statistics(daemon):
    sockets = daemon.call(f"{TIME}.GetStatistics")["sockets"]
    return next(s for s in sockets if s["socket"] == "varlink")


def refusals(daemon):
    return {r["reason"]: r["count"] for r in statistics(daemon)["refused"]}


def test_it_introduces_itself(program):
    with Daemon(program) as d, Dialogue(d) as v:
        info = v.ask(call(f"{SERVICE}.GetInfo"))["parameters"]
        assert info["interfaces"] == [SERVICE, TIME]
        for name in info["interfaces"]:
            reply = v.ask(call(f"{SERVICE}.GetInterfaceDescription", {"interface": name}))
            text = reply["parameters"]["description"]
            path = os.path.join(WIRE, f"{name}.varlink")
            with open(path, encoding="utf-8") as f:
                assert text == f.read()
        reply = v.ask(call(f"{SERVICE}.GetInterfaceDescription", {"interface": "org.no"}))
        assert reply == {
            "error": f"{SERVICE}.InterfaceNotFound",
            "parameters": {"interface": "org.no"},
        }


def test_clocks_are_read(program):
    with Daemon(program) as d, Dialogue(d) as v:
        clocks = v.ask(call(f"{TIME}.ListClocks"))["parameters"]["clocks"]
        names = [c["name"] for c in clocks]
        assert names == ["REALTIME", "MONOTONIC", "MONOTONIC_RAW", "BOOTTIME", "TAI"]
        for clock in clocks:
            reply = v.ask(call(f"{TIME}.Read", {"clocks": [clock["name"]]}))["parameters"]
            now = time.clock_gettime_ns(clock["id"])
            assert abs(reply["timestamps"][0]["timeNSec"] - now) < 10**9
        assert len(v.ask(call(f"{TIME}.Read"))["parameters"]["timestamps"]) == 5


def test_pipelined_calls_are_answered_in_order(program):
    with Daemon(program) as d, Dialogue(d) as v:
        names = ["TAI", "none", "BOOTTIME"]
        calls = [call(f"{TIME}.Read", {"clocks": [names[i % 3]]}) for i in range(300)]
        v.send(*calls)
        for i in range(300):
            reply = v.receive()
            if i % 3 == 1:
                assert reply["error"] == f"{TIME}.NoSuchClock"
            else:
                assert reply["parameters"]["timestamps"][0]["clock"] == names[i % 3]


def test_message_may_come_byte_by_byte(program):
    with Daemon(program) as d, Dialogue(d) as v:
        message = call(f"{TIME}.Read", {"clocks": ["TAI"]}) + b"\0"
        for i in range(len(message)):
            v.socket.send(message[i : i + 1])
        assert "parameters" in v.receive()
        # The end of one with the beginning of the next.
        v.socket.sendall(message + message[:9])
        assert "parameters" in v.receive()
        v.socket.sendall(message[9:])
        assert "parameters" in v.receive()


def test_oneway_is_not_answered_not_even_with_an_error(program):
    with Daemon(program) as d, Dialogue(d) as v:
        v.send(
            call(f"{TIME}.Read", oneway=True),
            call(f"{TIME}.Nothing", oneway=True),
            call(f"{TIME}.Read", {"clocks": 1}, oneway=True),
            call(f"{TIME}.Monitor", oneway=True),
            call(f"{SERVICE}.GetInfo"),
        )
        assert "interfaces" in v.receive()["parameters"]


def test_what_cannot_be_done_is_an_error_and_the_connection_goes_on(program):
    cases = [
        (call("org.no.Do"), "InterfaceNotFound", {"interface": "org.no"}),
        (call("Do"), "InterfaceNotFound", {"interface": "Do"}),
        (call(f"{TIME}.Do"), "MethodNotFound", {"method": f"{TIME}.Do"}),
        (call(f"{TIME}.Read", {"clocks": "TAI"}), "InvalidParameter", {"parameter": "clocks"}),
        (call(f"{TIME}.Read", {"Clocks": []}), "InvalidParameter", {"parameter": "Clocks"}),
        (call(f"{TIME}.GetStatus", {"x": None}), "InvalidParameter", {"parameter": "x"}),
        (call(f"{TIME}.Monitor"), "ExpectedMore", None),
        (call(f"{TIME}.Read", upgrade=True), "MethodNotImplemented", {"method": f"{TIME}.Read"}),
    ]
    with Daemon(program) as d, Dialogue(d) as v:
        for message, error, parameters in cases:
            reply = v.ask(message)
            assert reply.get("error") == f"{SERVICE}.{error}", reply
            assert reply.get("parameters") == parameters
        assert v.ask(call(f"{TIME}.Read", more=True)).get("continues") is None
        assert refusals(d) == {}


def test_what_is_no_call_is_closed_and_counted(program):
    deep = b'{"method":"a.b","parameters":{"a":' + b"[" * 2000 + b"}}"
    wide = b'{"method":"a.b","parameters":{"a":[' + b",".join([b"{}"] * 900) + b"]}}"
    cases = [
        ("jsonSyntax", b""),
        ("jsonSyntax", b"x"),
        ("jsonSyntax", b"[]"),
        ("jsonSyntax", b"{'method':'a.b'}"),
        ("jsonSyntax", b'{"method":"a.b"} {}'),
        ("jsonSyntax", b'{"method":"a.b","parameters":{"a":NaN}}'),
        ("jsonEncoding", b'{"method":"a.\xc0\x80"}'),
        ("jsonEncoding", b'{"method":"a.\\u0000"}'),
        ("jsonEncoding", b'{"method":"a.\\ud800"}'),
        ("jsonEncoding", b'{"method":"a.\n"}'),
        ("jsonNumber", b'{"method":"a.b","parameters":{"a":1e999}}'),
        ("jsonNumber", b'{"method":"a.b","parameters":{"a":18446744073709551616}}'),
        ("jsonKey", b'{"method":"a.b","method":"a.c"}'),
        ("jsonKey", b'{"method":"a.b","par\\u0061meters":{}}'),
        ("jsonLimit", deep),
        ("jsonLimit", wide),
        ("call", b"{}"),
        ("call", b'{"method":1}'),
        ("call", b'{"method":"a.b","more":1}'),
        ("call", b'{"method":"a.b","more":true,"oneway":true}'),
        ("call", b'{"method":"a.b","other":1}'),
        ("call", b'{"method":"a.b","parameters":[]}'),
        ("length", b'{"method":"' + b"a" * MESSAGE_MAX),
        ("length", b" " * 100000),
    ]
    with Daemon(program) as d, Dialogue(d) as bystander:
        expected = {}
        for reason, message in cases:
            with Dialogue(d) as v:
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    v.send(message)
                assert v.closed(), (reason, "was answered")
            expected[reason] = expected.get(reason, 0) + 1
        assert refusals(d) == expected
        assert "parameters" in bystander.ask(call(f"{TIME}.Read"))


def test_replies_before_a_refusal_are_not_lost(program):
    with Daemon(program) as d:
        for _ in range(30):
            with Dialogue(d) as v:
                v.send(call(f"{TIME}.Read"), call(f"{TIME}.Read"), b"rubbish", b"{}" * 100)
                assert "parameters" in v.receive()
                assert "parameters" in v.receive()
                assert v.closed()


def test_longest_message_is_served(program):
    with Daemon(program) as d, Dialogue(d) as v:
        message = call(f"{TIME}.Read")
        message += b" " * (MESSAGE_MAX - 1 - len(message))
        assert "parameters" in v.ask(message)
        v.send(message, message)
        assert "parameters" in v.receive() and "parameters" in v.receive()


def test_message_that_is_not_finished_in_time_is_closed(program):
    with tempfile.NamedTemporaryFile("w") as config:
        config.write("[Socket]\nFrameTimeout=400ms\n")
        config.flush()
        with Daemon(program, f"--config={config.name}") as d, Dialogue(d) as idle:
            begin = time.monotonic()
            with contextlib.ExitStack() as stack:
                loris = [stack.enter_context(Dialogue(d)) for _ in range(100)]
                while statistics(d)["unfinished"] < 100:
                    assert time.monotonic() - begin < PATIENCE_S
                    for v in loris:
                        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                            v.socket.send(b" ")
                    time.sleep(0.05)
            assert "parameters" in idle.ask(call(f"{TIME}.Read")), "an idle one is left alone"


def test_reader_that_never_reads_is_closed(program):
    with tempfile.NamedTemporaryFile("w") as config:
        config.write("[Socket]\nStallTimeout=300ms\n")
        config.flush()
        with Daemon(program, f"--config={config.name}") as d, Dialogue(d) as v, Dialogue(d) as m:
            m.send(call(f"{TIME}.Monitor", {"intervalNSec": 10**6}, more=True))
            v.socket.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                while True:
                    v.socket.send(call(f"{TIME}.GetVdso") + b"\0")
            wait_until(lambda: statistics(d)["stalled"] == 2)


def test_reader_that_reads_again_gets_every_reply(program):
    with Daemon(program) as d, Dialogue(d) as v:
        message = call(f"{TIME}.GetVdso") + b"\0"
        v.socket.setblocking(False)
        sent = b""
        with contextlib.suppress(BlockingIOError):
            while True:
                n = v.socket.send(message * 10)
                sent += (message * 10)[:n]
                if n % len(message):
                    break
        v.socket.settimeout(PATIENCE_S)
        whole = sent.count(b"\0")
        for _ in range(whole):
            assert "symbols" in v.receive()["parameters"]
        print(f"# {whole} calls were under way")


def test_monitor_ticks_and_ends_with_its_count(program):
    with Daemon(program) as d, Dialogue(d) as v:
        parameters = {"clocks": ["MONOTONIC"], "intervalNSec": 20 * 10**6, "count": 4}
        v.send(call(f"{TIME}.Monitor", parameters, more=True), call(f"{TIME}.ListClocks"))
        replies = [v.receive() for _ in range(5)]
        assert [r.get("continues", False) for r in replies] == [True] * 3 + [False] * 2
        times = [r["parameters"]["timestamps"][0]["timeNSec"] for r in replies[:4]]
        assert times == sorted(times) and times[3] - times[0] >= 40 * 10**6
        assert "clocks" in replies[4]["parameters"], "what came meanwhile is answered after it"
        assert statistics(d)["subscriptions"] == 0


def test_monitor_that_is_left_is_cleaned_up(program):
    with Daemon(program) as d:
        before = open_descriptors(d)
        for waiting in (b"", b"x" * 10, b"{}\0" * 1000):
            with Dialogue(d) as v:
                v.send(call(f"{TIME}.Monitor", more=True))
                assert v.receive()["parameters"]["lost"] == 0
                v.socket.send(waiting)
                assert statistics(d)["subscriptions"] == 1
                spent = cpu_s(d)
                time.sleep(0.3)
                assert cpu_s(d) - spent < 0.2, "it spins on what waits"
            wait_until(lambda: statistics(d)["subscriptions"] == 0)
        wait_until(lambda: open_descriptors(d) == before)


def test_what_waits_behind_a_monitor_is_bounded(program):
    with Daemon(program) as d, Dialogue(d) as v:
        v.send(call(f"{TIME}.Monitor", more=True))
        v.receive()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            v.send(*[call(f"{TIME}.Read")] * 200)
        assert v.closed()
        assert refusals(d) == {"length": 1}
        assert statistics(d)["subscriptions"] == 0


def test_reload_is_for_the_privileged(program):
    with Daemon(program) as d:
        assert d.call(f"{TIME}.Reload") == {}
        if os.geteuid() != 0:
            raise tap.Skip("only root can be other users")
        os.chmod(d.folder.name, 0o755)

        def ask():
            with Dialogue(d) as v:
                reply = v.ask(call(f"{TIME}.Reload"))
                good = "parameters" in v.ask(call(f"{TIME}.GetStatus"))
                return 0 if good and reply == {"error": f"{SERVICE}.PermissionDenied"} else 1

        assert as_user(12345, ask) == 0


def test_reload_of_a_bad_configuration_says_where(program):
    with tempfile.NamedTemporaryFile("w+") as config:
        config.write("[Time]\n")
        config.flush()
        with Daemon(program, f"--config={config.name}") as d, Dialogue(d) as v:
            config.write("Period=soon\n")
            config.flush()
            reply = v.ask(call(f"{TIME}.Reload"))
            assert reply["error"] == f"{TIME}.ConfigurationInvalid"
            assert reply["parameters"]["file"] == config.name
            assert reply["parameters"]["line"] == 2
            assert "soon" in reply["parameters"]["message"]
            assert "parameters" in v.ask(call(f"{TIME}.GetStatus"))


def test_configuration_in_force_is_told(program):
    with tempfile.NamedTemporaryFile("w") as config:
        config.write("[Time]\nPeriod=50 ms\n")
        config.flush()
        with Daemon(program, f"--config={config.name}", "--log-level=notice") as d:

            def settings():
                reply = d.call(f"{TIME}.GetConfiguration")
                assert reply["files"] == [config.name]
                return {s["name"]: s for s in reply["settings"]}

            made = {"section": "Time", "name": "Period", "value": "50ms", "origin": "file"}
            assert settings()["Period"] == {**made, "file": config.name, "line": 2}
            default = {"section": "Socket", "name": "StallTimeout", "value": "5s"}
            assert settings()["StallTimeout"] == {**default, "origin": "default"}
            level = settings()["Level"]
            assert (level["value"], level["configured"]) == ("notice", "info")
            config.write("[Socket]\nMaxPeers=100\nStallTimeout=1min\n")
            config.flush()
            for _ in range(2):
                d.call(f"{TIME}.Reload")
                peers = settings()["MaxPeers"]
                assert (peers["value"], peers["configured"]) == ("8192", "100")
                assert settings()["StallTimeout"]["value"] == "1min"
            assert d.log().count("MaxPeers= and ReservedPeers= are in force only") == 2


def test_stop_answers_what_was_received(program):
    for _ in range(5):
        with Daemon(program) as d, Dialogue(d) as v, Dialogue(d) as m:
            m.send(call(f"{TIME}.Monitor", {"intervalNSec": 10**7}, more=True))
            m.receive()
            os.kill(d.process.pid, signal.SIGSTOP)
            v.send(*[call(f"{TIME}.Read")] * 200)
            d.process.send_signal(signal.SIGTERM)
            os.kill(d.process.pid, signal.SIGCONT)
            for _ in range(200):
                assert "parameters" in v.receive()
            assert v.closed()
            assert d.process.wait(PATIENCE_S) == 0


if __name__ == "__main__":
    tap.run(sys.modules[__name__], *sys.argv[1:])

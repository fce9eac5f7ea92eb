#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""vdsotimectl as its users meet it: with a daemon, without one, and with one that died or hangs.

    ctl.py VDSOTIMED VDSOTIMECTL
"""

import fcntl
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

import stamp
import tap
from checks import assert_equal
from daemon import PATIENCE_S, Daemon

OK, FAILURE, USAGE, NOT_RUNNING, DEGRADED, PERMISSION, TIMEOUT = 0, 1, 2, 3, 4, 5, 124

CLOCKS = ["REALTIME", "MONOTONIC", "MONOTONIC_RAW", "BOOTTIME", "TAI"]

# Each verb, quick, and what it ends with when all is well.
VERBS = [
    ["status"],
    ["show"],
    ["clocks"],
    ["now"],
    ["vdso"],
    ["bench", "--seconds=50ms"],
    ["verify", "--for=50ms"],
    ["wait"],
    ["monitor", "--count=2", "--interval=10ms"],
    ["events"],
    ["page"],
    ["stats"],
    ["metrics"],
    ["cat-config"],
    ["call", "GetStatus"],
    ["help"],
]
READING = ["clocks", "now", "bench", "verify", "monitor", "page", "--for=page"]  # time or its page
SILENT = ["wait", "reload"]  # verbs that have nothing to print


class Result:
    def __init__(self, done):
        self.code, self.out, self.err = done.returncode, done.stdout, done.stderr

    def json(self):
        return json.loads(self.out)


def run(ctl, *args, stdout=subprocess.PIPE, **options):
    """Runs it without a runtime directory of the environment's, colours or a terminal."""
    names = ("VDSOTIME_RUNTIME_DIR", "NO_COLOR")
    variables = {k: v for k, v in os.environ.items() if k not in names}
    variables.update(options.pop("variables", {}))
    done = subprocess.run(
        [ctl, *args],
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.PIPE,
        text=True,
        env=variables,
        timeout=PATIENCE_S * 2,
        check=False,
        **options,
    )
    return Result(done)


class Served(Daemon):
    """A daemon and the tool pointed at it.  page: whether a process here reads its page."""

    def __init__(self, program, ctl):
        super().__init__(program)
        self.ctl = ctl
        self.page = self.run("status", "--json=short").json()["reader"]["path"] == "page"
        self.well = OK if self.page else DEGRADED

    def run(self, *args, **options):
        return run(self.ctl, f"--runtime-dir={self.runtime_dir}", *args, **options)


def assert_one_line(text, part):
    assert text.count("\n") == 1 and text.endswith("\n"), f"not one line: {text!r}"
    assert text.startswith("vdsotimectl: ") and part in text, f"{part!r} is not in {text!r}"


def test_status_tells_the_whole_state(program, ctl):
    with Served(program, ctl) as d:
        result = d.run("status")
        assert_equal((result.code, result.err), (d.well, ""))
        first, *lines = result.out.splitlines()
        assert re.match(rf"vdsotimed \d+\.\d+\.\d+: serving.* \({d.runtime_dir}, pid {d.process.pid}, up ", first), first
        keys = [line.split(":")[0].strip() for line in lines if re.match(r" *\w[\w ]{0,12}: ", line)]
        wanted = ["vDSO", "Clocksource", "Counter", "VMClock", "Page", "Path here", "Tracking", "Sync", "Clients"]
        assert_equal(keys, wanted)
        assert "\033" not in result.out
        assert_equal({line.find(":") for line in lines if line.split(":")[0].strip() in keys}, {13})


def test_a_page_that_is_off_claims_nothing(program, ctl):
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as config:
        config.write("[Time]\nCounter=off\n")
        config.flush()
        with Daemon(program, f"--config={config.name}") as d:
            told = run(ctl, f"--runtime-dir={d.runtime_dir}", "status", "-j").json()
            assert_equal(told["page"]["on"], False)
            assert told["page"].get("windowNSec") is None, told["page"]
            for name in ("boundNSec", "residualNSec", "residualRmsPSec", "residualMaximumNSec"):
                assert told["tracking"].get(name) is None, told["tracking"]
            text = run(ctl, f"--runtime-dir={d.runtime_dir}", "status").out
            assert "Tracking: none while the page is off" in text and "good for" not in text, text


def test_status_in_json_is_the_daemons_and_the_readers(program, ctl):
    with Served(program, ctl) as d:
        told = d.run("status", "--json=short").json()
        asked = d.run("call", "GetStatus").json()
        assert_equal(set(told), set(asked) | {"reader"})
        assert_equal(told["daemon"]["processId"], d.process.pid)
        assert_equal(set(told["page"]), set(asked["page"]))


def test_json_is_json_in_both_styles(program, ctl):
    with Served(program, ctl) as d:
        for verb in VERBS:
            if verb[0] in SILENT + ["metrics"]:
                continue
            for style in ("--json=short", "--json=pretty", "-j"):
                result = d.run(*verb, style)
                documents = result.out.splitlines() if verb[0] == "monitor" else [result.out]
                for document in documents:
                    value = json.loads(document)
                    assert isinstance(value, dict), verb
                lines = result.out.count("\n")
                if verb[0] != "monitor":
                    assert (lines > 1) == (style == "--json=pretty"), (verb, style, lines)
            if verb[0] != "call":
                assert not d.run(*verb, "--json=off").out.startswith("{"), verb


def test_show_gives_what_status_knows(program, ctl):
    with Served(program, ctl) as d:
        result = d.run("show")
        assert_equal((result.code, result.err), (d.well, ""))
        pairs = dict(line.split("=", 1) for line in result.out.splitlines())
        assert_equal(pairs["daemon.processId"], str(d.process.pid))
        assert_equal(pairs["daemon.runtimeDirectory"], d.runtime_dir)
        assert int(pairs["page.generation"]) > 0
        result = d.run("show", "--value", "-p", "daemon.processId")
        assert_equal(result.out, f"{d.process.pid}\n")
        result = d.run("show", "-p", "daemon.nothing")
        assert_equal((result.code, result.out), (FAILURE, ""))
        assert_one_line(result.err, "daemon.nothing: no such property")
        result = d.run("show", "--value", "-p", "page.on", "-p", "nope")
        assert_equal((result.code, result.out), (FAILURE, ""))
        result = d.run("show", "-p", "synchronisation.taiOffsetSec", "-p", "daemon.processId", "--value")
        assert_equal(result.out.splitlines()[1], str(d.process.pid))
        result = d.run("show", "-p", "daemon.processId", "--json=short")
        assert_equal(result.json(), {"daemon.processId": d.process.pid})
        assert_equal(d.run("show", "--value", "-j").code, USAGE)


def test_clocks_are_of_one_instant_and_near_the_kernels(program, ctl):
    with Served(program, ctl) as d:
        if not d.page:
            raise tap.Skip("the page is not in use on this machine")
        told = d.run("clocks", "--json=short").json()
        assert told["oneInstant"]
        assert_equal([c["clock"] for c in told["clocks"]], CLOCKS)
        assert_equal([c["id"] for c in told["clocks"]], [0, 1, 4, 7, 11])
        for clock in told["clocks"]:
            assert_equal(clock["path"], "page")
            beyond_ns = abs(clock["differenceNSec"]) - clock["uncertaintyNSec"]
            assert beyond_ns <= told["trackingBoundNSec"], clock
        text = d.run("clocks")
        assert_equal(text.code, OK)
        rows = text.out.splitlines()
        assert_equal([row.split()[0] for row in rows[1:6]], CLOCKS)
        assert_equal(d.run("clocks", "--no-legend").out.count("\n"), 5)


def test_now_lies_between_two_reads_of_ours(program, ctl):
    with Served(program, ctl) as d:
        slack_ns = d.run("clocks", "-j").json().get("trackingBoundNSec", 0)
        for name, clock_id in (("", 0), ("REALTIME", 0), ("monotonic", 1), ("CLOCK_BOOTTIME", 7)):
            before_ns = time.clock_gettime_ns(clock_id)
            result = d.run("now", *([name] if name else []), "--format=ns")
            after_ns = time.clock_gettime_ns(clock_id)
            assert_equal((result.code, result.err), (OK, ""))
            assert before_ns - slack_ns <= int(result.out) <= after_ns + slack_ns, name


def test_now_has_its_formats(_, ctl):
    date = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}"
    cases = [
        (["now"], rf"{date}Z"),
        (["now", "tai"], rf"{date} TAI"),
        (["now", "--format=unix"], r"\d+\.\d{9}"),
        (["now", "-f", "ns", "raw"], r"\d+"),
        (["now", "monotonic"], r"\d+\.\d{9}"),
        (["now", "process-cputime"], r"\d+\.\d{9}"),
        (["now", "6"], r"\d+\.\d{9}"),
    ]
    for args, pattern in cases:
        result = run(ctl, "--runtime-dir=/nonexistent", *args)
        assert_equal((result.code, result.err), (OK, ""), args)
        assert re.fullmatch(pattern + "\n", result.out), (args, result.out)


def test_bounds_are_told_or_that_there_are_none(program, ctl):
    with Served(program, ctl) as d:
        state = d.run("status", "-j").json()["synchronisation"]["state"]
        result = d.run("now", "--bounds", "-f", "ns")
        if d.page and state == "claimed":
            earliest_ns, latest_ns = map(int, result.out.split())
            assert_equal(result.code, OK)
            assert earliest_ns < latest_ns
        else:
            assert_equal((result.code, result.out), (DEGRADED, ""))
            assert_one_line(result.err, "no bound on REALTIME")
            told = d.run("now", "--bounds", "-j").json()
            assert told["earliestNSec"] is None and told["quality"] and told["reason"], told


def test_bench_compares_all_in_one_run(program, ctl):
    with Served(program, ctl) as d:
        told = d.run("bench", "--seconds=300ms", "-j").json()
        results = {r["subject"]: r for r in told["results"]}
        assert told["rounds"] >= 1 and told["machine"]["kernel"]
        assert_equal(results[told["reference"]]["medianRatio"], 1)
        for name in ("gettime", "gettimeNsRelaxed", "snapshot", "interval", "resolve"):
            assert_equal(results[name]["path"], "page" if d.page else results[name]["path"])
        for result in (r for r in told["results"] if r["path"]):
            assert 0 < result["minimumNSec"] <= result["medianNSec"] <= result["p99NSec"], result
        # What no noise can turn round.
        assert results["systemCall"]["path"] == "syscall"
        assert results["fiveClockGettime"]["minimumNSec"] > results["clockGettime"]["minimumNSec"]


def test_bench_leaves_out_what_the_page_alone_can_answer(_, ctl):
    result = run(ctl, "--runtime-dir=/nonexistent", "bench", "--seconds=50ms", "-j")
    assert_equal(result.code, OK)
    left_out = {r["subject"]: r["reason"] for r in result.json()["results"] if not r["path"]}
    assert {"interval", "resolve"} <= set(left_out) and all(left_out.values()), left_out
    text = run(ctl, "--runtime-dir=/nonexistent", "bench", "--seconds=50ms").out
    assert "Left out: vdsotime_interval: " in text and "has no bound" not in text, text


def test_verify_finds_nothing(program, ctl):
    with Served(program, ctl) as d:
        if not d.page:
            raise tap.Skip("the page is not in use on this machine")
        result = d.run("verify", "--for=500ms", "-j")
        told = result.json()
        print(f"# {result.out.strip()}")
        if told["slicesDisturbed"] == told["slices"]:
            raise tap.Skip("the clocks were disturbed all the time")
        for clock in told["clocks"]:
            assert_equal(clock["outside"], 0, clock)
            for kind in ("ordered", "relaxed", "twoThreads"):
                assert_equal(clock[kind]["backward"], 0, clock)
        assert_equal((result.code, told["good"]), (OK, True))


def test_verify_reads_each_clock_however_short_it_is(program, ctl):
    with Served(program, ctl) as d:
        if not d.page:
            raise tap.Skip("the page is not in use on this machine")
        told = d.run("verify", "--for=1ns", "-j").json()
        if told["slicesDisturbed"]:
            raise tap.Skip("the clocks were disturbed")
        for clock in told["clocks"]:
            assert clock["onPage"] and clock["samples"] > 0, clock
            for kind in ("ordered", "relaxed", "twoThreads"):
                assert clock[kind]["reads"] > 0, clock


def test_verify_leaves_out_what_the_page_does_not_answer(program, ctl):
    with Served(program, ctl) as d:
        if not d.page:
            raise tap.Skip("the page is not in use on this machine")
        elsewhere = ["unshare", "--time", "--fork"]
        if os.geteuid() != 0:
            elsewhere += ["--user", "--map-current-user"]
        try:
            tried = subprocess.run([*elsewhere, "true"], capture_output=True, check=False)
        except FileNotFoundError as why:
            raise tap.Skip("no unshare(1)") from why
        if tried.returncode:
            raise tap.Skip("a time namespace cannot be made here")

        def run_there(*args):
            words = [ctl, f"--runtime-dir={d.runtime_dir}", *args]
            return Result(subprocess.run([*elsewhere, *words], capture_output=True, text=True, check=False))

        result = run_there("verify", "--for=1ns", "-j")
        clocks = {c["clock"]: c for c in result.json()["clocks"]}
        assert_equal([n for n in CLOCKS if clocks[n]["onPage"]], ["REALTIME", "TAI"])
        assert clocks["TAI"]["twoThreads"]["reads"] > 0
        assert "samples" not in clocks["MONOTONIC"]
        rows = run_there("verify", "--for=1ns").out
        assert re.search(r"^BOOTTIME +-( +-)+$", rows, re.M), rows
        assert "Not on the page here, not verified: MONOTONIC_RAW.\n" in rows, rows
        spread_ns = run_there("clocks", "-j").json()["spreadNSec"]
        assert 0 < spread_ns < 1000000000, spread_ns


def test_wait_is_a_gate(program, ctl):
    with Served(program, ctl) as d:
        assert_equal(d.run("wait", "--timeout=0").code, OK)
        assert_equal(d.run("wait", "-j").json(), {"for": "ready", "reached": True, "missing": None})
        assert_equal(d.run("wait", "--for=page", "--timeout=0").code, OK if d.page else TIMEOUT)
        state = d.run("status", "-j").json()["synchronisation"]["state"]
        result = d.run("wait", "--for=synchronised", "--timeout=0")
        assert_equal(result.code, OK if state in ("claimed", "unquantified") else TIMEOUT)
    begin = time.monotonic()
    result = run(ctl, "--runtime-dir=/nonexistent", "wait", "--timeout=300ms")
    assert_equal((result.code, result.out), (TIMEOUT, ""))
    assert_one_line(result.err, "gave up after 300 ms: vdsotimed does not answer")
    assert time.monotonic() - begin >= 0.2


def test_wait_ends_when_the_daemon_comes(program, ctl):
    with tempfile.TemporaryDirectory() as folder:
        waiting = subprocess.Popen([ctl, f"--runtime-dir={folder}", "wait", "--timeout=60"])
        time.sleep(0.2)
        assert waiting.poll() is None
        with Daemon(program, runtime_dir=folder):
            assert_equal(waiting.wait(PATIENCE_S), OK)


def test_monitor_prints_its_lines_and_sees_the_page_go(program, ctl):
    with Served(program, ctl) as d:
        result = d.run("monitor", "--count=3", "--interval=20ms", "-j", "MONOTONIC")
        lines = [json.loads(line) for line in result.out.splitlines()]
        assert_equal([line["event"] for line in lines], ["tick"] * 3)
        times_ns = [line["timeNSec"] for line in lines]
        assert times_ns == sorted(times_ns)
        if not d.page:
            return
        watching = subprocess.Popen(
            [ctl, f"--runtime-dir={d.runtime_dir}", "monitor", "--interval=50ms", "-j"],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert_equal(json.loads(watching.stdout.readline())["path"], "page")
        d.process.kill()
        end = time.monotonic() + PATIENCE_S
        line = {}
        while line.get("event") != "path":
            assert time.monotonic() < end
            line = json.loads(watching.stdout.readline())
        assert line["path"] != "page" and line["reason"], line
        watching.terminate()
        watching.wait()
        watching.stdout.close()


def test_page_is_decoded(program, ctl):
    with Served(program, ctl) as d:
        if not d.page:
            raise tap.Skip("the page is not in use on this machine")
        before = d.run("status", "-j").json()["page"]
        told = d.run("page", "-j").json()
        after = d.run("status", "-j").json()["page"]
        assert_equal(told["header"]["sizeBytes"], before["sizeBytes"])
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as f:
            assert_equal(told["header"]["bootId"], f.read().strip().replace("-", ""))
        assert told["on"] and told["ageNSec"] < told["windowNSec"]
        for line in told["lines"]:
            assert line["intact"] and not line["off"] and line["seq"] % 2 == 0, line
            assert before["generation"] - 1 <= line["generation"] <= after["generation"], line
            assert_equal(line["epoch"] & 0xFFFFFFFF, told["epochWord"])
            now_ns = time.clock_gettime_ns(time.CLOCK_REALTIME)
            behind_ns = now_ns - line["monotonicNSec"] - line["realtimeOffsetNSec"]
            assert 0 <= behind_ns < PATIENCE_S * 1000000000, line
        ring = told["ring"]
        assert 1 <= ring["lines"] <= 1024
        assert_equal(ring["lines"], ring["newestGeneration"] - ring["oldestGeneration"] + 1)
        text = d.run("page").out
        assert re.search(r"^realtimeOffsetNSec +\d+ +\d+$", text, re.M), text


def test_a_page_that_is_off_is_not_shown(program, ctl):
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as config:
        config.write("[Time]\nCounter=off\n")
        config.flush()
        with Daemon(program, f"--config={config.name}") as d:
            result = run(ctl, f"--runtime-dir={d.runtime_dir}", "page")
            assert_equal((result.code, result.out), (DEGRADED, ""))
            assert_one_line(result.err, "not to be read here")


def test_events_and_statistics_are_told(program, ctl):
    with Served(program, ctl) as d:
        assert_equal(d.run("events").code, OK)
        assert isinstance(d.run("events", "-j").json()["events"], list)
        sockets = {s["socket"]: s for s in d.run("stats", "-j").json()["sockets"]}
        assert_equal(set(sockets), {"stamp", "varlink"})
        assert sockets["varlink"]["accepted"] >= 3
        text = d.run("stats")
        assert_equal((text.code, text.err), (OK, ""))
        assert "stamp" in text.out and "varlink" in text.out


def samples(text):
    """Of Prometheus's text format, as strictly as it may be written: name and labels -> value."""
    found, kinds, name = {}, {}, None
    for line in text.splitlines():
        if head := re.fullmatch(r"# HELP (\w+) (\S.*)", line):
            name = head[1]
            assert name not in kinds, f"{name} comes twice"
        elif head := re.fullmatch(r"# TYPE (\w+) (counter|gauge)", line):
            assert_equal(head[1], name)
            kinds[name] = head[2]
            assert_equal(name.endswith("_total"), head[2] == "counter", name)
        else:
            sample = re.fullmatch(r'(\w+)((?:\{\w+="\w+"(?:,\w+="\w+")*\})?) (-?\d+(?:\.\d+)?)', line)
            assert sample and sample[1] == name and name in kinds, line
            found[sample[1] + sample[2]] = float(sample[3])
    return found


def test_metrics_are_the_numbers_of_status_and_stats(program, ctl):
    with Served(program, ctl) as d:
        result = d.run("metrics")
        assert_equal((result.code, result.err), (OK, ""))
        found = samples(result.out)
        status = d.run("status", "-j").json()
        assert_equal((found["vdsotime_up"], found["vdsotime_configuration_refused"]), (1, 0))
        assert_equal(found["vdsotime_page_on"], status["page"]["on"])
        assert_equal(found["vdsotime_page_period_seconds"] * 1e9 // 1, status["page"]["periodNSec"])
        assert 0 < found["vdsotime_page_generation"] <= status["page"]["generation"]
        state = status["synchronisation"]["state"]
        assert_equal(found[f'vdsotime_synchronisation_state{{state="{state}"}}'], 1)
        assert found['vdsotime_socket_accepted_total{socket="varlink"}'] >= 2
        assert ("vdsotime_synchronisation_error_seconds" in found) == ("errorNSec" in status["synchronisation"])
        if d.page:
            assert 0 < found["vdsotime_tracking_bound_seconds"] < 1
    result = run(ctl, "--runtime-dir=/nonexistent", "metrics")
    assert_equal((result.code, samples(result.out)), (NOT_RUNNING, {"vdsotime_up": 0}))


def test_reload_tells_what_is_wrong_with_the_configuration(program, ctl):
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as config:
        with Daemon(program, f"--config={config.name}") as d:
            args = [ctl, f"--runtime-dir={d.runtime_dir}", "reload"]
            result = run(*args)
            assert_equal((result.code, result.out, result.err), (OK, "", ""))
            assert_equal(run(*args, "-j").json(), {})
            assert "REFUSED" not in run(*args[:-1], "status").out
            config.write("[Time]\nPeriod=soon\n")
            config.flush()
            result = run(*args)
            assert_equal((result.code, result.out), (FAILURE, ""))
            assert_one_line(result.err, f"{config.name}:2: ")
            why = f"{config.name}:2: Period=soon"
            assert f"Configuration: REFUSED, the former is in force: {why}" in run(*args[:-1], "status").out
            assert run(*args[:-1], "show", "--value", "-p", "daemon.configurationRefused").out.startswith(why)
            result = run(*args[:-1], "cat-config")
            assert_equal(result.code, OK)
            assert_one_line(result.err, f"what is in the files now is not in force: {why}")
            assert run(*args[:-1], "cat-config", "-j").json()["refused"].startswith(why)
            config.seek(0)
            config.truncate()
            config.flush()
            run(*args)
            assert "REFUSED" not in run(*args[:-1], "status").out


def test_cat_config_tells_where_a_setting_in_force_comes_from(program, ctl):
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as config:
        with Daemon(program, f"--config={config.name}", "--log-level=debug") as d:
            args = [ctl, f"--runtime-dir={d.runtime_dir}"]
            config.write("[Socket]\nMaxPeers=100\n[Log]\nLevel=error\n")
            config.flush()
            assert_equal(run(*args, "reload").code, OK)
            lines = run(*args, "cat-config", "-e").out.splitlines()
            place = f"({config.name}"
            for start, end in (
                ("MaxPeers=8192", f"; since the start; not in force: 100 {place}:2)"),
                ("Level=debug", f"; command line; not in force: error {place}:4)"),
            ):
                assert any(line.startswith(start + " ") and line.endswith(end) for line in lines), lines
            settings = {s["name"]: s for s in run(*args, "cat-config", "-ej").json()["settings"]}
            origins = [settings[name]["origin"] for name in ("MaxPeers", "Level", "Period")]
            assert_equal(origins, ["start", "commandLine", "default"])


def test_cat_config_shows_the_files_in_force(program, ctl):
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as config:
        config.write("[Time]\nPeriod=50ms")
        config.flush()
        with Daemon(program, f"--config={config.name}") as d:
            args = [ctl, f"--runtime-dir={d.runtime_dir}", "cat-config"]
            result = run(*args)
            assert_equal((result.code, result.err), (OK, ""))
            assert f"# {config.name}\n[Time]\nPeriod=50ms\n" in result.out, result.out
            files = {f["path"]: f["text"] for f in run(*args, "-j").json()["files"]}
            assert_equal(files[config.name], "[Time]\nPeriod=50ms")
            effective = run(*args, "--effective")
            assert_equal((effective.code, effective.err), (OK, ""))
            assert f"\nPeriod=50ms                     ; {config.name}:2\n" in effective.out
            assert "\nStallTimeout=5s                 ; default\n" in effective.out
            with tempfile.NamedTemporaryFile("w", suffix=".conf") as again:
                again.write(effective.out)
                again.flush()
                check = run(program, "--check-config", f"--config={again.name}")
                assert_equal((check.code, check.err), (OK, ""))
            periods = [s for s in run(*args, "-ej").json()["settings"] if s["name"] == "Period"]
            assert_equal([s["line"] for s in periods], [2])
            os.rename(config.name, config.name + ".gone")
            result = run(*args)
            os.rename(config.name + ".gone", config.name)
            assert_equal(result.code, FAILURE)
            assert_one_line(result.err, f"{config.name}: No such file")


def test_call_hands_out_what_the_daemon_says(program, ctl):
    with Served(program, ctl) as d:
        result = d.run("call", "Read", '{"clocks":["TAI"]}')
        assert_equal(result.code, OK)
        assert_equal([t["clock"] for t in result.json()["timestamps"]], ["TAI"])
        assert "org.vdsotime.Time" in d.run("call", "org.varlink.service.GetInfo").out
        result = d.run("call", "Read", '{"clocks":["SUNDIAL"]}')
        assert_equal((result.code, result.out), (FAILURE, ""))
        assert_one_line(result.err, "org.vdsotime.Time.NoSuchClock")
        result = d.run("call", "Frobnicate")
        assert_equal(result.code, FAILURE)
        assert_one_line(result.err, "MethodNotFound")
        for wrong in ("{", "[]", "1", "{} {}", ""):
            result = d.run("call", "Read", wrong)
            assert_equal((result.code, result.out), (USAGE, ""), wrong)


def test_call_prints_each_reply_of_many(program, ctl):
    with Served(program, ctl) as d:
        wanted = '{"clocks":["TAI"],"intervalNSec":1000000,"count":3}'
        result = d.run("call", "--more", "Monitor", wanted, "--json=pretty")
        assert_equal((result.code, result.err), (OK, ""))
        replies = [json.loads(line) for line in result.out.splitlines()]
        assert_equal([r["timestamps"][0]["clock"] for r in replies], ["TAI"] * 3)
        result = d.run("call", "Monitor", wanted)
        assert_equal((result.code, result.out), (FAILURE, ""))
        assert_one_line(result.err, "with --more")


def test_the_programs_in_the_manual_work(program, ctl):
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "man")
    with Served(program, ctl) as d:
        for page in ("vdsotime-stamp.7.scd", "vdsotime-varlink.7.scd"):
            with open(os.path.join(folder, page), encoding="utf-8") as f:
                blocks = re.findall(r"^```\n(.*?)^```", f.read(), re.M | re.S)
            code = [b for b in blocks if b.startswith("import ")][0]
            code = code.replace("/run/vdsotimed", d.runtime_dir).replace("\\\\", "\\")
            before_ns = time.time_ns() - 10**9
            done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
            assert_equal((done.returncode, done.stderr), (0, ""), page)
            told_ns = [int(n) for n in re.findall(r"\b\d{19}\b", done.stdout)]
            late_ns = before_ns + (PATIENCE_S + 60) * 10**9  # TAI is some 37 s ahead
            assert told_ns and all(before_ns < n < late_ns for n in told_ns), done.stdout


def test_without_a_daemon_each_verb_says_so_or_does_what_it_can(_, ctl):
    wanted = {
        "status": NOT_RUNNING,
        "show": NOT_RUNNING,
        "clocks": OK,
        "now": OK,
        "vdso": OK,
        "bench": OK,
        "verify": NOT_RUNNING,
        "monitor": OK,
        "events": NOT_RUNNING,
        "page": NOT_RUNNING,
        "stats": NOT_RUNNING,
        "metrics": NOT_RUNNING,
        "cat-config": NOT_RUNNING,
        "call": NOT_RUNNING,
        "help": OK,
    }
    for verb in VERBS:
        if verb[0] not in wanted:
            continue
        result = run(ctl, "--runtime-dir=/nonexistent", *verb)
        assert_equal(result.code, wanted[verb[0]], verb)
        told = result.out if verb[0] == "status" else result.err
        if result.code == NOT_RUNNING:
            assert re.search(r"no(t running|body listens|\s.*daemon)", told), (verb, told)


def test_status_without_a_daemon_tells_what_can_be_known(_, ctl):
    result = run(ctl, "--runtime-dir=/nonexistent", "status", "--json=short")
    told = result.json()
    assert_equal((result.code, result.err), (NOT_RUNNING, ""))
    assert told["daemon"] is None and told["reader"]["path"] in ("vdso", "syscall")
    assert told["reader"]["reason"]
    assert len(told["vdso"]["functions"]) >= 5
    assert_equal(
        set(told["clocksource"]),
        {"current", "available", "avoidsSystemCall", "vdsoCostNSec", "systemCallCostNSec"},
    )
    assert told["synchronisation"]["state"]


def test_the_environment_names_the_directory(program, ctl):
    with Daemon(program) as d:
        variables = {"VDSOTIME_RUNTIME_DIR": d.runtime_dir}
        told = run(ctl, "status", "-j", variables=variables).json()
        assert_equal(told["daemon"]["processId"], d.process.pid)
        result = run(ctl, "--runtime-dir=/nonexistent", "status", variables=variables)
        assert_equal(result.code, NOT_RUNNING)


def test_a_killed_daemon_is_not_running_and_time_goes_on(program, ctl):
    with Served(program, ctl) as d:
        before_ns = int(d.run("now", "monotonic", "-f", "ns").out)
        d.process.kill()
        d.process.wait()
        assert_equal(d.run("status").code, NOT_RUNNING)
        assert_equal(d.run("verify", "--for=50ms").code, NOT_RUNNING)
        told = d.run("clocks", "-j").json()
        assert not told["oneInstant"] and told["reason"]
        assert {c["path"] for c in told["clocks"]} <= {"vdso", "syscall"}
        assert int(d.run("now", "monotonic", "-f", "ns").out) > before_ns


def test_a_daemon_that_hangs_is_a_timeout(program, ctl):
    with Served(program, ctl) as d:
        d.process.send_signal(signal.SIGSTOP)
        result = d.run("status")
        assert_equal(result.code, TIMEOUT)
        assert_one_line(result.err, "did not answer")
        assert "no answer" in result.out and "vDSO: " in result.out
        result = d.run("page")
        assert_equal((result.code, result.out), (TIMEOUT, ""))
        assert_one_line(result.err, f"did not answer on {d.runtime_dir}/stamp")
        assert_equal(d.run("now").code, OK)
        begin = time.monotonic()
        assert_equal(d.run("wait", "--timeout=100ms").code, TIMEOUT)
        assert time.monotonic() - begin < 2, "wait did not keep its own time"
        d.process.send_signal(signal.SIGCONT)
        assert_equal(d.run("status").code, d.well)


def test_a_listener_of_another_kind_is_told(_, ctl):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "org.vdsotime.Time")
        with open(path, "w", encoding="utf-8"):
            pass
        assert_equal(run(ctl, f"--runtime-dir={folder}", "call", "GetStatus").code, NOT_RUNNING)
        os.unlink(path)
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
            s.bind(path)
            s.listen()
            result = run(ctl, f"--runtime-dir={folder}", "call", "GetStatus")
            assert_equal(result.code, FAILURE)
            assert_one_line(result.err, "wrong type")


class StampImpostor(threading.Thread):
    """Listens where a daemon would, and answers who asks for its page with that packet and descriptor."""

    def __init__(self, runtime_dir, packet, fds=()):
        super().__init__(daemon=True)
        self.packet, self.fds = packet, fds
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listener.bind(os.path.join(runtime_dir, "stamp"))
        self.listener.listen()

    def run(self):
        while True:
            peer, _ = self.listener.accept()
            with peer:
                if peer.recv(65536):
                    socket.send_fds(peer, [self.packet], self.fds)


def page_of(daemon):
    """The packet that comes with the daemon's page, and all bytes of that."""
    with stamp.connect(daemon) as s:
        s.send(stamp.hello() + stamp.attach())
        packet, fds, _, _ = socket.recv_fds(s, 65536, 1)
    with open(fds[0], "rb") as f:
        return packet, f.read()


def sealed(content):
    fd = os.memfd_create("page", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.write(fd, content)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW)
    return fd


def test_a_page_that_cannot_be_shown_says_why(program, ctl):
    with Daemon(program) as d:
        packet, page = page_of(d)
    kind, boot_id = 56, 16  # where they are in the header
    cases = (
        (b"HTTP/1.1 400 Bad Request", None, FAILURE, "does not speak this protocol"),
        (packet, None, DEGRADED, "sent no descriptor"),
        (packet, b"x" * len(page), DEGRADED, "is no page"),
        (packet, page[:boot_id] + b"x" * 16 + page[boot_id + 16 :], DEGRADED, "of another boot"),
        (packet, page[:kind] + bytes(4) + page[kind + 4 :], DEGRADED, "switched the page off"),
    )
    for answer, content, code, told in cases:
        with tempfile.TemporaryDirectory() as folder:
            fds = [sealed(content)] if content else []
            StampImpostor(folder, answer, fds).start()
            result = run(ctl, f"--runtime-dir={folder}", "page")
            assert_equal((result.code, result.out), (code, ""), told)
            assert_one_line(result.err, told)
            for fd in fds:
                os.close(fd)


class Impostor(threading.Thread):
    """Listens where a daemon would, and answers each call with answer(METHOD)."""

    def __init__(self, runtime_dir, answer):
        super().__init__(daemon=True)
        self.answer = answer
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(os.path.join(runtime_dir, "org.vdsotime.Time"))
        self.listener.listen()

    def run(self):
        while True:
            peer, _ = self.listener.accept()
            with peer:
                call = b""
                while not call.endswith(b"\0"):
                    call += peer.recv(65536) or b"\0"
                method = json.loads(call[:-1])["method"].rpartition(".")[2]
                peer.sendall(json.dumps(self.answer(method)).encode() + b"\0")


COMMANDS = "\x1b]0;own\x07\r\nforged.line=1\x7f\x9b2J"


def spoiled(reply):
    """With commands for a terminal in every text, and in the key of every second member."""
    if isinstance(reply, dict):
        return {k + COMMANDS * (i % 2): spoiled(v) for i, (k, v) in enumerate(reply.items())} | {
            k: spoiled(v) for k, v in reply.items()
        }
    if isinstance(reply, list):
        return [spoiled(v) for v in reply]
    return reply + COMMANDS if isinstance(reply, str) else reply


def test_no_answer_can_command_a_terminal_or_forge_a_line(program, ctl):
    refusal = {"message": "no" + COMMANDS, "file": "f" + COMMANDS, "line": 3}
    setting = {"section": "s", "name": "n", "value": "v", "configured": "c", "file": "f", "line": 3}
    with Served(program, ctl) as d, tempfile.TemporaryDirectory() as folder:
        replies = {m: d.call(f"org.vdsotime.Time.{m}") for m in ("GetStatus", "GetStatistics")}
        replies["GetEvents"] = {"events": [{"number": 1, "kind": "k", "description": "d"}]}
        replies["GetConfiguration"] = {"refused": "r", "files": ["/f"], "settings": [setting]}
        replies = {m: {"parameters": spoiled(reply)} for m, reply in replies.items()}
        replies["Refuse"] = {"error": "a.B" + COMMANDS, "parameters": {"x" + COMMANDS: COMMANDS}}
        replies["Reload"] = {"error": "a.B", "parameters": refusal}
        Impostor(folder, replies.get).start()
        verbs = ["status", "show", "stats", "metrics", "events", "reload", "cat-config"]
        verbs += ["cat-config --effective", "show -p daemon.version", "show --value -p vdso.soname"]
        verbs += ["call GetStatus", "call --more GetStatus", "call Refuse", "status --json=pretty"]
        for verb in verbs:
            result = run(ctl, f"--runtime-dir={folder}", *verb.split())
            seen = result.out.replace("\n", "").replace("\t", "") + result.err.replace("\n", "")
            assert "forged" in seen, (verb, seen)
            assert not re.search("[\0-\x1f\x7f-\x9f]", seen), (verb, seen)
            for line in (result.out + result.err).splitlines():
                assert not line.startswith("forged"), (verb, line)
        exact = run(ctl, f"--runtime-dir={folder}", "call", "GetStatus").json()
        assert_equal(exact, replies["GetStatus"]["parameters"])


def test_no_permission_has_its_own_exit_code(program, ctl):
    unprivileged = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
    with Served(program, ctl) as d:
        if os.geteuid() == 0:
            os.chmod(d.folder.name, 0o755)
            try:
                open_to_all = d.run("status", "-j", **unprivileged)
            except PermissionError as why:
                raise tap.Skip("others may not run this build") from why
            assert_equal(open_to_all.code, d.well, open_to_all.err)
        os.chmod(d.runtime_dir, 0)
        try:
            for verb in (["status"], ["show"], ["call", "GetStatus"], ["wait"], ["verify"]):
                result = d.run(*verb, **unprivileged)
                assert_equal(result.code, PERMISSION, (verb, result.err))
                assert re.search("ermission|refuses this user", result.err), result.err
            assert_equal(d.run("now", **unprivileged).code, OK)
        finally:
            os.chmod(d.runtime_dir, 0o755)


def test_a_result_that_cannot_be_written_is_a_failure(program, ctl):
    with Served(program, ctl) as d:
        for verb in VERBS + [["--version"], ["--help"]]:
            if verb[0] in SILENT:
                continue
            with open("/dev/full", "w", encoding="utf-8") as full:
                result = d.run(*verb, stdout=full)
            assert_equal(result.code, FAILURE, verb)
            assert_equal(result.err, "vdsotimectl: cannot write the result: No space left on device\n", verb)


def test_a_closed_standard_output_is_a_failure(program, ctl):
    with Served(program, ctl) as d:
        for verb in VERBS:
            if verb[0] in SILENT:
                continue
            result = d.run(*verb, stdout=None, preexec_fn=lambda: os.close(1))
            assert_equal(result.code, FAILURE, verb)
            assert "cannot write the result: Bad file descriptor" in result.err, result.err


def test_colours_are_there_when_asked_for(program, ctl):
    with Served(program, ctl) as d:
        assert "\033[" in d.run("status", "--color=always").out
        assert "\033[" not in d.run("status", "--color=never").out
        assert "\033[" not in d.run("status").out


def test_colours_follow_the_terminal_and_the_environment(program, ctl):
    def on_terminal(d, **variables):
        ours, theirs = os.openpty()
        try:
            d.run("status", stdout=theirs, variables={"TERM": "xterm", **variables})
            return os.read(ours, 65536)
        finally:
            os.close(ours)
            os.close(theirs)

    with Served(program, ctl) as d:
        assert b"\033[" in on_terminal(d)
        assert b"\033[" not in on_terminal(d, NO_COLOR="1")
        assert b"\033[" in on_terminal(d, NO_COLOR="")
        assert b"\033[" not in on_terminal(d, TERM="dumb")


def test_wrong_command_lines_are_usage(_, ctl):
    cases = [
        [],
        ["frobnicate"],
        ["--frobnicate"],
        ["status", "--frobnicate"],
        ["status", "word"],
        ["status", "--seconds=1"],
        ["--json=yaml", "status"],
        ["now", "sundial"],
        ["now", "--format=julian"],
        ["now", "--format=rfc3339", "monotonic"],
        ["now", "--bounds", "tai"],
        ["bench", "--seconds=soon"],
        ["bench", "--seconds=0"],
        ["bench", "--seconds=-1"],
        ["bench", "--seconds=99999999"],
        ["bench", "--cpu=x"],
        ["bench", "--cpu=-1"],
        ["bench", "--cpu=+1"],
        ["bench", "--cpu= 1"],
        ["bench", "--cpu=99999999999999999999"],
        ["vdso", "--pid=0"],
        ["vdso", "--pid=+1"],
        ["vdso", "--pid= 1"],
        ["vdso", "--pid=4294967297"],
        ["verify", "--for=0"],
        ["verify", "--for=ever"],
        ["wait", "--for=godot"],
        ["wait", "--timeout=late"],
        ["monitor", "--interval=0"],
        ["monitor", "--interval=1ns"],
        ["monitor", "--count=0"],
        ["monitor", "--count=1x"],
        ["monitor", "--count= 2"],
        ["monitor", "--count=1000000001"],
        ["monitor", "sundial"],
        ["call"],
        ["call", "x" * 300],
        ["metrics", "-j"],
        ["help", "frobnicate"],
    ]
    for args in cases:
        result = run(ctl, *args)
        assert_equal((result.code, result.out), (USAGE, ""), args)
        assert_one_line(result.err, "")


def test_clocks_and_cpus_that_are_not_there_are_failures(_, ctl):
    result = run(ctl, "--runtime-dir=/nonexistent", "now", "77")
    assert_equal((result.code, result.out), (FAILURE, ""))
    assert_one_line(result.err, "no such clock")
    result = run(ctl, "--runtime-dir=/nonexistent", "bench", "--cpu=1000")
    assert_equal((result.code, result.out), (FAILURE, ""))
    assert_one_line(result.err, "CPU 1000")
    for verb in VERBS + [["reload"], ["wait", "--for=page"]]:
        for folder in ("x" * 300, "/etc/passwd"):
            result = run(ctl, f"--runtime-dir={folder}", *verb, *(["--timeout=0"] if verb[0] == "wait" else []))
            if folder == "/etc/passwd":
                assert result.code in (OK, NOT_RUNNING, TIMEOUT), (verb, result.code)
            elif verb[0] not in ("vdso", "help"):
                name = "stamp" if {*verb} & {*READING} else "org.vdsotime.Time"
                assert_equal(result.code, USAGE, verb)
                assert_one_line(result.err, f"{folder}/{name}: too long")


def test_help_and_version_go_to_standard_output(_, ctl):
    for args in (["--help"], ["help"], ["-h"], ["status", "--help"]):
        result = run(ctl, *args)
        assert_equal((result.code, result.err), (OK, ""))
        assert result.out.startswith("Usage: vdsotimectl")
    assert_equal(run(ctl, "now", "--help", "tai").out, run(ctl, "help", "now").out)
    assert_equal(run(ctl, "-h", "frobnicate").code, USAGE)
    assert re.fullmatch(r"vdsotimectl \d+\.\d+\.\d+\n", run(ctl, "--version").out)
    for verb in run(ctl, "help", "-j").json()["verbs"]:
        result = run(ctl, "help", verb["name"])
        assert_equal(result.code, OK)
        assert all(f"--{o['name']}" in result.out for o in verb["options"]), verb


tap.run(sys.modules[__name__], *sys.argv[1:])

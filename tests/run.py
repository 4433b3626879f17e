#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the layers of tests and ends with one line: N passed, N failed, N skipped.

    tests/run.py             all layers
    tests/run.py unit net    some of them

Builds what each layer needs (make -j). Exit status 0 only if nothing failed; with CI=true in the
environment a skipped test is a failure too: there, everything has to run.
"""

import argparse
import concurrent.futures
import contextlib
import importlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree
from dataclasses import dataclass, field
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[1]
LOGS = SOURCE / "build" / "logs"
JOBS = os.cpu_count() or 1
BINARY_TIMEOUT_S = 300
NET_TIMEOUT_S = 900  # of one file
# Network tests mostly wait: one more than there are processors.
NET_JOBS = JOBS + 1
NET_LONG = (
    "test_rekey",
    "test_failover_director",
    "test_keeper_failover",
    "test_bad_input",
    "test_failover_partition",
    "test_keeper",
)
PYTEST_SLOTS = threading.Semaphore(NET_JOBS)
PYTEST_NO_TESTS = 5  # its exit status if the markers left none
BUILDING = threading.Lock()
INTEROP_TIMEOUT_S = 360
FAILOVER_SECONDS = 120
FAILOVER_SEEDS_MIN = 1000
# Seeds 1 to this one, of which each process has its part: the same at each run and on each machine,
# so that a failure means a change. All were tried; new ones are for "make soak".
FAILOVER_SEEDS_MOST = 40000
TAIL_LINES = 30


@dataclass
class Result:
    """What happened in one layer.

    notes say what failed; skips: {test: why}; ran: unit tests that passed, which a later layer may
    skip.
    """

    passed: int = 0
    failed: int = 0
    notes: list = field(default_factory=list)
    skips: dict = field(default_factory=dict)
    ran: set = field(default_factory=set)

    @property
    def skipped(self):
        return len(self.skips)

    def add(self, other):
        self.passed += other.passed
        self.failed += other.failed
        self.notes += other.notes
        self.skips |= other.skips
        self.ran |= other.ran


def clean_environment():
    """Without make's own variables: the sub-makes here are no part of its job server."""
    return {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}


def tail(text):
    return "\n".join(text.splitlines()[-TAIL_LINES:])


def run_logged(name, argv, timeout=None, env=None):
    """Run a command; its output goes to build/logs/NAME.log. Returns (status, output)."""
    try:
        done = subprocess.run(
            [str(arg) for arg in argv],
            cwd=SOURCE,
            env={**clean_environment(), **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout,
            check=False,
        )
        status, output = done.returncode, done.stdout.decode(errors="replace")
    except subprocess.TimeoutExpired as error:
        status = -1
        output = (error.output or b"").decode(errors="replace") + f"\nnot done after {timeout} s\n"
    log = LOGS / f"{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text(output)
    return status, output


def build(variant, *targets):
    """make the targets of a variant; one test: it compiles, and warnings are errors."""
    argv = ["make", "--no-print-directory", f"-j{JOBS}", f"VARIANT={variant}", *targets]
    name = f"build-{variant}"
    with BUILDING:
        status, output = run_logged(name, argv)
    if status == 0:
        return Result(passed=1)
    print(tail(output))
    return Result(failed=1, notes=[f"{' '.join(map(str, argv))}: see build/logs/{name}.log"])


# ---- cmocka ----------------------------------------------------------------------

ANNOUNCED = re.compile(r"^\[=+\] .*?Running (\d+) test\(s\)", re.MULTILINE)
OK = re.compile(r"^\[ +OK +\] (\S+)", re.MULTILINE)
SKIPPED = re.compile(r"^\[ +SKIPPED +\] (?!tests?:|\d)(\S+)$", re.MULTILINE)


def count_cmocka(name, status, output):
    """Counts from what a test program prints. What it announced and did not finish has failed, and
    a bad end after good tests (a leak, a crash in teardown) is a failure of its own."""
    announced = sum(int(number) for number in ANNOUNCED.findall(output))
    passed = OK.findall(output)
    skipped = {f"{name}.{test}": "by itself" for test in SKIPPED.findall(output)}
    failed = max(announced - len(passed) - len(skipped), 0)
    if failed == 0 and status != 0:
        failed = 1
    notes = [f"{name}: {failed} failed, status {status}"] if failed else []
    return Result(len(passed), failed, notes, skipped, {f"{name}.{test}" for test in passed})


def run_binary(variant, path, env=None):
    # Leaks are found at the end, undefined behaviour where it happens.
    env = {"UBSAN_OPTIONS": "print_stacktrace=1", **(env or {})}
    log = f"{variant}-{path.name}"
    status, output = run_logged(log, [path], BINARY_TIMEOUT_S, env)
    result = count_cmocka(path.name, status, output)
    if result.passed + result.failed + result.skipped == 0:
        result = Result(failed=1, notes=[f"{path.name}: no test ran"])
    if result.failed:
        result.notes[0] += f": see build/logs/{log}.log"
        print(tail(output))
    return result


def unit_tests(variant):
    result = build(variant, "unit")
    if result.failed:
        return result
    names = sorted(path.stem for path in SOURCE.glob("tests/unit/test_*.c"))
    paths = [SOURCE / "build" / variant / "unit" / name for name in names]
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        for one in pool.map(lambda path: run_binary(variant, path), paths):
            result.add(one)
    return result


# ---- the layers ------------------------------------------------------------------


def layer_build():
    return build("release", "all", "tools")


def layer_unit():
    return unit_tests("release")


# Unit tests that go on for as long as they are told: more seeds, more peers.
SIMULATIONS = {
    "test_pair_sim": {"PAIR_SEEDS": "10000", "PAIR_SECONDS": "60"},
    "test_days": {"CROWD_PEERS": "1000"},
}


def count_scenarios():
    """The scenarios with a script: each is a test."""
    binary = SOURCE / "build" / "release" / "sim" / "failover"
    status, output = run_logged("failover-scenarios", [binary, "--scenarios"], BINARY_TIMEOUT_S)
    passed = len(re.findall(r"^ok     ", output, re.MULTILINE))
    failed = re.findall(r"^FAILED (\S+):", output, re.MULTILINE)
    if passed == 0 or (status != 0 and not failed):
        failed.append(f"status {status}")
    notes = [f"scenario {name}: see build/logs/failover-scenarios.log" for name in failed]
    return Result(passed=passed, failed=len(failed), notes=notes)


def run_seeds(job):
    """As many drawn scenarios as fit into the time, one test for each process."""
    binary = SOURCE / "build" / "release" / "sim" / "failover"
    fewest, most = -(-FAILOVER_SEEDS_MIN // JOBS), FAILOVER_SEEDS_MOST // JOBS
    seeds = f"{1 + job * most}:{fewest}:{most}"
    argv = [binary, "--seconds", FAILOVER_SECONDS, "--seeds", seeds]
    status, output = run_logged(f"failover-seeds-{job}", argv, FAILOVER_SECONDS + BINARY_TIMEOUT_S)
    print(tail(output))
    if status == 0:
        return Result(passed=1)
    return Result(failed=1, notes=[f"seeds {seeds}: see build/logs/failover-seeds-{job}.log"])


def run_mutants():
    sys.path.insert(0, str(SOURCE / "tests" / "sim"))
    mutants = importlib.import_module("mutants")
    results = mutants.run_all(mutants.MUTANTS)
    lost = [name for name, is_caught in results.items() if not is_caught]
    notes = [f"mutant {name} was not caught" for name in lost]
    return Result(passed=len(results) - len(lost), failed=len(lost), notes=notes)


def simulate_failover():
    """Scenarios, seeds, and whether the simulator would notice anything."""
    result = build("release", "build/release/sim/failover")
    if result.failed:
        return result
    result.add(count_scenarios())
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        for one in pool.map(run_seeds, range(JOBS)):
            result.add(one)
    result.add(run_mutants())
    return result


def layer_sim():
    paths = {name: SOURCE / "build" / "release" / "unit" / name for name in SIMULATIONS}
    result = build("release", *(path.relative_to(SOURCE) for path in paths.values()))
    if result.failed:
        return result
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        runs = [
            pool.submit(run_binary, "release", paths[name], env)
            for name, env in SIMULATIONS.items()
        ]
        for run in runs:
            result.add(run.result())
    result.add(simulate_failover())
    return result


def layer_clang():
    result = build("clang", "all", "tools")
    result.add(unit_tests("clang"))
    return result


def layer_asan():
    return unit_tests("asan")


def replay(name):
    """One fuzzer over its corpus in the tree."""
    corpus = sorted((SOURCE / "tests" / "fuzz" / "corpus" / name).glob("*"))
    if not corpus:
        return Result(skips={name: f"tests/fuzz/corpus/{name} is empty"})
    binary = SOURCE / "build" / "fuzz" / "fuzz" / name
    status, output = run_logged(f"replay-{name}", [binary, *corpus], BINARY_TIMEOUT_S)
    if status == 0:
        return Result(passed=1)
    print(tail(output))
    return Result(failed=1, notes=[f"{name}: status {status}: see build/logs/replay-{name}.log"])


def layer_fuzz():
    result = build("fuzz", "fuzzers")
    if result.failed:
        return result
    names = sorted(path.stem for path in SOURCE.glob("tests/fuzz/fuzz_*.c"))
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        for one in pool.map(replay, names):
            result.add(one)
    return result


def count_junit(path):
    result = Result()
    for case in xml.etree.ElementTree.parse(path).iter("testcase"):
        name = f"{case.get('classname')}.{case.get('name')}"
        skipped = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            result.add(Result(failed=1, notes=[f"{name} failed"]))
        elif skipped is not None:
            result.add(Result(skips={name: skipped.get("message")}))
        else:
            result.passed += 1
    return result


def run_pytest(name, targets, timeout_s, slots=1):
    """pytest over files or folders, counted by its report; its output is printed when it ends."""
    report = SOURCE / "build" / f"junit-{name}.xml"
    report.unlink(missing_ok=True)
    argv = ["/usr/bin/python3", "-B", "-m", "pytest", "-c", "tests/pytest.ini"]
    argv += [f"--junitxml={report}", *targets]
    with contextlib.ExitStack() as stack:
        for _ in range(slots):
            stack.enter_context(PYTEST_SLOTS)
        log = stack.enter_context(open(LOGS / f"{name}.log", "w+b"))
        pytest = stack.enter_context(
            subprocess.Popen(
                argv, cwd=SOURCE, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
            )
        )
        try:
            status = pytest.wait(timeout_s)
        except subprocess.TimeoutExpired:
            # To pytest this is ^C: it ends, and its fixtures take everything down. SIGTERM would
            # end the test that runs only.
            pytest.send_signal(signal.SIGINT)
            status = pytest.wait()
        log.seek(0)
        print(log.read().decode(errors="replace"), end="", flush=True)
    if not report.exists():
        return Result(failed=1, notes=[f"{name}: pytest ended with status {status}, no report"])
    result = count_junit(report)
    if status not in (0, PYTEST_NO_TESTS) and result.failed == 0:
        result.add(Result(failed=1, notes=[f"{name}: pytest ended with status {status}"]))
    return result


def net_files():
    """The files of the network tests and of the library's own, those that take longest first."""
    paths = [*SOURCE.glob("tests/net/test_*.py"), *SOURCE.glob("tests/lib/test_*.py")]
    place = {name: number for number, name in enumerate(NET_LONG)}
    return sorted(paths, key=lambda path: (place.get(path.stem, len(place)), path))


def layer_net():
    """The test library itself, then the programs in namespaces: files side by side, then the tests
    that have to be alone."""
    # The sanitizer builds are for test_mutations.py.
    if any(build(variant, "programs", "tools").failed for variant in ("release", "asan")):
        return Result(failed=1, notes=["network tests not run: the programs do not build"])
    result = Result()
    with concurrent.futures.ThreadPoolExecutor(NET_JOBS) as pool:
        runs = [
            pool.submit(run_pytest, f"net-{path.stem}", ["-m", "not alone", path], NET_TIMEOUT_S)
            for path in net_files()
        ]
        try:
            for run in runs:
                result.add(run.result())
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    folders = ["tests/lib", "tests/net"]
    alone = run_pytest("net-alone", ["-m", "alone", *folders], NET_TIMEOUT_S, slots=NET_JOBS)
    result.add(alone)
    return result


def layer_interop():
    """The programs and a libreswan that has a kernel of its own."""
    if build("release", "programs").failed:
        return Result(failed=1, notes=["interop tests not run: the programs do not build"])
    return run_pytest("interop", ["tests/interop"], INTEROP_TIMEOUT_S)


LAYERS = {
    "build": layer_build,
    "unit": layer_unit,
    "sim": layer_sim,
    "clang": layer_clang,
    "fuzz": layer_fuzz,
    "asan": layer_asan,
    "net": layer_net,
    "interop": layer_interop,
}


# Layers that wait more than they work: side by side, if both are to run.
BESIDE = ("net", "interop")


def run_layer(name):
    """Run one; (its result, the seconds it took)."""
    print(f"== {name}", flush=True)
    start = time.monotonic()
    result = LAYERS[name]()
    return result, time.monotonic() - start


def run_layers(names):
    """Run them in order; prints the table. Returns the sum."""
    total = Result()
    rows = []
    with concurrent.futures.ThreadPoolExecutor(len(BESIDE)) as pool:
        begun = {}
        for name in names:
            if name in BESIDE and name not in begun:
                begun = {other: pool.submit(run_layer, other) for other in BESIDE if other in names}
            result, seconds = begun[name].result() if name in begun else run_layer(name)
            # What a sanitizer cannot do (replace malloc, say) has run if an earlier layer did it.
            result.skips = {test: why for test, why in result.skips.items() if test not in total.ran}
            rows.append((name, result, seconds))
            total.add(result)
    print(f"\n{'layer':<8}{'passed':>8}{'failed':>8}{'skipped':>9}{'time':>10}")
    for name, result, seconds in rows:
        counts = f"{result.passed:>8}{result.failed:>8}{result.skipped:>9}"
        print(f"{name:<8}{counts}{seconds:>8.1f} s")
    return total


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("layers", nargs="*", help=f"some of: {', '.join(LAYERS)}")
    names = parser.parse_args().layers or list(LAYERS)
    unknown = [name for name in names if name not in LAYERS]
    if unknown:
        parser.error(f"no layer {', '.join(unknown)}; there are {', '.join(LAYERS)}")
    total = run_layers(names)
    for note in total.notes:
        print(note)
    for test, why in total.skips.items():
        print(f"{test} skipped: {why}")
    is_bad = total.failed > 0
    if total.skipped > 0 and os.environ.get("CI") == "true":
        print("CI=true: what is skipped counts as failed")
        is_bad = True
    print(f"{total.passed} passed, {total.failed} failed, {total.skipped} skipped", flush=True)
    return 1 if is_bad else 0


if __name__ == "__main__":
    sys.exit(main())

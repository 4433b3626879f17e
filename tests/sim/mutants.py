#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Takes one rule at a time out of the cores and expects the simulator to notice.

    tests/sim/mutants.py             all of them, two at a time
    tests/sim/mutants.py NAME...     some of them

Needs build/release/sim/failover and what it is made of (make build/release/sim/failover). A mutant
is one text in one file that has to be there exactly once. Prints which seed caught it and by which
invariant; exit status 0 only if all are caught.
"""

import argparse
import concurrent.futures
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
BUILD = SOURCE / "build" / "mutants"
RELEASE = SOURCE / "build" / "release"
SEEDS = 1000
JOBS = 2
TIMEOUT_S = 120
PACKAGES = ["libuv", "libcrypto", "libssl", "jansson", "yaml-0.1", "sqlite3", "libmnl", "libcap-ng"]


@dataclass
class Mutant:
    """In file, old becomes new: then rule does not hold any more."""

    name: str
    rule: str
    file: str
    old: str
    new: str


MUTANTS = [
    Mutant(
        "epoch-check",
        "an order older than what is known of its address is refused",
        "agent/ownership/orders.c",
        "	return epoch < a->epoch || epoch <= a->closed ||\n"
        "	       (epoch == a->epoch && a->rival > o->number);",
        "	return false;",
    ),
    Mutant(
        "durable-before-send",
        "an order is sent after the store has its epoch",
        "director/failover/actions.c",
        "	action->is_adopted = store->purpose == COORD_FOR_ADOPT;\n",
        "	action->is_adopted = store->purpose == COORD_FOR_ADOPT;\n"
        "	if (store->purpose == COORD_FOR_CLAIM) {\n"
        "		a->owner = store->member;\n"
        "		a->epoch = c->max_epoch + 1;\n"
        "		coord_send_claim(c, a, store->force);\n"
        "	}\n",
    ),
    Mutant(
        "durable-before-use",
        "the keeper is asked after the agent's disk has the epoch",
        "agent/ownership/orders.c",
        "		.state = CLAIM_RECORDING,\n",
        "		.state = CLAIM_READY,\n",
    ),
    Mutant(
        "keeper-timeout",
        "a keeper whose main is silent removes everything",
        "agent/keeper/keeper_core.c",
        "	if (!core->is_watching || now_ms < core->heard_ms + KEEPER_SILENCE_MS)\n",
        "	if (true)\n",
    ),
    Mutant(
        "conflict-probe",
        "an address that somebody answers for is not added",
        "agent/keeper/core_verify.c",
        "	if (a->state == PROBING && conflict != FRAME_NO_CONFLICT) {\n",
        "	if (false) {\n",
    ),
    Mutant(
        "claim-notice",
        "what is held is announced to the other members",
        "agent/ownership/notices.c",
        "	say(o, a, NULL);\n",
        "",
    ),
    Mutant(
        "yield",
        "who hears a newer claim lets go",
        "agent/ownership/notices.c",
        "	if (is_here)\n		yield(o, now_ms, a, notice);\n",
        "",
    ),
    Mutant(
        "drop-first",
        "a keeper whose host was suspended removes everything first",
        "agent/keeper/keeper_core.c",
        "	if (slept_ms > KEEPER_SUSPENDED_MS) {\n",
        "	if (false) {\n",
    ),
    Mutant(
        "renewal",
        "what is held is renewed before its lifetime ends",
        "agent/keeper/core_address.c",
        "		out->type = KEEPER_ACT_ADDRESS_SET;\n		return true;\n",
        "		return false;\n",
    ),
    Mutant(
        "ask-again",
        "an address that everybody refused is offered again",
        "director/failover/steps.c",
        "		a->retry_ms = c->now_ms + a->backoff_ms;\n",
        "		a->retry_ms = COORD_NEVER;\n",
    ),
    Mutant(
        "back-without",
        "an owner that is back without its address is not taken for its holder",
        "director/failover/restart.c",
        "	if (a->owner == member)\n		restore(c, a, member);\n",
        "	if (false)\n		restore(c, a, member);\n",
    ),
    Mutant(
        "alone-own-only",
        "without a director a member takes only what is its own",
        "agent/ownership/alone.c",
        "|| !a->is_ours ||",
        "||",
    ),
    Mutant(
        "remember-notices",
        "epochs of others' claims are remembered",
        "agent/ownership/notices.c",
        "	if (is_newer || (a->is_ours && notice->number > o->number)) {\n",
        "	if (false) {\n",
    ),
]


def flags(what):
    done = subprocess.run(["pkg-config", what, *PACKAGES], capture_output=True, check=True)
    return done.stdout.decode().split()


def mutate(mutant):
    text = (SOURCE / mutant.file).read_text()
    count = text.count(mutant.old)
    if count != 1:
        raise LookupError(f"{mutant.file}: the text to be replaced is there {count} times")
    path = BUILD / mutant.name / mutant.file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text.replace(mutant.old, mutant.new))
    return path


def build(mutant):
    """The mutated object comes before the archives, so that theirs is not taken."""
    source = mutate(mutant)
    binary = BUILD / mutant.name / "failover"
    archives = [RELEASE / f"lib{name}.a" for name in ("director", "agent", "waypost")]
    subprocess.run(
        ["gcc", "-std=c11", "-O2", "-w", "-I.", "-D_GNU_SOURCE", *flags("--cflags")]
        + ["-o", binary, source, *sorted((RELEASE / "obj" / "tests" / "sim").glob("*.o"))]
        + ["-Wl,--start-group", *archives, "-Wl,--end-group", *flags("--libs"), "-lm", "-pthread"],
        cwd=SOURCE,
        check=True,
        capture_output=True,
    )
    return binary


FAILED = re.compile(r"^seed (\d+) FAILED: ([^:]+):", re.MULTILINE)


def run(mutant):
    """Returns (caught, line to be printed)."""
    start = time.monotonic()
    try:
        binary = build(mutant)
        done = subprocess.run(
            [binary, "--seeds", f"1:{SEEDS}", "--first"], capture_output=True, timeout=TIMEOUT_S
        )
    except LookupError as error:
        return False, f"{mutant.name:<20} {error}"
    except subprocess.CalledProcessError as error:
        return False, f"{mutant.name:<20} does not compile: {error.stderr.decode()}"
    except subprocess.TimeoutExpired:
        return False, f"{mutant.name:<20} NOT CAUGHT in {TIMEOUT_S} s"
    found = FAILED.search(done.stdout.decode())
    took = time.monotonic() - start
    if found is None:
        return False, f"{mutant.name:<20} NOT CAUGHT by {SEEDS} seeds, {took:.1f} s"
    return True, f"{mutant.name:<20} caught by seed {found[1]}: {found[2]}, {took:.1f} s"


def run_all(mutants, report=print):
    """report gets a line for each. Returns {name: caught}."""
    results = {}
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        for mutant, (caught, line) in zip(mutants, pool.map(run, mutants)):
            results[mutant.name] = caught
            report(line)
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*")
    names = parser.parse_args().names
    unknown = set(names) - {mutant.name for mutant in MUTANTS}
    if unknown:
        parser.error(f"no mutant {', '.join(sorted(unknown))}")
    results = run_all([m for m in MUTANTS if not names or m.name in names])
    print(f"{sum(results.values())} of {len(results)} mutants caught")
    return 0 if all(results.values()) else 1


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/python3 -B
# SPDX-License-Identifier: Apache-2.0
"""How long an address is without an answer when its member fails, profile fast.

A cluster of three on this machine. A host on the members' link asks the address every 5 ms for an
IKE answer, as a peer would, with what its ARP table says. The time is from the fault, by the same
clock, to the first answer of a survivor. Then the member comes back, the address is moved home, and
the next run begins. Prints a table for docs/failover-times.md.

    sudo tests/bench/bench_failover.py [--runs 20] [--only NAME]

Exit status 0 only if every run was within its budget.
"""

import argparse
import os
import platform
import random
import statistics
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from lib import failover, layout, timeline  # noqa: E402
from lib.topology import Topology, exit_on_signals  # noqa: E402
from lib.waypost import Cluster  # noqa: E402

RUNS = 20
HEARTBEAT_S = 0.1
LIFETIME_MS = 3000


@dataclass
class Scenario:
    name: str
    text: str
    budget_ms: int
    fault: object  # (cluster, member) -> the moment
    repair: object
    lines: list = field(default_factory=list)


SCENARIOS = [
    Scenario("cut", "power cut", 500, Cluster.cut_power, Cluster.restore_power),
    Scenario("kill", "kill -9 of main", 300, Cluster.kill_main, Cluster.restart_agent),
    Scenario("main", "main hung", 1000, lambda c, m: c.hang(m, "main"), Cluster.revive),
    Scenario(
        "both",
        "main and keeper hung",
        LIFETIME_MS + 2000,
        lambda c, m: c.hang(m, "main", "keeper"),
        Cluster.revive,
    ),
]


def measure(cluster, watching, scenario, victim):
    address = layout.home_address(victim)
    last = timeline.last_event(cluster)
    # At any point between two heartbeats.
    time.sleep(random.uniform(0, HEARTBEAT_S))
    died = scenario.fault(cluster, victim)
    line = timeline.measure(cluster, watching, victim, address, died, last)
    late = [one for one in watching.events(died, what="late")]
    scenario.lines.append(line)
    print(
        f"{scenario.name} {len(scenario.lines):2} {victim} -> {line.successor}: {line.text()}"
        f"{' (the watch itself was late)' if late else ''}",
        flush=True,
    )
    scenario.repair(cluster, victim)
    cluster.wait_back(victim)
    if cluster.address(address)["owner"] != victim:
        cluster.adm("address", "move", address, "home")
    cluster.wait_home()
    watching.wait_answerer(address, victim)


def run(scenarios, runs):
    with Topology() as net:
        layout.build(net, peers=0)
        cluster = Cluster(net)
        cluster.lay_out()
        cluster.edit("director", failover.failover("manual"))
        try:
            cluster.start()
            cluster.wait_home()
            watching = failover.watch(cluster, kinds="i")
            for scenario in scenarios:
                for number in range(runs):
                    victim = layout.MEMBERS[number % len(layout.MEMBERS)]
                    measure(cluster, watching, scenario, victim)
        except BaseException:
            net.save_logs(Path("build/logs/bench-failover"))
            raise
        problems = cluster.stop()
        if problems:
            sys.exit("\n".join(problems))


def median(lines, step):
    values = [line.ms[step] for line in lines if step in line.ms]
    return f"{statistics.median(values):.0f}" if values else "–"


def table(scenarios):
    head = ["fault", "budget", "within it", "min", "median", "max"]
    head += [f"{step}" for step in timeline.STEPS[:-1]]
    yield head
    for scenario in scenarios:
        times = [line.ms["answering"] for line in scenario.lines]
        within = sum(ms <= scenario.budget_ms for ms in times)
        row = [scenario.text, f"{scenario.budget_ms}", f"{within} of {len(times)}"]
        row += [f"{value:.0f}" for value in (min(times), statistics.median(times), max(times))]
        yield row + [median(scenario.lines, step) for step in timeline.STEPS[:-1]]


def print_table(scenarios):
    print(f"\nMilliseconds from the fault to the first answer; {os.cpu_count()} processors, "
          f"Linux {platform.release()}. To the right: medians of the steps.\n")
    rows = list(table(scenarios))
    rows.insert(1, ["---"] + ["--:"] * (len(rows[0]) - 1))
    for row in rows:
        print(f"| {' | '.join(row)} |")


def main():
    names = [scenario.name for scenario in SCENARIOS]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=RUNS, help="of each fault")
    parser.add_argument("--only", choices=names, action="append")
    args = parser.parse_args()
    if os.geteuid() != 0:
        print("skipped: network namespaces need root")
        return 0
    exit_on_signals()
    scenarios = [one for one in SCENARIOS if one.name in (args.only or names)]
    run(scenarios, args.runs)
    print_table(scenarios)
    return 0 if all(
        line.ms["answering"] <= one.budget_ms for one in scenarios for line in one.lines
    ) else 1


if __name__ == "__main__":
    sys.exit(main())

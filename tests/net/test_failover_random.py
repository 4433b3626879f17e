# SPDX-License-Identifier: Apache-2.0
"""Faults at random, one or two at a time, on real hosts. The simulator does it by the million; this
finds what only processes and kernels do.

    FAILOVER_ROUNDS=200 FAILOVER_SEED=7 sudo -E make check-net ARGS="-k random_faults"
"""

import os
import random

from lib import failover, layout
from lib.addrwatch import now_us
from lib.wait import wait_for

ROUNDS = int(os.environ.get("FAILOVER_ROUNDS", "4"))
# The same at each run of "make check", so that a failure means a change; others in "make soak".
SEED = int(os.environ.get("FAILOVER_SEED", "1"))
DOUBLED_US = 1500000  # a second between notices, and what a busy machine adds
DEADLINE_S = 40  # a director that starts, hold-down, and what else adds up


class Safety:
    """What must hold whatever happens."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.net = cluster.net
        self.hosts = cluster.net.hosts
        self.unheard = set()  # neither hear nor run: what they hold is nobody's fault
        self.doubled = {}  # address -> since when two that can hear each other hold it

    def check_safety(self):
        """No two that run and hear each other hold an address for longer than a notice interval."""
        for member in layout.MEMBERS:
            address = layout.home_address(member)
            holders = set(self.cluster.holders(address)) - self.unheard
            if len(holders) < 2:
                self.doubled.pop(address, None)
                continue
            since = self.doubled.setdefault(address, now_us())
            assert now_us() - since < DOUBLED_US, f"{address} is held by {holders}"

    def go_on(self, seconds):
        """For that long; what the kernels hold is asked for all the time."""
        end = now_us() + seconds * 1000000
        while now_us() < end:
            self.check_safety()


class Faults(Safety):
    """Each breaks something and returns what mends it."""

    def power_cut(self, member):
        self.cluster.cut_power(member)
        return lambda: self.cluster.restore_power(member)

    def killed(self, member):
        self.cluster.kill_main(member)
        return lambda: self.cluster.restart_agent(member)

    def main_hung(self, member):
        self.cluster.hang(member, "main")
        return lambda: self.cluster.revive(member)

    def both_hung(self, member):
        self.unheard.add(member)
        self.cluster.hang(member, "main", "keeper")

        def mend():
            self.cluster.revive(member)
            self.unheard.discard(member)

        return mend

    def cut_off(self, member):
        self.unheard.add(member)
        self.net.cut_off(self.hosts[member])

        def mend():
            self.net.reconnect(self.hosts[member])
            self.unheard.discard(member)

        return mend

    def without_director(self, member):
        self.net.part(self.hosts[member], self.hosts["director"])
        return self.net.heal

    def mute(self, member):
        for name, host in self.hosts.items():
            if name != member:
                self.net.block(self.hosts[member], host)
        return self.net.heal

    def director_killed(self, _member):
        self.cluster.kill_director()
        return self.cluster.start_director


def test_random_faults(make_cluster):
    print(f"FAILOVER_SEED={SEED}")
    draw = random.Random(SEED)
    cluster = make_cluster(peers=0, edits={"director": failover.failover()})
    watching = failover.watch(cluster)
    faults = Faults(cluster)
    kinds = [name for name in vars(Faults) if not name.startswith("_")]
    for number in range(ROUNDS):
        chosen = draw.sample(kinds, draw.choice((1, 1, 2)))
        members = draw.sample(layout.MEMBERS, len(chosen))
        print(f"round {number}: {list(zip(chosen, members))}", flush=True)
        repairs = []
        for kind, member in zip(chosen, members):
            repairs.append(getattr(faults, kind)(member))
            faults.go_on(draw.uniform(0, 1))
        faults.go_on(draw.choice((0.2, 1, 3, 6)))
        draw.shuffle(repairs)
        # The director first, or nobody can be seen to be back.
        for repair in sorted(repairs, key=lambda repair: repair != cluster.start_director):
            repair()
            faults.go_on(0.2)
        faults.go_on(1.5)
        cluster.wait_home(DEADLINE_S)
        for member in layout.MEMBERS:
            watching.wait_answerer(layout.home_address(member), member)
        failover.assert_epochs_unique(watching)
        for member in layout.MEMBERS:
            wait_for(
                lambda: cluster.holders(layout.home_address(member)) == [member], 1, "one holder"
            )

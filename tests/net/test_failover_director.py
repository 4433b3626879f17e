# SPDX-License-Identifier: Apache-2.0
"""Directors that die in the middle of a failover, are away, or come back with an old store."""

import itertools
import re
import shutil
import signal

from lib import failover, layout, tools
from lib.addrwatch import AddressWatch, now_us
from lib.wait import wait_for
from lib.waypost import Cluster

VICTIM = "m1"
ADDRESS = layout.home_address(VICTIM)
DEADLINE_S = 30  # a director that starts hears members out for five seconds
SHARDS = 2  # clusters that share the steps
STEPS_MAX = 40  # a failover has about eight
PRELOAD = "killpoint.so"


# ---- killed at each step -------------------------------------------------------


class KillPoint:
    """Kills the director at its Nth step (tests/preload/killpoint.c) after arm(N)."""

    def __init__(self, cluster):
        self.cluster = cluster
        self.file = cluster.net.folder / "director" / "killpoint"
        library = tools.build_folder() / "tools" / PRELOAD
        self.env = {
            "LD_PRELOAD": str(library),
            "KILLPOINT": str(self.file),
            "ASAN_OPTIONS": "verify_asan_link_order=0",
        }

    def start_director(self):
        self.disarm()
        self.cluster.start_director(self.env)

    def disarm(self):
        self.file.unlink(missing_ok=True)

    def arm(self, step):
        fresh = self.file.with_suffix(".new")
        fresh.write_text(str(step))
        fresh.rename(self.file)

    def reached(self):
        """Which step it was killed at, None if it runs."""
        if self.cluster.director.is_running():
            return None
        assert self.cluster.director.popen.returncode == -signal.SIGKILL
        if "killpoint: " not in self.cluster.director.log():
            return "0 death"
        return re.findall(r"^killpoint: (\d+ \w+)$", self.cluster.director.log(), re.M)[-1]


def fail_over_with_director_killed(cluster, watching, killpoint, step, fault, repair):
    """One failover; the director dies at its step and starts again. At which, None if it got through.

    Step 0: with the member, before it can suspect anything.
    """
    epochs = [row["epoch"] for row in cluster.addresses().values()]
    killpoint.arm(step)
    died = fault(cluster, VICTIM)
    if step == 0:
        cluster.kill_director()
    # Either it is killed or it gets through: then the successor repeats its claim.
    wait_for(
        lambda: killpoint.reached() or is_claimed(watching, died, max(epochs)),
        DEADLINE_S,
        lambda: f"death of the director at step {step}, or a claim: {cluster.describe()}",
    )
    killpoint.disarm()
    was_killed = killpoint.reached()
    if was_killed:
        killpoint.start_director()
    answer = watching.wait_answer(ADDRESS, died, DEADLINE_S, besides=VICTIM)
    row = cluster.wait_address(ADDRESS, DEADLINE_S, state="owned")
    assert row["owner"] != VICTIM and row["epoch"] > max(epochs), (step, was_killed, row)
    cluster.wait_holders(ADDRESS, [row["owner"]])
    assert answer.who in layout.MEMBERS
    for other in set(layout.MEMBERS) - {VICTIM}:
        assert not watching.answers(layout.home_address(other), died, besides=other)
    failover.assert_epochs_unique(watching)
    failover.assert_epochs_rise(watching, ADDRESS)

    if not was_killed:  # start the next one with a new count
        cluster.director.stop()
        killpoint.start_director()
    repair(cluster, VICTIM)
    cluster.wait_home(DEADLINE_S)
    return was_killed


def is_claimed(watching, since_us, epoch):
    """The successor's notices have come twice: the director has had its answer long ago."""
    notices = watching.events(since_us, what="notice", address=ADDRESS)
    return len([one for one in notices if one.who != VICTIM and one.epoch > epoch]) >= 4


def sweep(shard, fault, repair, reached):
    """A case for in_parallel: every SHARDS-th step, from that one on, until there are no more."""

    def case(cluster):
        killpoint = KillPoint(cluster)
        cluster.director.stop()
        killpoint.start_director()
        cluster.wait_home(DEADLINE_S)
        watching = failover.watch(cluster)
        for step in itertools.count(shard, SHARDS):
            at = fail_over_with_director_killed(
                cluster, watching, killpoint, step, fault, repair
            )
            if not at:
                return
            reached.append(at)
            assert step < STEPS_MAX, "it never gets through"

    return case


def test_director_killed_at_each_step_of_a_failover(in_parallel):
    faults = {
        "cut": (Cluster.cut_power, Cluster.restore_power, []),
        "killed": (Cluster.kill_main, Cluster.restart_agent, []),
    }
    in_parallel(
        {
            f"{name}-from-{shard}": sweep(shard, *parts)
            for name, parts in faults.items()
            for shard in range(SHARDS)
        },
        edits={"director": failover.failover()},
    )
    for name, (_, _, reached) in faults.items():
        reached.sort(key=lambda at: int(at.split()[0]))
        print(f"{name}: the director was killed before {', '.join(reached)}")
        assert any("sync" in at for at in reached) and any("write" in at for at in reached)


# ---- away ----------------------------------------------------------------------


def test_members_keep_what_they_have_without_a_director(make_cluster):
    cluster = make_cluster(peers=1, edits={"director": failover.failover()})
    peer = layout.start_peer(cluster.net, 1, cluster.psk(layout.peer_identity(1)))
    peer.initiate()
    watching = failover.watch(cluster)
    epochs = {address: row["epoch"] for address, row in cluster.addresses().items()}
    start = now_us()
    cluster.kill_director()
    for agent in cluster.agents.values():
        agent.process.wait_log(r"connect", DEADLINE_S)
    for member in layout.MEMBERS:
        assert cluster.holders(layout.home_address(member)) == [member]
    assert cluster.net.hosts["web"].ping(layout.inner_address(1)) == 3
    cluster.start_director()
    cluster.wait_home(DEADLINE_S)
    for member in layout.MEMBERS:
        assert not watching.answers(layout.home_address(member), start, besides=member)
    assert {a: row["epoch"] for a, row in cluster.addresses().items()} == epochs


def test_member_that_boots_alone_takes_what_it_had(make_cluster):
    cluster = make_cluster(peers=0, edits={"director": failover.failover()})
    watching = failover.watch(cluster)
    cluster.kill_director()
    cluster.cut_power(VICTIM)
    wait_for(lambda: watching.answerer(ADDRESS) is None, DEADLINE_S, "silence")
    start = now_us()
    cluster.restore_power(VICTIM)
    assert watching.wait_answer(ADDRESS, start, DEADLINE_S).who == VICTIM
    assert cluster.holders(ADDRESS) == [VICTIM]
    assert watching.events(start, what="probed", address=ADDRESS, who=VICTIM)
    cluster.start_director()
    cluster.wait_home(DEADLINE_S)


def test_member_that_boots_alone_leaves_what_it_lost(make_cluster):
    """Its address had moved, and nobody answers for it: still it does not take it."""
    cluster = make_cluster(peers=0, edits={"director": failover.failover()})
    cluster.adm("address", "move", ADDRESS, "m2")
    cluster.wait_address(ADDRESS, owner="m2", state="owned")
    cluster.wait_holders(ADDRESS, ["m2"])
    cluster.kill_director()
    cluster.cut_power("m2")
    cluster.cut_power(VICTIM)
    watching = AddressWatch(cluster.net, cluster.net.hosts["gw"], [ADDRESS])
    cluster.restore_power(VICTIM)
    start = now_us()
    # m2 boots alone too. It owned both, so it is done later than m1 could have been.
    cluster.restore_power("m2")
    cluster.wait_holders(ADDRESS, ["m2"])
    cluster.wait_holders(layout.home_address("m2"), ["m2"])
    assert not watching.events(start, what="probed", address=ADDRESS, who=VICTIM)
    cluster.start_director()
    cluster.wait_back(*layout.MEMBERS)
    cluster.wait_address(ADDRESS, owner="m2", state="owned")
    assert cluster.holders(ADDRESS) == ["m2"]


def test_failed_over_member_that_boots_alone_leaves_it(make_cluster):
    """It was dead when its address went, and nobody has told it: its probe does."""
    cluster = make_cluster(peers=0, edits={"director": failover.failover()})
    watching = failover.watch(cluster)
    died = cluster.cut_power(VICTIM)
    newer = watching.wait_answer(ADDRESS, died, DEADLINE_S, besides=VICTIM).who
    cluster.wait_address(ADDRESS, owner=newer, state="owned")
    cluster.kill_director()
    start = now_us()
    cluster.restore_power(VICTIM)
    # It may ask for it; it hears the newer claim, or the answer to its probe.
    cluster.agents[VICTIM].process.wait_log(re.escape(ADDRESS), DEADLINE_S)
    wait_for(
        lambda: now_us() > start + 5000000 and cluster.holders(ADDRESS) == [newer],
        DEADLINE_S,
        "still one holder",
    )
    assert not watching.answers(ADDRESS, start, besides=newer)
    cluster.start_director()
    cluster.wait_home(DEADLINE_S)
    failover.assert_epochs_unique(watching)


# ---- an old store --------------------------------------------------------------


def copy(cluster, source, target):
    """With their owner, as a backup does."""
    cluster.net.hosts["director"].run("cp", "-a", source, target)


def test_director_with_a_store_from_an_old_backup(make_cluster):
    """Epochs go on above those that members know; what they hold is adopted, not moved."""
    cluster = make_cluster(peers=0, edits={"director": failover.failover("manual")})
    state = cluster.net.folder / "director" / "state"
    backup = cluster.net.folder / "director" / "backup"
    watching = failover.watch(cluster)

    assert cluster.director.stop() == 0
    copy(cluster, state, backup)
    cluster.start_director()
    cluster.wait_home(DEADLINE_S)
    for target in ("m2", "m3", "m2"):
        cluster.adm("address", "move", ADDRESS, target)
        cluster.wait_address(ADDRESS, owner=target, state="owned")
    highest = max(row["epoch"] for row in cluster.addresses().values())

    assert cluster.director.stop() == 0
    shutil.rmtree(state)
    copy(cluster, backup, state)
    start = now_us()
    cluster.start_director()
    cluster.wait_back(*layout.MEMBERS)
    row = cluster.wait_address(ADDRESS, DEADLINE_S, owner="m2", state="owned")
    assert row["epoch"] == highest, row
    assert cluster.holders(ADDRESS) == ["m2"]
    assert not watching.answers(ADDRESS, start, besides="m2")

    died = cluster.cut_power("m2")
    answer = watching.wait_answer(ADDRESS, died, DEADLINE_S, besides="m2")
    row = cluster.wait_address(ADDRESS, owner=answer.who, state="owned")
    assert row["epoch"] > highest, row
    failover.assert_epochs_unique(watching)
    failover.assert_epochs_rise(watching, ADDRESS)

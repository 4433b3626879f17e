# SPDX-License-Identifier: Apache-2.0
"""What operators do with addresses: look, move, pause; and when addresses go home."""

import re

import pytest

from lib import failover, layout, timeline
from lib.addrwatch import now_us
from lib.wait import wait_for

VICTIM = "m1"
ADDRESS = layout.home_address(VICTIM)
DEADLINE_S = 15
HOLD_DOWN_S = 2
PAUSE_ROUNDS_US = 3000000
MOVE_MS = 2000
CLOCKS_S = 0.1  # by which the director's wall clock and ours may differ
BACK = re.compile(r"-> (joining|active)$")


@pytest.mark.alone
def test_move_and_back(make_cluster):
    cluster = make_cluster(peers=0, edits={"director": failover.failover()})
    watching = failover.watch(cluster)
    epoch = cluster.address(ADDRESS)["epoch"]
    for target, member in (("m2", "m2"), ("m3", "m3"), ("home", "m1")):
        before = watching.answerer(ADDRESS)
        start = now_us()
        cluster.adm("address", "move", ADDRESS, target)
        answer = watching.wait_answer(ADDRESS, start, DEADLINE_S, besides=before)
        assert answer.who == member and (answer.us - start) / 1000 < MOVE_MS
        row = cluster.wait_address(ADDRESS, owner=member, state="owned")
        assert row["epoch"] > epoch
        epoch = row["epoch"]
        cluster.wait_holders(ADDRESS, [member])
    text = cluster.adm("addresses")
    assert ADDRESS in text and str(epoch) in text and "m1" in text
    failover.assert_epochs_unique(watching)
    assert any("ops" in why for _, why in cluster.events(ADDRESS)), cluster.events(ADDRESS)


def test_moved_address_stays_when_its_home_comes_back(make_cluster):
    cluster = make_cluster(peers=0, edits={"director": failover.failover(hold_down_s=HOLD_DOWN_S)})
    cluster.adm("address", "move", ADDRESS, "m2")
    cluster.wait_address(ADDRESS, owner="m2", state="owned")
    cluster.cut_power(VICTIM)
    cluster.wait_state("down", [VICTIM], DEADLINE_S)
    back = now_us()
    cluster.restore_power(VICTIM)
    cluster.wait_back(VICTIM)
    while now_us() < back + 2 * HOLD_DOWN_S * 1000000:
        assert cluster.holders(ADDRESS) == ["m2"]


def test_wrong_moves_are_refused(make_cluster):
    cluster = make_cluster(peers=0, edits={"director": failover.failover()})
    run = cluster.net.hosts["director"].run
    epoch = cluster.address(ADDRESS)["epoch"]
    for arguments in (
        ["192.0.2.99", "m2"],
        [ADDRESS, "m9"],
        ["192.0.2.300", "m2"],
        [ADDRESS],
    ):
        done = run(*cluster.adm_argv(), "address", "move", *arguments, check=False)
        assert done.returncode in (1, 2) and done.stderr, (arguments, done)
    assert cluster.address(ADDRESS)["epoch"] == epoch


def test_address_goes_home_after_the_hold_down(make_cluster):
    cluster = make_cluster(peers=0, edits={"director": failover.failover(hold_down_s=HOLD_DOWN_S)})
    watching = failover.watch(cluster)
    died = cluster.cut_power(VICTIM)
    newer = watching.wait_answer(ADDRESS, died, DEADLINE_S, besides=VICTIM).who
    cluster.wait_address(ADDRESS, owner=newer, state="owned")
    last = timeline.last_event(cluster)
    start = now_us()
    cluster.restore_power(VICTIM)
    home = watching.wait_answer(ADDRESS, start, DEADLINE_S, besides=newer)
    assert home.who == VICTIM
    cluster.wait_home()
    events = timeline.director_events(cluster, last)
    back = next(e for e in events if e["subject"] == VICTIM and BACK.search(e["what"]))
    assert (home.us - back["us"]) / 1e6 > HOLD_DOWN_S - CLOCKS_S, events


def test_manual_failback_waits_for_the_operator(make_cluster):
    cluster = make_cluster(peers=0, edits={"director": failover.failover("manual")})
    watching = failover.watch(cluster)
    died = cluster.cut_power(VICTIM)
    newer = watching.wait_answer(ADDRESS, died, DEADLINE_S, besides=VICTIM).who
    cluster.wait_address(ADDRESS, owner=newer, state="owned")
    cluster.restore_power(VICTIM)
    cluster.wait_back(VICTIM)
    back = now_us()
    while now_us() < back + 2 * failover.HOLD_DOWN_S * 1000000:
        assert cluster.holders(ADDRESS) == [newer]
    cluster.adm("address", "move", ADDRESS, "home")
    cluster.wait_home()


def test_pause(make_cluster):
    cluster = make_cluster(peers=0, edits={"director": failover.failover()})
    watching = failover.watch(cluster)
    cluster.adm("failover", "pause")
    assert "PAUSED" in cluster.adm("failover", "status")
    died = cluster.cut_power(VICTIM)
    cluster.wait_state(("suspect", "down"), [VICTIM], DEADLINE_S)
    while now_us() < died + PAUSE_ROUNDS_US:
        assert cluster.holders(ADDRESS) == []

    # It is remembered by the next director.
    assert cluster.director.stop() == 0
    cluster.start_director()
    cluster.wait_active([name for name in layout.MEMBERS if name != VICTIM], DEADLINE_S)
    assert "PAUSED" in cluster.adm("failover")
    assert not watching.answers(ADDRESS, died, besides=VICTIM)

    resumed = now_us()
    cluster.adm("failover", "resume")
    newer = watching.wait_answer(ADDRESS, resumed, DEADLINE_S, besides=VICTIM).who
    cluster.wait_address(ADDRESS, owner=newer, state="owned")
    cluster.restore_power(VICTIM)
    cluster.wait_home()
    subjects = [what for what, _ in cluster.events()]
    assert any("pause" in what for what in subjects) and any("resume" in w for w in subjects)


def test_monitors_may_look_but_not_touch(make_cluster):
    cluster = make_cluster(peers=0, edits={"director": failover.failover()})
    host = cluster.net.hosts["director"]
    pki = cluster.net.folder / "ops" / "pki"
    program, *_ = cluster.adm_argv()
    host.run(program, "pki", "issue", "monitor", "watch", "--dir", pki)
    own = cluster.net.folder / "ops" / "etc"
    for suffix in ("crt", "key"):
        (own / "pki" / f"monitor-watch.{suffix}").write_bytes(
            (pki / f"monitor-watch.{suffix}").read_bytes()
        )
    (own / "pki" / "monitor-watch.key").chmod(0o600)
    config = own / "monitor.yaml"
    config.write_text(cluster.config("ops").read_text().replace("admin-ops", "monitor-watch"))

    def adm(*arguments):
        return host.run(program, "-c", config, *arguments, check=False)

    assert adm("addresses").returncode == 0 and adm("failover").returncode == 0
    assert adm("keys").returncode == 0 and adm("tickets").returncode == 0
    for arguments in (
        ["address", "move", ADDRESS, "m2"],
        ["failover", "pause"],
        ["keys", "rotate"],
        ["keys", "revoke", "qcd-1-1"],
        ["tickets", "revoke", "--all"],
    ):
        done = adm(*arguments)
        assert done.returncode == 1 and done.stderr, arguments
    wait_for(lambda: cluster.address(ADDRESS)["owner"] == VICTIM, 1, "nothing changed")
    assert "PAUSED" not in cluster.adm("failover")


# ---- fencing -------------------------------------------------------------------

FENCE = """#!/bin/sh
echo "$1 $2" >>{folder}/fenced.txt
exit $(cat {folder}/fence-status)
"""


def test_fencing_script_goes_before_a_forced_claim(make_cluster):
    """A member hangs with its address; the operator does not wait, and a script makes sure."""
    cluster = make_cluster(peers=0, start=False)
    folder = cluster.net.folder / "director" / "state"  # where the director's user may write
    script = folder.with_name("fence.sh")
    script.write_text(FENCE.format(folder=folder))
    script.chmod(0o755)

    def fence(text):
        return failover.failover("manual")(text).replace(
            "  failback:", f"  fence: {script}\n  failback:"
        )

    cluster.edit("director", fence)
    cluster.start()
    epoch = cluster.address(ADDRESS)["epoch"]
    cluster.adm("failover", "pause")  # else the address would be claimed by itself
    cluster.hang(VICTIM, "main", "keeper")
    cluster.wait_state(("suspect", "down"), [VICTIM], DEADLINE_S)

    (folder / "fence-status").write_text("1")
    cluster.net.hosts["director"].run(
        *cluster.adm_argv(), "address", "move", ADDRESS, "m2", "--force", check=False
    )
    wait_for(lambda: (folder / "fenced.txt").exists(), DEADLINE_S, "the script")
    wait_for(
        lambda: any("fenc" in what + why for what, why in cluster.events(ADDRESS, VICTIM)),
        DEADLINE_S,
        "an event that says that fencing failed",
    )
    assert cluster.holders(ADDRESS) in ([], [VICTIM])

    (folder / "fence-status").write_text("0")
    cluster.adm("address", "move", ADDRESS, "m2", "--force")
    row = cluster.wait_address(ADDRESS, owner="m2", state="owned")
    assert row["epoch"] > epoch
    assert (folder / "fenced.txt").read_text().split("\n")[:2] == [f"{VICTIM} {ADDRESS}"] * 2
    cluster.adm("failover", "resume")
    cluster.revive(VICTIM)
    cluster.wait_holders(ADDRESS, ["m2"])

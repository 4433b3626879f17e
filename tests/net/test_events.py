# SPDX-License-Identifier: Apache-2.0
"""What happens to members is remembered with its reason, over restarts of the director."""

import signal

from lib.wait import wait_for

DEADLINE_S = 10


def history(cluster, subject):
    return [(e["what"], e["why"]) for e in cluster.adm_json("events", "--subject", subject)["events"]]


def test_history_of_a_silent_member(make_cluster):
    cluster = make_cluster(peers=0)
    cluster.expect_dead.add("m2")
    agent = cluster.agents["m2"]
    agent.signal(signal.SIGSTOP)
    try:
        cluster.wait_state("down", ["m2"], DEADLINE_S)
    finally:
        agent.signal(signal.SIGCONT)

    whats = [what for what, _ in history(cluster, "m2")]
    assert whats[:2] == ["left -> joining", "joining -> active"], whats
    states = [what for what in whats if "->" in what]
    assert states[2:4] == ["active -> suspect", "suspect -> down"], whats
    why = dict(history(cluster, "m2"))["active -> suspect"]
    assert "no heartbeat" in why

    # Another director goes on with the same history.
    last = cluster.adm_json("events")["last"]
    assert cluster.director.stop(DEADLINE_S) == 0
    cluster.start_director()
    wait_for(
        lambda: ("director started" in [what for what, _ in history(cluster, "d1")]),
        DEADLINE_S,
        "the start of the new director among the events",
    )
    newer = cluster.adm_json("events", "--after", str(last))["events"]
    assert newer and all(e["id"] > last for e in newer)
    assert "m2" in cluster.adm("events", "--limit", "500")

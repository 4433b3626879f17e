# SPDX-License-Identifier: Apache-2.0
"""The cluster's keys and what is taken back of tickets: at every member, over restarts, in time."""

import json
import re
import time

from lib import failover, layout
from lib.wait import wait_for

VICTIM = "m3"
DEADLINE_S = 15
IN_FORCE_S = 1
SECRET = re.compile(r"[A-Za-z0-9+/]{42,44}=|[0-9a-f]{64}")


def tickets(cluster):
    """{id: row} of the ticket keys."""
    return {k["id"]: k for k in cluster.adm_json("keys")["keys"] if k["use"] == "ticket"}


def states(cluster):
    return sorted(k["state"] for k in tickets(cluster).values())


def wait_states(cluster, *wanted):
    def reached():
        now = states(cluster)
        return now == sorted(wanted)

    wait_for(reached, DEADLINE_S, lambda: cluster.adm("keys"))


def issuing(cluster):
    return next(id for id, k in tickets(cluster).items() if k["state"] == "issuing")


def test_rotation(make_cluster):
    """Operator's rotations, with a member that hangs, and one over a restart of the director."""
    cluster = make_cluster(peers=0, edits={"director": failover.failover()})
    wait_states(cluster, "issuing")
    first = issuing(cluster)
    cluster.adm("keys", "rotate")
    wait_states(cluster, "opening", "issuing")
    second = issuing(cluster)
    assert second != first and tickets(cluster)[first]["not_after"]

    # A member that is silent holds the next one up, until it is known to be down.
    cluster.hang(VICTIM, "main", "keeper")
    cluster.adm("keys", "rotate", "ticket")
    pending = next(k for k in tickets(cluster).values() if k["state"] == "pending")
    assert pending["missing"] == [VICTIM]
    cluster.director.stop()
    cluster.start_director()
    assert set(tickets(cluster)) == {first, second, pending["id"]}
    cluster.wait_state("down", [VICTIM], DEADLINE_S)
    wait_states(cluster, "opening", "opening", "issuing")
    assert issuing(cluster) == pending["id"]

    text = cluster.adm("keys")
    assert pending["id"] in text and "qcd-1-1" in text and "notice-1" in text
    whole = json.dumps(cluster.adm_json("keys")) + json.dumps(cluster.events())
    assert not SECRET.search(whole)
    happened = [what for what, _ in cluster.events("keys")]
    assert happened.count("issuing") == 3 and "opening" in happened


def test_compromise_drill(make_cluster):
    """As in the manual: what was issued is worth nothing, at once and everywhere."""
    cluster = make_cluster(peers=0, edits={"director": failover.failover()})
    wait_states(cluster, "issuing")
    old = issuing(cluster)
    cluster.adm("keys", "rotate", "--revoke")
    wait_states(cluster, "issuing")
    new = issuing(cluster)
    assert new != old and old not in tickets(cluster)
    wait_for(
        lambda: ("gone", f"{old}: no member that is there has it any more")
        in cluster.events("keys"),
        DEADLINE_S,
        lambda: str(cluster.events("keys")),
    )
    cluster.adm("keys", "rotate", "qcd", "--revoke")
    secrets = {k["id"] for k in cluster.adm_json("keys")["keys"] if k["use"] == "qcd"}
    assert secrets == {f"qcd-{layout.member_number(m)}-2" for m in layout.MEMBERS}
    cluster.adm("keys", "revoke", new)
    wait_states(cluster, "issuing")
    assert issuing(cluster) != new
    run = cluster.net.hosts["director"].run
    for arguments in (["rotate", "notice"], ["revoke", "notice-1"], ["revoke", old]):
        done = run(*cluster.adm_argv(), "keys", *arguments, check=False)
        assert done.returncode == 1 and done.stderr, arguments


def test_revocations(make_cluster):
    cluster = make_cluster(peers=0, edits={"director": failover.failover()})
    start = time.monotonic()
    done = cluster.adm_json("tickets", "revoke", "--identity", "p1.peers.example.net")
    assert time.monotonic() - start < IN_FORCE_S
    assert sorted(done["in_force"]) == sorted(layout.MEMBERS) and done["missing"] == []

    # One that hangs is named, and has it as soon as it is back.
    cluster.hang(VICTIM, "main", "keeper")
    before = str(int(time.time()) - 60)
    text = cluster.adm("tickets", "revoke", "--connection", "sites", "--before", before)
    assert "in force" in text and re.search(rf"missing +{VICTIM}", text)
    cluster.revive(VICTIM)

    def is_everywhere():
        rows = cluster.adm_json("tickets")["revocations"]
        return len(rows) == 2 and all(len(r["in_force"]) == len(layout.MEMBERS) for r in rows)

    wait_for(is_everywhere, DEADLINE_S, lambda: cluster.adm("tickets"))

    # It is remembered by the next director, and members say again what they have.
    cluster.director.stop()
    cluster.start_director()
    wait_for(is_everywhere, DEADLINE_S, lambda: cluster.adm("tickets"))
    text = cluster.adm("tickets", "list")
    assert "p1.peers.example.net" in text and "sites" in text

    run = cluster.net.hosts["director"].run
    for arguments, code in (
        (["--all", "--before", "99999999999"], 1),
        (["--all", "--before", "1"], 1),
        (["--all", "--identity", "p1"], 2),
        ([], 2),
        (["--connection", "No Name"], 1),
    ):
        done = run(*cluster.adm_argv(), "tickets", "revoke", *arguments, check=False)
        assert done.returncode == code and done.stderr, arguments

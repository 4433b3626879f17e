# SPDX-License-Identifier: Apache-2.0
"""What agents do on a director's orders, and without: the director is the test's own."""

import json
import os
import signal

import pytest

from lib import layout
from lib.orders import Director
from lib.strongswan import StrongSwan
from lib.wait import Stopwatch, wait_for

M1, M2 = layout.home_address("m1"), layout.home_address("m2")
DEADLINE_S = 5


@pytest.fixture
def start(make_cluster):
    """start("m1", ..., welcome={...}): a director, and agents that it has welcomed."""
    directors = []

    def begin(*members, welcome=None, edits=None):
        cluster = make_cluster(peers=1, edits=edits, start=False)
        director = Director(cluster.net, welcome)
        directors.append(director)
        sessions = {}
        for member in members:
            cluster.start_agent(member)
            sessions[member] = director.next_session()
        return cluster, director, sessions

    yield begin
    for director in directors:
        director.close()


def holds(cluster, member, address):
    return f"{address}/32" in cluster.net.hosts[member].addresses("eth0")


def claim(session, address, epoch, **fields):
    answer = session.ask("claim", address=address, epoch=epoch, **fields)
    assert answer["type"] == "claimed", answer
    return answer


def wait_held(cluster, member, address, is_held=True, deadline_s=DEADLINE_S):
    wait_for(
        lambda: holds(cluster, member, address) == is_held,
        deadline_s,
        lambda: f"{address} at {member}: {is_held}\n{cluster.agents[member].process.describe()}",
    )


def test_nothing_without_an_order(start):
    cluster, director, sessions = start("m1")
    hello = sessions["m1"].hello

    assert hello["mesh"] == "0.0.0.0:7401"
    assert [(a["address"], a["claim"], a["held"]) for a in hello["addresses"]] == [
        (layout.home_address(name), "l2", False) for name in layout.MEMBERS
    ]
    sessions["m1"].expect_type("peer")
    wait_for(lambda: len(sessions["m1"].states) > 3, DEADLINE_S, "heartbeats over TLS")
    assert set(sessions["m1"].states) == {"starting"}
    assert not holds(cluster, "m1", M1)


def test_claim_and_release(start):
    cluster, director, sessions = start("m1", "m2")

    claim(sessions["m1"], M1, 10)
    assert holds(cluster, "m1", M1)
    wait_for(lambda: sessions["m1"].states[-1:] == ["active"], DEADLINE_S, "active")
    state = json.loads((cluster.net.folder / "m1" / "state" / "agent.json").read_text())
    assert "10" in json.dumps(state)
    # The same order again is answered the same; an older one is refused.
    claim(sessions["m1"], M1, 10)
    answer = sessions["m1"].ask("claim", address=M1, epoch=9)
    assert (answer["type"], answer["code"]) == ("refused", "stale-epoch")
    # Who has it answers on the link: another cannot take it.
    answer = sessions["m2"].ask("claim", address=M1, epoch=11)
    assert (answer["type"], answer["code"]) == ("refused", "in-use")
    answer = sessions["m2"].ask("claim", address="192.0.2.99", epoch=12)
    assert (answer["type"], answer["code"]) == ("refused", "not-configured")
    answer = sessions["m1"].ask("release", address=M1, epoch=13)
    assert answer["type"] == "released"
    assert not holds(cluster, "m1", M1)
    claim(sessions["m2"], M1, 14)
    assert holds(cluster, "m2", M1)


def test_yields_to_a_newer_claim(start):
    """Forced at another member, as after a partition: the first one hears the notice."""
    cluster, director, sessions = start("m1", "m2")

    claim(sessions["m1"], M1, 10)
    claim(sessions["m2"], M1, 11, force=True)
    released = sessions["m1"].expect_type("released")
    assert (released["address"], released["epoch"], "id" in released) == (M1, 11, False)
    assert not holds(cluster, "m1", M1)
    assert holds(cluster, "m2", M1)


def test_probes(start):
    cluster, director, sessions = start("m1", "m2")
    probe = {
        "address": M1,
        "number": 1,
        "references": ["192.0.2.13:7401"],
        "witnesses": [layout.DIRECTOR_ADDRESS],
    }

    claim(sessions["m1"], M1, 10)
    result = sessions["m2"].ask("probe", **probe)
    assert (result["type"], result["agent"], result["number"]) == ("probe_result", "yes", 1)
    # Its own address need not be looked for.
    assert sessions["m1"].ask("probe", **probe)["agent"] == "yes"
    # A kernel is there, an agent is not: main of the other one hangs.
    cluster.expect_dead.add("m1")
    os.kill(cluster.agents["m1"].main_pid(), signal.SIGSTOP)
    result = sessions["m2"].ask("probe", **probe)
    assert result["agent"] == "no"
    wait_held(cluster, "m1", M1, False)
    result = sessions["m2"].ask("probe", **probe)
    assert (result["agent"], result["link"], result["reference"]) == ("no", "no", "yes")
    # Neither is the only reference: what the prober says means nothing.
    probe["witnesses"] = ["192.0.2.77"]
    assert sessions["m2"].ask("probe", **probe)["reference"] == "no"
    os.kill(cluster.agents["m1"].main_pid(), signal.SIGCONT)


def test_last_words(start):
    cluster, director, sessions = start("m1")

    claim(sessions["m1"], M1, 10)
    cluster.expect_dead.add("m1")
    os.kill(cluster.agents["m1"].main_pid(), signal.SIGKILL)
    gone = director.next_datagram("gone")
    assert (gone["member"], gone["boot_id"]) == ("m1", sessions["m1"].hello["boot_id"])
    assert not holds(cluster, "m1", M1)


def test_stops_in_good_order(start):
    cluster, director, sessions = start("m1")

    claim(sessions["m1"], M1, 10)
    claim(sessions["m1"], M2, 11)
    cluster.expect_dead.add("m1")
    assert cluster.agents["m1"].process.stop(DEADLINE_S) == 0
    released = [sessions["m1"].expect_type("released")["address"] for _ in range(2)]
    bye = sessions["m1"].expect_type("bye")
    assert sorted(released) == sorted(bye["released"]) == [M1, M2]
    assert not holds(cluster, "m1", M1)
    director.udp.settimeout(0.5)
    with pytest.raises(TimeoutError):
        director.next_datagram("gone")


def test_keeps_what_it_has_without_a_director(start):
    cluster, director, sessions = start("m1")

    claim(sessions["m1"], M1, 10)
    claim(sessions["m1"], M2, 11)
    director.close()
    cluster.agents["m1"].process.wait_log("no connection to the director", DEADLINE_S)
    # Beyond the lifetimes of addresses in the kernel.
    watch = Stopwatch()
    while watch() < 6:
        assert holds(cluster, "m1", M1) and holds(cluster, "m1", M2)
    with Director(cluster.net) as again:
        hello = again.next_session().hello
    held = {a["address"]: a["epoch"] for a in hello["addresses"] if a["held"]}
    assert (held, hello["max_epoch"], hello["ring_ids"]) == ({M1: 10, M2: 11}, 11, ["n1"])


def test_boots_alone(start):
    """It takes what was its own, under the last epoch, and nothing else; a kill is a boot too."""
    cluster, director, sessions = start("m1")

    claim(sessions["m1"], M1, 10)
    claim(sessions["m1"], M2, 11)
    assert sessions["m1"].ask("release", address=M2, epoch=12)["type"] == "released"
    director.close()
    assert cluster.agents["m1"].process.stop(DEADLINE_S) == 0
    assert not holds(cluster, "m1", M1)
    agent = cluster.start_agent("m1")
    agent.process.wait_log(f"took {M1}", 10)
    wait_held(cluster, "m1", M1)
    assert not holds(cluster, "m1", M2)


def test_director_of_version_1_0(start):
    """It gives no orders: each member has its home address, as ever."""
    welcome = {"proto": "1.0", "ring": []}
    cluster, director, sessions = start("m1", welcome=welcome)

    wait_held(cluster, "m1", M1, deadline_s=10)
    assert not holds(cluster, "m1", M2)


def test_gives_up_what_it_cannot_serve(start):
    """The inside link goes: what is held goes too, and comes back on orders only."""

    def track(text):
        return text + "\ntrack:\n  - {interface: eth1, hold-s: 1}\n"

    cluster, director, sessions = start("m1", edits={"m1": track})
    session, host = sessions["m1"], cluster.net.hosts["m1"]

    cluster.agents["m1"].process.wait_log("able: all that is tracked works", DEADLINE_S)
    claim(session, M1, 10)
    host.ip("link", "set", "eth1", "down")
    released = session.expect_type("released")
    assert (released["address"], "eth1" in released["why"]) == (M1, True)
    assert not holds(cluster, "m1", M1)
    wait_for(lambda: session.states[-1:] == ["failed"], DEADLINE_S, "failed")
    answer = session.ask("claim", address=M1, epoch=11)
    assert (answer["type"], answer["code"]) == ("refused", "not-able")
    host.ip("link", "set", "eth1", "up")
    wait_for(lambda: session.states[-1:] == ["starting"], DEADLINE_S, "starting")
    claim(session, M1, 12)


def test_peers_at_an_adopted_address(start):
    """They are sent to the member's own address; what is there goes with the address."""
    cluster, director, sessions = start("m1")

    claim(sessions["m1"], M1, 10)
    claim(sessions["m1"], M2, 11)
    peer = StrongSwan(cluster.net.hosts["p1"])
    identity, inner = layout.peer_identity(1), f"{layout.inner_address(1)}/32"
    peer.connect_to(M2, identity, cluster.psk(identity), inner, layout.PROTECTED)
    peer.start()
    sa = peer.initiate()
    assert sa.remote_host == M1
    sessions["m1"].expect(lambda frame: frame["type"] == "peer" and frame["entries"] != [])
    sessions["m1"].order("release", address=M1, epoch=12)
    down = sessions["m1"].expect_type("peer")
    assert [entry["event"] for entry in down["entries"]] == ["down"]
    sessions["m1"].expect_type("released")
    assert cluster.net.hosts["m1"].ip_json("route", "show", "proto", "87") == []

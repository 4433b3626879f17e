# SPDX-License-Identifier: Apache-2.0
"""A member dies, and a survivor answers for its address; its peers and their traffic follow."""

import pytest

from lib import failover, layout, timeline
from lib.addrwatch import now_us
from lib.pinger import Pinger
from lib.wait import wait_for
from lib.yamltext import set_block

PEER_DEADLINE_S = 15  # its dead peer detection takes two seconds
SILENCE_US = 25000  # as in addrwatch.c
# Wide ones, for a busy machine; tests/bench/bench_failover.py measures.
CUT_MS, KILLED_MS, LEFT_MS = 2000, 1500, 1500


def served(cluster):
    """A peer with short dead peer detection: (strongSwan, its member)."""
    peer = layout.start_peer(
        cluster.net, 1, cluster.psk(layout.peer_identity(1)), dpd=True
    )
    return peer, layout.member_of_home(peer.initiate().remote_host)


def web_finds_peer_at(cluster, member):
    """The entry of the protected host's ARP table is that member's."""
    hosts = cluster.net.hosts
    found = hosts["web"].ip_json("neigh", "show", "to", layout.inner_address(1))
    return bool(found) and found[0].get("lladdr") == hosts[member].macs["eth1"]


@pytest.mark.alone
@pytest.mark.parametrize("how, limit_ms", [("cut_power", CUT_MS), ("kill_main", KILLED_MS)])
def test_address_peer_and_traffic_survive(make_cluster, how, limit_ms):
    cluster = make_cluster(peers=1, edits={"director": failover.failover()})
    hosts = cluster.net.hosts
    peer, victim = served(cluster)
    address = layout.home_address(victim)
    inner = layout.inner_address(1)
    watching = failover.watch(cluster)
    epoch = cluster.address(address)["epoch"]
    last = timeline.last_event(cluster)

    with Pinger(hosts["p1"], layout.WEB_ADDRESS, inner) as out, Pinger(
        hosts["web"], inner, layout.WEB_ADDRESS
    ) as back:
        for pinger in (out, back):
            pinger.wait_answer(0, PEER_DEADLINE_S)
        died = getattr(cluster, how)(victim)
        line = timeline.measure(cluster, watching, victim, address, died, last)
        assert line.ms["answering"] < limit_ms, line.text()

        # The peer finds out by itself and asks the director, who sends it to a survivor's home.
        stopped = wait_for(
            lambda: watching.answers(address, died, besides=victim), PEER_DEADLINE_S, "the claim"
        )[0].us
        for pinger in (out, back):
            pinger.wait_answer(stopped + SILENCE_US, PEER_DEADLINE_S)
    sa = peer.wait_up()
    member = layout.member_of_home(sa.remote_host)
    assert member in layout.MEMBERS and member != victim
    wait_for(lambda: web_finds_peer_at(cluster, member), PEER_DEADLINE_S, "web's ARP table")

    # One holder, a newer epoch, and the others keep what they had.
    row = cluster.address(address)
    assert row["owner"] == line.successor and row["epoch"] > epoch, row
    assert cluster.holders(address) == [line.successor]
    for other in set(layout.MEMBERS) - {victim}:
        assert cluster.holders(layout.home_address(other)) == [other]
        assert not watching.answers(layout.home_address(other), died, besides=other)
    failover.assert_epochs_unique(watching)
    failover.assert_epochs_rise(watching, address)
    assert any(what.endswith("-> down") for what, _ in cluster.events(victim))

    # When it is back, it first learns what it has lost, and then its address comes home.
    if how == "cut_power":
        cluster.restore_power(victim)
    else:
        cluster.restart_agent(victim)
    cluster.wait_home()
    failover.assert_epochs_unique(watching)
    failover.assert_epochs_rise(watching, address)


@pytest.mark.alone
def test_orderly_stop_hands_the_address_over(make_cluster):
    cluster = make_cluster(peers=0, edits={"director": failover.failover()})
    address = layout.home_address("m1")
    watching = failover.watch(cluster)
    cluster.expect_dead.add("m1")
    died = now_us()
    assert cluster.agents["m1"].process.stop() == 0
    answer = watching.wait_answer(address, died, 10, besides="m1")
    assert (answer.us - died) / 1000 < LEFT_MS
    cluster.wait_address(address, owner=answer.who, state="owned")
    assert cluster.members()["m1"]["state"] == "left"
    cluster.restart_agent("m1")
    cluster.wait_home()


def test_addresses_of_one_member_spread_over_the_others(make_cluster):
    """Both of m1's go at once, and not to the same successor."""
    second = "192.0.2.31"

    def director(text):
        text = failover.failover()(text)
        lines = ["members:", f"  - {{name: m1, home: [{layout.home_address('m1')}, {second}]}}"]
        lines += [
            f"  - {{name: {name}, home: [{layout.home_address(name)}]}}" for name in ("m2", "m3")
        ]
        return set_block(text, "members", "\n".join(lines))

    def home(text):
        lines = [
            f"  - {{address: {address}, link: eth0, claim: l2}}"
            for address in (layout.home_address("m1"), second)
        ]
        return set_block(text, "home", "\n".join(["home:", *lines]))

    everything = [*map(layout.home_address, layout.MEMBERS), second]
    cluster = make_cluster(
        peers=0,
        edits={"members": failover.adopting(*everything), "director": director, "m1": home},
    )
    addresses = [layout.home_address("m1"), second]
    planned = [cluster.address(address)["successors"][0] for address in addresses]
    assert set(planned) == {"m2", "m3"}, planned
    cluster.cut_power("m1")
    for address, member in zip(addresses, planned):
        cluster.wait_address(address, owner=member, state="owned")
        cluster.wait_holders(address, [member])


def test_adopted_address_sends_peers_on(make_cluster):
    """A peer that asks there is sent to a home address, where the address cannot be taken away."""
    cluster = make_cluster(peers=1, edits={"director": failover.failover("manual")})
    address = layout.home_address("m1")
    watching = failover.watch(cluster, "m1")
    died = cluster.cut_power("m1")
    watching.wait_answer(address, died, 10, besides="m1")
    peer = layout.start_peer(
        cluster.net,
        1,
        cluster.psk(layout.peer_identity(1)),
        ike_options={"remote_addrs": address},
    )
    sa = peer.initiate()
    member = layout.member_of_home(sa.remote_host)
    assert peer.redirects() == [sa.remote_host] and member in ("m2", "m3")
    assert cluster.net.hosts["web"].ping(layout.inner_address(1)) == 3


def test_tracked_interface(make_cluster):
    """A member that has lost its inside gives its address up at once, and takes it back later."""

    def track(text):
        return set_block(text, "track", "track:\n  - {interface: eth1}")

    cluster = make_cluster(
        peers=0, edits={"members": track, "director": failover.failover()}
    )
    address = layout.home_address("m1")
    watching = failover.watch(cluster)
    died = now_us()
    cluster.net.unplug(cluster.net.hosts["m1"], "eth1")
    answer = watching.wait_answer(address, died, 10, besides="m1")
    assert (answer.us - died) / 1000 < LEFT_MS
    cluster.wait_holders(address, [answer.who])
    assert cluster.agents["m1"].process.is_running()
    assert not cluster.members()["m1"]["takes_new"]
    cluster.net.plug(cluster.net.hosts["m1"], "eth1")
    cluster.wait_home()
    failover.assert_epochs_rise(watching, address)

# SPDX-License-Identifier: Apache-2.0
"""Stock strongSwan peers ask the director and end up at a member that can take them."""

import ipaddress
import signal

import pytest

from lib import layout
from lib.strongswan import LOG_CHILD_ESTABLISHED, LOG_REDIRECT_SUPPORTED
from lib.wait import Stopwatch, wait_for
from lib.yamltext import set_block, set_value

PINGS = 5
REPORT_DEADLINE_S = 5  # for a change at a member to show at the director
# fast profile: suspect after 300 ms. The rest is for a busy machine.
SUSPECT_DEADLINE_S = 2


def fast(text):
    return set_value(text, "profile", "fast")


def pin(prefix, member, policy="least-load"):
    """All peers of the prefix go to the member while it is active."""

    def change(text):
        block = f"pins:\n  - {{prefix: {prefix}, member: {member}}}\n"
        return set_value(set_block(fast(text), "pins", block), "policy", policy)

    return change


def bring_up(cluster, numbers):
    """Start these peers, all at once; returns {number: the member that has it}."""
    peers = {
        number: layout.start_peer(cluster.net, number, cluster.psk(layout.peer_identity(number)))
        for number in numbers
    }
    for peer in peers.values():
        peer.start_initiating()
    return {
        number: layout.member_of_home(peer.wait_up().remote_host)
        for number, peer in peers.items()
    }


def wait_listed(cluster, identity):
    """The director's row about a peer, as soon as a member has told it."""
    return wait_for(
        lambda: cluster.peers().get(identity),
        REPORT_DEADLINE_S,
        lambda: f"{identity} among the director's peers; {cluster.describe()}",
    )


def wait_load(cluster, member, at_least):
    wait_for(
        lambda: cluster.members()[member]["load"] >= at_least,
        REPORT_DEADLINE_S,
        lambda: f"load of {member} >= {at_least}: {cluster.members()[member]}",
    )


# ---- the whole way -------------------------------------------------------------


def assert_only_ike_and_esp(packets, number, member):
    """Nothing on the peer's wire shows what is inside the tunnel."""
    outer = layout.peer_address(number)
    allowed = {outer, layout.DIRECTOR_ADDRESS, layout.home_address(member)}
    inner = ipaddress.ip_address(layout.inner_address(number)).packed
    web = ipaddress.ip_address(layout.WEB_ADDRESS).packed
    for packet in packets:
        addresses = {ipaddress.ip_address(text) for text in (packet.src, packet.dst)}
        if any(address.is_multicast for address in addresses):
            continue  # a host's own IPv6 neighbour discovery
        assert {packet.src, packet.dst} <= allowed, packet
        assert packet.is_udp(500) or packet.is_udp(4500), packet
        assert packet.is_keepalive() or packet.ike() or packet.esp_spi(), packet
        # The IP header of a ping: source, then destination.
        assert inner + web not in packet.payload and web + inner not in packet.payload, packet


def assert_talked_to_director_then_member(packets, number, member):
    asked = [
        packet.dst
        for packet in packets
        if packet.src == layout.peer_address(number) and packet.ike() is not None
    ]
    assert asked[0] == layout.DIRECTOR_ADDRESS
    first_at_member = asked.index(layout.home_address(member))
    assert set(asked[first_at_member:]) == {layout.home_address(member)}


def esp_to(address):
    return lambda packet: packet.esp_spi() is not None and packet.dst == address


def test_peers_are_redirected_and_pass_traffic(make_cluster):
    cluster = make_cluster(peers=2)
    net = cluster.net
    for number in (1, 2):
        identity = layout.peer_identity(number)
        inner = layout.inner_address(number)
        peer = layout.start_peer(net, number, cluster.psk(identity))
        with net.bridges["wan"].capture(f"p{number}") as capture:
            sa = peer.initiate()
            member = layout.member_of_home(sa.remote_host)
            assert member in layout.MEMBERS
            assert net.hosts["web"].ping(inner, count=PINGS) == PINGS
            assert net.hosts[f"p{number}"].ping(layout.WEB_ADDRESS, inner, count=PINGS) == PINGS

            for address in (layout.peer_address(number), layout.home_address(member)):
                capture.wait_packets(esp_to(address), count=2 * PINGS, what=f"ESP to {address}")
        packets = capture.packets()
        assert_only_ike_and_esp(packets, number, member)
        assert_talked_to_director_then_member(packets, number, member)

        # In strongSwan's own words.
        assert peer.wait_log(LOG_REDIRECT_SUPPORTED)
        assert peer.redirects() == [layout.home_address(member)]
        assert peer.wait_log(LOG_CHILD_ESTABLISHED)
        assert sa.remote_id == layout.GATEWAY_ID
        assert sa.children[0].local_ts == [f"{inner}/32"]
        assert sa.children[0].remote_ts == [layout.PROTECTED]

        row = wait_listed(cluster, identity)
        assert row["member"] == member
        assert row["address"].partition(":")[0] == layout.peer_address(number)
    counters = cluster.status()["front_end"]
    assert counters["redirected"] == 2, counters


def test_spis_carry_the_member_number(make_cluster):
    """RFC 6027, 3.9: two members can never choose the same SPI."""
    cluster = make_cluster(peers=2)
    for number in (1, 2):
        peer = layout.start_peer(cluster.net, number, cluster.psk(layout.peer_identity(number)))
        sa = peer.initiate()
        member = layout.member_of_home(sa.remote_host)
        octet = cluster.members()[member]["number"]
        assert int(sa.responder_spi, 16) >> 56 == octet
        assert int(sa.children[0].spi_out, 16) >> 24 == octet


# ---- who gets nobody -----------------------------------------------------------


@pytest.mark.parametrize("policy", ["least-load", "sticky"])
def test_full_member_gets_no_new_peers(make_cluster, policy):
    """m1 is sized for one IKE SA: with it, its load is 1."""
    cluster = make_cluster(
        peers=11,
        edits={
            "director": pin(f"{layout.peer_address(1)}/32", "m1", policy),
            "m1": lambda text: set_value(text, "capacity", 1),
        },
    )
    assert bring_up(cluster, [1]) == {1: "m1"}
    wait_load(cluster, "m1", 0.95)

    taken = bring_up(cluster, range(2, 12))
    assert set(taken.values()) == {"m2", "m3"}, taken
    assert cluster.members()["m1"]["sas"] == 1
    assert cluster.placement(layout.peer_address(2))["member"] in ("m2", "m3")


def stop_processes(cluster, member):
    """Both processes of the agent hang."""
    pids = cluster.agents[member].pids()
    assert len(pids) == 2, "main and keeper"
    cluster.agents[member].signal(signal.SIGSTOP)


def cut_power(cluster, member):
    cluster.cut_power(member)


@pytest.mark.parametrize("fault", [stop_processes, cut_power])
def test_silent_member_gets_no_new_peers(make_cluster, fault):
    """Everybody is pinned to m1: whoever goes elsewhere does so because m1 is not active."""
    cluster = make_cluster(peers=5, edits={"director": pin("192.0.2.0/24", "m1")})
    assert bring_up(cluster, [1]) == {1: "m1"}

    passed = Stopwatch()
    cluster.expect_dead.add("m1")
    fault(cluster, "m1")
    cluster.wait_state(("suspect", "down"), ["m1"], SUSPECT_DEADLINE_S)
    assert passed() < SUSPECT_DEADLINE_S

    taken = bring_up(cluster, range(2, 6))
    assert set(taken.values()) <= {"m2", "m3"}, taken
    assert {name: row["state"] for name, row in cluster.members().items() if name != "m1"} == {
        "m2": "active",
        "m3": "active",
    }

# SPDX-License-Identifier: Apache-2.0
"""Two stock strongSwan peers behind one NAT, whose bindings change under traffic."""

import pytest

from lib import layout
from lib.strongswan import StrongSwan
from lib.wait import wait_for

NAT_ADDRESS = "192.0.2.50"
LAN = "198.51.100"
# A member follows a peer once a second at most; the rest is for a busy machine.
BACK_DEADLINE_S = 5


def masquerade(nat, ports):
    """Everything from the LAN comes from these ports from now on; what was bound is forgotten."""
    nat.run("nft", "flush", "ruleset")
    rules = (
        "add table ip nat; "
        "add chain ip nat out { type nat hook postrouting priority 100; }; "
        f"add rule ip nat out oifname eth0 ip protocol udp masquerade to :{ports}; "
        "add rule ip nat out oifname eth0 masquerade"
    )
    done = nat.run("nft", rules, check=False)
    if done.returncode != 0:
        pytest.skip(f"no NAT in this kernel: {done.stderr.strip()}")
    # Bindings of masquerade go with the address that they stand for.
    nat.ip("addr", "del", f"{NAT_ADDRESS}/24", "dev", "eth0")
    nat.ip("addr", "add", f"{NAT_ADDRESS}/24", "dev", "eth0")


def put_behind_nat(net, numbers):
    """The NAT's host, and hosts of these peers behind it."""
    net.add_bridge("lan")
    nat = net.add_host(
        "nat", {"eth0": ("wan", f"{NAT_ADDRESS}/24"), "eth1": ("lan", f"{LAN}.1/24")}, forward=True
    )
    for number in numbers:
        host = net.add_host(
            f"road{number}",
            {"eth0": ("lan", f"{LAN}.{100 + number}/24")},
            loopback=[f"{layout.inner_address(number)}/32"],
        )
        host.ip("route", "add", "default", "via", f"{LAN}.1")
    return nat


def start_peer(cluster, number):
    identity = layout.peer_identity(number)
    peer = StrongSwan(cluster.net.hosts[f"road{number}"])
    inner = f"{layout.inner_address(number)}/32"
    peer.connect_to(
        layout.DIRECTOR_ADDRESS, identity, cluster.psk(identity), inner, layout.PROTECTED
    )
    peer.start()
    peer.initiate()
    return peer


def port_of(cluster, number):
    """Where the member believes the peer is."""
    address, _, port = cluster.peers()[layout.peer_identity(number)]["address"].rpartition(":")
    assert address == NAT_ADDRESS
    return int(port)


def pings(cluster, number):
    road = cluster.net.hosts[f"road{number}"]
    return road.ping(layout.WEB_ADDRESS, layout.inner_address(number), count=1, wait_s=1)


def test_bindings_change_under_traffic(make_cluster):
    cluster = make_cluster(peers=2)
    net = cluster.net
    nat = put_behind_nat(net, (1, 2))
    masquerade(nat, "20000-20999")
    peers = {number: start_peer(cluster, number) for number in (1, 2)}
    ports = {}
    for number in peers:
        assert pings(cluster, number) == 1
        wait_for(
            lambda n=number: layout.peer_identity(n) in cluster.peers(), 5, cluster.describe
        )
        ports[number] = port_of(cluster, number)
        assert 20000 <= ports[number] <= 20999
    assert ports[1] != ports[2]

    masquerade(nat, "30000-30999")
    for number in peers:
        wait_for(lambda n=number: pings(cluster, n) == 1, BACK_DEADLINE_S, cluster.describe)
        wait_for(
            lambda n=number: 30000 <= port_of(cluster, n) <= 30999, 5, cluster.describe
        )
        # From inside too, and the IKE SA lives where the packets are.
        assert net.hosts["web"].ping(layout.inner_address(number), count=3) == 3
    for peer in peers.values():
        peer.swanctl("--rekey", "--ike", "gw")
        wait_for(lambda p=peer: len(p.list_sas()) == 1, 10, peer.process.describe)
        assert len(peer.established()) == 1

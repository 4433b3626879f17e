# SPDX-License-Identifier: Apache-2.0
"""Stock strongSwan peers behind NATs, and a member behind one: bindings change, both ways go on."""

import re

import pytest

from lib import layout
from lib.strongswan import StrongSwan
from lib.wait import Stopwatch, wait_for

NAT_ADDRESS = "192.0.2.50"
LAN = "198.51.100"
# A member follows a peer once a second at most; the rest is for a busy machine.
BACK_DEADLINE_S = 5
FIRST_PORTS, LATER_PORTS = range(20000, 21000), range(30000, 31000)


def masquerade(nat, ports=None):
    """What goes out by eth0 comes from these ports from now on; what was bound is forgotten."""
    nat.run("nft", "flush", "ruleset")
    to = f"to :{ports[0]}-{ports[-1]}" if ports else ""
    rules = (
        "add table ip nat; "
        "add chain ip nat out { type nat hook postrouting priority 100; }; "
        f"add rule ip nat out oifname eth0 ip protocol udp masquerade {to}; "
        "add rule ip nat out oifname eth0 masquerade"
    )
    done = nat.run("nft", rules, check=False)
    if done.returncode != 0:
        pytest.skip(f"no NAT in this kernel: {done.stderr.strip()}")
    # Bindings of masquerade go with the address that they stand for, and so do routes.
    [address] = [text for text in nat.addresses("eth0") if ":" not in text]
    routes = [route for route in nat.ip_json("route", "show") if "gateway" in route]
    nat.ip("addr", "del", address, "dev", "eth0")
    nat.ip("addr", "add", address, "dev", "eth0")
    for route in routes:
        nat.ip("route", "replace", route["dst"], "via", route["gateway"])


def add_road(net, number, bridge, address, gateway):
    """The host of a peer that is on its way."""
    host = net.add_host(
        f"road{number}",
        {"eth0": (bridge, f"{address}/24")},
        loopback=[f"{layout.inner_address(number)}/32"],
    )
    host.ip("route", "add", "default", "via", gateway)


def put_behind_nat(net, numbers):
    """The NAT's host, and hosts of these peers behind it."""
    net.add_bridge("lan")
    nat = net.add_host(
        "nat", {"eth0": ("wan", f"{NAT_ADDRESS}/24"), "eth1": ("lan", f"{LAN}.1/24")}, forward=True
    )
    for number in numbers:
        add_road(net, number, "lan", f"{LAN}.{100 + number}", f"{LAN}.1")
    return nat


def start_peer(cluster, number, gateway=layout.DIRECTOR_ADDRESS, daemon_options=None, **options):
    identity = layout.peer_identity(number)
    peer = StrongSwan(cluster.net.hosts[f"road{number}"], daemon_options=daemon_options)
    inner = f"{layout.inner_address(number)}/32"
    peer.connect_to(gateway, identity, cluster.psk(identity), inner, layout.PROTECTED, **options)
    peer.start()
    peer.initiate()
    wait_for(lambda: identity in cluster.peers(), 5, cluster.describe)
    return peer


def port_of(cluster, number):
    """Where the member believes the peer is."""
    address, _, port = cluster.peers()[layout.peer_identity(number)]["address"].rpartition(":")
    assert address == NAT_ADDRESS
    return int(port)


def pings(cluster, number):
    road = cluster.net.hosts[f"road{number}"]
    return road.ping(layout.WEB_ADDRESS, layout.inner_address(number), count=1, wait_s=1)


def pings_from_inside(cluster, number, count=1):
    return cluster.net.hosts["web"].ping(layout.inner_address(number), count=count, wait_s=1)


def assert_both_ways(cluster, number):
    wait_for(lambda: pings(cluster, number) == 1, BACK_DEADLINE_S, cluster.describe)
    assert pings_from_inside(cluster, number, count=3) == 3


def test_bindings_change_under_traffic(make_cluster):
    cluster = make_cluster(peers=2)
    nat = put_behind_nat(cluster.net, (1, 2))
    masquerade(nat, FIRST_PORTS)
    peers = {number: start_peer(cluster, number) for number in (1, 2)}
    ports = {number: port_of(cluster, number) for number in peers}
    for number in peers:
        assert pings(cluster, number) == 1
        assert ports[number] in FIRST_PORTS
    assert ports[1] != ports[2]

    masquerade(nat, LATER_PORTS)
    for number in peers:
        wait_for(lambda n=number: pings(cluster, n) == 1, BACK_DEADLINE_S, cluster.describe)
        wait_for(lambda n=number: port_of(cluster, n) in LATER_PORTS, 5, cluster.describe)
        # From inside too, and the IKE SA lives where the packets are.
        assert pings_from_inside(cluster, number, count=3) == 3
    for peer in peers.values():
        peer.swanctl("--rekey", "--ike", "gw")
        wait_for(lambda p=peer: len(p.list_sas()) == 1, 10, peer.process.describe)
        assert len(peer.established()) == 1


KEEPALIVE_S, DPD_S = 1, 6


def test_binding_changes_while_only_the_inside_sends(make_cluster):
    """The peer is silent but for keepalives, which prove nothing: they move nothing (RFC 7296,
    2.23). The first that is authentic, the peer's own dead peer detection here, brings it back."""
    cluster = make_cluster(peers=1)
    nat = put_behind_nat(cluster.net, [1])
    masquerade(nat, FIRST_PORTS)
    peer = start_peer(
        cluster,
        1,
        daemon_options={"keep_alive": KEEPALIVE_S},
        ike_options={"dpd_delay": f"{DPD_S}s"},
    )
    assert_both_ways(cluster, 1)
    first = port_of(cluster, 1)
    assert first in FIRST_PORTS
    member = layout.member_of_home(peer.sa().remote_host)
    later = f"udp src portrange {LATER_PORTS[0]}-{LATER_PORTS[-1]}"
    with cluster.net.hosts[member].capture("eth0", "later", later) as capture:
        masquerade(nat, LATER_PORTS)
        since = Stopwatch()
        # The new binding is there, by a keepalive: nine octets of UDP.
        capture.wait_packets(lambda packet: True, deadline_s=DPD_S, what="keepalives")
        if since() < DPD_S - 4:  # not on a machine that slow
            assert pings_from_inside(cluster, 1) == 0
            assert port_of(cluster, 1) == first
        wait_for(lambda: pings_from_inside(cluster, 1), DPD_S + BACK_DEADLINE_S, cluster.describe)
    wait_for(lambda: port_of(cluster, 1) in LATER_PORTS, 5, cluster.describe)
    assert len(peer.established()) == 1 and "keep alive" in peer.log()


def test_same_private_address_behind_one_nat(make_cluster):
    """Two homes with the same addresses behind a carrier's NAT: what is whose is told by ports and
    SPIs alone."""
    cluster = make_cluster(peers=2)
    net = cluster.net
    net.add_bridge("carrier")
    links = {"eth0": ("wan", f"{NAT_ADDRESS}/24"), "eth1": ("carrier", "100.64.0.1/24")}
    masquerade(net.add_host("nat", links, forward=True), FIRST_PORTS)
    for number in (1, 2):
        net.add_bridge(f"lan{number}")
        links = {
            "eth0": ("carrier", f"100.64.0.{10 + number}/24"),
            "eth1": (f"lan{number}", f"{LAN}.1/24"),
        }
        home = net.add_host(f"home{number}", links, forward=True)
        home.ip("route", "add", "default", "via", "100.64.0.1")
        masquerade(home)
        add_road(net, number, f"lan{number}", f"{LAN}.100", f"{LAN}.1")
    peers = {number: start_peer(cluster, number) for number in (1, 2)}
    assert port_of(cluster, 1) != port_of(cluster, 2)

    def child(number):
        return next(c for c in peers[number].sa().children if c.state == "INSTALLED")

    for _ in range(2):
        before = {number: child(number) for number in peers}
        for number in peers:
            assert_both_ways(cluster, number)
        # Echoes and their answers, of its own pings and of those from inside: 4 each way.
        for number in peers:
            now = child(number)
            assert now.packets_in == before[number].packets_in + 4, (before, now)
            assert now.packets_out == before[number].packets_out + 4, (before, now)
            peers[number].swanctl("--rekey", "--child", "net")
            wait_for(
                lambda n=number, old=now.spi_in: child(n).spi_in != old,
                10,
                peers[number].process.describe,
            )


PRIVATE = "10.9.0"
PUBLIC = layout.home_address("m1")


def unmanaged(text):
    """m1's home address is claim: none there, and nobody adopts it."""
    line = rf"^ +- \{{address: {PUBLIC}, .*\n"
    home = f"home:\n  - {{address: {PUBLIC}, claim: none}}\n"
    text = re.sub(rf"^home:\n{line[1:]}", home, text, flags=re.MULTILINE)
    return re.sub(rf"^ +- \{{address: {PUBLIC}, link.*\n", "", text, flags=re.MULTILINE)


def put_member_behind_nat(net):
    """m1's service address is that of a NAT, which forwards IKE and ESP to a private address of
    m1; there it becomes the service address again (docs/addresses.md)."""
    net.add_bridge("site")
    links = {"eth0": ("wan", f"{PUBLIC}/24"), "eth1": ("site", f"{PRIVATE}.1/24")}
    front = net.add_host("front", links, forward=True)
    member, site = net.hosts["m1"], net.bridges["site"]
    peer = ["peer", "name", "m1", "netns", site.netns]
    member.ip("link", "add", "name", "eth2", "type", "veth", *peer)
    site.ip("link", "set", "dev", "m1", "master", "br0", "up")
    member.ip("addr", "add", f"{PRIVATE}.11/24", "dev", "eth2")
    member.ip("link", "set", "dev", "eth2", "up")
    member.ip("addr", "add", f"{PUBLIC}/32", "dev", "lo")
    member.ip("route", "add", f"{NAT_ADDRESS}/32", "via", f"{PRIVATE}.1")
    for host, here, there in ((front, PUBLIC, f"{PRIVATE}.11"), (member, f"{PRIVATE}.11", PUBLIC)):
        rules = (
            "add table ip forward; "
            "add chain ip forward in { type nat hook prerouting priority -100; }; "
            f"add rule ip forward in ip daddr {here} udp dport {{ 500, 4500 }} dnat to {there}"
        )
        done = host.run("nft", rules, check=False)
        if done.returncode != 0:
            pytest.skip(f"no NAT in this kernel: {done.stderr.strip()}")


def test_both_behind_nat(make_cluster):
    """A member behind a port forward, a peer behind masquerade: no one else is between them."""
    cluster = make_cluster(peers=1, start=False)
    for member in layout.MEMBERS:
        cluster.edit(member, unmanaged)
    put_member_behind_nat(cluster.net)
    nat = put_behind_nat(cluster.net, [1])
    masquerade(nat, FIRST_PORTS)
    cluster.start()
    with cluster.net.hosts["m1"].capture("eth2", "site", "udp") as capture:
        peer = start_peer(cluster, 1, gateway=PUBLIC)
        assert peer.sa().remote_host == PUBLIC and not peer.redirects()
        assert_both_ways(cluster, 1)
        capture.wait_packets(lambda packet: True, count=8)
    for what in (["--child", "net"], ["--ike", "gw"]):
        peer.swanctl("--rekey", *what)
        wait_for(lambda: len(peer.list_sas()) == 1, 10, peer.process.describe)
        assert_both_ways(cluster, 1)
    masquerade(nat, LATER_PORTS)
    assert_both_ways(cluster, 1)
    wait_for(lambda: port_of(cluster, 1) in LATER_PORTS, 5, cluster.describe)

# SPDX-License-Identifier: Apache-2.0
"""An attacker on the link announces addresses: nobody gives one up for that."""

from lib import failover, forge, layout
from lib.addrwatch import now_us
from lib.wait import wait_for

ADDRESS = layout.home_address("m1")
DEADLINE_S = 10
ROUNDS = 20


def members_addresses():
    return [f"192.0.2.{10 + layout.member_number(name)}" for name in layout.MEMBERS]


def assert_unmoved(cluster, watching, since_us, epoch):
    assert cluster.holders(ADDRESS) == ["m1"]
    row = cluster.address(ADDRESS)
    assert row["owner"] == "m1" and row["epoch"] == epoch and row["state"] == "owned", row
    assert not watching.answers(ADDRESS, since_us, besides="m1")
    assert {row["state"] for row in cluster.members().values()} == {"active"}


def test_forged_gratuitous_arp(make_cluster):
    """It is answered by an announcement, told loudly, and moves nothing."""
    cluster = make_cluster(peers=1, edits={"director": failover.failover()})
    watching = failover.watch(cluster)
    attacker = cluster.net.hosts["p1"]
    epoch = cluster.address(ADDRESS)["epoch"]
    start = now_us()
    for _ in range(ROUNDS):
        sent = now_us()
        forge.gratuitous_arp(attacker, ADDRESS)
        wait_for(
            lambda: watching.events(sent, what="announced", address=ADDRESS, who="p1"),
            DEADLINE_S,
            "the forged one at the router",
        )
    wait_for(
        lambda: watching.events(start, what="announced", address=ADDRESS, who="m1"),
        DEADLINE_S,
        "m1's defence",
    )
    # The router's table is m1's again.
    sent = now_us()
    wait_for(
        lambda: cluster.net.hosts["gw"].ip_json("neigh", "show", "to", ADDRESS)[0].get("lladdr")
        == cluster.net.hosts["m1"].macs["eth0"],
        DEADLINE_S,
        "the router's ARP table",
    )
    watching.wait_answerer(ADDRESS, "m1")
    mac = attacker.macs["eth0"]
    wait_for(
        lambda: any(mac in why for _, why in cluster.events("m1", ADDRESS)),
        DEADLINE_S,
        lambda: f"an alarm with {mac}: {cluster.events()}",
    )
    assert_unmoved(cluster, watching, start, epoch)
    assert len(cluster.events("m1", ADDRESS)) < ROUNDS + 10, "an alarm for each frame"


def test_forged_and_repeated_claim_notices(make_cluster):
    cluster = make_cluster(peers=1, edits={"director": failover.failover()})
    hosts = cluster.net.hosts
    watching = failover.watch(cluster)
    attacker = hosts["p1"]
    start = now_us()

    # A genuine notice of m2's for m1's address is kept by the attacker, who hears the group.
    with attacker.capture("eth0", packet_filter="udp port 7401") as capture:
        cluster.adm("address", "move", ADDRESS, "m2")
        (old, *_) = capture.wait_packets(
            lambda packet: forge.is_notice(packet, ADDRESS) and packet.src == "192.0.2.12",
            deadline_s=DEADLINE_S,
            what="claim notices of m2",
        )
    cluster.adm("address", "move", ADDRESS, "m1")
    cluster.wait_address(ADDRESS, owner="m1", state="owned")
    cluster.wait_holders(ADDRESS, ["m1"])
    epoch = cluster.address(ADDRESS)["epoch"]
    assert forge.notice_epoch(old) < epoch
    watching.wait_answerer(ADDRESS, "m1")

    start = now_us()
    for number in range(ROUNDS):
        higher = forge.claim_notice(2, ADDRESS, epoch + 1 + number)
        for datagram in (higher, old.payload, b"", higher[:40], higher + b"\0", bytes(72)):
            forge.send_notice(attacker, datagram, members_addresses())
    wait_for(
        lambda: len(watching.events(start, what="notice", address=ADDRESS, who="p1")) >= ROUNDS,
        DEADLINE_S,
        "the forged ones at the router",
    )
    # m1 announces itself again: it has not given way.
    last = now_us()
    wait_for(
        lambda: watching.events(last, what="notice", address=ADDRESS, who="m1", epoch=epoch),
        DEADLINE_S,
        "m1's own notice afterwards",
    )
    assert_unmoved(cluster, watching, start, epoch)

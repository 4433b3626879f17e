# SPDX-License-Identifier: Apache-2.0
"""Tickets of one member used at another (RFC 5723): on the wire, after failures, after revocations."""

import os
import socket
import struct

import pytest

from lib import failover, layout, netns
from lib.capture import Capture
from lib.ikepeer import UP_DEADLINE_S, start_peer
from lib.wait import wait_for
from lib.yamltext import set_block

PINGS = 5
DEADLINE_S = 15
# A request is given up after 63 s; with the dead member's address claimed a token comes at once.
LOST_DEADLINE_S = 20
IKE_SA_INIT, IKE_AUTH, INFORMATIONAL, IKE_SESSION_RESUME = 34, 35, 37, 38
NONCE, NOTIFY = 40, 41
DPD = ("--dpd", "1")


def payload_types(message):
    """Of an IKE message in clear, in order."""
    types, kind, at = [], message[16], 28
    while kind != 0 and at + 4 <= len(message):
        types.append(kind)
        kind, length = message[at], struct.unpack_from(">H", message, at + 2)[0]
        at += max(length, 4)
    return types


def ike_messages(capture, exchange):
    return [m for p in capture.packets() if (m := p.ike()) and len(m) > 28 and m[18] == exchange]


def start_one(make_cluster, number=1, edits=None, args=DPD, **cluster_args):
    """A cluster with failover, and a peer with a ticket: (cluster, ikepeer, its member)."""
    edits = {"director": failover.failover(), **(edits or {})}
    cluster = make_cluster(peers=number, edits=edits, **cluster_args)
    peer = start_peer(cluster.net, 1, cluster.psk(layout.peer_identity(1)), *args)
    member = serving(peer)
    peer.wait_event("ticket")
    return cluster, peer, member


def serving(peer, count=1):
    up = peer.wait_event("established", count, UP_DEADLINE_S)
    return layout.member_of_home(up["gateway"].rpartition(":")[0])


def assert_pings(cluster):
    inner = layout.inner_address(1)
    web, host = cluster.net.hosts["web"], cluster.net.hosts["p1"]
    wait_for(lambda: web.ping(inner, count=1) == 1, DEADLINE_S, "the way back follows the peer")
    assert web.ping(inner, count=PINGS) == PINGS
    assert host.ping(layout.WEB_ADDRESS, source=inner, count=PINGS) == PINGS


def refusals(cluster):
    """{counter: total} of tickets that members have refused, by reason."""
    total = {}
    for row in cluster.members().values():
        for name, value in row["errors"].items():
            if name.startswith("ticket-"):
                total[name] = total.get(name, 0) + value
    return total


# ---- the main job ----------------------------------------------------------------


@pytest.mark.parametrize("form", ["rfc", "short"])
def test_any_member_resumes(make_cluster, form):
    """Set up at A, A gone, the ticket used at B: no key exchange, and traffic both ways."""
    cluster, peer, first = start_one(make_cluster, args=(*DPD, "--auth-form", form))
    selectors = [peer.events("child-up")[0][side] for side in ("local", "remote")]
    assert_pings(cluster)
    path = cluster.net.hosts["p1"].folder / "resume.pcap"
    with Capture(cluster.net.hosts["p1"], "eth0", path, "udp") as capture:
        cluster.cut_power(first)
        peer.wait_event("lost", deadline_s=LOST_DEADLINE_S)
        second = serving(peer, 2)
        assert_pings(cluster)
    up = peer.events("established")[1]
    assert second not in (None, first) and up["how"] == "resumed"
    assert up["identity"] == layout.GATEWAY_ID
    child = peer.events("child-up")[1]
    assert [child["local"], child["remote"]] == selectors

    assert ike_messages(capture, IKE_SA_INIT) == []
    asked = ike_messages(capture, IKE_SESSION_RESUME)
    assert asked
    for message in asked:
        assert set(payload_types(message)) <= {NONCE, NOTIFY}
    assert peer.wait_event("ticket", 2)["lifetime_s"] > 0
    identity = layout.peer_identity(1)

    def is_listed():
        row = cluster.peers().get(identity)
        return row and (row["how"], row["member"]) == ("resumed", second)

    wait_for(is_listed, DEADLINE_S, lambda: f"{identity}, resumed at {second}: {cluster.peers()}")
    # One SA of it, wherever one looks.
    assert [sa["remote"]["identity"] for sa in cluster.sas()] == [identity]


def test_moved_while_the_old_one_lives(make_cluster):
    """It comes back elsewhere with its ticket; the member that had it drops the SA (superseded)."""
    pin = lambda member: lambda text: set_block(  # noqa: E731
        text, "pins", f"pins:\n  - {{prefix: 192.0.2.0/24, member: {member}}}\n"
    )
    edits = {"director": failover.both(failover.failover(), pin("m1"))}
    cluster = make_cluster(peers=1, edits=edits)
    file = cluster.net.hosts["p1"].folder / "ticket"
    psk = cluster.psk(layout.peer_identity(1))
    peer = start_peer(cluster.net, 1, psk, "--ticket-file", file)
    assert serving(peer) == "m1"
    peer.wait_event("ticket")
    wait_for(lambda: file.stat().st_size, DEADLINE_S, "a ticket in the file")
    peer.process.kill()
    cluster.director.stop()
    cluster.edit("director", lambda text: text.replace("member: m1}", "member: m2}"))
    cluster.start_director()
    cluster.wait_active()
    peer.start()
    assert serving(peer, 2) == "m2"
    assert peer.events("established")[1]["how"] == "resumed"

    def is_only_one():
        return [(sa["member"], sa["state"]) for sa in cluster.sas()] == [("m2", "established")]

    wait_for(is_only_one, DEADLINE_S, lambda: f"one SA, at m2: {cluster.sas()}")
    assert "the peer is at another member" in cluster.agents["m1"].process.log()
    assert_pings(cluster)


def test_rotations_lose_no_ticket(make_cluster):
    """Two of them, and the ticket from before is good; then new ones are under the new key."""
    cluster, peer, first = start_one(make_cluster)

    def issuing():
        keys = cluster.adm_json("keys")["keys"]
        return [k["id"] for k in keys if k["use"] == "ticket" and k["state"] == "issuing"]

    for _ in range(2):
        before = issuing()
        cluster.adm("keys", "rotate")
        wait_for(lambda old=before: issuing() not in ([], old), DEADLINE_S, "a new key issues")
    cluster.cut_power(first)
    peer.wait_event("lost", deadline_s=LOST_DEADLINE_S)
    serving(peer, 2)
    assert peer.events("established")[1]["how"] == "resumed"
    assert refusals(cluster) == {}


# ---- taken back ------------------------------------------------------------------


@pytest.mark.parametrize(
    "command, counter",
    [
        (["keys", "rotate", "--revoke"], "ticket-unknown-key"),
        (["tickets", "revoke", "--identity", layout.peer_identity(1)], "ticket-revoked"),
        (["tickets", "revoke", "--all"], "ticket-revoked"),
    ],
    ids=["keys", "identity", "all"],
)
def test_revoked(make_cluster, command, counter):
    """What was issued is dead at once, everywhere; the peer comes back by a full handshake."""
    cluster, peer, first = start_one(make_cluster)
    cluster.adm(*command)
    cluster.cut_power(first)
    peer.wait_event("lost", deadline_s=LOST_DEADLINE_S)
    second = serving(peer, 2)
    assert second not in (None, first)
    assert peer.events("established")[1]["how"] == "full"
    assert_pings(cluster)
    wait_for(
        lambda: refusals(cluster).get(counter), DEADLINE_S, lambda: f"{counter}: {refusals(cluster)}"
    )
    assert peer.wait_event("ticket", 2)["lifetime_s"] > 0


# ---- quick crash detection -------------------------------------------------------


def ask_forged(cluster, member, spi_i, spi_r):
    """A request for that IKE SA by somebody else, to that member; what it says, or None."""
    marker = bytes(4)
    header = struct.pack(">QQBBBBI", spi_i, spi_r, 46, 0x20, INFORMATIONAL, 8, 7)
    body = struct.pack(">BBH", 0, 0, 36) + os.urandom(32)
    message = header + struct.pack(">I", 28 + len(body)) + body
    with netns.open_socket(cluster.net.hosts["p2"].netns, socket.SOCK_DGRAM) as sock:
        sock.settimeout(1)
        sock.sendto(marker + message, (layout.home_address(member), 4500))
        try:
            return sock.recv(2048)[len(marker) :]
        except TimeoutError:
            return None


def test_tokens(make_cluster):
    """Nobody gets the token of a living SA; when its member is dead its peer does, at a survivor."""
    edits = {"director": failover.failover(failback="manual")}
    cluster, peer, first = start_one(make_cluster, number=2, edits=edits)
    up = peer.events("established")[0]
    spi_i, spi_r = int(up["spi"], 16), int(up["peer_spi"], 16)
    for member in layout.MEMBERS:
        assert ask_forged(cluster, member, spi_i, spi_r) is None
    assert_pings(cluster)

    # Its member is dead, and another one answers for the address: now anyone may know.
    cluster.cut_power(first)
    lost = peer.wait_event("lost", deadline_s=LOST_DEADLINE_S)
    assert lost["reason"] == "the peer has lost the SA"
    second = serving(peer, 2)
    answer = ask_forged(cluster, first, spi_i, spi_r)
    assert answer and payload_types(answer)[0] == NOTIFY
    assert ask_forged(cluster, second, spi_i, spi_r) is None, "not at an address of its own"

    # It is back, without its address: what begins with its number may be alive again.
    cluster.restore_power(first)
    cluster.wait_back(first)
    assert cluster.address(layout.home_address(first))["owner"] != first
    wait_for(
        lambda: ask_forged(cluster, first, spi_i, spi_r) is None, DEADLINE_S, "silence about it"
    )


def test_token_after_restart(make_cluster):
    """A member that lost its SAs says so itself; nobody else is there to take its address."""
    edits = {"members": failover.adopting()}
    cluster, peer, member = start_one(make_cluster, number=2, edits=edits)
    up = peer.events("established")[0]
    cluster.kill_main(member)
    cluster.restart_agent(member)
    lost = peer.wait_event("lost", deadline_s=LOST_DEADLINE_S)
    assert lost["reason"] == "the peer has lost the SA"
    assert serving(peer, 2) == member
    assert peer.events("established")[1]["how"] == "resumed"
    assert_pings(cluster)
    answer = ask_forged(cluster, member, int(up["spi"], 16), int(up["peer_spi"], 16))
    assert answer and payload_types(answer)[0] == NOTIFY

# SPDX-License-Identifier: Apache-2.0
"""SAs with a stock strongSwan live on: rekeyed by either end, or both at once, without a lost packet.

WAYPOST_REKEYS is how often each kind is rekeyed from either side (default 100).
"""

import os
import re

import pytest

from lib import layout
from lib.pinger import Pinger
from lib.strongswan import StrongSwan
from lib.wait import wait_for
from lib.yamltext import set_value

REKEYS = int(os.environ.get("WAYPOST_REKEYS", "100"))
PING_INTERVAL_S = 0.003
STEP_DEADLINE_S = 20
# Deleted ones receive for three seconds more; old IKE SAs answer for ten.
QUIET_DEADLINE_S = 30
# So many peers at once, since members count in seconds.
PEERS = 20
# What the agent logs.
BY_US = r"Child SA \S+ asked for by us, in place of another"
BY_PEER = r"Child SA \S+ asked for by the peer, in place of another"
CHILD, IKE = {"child": "net"}, {"ike": "gw"}  # what the peer is told to rekey
INHERITED = r"heir -> established: inherits"
# A peer that says it again twice a second, for as long as it takes.
REPEATS = {"retransmit_timeout": 0.5, "retransmit_base": 1.0, "retransmit_tries": 120}


def start_one(make_cluster, member_edit=None, **options):
    """A cluster whose peer p1 is up at a member: (cluster, strongSwan, that member's agent)."""
    cluster = make_cluster(peers=1, edits={"members": member_edit} if member_edit else None)
    identity = layout.peer_identity(1)
    peer = layout.start_peer(cluster.net, 1, cluster.psk(identity), **options)
    sa = peer.initiate()
    member = layout.member_of_home(sa.remote_host)
    return cluster, peer, cluster.agents[member]


def set_option(text, key, value, before):
    """Set it where the example has it, or put it in front of that other line."""
    if re.search(rf"^ +{key}:", text, re.MULTILINE):
        return set_value(text, key, value)
    return re.sub(rf"^( +)({before}:)", rf"\g<1>{key}: {value}\n\1\2", text, flags=re.MULTILINE)


def rekey_times(ike_s, child_s):
    def change(text):
        text = set_option(text, "rekey-ike-s", ike_s, "dpd-s")
        return set_option(text, "rekey-child-s", child_s, "inside")

    return change


def esp_proposals(suite):
    def change(text):
        text = re.sub(r"^ +esp-proposals: \[[^]]*\]\n", "", text, flags=re.MULTILINE)
        return set_option(text, "esp-proposals", f"[{suite}]", "inside")

    return change


def ping(cluster, number=1, interval_s=PING_INTERVAL_S):
    host = cluster.net.hosts[f"p{number}"]
    return Pinger(host, layout.WEB_ADDRESS, layout.inner_address(number), interval_s)


def assert_passes(cluster):
    """From inside too, and it gives the old SAs a moment to go."""
    assert cluster.net.hosts["web"].ping(layout.inner_address(1), count=3, interval_s=0.02) == 3


def count_log(program, pattern):
    """program: an agent or a peer."""
    return len(re.findall(pattern, program.process.log()))


def member_name(cluster, agent):
    return next(name for name, other in cluster.agents.items() if other is agent)


def assert_as_before(cluster, peer, agent):
    """One IKE SA and one Child SA at either end, as at the start.

    strongSwan keeps a rekeyed Child SA that is deleted on the wire for five seconds (DELETED), and
    one in a few hundred for ever, if the IKE SA was rekeyed meanwhile: those do not count.
    """

    def is_so():
        sas = peer.list_sas()
        return (
            len(sas) == 1
            and sas[0].state == "ESTABLISHED"
            and [c.state for c in sas[0].children if c.state != "DELETED"] == ["INSTALLED"]
            and cluster.members()[member_name(cluster, agent)]["sas"] == 1
        )

    wait_for(is_so, QUIET_DEADLINE_S, lambda: f"{peer.list_sas()}\n{cluster.describe()}")


def assert_nothing_lost(pinger, at_least):
    answered, lost = pinger.finish()
    assert answered > at_least and lost == 0, f"{lost} lost, {answered} answered"


def rekey_from_peer(peer, agent, what, pattern):
    """Until the agent has the new SA and the peer has no old one: then the next can begin."""
    is_gone = "IKE_SA deleted" if "ike" in what else "CHILD_SA closed"
    before = count_log(agent, pattern), count_log(peer, is_gone)
    peer.rekey(**what)
    wait_for(
        lambda: count_log(agent, pattern) > before[0] and count_log(peer, is_gone) > before[1],
        STEP_DEADLINE_S,
        lambda: f"{agent.process.describe()}\n{peer.process.describe()}",
    )


@pytest.mark.parametrize(
    "esp, times",
    [("aes256gcm16", REKEYS), ("aes256gcm16-x25519", REKEYS // 5)],
    ids=["without-ke", "with-ke"],
)
def test_peer_rekeys(make_cluster, esp, times):
    """swanctl --rekey, Child SA and IKE SA in turn, under a running ping."""
    cluster, peer, agent = start_one(
        make_cluster,
        esp_proposals(esp),
        child_options={"esp_proposals": esp},
    )
    pinger = ping(cluster, interval_s=0.001)
    for number in range(times):
        rekey_from_peer(peer, agent, CHILD, BY_PEER)
        rekey_from_peer(peer, agent, IKE, INHERITED)
        if number % 10 == 0:
            assert_passes(cluster)
    assert_passes(cluster)
    assert_nothing_lost(pinger, 5 * times)
    assert_as_before(cluster, peer, agent)


def test_member_rekeys(make_cluster):
    """The members' times are short: they rekey both kinds by themselves, many peers at once."""
    cluster = make_cluster(peers=PEERS, edits={"members": rekey_times(6, 4)})
    numbers = range(1, PEERS + 1)
    peers = [
        layout.start_peer(cluster.net, n, cluster.psk(layout.peer_identity(n))) for n in numbers
    ]
    for peer in peers:
        peer.start_initiating()
    members = [
        cluster.agents[layout.member_of_home(peer.wait_up().remote_host)] for peer in peers
    ]
    for number in numbers:
        address = layout.inner_address(number)
        wait_for(lambda a=address: cluster.net.hosts["web"].ping(a, count=1) == 1, 10, str)
    pingers = [ping(cluster, n, 0.1) for n in numbers]

    def count(pattern):
        return sum(count_log(agent, pattern) for agent in cluster.agents.values())

    before = count(BY_US), count(INHERITED)
    wait_for(
        lambda: count(BY_US) >= before[0] + REKEYS and count(INHERITED) >= before[1] + REKEYS,
        REKEYS,
        cluster.describe,
    )
    for pinger in pingers:
        assert_nothing_lost(pinger, 100)
    for peer, agent in zip(peers, members):
        assert peer.redirects() == [layout.home_address(member_name(cluster, agent))]
        wait_for(lambda p=peer: len(p.established()) == 1, QUIET_DEADLINE_S, peer.process.describe)


class Crossing:
    """IKE on 4500 between a peer and its member crosses; ESP passes.

    Neither hears what the other asks until both have asked: what the peer says is dropped until the
    member's question has reached the peer's host, and all that the member says. That is done in the
    packet filter, so that nothing depends on who is faster.
    """

    # After the UDP header and the non-ESP marker; bit 0x20 of the flags is set in responses.
    IKE = "@th,64,32 0"
    RESPONSE = "@th,248,8 & 0x20 == 0x20"
    REQUEST = "@th,248,8 & 0x20 == 0"

    def __init__(self, host):
        self.host = host
        self._nft(
            "add table ip crossing",
            "add set ip crossing asked { type ipv4_addr; flags dynamic; }",
            "add chain ip crossing in { type filter hook input priority 0; }",
            "add chain ip crossing out { type filter hook output priority 0; }",
            f"add rule ip crossing in udp sport 4500 {self.IKE} {self.REQUEST} "
            "add @asked { ip saddr }",
            f"add rule ip crossing in udp sport 4500 {self.IKE} drop",
            f"add rule ip crossing out udp dport 4500 {self.IKE} ip daddr != @asked drop",
        )

    def _nft(self, *commands):
        self.host.run("nft", "; ".join(commands))

    def pass_questions(self):
        """The peer hears what the member asks, but not what it answers."""
        self._nft(
            "flush chain ip crossing in",
            f"add rule ip crossing in udp sport 4500 {self.IKE} {self.RESPONSE} drop",
        )

    def end(self):
        self._nft("delete table ip crossing")


# Of either kind: the members' times, what the peer is told to do, what it calls a collision, and
# what the agent says when it has heard the peer: of an IKE SA once each for its own and the peer's.
COLLISIONS = {
    "child": ((0, 20), CHILD, "CHILD_REKEY", BY_PEER, 1),
    "ike": ((20, 0), IKE, "IKE_REKEY", r"-> heir: rekeying", 2),
}


@pytest.mark.parametrize("kind", COLLISIONS)
def test_forced_collisions(make_cluster, kind):
    """Both ends have asked to rekey the same SA before they hear of each other.

    The peer asks, again and again, and is not heard until the member asks by itself. Then the
    member hears the peer's question, and only then the peer the member's: both before any answer.
    """
    times, what, name, heard, count = COLLISIONS[kind]
    cluster, peer, agent = start_one(make_cluster, rekey_times(*times), daemon_options=REPEATS)
    pinger = ping(cluster, interval_s=0.01)
    crossing = Crossing(peer.host)
    peer.rekey(**what)
    wait_for(lambda: count_log(agent, heard) >= count, 30, agent.process.describe)
    crossing.pass_questions()
    assert peer.wait_log(rf"detected {name} collision with {name}")
    crossing.end()
    assert_passes(cluster)
    assert_nothing_lost(pinger, 1000)
    assert_as_before(cluster, peer, agent)


def test_both_rekey(make_cluster):
    """Both ends as often as they can: whatever collides, no packet is lost."""
    cluster, peer, agent = start_one(make_cluster, rekey_times(5, 2))
    pinger = ping(cluster)
    for _ in range(30):
        peer.swanctl("--rekey", "--child", "net", check=False)
        peer.swanctl("--rekey", "--ike", "gw", check=False)
        assert_passes(cluster)
    assert_nothing_lost(pinger, 100)
    wait_for(
        lambda: len(peer.established()) == 1 and len(peer.list_sas()) == 1,
        QUIET_DEADLINE_S,
        lambda: f"{peer.list_sas()}\n{cluster.describe()}",
    )


def test_fragments(make_cluster):
    """RFC 7383: the peer sends IKE_AUTH and rekeys in pieces of 300 octets."""

    def small(text):
        return set_option(text, "fragment-size", 576, "dpd-s")

    cluster = make_cluster(peers=1, edits={"members": small})
    identity = layout.peer_identity(1)
    # strongSwan offers each group in a proposal of its own: long enough.
    suites = [f"aes{bits}gcm16" for bits in (256, 192, 128)]
    groups = ["x25519", "ecp256", "ecp384", "ecp521", "modp2048", "modp3072", "modp4096"]
    offer = [f"{suite}-{group}" for group in groups for suite in suites]
    peer = StrongSwan(cluster.net.hosts["p1"], daemon_options={"fragment_size": "300"})
    peer.connect_to(
        layout.DIRECTOR_ADDRESS,
        identity,
        cluster.psk(identity),
        f"{layout.inner_address(1)}/32",
        layout.PROTECTED,
        ike_options={"fragmentation": "force"},
        child_options={"esp_proposals": ",".join(["aes256gcm16", *offer])},
    )
    peer.start()
    member = layout.member_of_home(peer.initiate().remote_host)
    agent = cluster.agents[member]
    assert peer.wait_log(r"splitting IKE message .* into \d+ fragments")
    assert_passes(cluster)
    rekey_from_peer(peer, agent, CHILD, BY_PEER)
    rekey_from_peer(peer, agent, IKE, INHERITED)
    assert_passes(cluster)
    assert_as_before(cluster, peer, agent)

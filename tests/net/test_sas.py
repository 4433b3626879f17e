# SPDX-License-Identifier: Apache-2.0
"""What clusteradm shows of SAs is what a stock strongSwan at the other end says of them."""

import signal

from lib import layout
from lib.wait import wait_for

PINGS = 5
DEADLINE_S = 20
# Our names and strongSwan's.
ALGORITHMS = {
    "aes256gcm16": "AES_GCM_16/256",
    "aes128gcm16": "AES_GCM_16/128",
    "prfsha256": "PRF_HMAC_SHA2_256",
    "prfsha384": "PRF_HMAC_SHA2_384",
    "x25519": "CURVE_25519",
    "ecp256": "ECP_256",
}


def in_strongswans_words(suite):
    return "/".join(ALGORITHMS[part] for part in suite.split("-"))


def installed(children):
    return [child for child in children if child["state"] == "installed"]


def one_sa(cluster, *args):
    """The one IKE SA that is up, with one Child SA in use."""

    def find():
        up = [sa for sa in cluster.sas(*args) if sa["state"] == "established"]
        return up[0] if len(up) == 1 and len(installed(up[0]["children"])) == 1 else None

    return wait_for(find, DEADLINE_S, lambda: f"{cluster.sas(*args)}")


def start_one(make_cluster):
    cluster = make_cluster(peers=1)
    peer = layout.start_peer(cluster.net, 1, cluster.psk(layout.peer_identity(1)))
    peer.initiate()
    return cluster, peer


def assert_same(sa, theirs):
    """Ours and the peer's view of one IKE SA with one Child SA."""
    mine, other = ("initiator", "responder") if sa["initiator"] else ("responder", "initiator")
    assert sa["spi"] == getattr(theirs, f"{mine}_spi")
    assert sa["peer_spi"] == getattr(theirs, f"{other}_spi")
    assert sa["version"] == 2
    assert sa["local"]["address"] == f"{theirs.remote_host}:{theirs.remote_port}"
    assert sa["local"]["identity"] == theirs.remote_id == layout.GATEWAY_ID
    assert sa["remote"]["identity"] == layout.peer_identity(1)
    assert sa["remote"]["address"] == f"{theirs.local_host}:4500"
    assert in_strongswans_words(sa["algorithms"]) == theirs.algorithms
    [child] = installed(sa["children"])
    [their_child] = [c for c in theirs.children if c.state == "INSTALLED"]
    assert (child["spi_in"], child["spi_out"]) == (their_child.spi_out, their_child.spi_in)
    assert in_strongswans_words(child["algorithms"]) == their_child.algorithms
    assert child["local_ts"] == their_child.remote_ts == [layout.PROTECTED]
    assert child["remote_ts"] == their_child.local_ts == [f"{layout.inner_address(1)}/32"]
    assert child["udp_encapsulation"] and their_child.encapsulated
    assert child["mode"] == "tunnel"
    return child, their_child


def test_shows_what_the_peer_says(make_cluster):
    cluster, peer = start_one(make_cluster)
    inner = layout.inner_address(1)
    assert cluster.net.hosts["web"].ping(inner, count=PINGS) == PINGS
    sa, theirs = one_sa(cluster), peer.sa()
    child, their_child = assert_same(sa, theirs)
    assert child["in"]["packets"] == their_child.packets_out == PINGS
    assert child["out"]["packets"] == their_child.packets_in == PINGS
    assert child["in"]["octets"] == their_child.bytes_out
    assert child["in"]["used_ms"] > 0 and child["out"]["used_ms"] > 0
    assert sa["redirected_from"] == layout.DIRECTOR_ADDRESS
    assert sa["rekey_why"] is None and child["rekey_why"] is None
    assert sa["reauth_in_ms"] is None
    assert sa["remote"]["nat"] is True  # no NAT is there, but strongSwan asks for UDP

    member = layout.member_of_home(theirs.remote_host)
    assert sa["member"] == member
    for name in layout.MEMBERS:
        assert len(cluster.sas("--member", name)) == (1 if name == member else 0)
    assert len(cluster.sas("--peer", layout.peer_identity(1))) == 1
    assert cluster.sas("--peer", "nobody.example.net") == []
    text = cluster.adm("sas")
    for part in (sa["spi"], sa["peer_spi"], child["spi_in"], child["spi_out"], sa["algorithms"]):
        assert part in text, text


def rekey(cluster, peer, what, has_changed):
    peer.swanctl("--rekey", *what)
    wait_for(lambda: has_changed(one_sa(cluster)), DEADLINE_S, lambda: f"{cluster.sas()}")
    # The old one may be there for a moment yet, at either end.
    wait_for(lambda: len(peer.established()) == 1, DEADLINE_S, peer.process.describe)
    return one_sa(cluster)


def test_says_why_it_was_rekeyed(make_cluster):
    cluster, peer = start_one(make_cluster)
    first = one_sa(cluster)
    before = installed(first["children"])[0]["spi_in"]
    sa = rekey(
        cluster,
        peer,
        ["--child", "net"],
        lambda now: installed(now["children"])[0]["spi_in"] != before,
    )
    child, _ = assert_same(sa, peer.sa())
    assert child["rekey_why"] == "peer" and sa["rekey_why"] is None

    sa = rekey(cluster, peer, ["--ike", "gw"], lambda now: now["spi"] != first["spi"])
    assert_same(sa, peer.sa())
    assert sa["rekey_why"] == "peer" and sa["rekeys"] == 1 and sa["rekeyed_ms"] > 0
    assert "times, last" in cluster.adm("sas")


def ask(cluster, *args):
    return cluster.net.hosts["director"].run(*cluster.adm_argv(), "sas", *args, check=False)


def test_member_that_cannot_be_asked(make_cluster):
    cluster, peer = start_one(make_cluster)
    for args in (["--member", "nobody"], ["--peer", ""], ["--member", "m1", "more"]):
        result = ask(cluster, *args)
        assert result.returncode != 0 and result.stderr, args

    # One that hangs: said so in time, and the others can be asked meanwhile.
    serving = layout.member_of_home(peer.sa().remote_host)
    hung = next(name for name in layout.MEMBERS if name != serving)
    cluster.expect_dead.add(hung)
    cluster.agents[hung].signal(signal.SIGSTOP)
    result = ask(cluster, "--member", hung)
    assert result.returncode == 1 and "no answer came in time" in result.stderr, result
    assert len(cluster.sas("--member", serving)) == 1

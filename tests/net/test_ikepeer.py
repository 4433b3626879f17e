# SPDX-License-Identifier: Apache-2.0
"""ikepeer at a cluster and at a stock strongSwan: tunnels and probes, by their exit codes."""

import signal

import pytest

from lib import failover, layout
from lib.ikepeer import UP_DEADLINE_S, IkePeer, probe, program, start_peer, write_psk
from lib.strongswan import CHILD, StrongSwan
from lib.wait import wait_for
from lib.yamltext import set_block

PINGS = 5
DEADLINE_S = 10
LOST_DEADLINE_S = 90  # a request is repeated for 63 s
PSK = "a secret of two hosts"
DPD = ("--dpd", "1")


def serving(peer, count=1):
    """The member that has it, by its count-th IKE SA."""
    up = peer.wait_event("established", count, UP_DEADLINE_S)
    return layout.member_of_home(up["gateway"].rpartition(":")[0])


def assert_pings(net, number):
    inner = layout.inner_address(number)
    assert net.hosts["web"].ping(inner, count=PINGS) == PINGS
    assert net.hosts[f"p{number}"].ping(layout.WEB_ADDRESS, count=PINGS) == PINGS


def pin(prefix, member):
    """All peers of the prefix go to the member while it is active."""
    block = f"pins:\n  - {{prefix: {prefix}, member: {member}}}\n"
    return lambda text: set_block(text, "pins", block)


# ---- up --------------------------------------------------------------------------


def test_up_through_a_redirect(make_cluster):
    cluster = make_cluster(peers=1)
    identity = layout.peer_identity(1)
    peer = start_peer(cluster.net, 1, cluster.psk(identity))
    member = serving(peer)
    assert_pings(cluster.net, 1)

    names = [event["event"] for event in peer.events()]
    assert names[:4] == ["connecting", "redirected", "established", "child-up"], names
    connecting, redirected, established, child = peer.events()[:4]
    assert connecting["gateway"] == layout.DIRECTOR_ADDRESS and not connecting["ticket"]
    assert redirected["to"] == layout.home_address(member)
    assert established["how"] == "full"
    assert established["identity"] == layout.GATEWAY_ID
    assert established["redirected_from"] == layout.DIRECTOR_ADDRESS
    assert child["local"] == [f"{layout.inner_address(1)}/32"]
    assert child["remote"] == [layout.PROTECTED]
    [sa] = cluster.sas("--member", member)
    assert (sa["peer_spi"], sa["spi"]) == (established["spi"], established["peer_spi"])

    # It is nobody with no capability by now, and still takes everything with it.
    status = peer.host.run("cat", f"/proc/{peer.host.pids()[0]}/status").stdout
    assert "CapPrm:\t0000000000000000" in status and "Uid:\t0" not in status
    assert peer.stop() == 0
    assert peer.events("lost")[-1]["reason"] == "member stops"
    assert peer.events("ended")[-1]["status"] == 0
    wait_for(lambda: cluster.sas() == [], DEADLINE_S, lambda: f"no SA, not {cluster.sas()}")
    assert "ikepeer0" not in peer.host.ip("link")
    assert layout.PROTECTED not in peer.host.ip("route")


def test_up_resumes_at_another_member(make_cluster):
    """Its member is gone, and failover is off: asking the director again, with the ticket, helps."""
    cluster = make_cluster(peers=1)
    cluster.adm("failover", "pause")
    peer = start_peer(cluster.net, 1, cluster.psk(layout.peer_identity(1)), *DPD)
    first = serving(peer)
    assert peer.wait_event("ticket")["lifetime_s"] > 0
    cluster.cut_power(first)
    lost = peer.wait_event("lost", deadline_s=LOST_DEADLINE_S)
    assert lost["reason"] == "peer does not answer"
    second = serving(peer, 2)
    assert second not in (None, first)
    assert peer.events("established")[1]["how"] == "resumed"
    again = peer.events("connecting")[1]
    assert again["gateway"] == layout.DIRECTOR_ADDRESS and again["ticket"]
    assert_pings(cluster.net, 1)
    assert peer.stop() == 0


def test_up_resumes_where_the_sa_was_lost(make_cluster):
    """The member forgets all and says so with its token (RFC 6290)."""
    edits = {"director": pin("192.0.2.0/24", "m1"), "members": failover.adopting()}
    cluster = make_cluster(peers=1, edits=edits)
    peer = start_peer(cluster.net, 1, cluster.psk(layout.peer_identity(1)), *DPD)
    assert serving(peer) == "m1"
    peer.wait_event("ticket")
    cluster.kill_main("m1")
    cluster.restart_agent("m1")
    lost = peer.wait_event("lost", deadline_s=LOST_DEADLINE_S)
    assert lost["reason"] == "the peer has lost the SA"
    up = peer.wait_event("established", 2)
    assert up["how"] == "resumed"
    again = peer.events("connecting")[1]
    assert again["gateway"] == layout.home_address("m1") and again["ticket"]
    assert_pings(cluster.net, 1)


def test_up_without_tickets(make_cluster):
    cluster = make_cluster(peers=1)
    peer = start_peer(cluster.net, 1, cluster.psk(layout.peer_identity(1)), "--no-tickets")
    serving(peer)
    assert_pings(cluster.net, 1)
    assert peer.events("ticket") == []


def test_ticket_file(make_cluster):
    """Killed, it comes back with its ticket; ended in order, there is none to come back with."""
    cluster = make_cluster(peers=1)
    host, psk = cluster.net.hosts["p1"], cluster.psk(layout.peer_identity(1))
    file = host.folder / "ticket"
    args = ("--ticket-file", file)
    peer = start_peer(cluster.net, 1, psk, *args)
    peer.wait_event("ticket")
    wait_for(lambda: file.stat().st_size, DEADLINE_S, "a ticket in the file")
    assert file.stat().st_mode & 0o777 == 0o600
    peer.process.kill()
    peer.start()
    up = peer.wait_event("established", 2)
    assert up["how"] == "resumed" and peer.events("connecting")[1]["ticket"]
    peer.wait_event("ticket", 2)
    assert_pings(cluster.net, 1)
    assert peer.stop() == 0
    assert file.stat().st_size == 0


def test_up_waits_longer_each_time_and_gives_up(net):
    net.add_bridge("wan")
    host = net.add_host("a", {"eth0": ("wan", "192.0.2.1/24")})
    net.add_host("b", {"eth0": ("wan", "192.0.2.2/24")})
    args = ("--remote", "10.0.0.0/8", "--tries", "2")
    peer = IkePeer(host, "192.0.2.2", "a", PSK, *args)
    peer.start()
    assert peer.process.wait(60) == 1
    names = [event["event"] for event in peer.events()]
    assert names == ["connecting", "failed", "retry", "connecting", "failed", "ended"]
    assert 750 <= peer.events("retry")[0]["in_ms"] <= 1250


def test_up_ends_when_its_device_goes(make_cluster):
    cluster = make_cluster(peers=1)
    peer = start_peer(cluster.net, 1, cluster.psk(layout.peer_identity(1)))
    serving(peer)
    peer.host.ip("link", "del", "ikepeer0")
    assert peer.process.wait(DEADLINE_S) == 1


# ---- probe -----------------------------------------------------------------------


def test_probe_of_a_cluster(make_cluster):
    cluster = make_cluster(peers=1)
    host = cluster.net.hosts["p1"]
    home = layout.home_address("m1")

    code, result = probe(host, "--gateway", layout.DIRECTOR_ADDRESS)
    assert code == 0, result
    [leg] = result["gateways"]
    assert leg["answer"] == "redirect" and layout.member_of_home(leg["redirect"])
    assert 0 < leg["rtt_ms"] < 1000

    code, result = probe(host, "--gateway", layout.DIRECTOR_ADDRESS, "--follow")
    assert code == 0, result
    assert [leg["answer"] for leg in result["gateways"]] == ["redirect", "accepted"]
    member = result["gateways"][1]
    assert member["algorithms"] == "aes256gcm16-prfsha256-x25519"
    assert member["nat_detection"] and member["fragmentation"]

    code, result = probe(host, "--gateway", home, "--ike", "aes128gcm16-prfsha512-x25519")
    assert code == 2 and result["gateways"][0]["error"] == "NO_PROPOSAL_CHOSEN", result

    # A ticket that is none gets an answer, from the director and from a member.
    for args, answers in (
        (["--gateway", layout.DIRECTOR_ADDRESS, "--follow"], ["redirect", "ticket-nack"]),
        (["--gateway", home], ["ticket-nack"]),
        (["--gateway", layout.DIRECTOR_ADDRESS, "--no-redirect"], ["ticket-nack"]),
    ):
        code, result = probe(host, "--resume-probe", *args)
        assert code == 0, result
        assert [leg["answer"] for leg in result["gateways"]] == answers

    text = host.run(program(), "probe", "--gateway", home).stdout
    assert text.startswith(f"IKE OK - {home} accepts ") and " | rtt1=" in text, text


def test_probe_with_credentials(make_cluster):
    cluster = make_cluster(peers=1)
    host, identity = cluster.net.hosts["p1"], layout.peer_identity(1)
    key = write_psk(host, cluster.psk(identity))
    args = ("--gateway", layout.DIRECTOR_ADDRESS, "--id", identity, "--psk-file", key)

    code, result = probe(host, *args)
    assert code == 0, result
    auth = result["authentication"]
    assert auth["up"] and auth["identity"] == layout.GATEWAY_ID
    assert auth["local"] == [f"{layout.inner_address(1)}/32"]
    assert auth["remote"] == [layout.PROTECTED]
    up = [sa for sa in cluster.sas() if sa["state"] == "established"]
    assert up == [], "deleted at once"

    code, result = probe(host, *args, "--gateway-id", "somebody.example.net")
    assert code == 2 and "not who it should be" in result["why"], result
    key.write_text("some other secret\n")
    code, result = probe(host, *args)
    assert code == 2 and result["authentication"]["notify"] == "AUTHENTICATION_FAILED", result


def test_probe_of_nobody(net):
    net.add_bridge("wan")
    host = net.add_host("a", {"eth0": ("wan", "192.0.2.1/24")})
    net.add_host("b", {"eth0": ("wan", "192.0.2.2/24")})
    code, result = probe(host, "--gateway", "192.0.2.2", "--timeout", "2")
    assert code == 2 and result["why"] == "192.0.2.2 does not answer", result
    assert result["gateways"][0]["sent"] == 2
    for args in (["--gateway", "198.51.100.1"], ["--gateway", "nonsense"], []):
        code, result = probe(host, *args)
        assert code == 3 and "ikepeer probe: " in result, result


# ---- a gateway that is none of ours ----------------------------------------------


@pytest.fixture
def gateway(net):
    """A stock strongSwan that waits for anybody with the key; 10.2.0.1 is behind it."""
    net.add_bridge("wan")
    net.add_host("a", {"eth0": ("wan", "192.0.2.1/24")})
    host = net.add_host("b", {"eth0": ("wan", "192.0.2.2/24")}, loopback=["10.2.0.1/32"])
    charon = StrongSwan(host)
    connection = {
        "version": 2,
        "local_addrs": "192.0.2.2",
        "remote_addrs": "%any",
        "proposals": "aes256gcm16-prfsha256-x25519",
        "local": {"auth": "psk", "id": "b.example.net"},
        "remote": {"auth": "psk", "id": "a.example.net"},
        "children": {
            CHILD: {
                "local_ts": "10.2.0.0/24",
                "remote_ts": "10.1.0.1/32",
                "esp_proposals": "aes256gcm16",
            }
        },
    }
    charon.config({"gw": connection}, {"ike-1": {"id-1": "a.example.net", "secret": f'"{PSK}"'}})
    charon.start()
    return charon


def test_up_at_strongswan(net, gateway):
    host = net.hosts["a"]
    args = ("--local", "10.1.0.1/32", "--remote", "10.2.0.0/24")
    peer = IkePeer(host, "192.0.2.2", "a.example.net", PSK, *args)
    peer.start()
    up = peer.wait_event("established")
    assert up["identity"] == "b.example.net"
    sa = gateway.wait_up()
    assert (sa.initiator_spi, sa.responder_spi) == (up["spi"], up["peer_spi"])
    assert host.ping("10.2.0.1", count=PINGS) == PINGS
    assert net.hosts["b"].ping("10.1.0.1", "10.2.0.1", count=PINGS) == PINGS

    # strongSwan rekeys, then ends it; the tunnel comes back.
    gateway.swanctl("--rekey", "--ike", "gw")
    peer.wait_event("rekeyed")
    gateway.swanctl("--rekey", "--child", CHILD)
    peer.wait_event("child-up", 2)
    assert host.ping("10.2.0.1", count=PINGS) == PINGS
    gateway.terminate()
    assert peer.wait_event("lost")["reason"] == "deleted by peer"
    peer.wait_event("established", 2)
    assert host.ping("10.2.0.1", count=PINGS) == PINGS

    peer.process.signal(signal.SIGINT)
    assert peer.process.wait(DEADLINE_S) == 0
    wait_for(lambda: gateway.list_sas() == [], DEADLINE_S, gateway.process.describe)


def test_probe_of_strongswan(net, gateway):
    host = net.hosts["a"]
    code, result = probe(host, "--gateway", "192.0.2.2")
    assert code == 0 and result["gateways"][0]["answer"] == "accepted", result
    # strongSwan knows no resumption, and says nothing.
    code, result = probe(host, "--gateway", "192.0.2.2", "--resume-probe", "--timeout", "1")
    assert code == 2 and gateway.process.is_running(), result

# SPDX-License-Identifier: Apache-2.0
"""The ground the other tests stand on: namespaces, faults, captures, strongSwan among itself."""

import signal
import subprocess
import sys

import pytest

from lib import layout, netns, runs, tools
from lib.strongswan import StrongSwan
from lib.topology import Topology
from lib.wait import Timeout, wait_for

# Builds a topology with a process that ignores SIGTERM, says its name and waits to be killed.
BUILDER = """
import sys, time
from lib.topology import Topology, exit_on_signals
exit_on_signals()
with Topology() as net:
    net.add_bridge("wan")
    host = net.add_host("a", {"eth0": ("wan", "192.0.2.1/24")})
    host.start("stubborn", ["sh", "-c", "trap '' TERM; while :; do sleep 1; done"])
    print(net.prefix, flush=True)
    sys.stdin.read()
"""


def two_hosts(net):
    net.add_bridge("wan")
    return [
        net.add_host(name, {"eth0": ("wan", f"192.0.2.{number}/24")})
        for number, name in ((1, "a"), (2, "b"))
    ]


@pytest.fixture
def builder(net):
    """A run of another process; net, unused, brings the check for root."""
    with subprocess.Popen(
        [sys.executable, "-B", "-c", BUILDER],
        cwd=tools.SOURCE / "tests",
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        prefix = process.stdout.readline().strip()
        # A moment passes until ip netns exec is inside.
        wait_for(lambda: netns.pids(f"{prefix}-a"), 5, "the process in the namespace")
        yield process, prefix
        process.kill()


def is_gone(prefix):
    return not (runs.BASE / prefix).exists() and not any(netns.NETNS_DIR.glob(f"{prefix}-*"))


def test_same_addresses_in_two_topologies(net):
    with Topology() as other:
        for topology in (net, other):
            first, _ = two_hosts(topology)
            assert first.ping("192.0.2.2") == 3
        prefix = other.prefix
    assert is_gone(prefix)


def test_a_run_that_was_killed_is_cleaned_up_by_the_next(builder):
    process, prefix = builder
    pids = netns.pids(f"{prefix}-a")
    process.kill()
    process.wait()
    assert not is_gone(prefix)
    runs.sweep()
    assert is_gone(prefix)
    assert all(netns.is_zombie(pid) for pid in pids)  # or nothing at all, if it is reaped already


def test_sweeping_leaves_the_living_alone(builder):
    _, prefix = builder
    runs.sweep()
    assert netns.pids(f"{prefix}-a")


def test_a_run_that_is_told_to_end_cleans_up(builder):
    process, prefix = builder
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 128 + signal.SIGTERM
    assert is_gone(prefix)


def test_faults_and_their_repair(net):
    first, second = two_hosts(net)
    for fault, repair in (
        (lambda: net.cut_off(second), lambda: net.reconnect(second)),
        (lambda: net.cut_power(second), lambda: net.restore_power(second)),
        (lambda: net.unplug(second, "eth0"), lambda: net.plug(second, "eth0")),
        (lambda: net.part(first, [second]), net.heal),
        (lambda: net.block(second, first, ["wan"]), net.heal),
    ):
        fault()
        assert first.ping("192.0.2.2", count=1, wait_s=0.2) == 0
        repair()
        wait_for(lambda: first.ping("192.0.2.2", count=1, wait_s=0.2), 5, "an answer again")


def test_power_cut_leaves_nothing_but_files(net):
    _, second = two_hosts(net)
    before = second.ip_json("addr", "show", "dev", "eth0")[0]
    second.ip("addr", "add", "192.0.2.77/32", "dev", "eth0")
    (second.folder / "disk").write_text("as it was")
    process = second.start("stubborn", ["sh", "-c", "trap '' TERM; while :; do sleep 1; done"])
    wait_for(second.pids, 5, "the process in the namespace")
    net.cut_power(second)
    assert second.pids() == [] and not process.is_running()
    net.restore_power(second)
    after = second.ip_json("addr", "show", "dev", "eth0")[0]
    assert second.addresses("eth0")[0] == "192.0.2.2/24" and after["address"] == before["address"]
    assert "192.0.2.77/32" not in second.addresses("eth0")
    assert (second.folder / "disk").read_text() == "as it was"


def test_one_way_block_lets_the_other_way_pass(net):
    first, second = two_hosts(net)
    assert first.ping("192.0.2.2") == 3
    net.block(second, first)
    with second.capture("eth0", packet_filter="icmp") as capture:
        assert first.ping("192.0.2.2", count=1, wait_s=0.2) == 0
        capture.wait_packets(lambda packet: packet.src == "192.0.2.1", what="pings")


def test_waiting_says_what_for():
    with pytest.raises(Timeout, match=r"not within 0.01 s \(last: 0\): the sky to fall"):
        wait_for(lambda: 0, 0.01, "the sky to fall")


def test_strongswan_peer_as_the_tests_set_it_up(net):
    """A stock responder at the director's address takes the peer: its configuration is right."""
    net.add_bridge("wan")
    net.add_bridge("inside")
    links = {
        "eth0": ("wan", f"{layout.DIRECTOR_ADDRESS}/24"),
        "eth1": ("inside", "10.1.0.11/24"),
    }
    gateway = net.add_host("gw", links, forward=True)
    web = net.add_host("web", {"eth0": ("inside", f"{layout.WEB_ADDRESS}/24")})
    wan = {"eth0": ("wan", f"{layout.peer_address(1)}/24")}
    host = net.add_host("p1", wan, loopback=[f"{layout.inner_address(1)}/32"])
    gateway.ip("neigh", "add", "proxy", layout.inner_address(1), "dev", "eth1")
    responder = StrongSwan(gateway)
    connection = {
        "version": 2,
        "local_addrs": layout.DIRECTOR_ADDRESS,
        "local": {"auth": "psk", "id": layout.GATEWAY_ID},
        "remote": {"auth": "psk", "id": "*.peers.example.net"},
        "children": {"net": {"local_ts": layout.PROTECTED, "remote_ts": "10.1.0.128/25"}},
    }
    responder.config({"gw": connection}, {"ike-1": {"secret": '"between us"'}})
    responder.start()

    peer = layout.start_peer(
        net, 1, "between us", ike_options={"proposals": "aes256gcm16-prfsha256-x25519"}
    )
    with host.capture("eth0") as capture:
        sa = peer.initiate()
        assert sa.remote_host == layout.DIRECTOR_ADDRESS and sa.remote_port == 4500
        assert sa.children[0].encapsulated
        assert peer.redirects() == []
        assert web.ping(layout.inner_address(1)) == 3
        assert host.ping(layout.WEB_ADDRESS, layout.inner_address(1)) == 3
        capture.wait_packets(lambda packet: packet.esp_spi() is not None, count=12)
    peer.terminate()
    assert peer.list_sas() == []
    assert peer.stop() == 0 and responder.stop() == 0

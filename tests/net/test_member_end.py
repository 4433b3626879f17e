# SPDX-License-Identifier: Apache-2.0
"""However an agent ends, its namespace is as it was before: nobody else may be kept out."""

import os
import signal

import pytest

from lib import layout
from lib.wait import wait_for

CLEAN_DEADLINE_S = 1
RESTART_DEADLINE_S = 20
TUN_DEVICE = "waypost0"


def ipv6_noise(route):
    return route["dst"].startswith(("fe80:", "ff00:", "multicast"))


def network_state(host):
    """What an agent may have changed in a namespace, comparable with ==."""
    routes = host.ip_json("-4", "route", "show", "table", "all")
    routes += [r for r in host.ip_json("-6", "route", "show", "table", "all") if not ipv6_noise(r)]
    links = host.ip_json("addr", "show")
    names = [link["ifname"] for link in links]
    return {
        "links": sorted(names),
        "addresses": sorted(
            f"{a['local']}/{a['prefixlen']} on {link['ifname']}"
            for link in links
            for a in link["addr_info"]
            if a["scope"] != "link"
        ),
        "routes": sorted(str(route) for route in routes),
        "rules": sorted(str(rule) for rule in host.ip_json("rule", "show")),
        "proxy entries": sorted(str(entry) for entry in host.ip_json("neigh", "show", "proxy")),
        "packet filter": host.run("nft", "list", "tables").stdout.splitlines(),
        "proxy_arp": [
            host.read_sysctl(f"net/ipv4/conf/{name}/proxy_arp")
            for name in ("all", "eth0", "eth1")
        ],
    }


def differences(now, before):
    return {key: (now[key], before[key]) for key in before if now[key] != before[key]}


@pytest.fixture
def served(make_cluster):
    """A cluster with one peer: (cluster, the peer's member, that one's state before its agent)."""
    cluster = make_cluster(peers=1, start=False)
    hosts = cluster.net.hosts
    before = {member: network_state(hosts[member]) for member in layout.MEMBERS}
    cluster.start()
    peer = layout.start_peer(cluster.net, 1, cluster.psk(layout.peer_identity(1)))
    member = layout.member_of_home(peer.initiate().remote_host)

    # Otherwise there would be nothing to leave behind.
    during = network_state(hosts[member])
    assert f"{layout.home_address(member)}/32 on eth0" in during["addresses"]
    assert TUN_DEVICE in during["links"]
    assert "table ip waypost" in during["packet filter"]
    assert any(layout.inner_address(1) in route for route in during["routes"])
    assert any(layout.inner_address(1) in entry for entry in during["proxy entries"])
    return cluster, member, before[member]


def assert_clean(cluster, member, before):
    host = cluster.net.hosts[member]
    wait_for(
        lambda: network_state(host) == before,
        CLEAN_DEADLINE_S,
        lambda: f"{member} (now, before): {differences(network_state(host), before)}\n"
        f"{cluster.agents[member].process.describe()}",
    )


def test_nothing_is_left_when_main_is_killed(served):
    cluster, member, before = served
    cluster.expect_dead.add(member)
    os.kill(cluster.agents[member].main_pid(), signal.SIGKILL)
    assert_clean(cluster, member, before)


def test_nothing_is_left_when_the_agent_stops(served):
    cluster, member, before = served
    cluster.expect_dead.add(member)
    assert cluster.agents[member].process.stop() == 0
    assert_clean(cluster, member, before)


def test_an_earlier_keeper_that_hangs_takes_nothing_away(served):
    """Were it to go on, it would remove what its successor holds: it must be gone by then."""
    cluster, member, _ = served
    agent = cluster.agents[member]
    main = agent.main_pid()
    (keeper,) = [pid for pid in agent.pids() if pid != main]
    os.kill(keeper, signal.SIGSTOP)
    os.kill(main, signal.SIGKILL)
    agent.process.wait(CLEAN_DEADLINE_S)
    cluster.start_agent(member).process.wait_log("killed an earlier keeper", RESTART_DEADLINE_S)
    cluster.wait_active([member], RESTART_DEADLINE_S)
    assert keeper not in cluster.net.hosts[member].pids()
    state = network_state(cluster.net.hosts[member])
    assert f"{layout.home_address(member)}/32 on eth0" in state["addresses"]
    assert "table ip waypost" in state["packet filter"]

# SPDX-License-Identifier: Apache-2.0
"""How traffic from the protected network finds the member that has the peer."""

from lib import layout
from lib.yamltext import set_value

METRIC = 150


def inner_routes(host, number):
    routes = host.ip_json("route", "show", "table", "main")
    return [r for r in routes if r["dst"] == layout.inner_address(number)]


def up(cluster, number):
    peer = layout.start_peer(cluster.net, number, cluster.psk(layout.peer_identity(number)))
    return layout.member_of_home(peer.initiate().remote_host)


def test_proxy_arp_answers_for_own_peers_only(make_cluster):
    """The protected host finds each peer at the member that has it, with no route to it."""
    cluster = make_cluster(peers=2)
    hosts = cluster.net.hosts
    for number in (1, 2):
        member = up(cluster, number)
        assert hosts["web"].ping(layout.inner_address(number)) > 0
        (found,) = hosts["web"].ip_json("neigh", "show", "to", layout.inner_address(number))
        (link,) = hosts[member].ip_json("link", "show", "dev", "eth1")
        assert found["lladdr"] == link["address"]
        for other in layout.MEMBERS:
            proxied = [e["dst"] for e in hosts[other].ip_json("neigh", "show", "proxy")]
            assert (layout.inner_address(number) in proxied) == (other == member)


def test_route_mode_leaves_it_to_routing(make_cluster):
    """A kernel route with protocol number and metric for BIRD or FRR to pick up; no proxy ARP."""

    def use_routes(text):
        return set_value(text, "mode", f"route, metric: {METRIC}")

    cluster = make_cluster(peers=2, edits={"members": use_routes})
    hosts = cluster.net.hosts
    for number in (1, 2):
        inner = layout.inner_address(number)
        member = up(cluster, number)
        (route,) = inner_routes(hosts[member], number)
        assert route["dev"] == "waypost0", route
        assert route["metric"] == METRIC, route
        assert route["protocol"] not in ("boot", "kernel", "static"), route
        assert hosts[member].ip_json("neigh", "show", "proxy") == []

        # What the routing daemons would do.
        hosts["web"].ip("route", "add", inner, "via", layout.member_inside_address(member))
        assert hosts["web"].ping(inner) == 3
        assert hosts[f"p{number}"].ping(layout.WEB_ADDRESS, inner) == 3

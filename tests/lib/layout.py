# SPDX-License-Identifier: Apache-2.0
"""The network of the demo and of most tests.

    wan     192.0.2.0/24   router "gw" .1, director .10, members .11-.13, their home addresses
                           .21-.23 (put there by the agents), peers .101, .102, ...
    inside  10.1.0.0/24    members .11-.13 (eth1), the protected host "web" .100;
                           inner addresses of the peers: .201, .202, ... (/32 on their lo)
"""

from .strongswan import StrongSwan

ROUTER_ADDRESS = "192.0.2.1"
DIRECTOR_ADDRESS = "192.0.2.10"
GATEWAY_ID = "gw.example.net"
WEB_ADDRESS = "10.1.0.100"
PROTECTED = "10.1.0.0/25"
MEMBERS = ("m1", "m2", "m3")


def member_number(name):
    return int(name.removeprefix("m"))


def home_address(member):
    return f"192.0.2.{20 + member_number(member)}"


def member_inside_address(member):
    return f"10.1.0.{10 + member_number(member)}"


def member_of_home(address):
    """The member whose home address this is, None if it is none's."""
    return next((name for name in MEMBERS if home_address(name) == address), None)


def peer_address(number):
    return f"192.0.2.{100 + number}"


def inner_address(number):
    return f"10.1.0.{200 + number}"


def peer_identity(number):
    return f"p{number}.peers.example.net"


def build(net, peers=2):
    """Build it in a Topology, with that many peers' hosts; nothing is started."""
    net.add_bridge("wan")
    net.add_bridge("inside")
    net.add_host("gw", {"eth0": ("wan", f"{ROUTER_ADDRESS}/24")})
    net.add_host("director", {"eth0": ("wan", f"{DIRECTOR_ADDRESS}/24")})
    for name in MEMBERS:
        links = {
            "eth0": ("wan", f"192.0.2.{10 + member_number(name)}/24"),
            "eth1": ("inside", f"{member_inside_address(name)}/24"),
        }
        net.add_host(name, links, forward=True)
    net.add_host("web", {"eth0": ("inside", f"{WEB_ADDRESS}/24")})
    for number in range(1, peers + 1):
        links = {"eth0": ("wan", f"{peer_address(number)}/24")}
        net.add_host(f"p{number}", links, loopback=[f"{inner_address(number)}/32"])


# A peer that finds out fast that its member is gone, and begins anew: it asks after a second with no
# traffic, three times in a second.
DPD_DAEMON = {"retransmit_timeout": 0.3, "retransmit_base": 1.0, "retransmit_tries": 2}
DPD_IKE = {"dpd_delay": "1s", "keyingtries": 0}
DPD_CHILD = {"dpd_action": "restart"}


def start_peer(net, number, psk, dpd=False, daemon_options=None, **options):
    """Start strongSwan in the host of a peer, set up to ask the director; returns it.

    dpd: with short dead peer detection, else with none. The other options are as those of
    StrongSwan and of its connect_to().
    """
    if dpd:
        options["ike_options"] = {**DPD_IKE, **options.get("ike_options", {})}
        options["child_options"] = {**DPD_CHILD, **options.get("child_options", {})}
    daemon = {**(DPD_DAEMON if dpd else {}), **(daemon_options or {})}
    peer = StrongSwan(net.hosts[f"p{number}"], daemon_options=daemon)
    inner = f"{inner_address(number)}/32"
    peer.connect_to(DIRECTOR_ADDRESS, peer_identity(number), psk, inner, PROTECTED, **options)
    peer.start()
    return peer

# SPDX-License-Identifier: Apache-2.0
"""What the tests of failover have in common: settings, and the safety that always holds."""

from . import layout
from .addrwatch import AddressWatch
from .yamltext import set_block

WITNESS = layout.ROUTER_ADDRESS
HOLD_DOWN_S = 1
KINDS = {"i": "ike", "p": "ping", "a": "arp"}


def failover(failback="auto", hold_down_s=HOLD_DOWN_S, witness=(WITNESS,)):
    """An edit of director.yaml."""
    lines = ["failover:", f"  failback: {failback}", f"  hold-down-s: {hold_down_s}"]
    if witness:
        lines.append(f"  witness: [{', '.join(witness)}]")
    return lambda text: set_block(text, "failover", "\n".join(lines))


def only_members(*members):
    """An edit of director.yaml: the cluster has these members."""
    lines = [f"  - {{name: {name}, home: [{layout.home_address(name)}]}}" for name in members]
    return lambda text: set_block(text, "members", "\n".join(["members:", *lines]))


def adopting(*addresses):
    """An edit of agent.yaml: may take these over, its own among them or not; by default none."""
    if not addresses:
        return lambda text: set_block(text, "adopt", "adopt: []")
    lines = [f'  - {{address: "{address}", link: eth0, claim: l2}}' for address in addresses]
    return lambda text: set_block(text, "adopt", "\n".join(["adopt:", *lines]))


def both(*edits):
    def change(text):
        for edit in edits:
            text = edit(text)
        return text

    return change


def watch(cluster, *members, kinds="ip"):
    """An AddressWatch on the router for the home addresses of these members, all by default.

    Returned when each is answered by the member.
    """
    members = members or layout.MEMBERS
    addresses = [layout.home_address(member) for member in members]
    watching = AddressWatch(cluster.net, cluster.net.hosts["gw"], addresses, kinds)
    for member, address in zip(members, addresses):
        watching.wait_answerer(address, member, kind=KINDS[kinds[0]])
        watching.claims[address] = (cluster.address(address)["epoch"], member)
    return watching


def assert_epochs_unique(watching):
    """Nobody claimed an address under an epoch that another member had claimed it under."""
    claims = {}
    for notice in watching.events(what="notice"):
        claims.setdefault((notice.address, notice.epoch), set()).add(notice.who)
    shared = {claim: members for claim, members in claims.items() if len(members) > 1}
    assert claims and not shared, shared


def assert_epochs_rise(watching, address):
    """Each new claim of an address had a higher epoch than all before.

    Old ones may be repeated: by who was cut off, or hung, and does not know it yet.
    """
    claims = [watching.claims[address]]
    for notice in watching.events(what="notice", address=address):
        if (notice.epoch, notice.who) not in claims:
            claims.append((notice.epoch, notice.who))
    assert claims == sorted(claims), claims

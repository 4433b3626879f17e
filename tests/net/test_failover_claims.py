# SPDX-License-Identifier: Apache-2.0
"""Addresses that are not IPv4 on a shared link: IPv6, by script, and those that nobody can take."""

import shlex

from lib import failover, layout
from lib.wait import wait_for
from lib.yamltext import set_block

VICTIM = "m1"
ADDRESS = layout.home_address(VICTIM)
ADDRESS6 = "2001:db8::21"
DEADLINE_S = 15


def own6(name):
    return f"2001:db8::{10 + layout.member_number(name)}"


def block(key, entries):
    return f"{key}:\n" + "".join(f"  - {entry}\n" for entry in entries)


# ---- IPv6 ----------------------------------------------------------------------


def director6(text):
    members = [f"{{name: {VICTIM}, home: [{ADDRESS}, \"{ADDRESS6}\"]}}"]
    members += [f"{{name: {name}, home: [{layout.home_address(name)}]}}" for name in ("m2", "m3")]
    return failover.failover()(set_block(text, "members", block("members", members)))


def home6(text):
    entries = [f"{{address: {ADDRESS}, link: eth0}}", f"{{address: \"{ADDRESS6}\", link: eth0}}"]
    return set_block(text, "home", block("home", entries))


ADOPT6 = failover.adopting(*map(layout.home_address, layout.MEMBERS), ADDRESS6)


def neighbour6(cluster):
    """The member whose MAC address the router has for the IPv6 address, after asking anew."""
    router = cluster.net.hosts["gw"]
    router.run("ping", "-6", "-c", "1", "-W", "0.2", ADDRESS6, check=False)
    found = router.ip_json("-6", "neigh", "show", "to", ADDRESS6)
    mac = found[0].get("lladdr") if found else None
    return next((n for n in layout.MEMBERS if cluster.net.hosts[n].macs["eth0"] == mac), None)


def pings6(cluster):
    done = cluster.net.hosts["gw"].run("ping", "-6", "-c1", "-W1", ADDRESS6, check=False)
    return done.returncode == 0


def test_ipv6_address_moves_and_yields(make_cluster):
    edits = {"director": director6, "members": ADOPT6, "m1": home6}
    cluster = make_cluster(peers=0, edits=edits, start=False)
    hosts = cluster.net.hosts
    hosts["gw"].ip("addr", "add", "2001:db8::1/64", "dev", "eth0")
    for name in layout.MEMBERS:
        hosts[name].ip("addr", "add", f"{own6(name)}/64", "dev", "eth0")
    cluster.start()
    cluster.wait_address(ADDRESS6, owner=VICTIM, state="owned")
    assert pings6(cluster) and neighbour6(cluster) == VICTIM

    # Cut off and still running: both have it when they hear each other again.
    cluster.net.cut_off(hosts[VICTIM])
    row = cluster.wait_address(ADDRESS6, state="owned", home=VICTIM)
    wait_for(
        lambda: cluster.address(ADDRESS6)["owner"] != VICTIM, DEADLINE_S, "another owner"
    )
    row = cluster.wait_address(ADDRESS6, state="owned")
    newer = row["owner"]
    wait_for(lambda: neighbour6(cluster) == newer, DEADLINE_S, "the router's neighbour table")
    assert pings6(cluster)
    assert cluster.holders(ADDRESS6) == sorted([VICTIM, newer])
    cluster.net.reconnect(hosts[VICTIM])
    cluster.wait_holders(ADDRESS6, [newer])
    cluster.wait_home()
    cluster.wait_holders(ADDRESS6, [VICTIM])
    wait_for(lambda: neighbour6(cluster) == VICTIM, DEADLINE_S, "the router's neighbour table")


# ---- by script -----------------------------------------------------------------

# What a cloud's API would do: here it is the script itself that sets the address.
HOOK = """#!/bin/sh
echo "$1 $2 $3" >>{log}
case "$1" in
claim) ip address replace "$2/32" dev eth0 ;;
release) ip address delete "$2/32" dev eth0 ;;
esac
exit 0
"""


def hook_edit(cluster, name):
    folder = cluster.net.folder / name
    script = folder / "hook.sh"
    script.write_text(HOOK.format(log=shlex.quote(str(folder / "hook.txt"))))
    script.chmod(0o755)
    entry = f"{{address: {ADDRESS}, link: eth0, claim: hook}}"

    def change(text):
        key = "home" if name == VICTIM else "adopt"
        text = set_block(text, key, block(key, [entry]))
        return set_block(text, "claim-hook", f"claim-hook: {script}\n")

    cluster.edit(name, change)


def calls(cluster, name):
    path = cluster.net.folder / name / "hook.txt"
    return [line.split() for line in path.read_text().splitlines()] if path.exists() else []


def test_claim_by_script(make_cluster):
    cluster = make_cluster(peers=0, edits={"director": failover.failover()}, start=False)
    for name in layout.MEMBERS:
        hook_edit(cluster, name)
    cluster.start()
    row = cluster.wait_address(ADDRESS, owner=VICTIM, state="owned")
    assert ["claim", ADDRESS, str(row["epoch"])] in calls(cluster, VICTIM)

    cluster.kill_main(VICTIM)
    row = wait_for(
        lambda: cluster.address(ADDRESS)["owner"] in ("m2", "m3")
        and cluster.wait_address(ADDRESS, state="owned"),
        DEADLINE_S,
        "another owner",
    )
    newer = row["owner"]
    assert calls(cluster, newer)[-1] == ["claim", ADDRESS, str(row["epoch"])]
    assert calls(cluster, VICTIM)[-1][:2] == ["release", ADDRESS]
    assert cluster.holders(ADDRESS) == [newer]
    cluster.restart_agent(VICTIM)
    cluster.wait_home()
    assert calls(cluster, newer)[-1][:2] == ["release", ADDRESS]


# ---- not at all ----------------------------------------------------------------


def test_address_that_nobody_can_take(make_cluster):
    """claim: none. The operator set it; it stays where it is, and that is shown."""
    cluster = make_cluster(
        peers=0,
        edits={
            "director": failover.failover(),
            "m1": lambda text: set_block(
                text, "home", block("home", [f"{{address: {ADDRESS}, claim: none}}"])
            ),
        },
        start=False,
    )
    cluster.net.hosts[VICTIM].ip("addr", "add", f"{ADDRESS}/32", "dev", "eth0")
    cluster.start()
    row = cluster.wait_address(ADDRESS, owner=VICTIM, state="owned")
    watching = failover.watch(cluster)
    died = cluster.cut_power(VICTIM)
    cluster.wait_state("down", [VICTIM], DEADLINE_S)
    row = cluster.wait_address(ADDRESS, state="orphaned")
    assert row["why"], row
    assert cluster.holders(ADDRESS) == []
    assert not watching.answers(ADDRESS, died, besides=VICTIM)

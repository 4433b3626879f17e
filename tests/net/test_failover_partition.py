# SPDX-License-Identifier: Apache-2.0
"""Networks that fall apart: what moves, what stays, and what happens when they are whole again."""

from lib import failover, layout
from lib.addrwatch import now_us
from lib.wait import wait_for
from lib.yamltext import set_block

VICTIM = "m1"
ADDRESS = layout.home_address(VICTIM)
DEADLINE_S = 15
NOTICE_MS = 1000  # between claim notices
SLACK_MS = 3000  # a wide one, for a busy machine
# The director goes on asking; what it would do wrong, it does within this many rounds.
ROUNDS = 5
ROUND_US = 500000


def others_than(cluster, member):
    """The hosts on the members' network but this one."""
    return [host for name, host in cluster.net.hosts.items() if name != member]


def members_but(cluster, member):
    return [cluster.net.hosts[name] for name in layout.MEMBERS if name != member]


def assert_nothing_moves(cluster, watching, since_us, epochs):
    """For some rounds of probes: the members keep what they have, under the same epochs."""
    end = now_us() + ROUNDS * ROUND_US
    while now_us() < end:
        for member in epochs:
            assert cluster.holders(layout.home_address(member)) == [member]
    for member, epoch in epochs.items():
        address = layout.home_address(member)
        row = cluster.address(address)
        assert row["owner"] == member and row["epoch"] == epoch, row
        assert not watching.answers(address, since_us, besides=member)


def epochs_of(cluster, *members):
    rows = cluster.addresses()
    return {
        member: rows[layout.home_address(member)]["epoch"]
        for member in members or layout.MEMBERS
    }


def yields_within_a_notice(cluster, healed_us, newer):
    """Both hold the address when they hear each other again: the older claim goes."""
    wait_for(
        lambda: cluster.holders(ADDRESS) == [newer],
        DEADLINE_S,
        lambda: f"{newer} alone with {ADDRESS}: {cluster.holders(ADDRESS)}; {cluster.describe()}",
    )
    assert (now_us() - healed_us) / 1000 < NOTICE_MS + SLACK_MS


# ---- from the director only ----------------------------------------------------


def cut_from_director(cluster):
    """Peers still reach it, so it is isolated and nothing moves."""
    watching = failover.watch(cluster)
    epochs = epochs_of(cluster)
    start = now_us()
    hosts = cluster.net.hosts
    cluster.net.part(hosts[VICTIM], hosts["director"])
    cluster.wait_state("isolated", [VICTIM], DEADLINE_S)
    assert_nothing_moves(cluster, watching, start, epochs)
    assert any(what.endswith("-> isolated") for what, _ in cluster.events(VICTIM))
    assert "isolated" in cluster.adm("members") and "isolated" in cluster.adm("status")
    cluster.net.heal()
    cluster.wait_active(deadline_s=DEADLINE_S)
    assert epochs_of(cluster) == epochs


def one_way_to_director(cluster):
    """What it says is lost, what it is told arrives: the same."""
    watching = failover.watch(cluster)
    epochs = epochs_of(cluster)
    start = now_us()
    hosts = cluster.net.hosts
    cluster.net.block(hosts[VICTIM], hosts["director"])
    cluster.wait_state("isolated", [VICTIM], DEADLINE_S)
    assert_nothing_moves(cluster, watching, start, epochs)
    cluster.net.heal()
    cluster.wait_active(deadline_s=DEADLINE_S)
    assert epochs_of(cluster) == epochs


def director_alone(cluster):
    """Nobody is left to ask: it knows nothing, and moves nothing."""
    watching = failover.watch(cluster)
    epochs = epochs_of(cluster)
    start = now_us()
    hosts = cluster.net.hosts
    cluster.net.part(hosts["director"], [hosts[name] for name in layout.MEMBERS])
    cluster.wait_state(("suspect", "isolated"), layout.MEMBERS, DEADLINE_S)
    assert_nothing_moves(cluster, watching, start, epochs)
    cluster.net.heal()
    cluster.wait_active(deadline_s=DEADLINE_S)
    assert epochs_of(cluster) == epochs


# ---- from everybody ------------------------------------------------------------


def cut_from_everybody(cluster):
    """Claimed elsewhere, while it still has it; then the older claim yields."""
    watching = failover.watch(cluster)
    start = now_us()
    cluster.net.part(cluster.net.hosts[VICTIM], others_than(cluster, VICTIM))
    newer = watching.wait_answer(ADDRESS, start, DEADLINE_S, besides=VICTIM).who
    cluster.wait_address(ADDRESS, owner=newer, state="owned")
    # A member that hears nobody keeps what it has: it cannot know that it is the one cut off.
    assert cluster.holders(ADDRESS) == sorted([VICTIM, newer])
    healed = now_us()
    cluster.net.heal()
    yields_within_a_notice(cluster, healed, newer)
    cluster.wait_home()
    failover.assert_epochs_unique(watching)
    failover.assert_epochs_rise(watching, ADDRESS)


def healed_without_director(cluster):
    """Nobody orders anything: the claim notice alone makes the older one yield."""
    watching = failover.watch(cluster)
    start = now_us()
    cluster.net.part(cluster.net.hosts[VICTIM], others_than(cluster, VICTIM))
    newer = watching.wait_answer(ADDRESS, start, DEADLINE_S, besides=VICTIM).who
    cluster.wait_address(ADDRESS, owner=newer, state="owned")
    cluster.kill_director()
    healed = now_us()
    cluster.net.heal()
    yields_within_a_notice(cluster, healed, newer)
    cluster.start_director()
    cluster.wait_home()
    failover.assert_epochs_unique(watching)
    failover.assert_epochs_rise(watching, ADDRESS)


def deaf_to_everybody(cluster):
    """It hears nothing and is heard by all: it is of no use, but not dead. One holder at the end."""
    watching = failover.watch(cluster, kinds="a")
    hosts = cluster.net.hosts
    for host in others_than(cluster, VICTIM):
        cluster.net.block(host, hosts[VICTIM])
    end = now_us() + ROUNDS * ROUND_US
    while now_us() < end:
        holders = set(cluster.holders(ADDRESS)) - {VICTIM}
        assert len(holders) <= 1, holders
    cluster.net.heal()
    cluster.wait_home()
    failover.assert_epochs_unique(watching)
    failover.assert_epochs_rise(watching, ADDRESS)


def mute_to_everybody(cluster):
    """It hears all and nobody hears it: for the others it is dead; it yields as it hears them."""
    watching = failover.watch(cluster)
    start = now_us()
    hosts = cluster.net.hosts
    for host in others_than(cluster, VICTIM):
        cluster.net.block(hosts[VICTIM], host)
    newer = watching.wait_answer(ADDRESS, start, DEADLINE_S, besides=VICTIM).who
    yields_within_a_notice(cluster, now_us(), newer)
    cluster.net.heal()
    cluster.wait_home()
    failover.assert_epochs_unique(watching)


def halves(cluster):
    """Director and one member on one side: that one takes what is on the other."""
    watching = failover.watch(cluster)
    start = now_us()
    hosts = cluster.net.hosts
    lost = ["m2", "m3"]
    rest = [host for name, host in hosts.items() if name not in lost]
    cluster.net.part([hosts[name] for name in lost], rest)
    for name in lost:
        address = layout.home_address(name)
        watching.wait_answer(address, start, DEADLINE_S, besides=name)
        cluster.wait_address(address, owner="m1", state="owned")
    healed = now_us()
    cluster.net.heal()
    # Side by side: the first to yield may be home again before the other has.
    holding = set(lost)

    def have_yielded():
        holding.difference_update(
            [name for name in holding if cluster.holders(layout.home_address(name)) == ["m1"]]
        )
        return not holding

    wait_for(have_yielded, DEADLINE_S, lambda: f"{holding} yield: {cluster.describe()}")
    assert (now_us() - healed) / 1000 < NOTICE_MS + SLACK_MS
    cluster.wait_home()
    failover.assert_epochs_unique(watching)


def test_partitions_from_the_director(in_parallel):
    cases = (cut_from_director, one_way_to_director, director_alone)
    in_parallel(
        {case.__name__: case for case in cases}, edits={"director": failover.failover()}
    )


def test_partitions_from_everybody(in_parallel):
    cases = (
        cut_from_everybody,
        healed_without_director,
        deaf_to_everybody,
        mute_to_everybody,
        halves,
    )
    in_parallel(
        {case.__name__: case for case in cases}, edits={"director": failover.failover()}
    )


# ---- few are left --------------------------------------------------------------


def test_all_members_but_one_at_once_and_back(make_cluster):
    cluster = make_cluster(peers=0, edits={"director": failover.failover()})
    watching = failover.watch(cluster)
    start = now_us()
    for name in ("m1", "m2"):
        cluster.cut_power(name)
    for name in ("m1", "m2"):
        address = layout.home_address(name)
        assert watching.wait_answer(address, start, DEADLINE_S, besides=name).who == "m3"
        cluster.wait_address(address, owner="m3", state="owned")
    assert not watching.answers(layout.home_address("m3"), start, besides="m3")
    for name in ("m1", "m2"):
        cluster.restore_power(name)
    cluster.wait_home()
    failover.assert_epochs_unique(watching)


def two_members(witness):
    return {
        "members": failover.adopting(*map(layout.home_address, ("m1", "m2"))),
        "director": failover.both(
            failover.only_members("m1", "m2"), failover.failover(witness=witness)
        )
    }


def test_two_members_with_a_witness(make_cluster):
    cluster = make_cluster(peers=0, edits=two_members([failover.WITNESS]), start=False)
    cluster.start(["m1", "m2"])
    watching = failover.watch(cluster, "m1", "m2")
    died = cluster.cut_power("m1")
    assert watching.wait_answer(ADDRESS, died, DEADLINE_S, besides="m1").who == "m2"
    cluster.wait_address(ADDRESS, owner="m2", state="owned")
    cluster.restore_power("m1")
    cluster.wait_address(ADDRESS, owner="m1", state="owned")
    cluster.wait_holders(ADDRESS, ["m1"])

    # Cut off from both, the survivor cannot reach its witness either, and does not say "dead".
    start = now_us()
    hosts = cluster.net.hosts
    cluster.net.part(hosts["m2"], [hosts["m1"], hosts["gw"]])
    epochs = epochs_of(cluster, "m1", "m2")
    cluster.net.part(hosts["m1"], hosts["director"])
    cluster.wait_state("suspect", ["m1"], DEADLINE_S)
    end = now_us() + ROUNDS * ROUND_US
    while now_us() < end:
        assert cluster.holders(ADDRESS) == ["m1"]
    assert epochs_of(cluster, "m1", "m2") == epochs
    cluster.net.heal()
    cluster.wait_active(["m1", "m2"], DEADLINE_S)
    assert not watching.answers(ADDRESS, start, besides="m1")


def test_two_members_without_a_witness(make_cluster):
    """Nobody can tell a dead member from a cut cable: nothing moves, and that is said."""
    cluster = make_cluster(peers=0, edits=two_members([]), start=False)
    cluster.start(["m1", "m2"])
    assert "witness" in cluster.director.log()
    watching = failover.watch(cluster, "m1", "m2")
    died = cluster.cut_power("m1")
    cluster.wait_state("suspect", ["m1"], DEADLINE_S)
    end = now_us() + ROUNDS * ROUND_US
    while now_us() < end:
        assert cluster.holders(ADDRESS) == []
    assert cluster.members()["m1"]["state"] == "suspect"
    assert not watching.answers(ADDRESS, died, besides="m1")
    said = cluster.events("m1", ADDRESS)
    assert any("witness" in why for _, why in said), said

    # An operator who knows better.
    cluster.adm("address", "move", ADDRESS, "m2", "--force")
    cluster.wait_address(ADDRESS, owner="m2", state="owned")
    cluster.restore_power("m1")
    cluster.wait_back("m1")
    assert cluster.holders(ADDRESS) == ["m2"]  # it was put there, so it stays
    cluster.adm("address", "move", ADDRESS, "home")
    cluster.wait_holders(ADDRESS, ["m1"])


def test_successor_that_is_not_reached_hands_on(make_cluster):
    """It can claim, but no next hop answers from the address: another one gets it."""
    router = layout.ROUTER_ADDRESS
    cluster = make_cluster(
        peers=0,
        edits={
            "director": failover.failover(witness=[]),
            "members": lambda text: set_block(text, "next-hops", f"next-hops: [{router}]"),
        },
    )
    hosts = cluster.net.hosts
    watching = failover.watch(cluster, VICTIM)
    first, second = cluster.address(ADDRESS)["successors"]
    cluster.net.part(hosts[first], hosts["gw"])
    died = cluster.cut_power(VICTIM)
    assert watching.wait_answer(ADDRESS, died, DEADLINE_S, besides=VICTIM).who == second
    row = cluster.wait_address(ADDRESS, owner=second, state="owned")
    cluster.wait_holders(ADDRESS, [second])
    said = cluster.events(ADDRESS)
    assert any(first in what and "not-reached" in why for what, why in said), said
    assert row["epoch"] > watching.claims[ADDRESS][0] + 1  # the first one's was another
    cluster.net.heal()
    cluster.restore_power(VICTIM)
    cluster.wait_home()
    failover.assert_epochs_unique(watching)

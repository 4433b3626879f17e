# SPDX-License-Identifier: Apache-2.0
"""Processes that hang for 20 seconds and go on: nobody holds an address that is another's."""

from lib import failover, layout
from lib.addrwatch import now_us

HANG_S = 20
VICTIM = "m1"
ADDRESS = layout.home_address(VICTIM)
LIFETIME_MS = 4200  # three seconds, and the kernel's 1.2 more
SLACK_MS = 2000
KEEPER_WATCH_MS = 1000


def hang_and_resume(*processes, limit_ms):
    """A case for in_parallel: ends with everything at home again."""

    def case(cluster):
        watching = failover.watch(cluster, kinds="ia")
        died = cluster.hang(VICTIM, *processes)
        answer = watching.wait_answer(ADDRESS, died, 15, besides=VICTIM)
        assert (answer.us - died) / 1000 < limit_ms, watching.events(died)
        cluster.wait_address(ADDRESS, owner=answer.who, state="owned")

        # From now on, whatever the hung processes do, one host answers for it and holds it.
        cluster.wait_holders(ADDRESS, [answer.who])
        settled = now_us()
        while now_us() < died + HANG_S * 1000000:
            held = cluster.holders(ADDRESS)
            assert held == [answer.who], f"{held}: {cluster.events()}\n{cluster.describe()}"
        cluster.revive(VICTIM)
        assert_was_not_in_the_way(watching, answer.who, settled)
        cluster.wait_home()
        failover.assert_epochs_unique(watching)
        failover.assert_epochs_rise(watching, ADDRESS)

    return case


def assert_was_not_in_the_way(watching, successor, since_us):
    """The old agent has answered for the address only after it had probed for it: by order."""
    others = [
        one
        for one in watching.events(since_us, what="answer", address=ADDRESS)
        if one.who != successor
    ]
    moves = watching.events(since_us, what="probed", address=ADDRESS, who=VICTIM)
    assert not others or (moves and moves[0].us < others[0].us), others


def test_hung_processes(in_parallel):
    in_parallel(
        {
            "main": hang_and_resume("main", limit_ms=KEEPER_WATCH_MS + SLACK_MS),
            "keeper": hang_and_resume("keeper", limit_ms=LIFETIME_MS + SLACK_MS),
            "both": hang_and_resume("main", "keeper", limit_ms=LIFETIME_MS + SLACK_MS),
        },
        edits={"director": failover.failover()},
    )

# SPDX-License-Identifier: Apache-2.0
"""100,000 mutated packets at the sanitizer builds of both daemons: no finding, no state left.

Half of them are mutated inside SK and sealed again with the right keys, by an initiator that really
sets up its IKE SAs. What a sanitizer finds ends the daemon, and so the test.
"""

import json
import os

import pytest

from lib import layout, tools
from lib.wait import wait_for

CLEAR_EACH = 25_000  # at the director and at a member
SEALED = 50_000
SEED = int(os.environ.get("WAYPOST_SEED", "20261123"))
MUTATE_TIMEOUT_S = 400
# What a lost Delete leaves goes by dead peer detection: DPD_S, then its retransmissions.
DPD_S = 5
QUIET_DEADLINE_S = 90 + DPD_S
SANITIZER_BUILD = "build/asan"


@pytest.fixture
def sanitized(monkeypatch):
    if os.environ.get("WAYPOST_BUILD") != SANITIZER_BUILD:
        monkeypatch.setenv("WAYPOST_BUILD", SANITIZER_BUILD)
    # A finding must not be lost: it ends the program with this status, leaks included.
    monkeypatch.setenv("ASAN_OPTIONS", "detect_leaks=1:exitcode=77")
    monkeypatch.setenv("UBSAN_OPTIONS", "print_stacktrace=1")


def forget_soon(text):
    """Half-open SAs are forgotten after a second; room for all that the test makes."""
    return (
        text.replace("half-open-max: 5000", "half-open-max: 60000")
        .replace("cookie-above: 100", "cookie-above: 60000")
        .replace("half-open-timeout-s: 30", "half-open-timeout-s: 2")
        .replace("dpd-s: 60", f"dpd-s: {DPD_S}")
    )


def mutate(host, *args):
    done = host.run(tools.build_folder() / "tools" / "ikemutate", *args, timeout=MUTATE_TIMEOUT_S)
    return json.loads(done.stdout)


# A flood at sanitizer builds: with others beside it main is silent for longer than its keeper allows.
@pytest.mark.alone
def test_mutated_packets_find_nothing_and_leave_nothing(make_cluster, sanitized):
    cluster = make_cluster(peers=1, edits={"members": forget_soon})
    attacker = cluster.net.hosts["p1"]
    member = layout.home_address("m1")
    identity = layout.peer_identity(1)

    sent = mutate(attacker, "clear", layout.DIRECTOR_ADDRESS, CLEAR_EACH, SEED)["sent"]
    assert sent == CLEAR_EACH
    sent = mutate(attacker, "clear", member, CLEAR_EACH, SEED + 1)["sent"]
    assert sent == CLEAR_EACH
    sealed = mutate(attacker, "sealed", member, SEALED, SEED + 2, identity, cluster.psk(identity))
    assert sealed["sent"] == SEALED
    # It was no attack on a closed door: SAs were really there.
    assert sealed["handshakes"] > SEALED // 10
    assert sealed["established"] > SEALED // 20

    # The director goes on answering, and counted what it did not answer.
    status = cluster.status()
    assert status["members"]["active"] == len(layout.MEMBERS)
    dropped = status["front_end"]["dropped"]
    assert dropped["malformed"] > 0 and dropped["not-ike"] > 0 and dropped["not-initial"] > 0

    def is_quiet():
        row = cluster.members()["m1"]
        return row["sas"] == 0 and row["half_open"] == 0 and cluster.peers() == {}

    wait_for(is_quiet, QUIET_DEADLINE_S, lambda: f"no SA left: {cluster.members()['m1']}")

    # And both still serve a stock peer. Taking the cluster down checks the exit status of all.
    peer = layout.start_peer(cluster.net, 1, cluster.psk(identity))
    peer.initiate()

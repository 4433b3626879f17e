# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the network tests: a cluster that is started, and taken down whatever happens."""

import os
import re
import shutil

import pytest

from lib import layout, tools
from lib.topology import Topology, exit_on_signals
from lib.waypost import Cluster

LOGS = tools.SOURCE / "build" / "logs"
FAILED = pytest.StashKey[bool]()


def pytest_configure():
    exit_on_signals()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    outcome = yield
    if outcome.get_result().failed:
        item.stash[FAILED] = True


@pytest.fixture
def net(request):
    """An empty topology. If the test fails, what its hosts logged stays in build/logs/net/TEST.

    net is the folder of the test.
    """
    if os.geteuid() != 0:
        pytest.skip("not root: network namespaces need it (sudo make check-net)")
    target = LOGS / request.path.parent.name / re.sub(r"\W+", "-", request.node.name).strip("-")
    shutil.rmtree(target, ignore_errors=True)
    with Topology() as topology:
        yield topology
        if request.node.stash.get(FAILED, False):
            topology.save_logs(target)
            print(f"logs and captures: {target}")


@pytest.fixture
def make_cluster(net):
    """make_cluster(peers=N, edits={host: change}) builds a cluster and starts it if start is set.

    edits change the example configurations (text -> text), for "members" those of all members.
    Peers beyond the examples get secrets of their own. After the test everything must still run
    and end well; the members that the test stops, kills or cuts off go into cluster.expect_dead.
    """
    clusters = []

    def make(peers=2, edits=None, start=True):
        layout.build(net, peers)
        cluster = Cluster(net)
        cluster.lay_out()
        cluster.provide_secrets(peers)
        for host, change in (edits or {}).items():
            for name in layout.MEMBERS if host == "members" else [host]:
                cluster.edit(name, change)
        clusters.append(cluster)
        if start:
            cluster.start()
        return cluster

    yield make
    problems = [problem for cluster in clusters for problem in cluster.stop()]
    assert not problems, "\n".join(problems)

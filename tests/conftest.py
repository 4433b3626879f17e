# SPDX-License-Identifier: Apache-2.0
"""Fixtures of the network tests: a cluster that is started, and taken down whatever happens."""

import concurrent.futures
import os
import re
import shutil
import traceback

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


def log_folder(request):
    """Of a test, empty; skips the test if it is not run as root."""
    if os.geteuid() != 0:
        pytest.skip("not root: network namespaces need it (sudo make check-net)")
    target = LOGS / request.path.parent.name / re.sub(r"\W+", "-", request.node.name).strip("-")
    shutil.rmtree(target, ignore_errors=True)
    return target


def build_cluster(net, peers, edits):
    layout.build(net, peers)
    cluster = Cluster(net)
    cluster.lay_out()
    cluster.provide_secrets(peers)
    for host, change in (edits or {}).items():
        for name in layout.MEMBERS if host == "members" else [host]:
            cluster.edit(name, change)
    return cluster


@pytest.fixture
def net(request):
    """An empty topology. What its hosts logged stays in build/logs/FOLDER/TEST if the test fails."""
    target = log_folder(request)
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
        cluster = build_cluster(net, peers, edits)
        clusters.append(cluster)
        if start:
            cluster.start()
        return cluster

    yield make
    problems = [problem for cluster in clusters for problem in cluster.stop()]
    assert not problems, "\n".join(problems)


@pytest.fixture
def in_parallel(request):
    """in_parallel({name: case}, peers=N, edits=...) runs the cases at once.

    For cases that mostly wait. Each case is a function that gets a started cluster of its own, in a
    topology of its own; what make_cluster says of clusters holds.
    """
    target = log_folder(request)

    def run_case(name, case, peers, edits):
        with Topology() as topology:
            try:
                cluster = build_cluster(topology, peers, edits)
                try:
                    cluster.start()
                    case(cluster)
                finally:
                    problems = cluster.stop()
                assert not problems, "\n".join(problems)
            except BaseException:
                topology.save_logs(target / name)
                raise

    def run(cases, peers=0, edits=None):
        with concurrent.futures.ThreadPoolExecutor(len(cases)) as pool:
            runs = {
                name: pool.submit(run_case, name, case, peers, edits)
                for name, case in cases.items()
            }
        failed = {name: one.exception() for name, one in runs.items() if one.exception()}
        for name, error in failed.items():
            traceback.print_exception(error)
        assert not failed, f"{', '.join(failed)} failed, logs in {target}: {failed}"

    return run

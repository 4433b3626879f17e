# SPDX-License-Identifier: Apache-2.0
"""Programs that are to refuse to start: run them, see what they say, and that nothing stays."""

import re
from contextlib import contextmanager

from . import layout, tools
from .topology import Topology
from .wait import wait_for
from .waypost import Cluster

END_TIMEOUT_S = 10
CLEAN_DEADLINE_S = 2
FAILED, USAGE = 1, 2
PROGRAM_OF = {"director": "waypost-director", "m1": "waypost-agent"}
TUN_DEVICE = "waypost0"


@contextmanager
def bench():
    """Hosts with configuration and certificates where nothing runs, for many short starts."""
    with Topology() as net:
        layout.build(net, peers=1)
        cluster = Cluster(net)
        cluster.lay_out()
        yield Bench(net, cluster)


class Bench:
    def __init__(self, net, cluster):
        self.net = net
        self.cluster = cluster

    def state(self, host):
        return self.net.folder / host / "state"

    def run(self, host, *options, config=None, state=None, before=()):
        """Run the host's daemon to its end. before: a command that runs it."""
        argv = [tools.build_folder() / PROGRAM_OF[host], "-c", config or self.cluster.config(host)]
        argv += ["--state-dir", state or self.state(host), *options]
        return self.net.hosts[host].run(*before, *argv, check=False, timeout=END_TIMEOUT_S)

    @contextmanager
    def edited(self, host, change):
        """The configuration changed (text -> text), for as long as the context."""
        path = self.cluster.config(host)
        text = path.read_text()
        changed = change(text)
        assert changed != text, "the change changes nothing"
        path.write_text(changed)
        try:
            yield path
        finally:
            path.write_text(text)

    def assert_refused(self, host, done, code, *patterns):
        """It ended with that code, said this (regular expressions), and left nothing behind."""
        said = done.stdout + done.stderr
        assert done.returncode == code, f"status {done.returncode}, not {code}:\n{said}"
        for pattern in patterns:
            assert re.search(pattern, said), f"nothing like {pattern!r} in:\n{said}"
        assert "Sanitizer" not in said, said
        self.assert_nothing_left(host)

    def assert_nothing_left(self, name, running=()):
        host = self.net.hosts[name]

        def left():
            links = [link["ifname"] for link in host.ip_json("link", "show")]
            return (
                [pid for pid in host.pids() if pid not in running]
                + [link for link in links if link == TUN_DEVICE]
                + [a for a in host.addresses("eth0") if a.startswith(layout.home_address("m1"))]
            )

        wait_for(lambda: not left(), CLEAN_DEADLINE_S, lambda: f"{name}: left behind: {left()}")

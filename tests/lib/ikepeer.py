# SPDX-License-Identifier: Apache-2.0
"""ikepeer in a host of the topology: tunnels that stay, and probes."""

import json

from . import layout, tools

UP_DEADLINE_S = 20
EVENT_DEADLINE_S = 15


def program():
    return tools.build_folder() / "ikepeer"


def write_psk(host, psk):
    path = host.folder / "psk"
    path.touch(mode=0o600)
    path.write_text(f"{psk}\n")
    return path


class IkePeer:
    """`ikepeer up --json` in a host; its lines are in the log, among those of standard error."""

    def __init__(self, host, gateway, identity, psk, *args):
        self.host = host
        self.argv = [program(), "up", "--json", "--gateway", gateway, "--id", identity]
        self.argv += ["--psk-file", write_psk(host, psk), *args]
        self.process = None

    def start(self):
        self.process = self.host.start("ikepeer", self.argv)

    def events(self, name=None):
        """All events so far, or those of that name."""
        lines = [line for line in self.process.log().splitlines() if line.startswith("{")]
        found = [json.loads(line) for line in lines]
        return [event for event in found if name in (None, event["event"])]

    def wait_event(self, name, count=1, deadline_s=EVENT_DEADLINE_S):
        """Wait until there are so many of that name; returns the last of them."""
        self.process.wait_log(rf'"event":"{name}".*\n', deadline_s, count)
        return self.events(name)[count - 1]

    def stop(self):
        return self.process.stop()


def start_peer(net, number, psk, *args):
    """Start it in the host of a peer, set up to ask the director; returns it.

    Its inner address is taken from lo, where strongSwan wants it, and put on its own device.
    """
    host = net.hosts[f"p{number}"]
    inner = f"{layout.inner_address(number)}/32"
    host.ip("addr", "del", inner, "dev", "lo")
    peer = IkePeer(
        host,
        layout.DIRECTOR_ADDRESS,
        layout.peer_identity(number),
        psk,
        *("--local", inner, "--remote", layout.PROTECTED, "--gateway-id", layout.GATEWAY_ID),
        *args,
    )
    peer.start()
    return peer


def probe(host, *args):
    """(exit status, what it printed as JSON) of a probe."""
    done = host.run(program(), "probe", "--json", *args, check=False)
    return done.returncode, json.loads(done.stdout) if done.stdout else done.stderr

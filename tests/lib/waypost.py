# SPDX-License-Identifier: Apache-2.0
"""A cluster: lays out configuration and certificates, starts director and agents, asks clusteradm.

Each host's folder gets etc/ with the example files of the source tree as they are, etc/pki/ with
its own certificate and key, and state/. The operator's are in PREFIX/ops/etc.
"""

import json
import os
import secrets
import shutil
from pathlib import Path

from . import layout, tools, yamltext
from .wait import wait_for

START_DEADLINE_S = 15
STOP_DEADLINE_S = 10
CLUSTER_NAME = "demo"
PROGRAMS = ("waypost-director", "waypost-agent", "clusteradm")

# Host -> the example it gets and the name it has there.
EXAMPLES = {
    "director": ("director.yaml", "director.yaml"),
    "m1": ("agent.yaml", "agent.yaml"),
    "m2": ("demo/agent-m2.yaml", "agent.yaml"),
    "m3": ("demo/agent-m3.yaml", "agent.yaml"),
    "ops": ("clusteradm.yaml", "clusteradm.yaml"),
}
# Host -> kind and name of its certificate.
CERTIFICATES = {
    "director": ("director", "d1"),
    **{name: ("member", name) for name in layout.MEMBERS},
    "ops": ("admin", "ops"),
}


def require_programs():
    missing = [name for name in PROGRAMS if not (tools.build_folder() / name).exists()]
    if missing:
        raise FileNotFoundError(f"{tools.build_folder()} has no {', '.join(missing)}: run make")


class Agent:
    """The waypost-agent of one member, with its two processes."""

    def __init__(self, host, process):
        self.host = host
        self.process = process

    def pids(self):
        """All processes of the program in the member's namespace."""
        return [pid for pid in self.host.pids() if _is_agent(pid)]

    def main_pid(self):
        """The process that gave root up; the other one is the keeper."""
        found = [pid for pid in self.pids() if _uid(pid) != 0]
        assert len(found) == 1, f"{self.host.name}: main not found: {self.process.describe()}"
        return found[0]

    def signal(self, number):
        """Send a signal to all its processes."""
        for pid in self.pids():
            os.kill(pid, number)


def _is_agent(pid):
    try:
        argv = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return any(arg.endswith(b"/waypost-agent") for arg in argv)


def _uid(pid):
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("Uid:"):
            return int(line.split()[2])  # the effective one
    raise AssertionError(f"no Uid in the status of {pid}")


class Cluster:
    """The programs under test on the hosts of layout.build()."""

    def __init__(self, net, etc=tools.SOURCE / "etc"):
        require_programs()
        self.net = net
        self.etc = etc
        self.director = None
        self.agents = {}
        self.expect_dead = set()  # members that stop() is not to judge

    # ---- files ---------------------------------------------------------------

    def lay_out(self):
        """Copy the examples and make the certificates. Change them with edit() afterwards."""
        for host, (source, name) in EXAMPLES.items():
            folder = self.net.folder / host / "etc"
            (folder / "pki").mkdir(parents=True)
            shutil.copyfile(self.etc / source, folder / name)
        for member in layout.MEMBERS:
            (self.net.folder / member / "state").mkdir()
            self.set_peers_file(member, (self.etc / "peers.yaml").read_text())
        (self.net.folder / "director" / "state").mkdir()
        self._make_pki()

    def config(self, host):
        return self.net.folder / host / "etc" / EXAMPLES[host][1]

    def edit(self, host, change):
        """change: text -> text."""
        path = self.config(host)
        path.write_text(change(path.read_text()))

    def set_peers_file(self, member, text):
        path = self.net.folder / member / "etc" / "peers.yaml"
        path.touch(mode=0o600)
        path.write_text(text)

    def psks(self):
        """{identity: secret} of the peers, as the members have them."""
        path = self.net.folder / layout.MEMBERS[0] / "etc" / "peers.yaml"
        return yamltext.read_psks(path.read_text())

    def psk(self, identity):
        return self.psks()[identity]

    def provide_secrets(self, peers):
        """Give the members a peers file for that many peers, if the example has fewer."""
        known = self.psks()
        if all(layout.peer_identity(number) in known for number in range(1, peers + 1)):
            return
        lines = ["peers:"]
        for number in range(1, peers + 1):
            identity = layout.peer_identity(number)
            inner = f"{layout.inner_address(number)}/32"
            psk = f"0x{secrets.token_hex(16)}"
            lines.append(f'  - {{id: {identity}, psk: "{psk}", remote-ts: [{inner}]}}')
        for member in layout.MEMBERS:
            self.set_peers_file(member, "\n".join(lines) + "\n")

    def _make_pki(self):
        pki = self.net.folder / "ops" / "pki"

        def make(*args):
            self.net.hosts["director"].run(self._program("clusteradm"), "pki", *args, "--dir", pki)

        make("init", "--cluster", CLUSTER_NAME)
        for host, (kind, name) in CERTIFICATES.items():
            names = ["--host", layout.DIRECTOR_ADDRESS] if kind == "director" else []
            make("issue", kind, name, *names)
            own = self.net.folder / host / "etc" / "pki"
            for file in ("ca.crt", f"{kind}-{name}.crt", f"{kind}-{name}.key"):
                shutil.copy2(pki / file, own / file)

    @staticmethod
    def _program(name):
        return tools.build_folder() / name

    # ---- running -------------------------------------------------------------

    def start(self):
        """Start everything and wait until all members are active."""
        self.start_director()
        for member in layout.MEMBERS:
            self.start_agent(member)
        self.wait_active()

    def start_director(self):
        host = self.net.hosts["director"]
        self.director = host.start("director", self._argv("waypost-director", "director"))
        wait_for(
            lambda: self._is_answering(),
            START_DEADLINE_S,
            lambda: f"an answer of the director's API; {self.director.describe()}",
        )

    def start_agent(self, member):
        host = self.net.hosts[member]
        process = host.start("agent", self._argv("waypost-agent", member))
        self.agents[member] = Agent(host, process)
        return self.agents[member]

    def _argv(self, program, host):
        state = self.net.folder / host / "state"
        return [self._program(program), "-c", self.config(host), "--state-dir", state]

    def _is_answering(self):
        if not self.director.is_running():
            raise AssertionError(self.director.describe())
        return self._clusteradm("status", check=False).returncode == 0

    def wait_active(self, members=layout.MEMBERS, deadline_s=START_DEADLINE_S):
        self.wait_state("active", members, deadline_s)

    def wait_state(self, states, members, deadline_s):
        """Wait until each of the members is in the state, or in one of the states."""
        wanted = {states} if isinstance(states, str) else set(states)

        def reached():
            for member in members:
                if "active" in wanted and not self.agents[member].process.is_running():
                    raise AssertionError(self.agents[member].process.describe())
            now = {name: row["state"] for name, row in self.members().items()}
            return all(now.get(member) in wanted for member in members)

        wait_for(
            reached,
            deadline_s,
            lambda: f"{', '.join(members)} {' or '.join(sorted(wanted))}\n{self.describe()}",
        )

    def describe(self):
        """For failure messages: the ends of all logs."""
        processes = [self.director, *[agent.process for agent in self.agents.values()]]
        return "\n".join(process.describe() for process in processes if process is not None)

    def stop(self):
        """Stop everything; returns what went wrong: ended before, or not with status 0."""
        problems = []
        agents = [a.process for name, a in self.agents.items() if name not in self.expect_dead]
        for process in [*agents, self.director]:
            if process is None:
                continue
            if not process.is_running():
                problems.append(f"ended by itself: {process.describe()}")
            elif process.stop(STOP_DEADLINE_S) != 0:
                problems.append(f"did not end well: {process.describe()}")
        return problems

    # ---- clusteradm ----------------------------------------------------------

    def adm_argv(self):
        """The command line of the operator's tool up to the command."""
        return [self._program("clusteradm"), "-c", self.config("ops")]

    def _clusteradm(self, *args, check=True):
        return self.net.hosts["director"].run(*self.adm_argv(), *args, check=check)

    def adm(self, *args):
        """Run a command; returns what it prints."""
        return self._clusteradm(*args).stdout

    def adm_json(self, *args):
        return json.loads(self._clusteradm("--json", *args).stdout)

    def status(self):
        return self.adm_json("status")

    def members(self):
        """{name: row of GET /v1/members}"""
        return {row["name"]: row for row in self.adm_json("members")["members"]}

    def peers(self):
        """{identity: row of GET /v1/peers}"""
        return {row["identity"]: row for row in self.adm_json("peers")["peers"]}

    def sas(self, *args):
        """IKE SAs with their Child SAs, of all active members or as the arguments say."""
        return self.adm_json("sas", *args)

    def placement(self, address):
        return self.adm_json("placement", address)

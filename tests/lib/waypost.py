# SPDX-License-Identifier: Apache-2.0
"""A cluster: lays out configuration and certificates, starts director and agents, asks clusteradm.

Each host's folder gets etc/ with the example files of the source tree as they are, etc/pki/ with
its own certificate and key, and state/. The operator's are in PREFIX/ops/etc.
"""

import json
import os
import secrets
import shutil
import signal
from pathlib import Path

from . import layout, tools, yamltext
from .addrwatch import now_us
from .wait import wait_for

START_DEADLINE_S = 15
STOP_DEADLINE_S = 10
SETTLE_DEADLINE_S = 20  # for an address to be where it belongs
REVIVED_US = 500000
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
        return self._pid("main", lambda pid: _uid(pid) != 0)

    def keeper_pid(self):
        return self._pid("keeper", lambda pid: _uid(pid) == 0)

    def _pid(self, what, is_it):
        found = [pid for pid in self.pids() if is_it(pid)]
        assert len(found) == 1, f"{self.host.name}: {what} not found: {self.process.describe()}"
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

    def start(self, members=layout.MEMBERS):
        """Start everything, or these members only, and wait until they are active."""
        self.start_director()
        for member in members:
            self.start_agent(member)
        self.wait_active(members)

    def start_director(self, env=None):
        host = self.net.hosts["director"]
        self.director = host.start("director", self._argv("waypost-director", "director"), env)
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

    def is_heard(self, member):
        return self.members()[member]["state"] in ("joining", "active")

    def wait_back(self, *members, deadline_s=START_DEADLINE_S):
        """Wait until these are heard; a member whose home address is elsewhere is joining."""
        self.wait_state(("joining", "active"), members, deadline_s)

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

    # ---- faults --------------------------------------------------------------
    # Each returns the moment (now_us()) before it did it.

    def kill_main(self, member):
        """SIGKILL to main; the keeper finds out by itself."""
        pid = self.agents[member].main_pid()
        self.expect_dead.add(member)
        moment = now_us()
        os.kill(pid, signal.SIGKILL)
        return moment

    def hang(self, member, *processes):
        """SIGSTOP to "main", "keeper", or first the one, then the other."""
        agent = self.agents[member]
        pids = {"main": agent.main_pid(), "keeper": agent.keeper_pid()}
        self.expect_dead.add(member)
        moment = now_us()
        for process in processes:
            os.kill(pids[process], signal.SIGSTOP)
        return moment

    def unhang(self, member):
        self.agents[member].signal(signal.SIGCONT)

    def revive(self, member):
        """What hung goes on. If it ends upon that, it is started again; until it is heard."""
        self.unhang(member)
        resumed = now_us()

        def is_back():
            agent = self.agents[member]
            if not agent.pids() and not agent.process.is_running():
                self.start_agent(member)
            # Main may be heard once more before it finds that its keeper is gone.
            is_settled = now_us() > resumed + REVIVED_US
            return is_settled and agent.pids() and self.is_heard(member)

        wait_for(is_back, START_DEADLINE_S, lambda: f"{member} is back: {self.describe()}")
        self.expect_dead.discard(member)

    def cut_power(self, member):
        host = self.net.hosts[member]
        self.expect_dead.add(member)
        moment = now_us()
        self.net.cut_power(host)
        return moment

    def restore_power(self, member):
        """The host boots and starts the agent."""
        self.net.restore_power(self.net.hosts[member])
        self.restart_agent(member)

    def restart_agent(self, member):
        """Start the agent again, as a service manager would when all its processes have ended."""
        agent = self.agents[member]
        wait_for(lambda: not agent.pids(), STOP_DEADLINE_S, lambda: f"its end: {self.describe()}")
        agent.process.wait(STOP_DEADLINE_S)
        self.start_agent(member)
        self.expect_dead.discard(member)

    def kill_director(self):
        self.director.kill()

    # ---- addresses -----------------------------------------------------------

    def addresses(self):
        """{address: row of GET /v1/addresses}"""
        return {row["address"]: row for row in self.adm_json("addresses")["addresses"]}

    def address(self, address):
        return self.addresses()[address]

    def wait_address(self, address, deadline_s=SETTLE_DEADLINE_S, **wanted):
        """Wait until the director's row of it has these values; returns the row."""

        def reached():
            row = self.address(address)
            return row if all(row.get(key) == value for key, value in wanted.items()) else None

        return wait_for(
            reached,
            deadline_s,
            lambda: f"{address} with {wanted}, not {self.address(address)}\n{self.describe()}",
        )

    def wait_home(self, deadline_s=SETTLE_DEADLINE_S):
        """Wait until every member is active and has its home address, really."""
        self.wait_active(deadline_s=deadline_s)
        for member in layout.MEMBERS:
            address = layout.home_address(member)
            self.wait_address(address, deadline_s, owner=member, state="owned")
            self.wait_holders(address, [member], deadline_s)

    def holders(self, address):
        """The members in whose kernel the address is."""
        found = []
        for member in layout.MEMBERS:
            shown = self.net.hosts[member].ip_json("addr", "show")
            entries = [entry for link in shown for entry in link.get("addr_info", [])]
            if any(entry.get("local") == address for entry in entries):
                found.append(member)
        return found

    def wait_holders(self, address, members, deadline_s=SETTLE_DEADLINE_S):
        wait_for(
            lambda: self.holders(address) == sorted(members),
            deadline_s,
            lambda: f"{address} at {members}, not {self.holders(address)}\n{self.describe()}",
        )

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

    def events(self, *subjects, after=0):
        """[(what, why)] of the director's history about these subjects, or all."""
        rows = self.adm_json("events", "--after", str(after), "--limit", "1000")["events"]
        return [(e["what"], e["why"]) for e in rows if not subjects or e["subject"] in subjects]

    def sas(self, *args):
        """IKE SAs with their Child SAs, of all active members or as the arguments say."""
        return self.adm_json("sas", *args)

    def placement(self, address):
        return self.adm_json("placement", address)

# SPDX-License-Identifier: Apache-2.0
"""Hosts and bridges in network namespaces, cleaned up whatever happens.

    with Topology() as net:
        net.add_bridge("wan")
        host = net.add_host("m1", {"eth0": ("wan", "192.0.2.11/24")}, forward=True)
        host.run("ping", "-c1", "192.0.2.10")

Each host is a network namespace PREFIX-NAME with a folder of its own; each bridge a namespace with
the bridge br0, whose ports are named after the hosts. Any number of topologies can exist at once.
"""

import atexit
import json
import os
import shutil
import signal
import subprocess

from . import bridgeport, netns, runs
from .capture import Capture
from .echo import echo
from .process import Process
from .wait import wait_for

COMMAND_TIMEOUT_S = 30
KILL_DEADLINE_S = 5
BRIDGE = "br0"

# A new namespace takes its IPv4 settings from the machine's: these must not depend on it.
# rp_filter: the way back of a decapsulated packet is another interface than the one it came from.
# accept_dad: addresses are usable at once.
HOST_SYSCTLS = {
    "net/ipv4/conf/all/rp_filter": 0,
    "net/ipv4/conf/default/rp_filter": 0,
    "net/ipv4/conf/all/send_redirects": 0,
    "net/ipv4/conf/default/send_redirects": 0,
    "net/ipv6/conf/all/accept_dad": 0,
    "net/ipv6/conf/default/accept_dad": 0,
}

_alive = []


def require_root():
    if os.geteuid() != 0:
        raise PermissionError("network namespaces need root: run this with sudo")


class Host:
    """One network namespace with a folder. Made by Topology.add_host."""

    def __init__(self, name, run):
        self.name = name
        self.netns = run.add_namespace(name)
        self.folder = run.folder / name
        self.links = {}  # interface -> bridge
        self.macs = {}  # interface -> MAC address
        self.processes = []
        self.captures = []
        (self.folder / "log").mkdir(parents=True)

    def argv(self, *args):
        """The command line that runs args inside this host, for subprocess."""
        return ["ip", "netns", "exec", self.netns, *[str(arg) for arg in args]]

    def run(self, *args, check=True, timeout=COMMAND_TIMEOUT_S, env=None):
        """Run a command to its end; its output is text. check: a failure raises with all of it."""
        done = subprocess.run(
            self.argv(*args),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
            env={**os.environ, **(env or {})},
        )
        if check and done.returncode != 0:
            raise AssertionError(
                f"{self.name}: {' '.join(str(arg) for arg in args)}: status {done.returncode}\n"
                f"{done.stdout}{done.stderr}"
            )
        return done

    def feed(self, argv, text):
        """Run a command with that text as its standard input; a failure raises."""
        done = subprocess.run(
            self.argv(*argv), input=text, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise AssertionError(f"{self.name}: {' '.join(argv)}: {done.stderr}\n{text}")

    def start(self, name, argv, env=None):
        """Start a program that stays; its output goes to log/NAME.log of the host's folder."""
        log = self.folder / "log" / f"{name}.log"
        process = Process(f"{self.name}/{name}", self.argv(*argv), log, env)
        self.processes.append(process)
        return process

    def capture(self, interface, name=None, packet_filter=""):
        """A capture that runs already; a context manager that ends it."""
        path = self.folder / f"{name or interface}.pcap"
        capture = Capture(self, interface, path, packet_filter)
        self.captures.append(capture)
        return capture

    def ip(self, *args, stdin=None):
        return netns.ip("-n", self.netns, *args, stdin=stdin)

    def ip_json(self, *args):
        # With nothing to show some versions of ip print nothing rather than [].
        return json.loads(self.ip("-j", *args) or "[]")

    def pids(self):
        return [pid for pid in netns.pids(self.netns) if not netns.is_zombie(pid)]

    def set_sysctls(self, values):
        """Values by path below /proc/sys; of this namespace only."""
        script = "; ".join(f"echo {value} >/proc/sys/{key}" for key, value in values.items())
        self.run("sh", "-ec", script)

    def read_sysctl(self, key):
        return self.run("cat", f"/proc/sys/{key}").stdout.strip()

    def addresses(self, interface):
        """The addresses on an interface with their prefix length, as text."""
        found = []
        for link in self.ip_json("addr", "show", "dev", interface):
            found += [f"{a['local']}/{a['prefixlen']}" for a in link.get("addr_info", [])]
        return found

    def ping(self, address, source=None, count=3, interval_s=0.05, wait_s=2):
        """Ping an IPv4 address; returns the number of answers."""
        return echo(self.netns, address, source, count, interval_s, wait_s)

    def kill_all(self):
        """SIGKILL to everything that runs here, as often as it takes."""
        wait_for(
            lambda: netns.kill_all(self.netns), KILL_DEADLINE_S, lambda: f"the end of {self.pids()}"
        )

    def end(self):
        """End what was started here. Cleaning up kills what else runs in the namespace."""
        for capture in self.captures:
            capture.stop()
        for process in self.processes:
            process.kill()


class Topology:
    """Namespaces, bridges and hosts under one prefix; see the top of the file."""

    def __init__(self, prefixes=None):
        """prefixes: candidates for the name of the run; by default a random, short one."""
        require_root()
        self.run_folder = runs.claim(prefixes)
        self.prefix = self.run_folder.prefix
        self.folder = self.run_folder.folder
        self.bridges = {}
        self.hosts = {}
        self.ports = {}  # bridge -> BridgePorts
        self.wiring = {}  # host -> what add_host() was told
        self.blocked = set()  # (bridge, from host, to host), see block()
        _alive.append(self)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    # ---- building ------------------------------------------------------------

    def add_bridge(self, name):
        bridge = Host(name, self.run_folder)
        bridge.ip(
            "-batch",
            "-",
            stdin=f"link set lo up\n"
            f"link add {BRIDGE} type bridge stp_state 0 forward_delay 0 mcast_snooping 0\n"
            f"link set {BRIDGE} up\n",
        )
        self.bridges[name] = bridge
        self.ports[name] = bridgeport.BridgePorts(bridge.netns)
        return bridge

    def add_host(self, name, links, loopback=(), forward=False):
        """links: {interface: (bridge, address with prefix length)}; loopback: addresses on lo."""
        host = Host(name, self.run_folder)
        host.links = {interface: bridge for interface, (bridge, _) in links.items()}
        self.wiring[name] = (links, loopback, forward)
        self.hosts[name] = host
        self._wire(host)
        host.macs = {link["ifname"]: link["address"] for link in host.ip_json("link", "show")}
        return host

    def _wire(self, host):
        """Give a new namespace its settings, cables and addresses."""
        links, loopback, forward = self.wiring[host.name]
        host.set_sysctls({**HOST_SYSCTLS, "net/ipv4/ip_forward": int(forward)})
        script = ["link set lo up", *[f"addr add {address} dev lo" for address in loopback]]
        for interface, (bridge, address) in links.items():
            port = self.bridges[bridge]
            # "name" and "dev" spelt out: ip takes a host called "a" for a short "address".
            peer = ["peer", "name", host.name, "netns", port.netns]
            mac = ["address", host.macs[interface]] if interface in host.macs else []
            host.ip("link", "add", "name", interface, *mac, "type", "veth", *peer)
            port.ip("link", "set", "dev", host.name, "master", BRIDGE, "up")
            script += [f"addr add {address} dev {interface}", f"link set dev {interface} up"]
        host.ip("-batch", "-", stdin="\n".join(script) + "\n")

    # ---- faults --------------------------------------------------------------

    def cut_off(self, host):
        """Its ports pass nothing from now on, all at once; its carrier stays."""
        for bridge in host.links.values():
            self.ports[bridge].set_state(host.name, bridgeport.DISABLED)

    def reconnect(self, host):
        for bridge in host.links.values():
            self.ports[bridge].set_state(host.name, bridgeport.FORWARDING)

    def cut_power(self, host):
        """Nothing more comes from it, then all that ran there is gone, and so are its links."""
        self.cut_off(host)
        host.kill_all()
        for interface in host.links:
            host.ip("link", "del", "dev", interface)

    def restore_power(self, host):
        """It boots: the same links and files, nothing else that was there, nothing running."""
        netns.delete(host.netns)
        netns.add(host.netns)
        self._wire(host)

    def block(self, sender, receiver, bridges=None):
        """What sender sends does not reach receiver any more; both are hosts. bridges: all."""
        for bridge in bridges or self.bridges:
            self.blocked.add((bridge, sender.name, receiver.name))
        self._apply_blocks()

    def part(self, some, others, bridges=None):
        """Neither side hears the other: hosts, or lists of hosts."""
        for one in _as_list(some):
            for other in _as_list(others):
                for bridge in bridges or self.bridges:
                    self.blocked |= {
                        (bridge, one.name, other.name),
                        (bridge, other.name, one.name),
                    }
        self._apply_blocks()

    def heal(self):
        """Take back block() and part()."""
        self.blocked.clear()
        self._apply_blocks()

    def _apply_blocks(self):
        """One transaction for each bridge; its ports are named after the hosts."""
        for name, bridge in self.bridges.items():
            pairs = sorted((a, b) for where, a, b in self.blocked if where == name)
            script = "table bridge faults {}\ndelete table bridge faults\n"
            script += "table bridge faults {\nchain c {\ntype filter hook forward priority 0;\n"
            script += "".join(f'iifname "{a}" oifname "{b}" counter drop\n' for a, b in pairs)
            bridge.feed(["nft", "-f", "-"], script + "}\n}\n")

    def unplug(self, host, interface):
        """Pull a cable: both ends lose their carrier."""
        self.bridges[host.links[interface]].ip("link", "set", "dev", host.name, "down")

    def plug(self, host, interface):
        self.bridges[host.links[interface]].ip("link", "set", "dev", host.name, "up")

    # ---- the end -------------------------------------------------------------

    def save_logs(self, target):
        """Copy configurations, logs and captures (no key files) to a folder that stays."""
        for host in [*self.bridges.values(), *self.hosts.values()]:
            for path in sorted(host.folder.rglob("*")):
                if path.suffix in (".log", ".pcap", ".yaml", ".conf") and path.is_file():
                    copy = target / host.name / path.relative_to(host.folder)
                    copy.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(path, copy)

    def keep(self):
        """Leave everything running after this process has ended."""
        self.run_folder.keep()
        _alive.remove(self)

    def close(self):
        """End all processes, delete all namespaces and the folder. May be called again."""
        if self not in _alive:
            return
        _alive.remove(self)
        for ports in self.ports.values():
            ports.close()
        try:
            for host in [*self.bridges.values(), *self.hosts.values()]:
                host.end()
        finally:
            self.run_folder.destroy()


def _as_list(hosts):
    return [hosts] if isinstance(hosts, Host) else list(hosts)


def _close_all():
    for topology in list(_alive):
        topology.close()


def exit_on_signals():
    """Turn the signals that end a program into SystemExit, so that everything is cleaned up."""

    def leave(number, _frame):
        raise SystemExit(128 + number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, leave)


atexit.register(_close_all)

#!/usr/bin/python3 -B
# SPDX-License-Identifier: Apache-2.0
"""What the redirect front end costs beside a bare UDP echo.

Answers per CPU-second of the server, for strongSwan's IKE_SA_INIT (456 octets in, 74 out): the same
generator, sizes and rounds for all, one after the other in each round. Over loopback, and as root
over veth between two namespaces. The figure to watch is the ratio to the echo.
"""
import os
import statistics
import subprocess
import sys

BUILD = os.environ.get("WAYPOST_BUILD", "build/release")
ROUNDS = int(os.environ.get("ROUNDS", "9"))
SECONDS = os.environ.get("SECONDS", "0.7")
ANSWER = "74"
SERVERS = {
    "echo": ["udpecho", ANSWER],
    "3 members, sticky": ["front_server", "3", "sticky"],
    "3 members, least-load": ["front_server", "3", "least-load"],
    "191 members, sticky": ["front_server", "191", "sticky"],
    "191 members, least-load": ["front_server", "191", "least-load"],
}
NS = [f"wpb{os.getpid()}s", f"wpb{os.getpid()}c"]


def cpu_s(pid):
    """CPU time of all threads, by the scheduler's clock."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as f:
            total += int(f.read().split()[0])
    return total / 1e9


class Server:
    """A server on its own port, pinned to the first processor."""

    def __init__(self, name, where, address, port):
        tool, *args = SERVERS[name]
        self.name, self.port = name, str(port)
        self.per_cpu_s, self.lost = [], 0.0
        command = where + ["taskset", "-c", "0", f"{BUILD}/tools/{tool}", address, self.port]
        # "ip netns exec" and taskset become the server: its pid is theirs
        self.process = subprocess.Popen(command + args, stdout=subprocess.PIPE, text=True)
        if self.process.stdout.readline() != "ready\n":
            sys.exit(f"{name}: did not start")

    def measure(self, load, address, source):
        before = cpu_s(self.process.pid)
        out = subprocess.run(load + [address, self.port, source, SECONDS], check=True, text=True,
                             stdout=subprocess.PIPE).stdout
        sent, received = map(int, out.split())
        self.per_cpu_s.append(received / (cpu_s(self.process.pid) - before))
        self.lost = max(self.lost, 1 - received / sent)

    def stop(self):
        self.process.terminate()
        self.process.wait()


def compare(title, server_in, load_in, address, source):
    load = load_in + ["taskset", "-c", str(os.cpu_count() - 1), f"{BUILD}/tools/udpload"]
    servers = [Server(name, server_in, address, 15000 + 2 * i) for i, name in enumerate(SERVERS)]
    try:
        for _ in range(ROUNDS):
            for server in servers:
                server.measure(load, address, source)
    finally:
        for server in servers:
            server.stop()
    print(f"{title}: {ROUNDS} rounds, medians")
    for server in servers:
        ratios = [a / b for a, b in zip(server.per_cpu_s, servers[0].per_cpu_s)]
        print(f"  {server.name:24} {statistics.median(server.per_cpu_s):9.0f} answers/CPU-s"
              f"   ratio {statistics.median(ratios):.2f}"
              f" ({min(ratios):.2f}-{max(ratios):.2f})   lost at most {server.lost:.1%}")


def ip(*args):
    subprocess.run(["ip", *args], check=True)


def compare_over_veth():
    inside = [["ip", "netns", "exec", ns] for ns in NS]
    try:
        for ns in NS:
            ip("netns", "add", ns)
            ip("-n", ns, "link", "set", "lo", "up")
        ip("link", "add", "wpb0", "netns", NS[0], "type", "veth", "peer", "wpb1", "netns", NS[1])
        for i, ns in enumerate(NS):
            ip("-n", ns, "addr", "add", f"192.0.2.{10 + i}/24", "dev", f"wpb{i}")
            ip("-n", ns, "link", "set", f"wpb{i}", "up")
        ip("-n", NS[0], "route", "add", "10.64.0.0/16", "via", "192.0.2.11")
        # every address of it is the client's own
        ip("-n", NS[1], "route", "add", "local", "10.64.0.0/16", "dev", "lo")
        compare("veth", inside[0], inside[1], "192.0.2.10", "10.64.0.1")
    finally:
        for ns in NS:
            subprocess.run(["ip", "netns", "del", ns], check=False)


def main():
    compare("loopback", [], [], "127.0.0.1", "127.64.0.1")
    if os.geteuid() == 0:
        compare_over_veth()
    else:
        print("veth: skipped, needs root")


if __name__ == "__main__":
    main()

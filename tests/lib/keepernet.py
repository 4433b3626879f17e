# SPDX-License-Identifier: Apache-2.0
"""The agent's keeper in a pair of namespaces: `member` runs it, `neighbour` sees it from outside.

Driven by build/VARIANT/tools/keeper_drive, which plays main; WAYPOST_BUILD names another build
folder than build/release.
"""
import contextlib
import ctypes
import itertools
import json
import os
import pathlib
import re
import select
import signal
import socket
import struct
import subprocess
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
DRIVE = ROOT / os.environ.get("WAYPOST_BUILD", "build/release") / "tools" / "keeper_drive"

HOME = "192.0.2.21"
HOME6 = "2001:db8::21"
PROTOCOL = 87
# Within it the keeper has taken away what it drops; no lifetime (three seconds) has ended by then.
GONE_S = 2.5
SO_TIMESTAMPNS = 35  # when the kernel saw the frame

number = itertools.count()


def run(*args, check=True):
    return subprocess.run(args, check=check, capture_output=True, text=True).stdout


def wait_until(what, condition, deadline_s):
    """Seconds until the condition held; fails at the deadline."""
    start = time.monotonic()
    while not condition():
        assert time.monotonic() - start < deadline_s, f"not within {deadline_s} s: {what}"
        time.sleep(0.01)
    return time.monotonic() - start


class Namespace:
    def __init__(self, name):
        self.name = name
        run("ip", "netns", "add", name)
        self.ip("link", "set", "lo", "up")

    def ip(self, *args, check=True):
        return run("ip", "-n", self.name, *args, check=check)

    def json(self, *args):
        return json.loads(self.ip("-j", *args) or "[]")

    def run(self, *args, check=True):
        return run("ip", "netns", "exec", self.name, *args, check=check)

    def sysctl(self, name, value):
        self.run("sysctl", "-qw", f"{name}={value}")

    def mac(self, link):
        return self.json("link", "show", "dev", link)[0]["address"]

    def address(self, ip):
        """The entry of that address, or None."""
        for link in self.json("addr", "show"):
            for entry in link.get("addr_info", []):
                if entry.get("local") == ip:
                    return dict(entry, link=link["ifname"])
        return None

    def routes(self, family="-4"):
        return {r["dst"]: r for r in self.json(family, "route", "show", "proto", str(PROTOCOL))}

    def proxies(self, family="-4"):
        return {p["dst"] for p in self.json(family, "neigh", "show", "proxy")}

    def packet_socket(self, link, protocol):
        """An AF_PACKET socket that lives in this namespace."""
        libc = ctypes.CDLL(None, use_errno=True)
        with open("/proc/thread-self/ns/net") as home, open(f"/run/netns/{self.name}") as here:
            assert libc.setns(here.fileno(), 0) == 0
            try:
                sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(protocol))
                sock.bind((link, protocol))
            finally:
                assert libc.setns(home.fileno(), 0) == 0
        return sock

    def close(self):
        for pid in run("ip", "netns", "pids", self.name, check=False).split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
        run("ip", "netns", "del", self.name, check=False)


class Drive:
    """keeper_drive, its keeper, and what both said."""

    def __init__(self, namespace, *options, log=subprocess.PIPE):
        self.lines = []
        self.log = []
        self.changed = threading.Condition()
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", namespace.name, str(DRIVE), *options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True)
        self.follow(self.process.stdout, self.lines)
        self.main, self.keeper = map(int, self.expect(r"pid (\d+) (\d+)").groups())
        if self.process.stderr:
            self.follow(self.process.stderr, self.log)
            self.expect_log("ready")

    def follow(self, stream, lines):
        threading.Thread(target=self.collect, args=(stream, lines), daemon=True).start()

    def collect(self, stream, lines):
        for line in stream:
            with self.changed:
                lines.append(line.rstrip("\n"))
                self.changed.notify_all()

    def wait_line(self, lines, pattern, deadline_s, start=0):
        def find():
            return next(filter(None, (re.search(pattern, l) for l in lines[start:])), None)
        with self.changed:
            match = self.changed.wait_for(find, deadline_s)
        assert match, f"no {pattern!r} in {lines} nor\n" + "\n".join(self.log)
        return match

    def expect(self, pattern, deadline_s=5, start=0):
        return self.wait_line(self.lines, pattern, deadline_s, start)

    def expect_log(self, pattern, deadline_s=5):
        return self.wait_line(self.log, pattern, deadline_s)

    def send(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()

    def ask(self, command):
        """The result and text of the answer to that command."""
        start = len(self.lines)
        self.send(command)
        match = self.expect(r"^answer \S+ \d+ (-?\d+) (.*)$", start=start)
        return int(match[1]), match[2]

    def ok(self, command):
        result, text = self.ask(command)
        assert result == 0, text
        return text

    def is_keeper_alive(self):
        try:
            with open(f"/proc/{self.keeper}/stat") as stat:
                return stat.read().split(")")[1].split()[0] != "Z"
        except FileNotFoundError:
            return False

    def signal(self, sig, *pids):
        for pid in pids:
            os.kill(pid, sig)

    def close(self):
        for pid in (self.main, self.keeper):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(5)


class Frames:
    """What a link of the neighbour sees, with the times."""

    def __init__(self, namespace, link, protocol):
        self.sock = namespace.packet_socket(link, protocol)
        self.sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self.frames = []

    def read(self, deadline_s):
        if select.select([self.sock], [], [], max(deadline_s, 0))[0]:
            frame, control, _, _ = self.sock.recvmsg(2048, 64)
            seconds, nanoseconds = struct.unpack("ll", control[0][2])
            self.frames.append((seconds + nanoseconds / 1e9, frame))

    def wait(self, what, pick, count, deadline_s):
        """The first count frames (time, value) of which pick makes a value."""
        end = time.monotonic() + deadline_s
        while True:
            found = [(t, v) for t, v in ((t, pick(f)) for t, f in self.frames) if v]
            if len(found) >= count:
                return found[:count]
            assert time.monotonic() < end, f"{len(found)} of {count} frames: {what}"
            self.read(end - time.monotonic())

    def close(self):
        self.sock.close()


def arp(frame):
    """(operation, sender MAC, sender, target) of an ARP frame."""
    operation, mac, sender, _, target = struct.unpack("!H6s4s6s4s", frame[20:42])
    return operation, mac.hex(":"), socket.inet_ntoa(sender), socket.inet_ntoa(target)


@contextlib.contextmanager
def pair():
    """The namespaces: eth0 is the outside, eth1 the inside; waypost0 is there to stay."""
    base = f"wpkeep{os.getpid()}x{next(number)}"
    with contextlib.ExitStack() as stack:
        member, neighbour = Namespace(base + "m"), None
        stack.callback(member.close)
        neighbour = Namespace(base + "n")
        stack.callback(neighbour.close)
        for link, prefix in (("eth0", "192.0.2."), ("eth1", "10.1.0.")):
            member.ip("link", "add", link, "type", "veth", "peer", "name", link,
                      "netns", neighbour.name)
            for ns, host in ((member, "11"), (neighbour, "100")):
                ns.ip("addr", "add", prefix + host + "/24", "dev", link)
                ns.ip("link", "set", link, "up")
        for ns, host in ((member, "11"), (neighbour, "100")):
            ns.ip("addr", "add", f"2001:db8::{host}/64", "dev", "eth0", "nodad")
            ns.ip("addr", "add", f"2001:db8:1::{host}/64", "dev", "eth1", "nodad")
        member.ip("tuntap", "add", "dev", "waypost0", "mode", "tun")
        member.ip("link", "set", "waypost0", "up")
        member.sysctl("net.ipv4.ip_forward", 1)
        member.sysctl("net.ipv6.conf.all.forwarding", 1)
        member.sysctl("net.ipv6.conf.eth1.proxy_ndp", 1)
        member.sysctl("net.ipv4.neigh.eth1.proxy_delay", 0)
        member.sysctl("net.ipv6.neigh.eth1.proxy_delay", 0)
        yield member, neighbour

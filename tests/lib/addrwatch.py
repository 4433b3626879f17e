# SPDX-License-Identifier: Apache-2.0
"""When an address answers and who does, seen from a host: tests/tools/addrwatch.c with its log.

All times are microseconds of CLOCK_MONOTONIC, as now_us() returns them.
"""

import time
from dataclasses import dataclass, field

from . import tools
from .wait import wait_for

START_DEADLINE_S = 5


def now_us():
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000


def wall_offset_us():
    """What to add to a time of the wall clock (in microseconds) to have ours."""
    before = now_us()
    wall = time.clock_gettime_ns(time.CLOCK_REALTIME) // 1000
    return (before + now_us()) // 2 - wall


@dataclass(frozen=True)
class Seen:
    """One line. who: the host whose MAC address it is, or the MAC address."""

    us: int
    what: str  # answer, silent, announced, probed, notice, late
    address: str = ""
    kind: str = ""  # of answer and silent: ike, ping, arp
    who: str = ""
    last_us: int = 0  # of silent: the last answer
    number: int = 0  # of notice
    epoch: int = 0


@dataclass
class AddressWatch:
    """Runs addrwatch on a host from the moment it is made. kinds: letters, see addrwatch.c."""

    net: object
    host: object
    addresses: list
    kinds: str = "ip"
    interval_ms: int = 5
    seen: list = field(default_factory=list)
    claims: dict = field(default_factory=dict)  # address -> (epoch, owner) when it began, if known

    def __post_init__(self):
        name = f"addrwatch-{len(self.host.processes)}"
        argv = [tools.build_folder() / "tools" / "addrwatch", "eth0", self.kinds]
        argv += [self.interval_ms, *self.addresses]
        self.process = self.host.start(name, argv)
        self.log = open(self.process.log_path, encoding="ascii")
        self.rest = ""
        self.process.wait_log(r" ready$", START_DEADLINE_S)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.stop()

    def stop(self):
        self.process.kill()
        self.log.close()

    def _name_of(self, mac):
        for host in self.net.hosts.values():
            if mac in host.macs.values():
                return host.name
        return mac

    def _parse(self, line):
        time_text, what, *rest = line.split()
        us = int(time_text)
        if what == "answer":
            return Seen(us, what, rest[1], rest[0], self._name_of(rest[2]))
        if what == "silent":
            return Seen(us, what, rest[1], rest[0], last_us=int(rest[2]))
        if what in ("announced", "probed"):
            return Seen(us, what, rest[0], who=self._name_of(rest[1]))
        if what == "notice":
            number, epoch = int(rest[1]), int(rest[2])
            return Seen(us, what, rest[0], "", self._name_of(rest[3]), 0, number, epoch)
        return Seen(us, what)

    def events(self, since_us=0, **wanted):
        """What was seen since then and has these values, in order."""
        if not self.process.is_running():
            raise AssertionError(self.process.describe())
        lines = (self.rest + self.log.read()).split("\n")
        self.rest = lines.pop()
        self.seen += [self._parse(line) for line in lines]
        return [
            one
            for one in self.seen
            if one.us >= since_us and all(getattr(one, k) == v for k, v in wanted.items())
        ]

    def answers(self, address, since_us, kind="ike", besides=None):
        """The answers since then of anybody but that host."""
        found = self.events(since_us, what="answer", address=address, kind=kind)
        return [one for one in found if one.who != besides]

    def wait_answer(self, address, since_us, deadline_s, kind="ike", besides=None):
        """The first answer since then of somebody else than that host."""
        found = wait_for(
            lambda: self.answers(address, since_us, kind, besides),
            deadline_s,
            lambda: f"an answer ({kind}) of {address} by others than {besides}: "
            f"{self.events(since_us)}",
        )
        return found[0]

    def answerer(self, address, kind="ike"):
        """The host that answers now, None if nobody does."""
        changes = [
            one
            for one in self.events(address=address, kind=kind)
            if one.what in ("answer", "silent")
        ]
        return changes[-1].who or None if changes else None

    def wait_answerer(self, address, host, deadline_s=10, kind="ike"):
        wait_for(
            lambda: self.answerer(address, kind) == host,
            deadline_s,
            lambda: f"{address} ({kind}) answered by {host}: {self.seen[-20:]}",
        )

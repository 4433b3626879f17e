# SPDX-License-Identifier: Apache-2.0
"""ICMP echo requests that are counted exactly.

ping(8) does not wait for the last answers: once it has one, it ends two round trips (or an interval)
after its last request, whatever -W says. On a busy machine that makes losses where there are none.

The first after a tunnel's set-up may be half a second late: the kernel delays its first proxied ARP
answer (proxy_delay, 0.8 s at most), and the one who asks keeps what it sends until then.
"""

import os
import select
import socket
import struct
import time

from . import netns

ECHO, ECHO_REPLY = 8, 0
HEADER = struct.Struct("!BBHHH")
TOKEN_LEN = 16
IP_LEN = 20


def _checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


class _Echo:
    """The requests of one call, told from those of others by a random token."""

    def __init__(self, sock, address):
        self.sock = sock
        self.address = address
        self.token = os.urandom(TOKEN_LEN)
        self.ident = int.from_bytes(self.token[:2], "big")
        self.answered = set()

    def send(self, number):
        request = HEADER.pack(ECHO, 0, 0, self.ident, number) + self.token
        request = HEADER.pack(ECHO, 0, _checksum(request), self.ident, number) + self.token
        try:
            self.sock.sendto(request, (self.address, 0))
        except OSError:
            pass  # no route, or no neighbour: no answer either

    def collect(self, count, until):
        """Take answers until that time, or until there are so many."""
        while len(self.answered) < count:
            left = until - time.monotonic()
            if left <= 0 or not select.select([self.sock], [], [], left)[0]:
                return
            packet, (source, _) = self.sock.recvfrom(2048)
            message = packet[IP_LEN:]
            if source == self.address and message[HEADER.size :] == self.token:
                kind, _, _, _, number = HEADER.unpack_from(message)
                if kind == ECHO_REPLY:
                    self.answered.add(number)


def echo(namespace, address, source=None, count=3, interval_s=0.05, wait_s=2):
    """Send so many from a namespace; the number of those answered, the last within wait_s."""
    with netns.open_socket(namespace, socket.SOCK_RAW, proto=socket.IPPROTO_ICMP) as sock:
        if source:
            sock.bind((source, 0))
        run = _Echo(sock, address)
        due = time.monotonic()
        for number in range(1, count + 1):
            run.send(number)
            due = max(due + interval_s, time.monotonic())
            run.collect(count, due if number < count else time.monotonic() + wait_s)
        return len(run.answered)

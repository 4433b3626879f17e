# SPDX-License-Identifier: Apache-2.0
"""Ports of a bridge, switched with one system call each, so that the moment is known.

bridge(8) does the same, but takes ten milliseconds to start.
"""

import fcntl
import os
import socket
import struct

from . import netns

DISABLED, FORWARDING = 0, 3  # BR_STATE_*

SIOCGIFINDEX = 0x8933
RTM_SETLINK = 19
NLM_F_REQUEST, NLM_F_ACK, NLMSG_ERROR = 1, 4, 2
IFLA_PROTINFO, IFLA_BRPORT_STATE, NLA_F_NESTED = 12, 1, 0x8000
AF_BRIDGE = 7


class BridgePorts:
    """The ports of the bridge in a namespace."""

    def __init__(self, namespace):
        self.sock = netns.open_socket(namespace, socket.SOCK_RAW, socket.AF_NETLINK)
        self.plain = netns.open_socket(namespace, socket.SOCK_DGRAM)

    def _index(self, port):
        request = struct.pack("16si20x", port.encode(), 0)
        return struct.unpack("16si20x", fcntl.ioctl(self.plain, SIOCGIFINDEX, request))[1]

    def set_state(self, port, state):
        attribute = struct.pack("=HHB3x", 5, IFLA_BRPORT_STATE, state)
        nested = struct.pack("=HH", 4 + len(attribute), IFLA_PROTINFO | NLA_F_NESTED) + attribute
        link = struct.pack("=BxHiII", AF_BRIDGE, 0, self._index(port), 0, 0)
        body = link + nested
        flags = NLM_F_REQUEST | NLM_F_ACK
        self.sock.send(struct.pack("=IHHII", 16 + len(body), RTM_SETLINK, flags, 1, 0) + body)
        answer = self.sock.recv(4096)
        kind, error = struct.unpack_from("=4xH10xi", answer)
        if kind != NLMSG_ERROR or error != 0:
            raise OSError(-error, f"port {port}: {os.strerror(-error)}")

    def close(self):
        self.sock.close()
        self.plain.close()

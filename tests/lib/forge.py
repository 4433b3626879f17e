# SPDX-License-Identifier: Apache-2.0
"""What an attacker on the link can send: announcements of addresses that are not its own."""

import os
import socket
import struct

from . import netns

MESH_PORT = 7401
NOTICE_GROUP = "239.255.87.87"
NOTICE = 3
NOTICE_LEN = 72
EPOCH_AT, ADDRESS_AT = 16, 40
ETH_P_ARP = 0x0806


def _mac(text):
    return bytes.fromhex(text.replace(":", ""))


def gratuitous_arp(host, address, interface="eth0"):
    """The host says to all on the link that the address is its own: as request and as reply."""
    mac = _mac(host.macs[interface])
    ip = socket.inet_aton(address)
    with netns.open_socket(host.netns, socket.SOCK_RAW, socket.AF_PACKET) as sock:
        sock.bind((interface, ETH_P_ARP))
        for operation in (1, 2):
            ethernet = b"\xff" * 6 + mac + struct.pack(">H", ETH_P_ARP)
            header = struct.pack(">HHBBH", 1, 0x0800, 6, 4, operation)
            sock.send(ethernet + header + mac + ip + b"\xff" * 6 + ip)


def claim_notice(number, address, epoch):
    """As common/mesh/mesh.h has it, by somebody without the key."""
    head = b"WPM" + struct.pack(">BBBBB", 1, NOTICE, number, 4, 0)
    body = os.urandom(8) + struct.pack(">Q", epoch) + bytes(16)
    return head + body + socket.inet_aton(address) + bytes(12) + os.urandom(16)


def is_notice(packet, address):
    """Whether it is a claim notice for that address: a pcap.Packet."""
    data = packet.payload
    return (
        packet.is_udp(MESH_PORT)
        and len(data) == NOTICE_LEN
        and data[4] == NOTICE
        and data[ADDRESS_AT : ADDRESS_AT + 4] == socket.inet_aton(address)
    )


def notice_epoch(packet):
    return struct.unpack_from(">Q", packet.payload, EPOCH_AT)[0]


def send_notice(host, datagram, targets, source=None):
    """To the group of the link and to each of the addresses."""
    with netns.open_socket(host.netns, socket.SOCK_DGRAM) as sock:
        own = source or host.addresses("eth0")[0].partition("/")[0]
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(own))
        for target in [NOTICE_GROUP, *targets]:
            sock.sendto(datagram, (target, MESH_PORT))

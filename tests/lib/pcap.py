# SPDX-License-Identifier: Apache-2.0
"""Reads tcpdump's files (classic pcap, Ethernet) as far as the tests need: IP, UDP, IKE, ESP."""

import ipaddress
import struct
from dataclasses import dataclass

FILE_HEADER_LEN = 24
RECORD_HEADER_LEN = 16
MAGIC_MICROSECONDS = 0xA1B2C3D4
LINK_ETHERNET = 1
ETH_HEADER_LEN = 14
ETH_IPV4, ETH_IPV6 = 0x0800, 0x86DD
ICMP, UDP, ESP, ICMPV6 = 1, 17, 50, 58
IKE_PORT, NATT_PORT = 500, 4500
NON_ESP_MARKER = bytes(4)
KEEPALIVE = b"\xff"


@dataclass(frozen=True)
class Packet:
    """One IP packet; the ports are 0 and the payload is what follows the IP header if not UDP."""

    time: float
    src: str
    dst: str
    protocol: int
    sport: int
    dport: int
    payload: bytes

    def is_udp(self, port):
        return self.protocol == UDP and port in (self.sport, self.dport)

    def is_keepalive(self):
        return self.is_udp(NATT_PORT) and self.payload == KEEPALIVE

    def ike(self):
        """The IKE message in it, without non-ESP marker; None if it is none (RFC 3948, 2.2)."""
        if self.is_udp(NATT_PORT):
            marked = self.payload.startswith(NON_ESP_MARKER)
            return self.payload[len(NON_ESP_MARKER) :] if marked else None
        return self.payload if self.is_udp(IKE_PORT) else None

    def esp_spi(self):
        """The SPI if it is UDP-encapsulated ESP, else None."""
        if not self.is_udp(NATT_PORT) or self.ike() is not None or len(self.payload) < 8:
            return None
        return struct.unpack_from(">I", self.payload)[0]


def _udp(time, src, dst, protocol, data):
    if protocol == UDP and len(data) >= 8:
        sport, dport, length = struct.unpack_from(">HHH", data)
        return Packet(time, src, dst, protocol, sport, dport, data[8:length])
    return Packet(time, src, dst, protocol, 0, 0, data)


def _ip(time, frame):
    """The packet in an Ethernet frame; None for ARP and the like."""
    (ethertype,) = struct.unpack_from(">H", frame, 12)
    data = frame[ETH_HEADER_LEN:]
    if ethertype == ETH_IPV4:
        header_len = (data[0] & 0xF) * 4
        (total,) = struct.unpack_from(">H", data, 2)
        addresses = [str(ipaddress.IPv4Address(data[at : at + 4])) for at in (12, 16)]
        return _udp(time, *addresses, data[9], data[header_len:total])
    if ethertype == ETH_IPV6:
        addresses = [str(ipaddress.IPv6Address(data[at : at + 16])) for at in (8, 24)]
        return _udp(time, *addresses, data[6], data[40:])
    return None


def read(path):
    """All IP packets of a file that may still be growing: a record cut short ends the list."""
    data = path.read_bytes()
    if len(data) < FILE_HEADER_LEN:
        return []
    magic, link = struct.unpack_from("=I16xI", data)
    if magic != MAGIC_MICROSECONDS or link != LINK_ETHERNET:
        raise ValueError(f"{path}: not a pcap file of Ethernet frames")
    packets = []
    at = FILE_HEADER_LEN
    while at + RECORD_HEADER_LEN <= len(data):
        seconds, micros, length = struct.unpack_from("=III", data, at)
        at += RECORD_HEADER_LEN
        if at + length > len(data):
            break
        packet = _ip(seconds + micros / 1e6, data[at : at + length])
        if packet is not None:
            packets.append(packet)
        at += length
    return packets

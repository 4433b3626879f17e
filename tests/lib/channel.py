# SPDX-License-Identifier: Apache-2.0
"""Somebody with a certificate, or none, at a director's control port: whatever octets a test likes.

TLS is Python's; its ssl module has no exporter, so nobody here can make a heartbeat's MAC.
"""

import ctypes
import json
import select
import socket
import ssl

from . import layout

PORT = 7400
CONTROL = "waypost/1"
API = "http/1.1"
TIMEOUT_S = 10
CHUNK = 65536


def socket_in(host, kind=socket.SOCK_STREAM):
    """A socket that lives in the namespace of a host of the topology."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/thread-self/ns/net") as home, open(f"/run/netns/{host.netns}") as there:
        if libc.setns(there.fileno(), 0) != 0:
            raise OSError(ctypes.get_errno(), f"setns to {host.netns}")
        try:
            return socket.socket(socket.AF_INET, kind)
        finally:
            if libc.setns(home.fileno(), 0) != 0:
                raise SystemExit("cannot come back from a namespace")


def connect(host, port=PORT):
    sock = socket_in(host)
    sock.settimeout(TIMEOUT_S)
    sock.connect((layout.DIRECTOR_ADDRESS, port))
    return sock


def tls_context(pki, name=None, protocols=(CONTROL,), version=ssl.TLSVersion.TLSv1_3):
    """pki: folder of ca.crt; name: NAME.crt and NAME.key there, None to have no certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.minimum_version = context.maximum_version = version
    context.load_verify_locations(pki / "ca.crt")
    if name is not None:
        context.load_cert_chain(pki / f"{name}.crt", pki / f"{name}.key")
    if protocols:
        context.set_alpn_protocols(list(protocols))
    return context


class Channel:
    """One TLS connection to the director; a context manager."""

    def __init__(self, host, context):
        self.sock = context.wrap_socket(connect(host))
        self.buffer = b""

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def close(self):
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data)

    def send_frame(self, frame):
        self.send(json.dumps(frame).encode() + b"\n")

    def _fill(self):
        """False at the end, however it comes."""
        try:
            data = self.sock.recv(CHUNK)
        except (ssl.SSLError, ConnectionError):
            return False
        self.buffer += data
        return data != b""

    def read_line(self):
        """The next line, None at the end of the connection."""
        while b"\n" not in self.buffer:
            if not self._fill():
                return None
        line, _, self.buffer = self.buffer.partition(b"\n")
        return line

    def read_frame(self):
        line = self.read_line()
        return None if line is None else json.loads(line)

    def read_all(self):
        """Everything up to the end of the connection."""
        while self._fill():
            pass
        data, self.buffer = self.buffer, b""
        return data

    def has_ended(self):
        """Whether the other side has closed; waits a moment only."""
        if not select.select([self.sock], [], [], 0)[0]:
            return False
        return not self._fill()

    def ask(self, frame):
        """Send a frame, return the answer."""
        self.send_frame(frame)
        return self.read_frame()


def hello(member, home, **changes):
    """A hello that a director would welcome; changes replace fields, None takes one away."""
    frame = {
        "type": "hello",
        "id": 1,
        "proto": "1.0",
        "member": member,
        "boot_id": "5f3a90c11b22de07",
        "version": "0.1.0",
        "dataplane": "tun",
        "addresses": [
            {"address": home, "link": "eth0", "claim": "l2", "held": True, "epoch": 0}
        ],
        "capacity": 10000,
        "max_epoch": 0,
        "ring_ids": [],
        **changes,
    }
    return {name: value for name, value in frame.items() if value is not None}

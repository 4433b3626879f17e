# SPDX-License-Identifier: Apache-2.0
"""A director of the test's own: welcomes agents and gives them the orders that a test likes.

It hears no heartbeats, since Python's ssl module has no exporter for the key; agents then send them
over TLS as well, where they are acknowledged.
"""

import base64
import contextlib
import json
import queue
import socket
import ssl
import threading

from . import layout
from .channel import CONTROL, PORT, socket_in

DEADLINE_S = 5
KEY = base64.b64encode(b"the key of notices in this test!").decode()


class Session:
    """One agent's connection."""

    def __init__(self, sock, hello):
        self.sock = sock
        self.hello = hello
        self.member = hello["member"]
        self.frames = queue.Queue()  # but heartbeats and reports; None: the connection has ended
        self.states = []  # of heartbeats
        self.ids = 100
        self.lock = threading.Lock()  # of the sending half: acks and orders are of two threads

    def send(self, frame):
        with self.lock:
            self.sock.sendall(json.dumps(frame).encode() + b"\n")

    def order(self, kind, **fields):
        """Send an order, return its id."""
        self.ids += 1
        self.send({"type": kind, "id": self.ids, **fields})
        return self.ids

    def ask(self, kind, **fields):
        """Send an order, return the answer to it."""
        number = self.order(kind, **fields)
        return self.expect(lambda frame: frame.get("id") == number)

    def expect(self, is_it, deadline_s=DEADLINE_S):
        """The next frame that is it; others are passed over."""
        while True:
            frame = self.frames.get(timeout=deadline_s)
            assert frame is not None, f"{self.member}: the connection has ended"
            if is_it(frame):
                return frame

    def expect_type(self, kind):
        return self.expect(lambda frame: frame["type"] == kind)

    def _take(self, frame):
        if frame["type"] == "heartbeat":
            self.states.append(frame["state"])
            self.send({"type": "ack", "seq": frame["seq"]})
        elif frame["type"] == "bye":
            self.frames.put(frame)
            self.send({"type": "ok", "id": frame["id"]})
        elif frame["type"] != "report":
            self.frames.put(frame)


class Director:
    """Listens in the director's host; a context manager."""

    def __init__(self, net, welcome=None):
        """welcome: changes to it, None takes a field away."""
        self.changes = welcome or {}
        self.sessions = queue.Queue()
        self.open = []
        host = net.hosts["director"]
        pki = net.folder / "director" / "etc" / "pki"
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_3
        self.context.verify_mode = ssl.CERT_REQUIRED
        self.context.load_verify_locations(pki / "ca.crt")
        self.context.load_cert_chain(pki / "director-d1.crt", pki / "director-d1.key")
        self.context.set_alpn_protocols([CONTROL])
        self.listener = socket_in(host)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((layout.DIRECTOR_ADDRESS, PORT))
        self.listener.listen()
        self.udp = socket_in(host, socket.SOCK_DGRAM)
        self.udp.bind((layout.DIRECTOR_ADDRESS, PORT))
        self.udp.settimeout(DEADLINE_S)
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def close(self):
        """As if the director were gone: connections and ports. Twice is fine."""
        for sock in [self.listener, *self.open]:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()
        self.udp.close()

    def next_session(self, deadline_s=DEADLINE_S):
        """The agent that has been welcomed."""
        return self.sessions.get(timeout=deadline_s)

    def next_datagram(self, kind):
        """The next UDP datagram of that type, without looking at its MAC."""
        while True:
            frame = json.loads(self.udp.recv(2048)[:-16])
            if frame["type"] == kind:
                return frame

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        session = None
        try:
            sock = self.context.wrap_socket(sock, server_side=True)
            self.open.append(sock)
            for line in sock.makefile("rb"):
                frame = json.loads(line)
                if session is None:
                    session = Session(sock, frame)
                    session.send(self._welcome(session.member))
                    self.sessions.put(session)
                else:
                    session._take(frame)
        except (OSError, ssl.SSLError, ValueError):
            pass
        if session is not None:
            session.frames.put(None)

    def _welcome(self, member):
        frame = {
            "type": "welcome",
            "proto": "1.1",
            "number": layout.member_number(member),
            "cluster": "demo",
            "heartbeat_ms": 100,
            "suspect_ms": 300,
            "epoch": 5,
            "members": [
                {
                    "name": name,
                    "home": [layout.home_address(name)],
                    "mesh": f"192.0.2.{10 + layout.member_number(name)}:7401",
                }
                for name in layout.MEMBERS
            ],
            "ring": [{"id": "n1", "use": "notice", "key": KEY}],
            "successors": {},
            "pins": [],
            "revocations": [],
            **self.changes,
        }
        return {name: value for name, value in frame.items() if value is not None}

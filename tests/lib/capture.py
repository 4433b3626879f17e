# SPDX-License-Identifier: Apache-2.0
"""tcpdump in a host's namespace, and what its files hold."""

import signal
import subprocess

from . import pcap, tools
from .wait import wait_for

START_DEADLINE_S = 10
STOP_DEADLINE_S = 5


class Capture:
    """Packets of an interface, from the moment the constructor returns until stop()."""

    def __init__(self, host, interface, path, packet_filter=""):
        self.path = path
        self.messages = b""
        # --immediate-mode and -U: a packet is in the file as soon as it is seen.
        # -Z root: writes to a folder of root's, where the user tcpdump may not.
        argv = [tools.unconfined("tcpdump"), "-i", interface, "-n", "-s", "0", "-U"]
        argv += ["--immediate-mode", "-Z", "root", "-w", path, *packet_filter.split()]
        self.popen = subprocess.Popen(
            host.argv(*argv),
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        # It says "listening on ..." when the socket is open; before that packets would be missed.
        line = self.popen.stderr.readline()
        while line and b"listening on" not in line:
            self.messages += line
            line = self.popen.stderr.readline()
        if not line:
            raise AssertionError(f"{host.name}: tcpdump -i {interface}: {self.messages.decode()}")

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.stop()

    def packets(self):
        """The packets so far."""
        return pcap.read(self.path)

    def wait_packets(self, predicate, count=1, deadline_s=5, what="packets"):
        """Wait until `count` packets fulfil the predicate; return those."""

        def found():
            matching = [packet for packet in self.packets() if predicate(packet)]
            return matching if len(matching) >= count else None

        return wait_for(found, deadline_s, f"{count} {what} in {self.path}")

    def stop(self):
        if self.popen.poll() is None:
            self.popen.send_signal(signal.SIGINT)
            try:
                self.popen.wait(STOP_DEADLINE_S)
            except subprocess.TimeoutExpired:
                self.popen.kill()
                self.popen.wait()
        self.popen.stderr.close()

# SPDX-License-Identifier: Apache-2.0
"""A ping that goes on: when its answers stopped and when they came again, on our clock."""

import re

from .addrwatch import wall_offset_us
from .wait import wait_for

INTERVAL_S = 0.02
ANSWER = re.compile(r"^\[(\d+)\.(\d{6})\] \d+ bytes from ", re.MULTILINE)


class Pinger:
    """Pings from the moment it is made until stop()."""

    def __init__(self, host, target, source):
        self.text = f"{host.name} ({source}) -> {target}"
        argv = ["ping", "-n", "-D", "-i", INTERVAL_S, "-I", source, target]
        self.process = host.start(f"ping-{len(host.processes)}", argv)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.stop()

    def answers_us(self):
        """The times of all answers, on the clock of now_us()."""
        offset = wall_offset_us()
        found = ANSWER.findall(self.process.log())
        return [int(seconds) * 1000000 + int(micros) + offset for seconds, micros in found]

    def wait_answer(self, since_us, deadline_s):
        """The time of the first answer since then."""

        def first():
            return next((at for at in self.answers_us() if at >= since_us), None)

        return wait_for(first, deadline_s, lambda: f"an answer: {self.text}")

    def stop(self):
        self.process.kill()

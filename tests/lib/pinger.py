# SPDX-License-Identifier: Apache-2.0
"""A ping that goes on: when its answers stopped and came again, on our clock; how many were lost."""

import re
import signal

from .addrwatch import wall_offset_us
from .wait import wait_for

INTERVAL_S = 0.02
ANSWER = re.compile(r"^\[(\d+)\.(\d{6})\] \d+ bytes from ", re.MULTILINE)
SEQUENCE = re.compile(r"icmp_seq=(\d+) ttl")
END_DEADLINE_S = 10


class Pinger:
    """Pings from the moment it is made until stop() or finish()."""

    def __init__(self, host, target, source=None, interval_s=INTERVAL_S):
        self.text = f"{host.name} ({source}) -> {target}"
        origin = ["-I", source] if source else []
        argv = ["ping", "-n", "-D", "-i", str(interval_s), *origin, target]
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

    def finish(self):
        """Ends it; (answered, lost). What was under way in the end is neither."""
        self.process.signal(signal.SIGINT)
        self.process.wait(END_DEADLINE_S)
        answered = {int(number) for number in SEQUENCE.findall(self.process.log())}
        assert answered, self.process.log()
        return len(answered), max(answered) - len(answered)

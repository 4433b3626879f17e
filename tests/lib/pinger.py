# SPDX-License-Identifier: Apache-2.0
"""A ping in the background, for what must lose no packet."""

import re
import signal

INTERVAL_S = 0.003


class Pinger:
    """A ping that runs until it is asked how many were lost."""

    def __init__(self, host, target, source=None, interval_s=INTERVAL_S):
        origin = ["-I", source] if source else []
        argv = ["ping", "-n", "-i", str(interval_s), *origin, target]
        self.process = host.start("ping", argv)

    def stop(self):
        """(answered, lost); what was under way in the end is neither."""
        self.process.signal(signal.SIGINT)
        self.process.wait(10)
        answered = {int(number) for number in re.findall(r"icmp_seq=(\d+) ttl", self.process.log())}
        assert answered, self.process.log()
        return len(answered), max(answered) - len(answered)

# SPDX-License-Identifier: Apache-2.0
"""A program that runs inside a host of the topology, with its output in a log file."""

import os
import re
import signal
import subprocess

from .wait import wait_for

TAIL_LINES = 25


def tail(path, lines=TAIL_LINES):
    """The last lines of a file, indented, for a failure message."""
    try:
        text = path.read_text(errors="replace")
    except OSError as error:
        return f"    ({path}: {error.strerror})"
    last = text.splitlines()[-lines:]
    return "\n".join(f"    {line}" for line in last) if last else "    (empty)"


class Process:
    """One running program. Its output is appended to log_path; its stdin is empty."""

    def __init__(self, name, argv, log_path, env=None):
        self.name = name
        self.argv = [str(arg) for arg in argv]
        self.log_path = log_path
        with open(log_path, "ab") as log:
            # A session of its own: what is typed at a terminal (^C) reaches the owner of the
            # topology only, who then takes everything down in order.
            self.popen = subprocess.Popen(
                self.argv,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(env or {})},
                start_new_session=True,
            )

    @property
    def pid(self):
        return self.popen.pid

    def is_running(self):
        return self.popen.poll() is None

    def log(self):
        try:
            return self.log_path.read_text(errors="replace")
        except FileNotFoundError:
            return ""

    def describe(self):
        """For failure messages: whether it runs, and the end of its log."""
        code = self.popen.poll()
        state = "running" if code is None else f"ended with status {code}"
        return f"{self.name} ({state}), end of {self.log_path}:\n{tail(self.log_path)}"

    def wait_log(self, pattern, deadline_s, count=1):
        """Wait until `count` matches of the regular expression are in the log; return them."""

        def found():
            matches = list(re.finditer(pattern, self.log(), re.MULTILINE))
            if len(matches) < count and not self.is_running():
                raise AssertionError(f"waiting for {pattern!r} in vain: {self.describe()}")
            return matches if len(matches) >= count else None

        return wait_for(found, deadline_s, lambda: f"{pattern!r} in {self.describe()}")

    def signal(self, number):
        if self.is_running():
            self.popen.send_signal(number)

    def wait(self, deadline_s):
        """Wait for its end; return its exit status (negative: the signal that ended it)."""
        wait_for(lambda: not self.is_running(), deadline_s, lambda: f"the end of {self.describe()}")
        return self.popen.returncode

    def stop(self, deadline_s=5):
        """Ask it to end and wait; kill it after the deadline. Returns the exit status."""
        self.signal(signal.SIGTERM)
        try:
            return self.wait(deadline_s)
        except AssertionError:
            self.kill()
            raise

    def kill(self):
        self.signal(signal.SIGKILL)
        self.popen.wait()

# SPDX-License-Identifier: Apache-2.0
"""A host of the topology with a kernel of its own: user-mode Linux (tests/tools/uml-run).

For peers that need what the machine's kernel may not have, such as ESP. The guest is on a bridge
like any other host, and root on the machine's files, but /run, /dev and so on are its own: so its
folder is in build/guest. One CPU: a command takes 50 ms at least.
"""

import itertools
import shlex
import shutil
import subprocess

from . import tools
from .process import Process
from .topology import BRIDGE
from .wait import wait_for

TOOLS = tools.SOURCE / "tests" / "tools"
BOOT_DEADLINE_S = 60
LIFETIME_S = 240
MEMORY_MB = 256
COMMAND_TIMEOUT_S = 60


def why_impossible():
    """Why no guest can run here, or None."""
    for program in ("linux.uml", "modprobe"):
        if shutil.which(program, path=tools.SYSTEM_PATH) is None:
            return f"{program} is missing: packages user-mode-linux and kmod (make deps-check)"
    return None


class Guest:
    """Boots as it is made. eth0 is on the bridge, with that address."""

    def __init__(self, net, name, bridge, address, loopback=()):
        self.name = name
        self.folder = tools.SOURCE / "build" / "guest" / f"{net.prefix}-{name}"
        self.address = address.partition("/")[0]
        self.numbers = itertools.count(1)
        (self.folder / "log").mkdir(parents=True)
        port = net.bridges[bridge]
        port.ip("tuntap", "add", "dev", name, "mode", "tap")
        port.ip("link", "set", "dev", name, "master", BRIDGE, "up")
        argv = [TOOLS / "uml-run", "-t", LIFETIME_S, "-m", MEMORY_MB, "-n", name, "--"]
        argv = port.argv(*argv, TOOLS / "guest-commands", self.folder)
        self.process = Process(f"{name}/guest", argv, self.folder / "log" / "guest.log")
        net.hosts[name] = self
        self._wait(self.folder / "ready", BOOT_DEADLINE_S, "the guest's boot")
        self.run("ip", "link", "set", "vec0", "name", "eth0")
        for inner in loopback:
            self.run("ip", "addr", "add", inner, "dev", "lo")
        self.run("ip", "addr", "add", address, "dev", "eth0")
        self.run("ip", "link", "set", "eth0", "up")

    def _wait(self, path, deadline_s, what):
        def is_there():
            if not self.process.is_running():
                raise AssertionError(self.process.describe())
            return path.exists()

        wait_for(is_there, deadline_s, lambda: f"{what}: {self.process.describe()}")

    def run(self, *args, check=True, timeout=COMMAND_TIMEOUT_S):
        """Run a command to its end; stdout of the result is all of its output."""
        return self.script(shlex.join(str(arg) for arg in args), check, timeout)

    def script(self, text, check=True, timeout=COMMAND_TIMEOUT_S):
        """The same with a few lines of shell."""
        number = next(self.numbers)
        part = self.folder / f"{number}.part"
        part.write_text(text + "\n")
        part.rename(self.folder / f"{number}.cmd")  # it sees all of it or nothing
        status = self.folder / f"{number}.status"
        self._wait(status, timeout, text)
        output = (self.folder / f"{number}.out").read_text(errors="replace")
        done = subprocess.CompletedProcess(text, int(status.read_text()), output, "")
        if check and done.returncode != 0:
            raise AssertionError(f"{self.name}: {text}: status {done.returncode}\n{output}")
        return done

    def ping(self, address, source=None, count=3, interval_s=0.05, wait_s=2):
        """Ping; returns the number of answers. With one, the last are not waited for (echo.py)."""
        origin = ["-I", source] if source else []
        argv = ["-c", count, "-i", interval_s, "-W", wait_s, *origin, address]
        done = self.run("ping", "-n", *argv, check=False)
        for field in done.stdout.split(","):
            if field.strip().endswith("received"):
                return int(field.split()[0])
        raise AssertionError(f"{self.name}: ping {address}: {done.stdout}{done.stderr}")

    def end(self):
        try:
            if self.process.is_running():
                self.process.stop()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

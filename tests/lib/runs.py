# SPDX-License-Identifier: Apache-2.0
"""The folder of one run: claims a prefix, records its owner, finds what dead runs left behind.

/run/waypost-tests/PREFIX/ holds
    owner        "PID START" of the process that built it (START tells a reused PID apart)
    namespaces   one name a line, written before each is made
    kept         only if the owner has ended on purpose and left everything running
    HOST/        a folder per host: configuration, state, logs
A reboot removes it all, as it does the namespaces.
"""

import os
import secrets
import shutil
from pathlib import Path

from . import netns

BASE = Path("/run/waypost-tests")
DEMO_PREFIXES = ["demo", *[f"demo{n}" for n in range(2, 10)]]


def process_start(pid):
    """The start time of a process in clock ticks since boot, None if there is no such process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    return stat.rpartition(")")[2].split()[19]


class Run:
    """One claimed prefix with its folder and namespaces."""

    def __init__(self, folder):
        self.folder = folder
        self.prefix = folder.name

    def add_namespace(self, host):
        """Record and make the namespace of a host; returns its name."""
        name = f"{self.prefix}-{host}"
        with open(self.folder / "namespaces", "a", encoding="ascii") as names:
            names.write(f"{name}\n")
        netns.add(name)
        return name

    def namespaces(self):
        try:
            return (self.folder / "namespaces").read_text().split()
        except FileNotFoundError:
            return []

    def keep(self):
        (self.folder / "kept").touch()

    def is_kept(self):
        return (self.folder / "kept").exists()

    def is_orphan(self):
        """Whether the process that built it is gone and did not mean to leave it."""
        if self.is_kept():
            return False
        try:
            pid, start = (self.folder / "owner").read_text().split()
        except (OSError, ValueError):
            return True  # half removed: a claimed folder always has an owner
        return process_start(pid) != start

    def destroy(self):
        """End its processes, delete its namespaces and its folder. May be called again."""
        for name in self.namespaces():
            netns.delete(name)
        shutil.rmtree(self.folder, ignore_errors=True)


def _claim(prefix):
    """A new Run of that prefix, or None if the prefix is taken."""
    if (BASE / prefix).exists() or any(netns.NETNS_DIR.glob(f"{prefix}-*")):
        return None
    fresh = BASE / f".{os.getpid()}-{secrets.token_hex(4)}"
    fresh.mkdir(mode=0o755)
    (fresh / "owner").write_text(f"{os.getpid()} {process_start(os.getpid())}\n")
    try:
        fresh.rename(BASE / prefix)  # fails if another run was faster: it is not empty
    except OSError:
        shutil.rmtree(fresh)
        return None
    return Run(BASE / prefix)


def claim(prefixes=None):
    """Claim one of the prefixes, or a random one; removes what dead runs left first."""
    sweep()
    for prefix in prefixes or (f"t{secrets.token_hex(2)}" for _ in range(100)):
        run = _claim(prefix)
        if run is not None:
            return run
    raise RuntimeError(f"no free name for a run under {BASE}")


def all_runs():
    if not BASE.exists():
        return []
    return [Run(folder) for folder in sorted(BASE.iterdir()) if not folder.name.startswith(".")]


def sweep():
    """Remove the runs whose owner was killed."""
    BASE.mkdir(mode=0o755, exist_ok=True)
    for run in all_runs():
        if run.is_orphan():
            run.destroy()

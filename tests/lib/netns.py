# SPDX-License-Identifier: Apache-2.0
"""Network namespaces by name: make, delete, list, and the processes inside."""

import ctypes
import os
import signal
import socket
import subprocess
import threading
from pathlib import Path

from .wait import wait_for

NETNS_DIR = Path("/run/netns")
KILL_DEADLINE_S = 5


def ip(*args, stdin=None):
    """Run ip(8) and return its output; raises with ip's own words when it fails."""
    argv = ["ip", *[str(arg) for arg in args]]
    done = subprocess.run(argv, input=stdin, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        script = f"\n{stdin}" if stdin else ""
        raise RuntimeError(f"{' '.join(argv)}: {done.stderr.strip()}{script}")
    return done.stdout


def add(name):
    ip("netns", "add", name)


def exists(name):
    return (NETNS_DIR / name).exists()


def pids(name):
    """The processes whose network namespace this is (one that is deleted has none)."""
    try:
        wanted = os.stat(NETNS_DIR / name)
    except FileNotFoundError:
        return []
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            its = os.stat(f"/proc/{entry}/ns/net")
        except OSError:  # it ended in between
            continue
        if (its.st_dev, its.st_ino) == (wanted.st_dev, wanted.st_ino):
            found.append(int(entry))
    return found


def is_zombie(pid):
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return True
    return stat.rpartition(")")[2].split()[0] in "ZX"


def kill_all(name):
    """SIGKILL to all processes inside; true if there were none any more."""
    left = [pid for pid in pids(name) if not is_zombie(pid)]
    for pid in left:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
    return not left


def delete(name):
    """End what runs inside, then delete the namespace with its interfaces. Gone already is fine."""
    if not exists(name):
        return
    wait_for(
        lambda: kill_all(name),
        KILL_DEADLINE_S,
        lambda: f"the end of all processes in namespace {name}: {pids(name)}",
    )
    try:
        ip("netns", "del", name)
    except RuntimeError:
        if exists(name):
            raise


CLONE_NEWNET = 0x40000000


def open_socket(name, kind=socket.SOCK_STREAM, family=socket.AF_INET, proto=0):
    """A socket of this process that lives in a namespace: where it is made, there it stays."""
    made = []

    def enter_and_make():  # setns() moves the calling thread only
        fd = os.open(f"/run/netns/{name}", os.O_RDONLY)
        try:
            libc = ctypes.CDLL(None, use_errno=True)
            if libc.setns(fd, CLONE_NEWNET) != 0:
                made.append(OSError(ctypes.get_errno(), f"setns to {name}"))
                return
        finally:
            os.close(fd)
        made.append(socket.socket(family, kind, proto))

    thread = threading.Thread(target=enter_and_make)
    thread.start()
    thread.join()
    if isinstance(made[0], OSError):
        raise made[0]
    return made[0]

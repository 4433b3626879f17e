# SPDX-License-Identifier: Apache-2.0
"""Where programs are: the ones under test, and Debian's.

Debian's AppArmor profiles let swanctl, charon-systemd and tcpdump read and write only at their
usual places. The profiles go by path, so a copy elsewhere is free of them; /run is often mounted
noexec, hence the build folder.
"""

import filecmp
import os
import shutil
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
SYSTEM_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


def build_folder():
    """The folder of the programs under test: WAYPOST_BUILD, by default build/release."""
    return SOURCE / os.environ.get("WAYPOST_BUILD", "build/release")


def unconfined(name):
    """The path of a copy of a system program that no AppArmor profile applies to."""
    original = shutil.which(name, path=SYSTEM_PATH)
    if original is None:
        raise FileNotFoundError(f"{name} is not installed: run 'make deps' (or 'make deps-check')")
    copy = SOURCE / "build" / "bin" / name
    if not copy.exists() or not filecmp.cmp(original, copy):
        copy.parent.mkdir(parents=True, exist_ok=True)
        fresh = copy.with_name(f".{name}.{os.getpid()}")
        shutil.copy2(original, fresh)
        fresh.rename(copy)  # in one step: another run may be starting it just now
    return copy

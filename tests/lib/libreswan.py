# SPDX-License-Identifier: Apache-2.0
"""A stock libreswan peer: Debian's pluto in a guest, with ESP in the guest's kernel.

Found out with libreswan 4.10 (Debian 12):
- Its package conflicts with strongSwan's, so it is unpacked, not installed.
- pluto insists on /usr/libexec/ipsec/addconn and runs "ipsec _updown" from the PATH: the guest
  mounts the unpacked folder over /usr/libexec.
- --nssdir needs a database, which may be empty (certutil -N); with none pluto does not start.
- It reads its own connections only as a service; here addconn hands them over.
- whack --initiate, --rekey-ike and --rekey-ipsec return when it is done, and print what the log
  says; after NO_PROPOSAL_CHOSEN to a rekey they do not return.
- pfs=yes, the default, rekeys Child SAs in the group of the IKE SA and offers nothing else.
- As responder of a Child SA rekey it sends on the new SA before its response leaves.
- "ipsec _updown" takes seconds in a guest: half a hundred processes.
"""

import re
import subprocess

from . import tools
from .wait import wait_for

ROOT = tools.SOURCE / "build" / "libreswan"
PROGRAMS = "/usr/libexec/ipsec"
RUNDIR = "/run/pluto"
NSSDIR = "/run/nss"
START_DEADLINE_S = 30
CONNECTION = "waypost"
KINDS = ("IKE", "IPsec")


def unpack():
    """Unpack the package into the build folder, once; RuntimeError if it is not to be had."""
    script = tools.SOURCE / "scripts" / "unpack-package.sh"
    argv = [script, "libreswan", ROOT]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"libreswan not unpacked: {done.stderr}")


class Libreswan:
    """pluto in a guest: connect_to(), then start()."""

    def __init__(self, guest):
        self.guest = guest
        self.conf = guest.folder / "ipsec.conf"
        self.secrets = guest.folder / "ipsec.secrets"
        self.log_path = guest.folder / "log" / "pluto.log"

    def connect_to(self, gateway, identity, psk, local_ts, remote_ts, **options):
        """One connection, as an ordinary site has it.

        options: gateway_id, and conn, a dict of further settings of ipsec.conf.
        """
        gateway_id = options.get("gateway_id", "gw.example.net")
        settings = {
            "left": "%defaultroute",
            "leftid": f"@{identity}",
            "leftsubnet": local_ts,
            "leftsourceip": local_ts.partition("/")[0],
            "right": gateway,
            "rightid": f"@{gateway_id}",
            "rightsubnet": remote_ts,
            "ikev2": "yes",
            "authby": "secret",
            "accept-redirect": "yes",
            **options.get("conn", {}),
        }
        lines = [f"    {key}={value}" for key, value in settings.items()]
        self.conf.write_text("\n".join([f"conn {CONNECTION}", *lines]) + "\n")
        self.secrets.touch(mode=0o600)
        self.secrets.write_text(f'@{identity} @{gateway_id} : PSK "{psk}"\n')

    # ---- running -------------------------------------------------------------

    def start(self):
        """Start pluto and load the connection."""
        self.guest.script(
            f"mount --bind {ROOT}/usr/libexec /usr/libexec\n"
            f"mkdir {RUNDIR} {NSSDIR}\n"
            f"certutil -N -d sql:{NSSDIR} --empty-password\n"
            f"PATH={ROOT}/usr/sbin:$PATH {PROGRAMS}/pluto --config {self.conf} "
            f"--secretsfile {self.secrets} --rundir {RUNDIR} --nssdir {NSSDIR} "
            f"--ipsecdir {RUNDIR} --logfile {self.log_path}\n"
        )
        wait_for(
            lambda: self.whack("--status", check=False).returncode == 0,
            START_DEADLINE_S,
            self.describe,
        )
        control = f"{RUNDIR}/pluto.ctl"
        argv = [f"{PROGRAMS}/addconn", "--config", self.conf, "--ctlsocket", control]
        self.guest.run(*argv, CONNECTION)

    def whack(self, *args, check=True):
        """Run whack; a failure raises with what it printed."""
        return self.guest.run(f"{PROGRAMS}/whack", "--rundir", RUNDIR, *args, check=check)

    def command(self, command, check=True):
        """--initiate, --rekey-ike, --rekey-ipsec or --terminate; returns what it prints."""
        return self.whack(command, "--name", CONNECTION, check=check).stdout

    # ---- the log -------------------------------------------------------------

    def log(self):
        return self.log_path.read_text(errors="replace")

    def describe(self):
        return f"pluto:\n{self.log()[-3000:]}"

    def redirects(self):
        """The addresses that it was redirected to, in order."""
        return re.findall(r"redirect to new gateway \(address: ([0-9a-f.:]+)\)", self.log())

    # ---- SAs -----------------------------------------------------------------

    def count_sas(self):
        """(IKE SAs, Child SAs), as it counts itself."""
        status = self.whack("--status").stdout
        return tuple(int(re.search(rf"{kind} SAs: total\((\d+)\)", status)[1]) for kind in KINDS)

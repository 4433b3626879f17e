# SPDX-License-Identifier: Apache-2.0
"""A stock strongSwan peer: Debian's charon-systemd with userspace ESP in a host of the topology.

Found out with strongSwan 5.9.8 (Debian 12):
- charon-systemd needs neither systemd nor a pid file, so each namespace can have one.
  STRONGSWAN_CONF replaces /etc/strongswan.conf for it and for swanctl.
- kernel-libipsec does ESP over a TUN device (ipsec0) and always inside UDP: it fakes the NAT
  detection hash, so IKE_AUTH and ESP are on port 4500 even with no NAT. It needs kernel-netlink for
  addresses and routes. Its routes are in table 220 and take as source an address in local_ts.
- swanctl loads every plugin there is unless told which; then each call takes seconds.
- The secret of an id may be text in quotes, 0x... or 0s... (base64).
- After a redirect it is "redirected to ADDRESS" in the log, IKE_SA_INIT goes out again with
  REDIR_FROM instead of REDIR_SUP; in swanctl --list-sas the member's address is remote-host.
- It repeats a request after 4 s, then 7.2 s later (retransmit_timeout, _base). That much late is
  a peer that drops the member's first answer, "ignoring request with ID 0, already processing":
  the thread that handles the director's REDIRECT, also an answer to message 0, has not yet put the
  SA back. 4 of 150 redirects on a busy machine with two cores, where members answer within 2 ms.
  Deadlines allow for it.
"""

import re
import socket
from dataclasses import dataclass, field

from . import tools, vici
from .wait import wait_for

START_DEADLINE_S = 10
INITIATE_DEADLINE_S = 20
CHILD = "net"

DAEMON_PLUGINS = (
    "random nonce openssl kdf curve25519 chapoly gcm hmac aes sha2 "
    "kernel-libipsec kernel-netlink socket-default vici updown"
)
SWANCTL_PLUGINS = "random nonce openssl pem pkcs1 x509 pubkey"

# What the log says, from the strings of libcharon.so.0 and seen on the wire.
LOG_REDIRECT_SUPPORTED = r"N\(REDIR_SUP\)"
LOG_REDIRECTED = r"redirected to {address}"
LOG_IKE_ESTABLISHED = r"IKE_SA .* established between"
LOG_CHILD_ESTABLISHED = r"CHILD_SA .* established with SPIs"


@dataclass
class ChildSa:
    name: str
    state: str
    spi_in: str
    spi_out: str
    local_ts: list
    remote_ts: list
    bytes_in: int
    bytes_out: int
    encapsulated: bool
    algorithms: str = ""  # as strongSwan names them, joined by "/"
    packets_in: int = 0
    packets_out: int = 0


@dataclass
class IkeSa:
    name: str
    state: str
    initiator: bool
    initiator_spi: str
    responder_spi: str
    local_host: str
    remote_host: str
    remote_port: int
    remote_id: str
    children: list = field(default_factory=list)
    algorithms: str = ""  # as strongSwan names them, joined by "/"


def parse_pretty(text):
    """The output of `swanctl --pretty` as a list of (event name, nested dict)."""
    stack = [[]]
    for line in text.splitlines():
        line = line.strip()
        if line.endswith("{"):
            stack.append((line[:-1].strip().removesuffix(" event"), {}))
        elif line.endswith("= ["):
            stack.append((line[:-3].strip(), []))
        elif line in ("}", "]"):
            name, value = stack.pop()
            if isinstance(stack[-1], list):
                stack[-1].append((name, value))
            else:
                stack[-1][1][name] = value
        elif line and isinstance(stack[-1], tuple):
            name, value = stack[-1]
            if isinstance(value, list):
                value.append(line)
            else:
                key, _, text_value = line.partition(" = ")
                value[key] = text_value
    return stack[0]


def _algorithms(sa):
    keys = ("encr-alg", "encr-keysize", "prf-alg", "dh-group")
    return "/".join(sa[key] for key in keys if key in sa)


def _child(sa):
    return ChildSa(
        name=sa["name"],
        state=sa["state"],
        spi_in=sa.get("spi-in", ""),
        spi_out=sa.get("spi-out", ""),
        local_ts=sa.get("local-ts", []),
        remote_ts=sa.get("remote-ts", []),
        bytes_in=int(sa.get("bytes-in", 0)),
        bytes_out=int(sa.get("bytes-out", 0)),
        encapsulated=sa.get("encap") == "yes",
        algorithms=_algorithms(sa),
        packets_in=int(sa.get("packets-in", 0)),
        packets_out=int(sa.get("packets-out", 0)),
    )


def _ike(name, sa):
    return IkeSa(
        name=name,
        state=sa["state"],
        initiator=sa.get("initiator") == "yes",
        initiator_spi=sa.get("initiator-spi", ""),
        responder_spi=sa.get("responder-spi", ""),
        local_host=sa.get("local-host", ""),
        remote_host=sa.get("remote-host", ""),
        remote_port=int(sa.get("remote-port", 0)),
        remote_id=sa.get("remote-id", ""),
        children=[_child(child) for child in sa.get("child-sas", {}).values()],
        algorithms=_algorithms(sa),
    )


def _section(name, content, depth=0):
    """A section of strongswan.conf's syntax; content: strings, or dicts for sections inside."""
    pad = "    " * depth
    lines = [f"{pad}{name} {{"]
    for key, value in content.items():
        if isinstance(value, dict):
            lines.append(_section(key, value, depth + 1))
        else:
            lines.append(f"{pad}    {key} = {value}")
    return "\n".join([*lines, f"{pad}}}"])


def _quoted(psk):
    return psk if psk.startswith("0x") else f'"{psk}"'


class StrongSwan:
    """charon in one host: connect_to(), or config() with sections of one's own, then start()."""

    def __init__(self, host, daemon_plugins=DAEMON_PLUGINS, daemon_options=None):
        self.host = host
        self.process = None
        self.conf = host.folder / "strongswan.conf"
        self.swanctl_conf = host.folder / "swanctl.conf"
        self.socket = host.folder / "vici"
        self.uri = f"unix://{self.socket}"
        daemon = {
            "load": daemon_plugins,
            "plugins": {"vici": {"socket": self.uri}},
            "filelog": {
                "stderr": {
                    "default": "1",
                    "ike_name": "yes",
                    "time_format": "%H:%M:%S",
                    "time_add_ms": "yes",
                    "flush_line": "yes",
                }
            },
            **(daemon_options or {}),
        }
        self.conf.write_text(
            f"{_section('charon-systemd', daemon)}\n"
            f"{_section('swanctl', {'load': SWANCTL_PLUGINS})}\n"
        )

    def config(self, connections, secrets):
        """Write swanctl.conf from nested dicts."""
        self.swanctl_conf.write_text(
            f"{_section('connections', connections)}\n{_section('secrets', secrets)}\n"
        )
        self.swanctl_conf.chmod(0o600)

    def connect_to(self, gateway, identity, psk, local_ts, remote_ts, **options):
        """One connection, as an ordinary roadwarrior has it.

        options: gateway_id, ike_options and child_options (dicts of swanctl.conf settings such as
        {"proposals": "aes256gcm16-prfsha256-x25519"}).
        """
        gateway_id = options.get("gateway_id", "gw.example.net")
        connection = {
            "version": 2,
            "local_addrs": self._address(),
            "remote_addrs": gateway,
            "local": {"auth": "psk", "id": identity},
            "remote": {"auth": "psk", "id": gateway_id},
            "children": {
                CHILD: {
                    "local_ts": local_ts,
                    "remote_ts": remote_ts,
                    **options.get("child_options", {}),
                }
            },
            **options.get("ike_options", {}),
        }
        secret = {"id-1": identity, "id-2": gateway_id, "secret": _quoted(psk)}
        self.config({"gw": connection}, {"ike-gw": secret})

    def _address(self):
        return self.host.addresses("eth0")[0].partition("/")[0]

    # ---- running -------------------------------------------------------------

    def start(self):
        """Start charon and load the configuration."""
        argv = [tools.unconfined("charon-systemd")]
        self.process = self.host.start("charon", argv, {"STRONGSWAN_CONF": str(self.conf)})
        wait_for(self._is_listening, START_DEADLINE_S, self.process.describe)
        self.swanctl("--load-all", "--file", self.swanctl_conf)

    def _is_listening(self):
        if not self.process.is_running():
            raise AssertionError(self.process.describe())
        with socket.socket(socket.AF_UNIX) as client:
            return client.connect_ex(str(self.socket)) == 0

    def stop(self):
        """End it in order: it sends Delete for its SAs."""
        return self.process.stop()

    def swanctl(self, *args, check=True, timeout=30):
        argv = [tools.unconfined("swanctl"), *args, "--uri", self.uri]
        env = {"STRONGSWAN_CONF": str(self.conf)}
        return self.host.run(*argv, check=check, timeout=timeout, env=env)

    def rekey(self, **what):
        """As swanctl --rekey does: child=NAME or ike=NAME. Without a process, for many."""
        answer = vici.request(self.socket, "rekey", what)
        assert answer.get("success") == "yes", f"{what}: {answer}"

    # ---- SAs -----------------------------------------------------------------

    def initiate(self, child=CHILD, deadline_s=INITIATE_DEADLINE_S):
        """Bring the Child SA up and return its IKE SA; a failure raises with charon's log."""
        done = self.swanctl(
            "--initiate", "--child", child, "--timeout", deadline_s, check=False, timeout=60
        )
        if done.returncode != 0:
            raise AssertionError(
                f"{self.host.name}: initiate failed: {done.stderr.strip()}\n"
                f"{self.process.describe()}"
            )
        return self.sa()

    def start_initiating(self, child=CHILD):
        """Ask for the Child SA and return at once; wait_up() tells when it is there."""
        self.swanctl("--initiate", "--child", child, "--timeout", "-1")

    def terminate(self, ike="gw"):
        self.swanctl("--terminate", "--ike", ike)

    def list_sas(self):
        events = parse_pretty(self.swanctl("--list-sas", "--pretty").stdout)
        return [
            _ike(name, sa)
            for event, content in events
            if event == "list-sa"
            for name, sa in content.items()
        ]

    def established(self):
        """The IKE SAs that are up and have a Child SA that is up."""
        return [
            sa
            for sa in self.list_sas()
            if sa.state == "ESTABLISHED"
            and any(child.state == "INSTALLED" for child in sa.children)
        ]

    def sa(self):
        """The one IKE SA that is up."""
        found = self.established()
        assert len(found) == 1, f"{self.host.name}: one IKE SA expected, not {found}"
        return found[0]

    def wait_up(self, deadline_s=INITIATE_DEADLINE_S):
        wait_for(self.established, deadline_s, self.process.describe)
        return self.sa()

    # ---- the log -------------------------------------------------------------

    def log(self):
        return self.process.log()

    def wait_log(self, pattern, deadline_s=INITIATE_DEADLINE_S, count=1):
        return self.process.wait_log(pattern, deadline_s, count)

    def redirects(self):
        """The addresses that it was redirected to, in order."""
        return re.findall(LOG_REDIRECTED.format(address=r"([0-9a-fA-F.:]+)"), self.log())

# SPDX-License-Identifier: Apache-2.0
"""Wrong command lines and configurations: status 2, what is wrong and where, nothing left."""

import os
import re

import pytest

from lib import tools
from lib.badstart import PROGRAM_OF, USAGE, bench

AS_NOBODY = ("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups")


@pytest.fixture(scope="module")
def world():
    if os.geteuid() != 0:
        pytest.skip("not root: network namespaces need it (sudo make check-net)")
    with bench() as made:
        yield made


def replace(old, new):
    return lambda text: text.replace(old, new)


def both(*changes):
    def change(text):
        for one in changes:
            text = one(text)
        return text

    return change


# ---- the command line and the file as a whole ----------------------------------

OPTIONS = [
    (["--frobnicate"], r"unrecognized option '--frobnicate'", r"Try 'waypost-\w+ --help'"),
    (["extra"], r"unexpected argument 'extra'", r"Try 'waypost-\w+ --help'"),
    (["--log-level", "loud"], r"'loud' is not one of error, warn, info, debug", "--help"),
    (["--state-dir"], r"option '--state-dir' requires an argument", "--help"),
]


@pytest.mark.parametrize("host", PROGRAM_OF)
@pytest.mark.parametrize("options", OPTIONS, ids=lambda case: case[0][0])
def test_wrong_option(world, host, options):
    arguments, *patterns = options
    world.assert_refused(host, world.run(host, *arguments), USAGE, *patterns)


# Ten times ten times ten ... entries.
BOMB = b"a0: &a0 [1]\n" + b"".join(
    b"a%d: &a%d [%s]\n" % (n, n, b", ".join([b"*a%d" % (n - 1)] * 10)) for n in range(1, 10)
)
# What is written to a file (None: nothing is), and what is said about it.
FILES = {
    "missing": (None, r"nothere\.yaml: cannot be read: No such file"),
    "empty": (b"", r"x\.yaml:1:1: there is nothing in this file"),
    "UTF-16": (b"\xff\xfea\0", r"x\.yaml:1:1: a byte order mark"),
    "no UTF-8": (b"name: \xe9t\xe9\n", r"x\.yaml:1:8: this is not plain UTF-8"),
    "nul": (b"name: a\0b\n", r"x\.yaml:1:8: "),
    "syntax": (b"a: [1, 2\nb: }\n", r"x\.yaml:2:2: did not find"),
    "deep": (b"[" * 5000, r"x\.yaml:1:17: more than 16 levels"),
    "bomb": (BOMB, r"x\.yaml:10:1: unknown key 'a9'"),
    "big": (b"x" * 2_000_000, r"x\.yaml: is bigger than"),
    "list": (b"- 1\n", r"x\.yaml:1:1: "),
    "twice": (b"log: {level: info}\nlog: {level: info}\n", r"x\.yaml:2:1: .*log"),
}


@pytest.mark.parametrize("host", PROGRAM_OF)
@pytest.mark.parametrize("name", FILES)
def test_wrong_file(world, host, name):
    content, pattern = FILES[name]
    path = world.net.folder / host / ("nothere.yaml" if content is None else "x.yaml")
    if content is not None:
        path.write_bytes(content)
    world.assert_refused(host, world.run(host, config=path), USAGE, pattern)
    world.assert_refused(host, world.run(host, "--check", config=path), USAGE, pattern)


@pytest.mark.parametrize("host", PROGRAM_OF)
def test_no_file_at_all(world, host):
    for path, pattern in (("/etc", "/etc: is a folder, not a file"), ("/dev/zero", "a device")):
        world.assert_refused(host, world.run(host, config=path), USAGE, pattern)
    pipe = world.net.folder / host / "pipe"
    if not pipe.exists():
        os.mkfifo(pipe)
    world.assert_refused(host, world.run(host, config=pipe), USAGE, "or a pipe, not a file")
    closed = world.net.folder / host / "closed.yaml"
    closed.write_text(world.cluster.config(host).read_text())
    closed.chmod(0o600)
    done = world.run(host, "--check", config=closed, before=AS_NOBODY)
    world.assert_refused(host, done, USAGE, r"closed\.yaml: cannot be read: Permission denied")


@pytest.mark.parametrize("host", PROGRAM_OF)
def test_dump_can_be_read_again(world, host):
    first = world.run(host, "--dump")
    assert first.returncode == 0, first.stderr
    assert all(psk not in first.stdout for psk in world.cluster.psks().values())
    copy = world.cluster.config(host).with_name("dump.yaml")
    copy.write_text(first.stdout)
    assert world.run(host, "--check", config=copy).returncode == 0
    assert world.run(host, "--dump", config=copy).stdout == first.stdout


# ---- values --------------------------------------------------------------------

SEVERAL = both(
    replace("workers: 0", "workers: -1"),
    replace("policy: least-load", "policy: most-load"),
    replace("bounded-load: 1.25", "bounded-load: yes"),
    replace("timers:\n", "timerz: {}\ntimers:\n"),
)
DIRECTOR = {
    "several": (
        SEVERAL,
        r"director\.yaml:{workers: -1}:12: 'workers' must be a whole number, not '-1'",
        r":{policy: most-load}:11: 'policy' must be sticky or least-load, not 'most-load'",
        r":{bounded-load: yes}:17: 'bounded-load' must be a number",
        r":\d+:1: unknown key 'timerz', did you mean 'timers'\?",
    ),
    "family": (
        replace("ike: [192.0.2.10]", 'ike: [192.0.2.10, "2001:db8::10"]'),
        r":{ike: [192}:21: no member has an IPv6 home address",
    ),
    "any": (replace("ike: [192.0.2.10]", "ike: [0.0.0.0]"), r":{ike: [0}:9: entry 1 of 'ike' must be"),
    "own home": (replace("192.0.2.21", "192.0.2.10"), r"192\.0\.2\.10 is an address of the dir"),
    "home twice": (replace("192.0.2.22", "192.0.2.21"), r"is already a home address of 'm1'"),
    "member twice": (replace("name: m2,", "name: m1,"), r"there is already a member 'm1'"),
    "pin": (replace("member: m2}", "member: m7}"), r"there is no member 'm7'"),
    "no members": (lambda text: text[: text.index("members:")], r"'members' is missing"),
    "type": (replace("cluster: demo", "cluster: [demo]"), r":{cluster: [demo}:10: 'cluster' must be .*not a list"),
    "port": (replace("192.0.2.10:7400", "192.0.2.10:74000"), r":{control: 192}:12: 'control' must be"),
    "run-as": (lambda text: text + "run-as: nosuchuser\n", r"there is no user 'nosuchuser'"),
    "root": (lambda text: text + "run-as: root\n", r"'root' is root: give a user without"),
    "name": (replace("name: d1", "name: d2"), r"of waypost:director:d1, not of .*:d2"),
}
AGENT = {
    "several": (
        both(
            replace("claim: l2}", "claim: l3}"),
            replace("mtu: 1400", "mtu: 14"),
            replace("- aes256gcm16-prfsha256-x25519", "- rot13-x25519"),
            replace("capacity:", "capacty:"),
        ),
        r"agent\.yaml:{claim: l3}:46: 'claim' must be l2, none, route or hook, not 'l3'",
        r":{mtu: 14}:8: 'mtu' must be from 576 to 9000 octets, not 14",
        r":{- rot13}:7: entry 1 of 'proposals' names the unknown algorithm 'rot13'",
        r":{capacty:}:1: unknown key 'capacty', did you mean 'capacity'\?",
    ),
    "kernel": (replace("type: tun", "type: kernel"), r"only 'tun' is available so far"),
    "family": (
        replace("local-ts: [10.1.0.0/25]", 'local-ts: ["2001:db8::/64"]'),
        r":{remote-ts: [10.1.0.128}:17: there is no IPv4 in local-ts",
    ),
    "no link": (replace("link: eth0, ", ""), r"'link' is missing: 'claim: l2' needs it"),
    "link": (replace("link: eth0,", "link: ../eth0,"), r"'link' must be the name of a network int"),
    "device": (replace("device: waypost0", "device: way/post"), r"'device' must be the name of"),
    "cookie": (replace("cookie-above: 100", "cookie-above: 9999"), r"at most 'half-open-max'"),
    "director": (replace("192.0.2.21,", "192.0.2.10,"), r"192\.0\.2\.10 is the director's addr"),
    "run-as": (replace("run-as: nobody", "run-as: nosuchuser"), r"no user 'nosuchuser'"),
    "root": (replace("run-as: nobody", "run-as: root"), r"'root' is root: give a user without"),
    "member": (replace("member: m1 ", "member: m2 "), r"of waypost:member:m1, not of .*:m2"),
    "no peers": (replace("peers.yaml", "nopeers.yaml"), r"nopeers\.yaml: cannot be read: No such"),
}


def located(pattern, text):
    """A pattern in which {TEXT} stands for the number of the line of the file that has it."""

    def line(match):
        assert text.count(match[1]) >= 1, f"{match[1]!r} is not in the file"
        return str(text[: text.index(match[1])].count("\n") + 1)

    return re.sub(r"\{([^}]+)\}", line, pattern)


VALUES = [("director", *case) for case in DIRECTOR.items()] + [
    ("m1", *case) for case in AGENT.items()
]


@pytest.mark.parametrize("host, name, case", VALUES, ids=[f"{v[0]}-{v[1]}" for v in VALUES])
def test_wrong_value(world, host, name, case):
    change, *patterns = case
    with world.edited(host, change) as path:
        said = [located(pattern, path.read_text()) for pattern in patterns]
        world.assert_refused(host, world.run(host), USAGE, *said)


# ---- files that a configuration names ------------------------------------------

PEERS = {
    "short": ("example-only-psk-of-p1", "short", r"peers\.yaml:15:37: 'psk' must be from 8 to 512"),
    "outside": ("10.1.0.202/32", "10.9.0.0/16", r":16:\d+: 10\.9\.0\.0/16 is outside of remote-ts"),
    "twice": ("id: p3.", "id: p4.", r":18:\d+: .*p4\.peers\.example\.net"),
    "nobody's": ("p1.peers.ex", "p1.other.ex", r":15:10: peer 'p1\.other.*' matches no connection"),
}


@pytest.mark.parametrize("name", PEERS)
def test_wrong_peers(world, name):
    old, new, pattern = PEERS[name]
    path = world.cluster.config("m1").with_name("peers.yaml")
    text = path.read_text()
    path.write_text(text.replace(old, new, 1))
    try:
        done = world.run("m1")
    finally:
        path.write_text(text)
    world.assert_refused("m1", done, USAGE, pattern)
    assert all(psk not in done.stderr for psk in world.cluster.psks().values())


@pytest.mark.parametrize("mode", [0o644, 0o660, 0o604])
def test_secrets_that_others_can_reach(world, mode):
    path = world.cluster.config("m1").with_name("peers.yaml")
    path.chmod(mode)
    try:
        done = world.run("m1")
    finally:
        path.chmod(0o600)
    world.assert_refused("m1", done, USAGE, rf"peers\.yaml: .*mode is {mode:04o}: make it 0600")


@pytest.mark.parametrize("host, kind", [("director", "director-d1"), ("m1", "member-m1")])
@pytest.mark.parametrize("suffix", ["crt", "key"])
def test_certificate_file_is_missing(world, host, kind, suffix):
    with world.edited(host, replace(f"{kind}.{suffix}", f"nothere.{suffix}")):
        done = world.run(host)
    world.assert_refused(host, done, USAGE, rf"pki/nothere\.{suffix}: No such file or directory")


# ---- clusteradm ----------------------------------------------------------------

ADM = [
    ([], r"usage: clusteradm"),
    (["frobnicate"], r"there is no command 'frobnicate'"),
    (["--frobnicate"], r"unrecognized option"),
    (["-c", "/nothere.yaml", "status"], r"/nothere\.yaml: cannot be read"),
    (["--director", "somewhere", "status"], r"'somewhere' is not an address and port"),
    (["placement"], r"placement"),
    (["status", "extra"], r"extra"),
    (["pki", "issue", "king", "m1"], r"king"),
    (["pki", "issue", "member", "Not A Name"], r"Not A Name"),
]


@pytest.mark.parametrize("arguments, pattern", ADM, ids=lambda a: " ".join(a) if a else None)
def test_clusteradm_command_line(world, arguments, pattern):
    config = [] if "-c" in arguments else ["-c", world.cluster.config("ops")]
    program = tools.build_folder() / "clusteradm"
    done = world.net.hosts["director"].run(program, *config, *arguments, check=False)
    world.assert_refused("director", done, USAGE, pattern)


def test_clusteradm_without_director(world):
    done = world.net.hosts["director"].run(*world.cluster.adm_argv(), "status", check=False)
    world.assert_refused("director", done, 1, r"192\.0\.2\.10:7400.*connection refused")

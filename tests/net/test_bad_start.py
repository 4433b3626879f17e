# SPDX-License-Identifier: Apache-2.0
"""Right configurations in surroundings that are not: status 1, why, what to do, nothing left."""

import os
import socket

import pytest

from lib import layout, tools
from lib.badstart import FAILED, PROGRAM_OF, TUN_DEVICE, bench
from lib.channel import socket_in
from lib.waypost import PROGRAMS

NOBODY = 65534
AS_NOBODY = ("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups")
READY_DEADLINE_S = 10


@pytest.fixture(scope="module")
def world():
    if os.geteuid() != 0:
        pytest.skip("not root: network namespaces need it (sudo make check-net)")
    with bench() as made:
        yield made


def without(*capabilities):
    """A command that runs another without these capabilities (net_raw), though as root."""
    less = ",".join(f"-{name}" for name in capabilities)
    return ("setpriv", f"--bounding-set={less}", f"--inh-caps={less}")


# ---- folders of state ----------------------------------------------------------

STATES = {
    "no parent": ("/nothere/a/b", r"cannot make /nothere/a/b: No such file"),
    "no folder": ("/dev/null/x", r"cannot make /dev/null/x: Not a directory"),
    "proc": ("/proc/x", r"cannot make /proc/x: No such file"),
}


@pytest.mark.parametrize("host", PROGRAM_OF)
@pytest.mark.parametrize("name", STATES)
def test_state_folder_cannot_be_made(world, host, name):
    path, pattern = STATES[name]
    world.assert_refused(host, world.run(host, state=path), FAILED, pattern)


@pytest.mark.parametrize("host", PROGRAM_OF)
def test_nothing_of_others_is_given_away(world, host):
    """A wrong --state-dir must not make root's folder the property of an ordinary user."""
    folder = world.net.folder / host / "precious"
    folder.mkdir(mode=0o755)
    world.assert_refused(host, world.run(host, "--check", state=folder), 0, "ok")
    file = folder / "file"
    file.write_text("of root")
    says = rf"{folder} .*not empty.*chown -R nobody {folder}"
    world.assert_refused(host, world.run(host, state=folder), FAILED, says)
    world.assert_refused(host, world.run(host, state=file), FAILED, rf"{file} is not a folder")
    link = folder.with_name("link")
    link.symlink_to(folder)
    world.assert_refused(host, world.run(host, state=link), FAILED, "not empty")
    assert [path.stat().st_uid for path in (folder, file)] == [0, 0]


def test_state_folder_of_somebody_else(world):
    """Not started as root, the director only uses what it may."""
    key = world.cluster.config("director").with_name("pki") / "director-d1.key"
    os.chown(key, NOBODY, NOBODY)
    try:
        done = world.run("director", before=AS_NOBODY)
    finally:
        os.chown(key, 0, 0)
    world.assert_refused("director", done, FAILED, r"cannot write to .*/state: Permission denied")


BAD_STATE = {
    "damaged": ("{{{", r"agent\.json is damaged: remove it"),
    "number": ('{"format":1,"cluster":"demo","number":0}', r"agent\.json is damaged: remove it"),
    "newer": ('{"format":9,"cluster":"demo","number":1}', r"agent\.json is from a newer version"),
}


@pytest.mark.parametrize("name", BAD_STATE)
def test_state_of_an_agent(world, name):
    text, pattern = BAD_STATE[name]
    file = world.state("m1") / "agent.json"
    file.write_text(text)
    os.chown(file, NOBODY, NOBODY)
    try:
        world.assert_refused("m1", world.run("m1"), FAILED, pattern)
    finally:
        file.unlink()


@pytest.mark.parametrize("content", [b"garbage" * 1000, b"SQLite format 3\0" + bytes(5000)])
def test_damaged_store(world, content):
    folder = world.net.folder / "director" / "damaged"
    folder.mkdir(exist_ok=True)
    store = folder / "director.db"
    store.write_bytes(content)
    for path in (folder, store):
        os.chown(path, NOBODY, NOBODY)
    done = world.run("director", state=folder)
    world.assert_refused("director", done, FAILED, r"director\.db: damaged", "cannot be used")
    assert store.read_bytes() == content


# ---- privileges ----------------------------------------------------------------


def test_agent_is_not_root(world):
    path = world.cluster.config("m1").with_name("peers.yaml")
    os.chown(path, NOBODY, NOBODY)
    try:
        done = world.run("m1", before=AS_NOBODY)
    finally:
        os.chown(path, 0, 0)
    world.assert_refused("m1", done, FAILED, r"has to be started as root: .*CAP_NET_ADMIN")


LACKING = {
    "net_admin": r"no permission to create device waypost0: CAP_NET_ADMIN is needed",
    "setuid": r"cannot become 'nobody'",
}


@pytest.mark.parametrize("capability", LACKING)
def test_agent_lacks_a_capability(world, capability):
    done = world.run("m1", before=without(capability))
    world.assert_refused("m1", done, FAILED, LACKING[capability])


def test_director_lacks_a_capability(world):
    done = world.run("director", before=without("net_bind_service"))
    world.assert_refused("director", done, FAILED, "capability net_bind_service is needed")


# ---- devices and ports ---------------------------------------------------------


def test_device_name_is_taken(world):
    host = world.net.hosts["m1"]
    host.ip("link", "add", TUN_DEVICE, "type", "bridge")
    try:
        done = world.run("m1")
        assert TUN_DEVICE in [link["ifname"] for link in host.ip_json("link", "show")]
    finally:
        host.ip("link", "del", TUN_DEVICE)
    pattern = r"device waypost0 exists already: .*\(ip link del waypost0\)"
    world.assert_refused("m1", done, FAILED, pattern)


def test_no_tun_device(world):
    hidden = ("unshare", "-m", "sh", "-c", 'mount -t tmpfs none /dev/net && exec "$@"', "sh")
    done = world.run("m1", before=hidden)
    world.assert_refused("m1", done, FAILED, r"there is no /dev/net/tun: .*modprobe tun")


PORTS = [
    ("director", socket.SOCK_DGRAM, 500),
    ("director", socket.SOCK_DGRAM, 4500),
    ("director", socket.SOCK_DGRAM, 7400),
    ("director", socket.SOCK_STREAM, 7400),
    ("m1", socket.SOCK_DGRAM, 500),
    ("m1", socket.SOCK_DGRAM, 4500),
]


@pytest.mark.parametrize("host, kind, port", PORTS)
def test_port_is_in_use(world, host, kind, port):
    with socket_in(world.net.hosts[host], kind) as taken:
        taken.bind(("0.0.0.0", port))
        if kind == socket.SOCK_STREAM:
            taken.listen()
        done = world.run(host)
    pattern = rf"(UDP|TCP) 192\.0\.2\.\d+:{port}: address already in use"
    world.assert_refused(host, done, FAILED, f"(?i){pattern}")


def test_address_is_not_here(world):
    with world.edited("director", lambda text: text.replace("ike: [192.0.2.10]", "ike: [192.0.2.9]")):
        done = world.run("director")
    world.assert_refused("director", done, FAILED, r"UDP 192\.0\.2\.9:500: .*no interface has")


# ---- another one runs already --------------------------------------------------


@pytest.fixture
def running(world):
    """A director and m1's agent that work; both have to be alive and well afterwards."""
    cluster = world.cluster
    cluster.start_director()
    agent = cluster.start_agent("m1")
    cluster.wait_active(["m1"], READY_DEADLINE_S)
    address = f"{layout.home_address('m1')}/32"
    log = agent.process.log()
    yield cluster
    assert address in world.net.hosts["m1"].addresses("eth0"), agent.process.describe()
    assert agent.process.log() == log, agent.process.describe()
    assert cluster.stop() == []
    for host in PROGRAM_OF:
        world.assert_nothing_left(host)


def test_second_director(world, running):
    host = world.net.hosts["director"]
    pids = host.pids()
    other = world.net.folder / "director" / "state2"
    program = tools.build_folder() / PROGRAMS[0]

    def second(config, state):
        argv = [program, "-c", config, "--state-dir", state]
        done = host.run(*argv, check=False, timeout=READY_DEADLINE_S)
        assert done.returncode == FAILED, done.stderr
        assert host.pids() == pids
        return done.stderr

    config = running.config("director")
    assert "in use: is another director running?" in second(config, world.state("director"))
    assert "192.0.2.10:500: Address already in use" in second(config, other)
    # Sharing the ports of IKE would split the peers between two directors.
    with world.edited("director", lambda text: text.replace("10:7400", "10:7401")):
        assert "192.0.2.10:500: Address already in use" in second(config, other)


@pytest.mark.parametrize("device", [TUN_DEVICE, "waypost1"])
def test_second_agent(world, running, device):
    """It must not take away what the first one has, whatever it calls its device."""
    host = world.net.hosts["m1"]
    pids = sorted(host.pids())
    config = running.config("m1").with_name("second.yaml")
    config.write_text(running.config("m1").read_text().replace(TUN_DEVICE, device))
    with_state = world.net.folder / "m1" / "state2"
    done = world.run("m1", config=config, state=with_state)
    assert done.returncode == FAILED, done.stderr
    pattern = "exists already" if device == TUN_DEVICE else "Address already in use"
    assert pattern in done.stderr
    assert "keeper" not in done.stderr
    assert sorted(host.pids()) == pids

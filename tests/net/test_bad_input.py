# SPDX-License-Identifier: Apache-2.0
"""Wrong configuration, certificates and control frames at the running programs.

Each gets an exit code and a text that says what is wrong and where, or is counted; nobody else
notices, and nothing is left behind.
"""

import http.client
import json
import socket
import ssl

import pytest

from lib import layout, netns, tools
from lib.wait import wait_for

DEADLINE_S = 10
FAILED, USAGE = 1, 2
CONTROL = (layout.DIRECTOR_ADDRESS, 7400)


def change(old, new):
    def edit(text):
        assert old in text
        return text.replace(old, new, 1)

    return edit


# name: (host, change of its configuration, exit code, what it has to say)
WRONG_CONFIGURATIONS = {
    "unknown key": ("director", change("cluster:", "clutser:"), USAGE, [":9:1: ", "clutser"]),
    "several mistakes": (
        "director",
        lambda text: text.replace("name: d1 ", "name: D1 ").replace("profile: fast", "profile: slow"),
        USAGE,
        ["D1", "'slow'"],
    ),
    "address of no interface": (
        "director",
        change("ike: [192.0.2.10]", "ike: [192.0.2.99]"),
        FAILED,
        ["192.0.2.99:500", "no interface has this address"],
    ),
    "certificate of another name": ("director", change("name: d1 ", "name: d2 "), USAGE, ["director:d1"]),
    "no such user": ("director", lambda text: "run-as: nobody-at-all\n" + text, USAGE, ["nobody-at-all"]),
    "member of another name": ("m1", change("member: m1", "member: m9"), USAGE, ["member:m1", "m9"]),
    "no such file": ("m1", change("peers-file: peers.yaml", "peers-file: gone.yaml"), USAGE, ["gone.yaml"]),
    "data plane that is not there": ("m1", change("type: tun", "type: kernel"), USAGE, ["tun"]),
}


@pytest.mark.parametrize("name", WRONG_CONFIGURATIONS)
def test_wrong_configuration(make_cluster, name):
    host, edit, code, says = WRONG_CONFIGURATIONS[name]
    cluster = make_cluster(peers=0, edits={host: edit}, start=False)
    program = "waypost-director" if host == "director" else "waypost-agent"
    done = cluster.net.hosts[host].run(*cluster._argv(program, host), check=False)
    assert done.returncode == code, done.stderr
    for text in says:
        assert text in done.stderr
    # Not even the keeper that was started first.
    wait_for(lambda: not cluster.net.hosts[host].pids(), DEADLINE_S, "no process is left")


def test_peers_file_that_others_can_read(make_cluster):
    cluster = make_cluster(peers=0, start=False)
    (cluster.net.folder / "m1" / "etc" / "peers.yaml").chmod(0o644)
    argv = cluster._argv("waypost-agent", "m1")
    done = cluster.net.hosts["m1"].run(*argv, "--check", check=False)
    assert done.returncode == USAGE
    assert "peers.yaml" in done.stderr and "make it 0600" in done.stderr


def test_a_second_director_is_kept_out(make_cluster):
    cluster = make_cluster(peers=0)
    host = cluster.net.hosts["director"]
    done = host.run(*cluster._argv("waypost-director", "director"), check=False)
    assert done.returncode == FAILED
    assert "another director" in done.stderr
    assert cluster.status()["members"]["active"] == len(layout.MEMBERS)


# ---- certificates ----------------------------------------------------------------


def issue(cluster, ca, kind, name):
    """A certificate of a CA in the folder ca, which is made if it is not there."""
    folder = cluster.net.folder / "ops" / ca

    def make(*args):
        cluster.net.hosts["director"].run(
            tools.build_folder() / "clusteradm", "pki", *args, "--dir", folder
        )

    if not folder.exists():
        make("init", "--cluster", ca)
    make("issue", kind, name)
    return folder / f"{kind}-{name}.crt", folder / f"{kind}-{name}.key"


def context(cluster, certificate, key, alpn):
    ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    ctx.check_hostname = False
    ctx.load_verify_locations(cluster.net.folder / "ops" / "pki" / "ca.crt")
    ctx.load_cert_chain(certificate, key)
    ctx.set_alpn_protocols([alpn])
    return ctx


class Connection:
    """TLS to the director from inside its namespace, spoken by this test."""

    def __init__(self, cluster, ctx):
        self.raw = netns.open_socket(cluster.net.hosts["director"].netns)
        self.raw.settimeout(DEADLINE_S)
        self.raw.connect(CONTROL)
        self.tls = ctx.wrap_socket(self.raw)
        self.buffer = b""

    def send(self, data):
        self.tls.sendall(data)

    def frame(self, **fields):
        self.send(json.dumps(fields).encode() + b"\n")

    def receive(self):
        """The next frame, None at the end of the connection."""
        while b"\n" not in self.buffer:
            try:
                data = self.tls.recv(65536)
            except (ConnectionError, ssl.SSLError):
                data = b""
            if not data:
                return None
            self.buffer += data
        line, self.buffer = self.buffer.split(b"\n", 1)
        return json.loads(line)

    def close(self):
        self.tls.close()


@pytest.fixture
def cluster(make_cluster):
    return make_cluster(peers=0)


def control(cluster, counter):
    return cluster.status()["control"][counter]


def assert_undisturbed(cluster):
    assert cluster.status()["members"]["active"] == len(layout.MEMBERS)
    whats = [event["what"] for event in cluster.adm_json("events")["events"]]
    assert "active -> suspect" not in whats


def test_certificate_of_another_ca(cluster):
    ctx = context(cluster, *issue(cluster, "rogue", "member", "m1"), "waypost/1")
    before = control(cluster, "tls-refused")
    connection = Connection(cluster, ctx)  # TLS 1.3: the server's verdict comes with the first read
    assert connection.receive() is None
    connection.close()
    wait_for(lambda: control(cluster, "tls-refused") > before, DEADLINE_S, "counted")
    assert_undisturbed(cluster)


def test_admin_is_no_member(cluster):
    ctx = context(cluster, *issue(cluster, "pki", "admin", "eve"), "waypost/1")
    connection = Connection(cluster, ctx)
    connection.frame(type="hello")
    assert connection.receive() is None
    assert_undisturbed(cluster)


HELLO = {
    "type": "hello",
    "proto": "1.0",
    "member": "m4",
    "boot_id": "0000000000000001",
    "version": "x",
    "dataplane": "tun",
    "addresses": [],
    "capacity": 1,
    "max_epoch": 0,
    "ring": [],
}

WRONG_FRAMES = {
    "garbage": b"\x00\xff\x00\n",
    "no object": b"[1]\n",
    "too deep": b'{"type":"hello","x":' + b"[" * 20 + b"]" * 20 + b"}\n",
    "name twice": b'{"type":"hello","type":"hello"}\n',
    "no UTF-8": b'{"type":"hello","member":"\xff"}\n',
    "too long": b'{"type":"' + b"x" * 70000,
    "another major version": json.dumps({**HELLO, "proto": "2.0"}).encode() + b"\n",
    "wrong type of a field": json.dumps({**HELLO, "capacity": "many"}).encode() + b"\n",
    "not among the members": json.dumps(HELLO).encode() + b"\n",
    "another member": json.dumps({**HELLO, "member": "m1"}).encode() + b"\n",
    "not after hello": b'{"type":"bye","reason":"x","released":[]}\n',
    "the director's own": b'{"type":"ok"}\n',
}


@pytest.mark.parametrize("name", WRONG_FRAMES)
def test_wrong_control_frame(cluster, name):
    ctx = context(cluster, *issue(cluster, "pki", "member", "m4"), "waypost/1")
    connection = Connection(cluster, ctx)
    connection.send(WRONG_FRAMES[name])
    answer = connection.receive()
    assert answer["type"] == "error" and answer["why"]
    assert connection.receive() is None
    assert_undisturbed(cluster)


def test_unknown_frame_is_answered_and_forgiven(cluster):
    ctx = context(cluster, *issue(cluster, "pki", "member", "m4"), "waypost/1")
    connection = Connection(cluster, ctx)
    for number in (1, 2):
        connection.frame(type="invented-later", id=number)
        answer = connection.receive()
        assert answer["code"] == "unknown-type" and answer["id"] == number
    connection.close()


def test_forged_heartbeats_are_counted(cluster):
    sender = netns.open_socket(cluster.net.hosts["director"].netns, socket.SOCK_DGRAM)
    heartbeat = json.dumps(
        {"type": "heartbeat", "member": "m1", "seq": 1 << 40, "boot_id": "0000000000000001"}
    ).encode()
    stranger = heartbeat.replace(b"m1", b"m9")
    wrong = {
        "heartbeat-forged": heartbeat + b"\0" * 16,
        "heartbeat-malformed": b"{}" + b"\0" * 16,
        "heartbeat-unknown": stranger + b"\0" * 16,
    }
    for datagram in (b"", b"x" * 2000):
        sender.sendto(datagram, CONTROL)

    def is_counted(counter):
        for _ in range(100):  # UDP may lose some
            sender.sendto(wrong[counter], CONTROL)
        return control(cluster, counter) >= 100

    for counter in wrong:
        wait_for(lambda counter=counter: is_counted(counter), DEADLINE_S, f"{counter} counted")
    assert_undisturbed(cluster)


# ---- API -------------------------------------------------------------------------


def ask(cluster, ctx, method, path, headers=(), body=b""):
    connection = Connection(cluster, ctx)
    lines = [f"{method} {path} HTTP/1.1", "Host: director", *headers, "", ""]
    connection.send("\r\n".join(lines).encode() + body)
    response = http.client.HTTPResponse(connection.tls, method=method)
    response.begin()
    body = response.read()
    connection.close()
    return response, body


@pytest.mark.parametrize(
    "method, path, headers, status",
    [
        ("GET", "/v1/nothing", (), 404),
        ("POST", "/v1/status", ("Content-Length: 0",), 405),
        ("GET", "/v1/placement?address=here", (), 400),
        ("GET", "/v1/peers?who=me", (), 400),
        ("GET", "/v1/events?limit=-1", (), 400),
        ("GET", "/v1/../etc/passwd", (), 400),
        ("GET", "/v1/status", ("Transfer-Encoding: chunked",), 400),
        ("GET", "/v1/status", ("X: " + "y" * 20000,), 431),
    ],
)
def test_wrong_requests(cluster, method, path, headers, status):
    ctx = context(cluster, *issue(cluster, "pki", "monitor", "mon"), "http/1.1")
    response, body = ask(cluster, ctx, method, path, headers)
    assert response.status == status
    assert response.headers["Content-Type"] == "application/problem+json"
    assert json.loads(body)["status"] == status


@pytest.mark.parametrize(
    "path, body, status",
    [
        ("/v1/keys/rotate", "[]", 400),
        ("/v1/keys/rotate", "{}", 400),
        ("/v1/keys/rotate", '{"use": 1}', 400),
        ("/v1/keys/rotate", '{"use": "ticket", "revoke": 1}', 400),
        ("/v1/keys/rotate", '{"use": "ticket", "now": true}', 400),
        ("/v1/keys/rotate", '{"use": "notice"}', 422),
        ("/v1/keys/revoke", '{"id": null}', 400),
        ("/v1/keys/revoke", '{"id": "ticket-0000000000000000"}', 404),
        ("/v1/keys/revoke", '{"id": "notice-1"}', 422),
        ("/v1/tickets/revoke", "{}", 400),
        ("/v1/tickets/revoke", '{"all": false}', 400),
        ("/v1/tickets/revoke", '{"all": true, "identity": "p1"}', 400),
        ("/v1/tickets/revoke", '{"identity": ""}', 400),
        ("/v1/tickets/revoke", '{"identity": "a\\u0007"}', 400),
        ("/v1/tickets/revoke", '{"identity": "a\\u0000b"}', 400),
        ("/v1/tickets/revoke", json.dumps({"identity": "x" * 256}), 400),
        ("/v1/tickets/revoke", '{"connection": "No Name"}', 400),
        ("/v1/tickets/revoke", '{"all": true, "before": "now"}', 400),
        ("/v1/tickets/revoke", '{"all": true, "before": 0}', 400),
        ("/v1/tickets/revoke", '{"all": true, "before": 1}', 422),
        ("/v1/tickets/revoke", '{"all": true, "before": 9007199254740991}', 422),
    ],
)
def test_wrong_bodies(cluster, path, body, status):
    ctx = context(cluster, *issue(cluster, "pki", "admin", "adm"), "http/1.1")
    before = ask(cluster, ctx, "GET", "/v1/tickets/revocations")[1]
    headers = ("Content-Type: application/json", f"Content-Length: {len(body)}")
    response, answer = ask(cluster, ctx, "POST", path, headers, body.encode())
    assert response.status == status, answer
    assert response.headers["Content-Type"] == "application/problem+json"
    assert ask(cluster, ctx, "GET", "/v1/tickets/revocations")[1] == before


def test_members_may_not_read(cluster):
    ctx = context(cluster, *issue(cluster, "pki", "member", "m5"), "http/1.1")
    assert ask(cluster, ctx, "GET", "/v1/status")[0].status == 403
    assert ask(cluster, ctx, "GET", "/healthz")[0].status == 200

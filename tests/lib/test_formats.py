# SPDX-License-Identifier: Apache-2.0
"""What the test library reads and edits: wrong counts or a missed edit would hide failures."""

import struct

import pytest

import run
from lib import pcap, yamltext
from lib.strongswan import parse_pretty

AGENT = """\
member: m1
capacity: 10000                     # capacity: not this one
home:
  - {address: 192.0.2.21, claim: l2}    # claim: l2 | none
  - {address: 192.0.2.31, claim: l2}
connections:
  - name: sites
    inside: {mode: proxy-arp, link: eth1}  # proxy-arp | route
pins:                               # optional
  - {prefix: 198.51.100.0/24, member: m2}

log: {level: info}
"""

PEERS = """\
peers:
  # - {id: old, psk: "gone"}
  - {id: p1.peers.example.net, psk: "text, with {signs}", remote-ts: [10.1.0.201/32]}
  - {id: p2.peers.example.net, psk: 0x0011}
  - id: "p3.peers.example.net"
    remote-ts: [10.1.0.203/32]
    psk: "three"
"""


def changed_lines(before, after):
    old, new = before.splitlines(), after.splitlines()
    assert len(old) == len(new)
    return [line for was, line in zip(old, new) if was != line]


@pytest.mark.parametrize(
    "key, value, line",
    [
        ("capacity", 1, "capacity: 1                     # capacity: not this one"),
        ("link", "eth9", "    inside: {mode: proxy-arp, link: eth9}  # proxy-arp | route"),
        ("mode", "route", "    inside: {mode: route, link: eth1}  # proxy-arp | route"),
        ("level", "debug", "log: {level: debug}"),
    ],
)
def test_set_value_changes_one_place(key, value, line):
    assert changed_lines(AGENT, yamltext.set_value(AGENT, key, value)) == [line]


@pytest.mark.parametrize("key", ["no-such-key", "claim"])
def test_set_value_refuses_none_and_many(key):
    with pytest.raises(ValueError, match="places to change"):
        yamltext.set_value(AGENT, key, "x")


def test_set_block_replaces_all_of_it():
    out = yamltext.set_block(AGENT, "pins", "pins: []")
    assert out == AGENT[: AGENT.index("pins:")] + "log: {level: info}\npins: []\n"


def test_set_block_appends_what_is_missing():
    assert yamltext.set_block(AGENT, "new", "new: 1") == AGENT + "new: 1\n"


def test_read_psks():
    assert yamltext.read_psks(PEERS) == {
        "p1.peers.example.net": "text, with {signs}",
        "p2.peers.example.net": "0x0011",
        "p3.peers.example.net": "three",
    }


def test_parse_pretty():
    text = "list-sa event {\n  gw {\n    state = UP\n    child-sas {\n      net-1 {\n"
    text += "        local-ts = [\n          10.0.0.0/8\n          10.0.0.1\n        ]\n      }\n"
    text += "    }\n  }\n}\nlist-sas reply {\n}\n"
    child = {"net-1": {"local-ts": ["10.0.0.0/8", "10.0.0.1"]}}
    assert parse_pretty(text) == [
        ("list-sa", {"gw": {"state": "UP", "child-sas": child}}),
        ("list-sas reply", {}),
    ]


# ---- captures --------------------------------------------------------------------


def pcap_file(path, *frames):
    data = struct.pack("=IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    for frame in frames:
        data += struct.pack("=IIII", 7, 500000, len(frame), len(frame)) + frame
    path.write_bytes(data)
    return path


def udp_frame(port, payload):
    udp = struct.pack(">HHHH", 40000, port, 8 + len(payload), 0) + payload
    ip = struct.pack(">BBHIBBH", 0x45, 0, 20 + len(udp), 0, 64, 17, 0)
    return bytes(12) + b"\x08\x00" + ip + bytes([192, 0, 2, 1, 192, 0, 2, 2]) + udp


def test_pcap_tells_ike_from_esp(tmp_path):
    arp = bytes(12) + b"\x08\x06" + bytes(28)
    esp = struct.pack(">II", 0x01ABCDEF, 1) + bytes(16)
    frames = [arp, udp_frame(500, b"i" * 28), udp_frame(4500, bytes(4) + b"j" * 28)]
    frames += [udp_frame(4500, esp), udp_frame(4500, b"\xff")]
    packets = pcap.read(pcap_file(tmp_path / "x.pcap", *frames))
    assert [packet.ike() for packet in packets] == [b"i" * 28, b"j" * 28, None, None]
    assert [packet.esp_spi() for packet in packets] == [None, None, 0x01ABCDEF, None]
    assert packets[0].time == 7.5 and packets[0].src == "192.0.2.1" and packets[0].dport == 500
    assert packets[3].is_keepalive()


def test_pcap_ends_at_a_record_cut_short(tmp_path):
    path = pcap_file(tmp_path / "x.pcap", udp_frame(500, b"one"), udp_frame(500, b"two"))
    path.write_bytes(path.read_bytes()[:-1])
    assert [packet.payload for packet in pcap.read(path)] == [b"one"]


# ---- counting --------------------------------------------------------------------

GOOD = "[==========] Running 2 test(s).\n[ RUN      ] a\n[       OK ] a\n[ RUN      ] b\n"


@pytest.mark.parametrize(
    "name, status, output, counts",
    [
        ("all good", 0, GOOD + "[       OK ] b\n[==========] 2 test(s) run.\n", (2, 0, 0)),
        ("one fails", 1, GOOD + "[  FAILED  ] b\n[  FAILED  ] 1 test(s), listed:\n", (1, 1, 0)),
        ("a crash", -11, GOOD, (1, 1, 0)),
        ("a leak after good tests", 1, GOOD + "[       OK ] b\nLeakSanitizer\n", (2, 1, 0)),
        (
            "a skip, listed again",
            0,
            GOOD + "[  SKIPPED ] b\n[  SKIPPED ] 1 test(s), listed below:\n[  SKIPPED ] b\n",
            (1, 0, 1),
        ),
        ("two groups", 0, 2 * (GOOD + "[       OK ] b\n"), (4, 0, 0)),
    ],
)
def test_cmocka_counts(name, status, output, counts):
    result = run.count_cmocka(name, status, output)
    assert (result.passed, result.failed, result.skipped) == counts
    assert bool(result.notes) == (counts[1] > 0)


def test_junit_counts(tmp_path):
    path = tmp_path / "junit.xml"
    path.write_text(
        '<testsuites><testsuite tests="5"><testcase classname="c" name="ok"/>'
        '<testcase classname="c" name="bad"><failure message="m">t</failure></testcase>'
        '<testcase classname="c" name="worse"><error message="m">t</error></testcase>'
        '<testcase classname="c" name="not"><skipped message="not root">t</skipped></testcase>'
        "</testsuite></testsuites>"
    )
    result = run.count_junit(path)
    assert (result.passed, result.failed, result.skipped) == (1, 2, 1)
    assert result.notes == ["c.bad failed", "c.worse failed"]
    assert result.skips == {"c.not": "not root"}


def test_a_skip_counts_unless_an_earlier_layer_ran_it(monkeypatch, capsys):
    layers = {
        "unit": lambda: run.Result(passed=1, ran={"t.both"}),
        "asan": lambda: run.Result(skips={"t.both": "no malloc", "t.never": "why not"}),
    }
    monkeypatch.setattr(run, "LAYERS", layers)
    assert list(run.run_layers(["unit", "asan"]).skips) == ["t.never"]
    assert capsys.readouterr().out.splitlines()[-1].split()[:4] == ["asan", "0", "0", "1"]

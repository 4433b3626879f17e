# SPDX-License-Identifier: Apache-2.0
"""What the keeper does for failover: asks, verification, defence, fences, hooks, last words.

In a pair of namespaces as test_keeper.py. Needs root.
"""
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from lib import keepernet
from lib.keepernet import GONE_S, HOME, HOME6, arp, wait_until
from lib.netns import open_socket

ERR_NOT_FOUND, ERR_UNSUPPORTED, ERR_IO, ERR_TIMEOUT = -14, -18, -19, -22

MEMBER, NEIGHBOUR = "192.0.2.11", "192.0.2.100"
NEIGHBOUR6 = "2001:db8::100"
HOOKED = "198.51.100.21"
INNER, INNER6 = "10.1.0.201", "2001:db8:1::1:1"
OTHER_MAC = "02:00:00:00:00:99"
LIFETIME_S = 5  # an address that nobody renews is gone, and a fence is up, within this time

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")

OPTIONS = ("--tun", "waypost0", "--address", f"{HOME},eth0,l2", "--address", f"{HOME6},eth0,l2",
           "--connection", "proxy-arp,eth1,0,10.1.0.0/16",
           "--connection", "proxy-arp,eth1,0,2001:db8:1::/64")


@pytest.fixture
def net():
    with keepernet.pair() as namespaces:
        yield namespaces


@pytest.fixture
def start(net):
    """Starts a drive in the member with further options; several may follow one another."""
    with contextlib.ExitStack() as stack:
        def start_drive(*options):
            drive = keepernet.Drive(net[0], *OPTIONS, *options)
            stack.callback(drive.close)
            return drive
        yield start_drive


@pytest.fixture
def watch(net):
    """Watches a link of the neighbour for frames of an EtherType."""
    with contextlib.ExitStack() as stack:
        def watch_link(link, protocol):
            frames = keepernet.Frames(net[1], link, protocol)
            stack.callback(frames.close)
            return frames
        yield watch_link


def packed(ip):
    return socket.inet_pton(socket.AF_INET6 if ":" in ip else socket.AF_INET, ip)


def octets(mac):
    return bytes.fromhex(mac.replace(":", ""))


def arp_frame(operation, mac, sender, target, to="ff:ff:ff:ff:ff:ff"):
    return (octets(to) + octets(mac) + bytes.fromhex("0806000108000604") +
            operation.to_bytes(2, "big") + octets(mac) + packed(sender) + bytes(6) +
            packed(target))


def nd_frame(kind, mac, source, to_mac, to, target, flags=0):
    """A solicitation (135) or advertisement (136) with the link-layer address of the source."""
    message = (bytes([kind, 0, 0, 0]) + flags.to_bytes(4, "big") + packed(target) +
               bytes([kind - 134, 1]) + octets(mac))
    pseudo = packed(source) + packed(to) + len(message).to_bytes(4, "big") + bytes([0, 0, 0, 58])
    total = sum(int.from_bytes((pseudo + message)[i:i + 2], "big")
                for i in range(0, len(pseudo + message), 2))
    while total > 0xffff:
        total = (total & 0xffff) + (total >> 16)
    message = message[:2] + (~total & 0xffff).to_bytes(2, "big") + message[4:]
    return (octets(to_mac) + octets(mac) + bytes.fromhex("86dd60000000") +
            len(message).to_bytes(2, "big") + bytes([58, 255]) + packed(source) + packed(to) +
            message)


def tables(member):
    return sorted(line.removeprefix("table ")
                  for line in member.run("nft", "list", "tables").splitlines())


ALL_TABLES = ["arp waypost_inside", "ip waypost", "ip6 waypost", "ip6 waypost_inside"]


# ---- asks ------------------------------------------------------------------

@pytest.mark.alone
def test_ask(start, watch, net):
    _, neighbour = net
    drive = start("--address", "198.51.100.22,-,route")
    drive.ok("add 0")
    frames = watch("eth0", 0x0806)
    asked = time.monotonic()
    assert drive.ok(f"ask 0 {NEIGHBOUR}") == f"there {neighbour.mac('eth0')}"
    assert time.monotonic() - asked < 0.07
    asked = time.monotonic()
    assert drive.ok("ask 0 192.0.2.77") == "nobody"
    assert 0.075 <= time.monotonic() - asked < 0.4
    for target in (NEIGHBOUR, "192.0.2.77"):
        frames.wait("asked as the host itself, not as the service address",
                    lambda f: arp(f)[2:] == (MEMBER, target), 1, 1)
    assert drive.ok(f"ask 0 {MEMBER}") == "there here"
    assert drive.ok(f"ask 1 {HOME}") == "there here"
    result, text = drive.ask(f"ask 2 {NEIGHBOUR}")
    assert result == ERR_UNSUPPORTED and "no link" in text


def test_ask_ipv6(start, watch, net):
    member, neighbour = net
    drive = start()
    drive.ok("add 1")
    frames = watch("eth0", 0x86dd)
    wait_until("a link-local address",
               lambda: not member.ip("addr", "show", "dev", "eth0", "tentative"), 5)
    assert drive.ok(f"ask 0 {NEIGHBOUR6}") == f"there {neighbour.mac('eth0')}"
    assert drive.ok("ask 0 2001:db8::77") == "nobody"
    frames.wait("a solicitation from the link-local address",
                lambda f: f[54:55] == b"\x87" and f[62:78] == packed("2001:db8::77") and
                f[22:24] == b"\xfe\x80", 1, 1)


def test_ask_without_an_address_of_its_own(start, net):
    member, _ = net
    member.ip("addr", "flush", "dev", "eth0")
    drive = start()
    drive.ok("add 0")
    result, text = drive.ask(f"ask 0 {NEIGHBOUR}")
    assert result == ERR_NOT_FOUND and "of its own" in text


def test_many_asks_at_once(start):
    drive = start()
    drive.send("\n".join(f"ask 0 192.0.2.{150 + i}" for i in range(65)))

    def answers(pattern):
        with drive.changed:
            return sum(line.startswith(pattern) for line in drive.lines)
    wait_until("answers", lambda: answers("answer ASK 0 0 nobody") == 64, 2)
    assert answers("answer ASK 0 -7 too many") == 1


# ---- claims ----------------------------------------------------------------

def test_force(start, net):
    member, neighbour = net
    neighbour.ip("addr", "add", HOME + "/32", "dev", "eth0")
    drive = start()
    assert drive.ask("add 0 7")[0] == -15
    drive.ok("add 0 8 force")
    assert member.address(HOME)
    drive.expect_log(f"address {HOME} on eth0, epoch 8: .*held")


@pytest.mark.parametrize("index, ip, protocol", [(0, HOME, 0x0806), (1, HOME6, 0x86dd)])
def test_a_next_hop_answers(start, watch, net, index, ip, protocol):
    member, _ = net
    drive = start("--next-hop", "192.0.2.1", "--next-hop", NEIGHBOUR, "--next-hop", NEIGHBOUR6)
    frames = watch("eth0", protocol)
    drive.ok(f"add {index} 7")
    assert member.address(ip)
    drive.expect_log(rf"verifying -> held: {NEIGHBOUR if index == 0 else NEIGHBOUR6} answers it")
    if index == 0:
        frames.wait("asked from the address", lambda f: arp(f)[2:] == (HOME, NEIGHBOUR), 1, 1)


@pytest.mark.parametrize("index, ip", [(0, HOME), (1, HOME6)])
def test_no_next_hop_answers(start, watch, net, index, ip):
    member, _ = net
    drive = start("--next-hop", "192.0.2.77", "--next-hop", "2001:db8::77")
    frames = watch("eth0", 0x0806)
    line = len(drive.lines)
    drive.send(f"add {index} 7")
    wait_until("serving while it is verified", lambda: member.address(ip), 1)
    drive.expect(rf"answer ADDRESS_ADD {index} {ERR_TIMEOUT} none of 1 next hops", start=line)
    assert member.address(ip) is None
    if index == 0:
        asked = frames.wait("asked three times", lambda f: arp(f)[2:] == (HOME, "192.0.2.77"), 3, 1)
        for want, (got, _) in zip((0, 0.1, 0.2), asked):
            assert want - 0.02 <= got - asked[0][0] < want + 0.1
    drive.send(f"add {index} 8")
    wait_until("again", lambda: member.address(ip), GONE_S)
    drive.signal(signal.SIGKILL, drive.main)
    wait_until("gone", lambda: not member.address(ip), GONE_S)


def test_frozen_arp_entry_is_no_way_back(start, net):
    """The next hop lives, but goes on sending to whoever had the address: not reached."""
    _, neighbour = net
    drive = start("--next-hop", NEIGHBOUR)
    neighbour.run("nft", "add table arp t")
    neighbour.run("nft", "add chain arp t o { type filter hook output priority 0 ; }")
    neighbour.run("nft", f"add rule arp t o arp daddr ip {HOME} drop")
    assert drive.ask("add 0 7")[0] == ERR_TIMEOUT


# ---- defence ---------------------------------------------------------------

def test_forged_arp_is_defended(start, watch, net):
    member, neighbour = net
    drive = start()
    drive.ok("add 0 7")
    time.sleep(2.2)  # the announcements are over
    frames = watch("eth0", 0x0806)
    forged = arp_frame(2, OTHER_MAC, HOME, HOME)
    sent = time.monotonic()
    for _ in range(5):
        frames.sock.send(forged)
    drive.expect(rf"^conflict 0 {OTHER_MAC} 1$", 1)
    announced = (1, member.mac("eth0"), HOME, HOME)
    frames.wait("announced at once", lambda f: arp(f) == announced, 1, 0.5)
    drive.expect(rf"^conflict 0 {OTHER_MAC} 4$", 2)
    assert time.monotonic() - sent >= 0.9
    frames.wait("and after a second", lambda f: arp(f) == announced, 2, 0.5)
    time.sleep(1.2)
    assert len([f for _, f in frames.frames if arp(f) == announced]) == 2
    assert sum(line.startswith("conflict") for line in drive.lines) == 2
    assert member.address(HOME)
    assert "1 received" in neighbour.run("ping", "-c1", "-W2", HOME)


def test_forged_advertisement_is_defended(start, watch, net):
    member, _ = net
    drive = start()
    drive.ok("add 1 7")
    time.sleep(2.2)
    frames = watch("eth0", 0x86dd)
    frames.sock.send(nd_frame(136, OTHER_MAC, HOME6, "33:33:00:00:00:01", "ff02::1", HOME6,
                              0x20000000))
    drive.expect(rf"^conflict 1 {OTHER_MAC} 1$", 1)
    frames.wait("announced", lambda f: f[54:55] == b"\x88" and f[62:78] == packed(HOME6) and
                f[6:12] == octets(member.mac("eth0")), 1, 0.5)
    assert member.address(HOME6)


def test_what_is_no_conflict(start, watch, net):
    drive = start()
    drive.ok("add 0 7")
    frames = watch("eth0", 0x0806)
    frames.sock.send(arp_frame(1, OTHER_MAC, "192.0.2.31", HOME))
    frames.sock.send(arp_frame(1, OTHER_MAC, "0.0.0.0", HOME))
    frames.sock.send(arp_frame(2, OTHER_MAC, "192.0.2.31", HOME))
    frames.sock.send(arp_frame(2, net[0].mac("eth0"), HOME, HOME))
    time.sleep(0.3)
    assert not [line for line in drive.lines if line.startswith("conflict")]


def test_conflict_on_a_link_that_was_made_anew(start, watch, net):
    member, neighbour = net
    drive = start()
    drive.ok("add 0")
    member.ip("link", "set", "eth0", "down")
    member.ip("link", "set", "eth0", "up")
    drive.ok(f"ask 0 {NEIGHBOUR}")
    wait_until("renewed", lambda: member.address(HOME), 3)
    frames = watch("eth0", 0x0806)
    frames.sock.send(arp_frame(2, OTHER_MAC, HOME, HOME))
    drive.expect(rf"^conflict 0 {OTHER_MAC}", 2)
    assert neighbour.mac("eth0")


# ---- fences ----------------------------------------------------------------

SENDER = f"""
import socket, time
s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
s.bind(("{HOME6}", 0))
print("bound", flush=True)
while True:
    try:
        s.sendto(b"x", ("{NEIGHBOUR6}", 9))
    except OSError:
        pass
    time.sleep(0.02)
"""


@pytest.fixture
def sender(net):
    """Starts a process in the member that goes on sending from the IPv6 address."""
    with contextlib.ExitStack() as stack:
        def start_sender():
            process = subprocess.Popen(["ip", "netns", "exec", net[0].name, sys.executable, "-c",
                                        SENDER], stdout=subprocess.PIPE, text=True)
            stack.callback(process.wait, 5)
            stack.callback(process.kill)
            assert process.stdout.readline() == "bound\n"
        yield start_sender


def count_sent(watch, seconds):
    frames = watch("eth0", 0x86dd)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        frames.read(end - time.monotonic())
    return sum(f[20] == 17 and f[22:38] == packed(HOME6) for _, f in frames.frames)


def test_source_fence(start, watch, sender, net):
    """A bound IPv6 socket outlives its address: what it sends stays here."""
    member, _ = net
    drive = start()
    assert tables(member) == ALL_TABLES
    drive.ok("add 1")
    sender()
    assert count_sent(watch, 0.3) > 3
    drive.signal(signal.SIGSTOP, drive.main)
    drive.signal(signal.SIGKILL, drive.keeper)
    wait_until("expired", lambda: not member.address(HOME6), LIFETIME_S)
    assert count_sent(watch, 0.5) == 0
    assert "counter packets 0" not in member.run("nft", "list", "table", "ip6", "waypost")
    member.run("nft", "delete", "table", "ip6", "waypost")
    assert count_sent(watch, 0.3) > 3, "nothing to be fenced: does the test still test?"
    start().ok("add 1")
    assert tables(member) == ALL_TABLES
    assert count_sent(watch, 0.3) > 3


def test_source_fence_stays_when_main_hangs(start, watch, sender, net):
    member, _ = net
    drive = start()
    drive.ok("add 1")
    sender()
    drive.signal(signal.SIGSTOP, drive.main)
    wait_until("keeper ended", lambda: not drive.is_keeper_alive(), GONE_S)
    assert not member.address(HOME6)
    assert tables(member) == ["ip waypost", "ip6 waypost"]
    assert count_sent(watch, 0.3) == 0


@pytest.mark.parametrize("how", ["quit", "kill"])
def test_no_fence_stays_when_main_has_ended(start, net, how):
    member, _ = net
    drive = start()
    drive.ok("add 1")
    if how == "quit":
        drive.send("quit")
    else:
        drive.signal(signal.SIGKILL, drive.main)
    wait_until("no tables", lambda: not tables(member), GONE_S)


def test_flushed_fences_come_back(start, net):
    member, _ = net
    start()
    member.run("nft", "flush", "ruleset")
    wait_until("fences", lambda: tables(member) == ALL_TABLES, 2)


def is_answered_arp(frames, ip):
    frames.frames.clear()
    frames.sock.send(arp_frame(1, OTHER_MAC, "10.1.0.100", ip))
    with contextlib.suppress(AssertionError):
        frames.wait("answer", lambda f: arp(f)[0] == 2 and arp(f)[2] == ip, 1, 0.3)
        return True
    return False


def is_answered_nd(frames, ip):
    group = "33:33:ff:" + packed(ip)[13:].hex(":")
    frames.frames.clear()
    frames.sock.send(nd_frame(135, OTHER_MAC, "2001:db8:1::100", group,
                              "ff02::1:ff" + packed(ip)[13:14].hex() + ":" +
                              packed(ip)[14:].hex(), ip))
    with contextlib.suppress(AssertionError):
        frames.wait("answer", lambda f: f[54:55] == b"\x88" and f[62:78] == packed(ip), 1, 0.3)
        return True
    return False


@pytest.mark.parametrize("protocol, is_answered, index, inner, bits, own", [
    (0x0806, is_answered_arp, 0, INNER, 32, "10.1.0.11"),
    (0x86dd, is_answered_nd, 1, INNER6, 128, "2001:db8:1::11")])
def test_inside_fence(start, watch, net, protocol, is_answered, index, inner, bits, own):
    """Main and keeper hang: peers' addresses are answered for no longer, the host's own are."""
    member, neighbour = net
    neighbour.ip("neigh", "replace", "10.1.0.100", "lladdr", OTHER_MAC, "dev", "eth1")
    drive = start()
    drive.ok(f"route-add {index} {inner}/{bits} 1")
    frames = watch("eth1", protocol)
    deadline = time.monotonic() + 3.5
    while time.monotonic() < deadline:
        assert is_answered(frames, inner), "while the keeper lives"
        time.sleep(0.2)
    drive.signal(signal.SIGSTOP, drive.main, drive.keeper)
    took = wait_until("fenced", lambda: not is_answered(frames, inner), LIFETIME_S)
    assert not is_answered(frames, inner)
    assert is_answered(frames, own)
    assert member.proxies("-4" if index == 0 else "-6") == {inner}, "or there is no need of it"
    print(f"fenced {took * 1000:.0f} ms after SIGSTOP of both")
    drive.signal(signal.SIGKILL, drive.main, drive.keeper)
    drive.process.wait(5)
    drive = start()
    drive.ok(f"route-add {index} {inner}/{bits} 1")
    assert is_answered(frames, inner)


# ---- claim hook ------------------------------------------------------------

@pytest.fixture
def hook(tmp_path):
    """A claim hook with that body, as a path; what it was called with is in the returned file."""
    def make(body):
        script, calls = tmp_path / "hook", tmp_path / "calls"
        script.write_text(f"#!/bin/sh\necho \"$@\" >>{calls}\n{body}\n")
        script.chmod(0o755)
        calls.touch()
        return script, lambda: calls.read_text().splitlines()
    return make


def start_hooked(start, script, link="-"):
    return start("--address", f"{HOOKED},{link},hook", "--hook", str(script))


@pytest.mark.parametrize("link", ["-", "eth0"])
def test_hook_claims_and_releases(start, watch, net, hook, link):
    member, _ = net
    script, calls = hook("echo first; echo done with $1; test -e /dev/fd/3 && exit 3; exit 0")
    drive = start_hooked(start, script, link)
    frames = watch("eth0", 0x0806)
    drive.ok("add 2 7")
    assert calls() == [f"claim {HOOKED} 7"]
    entry = member.address(HOOKED)
    assert entry["link"] == ("lo" if link == "-" else link) and entry["valid_life_time"] <= 3
    drive.expect_log("the claim hook says: done with claim")
    frames.read(0.3)
    assert not [f for _, f in frames.frames if HOOKED in arp(f)]
    drive.ok("remove 2")
    assert member.address(HOOKED) is None
    assert calls() == [f"claim {HOOKED} 7", f"release {HOOKED} 7"]


def test_hook_has_no_privileges(start, hook):
    script, _ = hook('grep -q "^CapEff:.*0000000000000000$" /proc/self/status && '
                     'test "$(env | grep -cv "^PATH=\\|^PWD=\\|^_=\\|^SHLVL=\\|^OLDPWD=")" = 0')
    start_hooked(start, script).ok("add 2")


@pytest.mark.parametrize("body, text", [
    ("echo it is with another >&2; exit 5", "ended with status 5: it is with another"),
    ("kill -9 $$", "killed by signal 9")])
def test_hook_refuses(start, net, hook, body, text):
    script, calls = hook(body)
    drive = start_hooked(start, script)
    result, got = drive.ask("add 2 7")
    assert result == ERR_IO and text in got
    assert net[0].address(HOOKED) is None
    assert calls() == [f"claim {HOOKED} 7"]


def test_hook_is_missing(start, net, tmp_path):
    drive = start_hooked(start, tmp_path / "nothing")
    result, text = drive.ask("add 2 7")
    assert result == ERR_IO and "status 127" in text and "No such file" in text
    assert net[0].address(HOOKED) is None


def test_keeper_works_on_while_the_hook_runs(start, net, hook):
    member, _ = net
    script, _ = hook("test $1 = release || sleep 4")
    drive = start_hooked(start, script)
    drive.ok("add 0")
    line = len(drive.lines)
    drive.send("add 2 7")
    begun = time.monotonic()
    while time.monotonic() - begun < 3.5:
        assert member.address(HOME) and (time.monotonic() - begun < 1 or member.address(HOOKED))
        time.sleep(0.1)
    drive.ok(f"ask 0 {NEIGHBOUR}")
    drive.expect("answer ADDRESS_ADD 2 0", start=line)


def test_hook_that_hangs(start, net, hook):
    """Killed after 10 s, with what it started; then the release runs."""
    script, calls = hook("test $1 = claim && sleep 60.25")
    drive = start_hooked(start, script)
    line = len(drive.lines)
    drive.send("add 2 7")
    drive.expect(rf"answer ADDRESS_ADD 2 {ERR_IO} the claim hook has not ended", 13, start=line)
    assert net[0].address(HOOKED) is None
    assert calls() == [f"claim {HOOKED} 7", f"release {HOOKED} 7"]
    assert subprocess.run(["pgrep", "-f", "sleep 60.25"], check=False).returncode == 1


@pytest.mark.parametrize("seconds", [0.5, 4])
def test_release_when_main_is_killed(start, net, hook, seconds):
    member, _ = net
    script, calls = hook(f"test $1 = claim || sleep {seconds}; echo end $1 >>$0.ends")
    drive = start_hooked(start, script)
    drive.ok("add 2 7")
    killed = time.monotonic()
    drive.signal(signal.SIGKILL, drive.main)
    wait_until("gone", lambda: member.address(HOOKED) is None, GONE_S)
    wait_until("released", lambda: len(calls()) == 2, GONE_S)
    assert calls()[1] == f"release {HOOKED} 7"
    wait_until("keeper ended", lambda: not drive.is_keeper_alive(), 5)
    took = time.monotonic() - killed
    assert min(seconds, 2) <= took < min(seconds, 2) + 1.5  # before a hook of four seconds ends
    ends = script.with_name("hook.ends")
    wait_until("not cut off", lambda: ends.read_text() == "end claim\nend release\n", 4)


# ---- last words ------------------------------------------------------------

@pytest.fixture(params=["192.0.2.100", "[2001:db8::100]"])
def listener(request, net):
    """Where last words go to, and the socket that hears them."""
    address = request.param.strip("[]")
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with open_socket(net[1].name, socket.SOCK_DGRAM, family) as sock:
        sock.bind((address, 7400))
        sock.settimeout(1)
        yield f"{request.param}:7400", sock


@pytest.mark.alone
@pytest.mark.parametrize("sig", [signal.SIGKILL, signal.SIGSTOP])
def test_last_words(start, net, listener, sig):
    member, _ = net
    to, sock = listener
    drive = start()
    for command in ("add 0 7", "add 1 7", f"route-add 0 {INNER}/32 1"):
        drive.ok(command)
    drive.send(f"words {to} old")
    drive.send(f"words {to} gone")
    asked = time.monotonic()
    drive.ok(f"ask 0 {NEIGHBOUR}")
    died = time.monotonic()
    drive.signal(sig, drive.main)
    heard = [sock.recvfrom(1000) for _ in range(3)]
    ended = time.monotonic()
    took = ended - died
    assert not member.address(HOME) and not member.address(HOME6)
    assert [words for words, _ in heard] == [b"gone"] * 3
    assert all(source[0] not in (HOME, HOME6) for _, source in heard)
    # Killed: at once, not by the watch, which takes 200 ms since main was heard.
    assert took < 0.2 if sig == signal.SIGKILL else ended - asked >= 0.2 and took < GONE_S
    with pytest.raises(TimeoutError):
        sock.recvfrom(1000)
    print(f"last words {took * 1000:.0f} ms after {sig.name} of main")


def test_no_last_words_after_an_orderly_end(start, net, listener):
    member, _ = net
    to, sock = listener
    drive = start()
    drive.ok("add 0 7")
    drive.send(f"words {to} gone")
    drive.send("no-words")
    drive.ok("remove 0")
    drive.send("quit")
    wait_until("no tables", lambda: not tables(member), GONE_S)
    with pytest.raises(TimeoutError):
        sock.recvfrom(1000)

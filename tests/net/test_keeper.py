# SPDX-License-Identifier: Apache-2.0
"""The agent's keeper in a pair of namespaces: `member` runs it, `neighbour` sees it from outside.

Driven by build/VARIANT/tools/keeper_drive, which plays main; WAYPOST_BUILD names another build
folder than build/release. Needs root.
"""
import contextlib
import os
import pathlib
import re
import signal
import socket
import time

import pytest

from lib import keepernet
from lib.keepernet import GONE_S, HOME, HOME6, arp, wait_until

ERR_VALUE, ERR_LIMIT, ERR_NOT_FOUND, ERR_EXISTS = -3, -7, -14, -15

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")


@pytest.fixture
def net():
    with keepernet.pair() as namespaces:
        yield namespaces


OPTIONS = ("--tun", "waypost0", "--address", f"{HOME},eth0,l2", "--address", f"{HOME6},eth0,l2",
           "--address", "192.0.2.22,eth0,none",
           "--connection", "proxy-arp,eth1,0,10.1.0.128/25",
           "--connection", "route,-,77,10.64.0.0/10",
           "--connection", "proxy-arp,eth1,0,2001:db8:1::1:0/112",
           "--connection", "route,-,77,10.1.0.128/25",
           "--connection", "proxy-arp,eth1,0,10.3.0.0/16")


@pytest.fixture
def start(net):
    """Starts a drive in the member; several may follow one another."""
    with contextlib.ExitStack() as stack:
        def start_drive(*options, **how):
            drive = keepernet.Drive(net[0], *(options or OPTIONS), **how)
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


def test_privileges(start):
    drive = start()
    status = pathlib.Path(f"/proc/{drive.keeper}/status").read_text()
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert fields["Name"] == "waypost-keeper"
    for which in ("CapPrm", "CapEff"):
        assert int(fields[which], 16) == 1 << 12 | 1 << 13, which  # NET_ADMIN, NET_RAW
    for which in ("CapInh", "CapAmb", "CapBnd"):
        assert int(fields[which], 16) == 0, which
    assert fields["NoNewPrivs"] == "1"
    for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        drive.signal(sig, drive.keeper)
    drive.ok("add 0")


def test_other_user(start, net):
    drive = start("--uid", "65534", *OPTIONS)
    assert os.stat(f"/proc/{drive.keeper}/task").st_uid in (0, 65534)  # 0: not dumpable
    status = pathlib.Path(f"/proc/{drive.keeper}/status").read_text()
    assert re.search(r"^Uid:\t65534\t65534\t65534\t65534$", status, re.M)
    drive.ok("add 0")
    drive.ok("route-add 0 10.1.0.201/32 1")
    assert net[0].proxies() == {"10.1.0.201"}


@pytest.mark.alone
def test_address_is_probed_added_announced_and_renewed(start, watch, net):
    member, neighbour = net
    drive = start()
    frames = watch("eth0", 0x0806)
    asked = time.monotonic()
    drive.ok("add 0")
    waited = time.monotonic() - asked
    mac = member.mac("eth0")
    entry = member.address(HOME)
    assert (entry["link"], entry["prefixlen"]) == ("eth0", 32)
    assert entry["valid_life_time"] <= 3 and entry["preferred_life_time"] <= 2

    seen = frames.wait("probe and announcements", lambda f: arp(f) if HOME in arp(f) else None,
                       9, 5)
    assert seen[0][1] == (1, mac, "0.0.0.0", HOME)
    for i, (_, frame) in enumerate(seen[1:]):
        assert frame == (1 if i % 2 == 0 else 2, mac, HOME, HOME)
    rounds = [t - seen[1][0] for t, _ in seen[1::2]]
    for want, got in zip((0, 0.1, 0.5, 2.0), rounds):
        assert want - 0.02 <= got < want + 0.3, rounds
    assert waited >= 0.08  # for an answer to the probe

    assert "1 received" in neighbour.run("ping", "-c1", "-W2", HOME)
    held = time.monotonic()
    while time.monotonic() - held < 3.5:  # the lifetime would be over
        assert member.address(HOME)
        time.sleep(0.05)

    drive.ok("remove 0")
    assert member.address(HOME) is None
    assert drive.ok("remove 0") == ""


def test_ipv6_address(start, watch, net):
    member, neighbour = net
    drive = start()
    frames = watch("eth0", 0x86dd)
    drive.ok("add 1")
    entry = member.address(HOME6)
    assert entry["prefixlen"] == 128 and entry["valid_life_time"] <= 3
    assert not entry.get("tentative") and entry["nodad"]

    target = socket.inet_pton(socket.AF_INET6, HOME6)
    mac = bytes.fromhex(member.mac("eth0").replace(":", ""))

    def advertisement(frame):
        is_ours = frame[20] == 58 and frame[54] == 136 and frame[62:78] == target
        return is_ours and frame[:6] == bytes.fromhex("333300000001") and frame[78:] == b"\2\1" + mac
    frames.wait("unsolicited neighbour advertisements", advertisement, 4, 5)
    assert "1 received" in neighbour.run("ping", "-6", "-c1", "-W2", HOME6)
    drive.ok("remove 1")
    assert member.address(HOME6) is None


def test_neighbour_learns_from_the_announcement(start, net):
    _, neighbour = net
    drive = start()
    for ip, link, nud in ((HOME, "eth0", "reachable"), ("10.1.0.201", "eth1", "stale"),
                          (HOME6, "eth0", "stale"), ("2001:db8:1::1:1", "eth1", "stale")):
        neighbour.ip("neigh", "replace", ip, "lladdr", "02:00:00:00:00:99", "dev", link, "nud", nud)
    for command in ("add 0", "add 1", "route-add 0 10.1.0.201/32 1",
                    "route-add 2 2001:db8:1::1:1/128 1"):
        drive.ok(command)

    def macs():
        return {n["dst"]: n.get("lladdr") for n in neighbour.json("neigh", "show")}
    for ip, link in ((HOME, "eth0"), ("10.1.0.201", "eth1"), (HOME6, "eth0"),
                     ("2001:db8:1::1:1", "eth1")):
        mac = net[0].mac(link)
        wait_until(f"{ip} at {mac}", lambda: macs().get(ip) == mac, 3)


def test_duplicate_address_is_refused(start, net):
    member, neighbour = net
    drive = start()
    neighbour.ip("addr", "add", HOME + "/32", "dev", "eth0")
    result, text = drive.ask("add 0")
    assert (result, text) == (ERR_EXISTS, f"{HOME} is in use by {neighbour.mac('eth0')} on eth0")
    assert member.address(HOME) is None
    neighbour.ip("addr", "del", HOME + "/32", "dev", "eth0")
    drive.ok("add 0")


def test_simultaneous_probe_is_refused(start, watch, net):
    drive = start()
    frames = watch("eth0", 0x0806)
    other = bytes.fromhex("020000000099")
    probe = (b"\xff" * 6 + other + bytes.fromhex("0806" "0001080006040001") + other + bytes(4) +
             bytes(6) + socket.inet_aton(HOME))
    start_line = len(drive.lines)
    drive.send("add 0")
    frames.wait("probe", lambda f: arp(f)[2:] == ("0.0.0.0", HOME), 1, 2)
    frames.sock.send(probe)
    drive.expect(rf"answer ADDRESS_ADD 0 {ERR_EXISTS} .*also being claimed by {other.hex(':')}",
                 start=start_line)


def test_duplicate_ipv6_address_is_refused(start, watch, net):
    member, neighbour = net
    drive = start()
    frames = watch("eth0", 0x86dd)
    neighbour.ip("addr", "add", HOME6 + "/128", "dev", "eth0", "nodad")
    # The kernel hears what is asked of it a moment later only.
    wait_until("its group", lambda: "ff02::1:ff00:21" in neighbour.ip("maddr", "show"), 5)
    result, text = drive.ask("add 1")
    assert (result, text) == (ERR_EXISTS, f"{HOME6} is in use by {neighbour.mac('eth0')} on eth0")
    assert member.address(HOME6) is None
    target = socket.inet_pton(socket.AF_INET6, HOME6)
    frames.wait("probe", lambda f: f[:6] == bytes.fromhex("3333ff000021") and f[20] == 58 and
                f[22:38] == bytes(16) and f[54] == 135 and f[62:78] == target, 1, 2)
    neighbour.ip("addr", "del", HOME6 + "/128", "dev", "eth0")
    drive.ok("add 1")


def test_simultaneous_ipv6_probe_is_refused(start, watch, net):
    drive = start()
    frames = watch("eth0", 0x86dd)
    target = socket.inet_pton(socket.AF_INET6, HOME6)
    other = bytes.fromhex("020000000099")
    start_line = len(drive.lines)
    drive.send("add 1")
    [(_, probe)] = frames.wait("probe", lambda f: f if f[54:55] == b"\x87" and f[62:78] == target
                               else None, 1, 2)
    frames.sock.send(probe[:6] + other + probe[12:])
    drive.expect(rf"answer ADDRESS_ADD 1 {ERR_EXISTS} .*also being claimed by {other.hex(':')}",
                 start=start_line)


def test_withdrawn_while_probing(start, net):
    drive = start()
    drive.send("add 0\nadd 0\nremove 0")
    drive.expect(r"answer ADDRESS_ADD 0 -16 it is being added already")
    drive.expect(r"answer ADDRESS_ADD 0 -16 withdrawn")
    drive.expect(r"answer ADDRESS_REMOVE 0 0")
    assert net[0].address(HOME) is None


def test_claim_none(start, net):
    member, _ = net
    drive = start()
    result, text = drive.ask("add 2")
    assert result == ERR_NOT_FOUND and "claim: none" in text
    member.ip("addr", "add", "192.0.2.22/32", "dev", "eth1")
    result, text = drive.ask("add 2")
    assert result == ERR_EXISTS and "eth1" in text
    member.ip("addr", "del", "192.0.2.22/32", "dev", "eth1")
    member.ip("addr", "add", "192.0.2.22/32", "dev", "eth0")
    drive.ok("add 2")
    drive.ok("remove 2")
    assert member.address("192.0.2.22")["valid_life_time"] == 0xffffffff


def test_claim_none_on_any_link(start, net):
    drive = start("--tun", "waypost0", "--address", "192.0.2.22,-,none")
    result, text = drive.ask("add 0")
    assert result == ERR_NOT_FOUND and "any link" in text
    net[0].ip("addr", "add", "192.0.2.22/32", "dev", "lo")
    drive.ok("add 0")


ROUTED, ROUTED6 = "198.51.100.21", "2001:db8:51::21"
ROUTE_OPTIONS = ("--tun", "waypost0", "--address", f"{ROUTED},-,route",
                 "--address", f"{ROUTED6},-,route")


@pytest.mark.parametrize("index, ip, family, via", [
    (0, ROUTED, "-4", "192.0.2.11"), (1, ROUTED6, "-6", "2001:db8::11")])
def test_claim_route(start, watch, net, index, ip, family, via):
    member, neighbour = net
    neighbour.ip(family, "route", "add", ip, "via", via)
    drive = start(*ROUTE_OPTIONS)
    frames = watch("eth0", 0x0806)
    drive.ok(f"add {index}")
    entry = member.address(ip)
    assert entry["link"] == "lo" and entry["prefixlen"] in (32, 128)
    assert ("noprefixroute" in entry) == (family == "-6")
    assert entry["valid_life_time"] <= 3 and not entry.get("tentative")
    assert "1 received" in neighbour.run("ping", family, "-c1", "-W2", ip)

    held = time.monotonic()
    while time.monotonic() - held < 3.5:  # the lifetime would be over
        assert member.address(ip)
        frames.read(0.05)
    assert not [f for _, f in frames.frames if ip in arp(f)]  # neither probed nor announced

    drive.signal(signal.SIGKILL, drive.main)
    wait_until("gone", lambda: member.address(ip) is None, GONE_S)
    assert ip not in member.ip(family, "route", "show", "table", "all")
    assert "0 received" in neighbour.run("ping", family, "-c1", "-W1", ip, check=False)


def test_claim_route_is_refused_where_it_is_already(start, net):
    member, _ = net
    member.ip("addr", "add", ROUTED + "/32", "dev", "lo")
    member.ip("addr", "add", ROUTED6 + "/128", "dev", "eth0", "nodad")
    drive = start(*ROUTE_OPTIONS)
    result, text = drive.ask("add 0")
    assert result == ERR_EXISTS and "on lo already, not by us" in text
    result, text = drive.ask("add 1")
    assert result == ERR_EXISTS and "on eth0 already, not on lo" in text


def test_claim_route_expires_and_is_cleaned_up(start, net):
    member, _ = net
    drive = start(*ROUTE_OPTIONS)
    drive.ok("add 0")
    drive.ok("add 1")
    drive.signal(signal.SIGKILL, drive.keeper, drive.main)
    assert member.address(ROUTED) and member.address(ROUTED6)
    drive.process.wait(5)
    again = start(*ROUTE_OPTIONS)
    assert member.address(ROUTED) is None and member.address(ROUTED6) is None
    again.ok("add 0")
    again.ok("add 1")
    again.signal(signal.SIGKILL, again.keeper, again.main)
    wait_until("expired", lambda: member.address(ROUTED) is None and
               member.address(ROUTED6) is None, 4.5)


def test_address_of_the_operator_is_left_alone(start, net):
    member, _ = net
    member.ip("addr", "add", HOME + "/32", "dev", "eth0")
    drive = start()
    result, text = drive.ask("add 0")
    assert result == ERR_EXISTS and "not by us" in text
    assert member.address(HOME)["valid_life_time"] == 0xffffffff


def test_missing_link(start, net):
    drive = start("--tun", "waypost9", "--address", f"{HOME},nolink,l2", "--address",
                  "192.0.2.23,lo,l2", "--connection", "route,-,0,10.64.0.0/16",
                  "--connection", "proxy-arp,nolink,0,10.65.0.0/16")
    result, text = drive.ask("add 0")
    assert result == ERR_NOT_FOUND and "nolink" in text
    result, text = drive.ask("add 1")
    assert result == -18 and "not Ethernet" in text
    result, text = drive.ask("route-add 0 10.64.0.1/32 1")
    assert result == ERR_NOT_FOUND and "waypost9" in text
    net[0].ip("link", "set", "eth0", "down")
    net[0].ip("link", "set", "waypost0", "down")
    drive.close()
    drive = start()
    result, text = drive.ask("add 0")
    assert result == -19 and "down" in text
    result, text = drive.ask("route-add 1 10.64.0.1/32 1")
    assert result == -19 and "not up" in text  # the kernel's own words


def test_lost_link(start, net):
    drive = start()
    drive.ok("add 0")
    net[0].ip("link", "del", "eth0")
    drive.expect(r"lost 0 .*eth0", 5)


def test_route_mode(start, net):
    member, _ = net
    drive = start()
    drive.ok("route-add 1 10.64.1.0/24 1")
    route = member.routes()["10.64.1.0/24"]
    assert (route["dev"], route["metric"]) == ("waypost0", 77)
    assert member.proxies() == set()
    drive.ok("route-add 1 10.64.1.0/24 2")
    assert "newer" in drive.ok("route-remove 1 10.64.1.0/24 1")
    assert "10.64.1.0/24" in member.routes()
    drive.ok("route-remove 1 10.64.1.0/24 2")
    assert member.routes() == {}


def test_newest_arrival_wins_over_another_mode(start, net):
    member, _ = net
    drive = start()
    drive.ok("route-add 0 10.1.0.201/32 1")
    assert "metric" not in member.routes()["10.1.0.201"]
    drive.ok("route-add 3 10.1.0.201/32 2")
    assert member.routes()["10.1.0.201"]["metric"] == 77
    assert member.proxies() == set()
    drive.ok("route-remove 0 10.1.0.201/32 1")
    assert "10.1.0.201" in member.routes()


def test_proxy_mode(start, net):
    member, neighbour = net
    drive = start()
    drive.ok("route-add 0 10.1.0.200/30 1")
    drive.ok("route-add 0 10.1.0.201/32 1")
    drive.ok("route-add 2 2001:db8:1::1:0/126 1")
    assert member.proxies() == {f"10.1.0.{i}" for i in range(200, 204)}
    assert len(member.proxies("-6")) == 4
    assert "10.1.0.200/30" in member.routes() and len(member.routes("-6")) == 1

    neighbour.run("ping", "-c1", "-W1", "10.1.0.203", check=False)
    neighbour.run("ping", "-6", "-c1", "-W1", "2001:db8:1::1:3", check=False)
    macs = {n["dst"]: n.get("lladdr") for n in neighbour.json("neigh", "show")}
    assert macs["10.1.0.203"] == member.mac("eth1")
    assert macs["2001:db8:1::1:3"] == member.mac("eth1")

    drive.ok("route-remove 0 10.1.0.200/30 1")
    assert member.proxies() == {"10.1.0.201"}
    drive.ok("route-remove 0 10.1.0.201/32 1")
    drive.ok("route-remove 2 2001:db8:1::1:0/126 1")
    assert member.proxies() == member.proxies("-6") == set()
    assert member.routes() == member.routes("-6") == {}


def test_missing_settings_are_named(start, net):
    member, _ = net
    drive = start()
    member.sysctl("net.ipv6.conf.eth1.proxy_ndp", 0)
    assert "net.ipv6.conf.eth1.proxy_ndp=1" in drive.ok("route-add 2 2001:db8:1::1:1/128 1")
    member.sysctl("net.ipv4.ip_forward", 0)
    assert "net.ipv4.conf.eth1.forwarding=1" in drive.ok("route-add 0 10.1.0.201/32 1")


def test_refused_requests(start, net):
    member, _ = net
    member.ip("route", "add", "10.64.9.0/24", "dev", "eth1", "metric", "77")
    drive = start()
    for command, want, text in (
            ("add 3", ERR_NOT_FOUND, "no such address"),
            ("remove 64", ERR_NOT_FOUND, "no such address"),
            ("route-add 5 10.1.0.201/32 1", ERR_NOT_FOUND, "no such connection"),
            ("route-remove 70000 10.1.0.201/32 1", ERR_NOT_FOUND, "no such connection"),
            ("route-add 0 10.1.0.11/32 1", ERR_VALUE, "outside"),
            ("route-add 0 10.1.0.0/24 1", ERR_VALUE, "outside"),
            ("route-add 0 2001:db8:1::1:1/128 1", ERR_VALUE, "outside"),
            ("route-add 1 0.0.0.0/0 1", ERR_VALUE, "no inner prefix"),
            ("route-add 4 10.3.0.0/23 1", ERR_LIMIT, "256"),
            ("route-add 1 10.64.9.0/24 1", ERR_EXISTS, "File exists")):
        result, reason = drive.ask(command)
        assert result == want and text in reason, (command, result, reason)
    assert member.routes() == {} and member.proxies() == set()
    drive.ok("route-remove 1 10.64.9.0/24 1")
    assert "10.64.9.0/24" in member.ip("route", "show", "dev", "eth1")


def hold_everything(drive, member):
    """Adds one of each and returns a predicate that says whether all are gone."""
    for command in ("add 0", "add 1", "route-add 0 10.1.0.200/31 1", "route-add 1 10.64.1.0/24 1",
                    "route-add 2 2001:db8:1::1:1/128 1"):
        drive.ok(command)

    def held():
        return [bool(x) for x in (member.address(HOME), member.address(HOME6), member.routes(),
                                  member.routes("-6"), member.proxies(), member.proxies("-6"))]
    assert all(held())
    return lambda: not any(held())


def test_main_is_killed(start, net):
    drive = start()
    is_gone = hold_everything(drive, net[0])
    drive.signal(signal.SIGKILL, drive.main)
    took = wait_until("all gone", is_gone, GONE_S)
    drive.expect_log("removing all addresses and routes: main has ended")
    wait_until("keeper ended", lambda: not drive.is_keeper_alive(), GONE_S)
    print(f"gone {took * 1000:.0f} ms after SIGKILL of main")


def test_main_ends(start, net):
    drive = start()
    is_gone = hold_everything(drive, net[0])
    drive.send("quit")
    wait_until("all gone", is_gone, GONE_S)
    assert drive.process.wait(2) == 0


def test_main_hangs(start, net):
    drive = start()
    is_gone = hold_everything(drive, net[0])
    drive.signal(signal.SIGSTOP, drive.main)
    took = wait_until("all gone", is_gone, GONE_S)
    drive.expect_log("main has been silent for ([2-9][0-9]{2}|[0-9]{4}) ms")
    drive.signal(signal.SIGCONT, drive.main)
    drive.expect("death the keeper has ended")
    assert drive.process.wait(2) == 3
    print(f"gone {took * 1000:.0f} ms after SIGSTOP of main")


def test_log_that_nobody_reads(start, net):
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writer, b"x" * 4096)
    os.set_blocking(writer, True)
    drive = start(log=writer)
    is_gone = hold_everything(drive, net[0])
    drive.signal(signal.SIGKILL, drive.main)
    wait_until("all gone", is_gone, GONE_S)
    os.close(reader)
    os.close(writer)


def test_main_talks_nonsense(start, net):
    drive = start()
    is_gone = hold_everything(drive, net[0])
    drive.send("raw")
    wait_until("all gone", is_gone, GONE_S)
    drive.expect("death the keeper has ended")
    drive.expect_log("4 octets that are no request")


def test_both_are_killed(start, net):
    member, _ = net
    drive = start()
    hold_everything(drive, member)
    drive.signal(signal.SIGSTOP, drive.keeper)
    drive.signal(signal.SIGKILL, drive.keeper, drive.main)
    took = wait_until("addresses expired",
                      lambda: not member.address(HOME) and not member.address(HOME6), 5)
    print(f"expired {took * 1000:.0f} ms after SIGKILL of both")
    assert member.routes() and member.proxies() and member.proxies("-6")

    member.ip("neigh", "add", "proxy", "10.1.0.250", "dev", "eth1")
    member.ip("route", "add", "10.64.7.0/24", "dev", "eth1", "proto", "static")
    drive = start()
    assert not member.routes() and not member.routes("-6")
    assert member.proxies() == {"10.1.0.250"} and not member.proxies("-6")
    assert "10.64.7.0/24" in member.ip("route", "show")
    for what in ("proxy neighbour 10.1.0.200", "proxy neighbour 2001:db8:1::1:1",
                 "route 10.64.1.0/24", "route 2001:db8:1::1:1/128"):
        drive.expect_log(f"removed the {what} that an earlier keeper left behind")


def test_restart_within_the_lifetime(start, net):
    member, _ = net
    drive = start()
    drive.ok("add 0")
    drive.ok("add 1")
    drive.signal(signal.SIGSTOP, drive.keeper)
    drive.signal(signal.SIGKILL, drive.keeper, drive.main)
    drive = start()
    for ip in (HOME, HOME6):
        drive.expect_log(f"removed the address {ip} that an earlier keeper")
        assert member.address(ip) is None
    drive.ok("add 0")


def test_keeper_is_killed(start, net):
    member, _ = net
    drive = start()
    drive.ok("add 0")
    drive.signal(signal.SIGKILL, drive.keeper)
    drive.expect("death the keeper has ended")
    wait_until("address expired", lambda: not member.address(HOME), 5)


def test_keeper_hangs(start, net):
    member, _ = net
    drive = start()
    drive.ok("add 0")
    drive.signal(signal.SIGSTOP, drive.keeper)
    drive.expect("death the keeper has not answered", 3)
    wait_until("address expired", lambda: not member.address(HOME), 5)


def test_suspended_host(start, net):
    """Nothing runs for 2 s: the keeper drops first, main may ask again."""
    member, _ = net
    drive = start()
    is_gone = hold_everything(drive, member)
    drive.signal(signal.SIGSTOP, drive.main, drive.keeper)
    time.sleep(2)
    assert member.address(HOME), "the lifetime is to be longer than this"
    drive.signal(signal.SIGCONT, drive.keeper, drive.main)
    drive.expect("dropped nothing ran here for [23][0-9]{3} ms")
    assert is_gone()
    drive.ok("add 0")
    drive.ok("route-add 0 10.1.0.201/32 1")


def test_many_routes(start, net):
    """A burst of peers: everything answered, main's pings are not lost in it, gone in time."""
    member, _ = net
    drive = start()
    drive.ok("add 0")
    drive.send("many 1 5000")

    def answers():
        with drive.changed:
            return sum(l.startswith("answer ROUTE_ADD 1 0") for l in drive.lines)
    wait_until("5000 answers", lambda: answers() == 5000, 20)
    assert len(member.routes()) == 5000
    drive.signal(signal.SIGKILL, drive.main)
    wait_until("address gone", lambda: not member.address(HOME), GONE_S)
    took = wait_until("routes gone", lambda: not member.routes(), 2)
    print(f"5000 routes gone {took * 1000:.0f} ms after the address")

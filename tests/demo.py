#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A whole cluster on one machine: a director, three members, two strongSwan peers, a host behind.

Then two members die, one after the other: the power of the first is cut, the agent of the second is
killed. A survivor answers for the address, and the peers come back through the director. A third peer
has a ticket: when the power of its member is cut, it resumes at another one without key exchange.

    make demo              shows it at work and takes it down
    make demo KEEP=1       leaves it running and says how to look around
    make demo-stop         ends what KEEP=1 left

Exit status 0 only if every step did what it says.
"""

import argparse
import contextlib
import shutil
import sys
import traceback

from lib import failover, ikepeer, layout, runs, timeline, tools
from lib.addrwatch import now_us
from lib.capture import Capture
from lib.pinger import Pinger
from lib.topology import Topology, exit_on_signals
from lib.wait import Stopwatch, wait_for
from lib.waypost import Cluster, require_programs

PEERS = (1, 2)
TICKET_PEER = 3  # with ikepeer instead of strongSwan, which knows no tickets
SHOWN = ("how", "gateway", "to", "reason", "local", "remote", "lifetime_s")  # of its events
EXCHANGES = {34: "IKE_SA_INIT", 35: "IKE_AUTH", 37: "INFORMATIONAL", 38: "IKE_SESSION_RESUME"}
PINGS = 3
LISTED_DEADLINE_S = 10
RESUMED_DEADLINE_S = 30  # a stock peer's dead peer detection and all that follows
PASSED_ON_US = 100000  # what was on its way at the death may still be answered
EVENTS_SHOWN = 12
LOAD_NOISE = 0.05  # as in director/placement/placement.h
LOGS = tools.SOURCE / "build" / "logs" / "demo"


class DemoFailed(Exception):
    """A step did not do what it says; the text is for the reader."""


class Steps:
    """Numbered steps with the time each took."""

    def __init__(self):
        self.passed = Stopwatch()
        self.number = 0
        self.title = "preparing"

    @contextlib.contextmanager
    def __call__(self, title):
        self.number += 1
        self.title = title
        print(f"\n{self.number}. {title}", flush=True)
        took = Stopwatch()
        yield
        print(f"   ({took():.1f} s)", flush=True)


def say(text):
    for line in text.splitlines():
        print(f"   {line}", flush=True)


def require(condition, complaint):
    if not condition:
        raise DemoFailed(complaint)


def relative(path):
    """A path as one types it in the source folder."""
    return path.relative_to(tools.SOURCE) if path.is_relative_to(tools.SOURCE) else path


# ---- the steps -------------------------------------------------------------------


def build_network(net):
    layout.build(net, peers=len(PEERS) + 1)
    say(
        f"wan    192.0.2.0/24  router .1, director {layout.DIRECTOR_ADDRESS}, "
        "members .11 .12 .13, peers .101 .102 .103\n"
        f"inside 10.1.0.0/24   members .11 .12 .13, host web {layout.WEB_ADDRESS}; "
        "peers' inner addresses .201 .202 .203\n"
        f"Each host is a network namespace: {', '.join(h.netns for h in net.hosts.values())}"
    )


def start_cluster(cluster):
    cluster.start()
    rows = cluster.members()
    for name in layout.MEMBERS:
        row = rows[name]
        say(f"{name}: {row['state']}, home address {', '.join(row['home'])}")


def why(cluster, rows, member):
    """The director's reason, from the loads that it compared."""
    loads = ", ".join(f"{name} {rows[name]['load']:.2f}" for name in layout.MEMBERS)
    lowest = min(row["load"] for row in rows.values())
    if max(row["load"] for row in rows.values()) - lowest <= LOAD_NOISE:
        verdict = "alike, so two were drawn by weight and the first taken"
    else:
        verdict = f"two were drawn by weight, {member} is the less loaded"
    return f"placement {cluster.status()['placement']}; loads were {loads}: {verdict}"


def bring_up(cluster, number):
    """Bring one peer up; says where it went and why. Returns it with its member."""
    address = layout.peer_address(number)
    identity = layout.peer_identity(number)
    rows = cluster.members()
    peer = layout.start_peer(cluster.net, number, cluster.psk(identity), dpd=True)
    took = Stopwatch()
    sa = peer.initiate()
    redirects = peer.redirects()
    member = layout.member_of_home(sa.remote_host)
    say(
        f"{identity} ({address}) asked {layout.DIRECTOR_ADDRESS}: redirected to "
        f"{' then '.join(redirects) or 'nobody'}, tunnel up in {1000 * took():.0f} ms"
    )
    require(redirects, f"{identity} was not redirected")
    require(member is not None, f"{identity} ended at {sa.remote_host}, no member's home address")
    row = wait_for(
        lambda: cluster.peers().get(identity), LISTED_DEADLINE_S, f"{identity} in the peers' list"
    )
    require(row["member"] == member, f"the director has {identity} at {row['member']}")
    say(f"  clusteradm peers:     {identity} is at {row['member']} (came: {row['how']})")
    say(f"  why:                  {why(cluster, rows, member)}")
    return peer, member


def ping(host, source, target, text):
    answers = host.ping(target, source=source, count=PINGS)
    say(f"{text:<44} {answers} of {PINGS} answered")
    require(answers == PINGS, f"ping {source} -> {target}: {answers} of {PINGS} answers")


def ping_both_ways(net):
    web = net.hosts["web"]
    for number in PEERS:
        inner = layout.inner_address(number)
        peer = net.hosts[f"p{number}"]
        ping(
            peer, inner, layout.WEB_ADDRESS, f"p{number} ({inner}) -> web ({layout.WEB_ADDRESS})"
        )
        ping(
            web, layout.WEB_ADDRESS, inner, f"web ({layout.WEB_ADDRESS}) -> p{number} ({inner})"
        )


def show_operator_view(cluster):
    for command in ("status", "members", "peers"):
        say(f"$ clusteradm {command}")
        say("  " + cluster.adm(command).rstrip("\n").replace("\n", "\n  "))


# ---- members die ------------------------------------------------------------------

BUDGETS_MS = {"power cut": 500, "kill -9": 300}


def serving(peers, without=()):
    """(number of a peer, its member), of a member that is not among those."""
    for number, peer in zip(PEERS, peers):
        member = layout.member_of_home(peer.sa().remote_host)
        if member not in without:
            return number, member
    return 1, layout.member_of_home(peers[0].sa().remote_host)


def show_timeline(line, how):
    for step in sorted(line.ms, key=line.ms.get):
        say(f"{line.ms[step]:>8.0f} ms  {step}")
    took = line.ms["answering"]
    say(
        f"{line.address} is answered by {line.successor} {took:.0f} ms after the death "
        f"(profile fast, budget for a {how}: {BUDGETS_MS[how]} ms)"
    )


def show_resumption(pingers, died, peer, victim):
    for pinger in pingers:
        resumed = pinger.wait_answer(died + PASSED_ON_US, RESUMED_DEADLINE_S)
        say(f"{pinger.text:<44} answered again after {(resumed - died) / 1000:.0f} ms")
    member = layout.member_of_home(peer.wait_up().remote_host)
    require(member not in (None, victim), f"the peer is at {member}")
    say(f"the peer found {victim} dead by itself, asked the director, and is at {member} now")


def fail(cluster, watching, peers, number, victim, how):
    """One death, watched: the address, the peer, its traffic both ways."""
    hosts = cluster.net.hosts
    inner = layout.inner_address(number)
    last = timeline.last_event(cluster)
    with Pinger(hosts[f"p{number}"], layout.WEB_ADDRESS, inner) as out, Pinger(
        hosts["web"], inner, layout.WEB_ADDRESS
    ) as back:
        for pinger in (out, back):
            pinger.wait_answer(0, RESUMED_DEADLINE_S)
        if how == "power cut":
            died = cluster.cut_power(victim)
        else:
            died = cluster.kill_main(victim)
        address = layout.home_address(victim)
        line = timeline.measure(cluster, watching, victim, address, died, last)
        show_timeline(line, how)
        show_resumption((out, back), died, peers[number - 1], victim)
    return last


def bring_back(cluster, watching, victim, how):
    """The member returns; an operator does not wait for the hold-down."""
    address = layout.home_address(victim)
    start = now_us()
    if how == "power cut":
        cluster.restore_power(victim)
    else:
        cluster.restart_agent(victim)
    cluster.wait_back(victim)
    owner = cluster.address(address)["owner"]
    say(
        f"{victim} is back after {(now_us() - start) / 1000:.0f} ms. {owner} keeps {address} until "
        f"{victim} has been there for\nfailover.hold-down-s, or until an operator says so:"
    )
    say(f"$ clusteradm address move {address} home")
    cluster.adm("address", "move", address, "home")
    cluster.wait_home()
    watching.wait_answerer(address, victim)


# ---- a ticket -----------------------------------------------------------------------


def show_new_events(peer, count):
    """What ikepeer has said since so many events."""
    for event in peer.events()[count:]:
        words = [f"{key} {event[key]}" for key in SHOWN if event.get(key)]
        say(f"ikepeer: {event['event']:<12} {', '.join(words)}")


def get_ticket(cluster):
    """A peer that asks for a ticket; with its member."""
    identity = layout.peer_identity(TICKET_PEER)
    peer = ikepeer.start_peer(cluster.net, TICKET_PEER, cluster.psk(identity), "--dpd", "1")
    up = peer.wait_event("established")
    peer.wait_event("ticket")
    show_new_events(peer, 0)
    return peer, layout.member_of_home(up["gateway"].rpartition(":")[0])


def show_exchanges(capture):
    """What went over the wire, as far as it is readable."""
    seen = []
    for packet in capture.packets():
        message = packet.ike()
        if message and len(message) > 28:
            seen.append((packet.src, packet.dst, EXCHANGES.get(message[18], message[18])))
    for source, target, exchange in dict.fromkeys(seen):
        say(f"{source:>12} -> {target:<12} {exchange}")
    return {exchange for _, _, exchange in seen}


def resume_elsewhere(cluster, peer, victim):
    hosts, inner = cluster.net.hosts, layout.inner_address(TICKET_PEER)
    path = hosts[f"p{TICKET_PEER}"].folder / "resume.pcap"
    before = len(peer.events())
    with Pinger(hosts[f"p{TICKET_PEER}"], layout.WEB_ADDRESS, inner) as out, Pinger(
        hosts["web"], inner, layout.WEB_ADDRESS
    ) as back, Capture(hosts[f"p{TICKET_PEER}"], "eth0", path, "udp") as capture:
        for pinger in (out, back):
            pinger.wait_answer(0, RESUMED_DEADLINE_S)
        died = cluster.cut_power(victim)
        up = peer.wait_event("established", 2, RESUMED_DEADLINE_S)
        for pinger in (out, back):
            resumed = pinger.wait_answer(died + PASSED_ON_US, RESUMED_DEADLINE_S)
            say(f"{pinger.text:<44} answered again after {(resumed - died) / 1000:.0f} ms")
        show_new_events(peer, before)
        say("on the wire, each once:")
        exchanges = show_exchanges(capture)
    member = layout.member_of_home(up["gateway"].rpartition(":")[0])
    require(up["how"] == "resumed" and member not in (None, victim), f"the peer's last word: {up}")
    require("IKE_SA_INIT" not in exchanges, "there was a key exchange")
    say(f"the ticket of {victim} was good at {member}: no IKE_SA_INIT, so no key exchange")


def run_resumption(cluster, steps):
    with steps("A peer that asks for a ticket (RFC 5723): ikepeer, as strongSwan knows none"):
        peer, victim = get_ticket(cluster)
    with steps(f"The power of {victim} is cut, and p{TICKET_PEER} takes its ticket elsewhere"):
        resume_elsewhere(cluster, peer, victim)
    with steps(f"{victim} comes back"):
        cluster.restore_power(victim)
        cluster.wait_back(victim)
        cluster.adm("address", "move", layout.home_address(victim), "home")
        cluster.wait_home()
        peer.stop()
        say("and everything is where it belongs")


def show_addresses(cluster, after):
    say("$ clusteradm addresses")
    say("  " + cluster.adm("addresses").rstrip("\n").replace("\n", "\n  "))
    lines = cluster.adm("events", "--after", str(after), "--limit", "1000").rstrip("\n").split("\n")
    say(f"$ clusteradm events --after {after}")
    say("  " + "\n  ".join(lines[: EVENTS_SHOWN + 1]))
    if len(lines) > EVENTS_SHOWN + 1:
        say(f"  ... and {len(lines) - EVENTS_SHOWN - 1} more")


def run_failures(cluster, peers, steps):
    watching = failover.watch(cluster, kinds="i")
    number, first = serving(peers)
    with steps(f"The power of {first} is cut: its links vanish. It serves p{number}"):
        last = fail(cluster, watching, peers, number, first, "power cut")
    with steps("What the operator sees"):
        show_addresses(cluster, last)
    with steps(f"{first} comes back"):
        bring_back(cluster, watching, first, "power cut")
    number, second = serving(peers, without=(first,))
    with steps(f"The agent of {second} is killed (kill -9). It serves p{number}"):
        last = fail(cluster, watching, peers, number, second, "kill -9")
    with steps(f"{second} comes back"):
        bring_back(cluster, watching, second, "kill -9")
        show_addresses(cluster, last)
    watching.stop()


def run_steps(net, steps):
    with steps("Network: two bridges, a director, three members, two peers, a host behind"):
        build_network(net)
    cluster = Cluster(net)
    with steps("Certificates by clusteradm pki, configurations from etc/ as they are"):
        cluster.lay_out()
        say(f"in {net.folder}/HOST/etc")
    with steps("Director and three members start"):
        start_cluster(cluster)
    with steps("Two stock strongSwan peers connect to the director's address"):
        peers = [bring_up(cluster, number)[0] for number in PEERS]
    with steps("Traffic through the tunnels, both ways"):
        ping_both_ways(net)
    with steps("What the operator sees"):
        show_operator_view(cluster)
    run_failures(cluster, peers, steps)
    run_resumption(cluster, steps)
    return cluster, peers


# ---- the end ---------------------------------------------------------------------


def take_down(net, cluster, steps):
    with steps("Taking it down"):
        problems = cluster.stop()
        net.close()
        require(not problems, "\n".join(problems))
        say("all processes ended well; namespaces and files are gone")


def leave_running(net, cluster, peer):
    """Say how to look around. The words are commands to paste, as root."""
    program, *options = cluster.adm_argv()
    adm = " ".join(str(word) for word in [relative(program), *options])
    swanctl = relative(tools.unconfined("swanctl"))
    inside = f"ip netns exec {net.prefix}"
    inner = layout.inner_address(1)
    net.keep()
    print(
        f"""
Still running. Look around (as root, in {tools.SOURCE}):

  {inside}-director {adm} status      # members, peers, placement 192.0.2.101
  {inside}-m1 ip addr
  {inside}-m1 ip neigh show proxy
  {inside}-web ping {inner}
  {inside}-p1 env STRONGSWAN_CONF={peer.conf} {swanctl} --list-sas --uri {peer.uri}
  {inside}-p1 tcpdump -ni eth0
  less {net.folder}/m1/log/agent.log     # one folder per host: etc, state, log

End it: make demo-stop"""
    )


def stop_kept():
    kept = [run for run in runs.all_runs() if run.is_kept()]
    for run in kept:
        run.destroy()
        print(f"{run.prefix}: ended")
    if not kept:
        print("no demo is running")


def report_failure(net, steps, error):
    print(f"\nFAILED in step {steps.number} ({steps.title}):", file=sys.stderr)
    if isinstance(error, (DemoFailed, AssertionError, OSError)):
        print(str(error), file=sys.stderr)
    else:
        traceback.print_exception(error)
    if net is None:
        return
    shutil.rmtree(LOGS, ignore_errors=True)
    net.save_logs(LOGS)
    for host in net.hosts.values():
        for process in host.processes:
            print(f"\n{process.describe()}", file=sys.stderr)
    print(f"\nAll logs are in {relative(LOGS)}.", file=sys.stderr)


def run_demo(keep):
    steps = Steps()
    net = None
    try:
        require_programs()
        for program in ("charon-systemd", "swanctl"):
            tools.unconfined(program)
        with Topology(runs.DEMO_PREFIXES) as net:
            try:
                cluster, peers = run_steps(net, steps)
                if keep:
                    leave_running(net, cluster, peers[0])
                else:
                    take_down(net, cluster, steps)
            except Exception as error:
                report_failure(net, steps, error)
                return 1
    except (OSError, RuntimeError) as error:
        report_failure(None, steps, error)
        return 1
    print(f"\nThe demo worked, in {steps.passed():.0f} s.")
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keep", action="store_true", help="leave everything running")
    parser.add_argument("--stop", action="store_true", help="end what --keep left running")
    args = parser.parse_args()
    exit_on_signals()
    if args.stop:
        stop_kept()
        return 0
    try:
        return run_demo(args.keep)
    except KeyboardInterrupt:
        print("\ninterrupted; everything is taken down", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())

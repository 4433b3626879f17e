# SPDX-License-Identifier: Apache-2.0
"""A failover in milliseconds since the death: what the director decided, what the network saw.

The moment of death is the test's own, CLOCK_MONOTONIC before the fault; so are the times of what an
AddressWatch saw. The director's are from its events, whose wall clock is set against it.
"""

import re
from dataclasses import dataclass, field

from .addrwatch import wall_offset_us

ANSWERED_DEADLINE_S = 15

# Step -> what the director's event about the member or the address says (its `what`).
DIRECTOR_STEPS = {
    "suspect": r"-> suspect$",
    "down": r"-> (down|left)$",
    "claim ordered": r"^claiming|claim ordered",
    "claimed": r"^claimed|^owned",
}
STEPS = (*DIRECTOR_STEPS, "announced", "answering")


@dataclass
class Timeline:
    address: str
    victim: str
    died_us: int
    successor: str = ""
    ms: dict = field(default_factory=dict)  # step -> milliseconds, those that were seen

    def text(self):
        steps = [f"{step} {self.ms[step]:.0f}" for step in sorted(self.ms, key=self.ms.get)]
        return ", ".join(steps)


def director_events(cluster, after):
    """The events with a higher id, each with its time as `us` on our clock."""
    offset = wall_offset_us()
    answer = cluster.adm_json("events", "--after", str(after), "--limit", "1000")
    return [{**event, "us": event["time_ms"] * 1000 + offset} for event in answer["events"]]


def last_event(cluster):
    return cluster.adm_json("events", "--limit", "1")["last"]


def measure(cluster, watch, victim, address, died_us, after):
    """Wait until somebody else than the victim answers for the address; returns the Timeline.

    after: the id of the director's last event before the death.
    """
    line = Timeline(address, victim, died_us)
    answer = watch.wait_answer(address, died_us, ANSWERED_DEADLINE_S, besides=victim)
    line.successor = answer.who
    line.ms["answering"] = (answer.us - died_us) / 1000
    announced = watch.events(died_us, what="announced", address=address, who=answer.who)
    if announced:
        line.ms["announced"] = (announced[0].us - died_us) / 1000
    cluster.wait_address(address, owner=answer.who, state="owned")
    for event in director_events(cluster, after):
        if event["subject"] not in (victim, address):
            continue
        for step, pattern in DIRECTOR_STEPS.items():
            if step not in line.ms and re.search(pattern, event["what"]):
                line.ms[step] = (event["us"] - died_us) / 1000
    return line

# SPDX-License-Identifier: Apache-2.0
"""Waiting for events by polling with a deadline; nothing in the tests sleeps for a guessed time."""

import time

POLL_FIRST_S = 0.002
POLL_MAX_S = 0.05


class Timeout(AssertionError):
    """What was waited for did not come true in time."""


def wait_for(predicate, deadline_s, what, retry=()):
    """Call predicate until it returns something true, and return that.

    Exceptions of the types in `retry` count as "not yet"; others end the waiting. After deadline_s
    seconds a Timeout says what was waited for and what came last; `what` may be a function, asked
    only then, so that it can show logs.
    """
    start = time.monotonic()
    pause = POLL_FIRST_S
    while True:
        try:
            last = predicate()
            if last:
                return last
        except retry as error:
            last = error
        passed = time.monotonic() - start
        if passed >= deadline_s:
            text = what() if callable(what) else what
            raise Timeout(f"not within {deadline_s} s (last: {last!r}): {text}")
        time.sleep(min(pause, max(deadline_s - passed, 0)))
        pause = min(pause * 1.5, POLL_MAX_S)


class Stopwatch:
    """Seconds since it was made."""

    def __init__(self):
        self.start = time.monotonic()

    def __call__(self):
        return time.monotonic() - self.start

# SPDX-License-Identifier: Apache-2.0
"""Strict edits of the example configurations: what a test changes must be there exactly once."""

import re


def set_value(text, key, value):
    """Give a scalar another value, in block or flow style; comments do not count."""
    pattern = re.compile(
        rf"^(?P<before>[^#\n]*\b{re.escape(key)}:[ ]+)(?P<old>\"[^\"\n]*\"|[^\s,}}\]#]+)",
        re.MULTILINE,
    )
    found = len(pattern.findall(text))
    if found != 1:
        raise ValueError(f"{key}: {found} places to change, not one, in\n{text}")
    return pattern.sub(lambda match: match["before"] + str(value), text)


def set_block(text, key, block):
    """Replace a key of the top level with all below it, or append it; block begins with `key:`."""
    pattern = re.compile(rf"^{re.escape(key)}:.*\n(?:(?:[ \t-].*)?\n)*", re.MULTILINE)
    rest = pattern.sub("", text, count=1)
    return rest.rstrip("\n") + "\n" + block.rstrip("\n") + "\n"


def read_psks(text):
    """{identity: PSK} of a peers file: per entry an id, then its psk."""
    entry = re.compile(
        r"\bid:\s*\"?(?P<id>[^\s,\"}]+)\"?.*?"
        r"\bpsk:\s*(?:\"(?P<quoted>[^\"]*)\"|(?P<bare>[^\s,}]+))",
        re.DOTALL,
    )
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    return {m["id"]: m["quoted"] or m["bare"] for m in entry.finditer("\n".join(lines))}

"""The texts: the default message of an event type, a text cut to Slack's limits, and a digest."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from html import escape

from relay.event_types import event_type_of

MAX_SECTION = 3000
MOST_SECTIONS = 4  # about 12,000 characters in all: Slack rejects a little more
LINE = 160
HALF_SIGN = re.compile(r"&[a-z]{0,3}\Z")  # what a cut leaves of &amp; &lt; &gt;


def template(event_type: str) -> str:
    """The default message: the headline of the type in bold, and its summary below."""
    found = event_type_of(event_type)
    return f"*{found.headline}*\n{found.summary}".rstrip()


def cut(text: str, most: int) -> str:
    """``text`` with at most ``most`` characters; an escaped character is kept whole or dropped."""
    return text if len(text) <= most else HALF_SIGN.sub("", text[: most - 1]) + "…"


def bare(event_type: str, site_name: str) -> str:
    """The line of an event without a text, as ``New order on Shop``."""
    return f"{event_type_of(event_type).label} on {escape(site_name, quote=False)}"


def line_of(text: str) -> str:
    """The first line of a message, for a list."""
    return cut(text.partition("\n")[0].strip(), LINE)


def digest(messages: Sequence[tuple[str, str]]) -> list[str]:
    """Many messages, as (event type, text), in one: a count by type, then the first line of each until
    the message is full.  -> the text of each section
    """
    counts = Counter(event_type for event_type, _ in messages)
    said = ", ".join(f"{n} {event_type_of(name).noun(n)}" for name, n in counts.most_common(8))
    lines = [f"*{len(messages)} messages in one: {said}*"]
    lines += [f"• {line_of(text)}" for _, text in messages]
    sections: list[str] = []
    for n, line in enumerate(lines):
        if sections and len(sections[-1]) + len(line) + 1 <= MAX_SECTION - 60:
            sections[-1] += "\n" + line
        elif len(sections) < MOST_SECTIONS:
            sections.append(line)
        else:
            sections[-1] += f"\n… and {len(lines) - n} more, listed in Relay"
            break
    return sections

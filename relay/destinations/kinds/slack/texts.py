"""The messages: ready-made ones for each event, one cut to Slack's limits, and many summed up."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from html import escape

MAX_SECTION = 3000
MOST_SECTIONS = 4  # in all about 12,000 signs: Slack refuses somewhat more
LINE = 160
HALF_SIGN = re.compile(r"&[a-z]{0,3}\Z")  # what a cut leaves of &amp; &lt; &gt;
TEMPLATES = {
    "comment.created": "*New comment* by {{ data.author }}"
    "{% if data.post_title %} on “{{ data.post_title }}”{% endif %}\n> {{ data.content | truncate: 500 }}",
    "order.created": "*New order {{ data.number }}* over {{ data.total }} {{ data.currency }}"
    "{% if data.customer.name %} from {{ data.customer.name }}{% endif %}",
    "order.status_changed": "*Order {{ data.number }}* is now {{ data.status }}"
    "{% if data.previous_status %} (was {{ data.previous_status }}){% endif %}",
    "lead.created": "*New lead* from {{ data.form.title }}"
    "{% for field in data.fields %}\n{{ field[0] }}: {{ field[1] | truncate: 300 }}{% endfor %}",
    "user.registered": "*New user* on {{ site_name }}",
    "relay.test": "*Test event* from {{ site_name }}: the connection works.",
}
OTHER = "*{{ event }}* from {{ site_name }}"
PLURALS = {
    "comment.created": ("new comment", "new comments"),
    "order.created": ("new order", "new orders"),
    "order.status_changed": ("changed order", "changed orders"),
    "lead.created": ("new lead", "new leads"),
    "user.registered": ("new user", "new users"),
    "relay.test": ("test event", "test events"),
}


def cut(text: str, most: int) -> str:
    """``text`` with at most so many signs, never cut through an escaped one."""
    return text if len(text) <= most else HALF_SIGN.sub("", text[: most - 1]) + "…"


def bare(event_type: str, site_name: str) -> str:
    """What can be said of an event without a text of its own."""
    one, _ = PLURALS.get(event_type, (event_type, ""))
    return f"{one[:1].upper()}{one[1:]} from {escape(site_name, quote=False)}"


def line_of(text: str) -> str:
    """The first line of a message, for a list."""
    return cut(text.partition("\n")[0].strip(), LINE)


def digest(messages: Sequence[tuple[str, str]]) -> list[str]:
    """Many messages, as (event type, text), in one: counted by type, each by its first line while
    there is room.  -> the text of each section
    """
    counts = Counter(event_type for event_type, _ in messages)
    said = ", ".join(f"{n} {plural(one, n)}" for one, n in counts.most_common(8))
    lines = [f"*{len(messages)} messages in one: {said}*"]
    lines += [f"• {line_of(text)}" for _, text in messages]
    sections: list[str] = []
    for n, line in enumerate(lines):
        if sections and len(sections[-1]) + len(line) + 1 <= MAX_SECTION - 60:
            sections[-1] += "\n" + line
        elif len(sections) < MOST_SECTIONS:
            sections.append(line)
        else:
            sections[-1] += f"\n… and {len(lines) - n} more, which you find in Relay"
            break
    return sections


def plural(event_type: str, count: int) -> str:
    words = PLURALS.get(event_type, (event_type, event_type))
    return words[0] if count == 1 else words[1]

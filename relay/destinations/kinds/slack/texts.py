"""The texts: the default message of an event type, long texts in sections, links, and a digest.

Limits: https://docs.slack.dev/reference/block-kit/blocks/section-block (3,000 characters) and
https://github.com/slackapi/bolt-js/issues/2509 (about 13,200 characters in all blocks of a message).

This text goes to destinations: it is English (i18n: keep file).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from html import escape

from relay.destinations.links import Link
from relay.event_types import event_type_of

MAX_SECTION = 3000
MAX_SECTIONS = 4  # 12,000 characters; with the links, just under what Slack takes
MAX_LINKS = 1100
MAX_LINE = 160
CUT_ENTITY = re.compile(r"&[a-z]{0,3}\Z")  # what a cut leaves of &amp; &lt; &gt;
ENTITY = r"&(?:amp|lt|gt);"
# Links and mentions, which only a person who edits the text can write: values are escaped.
CONTROL = (
    r"<(?:https?://[^|<>\s]+(?:\|[^<>]+)?|mailto:[^|<>\s]+(?:\|[^<>]+)?|[@#][A-Z0-9]+(?:\|[^<>]*)?"
    r"|!(?:here|channel|everyone|subteam\^|date\^)[^<>]*)>"
)
PIECE = re.compile(rf"(?m)(?P<kept>{ENTITY}|{CONTROL}|^>)|[&<>]")
LINK = re.compile(r"<((?:https?://|mailto:)[^|<>\s]+)(?:\|([^<>]+))?>")
BOLD_LINE = re.compile(r"(?m)^\*([^*\n]+)\*")
PLAIN_MENTION = re.compile(r"(?<![\w.@])@(?=\w)")
REST, REST_WORDS = "Read the rest in Relay", "The rest of the text is in Relay."


def template(event_type: str) -> str:
    """The default message: the headline of the type in bold, and its summary below."""
    found = event_type_of(event_type)
    return f"*{found.headline}*\n{found.summary}".rstrip()


def cut(text: str, length: int) -> str:
    """``text`` with at most ``length`` characters; an escaped character is kept whole or dropped."""
    return text if len(text) <= length else CUT_ENTITY.sub("", text[: length - 1]) + "…"


def escaped(text: str) -> str:
    """A text in which & < > are escaped unless Slack reads them as an entity, a link or a quote.

    Source: https://docs.slack.dev/messaging/formatting-message-text#escaping
    """
    return PIECE.sub(lambda found: found["kept"] or escape(found[0], quote=False), text)


def split(text: str, length: int) -> tuple[str, str]:
    """The text in two: at most ``length`` characters, and the rest.

    It is split at the end of a line or a word, never within a link or an escaped character.  A quoted
    line that is split is quoted in both parts.
    """
    if len(text) <= length:
        return text, ""
    at = max(text.rfind("\n", length // 2, length + 1), 0)
    at = at or max(text.rfind(" ", length // 2, length + 1), 0) or length
    at -= len(match[0]) if (match := CUT_ENTITY.search(text[:at])) else 0
    opened = text.rfind("<", 0, at)
    if opened > 0 and (control := re.compile(CONTROL).match(text, opened)) and control.end() > at:
        at = opened
    head, rest = text[:at], text[at:]
    if not rest.startswith("\n") and head.rpartition("\n")[2].startswith(">"):
        rest = f"> {rest.lstrip(' ')}"
    return head.rstrip(), rest.lstrip("\n") if rest.startswith("\n") else rest.lstrip(" ")


def sections(
    text: str, rest_url: str, length: int = MAX_SECTION, most: int = MAX_SECTIONS
) -> list[str]:
    """A text in at most ``most`` parts.  If it is longer, the last one ends with a link to the rest."""
    parts: list[str] = []
    while text and len(parts) < most:
        part, rest = split(text, length)
        if rest and len(parts) == most - 1:
            link = link_text(Link(REST, rest_url)) if rest_url else REST_WORDS
            part = f"{split(text, length - len(link) - 2)[0]}…\n{link}"
        parts += [part] if part else []
        text = rest
    return parts


def link_text(link: Link) -> str:
    """A link as Slack writes it."""
    words = escape(link.label, quote=False).replace("|", "/")
    return f"<{escape(link.url, quote=False)}|{words}>"


def links_line(links: Iterable[Link]) -> str:
    """The links in one line, as many as fit."""
    line = ""
    for link in links:
        longer = f"{line} · {link_text(link)}" if line else link_text(link)
        line = longer if len(longer) <= MAX_LINKS else line
    return line


def unmarked(text: str) -> str:
    """A text without Slack's markup, for a variable of a workflow."""
    shown = LINK.sub(lambda found: f"{found[2]} ({found[1]})" if found[2] else found[1], text)
    return unescaped(BOLD_LINE.sub(r"\1", shown))


def unescaped(text: str) -> str:
    """A text for a service that shows & < > as they are, such as Rocket.Chat."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def without_mentions(text: str) -> str:
    """A text in which ``@channel`` of a visitor notifies no one, for services that read it so."""
    return PLAIN_MENTION.sub("@\u200b", text)


def in_markdown(text: str) -> str:
    """Bold lines as Mattermost writes them.

    Source: https://docs.mattermost.com/developers/integrate/slash-commands/slack
    """
    return BOLD_LINE.sub(r"**\1**", text)


def line_without_text(event_type: str, site_name: str) -> str:
    """The line of an event without a text, as ``New order on Shop``."""
    return f"{event_type_of(event_type).label} on {escape(site_name, quote=False)}"


def line_of(text: str) -> str:
    """The first line of a message, for a list."""
    return cut(text.partition("\n")[0].strip(), MAX_LINE)


def digest(messages: Sequence[tuple[str, str]]) -> list[str]:
    """Many messages, as (event type, text), in one: a count by type, then the first line of each until
    the message is full.  -> the text of each section
    """
    counts = Counter(event_type for event_type, _ in messages)
    summary = ", ".join(f"{n} {event_type_of(name).noun(n)}" for name, n in counts.most_common(8))
    lines = [f"*{len(messages)} messages in one: {summary}*"]
    lines += [f"• {escaped(line_of(text))}" for _, text in messages]
    sections: list[str] = []
    for n, line in enumerate(lines):
        if sections and len(sections[-1]) + len(line) + 1 <= MAX_SECTION - 60:
            sections[-1] += "\n" + line
        elif len(sections) < MAX_SECTIONS:
            sections.append(line)
        else:
            sections[-1] += f"\n… and {len(lines) - n} more, listed in Relay"
            break
    return sections

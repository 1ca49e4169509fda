"""What a message says about an alert, for each kind of channel.

Every text is made from the ``body`` that ``messages.body_of`` writes, so all channels say the same, in
English (i18n: keep file).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from html import escape
from typing import Any
from zoneinfo import ZoneInfo

from relay.destinations.kinds.slack.texts import without_mentions
from relay.rules.states import AlertChange, Severity

LABELS = {
    Severity.CRITICAL: "Critical",
    Severity.WARNING: "Warning",
    Severity.NOTICE: "Notice",
}
# https://docs.ntfy.sh/publish/#message-priority and https://docs.ntfy.sh/emojis/
PRIORITIES = {Severity.CRITICAL: 5, Severity.WARNING: 3, Severity.NOTICE: 2}
TAGS = {
    Severity.CRITICAL: "rotating_light",
    Severity.WARNING: "warning",
    Severity.NOTICE: "information_source",
}
NO_PUBLIC_URL = "Set RELAY_PUBLIC_URL so that this becomes a link."


def fields_of(kind: str, body: Mapping[str, Any], timezone: str) -> dict[str, Any]:
    """The fields of one message, as the kind of the channel wants them (``Message.mapped``)."""
    if kind == "webhook":
        return dict(body)
    if kind == "slack":
        return {"text": slack_text(body, timezone)}
    text = "\n\n".join(filter(None, [*lines_of(body, timezone), link_of(body)]))
    if kind == "email":
        subject = f"[Relay] {headline(body, body['sentence'])}"
        return {"subject": subject, "text": f"{opening_of(body)}\n\n{text}"}
    severity, is_over = Severity(body["severity"]), bool(body["resolved_at"])
    return {
        "title": "Relay" if change_of(body) is AlertChange.TEST else f"Relay: {label_of(body)}",
        "text": f"{opening_of(body)}\n{text}",
        "priority": PRIORITIES[Severity.NOTICE if is_over else severity],
        "tags": ["white_check_mark" if is_over else TAGS[severity]],
        "click": body["url"] if is_absolute(body["url"]) else "",
    }


def change_of(body: Mapping[str, Any]) -> AlertChange:
    return AlertChange(str(body["type"]).removeprefix("alert."))


def label_of(body: Mapping[str, Any]) -> str:
    """``Critical``, ``Still open (warning)``, ``Resolved`` or ``Test``."""
    change, severity = change_of(body), LABELS[Severity(body["severity"])]
    if change is AlertChange.TEST:
        return "Test"
    if body["resolved_at"]:
        return "Resolved"
    return f"Still open ({severity.lower()})" if change is AlertChange.REMINDER else severity


def headline(body: Mapping[str, Any], sentence: str, bold: str = "") -> str:
    """The sentence after its label.  The kinds of channels mark a test themselves."""
    if change_of(body) is AlertChange.TEST:
        return sentence
    return f"{bold}{label_of(body)}{bold}: {sentence}"


def opening_of(body: Mapping[str, Any]) -> str:
    """The sentence; what is over says so before it describes the problem."""
    return headline(body, body["sentence"]) if body["resolved_at"] else str(body["sentence"])


def lines_of(body: Mapping[str, Any], timezone: str) -> list[str]:
    """What a person wants to know below the sentence: since when, how many, what to do."""
    if change_of(body) is AlertChange.TEST:
        return [str(body["advice"])]
    since = read(body["since"] or body["opened_at"])
    facts = f"Since {moment(since, timezone)}."
    if body["resolved_at"]:
        ended = read(body["resolved_at"])
        facts = (
            f"This is over. It lasted {duration(since, ended)}: from {moment(since, timezone)} to "
            f"{moment(ended, timezone)}."
        )
    if body["count"] > 1:
        facts += f" Affected: {body['count']:,}."
    lines = [*list_of(body), facts]
    return lines if body["resolved_at"] else [*lines, f"What to do: {body['advice']}"]


def list_of(body: Mapping[str, Any]) -> list[str]:
    """The alerts of a message about many, as one text of several lines; none for a single alert."""
    lines = [f"• {sentence}" for sentence in body.get("alerts", ())]
    if body.get("more"):
        lines.append(f"and {body['more']:,} more.")
    return ["\n".join(lines)] if lines else []


def link_of(body: Mapping[str, Any]) -> str:
    if is_absolute(body["url"]):
        return f"Open in Relay: {body['url']}"
    return f"Open {body['url']} in Relay. {NO_PUBLIC_URL}"


def is_absolute(url: str) -> bool:
    return url.startswith(("http://", "https://"))


def slack_text(body: Mapping[str, Any], timezone: str) -> str:
    """The message in Slack's markup.

    Names in it come from people: & < > are escaped, and ``@channel`` notifies no one.
    """
    shown = {**body, **{name: in_slack(str(body[name])) for name in ("sentence", "advice")}}
    shown["alerts"] = [in_slack(str(sentence)) for sentence in body.get("alerts", ())]
    link = f"<{escape(body['url'], quote=False)}|Open in Relay>"
    lines = [headline(shown, shown["sentence"], "*"), *lines_of(shown, timezone)]
    return "\n".join([*lines, link if is_absolute(body["url"]) else in_slack(link_of(body))])


def in_slack(text: str) -> str:
    return without_mentions(escape(text, quote=False))


def read(text: str) -> datetime:
    return datetime.fromisoformat(text)


def moment(instant: datetime, timezone: str) -> str:
    """``27 Nov 2026, 18:05 (Europe/Vienna)``."""
    return f"{instant.astimezone(ZoneInfo(timezone)):%-d %b %Y, %H:%M} ({timezone})"


def duration(since: datetime, until: datetime) -> str:
    """A time in its largest unit: ``less than a minute``, ``7 minutes``, ``3 hours``, ``2 days``."""
    minutes = int((until - since).total_seconds() // 60)
    if minutes < 1:
        return "less than a minute"
    for size, word in ((1440, "day"), (60, "hour"), (1, "minute")):
        if minutes >= size * (2 if size > 1 else 1):
            count = minutes // size
            return f"{count} {word}{'' if count == 1 else 's'}"
    return "less than a minute"

"""Template filters: times, counts, URLs and event types as text."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from flask import Flask

from relay import exact_json
from relay.event_types import FAMILIES, INTERNAL_TYPES, event_type_of, family_of
from relay.mapping.printing import plain_text
from relay.rules.changes import newer_sentence
from relay.rules.counted import COUNTED

STEPS = ((86_400, "day"), (3600, "h"), (60, "min"), (1, "s"))


def duration(seconds: float) -> str:
    """``12 s``, ``3 min``, ``5 h``, ``2 days``."""
    whole = int(abs(seconds))
    for size, unit in STEPS:
        if whole >= size:
            n = whole // size
            return f"{n} {unit}s" if unit == "day" and n > 1 else f"{n} {unit}"
    return "0 s"


def duration_left(seconds: float) -> str:
    """Rounded, so that what was set to 4 hours a moment ago is not ``3 h``."""
    for size, _ in STEPS:
        if seconds >= 0.95 * size:
            return duration(round(seconds / size) * size)
    return "1 s"


def relative(instant: datetime, now: datetime | None = None) -> str:
    """``just now``, ``3 min ago`` or ``in 5 min``."""
    seconds = ((now or datetime.now(UTC)) - instant).total_seconds()
    if -1 < seconds < 5:
        return "just now"
    return f"{duration(seconds)} ago" if seconds > 0 else f"in {duration_left(-seconds)}"


def number(value: float) -> str:
    """A whole number with commas between thousands: ``1,234``."""
    return f"{value:,.0f}"


def counted(value: int) -> str:
    """A number that was counted up to COUNTED: ``10,000+`` for more."""
    return number(value) if value <= COUNTED else f"{number(COUNTED)}+"


def facts(detail: dict[str, Any]) -> str:
    """The detail of an audit entry as text: ``window: 24, url: https://shop.example.com``."""
    shown = {
        name.replace("_", " "): ", ".join(map(str, value)) if isinstance(value, list) else value
        for name, value in detail.items()
        if value not in (None, "", [], {})
    }
    return "; ".join(f"{name}: {value}" for name, value in shown.items())


def host(url: str) -> str:
    """The host of a URL; the text itself if it has none."""
    return urlsplit(url).netloc or url


def web_link(url: str) -> str:
    """``url`` if it is http or https, else an empty text: a site can send any text as a URL."""
    return url if urlsplit(url).scheme in ("http", "https") else ""


def type_words(event_type: str) -> str:
    """The name of an event type or family, such as "New order" or "All orders"."""
    if event_type.endswith(".*") and family_of(event_type) in FAMILIES:
        return f"All {FAMILIES[family_of(event_type)].plural}"
    return event_type_of(event_type).label


def type_icon(event_type: str) -> str:
    """The icon of an event type."""
    return event_type_of(event_type).icon


def families(types: list[str]) -> dict[str, list[str]]:
    """Event types by family, in a fixed order.  The pattern of a family comes before its types."""
    found: dict[str, list[str]] = {}
    for name in types:
        family = FAMILIES.get(family_of(name))
        title = family.plural.capitalize() if family else "Custom types"
        first = [f"{family.name}.*"] if family else []
        found.setdefault(title, first).append(name)
    order = [family.plural.capitalize() for family in FAMILIES.values()] + ["Custom types"]
    return {title: found[title] for title in order if title in found}


def patterns_words(patterns: list[str]) -> str:
    """The event types of a subscription as a phrase: ``New order, All leads``."""
    return (
        "All events" if "*" in patterns else ", ".join(type_words(pattern) for pattern in patterns)
    )


def choice(choices: list[tuple[str, str]], value: str) -> str:
    """The label of ``value`` among (value, label) pairs; the value itself if it is not among them."""
    return next((label for key, label in choices if key == value), value)


def pretty(text: str) -> str:
    """JSON with indentation; other text as it is."""
    try:
        return exact_json.dumps(exact_json.loads(text), indent=2)
    except ValueError:
        return text


def init_app(app: Flask) -> None:
    filters = (plain_text, duration, relative, number, counted, facts, host, web_link)
    for word in (
        *filters,
        families,
        type_icon,
        type_words,
        patterns_words,
        choice,
        pretty,
        newer_sentence,
    ):
        app.add_template_filter(word)
    app.add_template_test(INTERNAL_TYPES.__contains__, "internal")

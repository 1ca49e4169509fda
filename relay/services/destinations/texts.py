"""Texts in the settings of a destination: they are tried on events before they are saved."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from relay.delivery.message import fill_text, message_of, scope_of
from relay.delivery.payload import parse_payload
from relay.delivery.test_send import sample_message
from relay.destinations.base import Kind, Message, SettingText, TextStyle
from relay.errors import Invalid, Undeliverable
from relay.event_types import SAMPLES
from relay.i18n import _
from relay.mapping import escaped_templates
from relay.mapping.conditions import matches_type
from relay.services.subscriptions.matching import recent_events


def check(kind: Kind, config: Mapping[str, Any], event_types: Iterable[str]) -> None:
    """Fill the texts from one event of each type that the destination takes.

    Raises Invalid with the setting, the type of the event and the place of the error.
    """
    texts = kind.setting_texts(config)
    if not texts:
        return
    samples = dict(_samples(list(event_types)))
    for text in texts:
        if why := _syntax(text):
            raise Invalid({text.setting: [why]})
        for name, message in samples.items():
            try:
                fill_text(text, scope_of(message))
            except Undeliverable as exc:
                raise Invalid({text.setting: [_sentence(name, exc, len(samples))]}) from exc


def _samples(patterns: list[str]) -> Iterator[tuple[str, Message]]:
    """One event for each type: Relay's sample, of a custom type the newest stored one, if there is one."""
    for name in SAMPLES:
        if matches_type(patterns, name):
            yield name, sample_message(name)
    for name in patterns:
        if "*" in name or name in SAMPLES:
            continue
        for event in recent_events([name], (), 1):
            body, source = parse_payload(event.payload), event.source
            yield name, message_of(body, event.received_at, source.name, source.url, "sample")


def _syntax(text: SettingText) -> str | None:
    if text.style is TextStyle.PLAIN:
        return None  # checked with the other templates
    found = (escaped_templates.check(one, path=text.style is TextStyle.PATH) for one in text.lines)
    return next(filter(None, found), None)


def _sentence(name: str, exc: Undeliverable, types: int) -> str:
    why = _("With a sample of %(type)s: %(why)s", type=name, why=exc)
    if types == 1:
        return why
    other = _("Or choose fewer event types: the text must work with each of them.")
    return f"{why} {other}"

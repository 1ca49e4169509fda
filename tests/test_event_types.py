"""Every event type that ships is complete in each table that needs an entry for it.

A new type in ``relay.event_types`` fails here until everything it needs exists.
"""

from __future__ import annotations

import json
import re
from dataclasses import fields
from typing import Any

import pytest

from relay.api import openapi
from relay.dashboard import events, filters
from relay.destinations import KINDS
from relay.destinations.base import Kind
from relay.destinations.kinds.slack import texts
from relay.event_types import (
    EVENT_TYPES,
    FAMILIES,
    INTERNAL_TYPES,
    SAMPLES,
    EventType,
    event_type_of,
)
from relay.ingest import schemas
from relay.mapping import phrasing
from relay.mapping.conditions import ConditionGroup, matches_type
from relay.services.ledger import labels
from relay.web.assets import PACKAGES
from tests.support.kind_contract import mapped_message

STYLESHEET = PACKAGES / "@tabler/icons-webfont/dist/tabler-icons.min.css"
DELIVERABLE = [found for found in EVENT_TYPES.values() if not found.internal]
EVERY_TYPE = pytest.mark.parametrize("event_type", EVENT_TYPES.values(), ids=list(EVENT_TYPES))
DELIVERABLE_TYPES = pytest.mark.parametrize("event_type", DELIVERABLE, ids=list(SAMPLES))
MAPPED_KINDS = [kind for kind in KINDS.values() if kind.takes_events and kind.targets({}, {})]


def body_of(event_type: EventType) -> dict[str, Any]:
    return {
        "event": event_type.name,
        "event_id": "evt-1",
        "site": "https://shop.example.com",
        "data": event_type.sample,
    }


@EVERY_TYPE
def test_every_text_is_filled(event_type: EventType) -> None:
    optional = {"summary", "internal"} | ({"headline", "body"} if event_type.internal else set())
    for field in fields(EventType):
        value = getattr(event_type, field.name)
        assert value or field.name in optional, f"{event_type.name} has no {field.name}"
    subject, verb = event_type.happens
    assert re.match(r"an? ", subject) and verb, f"{event_type.name}: {event_type.happens}"
    assert len(event_type.name) <= 64, f"{event_type.name} is too long for the database"


@EVERY_TYPE
def test_the_family_is_known(event_type: EventType) -> None:
    assert event_type.family in FAMILIES, f"add the family {event_type.family} to FAMILIES"


@EVERY_TYPE
def test_the_icon_is_in_the_font(event_type: EventType) -> None:
    icons = set(re.findall(r"\.ti-([a-z0-9-]+):before", STYLESHEET.read_text()))
    assert event_type.icon in icons, f"Tabler has no icon {event_type.icon}"


@EVERY_TYPE
def test_the_sample_passes_its_own_schema(event_type: EventType) -> None:
    assert event_type.name in schemas.TYPES, f"add {event_type.name} to relay.ingest.schemas.TYPES"
    body = body_of(event_type)
    loaded = schemas.load_event(body, json.dumps(body).encode(), "evt-1")
    assert loaded.event_type == event_type.name


def test_no_schema_is_without_a_type() -> None:
    assert set(schemas.TYPES) == set(EVENT_TYPES)


@EVERY_TYPE
def test_the_openapi_document_names_it(event_type: EventType) -> None:
    described = openapi.document()["components"]["schemas"]["Event"]["properties"]["event"]
    assert f"`{event_type.name}`" in described["description"]


@DELIVERABLE_TYPES
def test_the_dashboard_names_it(event_type: EventType) -> None:
    assert filters.type_words(event_type.name) == event_type.label
    assert filters.type_icon(event_type.name) == event_type.icon
    assert filters.type_words(f"{event_type.family}.*").startswith("All ")
    about = events.subject_of(event_type.name, body_of(event_type)["data"])
    assert about and "Somebody" not in about
    families = filters.families([event_type.name])
    assert list(families.values()) == [[f"{event_type.family}.*", event_type.name]]


@DELIVERABLE_TYPES
def test_a_subscription_reads_as_a_sentence(event_type: EventType) -> None:
    subject, verb = event_type.happens
    sentence = phrasing.sentence([event_type.name], [], ConditionGroup(), "send it")
    assert sentence == f"When {subject} {verb}, send it."
    family = phrasing.sentence([f"{event_type.family}.*"], [], ConditionGroup(), "send it")
    assert "*" not in family, f"the family {event_type.family} has no words of its own"


@DELIVERABLE_TYPES
def test_the_ledger_counts_it(event_type: EventType) -> None:
    assert labels.of_type(event_type.name, 1) == f"1 {event_type.singular}"
    assert labels.of_type(event_type.name, 2) == f"2 {event_type.plural}"


@DELIVERABLE_TYPES
@pytest.mark.parametrize("kind", MAPPED_KINDS, ids=[kind.slug for kind in MAPPED_KINDS])
def test_every_kind_has_a_default_mapping_or_a_reason(kind: Kind, event_type: EventType) -> None:
    mapped = bool(kind.default_mapping({}, event_type.name))
    reason = kind.unmapped_types.get(event_type.name, "")
    assert mapped or reason.endswith("."), (
        f"{kind.slug} has no default mapping for {event_type.name}: "
        "add one, or the reason to its unmapped_types"
    )
    assert not (mapped and reason), f"{kind.slug} maps {event_type.name} and says why it does not"


@DELIVERABLE_TYPES
def test_a_kind_without_targets_sends_the_whole_event(event_type: EventType) -> None:
    for kind in KINDS.values():
        if kind.takes_events and kind not in MAPPED_KINDS:
            assert kind.open_fields, f"{kind.slug} sends nothing of {event_type.name}"


@DELIVERABLE_TYPES
def test_slack_writes_its_headline_in_bold(event_type: EventType) -> None:
    text = mapped_message(KINDS["slack"], event_type.name).mapped["text"]
    first, _, rest = text.partition("\n")
    assert re.fullmatch(r"\*[^*{}]+\*", first), text
    assert bool(rest.strip()) == bool(event_type.summary), text
    assert texts.line_without_text(event_type.name, "Shop") == f"{event_type.label} on Shop"


@DELIVERABLE_TYPES
def test_an_email_has_a_subject_and_a_text(event_type: EventType) -> None:
    mapped = mapped_message(KINDS["email"], event_type.name).mapped
    assert mapped["subject"].strip() and "\n" not in mapped["subject"]
    assert mapped["text"].strip() and "{" not in mapped["text"]


def test_internal_types_match_no_subscription() -> None:
    assert {"relay.report", "relay.erase", "relay.canary"} == INTERNAL_TYPES
    for name in INTERNAL_TYPES:
        assert not matches_type(["*", name, "relay.*"], name)


def test_a_custom_type_is_described_by_its_name() -> None:
    custom = event_type_of("x.booking")
    assert (custom.label, custom.icon, custom.family) == ("x.booking", "bolt", "x")
    assert (custom.noun(1), custom.noun(2)) == ("x.booking event", "x.booking events")
    assert mapped_message(KINDS["slack"], "x.booking").mapped["text"] == "*x.booking from Shop*"


def test_texts_are_plain_english() -> None:
    order = mapped_message(KINDS["email"], "order.created").mapped
    assert order["subject"] == "New order #1042: 129.90 EUR"
    changed = mapped_message(KINDS["slack"], "order.status_changed").mapped
    assert changed["text"] == "*Order #1042 is now completed*\nBefore: processing"

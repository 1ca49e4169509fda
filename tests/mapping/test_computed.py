"""The table of computed fields: each has a value, a label and a place where it is suggested."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from relay.errors import Undeliverable
from relay.event_types import SAMPLES
from relay.mapping.computed import (
    COMPUTED,
    STANDARD,
    compute,
    fields_for,
    fits,
    rule_fault,
    sentence,
    stored,
)
from relay.mapping.rules import fill
from tests.mapping.test_order_fields import ORDER

STAGES = {"paid": "won", "cancelled": "lost", "other": "new"}
REFUND = {
    "id": 9,
    "order_id": 1042,
    "order_number": "1042-A",
    "order_status": "completed",
    "currency": "EUR",
    "amount": "29.90",
    "order_total": "129.90",
    "total_refunded": "29.90",
    "customer": ORDER["customer"],
    "items": [{"name": "Green tea, 100 g", "quantity": 1}],
    "created_at": "2026-01-16T10:30:00Z",
}
LEAD = {
    "form": {"title": "Contact"},
    "fields": {"Your name": "Anna Muster", "E-mail": "anna@example.com", "Phone": "030 123456",
               "Company": "Tee & Co", "Message": "Hello"},
    "page_url": "https://shop.example.com/contact",
    "consent": True,
}  # fmt: skip
COMMENT = SAMPLES["comment.created"] | {
    "edit_url": "https://shop.example.com/wp-admin/comment.php?c=318"
}
USER = {"id": 7, "login": "anna", "email": "anna@example.com", "name": "Anna Muster"}
EVENTS: dict[str, dict[str, Any]] = {
    "lead.created": LEAD,
    "order.created": ORDER | {"created_at": "2026-01-15T10:30:00Z"},
    "x.order.refunded": REFUND,
    "comment.created": COMMENT,
    "user.registered": USER,
}
VALUES = {
    "lead.created": {
        "lead.email": "anna@example.com",
        "lead.first_name": "Anna",
        "lead.last_name": "Muster",
        "lead.full_name": "Anna Muster",
        "lead.phone": "030 123456",
        "lead.company": "Tee & Co",
        "lead.message": "Hello",
        "lead.consent": True,
        "lead.answers": "Your name: Anna Muster\nE-mail: anna@example.com\nPhone: 030 123456\n"
        "Company: Tee & Co\nMessage: Hello",
        "event.headline": "New lead from Contact",
        "event.link": "https://shop.example.com/contact",
        "site.name": "Tea Shop",
    },
    "order.created": {
        "order.customer_email": "anna@example.com",
        "order.customer_first_name": "Anna Maria",
        "order.customer_last_name": "von der Heide",
        "order.customer_full_name": "Anna Maria von der Heide",
        "order.customer_phone": "+49 30 123456",
        "order.customer_company": "Tee & Co",
        "order.deal_name": "Order 1042-A from Tea Shop",
        "order.number": "1042-A",
        "order.total": "129.90",
        "order.total_with_currency": "129.90 EUR",
        "order.currency": "EUR",
        "order.date": "2026-01-15T10:30:00Z",
        "order.items": "1 × Blue teapot\n2 × Green tea, 100 g",
        "order.items_in_one_line": "1 × Blue teapot, 2 × Green tea, 100 g",
        "order.item_count": 3,
        "order.status": "On hold",
        "order.billing_address": "Tee & Co\nTeeweg 1\nHinterhaus\n10115 Berlin\nDE",
        "order.billing_street": "Teeweg 1, Hinterhaus",
        "order.billing_postcode": "10115",
        "order.billing_city": "Berlin",
        "order.billing_state": "",
        "order.billing_country": "DE",
        "order.shipping_address": "1 Tea Road\nBoston, MA 02108\nUS",
        "order.shipping_street": "1 Tea Road",
        "order.shipping_postcode": "02108",
        "order.shipping_city": "Boston",
        "order.shipping_state": "MA",
        "order.shipping_country": "US",
        "order.stage": "new",
        "event.headline": "New order #1042-A: 129.90 EUR",
        "event.link": "",
        "site.name": "Tea Shop",
    },
    "x.order.refunded": {
        "order.deal_name": "Order 1042-A from Tea Shop",
        "order.number": "1042-A",
        "order.total": "129.90",
        "order.total_after_refunds": "100.00",
        "order.refund_amount": "29.90",
        "order.total_with_currency": "129.90 EUR",
        "order.status": "Completed",
        "order.stage": "won",
        "order.items": "1 × Green tea, 100 g",
        "order.customer_email": "anna@example.com",
    },
    "comment.created": {
        "comment.author_first_name": "Jane",
        "comment.author_last_name": "Example",
        "comment.author_email": "jane@example.com",
        "event.headline": "New comment by Jane Example on “Our new teapots”",
        "event.link": "https://shop.example.com/wp-admin/comment.php?c=318",
        "site.name": "Tea Shop",
    },
    "user.registered": {
        "user.email": "anna@example.com",
        "user.first_name": "Anna",
        "user.last_name": "Muster",
        "event.headline": "New user on Tea Shop",
        "event.link": "",
        "site.name": "Tea Shop",
    },
}


def scope(event_type: str) -> dict[str, Any]:
    return {"event": event_type, "data": EVENTS[event_type], "site_name": "Tea Shop"}


@pytest.mark.parametrize("event_type", VALUES)
def test_each_computed_field_has_its_value(event_type: str) -> None:
    found = {
        one.name: one.value(scope(event_type), STAGES)
        for one in fields_for(event_type)
        if one.name in VALUES[event_type]
    }
    assert found == VALUES[event_type]


def test_every_computed_field_is_tested() -> None:
    tested = {name for values in VALUES.values() for name in values}
    assert tested == COMPUTED.keys() - {STANDARD}


@pytest.mark.parametrize("name", COMPUTED)
def test_a_computed_field_of_an_empty_event_is_empty(name: str) -> None:
    field = COMPUTED[name]
    for data in ({}, [], None, "text", {"customer": [], "items": [], "fields": []}):
        value = field.value({"event": "x.other", "data": data}, {})
        assert not value or name in ("event.headline", "order.deal_name", STANDARD)


@pytest.mark.parametrize("name", COMPUTED)
def test_a_label_and_a_help_are_sentences_for_people(name: str) -> None:
    field = COMPUTED[name]
    assert re.fullmatch(r"[A-Z][^{}_]{3,60}", field.label)
    assert re.fullmatch(r"[A-Z][^{}]{5,90}[.”]\.?", field.help)
    assert [one.label for one in COMPUTED.values()].count(field.label) == 1


def test_a_rule_is_filled_with_its_default_and_its_type() -> None:
    rules = {
        "who": {"computed": "lead.first_name"},
        "fax": {"computed": "lead.company", "default": "none"},
        "stage": {"computed": "order.stage", "with": STAGES},
    }
    event = scope("lead.created") | {"data": {"fields": {"Name": "Anna & <Co> Muster"}}}
    assert fill(rules, event, escape=False) == {"who": "Anna", "fax": "none", "stage": "new"}
    assert fill(rules, event)["who"] == "Anna"


def test_a_computed_value_is_escaped_once() -> None:
    event = scope("lead.created") | {"data": {"fields": {"Message": "<b> & more"}}}
    rules = {"text": {"computed": "lead.message"}}
    assert fill(rules, event) == {"text": "&lt;b&gt; &amp; more"}
    template = {"computed": STANDARD, "template": "*{{ data.fields.Message }}*"}
    assert fill({"text": template}, event) == {"text": "*&lt;b&gt; &amp; more*"}


def test_an_unknown_computed_field_is_an_error_of_its_field() -> None:
    with pytest.raises(Undeliverable) as refused:
        fill({"who": {"computed": "lead.frist_name"}}, scope("lead.created"))
    assert "no computed field lead.frist_name. Do you mean lead.first_name?" in str(refused.value)
    with pytest.raises(Undeliverable):
        compute({"computed": ""}, {})


@pytest.mark.parametrize(
    ("rule", "fault"),
    [
        ({"computed": "lead.email"}, ""),
        ({"computed": "event.link"}, ""),
        ({"computed": STANDARD}, ""),
        (
            {"computed": "order.total"},
            "“Order total” does not exist for events of the type lead.created.",
        ),
        (
            {"computed": "lead.mail"},
            "Relay has no computed field lead.mail. Do you mean lead.email?",
        ),
        ({"computed": ["lead.email"]}, "Relay has no computed field"),
        ({"computed": "lead.email", "with": {"paid": "x"}}, "does not take paid."),
        ({"computed": "lead.email", "with": ["x"]}, "must be texts."),
        ({"computed": "lead.email", "with": {"a": 1}}, "must be texts."),
    ],
)
def test_a_rule_that_can_never_work_has_a_fault(rule: dict[str, Any], fault: str) -> None:
    found = rule_fault(rule, "lead.created")
    assert found == fault if not fault else fault in found


def test_a_stage_needs_at_least_one_value() -> None:
    rule = {"computed": "order.stage"}
    assert "Choose at least one value" in rule_fault(rule, "order.created")
    assert rule_fault(rule | {"with": {"paid": "won"}}, "order.created") == ""


def test_a_rule_reads_as_a_sentence() -> None:
    rule = {"computed": "order.stage", "with": {"paid": "w", "cancelled": "l", "other": "n"}}
    labels = {"w": "Closed won", "l": "Closed lost"}
    assert sentence(rule, labels) == (
        "By order status: paid → Closed won, cancelled → Closed lost, otherwise → n"
    )
    assert sentence({"computed": "lead.email"}, {}) == "E-mail address of the lead"
    assert sentence({"computed": "gone"}, {}) == "gone"


def test_fields_are_suggested_for_targets_of_their_type() -> None:
    def suggested(type_: str, event_type: str = "order.created", free: bool = False) -> set[str]:
        return {one.name for one in fields_for(event_type) if fits(one, type_, free)}

    assert suggested("email") == {"order.customer_email"}
    assert suggested("number") == {"order.total", "order.item_count"}
    assert suggested("date") == suggested("day") == {"order.date"}
    assert suggested("choice") == suggested("choices") == {"order.stage"}
    assert suggested("yes_no", "lead.created") == {"lead.consent"}
    assert "order.items" in suggested("text") and "order.stage" not in suggested("text")
    assert "order.stage" in suggested("text", free=True)


def test_a_standard_text_is_stored_without_its_template() -> None:
    rules = {"text": {"computed": STANDARD, "template": "x", "default": "d"}}
    assert stored(rules) == {"text": {"computed": STANDARD, "default": "d"}}


def test_the_documentation_lists_every_computed_field() -> None:
    page = (Path(__file__).parents[2] / "docs" / "mapping.md").read_text()
    rows = re.findall(r"^\| ([^|]+) \| `([a-z._]+)` \| ([^|]+) \|$", page, re.MULTILINE)
    assert [(label, name, help_) for label, name, help_ in rows] == [
        (one.label, one.name, one.help) for one in COMPUTED.values()
    ]

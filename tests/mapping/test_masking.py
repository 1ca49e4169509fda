"""What is shown of an event to people who may not see personal data."""

from __future__ import annotations

import json

import pytest

from relay.mapping.masking import EventMask, mask_loosely
from relay.mapping.personal import emails_in, mask_email, mask_name, mask_patterns, mask_phone

DATA = {
    "id": 7,
    "number": "1042",
    "customer": {"name": "Jane Doe", "email": "jane@example.com", "phone": "0221 123456"},
    "items": [{"name": "Teapot", "sku": "T1", "gift_note": "For Jane"}],
    "fields": {"status": "Jane", "Ort": "Köln"},
    "unknown": {"deep": ["secret text", 4711, True, None]},
}
MASK = EventMask({"event": "x.a", "event_id": "e", "site": "https://a.example", "data": DATA})


def test_everything_is_masked_that_is_not_known_to_be_plain() -> None:
    assert MASK.data == {
        "id": 7,
        "number": "1042",
        "customer": {"name": "J••• D•••", "email": "j•••@e•••.com", "phone": "••• 56"},
        "items": [{"name": "Teapot", "sku": "T1", "gift_note": "•••"}],
        "fields": {"status": "•••", "Ort": "•••"},
        "unknown": {"deep": ["•••", "•••", True, None]},
    }


def test_of_an_item_everything_is_shown_but_its_options() -> None:
    data = {
        "items": [{"name": "Mug", "total_tax": "1.90", "options": {"name": "Jane", "status": "x"}}],
        "tax_lines": [{"name": "VAT", "rate_percent": "19", "total": "1.90"}],
        "coupon_lines": [{"code": "SPRING", "discount": "1.00"}],
    }
    shown = EventMask({"event": "order.created", "data": data}).data
    options = shown["items"][0].pop("options")
    assert set(options) == {"name", "status"} and not {"Jane", "x"} & set(options.values())
    assert shown == data | {"items": [{"name": "Mug", "total_tax": "1.90"}]}


@pytest.mark.parametrize(
    "text",
    [
        "Jane Doe is not known",
        "Property “Jane Do…” is wrong",
        "jane%40example.com",
        'says "K\\u00f6ln"',
        "JANE@EXAMPLE.COM",
        "Call 0221 123456 or +49 221 123456",
        "someone.else@example.org",
        "jane",
    ],
)
def test_a_sentence_says_nothing_of_the_person(text: str) -> None:
    shown = MASK.text(text).lower()
    known = ("jane", "doe", "123456", "someone", "k\\u00f6ln", "köln")
    assert "•••" in shown and not [one for one in known if one in shown], shown


def test_a_body_keeps_its_structure_and_what_is_plain() -> None:
    body = {
        "text": "Hi Jane",
        "order": "1042",
        "n": 3,
        "error": "channel_not_found",
        "code": "Jane",
    }
    assert json.loads(MASK.message(json.dumps(body))) == {
        "text": "•••", "order": "1042", "n": 3, "error": "channel_not_found", "code": "•••",
    }  # fmt: skip
    assert MASK.message("Hi Jane") == "••• (7 characters hidden)"
    assert MASK.message('"Hi Jane"') == "••• (9 characters hidden)"
    call = {"url": "https://a.example/?e=jane@example.com", "headers": [["X", "Jane"]], "body": "Jane",
            "earlier": [{"request": {"body": "Jane"}}]}  # fmt: skip
    assert "jane" not in str(MASK.call(call)).lower()


def test_without_the_event_what_is_quoted_is_masked() -> None:
    assert mask_loosely("It said: “Jane”, to a@b.example") == "It said: “•••”, to a•••@b•••.example"


@pytest.mark.parametrize(
    ("made", "shown"),
    [
        (mask_email("jane@example.com"), "j•••@e•••.com"),
        (mask_email("jane@localhost"), "j•••@•••"),
        (mask_name("Jane Doe"), "J••• D•••"),
        (mask_phone("+49 221 123456"), "••• 56"),
        (mask_phone("112"), "•••"),
        (mask_patterns("2026-01-15T10:30:00Z, 10:30, 129.90, order 1042"),) * 2,
        (sorted(emails_in({"A@B.example": ["x y@z.example, <Q@R.example>"]})),
         ["a@b.example", "q@r.example", "y@z.example"]),
    ],
)  # fmt: skip
def test_values(made: object, shown: object) -> None:
    assert made == shown


def test_a_header_that_can_hold_anything_is_hidden() -> None:
    headers = [["Content-Type", "application/json"], ["X-Who", "Jane Doex"], ["Retry-After", "5"]]
    assert MASK.call({"headers": headers})["headers"] == [
        ["Content-Type", "application/json"],
        ["X-Who", "•••"],
        ["Retry-After", "5"],
    ]


def test_an_address_that_contains_a_name_is_hidden_with_its_domain() -> None:
    """The lead has it only within another text, so the name in it is known and the address is not."""
    data = {"fields": {"Name": "Jane Doe", "Mail": "Jane <jane.doe@private.example>"}}
    mask = EventMask({"event": "lead.created", "data": data})
    assert "private" not in mask.text("Not delivered to jane.doe@private.example.")


def test_the_name_of_a_product_is_no_ones_and_that_of_a_customer_is() -> None:
    product = EventMask({"event": "product.updated", "data": {"name": "Blue teapot", "who": "Jo"}})
    assert product.data == {"name": "Blue teapot", "who": "•••"}
    customer = EventMask({"event": "customer.updated", "data": {"id": 7, "name": "Jane Doe"}})
    assert customer.data == {"id": 7, "name": "J••• D•••"}

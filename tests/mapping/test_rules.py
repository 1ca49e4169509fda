"""A mapping fills the fields of a destination from an event."""

from dataclasses import dataclass
from typing import Any

import pytest

from relay.errors import Undeliverable
from relay.exact_json import PlainDecimal
from relay.mapping.rules import fill, fill_with_problems

EVENT: dict[str, Any] = {
    "event": "lead.created",
    "data": {
        "fields": {"E-mail": "jane@example.com", "Your name": "Jane", "Note": ""},
        "items": [{"name": "Blue teapot"}, {"name": "Green tea"}],
        "total": 0,
    },
}


def test_fields_texts_and_defaults_fill_the_targets() -> None:
    rules = {
        "email": {"path": ["data", "fields", "E-mail"]},
        "title": {"text": "A lead from {{ data.fields['Your name'] }}"},
        "note": {"path": ["data", "fields", "Note"], "default": "none"},
        "phone": {"path": ["data", "fields", "Phone"]},
        "total": {"path": ["data", "total"]},
    }
    assert fill(rules, EVENT) == {
        "email": "jane@example.com",
        "title": "A lead from Jane",
        "note": "none",
        "total": 0,
    }


def test_an_invalid_text_is_an_error_of_its_field() -> None:
    with pytest.raises(Undeliverable):
        fill({"text": {"text": "{% if %}"}}, EVENT)


@dataclass(frozen=True)
class Field:
    name: str
    label: str
    type: str = "text"
    required: bool = False
    choices: tuple[tuple[str, str], ...] = ()
    group: str = ""


TARGETS = (Field("email", "E-mail", "email"), Field("amount", "Amount", "number"))


def test_values_are_converted_to_the_types_of_the_targets() -> None:
    rules = {
        "email": {"text": " {{ data.fields.E-mail }} "},
        "amount": {"text": "{{ 3 | times: 1.5 }}"},
    }
    assert fill(rules, EVENT, targets=TARGETS) == {
        "email": "jane@example.com",
        "amount": PlainDecimal("4.5"),
    }


def test_a_required_value_that_does_not_fit_names_its_field() -> None:
    required = (Field("amount", "Amount", "number", required=True),)
    with pytest.raises(Undeliverable) as refused:
        fill({"amount": {"path": ["data", "fields", "Your name"]}}, EVENT, targets=required)
    assert (refused.value.code, refused.value.field) == ("bad_value", "amount")
    assert str(refused.value) == "Amount gets “Jane”, which is not a number."


def test_an_optional_value_that_does_not_fit_is_left_out_with_a_note() -> None:
    rules = {"amount": {"path": ["data", "fields", "Your name"]}, "email": {"path": ["event"]}}
    filled = fill_with_problems(rules, EVENT, targets=(Field("amount", "Amount", "number"),))
    assert filled.values == {"email": "lead.created"} and not filled.errors
    assert [note.sentence for note in filled.notes] == [
        "Sent without: Amount — “Jane” is not a number"
    ]


def test_a_text_that_does_not_work_leaves_out_an_optional_field_only() -> None:
    rules = {"amount": {"text": "{% if %}"}, "own": {"text": "{% if %}"}}
    filled = fill_with_problems(rules, EVENT, targets=TARGETS)
    assert [one.target for one in filled.errors] == ["own"]
    assert [note.field for note in filled.notes] == ["amount"]


def test_a_named_field_that_does_not_fit_is_empty_in_the_message() -> None:
    rules = {"amount": {"path": ["data", "fields", "Your name"], "as": "number"}}
    filled = fill_with_problems(rules, EVENT, keep_empty=True)
    assert filled.values == {"amount": None} and filled.notes


def test_a_number_in_a_form_is_read_with_the_locale_of_the_site() -> None:
    scope = {"data": {"fields": {"Price": "1.234"}, "price": "1.234"}, "locale": "de_DE"}
    rules = {
        "typed": {"path": ["data", "fields", "Price"], "as": "number"},
        "given": {"path": ["data", "price"], "as": "number"},
    }
    assert fill(rules, scope) == {"typed": 1234, "given": PlainDecimal("1.234")}


def test_all_problems_are_reported_together() -> None:
    rules = {
        "amount": {"path": ["data", "fields", "Your name"]},
        "email": {"text": "{{ data.fields['Your name'] }}"},
        "other": {"text": "{% if %}"},
        "fine": {"path": ["event"]},
    }
    filled = fill_with_problems(rules, EVENT, targets=TARGETS)
    assert filled.values == {"fine": "lead.created"}
    assert [(one.target, one.code) for one in filled.problems] == [
        ("amount", "bad_value"),
        ("email", "bad_value"),
        ("other", "bad_template"),
    ]


@pytest.mark.parametrize(
    "rule",
    [
        {"path": ["c"]},
        {"text": "{{ c }}"},
        {"path": ["l"]},
        {"path": ["no"], "default": "<!channel> & more"},
    ],
)
@pytest.mark.parametrize("escape", [True, False])
def test_event_data_is_escaped_with_and_without_a_template(
    rule: dict[str, Any], escape: bool
) -> None:
    scope = {"c": "<!channel> & more", "l": ["<!channel> & more"]}
    value = fill({"text": rule}, scope, escape, (Field("text", "Message"),))["text"]
    assert value == ("&lt;!channel&gt; &amp; more" if escape else "<!channel> & more")

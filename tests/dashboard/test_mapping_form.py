"""The mapping form: rows to rules, and back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from relay.dashboard import mapping_form
from relay.destinations.base import TargetField
from relay.errors import Invalid

STAGES = (("new", "New"), ("won", "Won"))
TARGETS = (
    TargetField("email", "E-mail", "email", required=True, group="Contact"),
    TargetField("stage", "Stage", "choice", choices=STAGES, group="Contact"),
    TargetField("vip", "VIP", "yes_no", group="Contact"),
    TargetField("deal", "Deal", required=True, group="Deal"),
    *(TargetField(f"more{n}", f"More {n}") for n in range(20)),
)


def test_with_many_fields_only_required_and_mapped_ones_are_shown_at_first() -> None:
    rules = {"stage": {"text": "won"}, "unknown": {"path": ["data", "x"], "default": "d"}}
    shown = mapping_form.rows_of(rules, TARGETS)
    assert [(one.name, one.origin) for one in shown] == [
        ("email", ""),
        ("stage", "fixed:won"),
        ("unknown", '["data","x"]'),
    ]
    assert mapping_form.rules_of(shown) == rules
    for name in ("more 7", "MORE7", "Contact: E-mail"):
        add = mapping_form.changed([], "add", name, TARGETS)
        assert len(add) == 1 and add[0].target in TARGETS
    for name in ("nothing like it", "", "Stage"):
        with pytest.raises(Invalid):
            mapping_form.changed(shown, "add", name, TARGETS)


def test_a_default_alone_survives_the_form() -> None:
    row = mapping_form.MappingRow("vip", default="yes", target=TARGETS[2])
    rules = mapping_form.rules_of([row])
    assert rules == {"vip": {"text": "", "default": "yes"}}
    (again,) = (r for r in mapping_form.rows_of(rules, TARGETS) if r.name == "vip")
    assert mapping_form.rules_of([again]) == rules


def test_an_invalid_form_gives_no_rule() -> None:
    form = {"r0-name": "a", "r0-from": json.dumps({"x": 1}), "r0-as": "code", "r999999-name": "b"}
    (row,) = mapping_form.posted(form, ())
    assert (row.rule, row.as_type) == (None, "")


def test_the_required_fields_of_an_object_are_shown_only_if_it_is_mapped() -> None:
    def names(rules: dict[str, Any]) -> list[str]:
        return [row.name for row in mapping_form.rows_of(rules, TARGETS)]

    assert names({"vip": {"path": ["data", "vip"]}}) == ["email", "vip"]
    assert names({"deal": {"text": "x"}}) == ["deal"]
    assert names({}) == ["email", "deal"]


def test_a_computed_field_survives_the_form_with_its_values() -> None:
    rules = {
        "email": {"computed": "lead.email", "default": "none@example.com"},
        "stage": {"computed": "order.stage", "with": {"paid": "won", "other": "new"}},
    }
    rows = mapping_form.rows_of(rules, TARGETS)
    assert mapping_form.rules_of(rows) == rules
    assert rows[1].values_of("order.stage") == "Paid → Won, otherwise → New"
    form = {}
    for n, row in enumerate(rows):
        form |= {f"r{n}-name": row.name, f"r{n}-from": row.origin, f"r{n}-default": row.default}
        form |= {f"r{n}-with-{name}": value for name, value in row.values.items()}
    assert mapping_form.rules_of(mapping_form.posted(form, TARGETS)) == rules


def test_values_of_another_choice_are_not_stored() -> None:
    form = {"r0-name": "stage", "r0-from": "computed:order.status", "r0-with-paid": "won"}
    assert mapping_form.rules_of(mapping_form.posted(form, TARGETS)) == {
        "stage": {"computed": "order.status"}
    }
    form |= {"r0-from": "computed:order.stage", "r0-with-more": "x", "r0-with-other": ""}
    assert mapping_form.rules_of(mapping_form.posted(form, TARGETS)) == {
        "stage": {"computed": "order.stage", "with": {"paid": "won"}}
    }


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("Contact: Stage", "stage"),
        ("  v ip", "There is no field called v ip."),
        ("sta", "stage"),
        ("more 1", "more1"),
        ("More", "Several fields match: More 0, More 1, More 2, More 3, More 4, …."),
        ("", "There is no field called ."),
    ],
)
def test_a_part_of_a_name_is_enough_to_add_a_field(typed: str, found: str) -> None:
    try:
        (*_, row) = mapping_form.changed([], "add", typed, TARGETS)
        assert row.name == found
    except Invalid as exc:
        assert exc.reasons == {"new_field": [f"{found} Choose one from the list."]}

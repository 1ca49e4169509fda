"""Rows of a form become conditions and mappings, and back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from relay.dashboard import conditions_form, mapping_form
from relay.dashboard.conditions_form import ConditionBox, ConditionRow
from relay.destinations.base import TargetField
from relay.errors import Invalid
from relay.mapping.conditions import Condition, ConditionGroup


@pytest.mark.parametrize(
    ("do", "shape"),
    [
        ("add", ["a", "b", ["c", "d"], ""]),
        ("add-box", ["a", "b", ["c", "d"], ["", ""]]),
        ("add:2", ["a", "b", ["c", "d", ""]]),
        ("add:0", ["a", "b", ["c", "d"]]),
        ("drop:1", ["a", ["c", "d"]]),
        ("drop:2", ["a", "b"]),
        ("drop:2.0", ["a", "b", ["d"]]),
        ("drop:9", ["a", "b", ["c", "d"]]),
        ("drop:1.5", ["a", "b", ["c", "d"]]),
        ("nonsense:²", ["a", "b", ["c", "d"]]),
    ],
)
def test_buttons_add_and_take_away_rows(do: str, shape: list[Any]) -> None:
    form = {
        "match": "any",
        **{f"c{n}-path": f'["{name}"]' for n, name in ((0, "a"), (10, "b"))},
        "c20-match": "all",
        "c20.1-path": '["d"]',
        "c20.0-path": '["c"]',
        "c-path": "x",
        "c1000-path": "x",
        "c²-path": "x",
    }
    box = conditions_form.changed(conditions_form.posted(form), do)

    def names(one: Any) -> Any:
        if isinstance(one, ConditionBox):
            return [names(inner) for inner in one.items]
        return one.condition.path[0] if one.path else ""

    assert names(box) == shape
    assert box.match == "any"


def test_rows_and_conditions_are_the_same_thing() -> None:
    group = ConditionGroup(
        "any",
        (
            Condition(("data", "total"), "at_least", "5"),
            ConditionGroup("all", (Condition(("data", "fields", "E-mail"), "is_filled"),)),
        ),
    )
    assert conditions_form.box_of(group).group == group
    assert ConditionBox(
        "all", (ConditionRow(), ConditionBox("any", (ConditionRow(),)))
    ).group == ConditionGroup("all")


TARGETS = (
    TargetField("email", "E-mail", "email", required=True, group="Contact"),
    TargetField("stage", "Stage", "choice", choices=(("new", "New"), ("won", "Won"))),
    TargetField("vip", "VIP", "yes_no"),
    *(TargetField(f"more{n}", f"More {n}") for n in range(20)),
)


def test_of_many_fields_only_the_needed_and_the_filled_are_shown_at_first() -> None:
    rules = {"stage": {"text": "won"}, "gone": {"path": ["data", "x"], "default": "d"}}
    shown = mapping_form.rows_of(rules, TARGETS)
    assert [(one.name, one.origin) for one in shown] == [
        ("email", ""),
        ("stage", "fixed:won"),
        ("gone", '["data","x"]'),
    ]
    assert mapping_form.rules_of(shown) == rules
    for wanted in ("more 7", "MORE7", "Contact: E-mail"):
        add = mapping_form.changed([], "add", wanted, TARGETS)
        assert len(add) == 1 and add[0].target in TARGETS
    for wanted in ("nothing like it", "", "Stage"):
        with pytest.raises(Invalid):
            mapping_form.changed(shown, "add", wanted, TARGETS)


def test_a_default_alone_is_a_value_and_survives_the_form() -> None:
    row = mapping_form.MappingRow("vip", default="yes", target=TARGETS[2])
    rules = mapping_form.rules_of([row])
    assert rules == {"vip": {"text": "", "default": "yes"}}
    (again,) = (r for r in mapping_form.rows_of(rules, TARGETS) if r.name == "vip")
    assert mapping_form.rules_of([again]) == rules


def test_what_a_form_could_never_send_is_no_rule() -> None:
    form = {"r0-name": "a", "r0-from": json.dumps({"x": 1}), "r0-as": "code", "r999999-name": "b"}
    (row,) = mapping_form.posted(form, ())
    assert (row.rule, row.as_type) == (None, "")

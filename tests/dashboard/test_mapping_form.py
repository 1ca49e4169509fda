"""The mapping form: rows to rules, and back."""

from __future__ import annotations

import json

import pytest

from relay.dashboard import mapping_form
from relay.destinations.base import TargetField
from relay.errors import Invalid

TARGETS = (
    TargetField("email", "E-mail", "email", required=True, group="Contact"),
    TargetField("stage", "Stage", "choice", choices=(("new", "New"), ("won", "Won"))),
    TargetField("vip", "VIP", "yes_no"),
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

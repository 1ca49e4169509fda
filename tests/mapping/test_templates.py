"""Templates reach the event and nothing else, and never run away."""

from __future__ import annotations

import pytest

from relay.errors import Undeliverable
from relay.mapping.conditions import matches_type
from relay.mapping.templates import check_template, render


def test_values_of_the_event_are_filled_in() -> None:
    assert (
        render("{{ data.author }}: {{ data.total }}", {"data": {"author": "Zoë", "total": "1.50"}})
        == "Zoë: 1.50"
    )


def test_a_missing_value_is_empty() -> None:
    assert render("[{{ data.nothing.at.all }}]", {"data": {}}) == "[]"


@pytest.mark.parametrize("text", ["{{ data.__class__ }}", "{{ config }}", "{{ self }}"])
def test_nothing_but_the_event_is_in_reach(text: str) -> None:
    assert render(text, {"data": {"a": 1}}) == ""


def test_text_of_a_visitor_is_never_a_template() -> None:
    assert (
        render("{{ data.content }}", {"data": {"content": "{{ site }} {% for %}"}, "site": "s"})
        == "{{ site }} {% for %}"
    )


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("{{ c }}", "&lt;!channel&gt; &amp; 'you' \"all\""),
        ("{{ c | truncate: 14 }}", "&lt;!channel&gt; ..."),
        ("{{ c | upcase | slice: 0, 3 }}", "&lt;!C"),
        ("{% assign x = c %}{{ x }}", "&lt;!channel&gt; &amp; 'you' \"all\""),
        ("{% capture x %}{{ c }}{% endcapture %}{{ x }}", "&lt;!channel&gt; &amp; 'you' \"all\""),
        ("<{{ u }}|open> & *bold*", "<https://e.example/?a=1&amp;b=2|open> & *bold*"),
        ("{{ l | json }}", '["&lt;1&gt;", 2]'),
    ],
)
def test_a_value_cannot_become_markup_and_the_templates_own_stays(text: str, filled: str) -> None:
    event = {
        "c": "<!channel> & 'you' \"all\"",
        "u": "https://e.example/?a=1&b=2",
        "l": ["<1>", 2],
    }
    assert render(text, event) == filled


def test_no_template_can_switch_that_off() -> None:
    with pytest.raises(Undeliverable):
        render("{{ c | safe }}", {"c": "<!channel>"})


@pytest.mark.parametrize("name", ["self", "args", "kwargs", "template", "", "a b"])
def test_an_event_may_have_fields_of_any_name(name: str) -> None:
    assert render("{{ event }}", {name: 1, "event": "x.own"}) == "x.own"


@pytest.mark.parametrize(
    "text",
    [
        "{% for a in (1..100000) %}x{% endfor %}",
        "{% for a in (1..5000) %}{% for b in (1..5000) %}x{% endfor %}{% endfor %}",
        "{% for a in (1..9000) %}" + "x" * 100 + "{% endfor %}",
        "{{ ''.__class__.__mro__ }}",
        "{% if %}",
        "{{ a | no_such_filter }}",
    ],
)
def test_a_template_that_runs_away_or_is_broken_is_refused(text: str) -> None:
    with pytest.raises(Undeliverable) as refused:
        render(text, {"a": 1})
    assert refused.value.code == "bad_template"


def test_a_mistake_is_told_before_it_is_saved() -> None:
    assert check_template("Hello {{ data.author }}") is None
    assert "mistake" in (check_template("{% if data %}") or "")


@pytest.mark.parametrize(
    ("patterns", "event_type", "wanted"),
    [
        (["*"], "order.created", True),
        (["order.*"], "order.created", True),
        (["order.*"], "orders.created", False),
        (["order.created"], "order.created", True),
        (["order.created"], "order.status_changed", False),
        (["comment.created", "x.*"], "x.own", True),
        ([], "order.created", False),
    ],
)
def test_patterns_of_event_types(patterns: list[str], event_type: str, wanted: bool) -> None:
    assert matches_type(patterns, event_type) is wanted

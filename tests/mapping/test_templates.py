"""Templates reach the event and nothing else, and never run away."""

from __future__ import annotations

import time

import pytest

from relay.errors import Undeliverable
from relay.mapping.conditions import matches_type
from relay.mapping.templates import check_template, paths_in, render


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
        "{% if " + " and ".join(["a"] * 3000) + " %}x{% endif %}",
        "{% if a %}" * 1500,
        "{% include 'other' %}",
        "{{ 1 | divided_by: 0 }}",
        "{{ big | date: '%Y' }}",
        "{{ (1..huge) | join }}",
        "{% for one in (1..endless) %}x{% endfor %}",
        "{{ a | json: 99999999999 }}",
    ],
)
def test_a_template_that_runs_away_or_is_broken_is_refused(text: str) -> None:
    scope = {"a": 1, "big": "99999999999999999", "huge": "1" + "0" * 30, "endless": float("inf")}
    with pytest.raises(Undeliverable) as refused:
        render(text, scope)
    assert refused.value.code == "bad_template"


GROWING = "{{ 'a' " + "| replace: 'a', 'aaaaaaaaaaaaaaaaaaaa' " * 60 + "}}"
LONG = "<script" * 30_000


@pytest.mark.parametrize(
    "text",
    [
        "{% for a in (1..9999) %}{% endfor %}" * 500,
        "{% for a in (1..9999) %}{% if 1 == 1 %}{% endif %}{% endfor %}" * 300,
        "{% for a in (1..9999) %}{% assign b = a | plus: 1 | times: 2 %}{% endfor %}" * 200,
        "{% assign a = 9 %}{% for i in (1..9000) %}{% assign a = a | times: a %}{% endfor %}",
        "{{ (1..1000000000) | join: ',' }}",
        "{{ (1..1000000000) | reverse | size }}",
        GROWING,
        "{{ c | split: '' | uniq | size }}",
        "{{ c " + "| escape " * 40 + "| size }}",
        "{% assign l = 'a,b' | split: ',' %}"
        + "{% assign l = l | concat: l %}" * 40
        + "{{ l.size }}",
        "{% capture a %}{{ c }}{{ c }}{% endcapture %}" * 300,
    ],
)
@pytest.mark.parametrize("escape", [True, False])
def test_a_template_cannot_hold_a_worker(text: str, escape: bool) -> None:
    began = time.thread_time()
    with pytest.raises(Undeliverable) as refused:
        render(text, {"c": LONG}, escape)
    assert time.thread_time() - began < 5  # the budget is half a second; one step may run over it
    assert refused.value.code == "bad_template"


@pytest.mark.parametrize(
    "name", ["strip_html", "json", "url_encode", "newline_to_br", "truncatewords: 5", "split: 'x'"]
)
def test_no_filter_is_slow_on_what_a_visitor_wrote(name: str) -> None:
    began = time.thread_time()
    render(f"{{{{ c | {name} | size }}}}", {"c": LONG})
    assert time.thread_time() - began < 2


@pytest.mark.parametrize(
    "text",
    [
        "{{ data.items }}",
        "{{ data.keys }}",
        "{{ data.get }}",
        "{{ data['__init__'] }}",
        "{{ data.a.real }}",
        "{{ data.l.append }}",
        "{{ data.s.upper }}",
        "{{ site.__globals__ }}",
        "{{ environment }}",
        "{{ context }}",
    ],
)
def test_no_attribute_of_a_value_is_in_reach(text: str) -> None:
    assert render(text, {"data": {"a": 1, "l": [1], "s": "x"}}) == ""


def test_plain_text_is_not_escaped_where_the_destination_has_no_markup() -> None:
    assert render("{{ c }}", {"c": "Tom & <Jerry>"}, escape=False) == "Tom & <Jerry>"


def test_the_fields_that_a_text_uses_are_known() -> None:
    text = "{% assign x = data.a %}{{ x }} {{ data.fields['E-mail'] | upcase }} {{ ai.intent }}"
    assert paths_in(text) == [("ai", "intent"), ("data", "a"), ("data", "fields", "E-mail")]
    assert paths_in("{% if %}") == []


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

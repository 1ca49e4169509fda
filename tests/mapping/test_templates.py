"""Templates render the values of the event and can use nothing else."""

from __future__ import annotations

import pytest

from relay.errors import Undeliverable
from relay.mapping.templates import check_template, paths_in, render


def test_values_of_the_event_are_rendered() -> None:
    assert (
        render("{{ data.author }}: {{ data.total }}", {"data": {"author": "Zoë", "total": "1.50"}})
        == "Zoë: 1.50"
    )


def test_a_missing_value_is_empty() -> None:
    assert render("[{{ data.nothing.at.all }}]", {"data": {}}) == "[]"


@pytest.mark.parametrize("text", ["{{ data.__class__ }}", "{{ config }}", "{{ self }}"])
def test_a_template_can_use_only_the_event(text: str) -> None:
    assert render(text, {"data": {"a": 1}}) == ""


def test_event_data_is_never_rendered_as_a_template() -> None:
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
def test_values_are_escaped_and_the_templates_own_markup_stays(text: str, filled: str) -> None:
    event = {
        "c": "<!channel> & 'you' \"all\"",
        "u": "https://e.example/?a=1&b=2",
        "l": ["<1>", 2],
    }
    assert render(text, event) == filled


def test_no_template_can_turn_the_escaping_off() -> None:
    with pytest.raises(Undeliverable):
        render("{{ c | safe }}", {"c": "<!channel>"})


@pytest.mark.parametrize("name", ["self", "args", "kwargs", "template", "", "a b"])
def test_fields_can_have_any_name(name: str) -> None:
    assert render("{{ event }}", {name: 1, "event": "x.own"}) == "x.own"


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
def test_a_template_cannot_use_attributes_of_values(text: str) -> None:
    assert render(text, {"data": {"a": 1, "l": [1], "s": "x"}}) == ""


def test_values_are_not_escaped_for_plain_text() -> None:
    assert render("{{ c }}", {"c": "Tom & <Jerry>"}, escape=False) == "Tom & <Jerry>"


def test_the_paths_of_a_template_are_found() -> None:
    text = "{% assign x = data.a %}{{ x }} {{ data.fields['E-mail'] | upcase }} {{ ai.intent }}"
    assert paths_in(text) == [("ai", "intent"), ("data", "a"), ("data", "fields", "E-mail")]
    assert paths_in("{% if %}") == []


def test_an_error_is_found_before_saving() -> None:
    assert check_template("Hello {{ data.author }}") is None
    assert "error" in (check_template("{% if data %}") or "")


@pytest.mark.parametrize("escape", [True, False])
def test_a_value_in_a_quoted_line_is_quoted_line_by_line(escape: bool) -> None:
    text = "Hi\n> {{ data.text }}\n> by {{ data.name | upcase }}\n{{ data.text }}"
    rendered = render(text, {"data": {"text": "one\ntwo\n\nfour", "name": "a"}}, escape)
    assert rendered == "Hi\n> one\n> two\n> \n> four\n> by A\none\ntwo\n\nfour"


def test_a_quoted_value_is_escaped_and_its_quote_is_not() -> None:
    assert render("> {{ data.text }}", {"data": {"text": "a <b>\n> c & 'd'"}}) == (
        "> a &lt;b&gt;\n> &gt; c &amp; 'd'"
    )


def test_a_quoted_value_that_is_no_text_is_printed_as_elsewhere() -> None:
    scope = {"data": {"n": 5, "on": True}}
    assert render("> {{ data.n }} {{ data.on }} {{ data.none }}", scope) == "> " + render(
        "{{ data.n }} {{ data.on }} {{ data.none }}", scope
    )


def test_a_result_that_is_too_long_arrives_with_its_values_cut() -> None:
    scope = {"data": {"author": "Jane", "content": "long " * 40_000, "rows": ["x"] * 100_000}}
    made = render("{{ data.author }}: {{ data.content }} {{ data.rows }}", scope)
    assert made.startswith("Jane: long long") and "…" in made and len(made) < 10_000

"""No template can use much time or memory."""

from __future__ import annotations

import time

import pytest

from relay.errors import Undeliverable
from relay.mapping.templates import render


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
    ],
)
def test_an_endless_or_invalid_template_is_an_error(text: str) -> None:
    scope = {"a": 1, "big": "99999999999999999", "huge": "1" + "0" * 30, "endless": float("inf")}
    with pytest.raises(Undeliverable) as refused:
        render(text, scope)
    assert refused.value.code == "bad_template"


def test_an_indent_is_limited() -> None:
    assert render("{{ a | json: 99999999999 }}", {"a": [1]}) == "[\n        1\n]"


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
        "{% capture a %}{% for i in (1..9999) %}{{ c }}{% endfor %}{% endcapture %}",
    ],
)
@pytest.mark.parametrize("escape", [True, False])
def test_a_template_cannot_use_much_time(text: str, escape: bool) -> None:
    began = time.thread_time()
    with pytest.raises(Undeliverable) as refused:
        render(text, {"c": LONG}, escape)
    assert time.thread_time() - began < 5  # the budget is half a second; one step may run over it
    assert refused.value.code == "bad_template"


@pytest.mark.parametrize(
    "name", ["strip_html", "json", "url_encode", "newline_to_br", "truncatewords: 5", "split: 'x'"]
)
def test_no_filter_is_slow_for_any_event(name: str) -> None:
    began = time.thread_time()
    render(f"{{{{ c | {name} | size }}}}", {"c": LONG})
    assert time.thread_time() - began < 2

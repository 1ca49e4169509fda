"""Texts whose values are escaped for JSON or for a path, whatever a visitor writes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relay.errors import Undeliverable
from relay.exact_json import loads
from relay.mapping.escaped_templates import check, render_json, render_path

EVIL = 'x", "admin": true, "y": "\\ \n {{ data.secret }} </script>'
PLACES = (
    '{"v": "{{ data.v }}"}',
    '{"v": "{{ data.v | upcase | downcase }}"}',
    '{"v": {{ data.v | json }}}',
    '{"v": "{% echo data.v %}"}',
    '{"v": "{% capture c %}{{ data.v }}{% endcapture %}{{ c }}"}',
    '{"v": "{% assign a = data.v %}{{ a }}"}',
    '{"v": "{% for one in data.list %}{{ one }}{% endfor %}"}',
    '{"v": "{% liquid echo data.v %}"}',
)


def scope(**data: Any) -> dict[str, Any]:
    return {"data": data}


@pytest.mark.parametrize("text", PLACES)
def test_a_visitors_text_stays_one_value(text: str) -> None:
    body = json.loads(render_json(text, scope(v=EVIL, list=[EVIL])))
    assert list(body) == ["v"] and body["v"].lower() == EVIL.lower()


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_any_text_is_inserted_as_it_is(value: str) -> None:
    body = json.loads(render_json(PLACES[0], scope(v=value)))
    assert body == {"v": value}


@pytest.mark.parametrize(
    "tag", ["cycle data.v", "tablerow i in data.list %}{% endtablerow", "include 'x'", "render 'x'"]
)
def test_a_tag_that_would_write_a_value_unescaped_is_refused(tag: str) -> None:
    why = check(f"{{% {tag} %}}") or ""
    assert "cannot be used here" in why or "There is no tag" in why


@pytest.mark.parametrize(
    ("text", "body"),
    [
        ('{"t": {{ data.total }}}', '{"t": 19.90}'),
        ('{"n": {{ data.count }}}', '{"n": 3}'),
        ('{"b": {{ data.yes }}}', '{"b": true}'),
        ('{"m": {{ data.missing | json }}}', '{"m": null}'),
        ('{"m": "{{ data.missing }}"}', '{"m": ""}'),
        ('{"l": {{ data.tags }}}', '{"l": ["a","b"]}'),
        ('{"o": {{ data.customer | json }}}', '{"o": {"name":"Ann \\"A\\" Lee"}}'),
        ("{{ data.tags | json }}", '["a","b"]'),
        ('{"t": {{ data.total | times: 2 }}}', '{"t": 39.80}'),
    ],
)
def test_a_value_keeps_its_type_and_its_digits(text: str, body: str) -> None:
    event = loads(
        '{"total":19.90,"count":3,"yes":true,"tags":["a","b"],"customer":{"name":"Ann \\"A\\" Lee"}}'
    )
    assert json.loads(render_json(text, scope(**event))) == json.loads(body)
    if "times" not in text:
        assert "".join(render_json(text, scope(**event)).split()) == "".join(body.split())


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (
            '{"a": {{ data.missing }}}',
            'expecting value in line 1, column 7, after “{"a":” and before “}”',
        ),
        ('{\n "a": 1,\n "b": {{ data.v }}\n}', "in line 3, column 7, after"),
        ("{{ data.missing }}", "it is empty"),
        ('{"a": NaN}', "NaN is not JSON"),
        ('{"a": 1} x', "extra data in line 1, column 10"),
        ("[" * 500, "nested too deeply"),
    ],
)
def test_an_invalid_result_names_the_place(text: str, place: str) -> None:
    with pytest.raises(Undeliverable) as refused:
        render_json(text, scope(v="word"))
    assert refused.value.code == "bad_json" and place in str(refused.value)


def test_a_text_that_does_not_work_with_the_event_says_so() -> None:
    with pytest.raises(Undeliverable) as refused:
        render_json('{"a": {{ data.v | divided_by: 0 }}}', scope(v=1))
    assert refused.value.code == "bad_template"


@pytest.mark.parametrize(
    ("value", "path"),
    [
        ("42", "/c/42"),
        ("a/../b?x#y", "/c/a%2F..%2Fb%3Fx%23y"),
        ("Ä b", "/c/%C3%84%20b"),
        (7, "/c/7"),
    ],
)
def test_a_value_in_a_path_cannot_leave_its_place(value: Any, path: str) -> None:
    assert render_path("/c/{{ data.v }}", scope(v=value)) == path


@pytest.mark.parametrize("value", ["", "  ", None])
def test_an_empty_value_in_a_path_is_refused(value: Any) -> None:
    with pytest.raises(Undeliverable, match="a value in the path is empty"):
        render_path("/c/{{ data.v }}", scope(v=value))

"""Faults of a text are found when it is saved, as strictly as when it is filled."""

from __future__ import annotations

import pytest

from relay.errors import Undeliverable
from relay.mapping.templates import ESCAPING, check_template, render


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{{ data.a | upcas }}", "There is no filter “upcas”. Do you mean “upcase”?"),
        ("{{ data.a | trim }}", "There is no filter “trim”. Do you mean “strip”?"),
        ("{{ data.a | safe }}", "There is no filter “safe”. Do you mean “strip”?"),
        ("{{ data.a | xyzzy }}", "There is no filter “xyzzy”."),
        ("{% assign x = data.a | lower %}", "There is no filter “lower”. Do you mean “downcase”?"),
        (
            "{% for x in data.l %}{% if x %}{{ x | slcie: 1 }}{% endif %}{% endfor %}",
            "There is no filter “slcie”. Do you mean “slice”?",
        ),
        ("{{ data.a | truncate: 'abc' }}", "The filter “truncate” does not work with 'abc'."),
        ("{{ data.a | divided_by: 0 }}", "The filter “divided_by” does not work with 0."),
        ("{{ data.a | date: '%H', 'Mars/One' }}", "does not work with '%H', 'Mars/One'."),
        ("{{ data.a | upcase: 1 }}", "The filter “upcase” takes no values after a colon, not 1."),
        ("{{ data.a | date }}", "The filter “date” needs 1 to 2 values after a colon, not 0."),
        (
            "{{ data.a | replace: 'a', 'b', 'c' }}",
            "“replace” needs 1 to 2 values after a colon, not 3.",
        ),
        ("{{ data.a | append }}", "The filter “append” needs 1 value after a colon, not 0."),
        ("{{ data.a | default: 1, strict: true }}", "“default” does not know the option “strict”."),
        ("{% fi data.a %}x{% endfi %}", "There is no tag “fi”. Do you mean “if”?"),
        ("{% foreach x in y %}{% endforeach %}", "There is no tag “foreach”. Do you mean “for”?"),
        ("{% include 'other' %}", "There is no tag “include”."),
        ("{% endif %}", "{% endif %} has no beginning before it, such as {% if … %}."),
        ("{% when 1 %}", "{% when %} has no beginning before it, such as {% case … %}."),
        ("{% if a %}{% else if b %}{% endif %}", "Write elsif instead of else if."),
        ("{% if a %}", "expected tag endif"),
    ],
)
def test_a_text_that_works_for_no_event_is_refused_with_what_to_write(
    text: str, sentence: str
) -> None:
    why = check_template(text)
    assert why is not None and why.startswith("The text has an error") and sentence in why


@pytest.mark.parametrize("name", sorted(ESCAPING.filters))
def test_every_filter_is_accepted_with_values_that_it_takes(name: str) -> None:
    values = {
        "date": ": '%Y'",
        "concat": ": data.l",
        "replace": ": 'a', 'b'",
        "replace_first": ": 'a', 'b'",
        "replace_last": ": 'a', 'b'",
        "slice": ": 0, 2",
        "truncate": ": 20",
        "truncatewords": ": 5",
    }
    one = "append prepend remove remove_first remove_last split default join at_least at_most divided_by"
    one += " minus modulo plus times"
    if name in one.split():
        values[name] = ": '2'"
    if name in ("map", "where", "reject", "find", "find_index", "has"):
        values[name] = ": 'name'"
    assert check_template(f"{{{{ data.a | {name}{values.get(name, '')} }}}}") is None


@pytest.mark.parametrize(
    "text",
    [
        "{{ data.a | truncate: data.length }}",  # known only with an event
        "{{ data.a | default: 'x', allow_false: true }}",
        "{% for x in data.l limit: 3 %}{{ x | upcase }}{% endfor %}",
        "{% case data.a %}{% when 'x', 'y' %}1{% else %}2{% endcase %}",
        "{% unless data.a %}x{% elsif data.b %}y{% endunless %}",
        "{% liquid\nassign x = data.a | upcase\necho x %}",
        "{{ data.a | date: '%d.%m.%Y', 'Europe/Berlin' }}",
        "Plain text without any braces",
    ],
)
def test_a_text_that_can_work_is_accepted(text: str) -> None:
    assert check_template(text) is None


def test_what_saving_refuses_filling_refuses_too() -> None:
    for text in ("{{ a | upcas }}", "{{ a | truncate: 'abc' }}", "{{ a | append }}", "{% fi a %}"):
        with pytest.raises(Undeliverable) as refused:
            render(text, {"a": "x"})
        assert "Markup" not in str(refused.value) and "argument" not in str(refused.value)

"""No value in a URL makes a page fail: every GET route and every parameter, signed in as an admin."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from flask import Flask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.routing import Rule

from relay.dashboard.numbers import row_number
from tests.dashboard.conftest import Visitor
from tests.support.world import World

SOURCES = Path(__file__).resolve().parents[2] / "relay"
READ = re.compile(r'args(?:\.get|\.getlist)?[\[(]"([a-z_]+)"')
MORE = ("after", "type", "source", "state", "text", "span", "since", "until", "which", "mapping")
NASTY = (
    *(
        "0",
        "1",
        "-1",
        "1.5",
        "1e9",
        "9" * 30,
        "9" * 18,
        str(2**63),
        str(2**31),
        "+1",
        " 1",
        "١",
        "²",
    ),
    *("9999-12-31", "9999-12-31T23:59:59.999999+00:00", "0001-01-01", "0001-01-01T00:00+14:00"),
    *("0001-01-01T00:00", "2026-02-30", "9999-12-31T23:59-14:00", "2026-W01", "20260101", "24:00"),
    *(
        "\x00",
        "a\x00b",
        "\ud800",
        "\u202e",
        "ä" * 300,
        "a" * 5000,
        "%",
        "%00",
        "%zz",
        "_",
        "\\",
        "'",
    ),
    *('"', "<script>", "{{7*7}}", "{% x %}", "../../etc", "//evil", "order.*", "*", ".*", "all"),
    *(
        "null",
        "[]",
        "{}",
        "true",
        "inbox",
        "slack",
        "shop",
        "7d",
        "current",
        "first",
        "\r\nX: y",
        "😀",
    ),
)


def parameters() -> list[str]:
    found = set(MORE)
    for path in [*SOURCES.glob("dashboard/*.py"), *SOURCES.glob("api/*.py")]:
        found |= set(READ.findall(path.read_text()))
    return sorted(found)


def routes(app: Flask) -> list[Rule]:
    return [
        rule
        for rule in app.url_map.iter_rules()
        if "GET" in (rule.methods or ()) and not rule.endpoint.startswith(("ingest.", "static"))
    ]


def paths(rule: Rule, values: list[str]) -> Iterator[str]:
    """The path of a rule with ``values`` for its arguments."""
    given_values = iter(values * 5)
    for is_dynamic, text in rule._trace:
        yield (
            quote(next(given_values), safe="", errors="replace") if is_dynamic else text.lstrip("|")
        )


def test_no_value_in_a_url_makes_a_page_fail(app: Flask, admin: Visitor, world: World) -> None:
    found, names = routes(app), parameters()
    assert len(found) > 40 and {"sample", "recover", "kind", "dead_letter"} <= set(names)
    value = st.sampled_from(NASTY) | st.text(max_size=12)

    @settings(
        max_examples=250,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(
        st.sampled_from(found),
        st.lists(value, min_size=1, max_size=3),
        st.dictionaries(st.sampled_from(names), value, max_size=6),
    )
    def ask(rule: Rule, values: list[str], query: dict[str, str]) -> None:
        encoded = urlencode(query, errors="replace")
        check(admin, f"{''.join(paths(rule, values))}?{encoded}")

    for path in SEEN:
        check(admin, path)
    for rule in found:
        check(admin, "".join(paths(rule, ["1"])))
    ask()


def check(admin: Visitor, path: str) -> None:
    answer = admin.get(path)
    assert answer.status_code < 500 or path.startswith("/readyz"), (path, answer.text[:300])


SEEN = (
    "/events?until=9999-12-31",
    "/events?since=0001-01-01&until=9999-12-31&span=1h",
    "/dead-letters?since=0001-01-01T00:00%2B14:00",
    "/dead-letters/list?until=9999-12-31",
    f"/dead-letters/{'9' * 30}",
    f"/replays/{'9' * 30}",
    f"/replays/new?delivery={'9' * 30}",
    f"/replays/new?dead_letter={'9' * 30}",
    "/replays/new?recover=1&since=0001-01-01T00:00%2B14:00",
    f"/destinations/1/subscriptions/{'9' * 30}",
    f"/destinations/{'9' * 19}",
    "/audit?since=0001-01-01T00:00%2B14:00",
    "/audit?until=9999-12-31",
    "/ledger?since=9999-12-31&until=9999-12-31",
)


@pytest.mark.parametrize("text", ["", "-1", "1.0", "9" * 19, "²", "١", "x"])
def test_a_row_number_has_at_most_18_digits(text: str) -> None:
    with pytest.raises(ValueError, match="number of a row"):
        row_number(text)
    assert row_number("9" * 18) == int("9" * 18)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_number_that_no_row_can_have_is_404_and_a_date_out_of_range_is_explained(
    admin: Visitor,
) -> None:
    for path in (f"/destinations/{'9' * 30}", f"/replays/new?delivery={'9' * 30}"):
        assert admin.get(path).status_code == 404
    answer: Any = admin.get("/dead-letters?since=0001-01-01T00:00%2B14:00")
    assert (answer.status_code, "is not a time that Relay can use" in answer.text) == (422, True)

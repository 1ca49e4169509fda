"""Filters print values as people write them and keep the offset of times."""

from __future__ import annotations

import pytest

from relay.errors import Undeliverable
from relay.mapping.templates import render

EVENT = {
    "list": ["A", "B"],
    "yes": True,
    "no": False,
    "small": 1e-05,
    "object": {"name": "Anna"},
    "items": [{"name": "Teapot", "total": "89.90"}, {"name": "Tea", "total": "40.10"}],
    "at": "2026-03-01T00:30:00+02:00",
    "utc": "2026-03-01T12:00:00Z",
    "plain": "2026-01-15 10:30:00",
    "day": "2026-03-01",
}


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("{{ list }}", "A, B"),
        ("{{ yes }} {{ no }}", "yes no"),
        ("{{ small }}", "0.00001"),
        ("{{ object }}", "name: Anna"),
        ("{{ items }}", "name: Teapot, total: 89.90; name: Tea, total: 40.10"),
        ("{{ list | join: '; ' }}", "A; B"),
        ("{{ yes | join: ', ' }}", "yes"),
        ("{{ items | join: ' + ' }}", "name: Teapot, total: 89.90 + name: Tea, total: 40.10"),
        ("{{ list | upcase }}", "A, B"),
        ("{{ yes | upcase }}", "YES"),
        ("{{ yes | append: '!' }}", "yes!"),
        ("{{ 'checked: ' | append: yes }}", "checked: yes"),
        ("{{ 'chosen: ' | append: list }}", "chosen: A, B"),
        ("{{ 'B' | prepend: list }}", "A, BB"),
        ("{{ 'x' | replace: 'x', list }}", "A, B"),
        ("{{ missing | default: list }}", "A, B"),
        ("{{ missing | default: yes }}", "yes"),
        ("{{ small | append: ' BTC' }}", "0.00001 BTC"),
        ("{{ list | truncate: 3, '' }}", "A, "),
        ("{{ list | slice: 0, 1 }}", "A"),
        ("{{ yes | slice: 0, 1 }}", "y"),
        ("{{ list | split: ', ' | last }}", "B"),
        ("{{ list | size }}", "2"),
        ("{{ items | map: 'name' }}", "Teapot, Tea"),
        ("{% echo yes %}", "yes"),
        ("{% cycle list, yes %}", "A, B"),
        ("{% capture c %}{{ yes }}{% endcapture %}{{ c | upcase }}", "YES"),
        ("{% for one in list %}{{ one }}{% endfor %}", "AB"),
        ("{% if yes == true %}is true{% endif %}", "is true"),
        ("{{ object | json }}", '{"name": "Anna"}'),
    ],
)
def test_a_value_behind_a_filter_prints_as_people_write_it(text: str, filled: str) -> None:
    assert render(text, EVENT, escape=False) == filled
    assert render(text, EVENT) == filled


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("{{ at | date: '%d.%m.%Y %H:%M' }}", "01.03.2026 00:30"),
        ("{{ at | date: '%H:%M %z' }}", "00:30 +0200"),
        ("{{ at | date: '%d.%m. %H:%M', 'America/New_York' }}", "28.02. 17:30"),
        ("{{ utc | date: '%H:%M', 'Europe/Berlin' }}", "13:00"),
        ("{{ utc | date: '%H:%M', '+05:30' }}", "17:30"),
        ("{{ utc | date: '%H:%M', '-03:00' }}", "09:00"),
        ("{{ plain | date: '%H:%M', 'Europe/Berlin' }}", "11:30"),  # without an offset it is UTC
        ("{{ day | date: '%d.%m.%Y', 'America/New_York' }}", "01.03.2026"),
        ("{{ '20260301' | date: '%d.%m.%Y' }}", "01.03.2026"),
        ("{{ 1772366400 | date: '%Y-%m-%d %H:%M' }}", "2026-03-01 12:00"),
        ("{% assign timezone = 'Asia/Tokyo' %}{{ utc | date: '%H:%M' }}", "21:00"),
        ("{{ 'March 5, 2026' | date: '%d.%m.%Y' }}", "05.03.2026"),
        ("{{ 'no date' | date: '%Y' }}", "no date"),
        ("{{ missing | date: '%Y' }}", ""),
        ("{{ list | date: '%Y' }}", "A, B"),
    ],
)
def test_a_date_keeps_the_offset_of_the_event_unless_a_zone_is_chosen(
    text: str, filled: str
) -> None:
    assert render(text, EVENT, escape=False) == filled


def test_a_date_is_shown_in_the_timezone_that_the_site_names() -> None:
    text = "{{ utc | date: '%H:%M' }}"
    assert render(text, EVENT | {"timezone": "Europe/Berlin"}) == "13:00"
    assert render(text, EVENT | {"timezone": "Nowhere/Town"}) == "12:00"
    assert render(text, EVENT | {"timezone": ["Europe/Berlin"]}) == "12:00"


def test_an_unknown_timezone_in_a_text_is_an_error() -> None:
    with pytest.raises(Undeliverable):
        render("{{ at | date: '%H', zone }}", EVENT | {"zone": "Nowhere/Town"})

"""Times and numbers as the reader's language writes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from relay import i18n
from relay.dashboard import ai_steps, filters
from relay.dashboard.time_zones import day, day_and_time, exact
from tests.support.languages import use_translations

NOW = datetime(2026, 11, 27, 22, 0, 5, tzinfo=UTC)


@pytest.fixture(autouse=True)
def german(monkeypatch: pytest.MonkeyPatch) -> None:
    use_translations(monkeypatch)


@pytest.mark.parametrize(
    ("seconds", "english", "german"),
    [
        (3, "just now", "gerade eben"),
        (59, "59 s ago", "vor 59 Sek."),
        (200, "3 min ago", "vor 3 Min."),
        (7200, "2 h ago", "vor 2 Std."),
        (86_400, "1 day ago", "vor 1 Tag"),
        (250_000, "2 days ago", "vor 2 Tagen"),
        (-14_399, "in 4 h", "in 4 Std."),
        (-2, "in 2 s", "in 2 Sek."),
        (-172_799, "in 2 days", "in 2 Tagen"),
    ],
)
def test_a_time_is_relative_in_each_language(seconds: float, english: str, german: str) -> None:
    at = NOW - timedelta(seconds=seconds)
    assert filters.relative(at, NOW) == english
    with i18n.in_language("de"):
        assert filters.relative(at, NOW) == german


def test_numbers_money_and_dates_follow_the_language() -> None:
    def shown() -> list[str]:
        return [
            filters.number(1_234_567.4),
            filters.counted(10_001),
            filters.duration(86_400),
            ai_steps.money(2_500_000, "EUR"),
            day(NOW),
            day_and_time(NOW),
            day_and_time(NOW, weekday=True, clock=False),
            exact(NOW),
        ]

    assert shown() == [
        *("1,234,567", "10,000+", "1 day", "2.50 EUR", "2026-11-27"),
        *("27 Nov 22:00", "Fri 27 Nov", "2026-11-27 22:00:05 UTC"),
    ]
    with i18n.in_language("de"):
        assert shown() == [
            *("1.234.567", "10.000+", "1 Tag", "2,50 EUR", "27.11.2026"),
            *("27. Nov., 22:00", "Fr., 27. Nov.", "27.11.2026 22:00:05 UTC"),
        ]


def test_event_types_and_browsers_have_names_in_each_language() -> None:
    with i18n.in_language("de"):
        assert filters.device("Firefox on Linux") == "Firefox unter Linux"
        assert filters.device("") == "Unbekannter Browser"
    assert filters.type_words("order.*") == "All orders"
    assert filters.device("Firefox on Linux") == "Firefox on Linux"

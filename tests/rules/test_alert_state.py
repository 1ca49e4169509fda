"""When alerts open, are repeated and are resolved, on a clock that the test turns."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest

from relay.rules.alert_state import AlertStep, MessageFacts, Waits
from relay.rules.alerts import EVALUATE_EVERY_S, RULES, ReadingLevel
from relay.rules.failure_rate import FailureCount, FailureWindows
from relay.rules.states import AlertChange

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
FIRING, BETWEEN, CLEAR = ReadingLevel.FIRING, ReadingLevel.BETWEEN, ReadingLevel.CLEAR


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def play(
    levels: Iterable[ReadingLevel], fire_after_s: float = 30.0, clear_after_s: float = 600.0
) -> list[tuple[float, AlertStep]]:
    """One reading every 15 s from 0 on.  -> (seconds, step) of every step"""
    waits, is_open, steps = Waits(), False, []
    for number, level in enumerate(levels):
        seconds = number * EVALUATE_EVERY_S
        waits, step = waits.advance(level, is_open, at(seconds), fire_after_s, clear_after_s)
        if step is not AlertStep.NONE:
            is_open = step is AlertStep.OPEN
            steps.append((seconds, step))
    return steps


@pytest.mark.parametrize(
    ("levels", "steps"),
    [
        ([], []),
        ([FIRING], []),
        ([FIRING, FIRING], []),
        ([FIRING, FIRING, FIRING], [(30, AlertStep.OPEN)]),
        ([FIRING, FIRING, BETWEEN, FIRING, FIRING], []),  # the wait starts again
        ([FIRING, FIRING, CLEAR, FIRING, FIRING, FIRING], [(75, AlertStep.OPEN)]),
        ([FIRING] * 100, [(30, AlertStep.OPEN)]),
        ([FIRING] * 3 + [CLEAR] * 40, [(30, AlertStep.OPEN)]),
        ([FIRING] * 3 + [CLEAR] * 41, [(30, AlertStep.OPEN), (645, AlertStep.RESOLVE)]),
        ([FIRING] * 3 + [CLEAR] * 40 + [BETWEEN] + [CLEAR] * 40, [(30, AlertStep.OPEN)]),
        ([FIRING] * 3 + [CLEAR] * 40 + [FIRING] + [CLEAR] * 40, [(30, AlertStep.OPEN)]),
        ([FIRING] * 3 + [BETWEEN] * 500, [(30, AlertStep.OPEN)]),
        ([CLEAR] * 500, []),
        ([BETWEEN] * 500, []),
    ],
)
def test_it_opens_and_resolves_after_its_waits(
    levels: list[ReadingLevel], steps: list[tuple[float, AlertStep]]
) -> None:
    assert play(levels) == steps


def test_without_waits_it_acts_on_the_first_reading() -> None:
    assert play([FIRING, FIRING, CLEAR, CLEAR, FIRING], 0, 0) == [
        (0, AlertStep.OPEN),
        (30, AlertStep.RESOLVE),
        (60, AlertStep.OPEN),
    ]


def test_a_gap_between_evaluations_counts_as_the_time_it_is() -> None:
    waits, step = Waits().advance(FIRING, False, at(0), 30, 600)
    assert step is AlertStep.NONE
    assert waits == Waits(firing_since=at(0))
    _, step = waits.advance(FIRING, False, at(31), 30, 600)
    assert step is AlertStep.OPEN


def test_a_rate_around_the_threshold_fires_once_and_never_resolves() -> None:
    """Ten minutes each with 2.5 % and 1.5 % in turn, of 200 deliveries per minute."""
    minutes = [5 if minute % 2 == 0 else 3 for minute in range(20)]
    levels = []
    for minute in range(20):
        last5 = minutes[max(0, minute - 4) : minute + 1]
        short = FailureCount(200 * len(last5), sum(last5))
        hour = FailureCount(200 * (minute + 1), sum(minutes[: minute + 1]))
        levels += [FailureWindows(short, short, short, hour).level(2.0)] * 4
    assert set(levels) == {FIRING, BETWEEN}
    assert [step for _, step in play(levels)] == [AlertStep.OPEN]


HOUR = 3600.0
SENT = {"is_reported": True, "notified_at": at(0)}


@pytest.mark.parametrize(
    ("facts", "seconds", "change"),
    [
        ({}, 0, AlertChange.OPENED),
        ({"is_covered": True}, 0, None),
        ({"is_muted": True}, 0, None),
        ({"is_acknowledged": True}, 0, None),
        ({"snoozed_until": at(60)}, 59, None),
        ({"snoozed_until": at(60)}, 60, AlertChange.OPENED),
        # no channel wanted it: it is not tried again and again
        ({"is_reported": True}, 9 * HOUR, None),
        # repeated every four hours
        (SENT, 4 * HOUR - 1, None),
        (SENT, 4 * HOUR, AlertChange.REMINDER),
        (SENT | {"is_acknowledged": True}, 5 * HOUR, None),
        (SENT | {"is_covered": True}, 5 * HOUR, None),
        (SENT | {"is_muted": True}, 5 * HOUR, None),
        (SENT | {"snoozed_until": at(6 * HOUR)}, 5 * HOUR, None),
        # the end of a snooze is the time to say that it still lasts
        (SENT | {"snoozed_until": at(HOUR)}, HOUR, AlertChange.REMINDER),
        (SENT | {"snoozed_until": at(HOUR), "notified_at": at(HOUR)}, HOUR + 15, None),
        # it became worse
        (SENT | {"is_changed": True}, 15, AlertChange.REMINDER),
        (SENT | {"is_changed": True, "is_covered": True}, 15, None),
        # failed deliveries: at most hourly, and only with new ones
        (SENT | {"remind_every_s": HOUR, "newest": at(-5)}, 9 * HOUR, None),
        (SENT | {"remind_every_s": HOUR, "newest": at(60)}, HOUR - 1, None),
        (SENT | {"remind_every_s": HOUR, "newest": at(60)}, HOUR, AlertChange.REMINDER),
    ],
)
def test_the_message_that_is_due(
    facts: dict[str, object], seconds: float, change: AlertChange | None
) -> None:
    assert MessageFacts(**facts).due_change(at(seconds)) is change  # type: ignore[arg-type]


def test_failed_deliveries_are_repeated_hourly() -> None:
    assert RULES["failed_delivery"].remind_every_s == HOUR
    others = {rule.remind_every_s for rule in RULES.values() if rule.name != "failed_delivery"}
    assert others == {4 * HOUR}

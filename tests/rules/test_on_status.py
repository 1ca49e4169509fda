"""What retry settings make of a reply, as tables."""

from __future__ import annotations

import pytest

from relay.destinations.outcomes.http import classify
from relay.rules.lifecycle import Accepted, Failed, Held, Refused, Signal
from relay.rules.on_status import FIRST_HOUR_S, StatusAction, action_for, apply
from relay.transport.request import Reply

RETRY, FIRST_HOUR, FAIL, PAUSE = StatusAction
GONE = classify(Reply(status=404))
BUSY = classify(Reply(status=503))
DENIED = classify(Reply(status=401))


@pytest.mark.parametrize(
    ("chosen", "by_kind", "action"),
    [
        ({}, {}, None),
        (None, None, None),
        ({"404": "retry"}, {}, RETRY),
        ({"4xx": "pause"}, {}, PAUSE),
        ({"4xx": "pause", "404": "fail"}, {}, FAIL),
        ({}, {"404": "first_hour"}, FIRST_HOUR),
        ({"404": "fail"}, {"404": "first_hour"}, FAIL),
        ({"4xx": "fail"}, {"404": "first_hour"}, FAIL),
        ({"403": "fail", "5xx": "fail"}, {}, None),
    ],
)
def test_a_persons_choice_goes_before_the_kinds_and_a_status_before_its_class(
    chosen: dict[str, str] | None, by_kind: dict[str, str] | None, action: StatusAction | None
) -> None:
    assert action_for(404, chosen, by_kind) is action


def test_without_a_choice_the_signal_stays() -> None:
    assert apply(GONE, 404, None, {"403": "retry"}, {}) is GONE


@pytest.mark.parametrize(
    ("signal", "status", "action", "expected"),
    [
        (GONE, 404, RETRY, (None, True)),
        (GONE, 404, FIRST_HOUR, (FIRST_HOUR_S, True)),
        (DENIED, 401, RETRY, (None, True)),
        (BUSY, 503, FIRST_HOUR, (FIRST_HOUR_S, False)),
        (BUSY, 503, RETRY, (None, False)),
    ],
)
def test_an_error_can_be_retried(
    signal: Signal, status: int, action: StatusAction, expected: tuple[float | None, bool]
) -> None:
    found = apply(signal, status, None, {str(status): action})
    assert isinstance(found, Failed) and found.code == f"http_{status}"
    assert (found.within_s, found.is_up) == expected
    assert found.sentence.count("Relay retries.") == 1 and "resume" not in found.sentence


def test_the_wait_that_the_reply_asks_for_is_kept() -> None:
    assert apply(GONE, 404, 120.0, {"404": "retry"}).retry_after_s == 120.0  # type: ignore[union-attr]


@pytest.mark.parametrize(("signal", "status"), [(GONE, 404), (BUSY, 503), (DENIED, 401)])
def test_an_error_can_fail_the_delivery_at_once(signal: Signal, status: int) -> None:
    found = apply(signal, status, None, {str(status): FAIL})
    assert isinstance(found, Refused) and not found.pause
    assert "Relay retries" not in found.sentence and "resume" not in found.sentence
    assert found.sentence.endswith(".")


@pytest.mark.parametrize(("signal", "status"), [(GONE, 404), (BUSY, 503)])
def test_an_error_can_pause_the_destination(signal: Signal, status: int) -> None:
    found = apply(signal, status, None, {str(status): PAUSE})
    assert isinstance(found, Refused) and found.pause
    assert "Relay retries" not in found.sentence and "resume it" in found.sentence


@pytest.mark.parametrize("signal", [Accepted(), Held("quota", "Used up.", 60)])
def test_a_success_and_a_hold_stay(signal: Signal) -> None:
    assert apply(signal, 429, None, {"4xx": "fail"}) is signal


def test_without_a_reply_the_signal_stays() -> None:
    failed = Failed("timeout", "It did not respond. Relay retries.")
    assert apply(failed, None, None, {"5xx": "fail"}) is failed


FIELD = Failed("http_422", "No. Relay retries.", field="email")
NO = Refused("http_422", "No, then resume it.", field="email")
WHY = "Its retry settings pause it after this error: resume it once the cause is fixed."


@pytest.mark.parametrize(
    ("signal", "status", "action", "expected"),
    [
        (NO, 422, RETRY, Failed("http_422", "No. Relay retries.", None, "email", None, True)),
        (NO, 500, RETRY, Failed("http_422", "No. Relay retries.", None, "email", None, False)),
        (NO, 499, RETRY, Failed("http_422", "No. Relay retries.", None, "email", None, True)),
        (FIELD, 422, FAIL, Refused("http_422", "No.", field="email")),
        (FIELD, 422, PAUSE, Refused("http_422", f"No. {WHY}", pause=True, field="email")),
    ],
)
def test_code_and_field_of_the_error_stay(
    signal: Signal, status: int, action: StatusAction, expected: Signal
) -> None:
    assert apply(signal, status, None, {str(status): action}) == expected


@pytest.mark.parametrize(("status", "chosen"), [(500, "5xx"), (599, "5xx"), (300, "3xx")])
def test_the_class_of_a_status_is_its_first_digit(status: int, chosen: str) -> None:
    assert action_for(status, {chosen: "fail"}) is FAIL

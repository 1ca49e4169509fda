"""The delivery state machine, as tables."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from relay.errors import IllegalTransition
from relay.rules.lifecycle import (
    DEFAULT_POLICY,
    TRANSITIONS,
    Accepted,
    Claimed,
    Discarded,
    Failed,
    FailureReason,
    Held,
    LeaseExpired,
    Life,
    Policy,
    Refused,
    Replayed,
    Signal,
    State,
    Withdrawn,
    transition,
)

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SIGNALS: tuple[Signal, ...] = (
    Claimed("t", 75),
    Held("paused", "Paused.", 60),
    Accepted(),
    Failed("http_503", "Busy."),
    Refused("http_400", "No."),
    LeaseExpired(),
    Replayed(),
    Withdrawn(),
    Discarded(),
)
PENDING = Life(State.PENDING, due_at=NOW)
IN_FLIGHT = Life(
    State.IN_FLIGHT,
    lease_until=NOW + timedelta(seconds=75),
    lease_token="t",
    attempts_since_replay=2,
    attempts=2,
    claims=1,
)
LIVES = {
    State.PENDING: PENDING,
    State.IN_FLIGHT: IN_FLIGHT,
    State.DELIVERED: Life(State.DELIVERED, attempts=1, attempts_since_replay=1),
    State.DEAD: Life(State.DEAD, attempts=8, attempts_since_replay=8),
    State.DISCARDED: Life(State.DISCARDED),
}


@pytest.mark.parametrize(
    ("state", "signal"),
    [
        (state, signal)
        for state, signal in itertools.product(State, SIGNALS)
        if (state, type(signal)) not in TRANSITIONS
    ],
)
def test_a_pair_that_is_not_in_the_table_is_refused(state: State, signal: Signal) -> None:
    with pytest.raises(IllegalTransition):
        transition(LIVES[state], signal, NOW)


def test_a_claim_leases_and_counts_the_start() -> None:
    life = transition(PENDING, Claimed("abc", 75), NOW).life
    assert life == Life(
        State.IN_FLIGHT, lease_until=NOW + timedelta(seconds=75), lease_token="abc", claims=1
    )


def test_a_hold_costs_neither_an_attempt_nor_a_claim() -> None:
    life = transition(IN_FLIGHT, Held("limited", "Later.", 30), NOW).life
    assert (life.state, life.due_at) == (State.PENDING, NOW + timedelta(seconds=30))
    assert (life.attempts, life.attempts_since_replay, life.claims) == (2, 2, 0)


def test_success_settles_and_frees_the_lease() -> None:
    outcome = transition(IN_FLIGHT, Accepted(), NOW)
    assert outcome.life == Life(State.DELIVERED, attempts=3, attempts_since_replay=3)
    assert outcome.dead_letter is None


def test_a_refusal_is_dead_after_one_attempt() -> None:
    outcome = transition(
        replace(IN_FLIGHT, attempts=0, attempts_since_replay=0), Refused("http_403", "No."), NOW
    )
    assert (outcome.life.state, outcome.life.attempts) == (State.DEAD, 1)
    assert outcome.dead_letter == FailureReason("http_403", "No.")


def test_what_pauses_the_destination_leaves_the_delivery_due_without_costing_an_attempt() -> None:
    outcome = transition(IN_FLIGHT, Refused("http_401", "Wrong password.", pause=True), NOW)
    assert outcome.dead_letter is None
    assert outcome.life == Life(State.PENDING, due_at=NOW, attempts=3, attempts_since_replay=2)


def test_a_replayed_delivery_that_meets_a_pause_can_still_be_withdrawn() -> None:
    replayed = transition(LIVES[State.DEAD], Replayed(), NOW).life
    claimed = transition(replayed, Claimed("t", 75), NOW).life
    waiting = transition(claimed, Refused("http_401", "Wrong password.", pause=True), NOW).life
    assert transition(waiting, Withdrawn(), NOW).life.state is State.DEAD


def test_the_rejected_field_is_part_of_the_cause() -> None:
    outcome = transition(IN_FLIGHT, Refused("http_400", "No.", field="company_size"), NOW)
    assert outcome.dead_letter == FailureReason("http_400", "No.", "company_size")


def test_a_claimed_delivery_can_be_discarded_and_loses_its_lease() -> None:
    life = transition(IN_FLIGHT, Discarded(), NOW).life
    assert life == Life(State.DISCARDED, attempts=2, attempts_since_replay=2)


def test_a_delivery_that_always_fails_is_tried_eight_times_over_a_day() -> None:
    life, now, attempts = PENDING, NOW, 0
    while life.state is not State.DEAD:
        life = transition(life, Claimed("t", 75), now).life
        life = transition(life, Failed("http_503", "Busy."), now, jitter=-1.0).life
        attempts += 1
        now = life.due_at or now
    assert attempts == DEFAULT_POLICY.max_attempts == 8
    assert now - NOW >= timedelta(hours=24 * 0.8)
    assert sum(DEFAULT_POLICY.delays_s) >= 24 * 3600


@pytest.mark.parametrize("jitter", [-1.0, 0.0, 1.0])
def test_jitter_moves_a_retry_by_a_fifth(jitter: float) -> None:
    life = transition(
        replace(IN_FLIGHT, attempts_since_replay=1), Failed("http_503", "Busy."), NOW, jitter
    ).life
    assert life.due_at is not None
    assert (life.due_at - NOW).total_seconds() == pytest.approx(300 * (1 + 0.2 * jitter))


@pytest.mark.parametrize("jitter", [-1.0, -0.3, 0.0, 0.7, 1.0])
@pytest.mark.parametrize("asked_s", [1.0, 30.0, 4000.0])
def test_retry_after_is_a_minimum_and_is_kept_closely(asked_s: float, jitter: float) -> None:
    life = transition(
        IN_FLIGHT, Failed("http_429", "Busy.", retry_after_s=asked_s), NOW, jitter
    ).life
    assert life.due_at is not None
    assert asked_s <= (life.due_at - NOW).total_seconds() <= asked_s * 1.1


def test_a_delivery_that_kills_its_worker_is_dead_after_five_starts() -> None:
    life, starts, outcome = PENDING, 0, None
    while life.state is not State.DEAD:
        life = transition(life, Claimed("t", 75), NOW).life
        starts += 1
        outcome = transition(life, LeaseExpired(), NOW)
        life = outcome.life
    assert starts == 5
    assert outcome is not None and outcome.dead_letter is not None
    assert outcome.dead_letter.code == "worker_died"


def test_a_replay_gives_a_fresh_budget_and_keeps_the_history() -> None:
    outcome = transition(LIVES[State.DEAD], Replayed(), NOW)
    assert outcome.life == Life(
        State.PENDING, due_at=NOW, attempts=8, attempts_since_replay=0, revived_from=State.DEAD
    )


@pytest.mark.parametrize("state", [State.DEAD, State.DELIVERED])
def test_a_withdrawn_replay_leaves_the_delivery_as_it_was(state: State) -> None:
    waiting = transition(LIVES[state], Replayed(), NOW).life
    assert transition(waiting, Withdrawn(), NOW).life == replace(
        LIVES[state], attempts_since_replay=0
    )


def test_a_waiting_delivery_that_is_sent_now_is_not_one_that_can_be_withdrawn() -> None:
    retried_now = transition(PENDING, Replayed(), NOW).life
    assert retried_now.revived_from is None
    with pytest.raises(IllegalTransition):
        transition(retried_now, Withdrawn(), NOW)


@pytest.mark.parametrize(
    ("delays_s", "attempts"),
    [
        (DEFAULT_POLICY.delays_s, 4),  # 5 s, 5 min and 35 min after the first
        ((5, 30, 60, 300, 600, 900, 1800), 7),
        ((3600, 1), 2),
        ((7200, 7200), 2),  # one retry, although it is late
        ((10,), 2),
    ],
)
def test_retries_can_be_limited_to_the_first_hour(
    delays_s: tuple[float, ...], attempts: int
) -> None:
    policy, life, made = Policy(delays_s), PENDING, 0
    while life.state is not State.DEAD:
        life = transition(life, Claimed("t", 75), NOW).life
        life = transition(life, Failed("http_404", "No.", within_s=3600), NOW, 0, policy).life
        made += 1
    assert made == attempts == policy.attempts_within(3600)


def test_a_policy_sets_the_delays_and_the_number_of_attempts() -> None:
    policy = Policy(delays_s=(10, 20))
    once = transition(
        replace(IN_FLIGHT, attempts_since_replay=0), Failed("http_503", "Busy."), NOW, 0, policy
    ).life
    assert once.due_at == NOW + timedelta(seconds=10)
    last = transition(
        replace(IN_FLIGHT, attempts_since_replay=2), Failed("http_503", "Busy."), NOW, 0, policy
    )
    assert last.life.state is State.DEAD


LEASED = replace(IN_FLIGHT, attempts=4, attempts_since_replay=2, claims=3)
LAST = replace(LEASED, attempts_since_replay=7)
DIED = (
    "The worker stopped 5 times while it handled this delivery. "
    "That is on Relay's side: check the worker's log before you replay it."
)


@pytest.mark.parametrize(
    ("life", "signal", "after", "cause"),
    [
        (LEASED, Held("h", "Later.", -5), Life(due_at=NOW, attempts=4, attempts_since_replay=2, claims=2), None),
        (LEASED, Failed("f", "Busy.", 60), Life(due_at=NOW + timedelta(seconds=60), attempts=5, attempts_since_replay=3), None),
        (LAST, Failed("f", "Busy.", field="x"), Life(State.DEAD, attempts=5, attempts_since_replay=8), FailureReason("f", "Busy.", "x")),
        (LEASED, Refused("r", "No.", field="x"), Life(State.DEAD, attempts=5, attempts_since_replay=3), FailureReason("r", "No.", "x")),
        (LEASED, LeaseExpired(), Life(due_at=NOW, attempts=5, attempts_since_replay=2, claims=3), None),
        (replace(LEASED, claims=5), LeaseExpired(), Life(State.DEAD, attempts=5, attempts_since_replay=2), FailureReason("worker_died", DIED)),
        (Life(State.DEAD, attempts=8, claims=2), Replayed(), Life(due_at=NOW, attempts=8, revived_from=State.DEAD), None),
        (Life(attempts=8, claims=2, revived_from=State.DEAD), Withdrawn(), Life(State.DEAD, attempts=8), None),
        (replace(LEASED, claims=0), Held("h", "Later."), Life(due_at=NOW, attempts=4, attempts_since_replay=2), None),
    ],
)  # fmt: skip
def test_a_signal_changes_exactly_these_columns(
    life: Life, signal: Signal, after: Life, cause: FailureReason | None
) -> None:
    outcome = transition(life, signal, NOW)
    assert (outcome.life, outcome.dead_letter) == (after, cause)


def test_without_a_jitter_a_retry_is_exactly_on_time() -> None:
    life = transition(replace(IN_FLIGHT, attempts_since_replay=1), Failed("f", "Busy."), NOW).life
    assert life.due_at == NOW + timedelta(seconds=300)


def test_what_is_not_possible_is_a_sentence() -> None:
    with pytest.raises(IllegalTransition, match=r"^A delivery that is dead cannot be accepted\.$"):
        transition(LIVES[State.DEAD], Accepted(), NOW)
    never = r"^A delivery that was not replayed cannot be withdrawn\.$"
    with pytest.raises(IllegalTransition, match=never):
        transition(PENDING, Withdrawn(), NOW)


def test_a_retry_at_the_end_of_the_time_is_within_it() -> None:
    policy = Policy(delays_s=(60, 60, 60))
    assert [policy.attempts_within(s) for s in (119.9, 120, 180, 999)] == [2, 3, 4, 4]

"""The delivery state machine: states, signals, transitions and the retry schedule.

Pure: standard library only; the time and the jitter are arguments.  No other module decides whether
a delivery is retried, when it is retried, or whether it has failed permanently.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import accumulate

from relay.errors import IllegalTransition
from relay.i18n import N_


class State(StrEnum):
    """The states of a delivery."""

    PENDING = "pending"  # has due_at
    IN_FLIGHT = "in_flight"  # has lease_until and lease_token
    DELIVERED = "delivered"
    DEAD = "dead"
    DISCARDED = "discarded"


OPEN = (State.PENDING, State.IN_FLIGHT)
SETTLED = (State.DELIVERED, State.DEAD, State.DISCARDED)


# ---- signals: everything that can happen to a delivery ----------------------------------------


@dataclass(frozen=True)
class Claimed:
    """A drain claimed the delivery.  Its lease ends ``lease_s`` seconds from now."""

    token: str
    lease_s: float


@dataclass(frozen=True)
class Held:
    """The delivery cannot be sent now and nothing failed: paused, rate limit, quota, lease too short.

    It costs no attempt.  The delivery is due again after ``wait_s`` seconds.  When a reply means
    Held (a quota is used up), the whole destination is held for that long.
    """

    code: str
    sentence: str
    wait_s: float = 0.0


@dataclass(frozen=True)
class Accepted:
    """The destination accepted the delivery."""


@dataclass(frozen=True)
class Failed:
    """The attempt failed and a retry may succeed.

    ``retry_after_s`` is the destination's Retry-After in seconds.  ``field`` is the part of the
    message that the destination rejects, if it names one.  ``within_s`` ends the retries that long
    after the first attempt; None: the whole retry schedule.  ``is_up``: the destination answered as
    it does when it works, so the failure says nothing about an outage.
    """

    code: str
    sentence: str
    retry_after_s: float | None = None
    field: str = ""
    within_s: float | None = None
    is_up: bool = False


@dataclass(frozen=True)
class Refused:
    """The attempt failed and a retry cannot succeed.

    ``pause``: the cause is not this delivery but the whole destination, which is paused until a person
    has fixed it.  The delivery waits with the others and is sent after that.
    """

    code: str
    sentence: str
    pause: bool = False
    field: str = ""


@dataclass(frozen=True)
class LeaseExpired:
    """The lease ended without a result: the worker that claimed the delivery died or hangs."""


@dataclass(frozen=True)
class Replayed:
    """A person sends the delivery again.  The attempt budget is reset, the history is kept.

    A dead or delivered delivery is sent once more; a pending one is due now.
    """


@dataclass(frozen=True)
class Withdrawn:
    """The replay of a pending delivery was cancelled: it returns to its state before the replay."""


@dataclass(frozen=True)
class Discarded:
    """The delivery is not needed any more: a person discarded it, or its subscription was removed."""


@dataclass(frozen=True)
class Superseded:
    """The destination already got a newer change of the same object, ``revision``: nothing is sent."""

    revision: int
    sentence: str


Signal = (
    Claimed
    | Held
    | Accepted
    | Failed
    | Refused
    | LeaseExpired
    | Replayed
    | Withdrawn
    | Discarded
    | Superseded
)


# ---- policy ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Policy:
    """The retry schedule.

    ``delays_s[n]`` is the delay in seconds after failed attempt n (counted from 0); after the last
    one the delivery is dead.  ``jitter`` is the fraction by which a delay varies in both directions.
    ``max_lost_starts`` is how often a worker may die while it handles one delivery.  The default
    makes eight attempts over more than 24 hours, whatever the jitter is.
    """

    delays_s: tuple[float, ...] = (5, 300, 1800, 7200, 18000, 36000, 46800)
    jitter: float = 0.2
    max_lost_starts: int = 5
    longest_retry_after_s: float = 86400.0

    @property
    def max_attempts(self) -> int:
        return len(self.delays_s) + 1

    def attempts_within(self, seconds: float | None) -> int:
        """The attempts that start within that time after the first one, always one retry at least.

        None: all of them.  Jitter is not counted.
        """
        if seconds is None:
            return self.max_attempts
        retries = sum(at <= seconds for at in accumulate(self.delays_s))
        return min(self.max_attempts, 1 + max(retries, 1))

    def wait_s(self, attempts: int, jitter: float, retry_after_s: float | None) -> float:
        """Seconds until the next attempt after ``attempts`` failed ones; ``jitter`` is in [-1, 1]."""
        if retry_after_s is None:
            return self.delays_s[attempts - 1] * (1 + self.jitter * jitter)
        # Retry-After is a minimum: jitter may lengthen the wait but never shorten it.
        wait = min(max(retry_after_s, 1.0), self.longest_retry_after_s)
        return wait * (1 + 0.04 * abs(jitter))


DEFAULT_POLICY = Policy()


# ---- the machine -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Life:
    """The columns of a delivery that the state machine reads and writes.

    ``attempts`` counts all calls, ``attempts_since_replay`` those since creation or the last replay,
    ``claims`` the claims since the last result.  ``revived_from`` is the state before the last
    replay.  Instants are aware datetimes.
    """

    state: State = State.PENDING
    due_at: datetime | None = None
    lease_until: datetime | None = None
    lease_token: str | None = None
    attempts: int = 0
    attempts_since_replay: int = 0
    claims: int = 0
    revived_from: State | None = None


@dataclass(frozen=True)
class FailureReason:
    """Why a delivery is dead."""

    code: str
    sentence: str
    field: str = ""


@dataclass(frozen=True)
class Transition:
    """What one signal does: the new life, and the cause of a new dead letter if there is one."""

    life: Life
    dead_letter: FailureReason | None = None


def _lease(life: Life, signal: Claimed, policy: Policy, now: datetime, jitter: float) -> Transition:
    until = now + timedelta(seconds=signal.lease_s)
    return Transition(
        replace(
            life,
            state=State.IN_FLIGHT,
            due_at=None,
            lease_until=until,
            lease_token=signal.token,
            claims=life.claims + 1,
        )
    )


def _without_lease(life: Life, **changes: object) -> Life:
    return replace(life, lease_until=None, lease_token=None, due_at=None, **changes)  # type: ignore[arg-type]


def _postpone(life: Life, signal: Held, policy: Policy, now: datetime, jitter: float) -> Transition:
    due = now + timedelta(seconds=max(0.0, signal.wait_s))
    freed = _without_lease(life, state=State.PENDING, claims=max(0, life.claims - 1))
    return Transition(replace(freed, due_at=due))


def _finish(
    life: Life, signal: Accepted, policy: Policy, now: datetime, jitter: float
) -> Transition:
    return Transition(
        _without_lease(
            life,
            state=State.DELIVERED,
            attempts=life.attempts + 1,
            attempts_since_replay=life.attempts_since_replay + 1,
            claims=0,
        )
    )


def _give_up(life: Life, cause: FailureReason) -> Transition:
    return Transition(_without_lease(life, state=State.DEAD, claims=0), dead_letter=cause)


def _retry_or_give_up(
    life: Life, signal: Failed, policy: Policy, now: datetime, jitter: float
) -> Transition:
    tried = replace(
        life,
        attempts=life.attempts + 1,
        attempts_since_replay=life.attempts_since_replay + 1,
        claims=0,
    )
    if tried.attempts_since_replay >= policy.attempts_within(signal.within_s):
        return _give_up(tried, FailureReason(signal.code, signal.sentence, signal.field))
    wait = policy.wait_s(tried.attempts_since_replay, jitter, signal.retry_after_s)
    return Transition(
        replace(_without_lease(tried, state=State.PENDING), due_at=now + timedelta(seconds=wait))
    )


def _refuse(
    life: Life, signal: Refused, policy: Policy, now: datetime, jitter: float
) -> Transition:
    if signal.pause:
        # The call is part of the history, but the retry schedule goes on where it was.
        waiting = _without_lease(life, state=State.PENDING, attempts=life.attempts + 1, claims=0)
        return Transition(replace(waiting, due_at=now))
    tried = replace(
        life, attempts=life.attempts + 1, attempts_since_replay=life.attempts_since_replay + 1
    )
    return _give_up(tried, FailureReason(signal.code, signal.sentence, signal.field))


def _expire(
    life: Life, signal: LeaseExpired, policy: Policy, now: datetime, jitter: float
) -> Transition:
    tried = replace(life, attempts=life.attempts + 1)
    if life.claims >= policy.max_lost_starts:
        sentence = N_(
            "The worker stopped %(count)s times while it handled this delivery. "
            "That is on Relay's side: check the worker's log before you replay it."
        ) % {"count": life.claims}
        return _give_up(tried, FailureReason("worker_died", sentence))
    return Transition(replace(_without_lease(tried, state=State.PENDING), due_at=now))


def _revive(
    life: Life, signal: Replayed, policy: Policy, now: datetime, jitter: float
) -> Transition:
    before = life.revived_from if life.state is State.PENDING else life.state
    fresh = _without_lease(
        life, state=State.PENDING, attempts_since_replay=0, claims=0, revived_from=before
    )
    return Transition(replace(fresh, due_at=now))


def _withdraw(
    life: Life, signal: Withdrawn, policy: Policy, now: datetime, jitter: float
) -> Transition:
    if life.revived_from is None:
        raise IllegalTransition(
            "A delivery that was not replayed cannot be withdrawn."  # i18n: keep
        )  # i18n: keep
    return Transition(_without_lease(life, state=life.revived_from, claims=0, revived_from=None))


def _discard(
    life: Life, signal: Discarded, policy: Policy, now: datetime, jitter: float
) -> Transition:
    return Transition(_without_lease(life, state=State.DISCARDED, claims=0))


def _supersede(
    life: Life, signal: Superseded, policy: Policy, now: datetime, jitter: float
) -> Transition:
    # A replay of what was delivered before changes nothing about that.
    was_delivered = life.revived_from is State.DELIVERED
    state = State.DELIVERED if was_delivered else State.DISCARDED
    return Transition(_without_lease(life, state=state, claims=0))


TRANSITIONS: dict[tuple[State, type], Callable[..., Transition]] = {
    (State.PENDING, Claimed): _lease,
    (State.IN_FLIGHT, Held): _postpone,
    (State.IN_FLIGHT, Accepted): _finish,
    (State.IN_FLIGHT, Failed): _retry_or_give_up,
    (State.IN_FLIGHT, LeaseExpired): _expire,
    (State.IN_FLIGHT, Refused): _refuse,
    (State.IN_FLIGHT, Superseded): _supersede,
    (State.DEAD, Replayed): _revive,
    (State.DELIVERED, Replayed): _revive,
    (State.PENDING, Replayed): _revive,
    (State.PENDING, Withdrawn): _withdraw,
    (State.PENDING, Discarded): _discard,
    (State.IN_FLIGHT, Discarded): _discard,
    (State.DEAD, Discarded): _discard,
}


def transition(
    life: Life,
    signal: Signal,
    now: datetime,
    jitter: float = 0.0,
    policy: Policy = DEFAULT_POLICY,
) -> Transition:
    """Apply ``signal`` to a delivery.

    ``now`` is the database's clock, ``jitter`` a number in [-1, 1].
    Raises IllegalTransition if the table has no rule for the state and the signal.
    """
    rule = TRANSITIONS.get((life.state, type(signal)))
    if rule is None:
        raise IllegalTransition(
            f"A delivery that is {life.state} cannot be {type(signal).__name__.lower()}."  # i18n: keep
        )
    return rule(life, signal, policy, now, jitter)

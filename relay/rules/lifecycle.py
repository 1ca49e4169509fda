"""Every rule about the life of a delivery: states, signals, steps and the retry schedule.

Pure: the standard library only; the time and the jitter are arguments.  Nothing else in Relay
decides whether something is tried again, when, or whether it is dead.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from relay.errors import IllegalTransition


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
    """A drain took the delivery to send it; the lease ends ``lease_s`` seconds from now."""

    token: str
    lease_s: float


@dataclass(frozen=True)
class Held:
    """Not now, and nobody's fault: paused, limited, quota, or no time left in the lease.

    Costs no attempt.  ``wait_s`` is the time until it may be asked again; as what an answer means
    (a quota is used up), the whole destination waits for so long.
    """

    code: str
    sentence: str
    wait_s: float = 0.0


@dataclass(frozen=True)
class Accepted:
    """The destination took it."""


@dataclass(frozen=True)
class Failed:
    """No good answer, but time may help.  ``retry_after_s`` is the destination's own wish.

    ``field`` names the part of the message that the destination complains about, if it does.
    """

    code: str
    sentence: str
    retry_after_s: float | None = None
    field: str = ""


@dataclass(frozen=True)
class Refused:
    """A final no: time will not help.  ``pause`` asks to stop the whole destination."""

    code: str
    sentence: str
    pause: bool = False
    field: str = ""


@dataclass(frozen=True)
class LeaseExpired:
    """The worker that held the delivery vanished without a result."""


@dataclass(frozen=True)
class Replayed:
    """A person sends a delivery again: a fresh attempt budget, the history is kept.

    A dead one is revived, a delivered one goes out once more, a waiting one goes now.
    """


@dataclass(frozen=True)
class Withdrawn:
    """The replay of a waiting delivery was cancelled: it is again what it was before."""


@dataclass(frozen=True)
class Discarded:
    """A person decided that this delivery need not arrive."""


Signal = (
    Claimed | Held | Accepted | Failed | Refused | LeaseExpired | Replayed | Withdrawn | Discarded
)


# ---- policy ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Policy:
    """How often and when a failing delivery is tried again.

    ``delays_s[n]`` is the wait in seconds after the n-th failed attempt (from 0); when they are
    used up the delivery is dead.  ``jitter`` is the share by which a wait may vary either way.
    ``max_lost_starts`` bounds how often a worker may vanish over one delivery.  The default tries
    eight times over more than a day, however the jitter falls.
    """

    delays_s: tuple[float, ...] = (5, 300, 1800, 7200, 18000, 36000, 46800)
    jitter: float = 0.2
    max_lost_starts: int = 5
    longest_retry_after_s: float = 86400.0

    @property
    def max_attempts(self) -> int:
        return len(self.delays_s) + 1

    def wait_s(self, attempts: int, jitter: float, retry_after_s: float | None) -> float:
        """Seconds until the next attempt after ``attempts`` failed ones; ``jitter`` is in [-1, 1].

        A destination's Retry-After is a floor: the wait may be a little longer, never shorter.
        """
        if retry_after_s is None:
            return self.delays_s[attempts - 1] * (1 + self.jitter * jitter)
        wish = min(max(retry_after_s, 1.0), self.longest_retry_after_s)
        return wish * (1 + 0.04 * abs(jitter))


DEFAULT_POLICY = Policy()


# ---- the machine -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Life:
    """The part of a delivery that the machine reads and writes.

    ``attempts`` counts calls ever made, ``attempts_since_replay`` those since creation or the last replay,
    ``claims`` how often it was claimed since the last result.  ``revived_from`` is its state before the last replay.
    Instants are aware datetimes.
    """

    state: State = State.PENDING
    due_at: datetime | None = None
    lease_until: datetime | None = None
    lease_token: str | None = None
    attempts: int = 0
    attempts_since_replay: int = 0
    claims: int = 0
    revived_from: State | None = None

    @property
    def is_suspect(self) -> bool:
        """Whether a worker vanished over it since its last result, this start not counted.

        Such a one is sent alone: if it is what kills workers, it takes no other along.
        """
        return self.claims > (1 if self.state is State.IN_FLIGHT else 0)


@dataclass(frozen=True)
class FailureReason:
    """Why a delivery is dead."""

    code: str
    sentence: str
    field: str = ""


@dataclass(frozen=True)
class Transition:
    """What one signal does: the life after it, and the cause of a new dead letter."""

    life: Life
    buried: FailureReason | None = None


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


def _free(life: Life, **changes: object) -> Life:
    return replace(life, lease_until=None, lease_token=None, due_at=None, **changes)  # type: ignore[arg-type]


def _postpone(life: Life, signal: Held, policy: Policy, now: datetime, jitter: float) -> Transition:
    due = now + timedelta(seconds=max(0.0, signal.wait_s))
    freed = _free(life, state=State.PENDING, claims=max(0, life.claims - 1))
    return Transition(replace(freed, due_at=due))


def _finish(
    life: Life, signal: Accepted, policy: Policy, now: datetime, jitter: float
) -> Transition:
    return Transition(
        _free(
            life,
            state=State.DELIVERED,
            attempts=life.attempts + 1,
            attempts_since_replay=life.attempts_since_replay + 1,
            claims=0,
        )
    )


def _bury(life: Life, cause: FailureReason) -> Transition:
    return Transition(_free(life, state=State.DEAD, claims=0), buried=cause)


def _retry_or_bury(
    life: Life, signal: Failed, policy: Policy, now: datetime, jitter: float
) -> Transition:
    tried = replace(
        life,
        attempts=life.attempts + 1,
        attempts_since_replay=life.attempts_since_replay + 1,
        claims=0,
    )
    if tried.attempts_since_replay >= policy.max_attempts:
        return _bury(tried, FailureReason(signal.code, signal.sentence, signal.field))
    wait = policy.wait_s(tried.attempts_since_replay, jitter, signal.retry_after_s)
    return Transition(
        replace(_free(tried, state=State.PENDING), due_at=now + timedelta(seconds=wait))
    )


def _refuse(
    life: Life, signal: Refused, policy: Policy, now: datetime, jitter: float
) -> Transition:
    tried = replace(
        life, attempts=life.attempts + 1, attempts_since_replay=life.attempts_since_replay + 1
    )
    return _bury(tried, FailureReason(signal.code, signal.sentence, signal.field))


def _expire(
    life: Life, signal: LeaseExpired, policy: Policy, now: datetime, jitter: float
) -> Transition:
    tried = replace(life, attempts=life.attempts + 1)
    if life.claims >= policy.max_lost_starts:
        sentence = (
            f"The worker stopped {life.claims} times while it handled this delivery. "
            "That is on Relay's side: look at the worker's log before you replay it."
        )
        return _bury(tried, FailureReason("worker_died", sentence))
    return Transition(replace(_free(tried, state=State.PENDING), due_at=now))


def _revive(
    life: Life, signal: Replayed, policy: Policy, now: datetime, jitter: float
) -> Transition:
    before = life.revived_from if life.state is State.PENDING else life.state
    fresh = _free(life, state=State.PENDING, attempts_since_replay=0, claims=0, revived_from=before)
    return Transition(replace(fresh, due_at=now))


def _withdraw(
    life: Life, signal: Withdrawn, policy: Policy, now: datetime, jitter: float
) -> Transition:
    if life.revived_from is None:
        raise IllegalTransition("A delivery that nobody sent again cannot be withdrawn.")
    return Transition(_free(life, state=life.revived_from, claims=0, revived_from=None))


def _discard(
    life: Life, signal: Discarded, policy: Policy, now: datetime, jitter: float
) -> Transition:
    return Transition(_free(life, state=State.DISCARDED, claims=0))


TRANSITIONS: dict[tuple[State, type], Callable[..., Transition]] = {
    (State.PENDING, Claimed): _lease,
    (State.IN_FLIGHT, Held): _postpone,
    (State.IN_FLIGHT, Accepted): _finish,
    (State.IN_FLIGHT, Failed): _retry_or_bury,
    (State.IN_FLIGHT, LeaseExpired): _expire,
    (State.IN_FLIGHT, Refused): _refuse,
    (State.DEAD, Replayed): _revive,
    (State.DELIVERED, Replayed): _revive,
    (State.PENDING, Replayed): _revive,
    (State.PENDING, Withdrawn): _withdraw,
    (State.PENDING, Discarded): _discard,
    (State.DEAD, Discarded): _discard,
}


def transition(
    life: Life,
    signal: Signal,
    now: datetime,
    jitter: float = 0.0,
    policy: Policy = DEFAULT_POLICY,
) -> Transition:
    """The one step that ``signal`` causes.

    ``now`` is the database's clock, ``jitter`` a number in [-1, 1].
    Raises IllegalTransition where the state has no step for the signal.
    """
    rule = TRANSITIONS.get((life.state, type(signal)))
    if rule is None:
        raise IllegalTransition(
            f"A delivery that is {life.state} cannot be {type(signal).__name__.lower()}."
        )
    return rule(life, signal, policy, now, jitter)

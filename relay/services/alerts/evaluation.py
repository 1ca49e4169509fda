"""Evaluate the alert rules: read what they see, then open, repeat and resolve alerts.

One process calls ``evaluate`` every ``EVALUATE_EVERY_S``.  It reads outside the transaction that
writes, and it writes only what changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask import current_app
from sqlalchemy import delete, or_, select

from relay import database
from relay.i18n import N_
from relay.models import Alert, AlertEvaluation, db
from relay.observability.logging import log
from relay.rules.alert_state import AlertStep, Waits
from relay.rules.alerts import RULES, Reading, ReadingLevel, Scope
from relay.rules.states import Severity
from relay.services.alerts import rules, state
from relay.services.alerts.readings import (
    Context,
    canary,
    destinations,
    installation,
    processes,
    sign_ins,
    sites,
)
from relay.services.alerts.rules import EffectiveRule

Subject = tuple[str, str]  # rule and subject
Reader = Callable[[Context], Iterable[Reading]]

# Each reader with the rules that it reads.  A subject without a reading is clear, unless its reader
# failed: then nothing is known about it.
READERS: tuple[tuple[Reader, tuple[str, ...]], ...] = (
    (destinations.read, destinations.READ_RULES),
    (sites.read, sites.READ_RULES),
    (installation.read, installation.READ_RULES),
    (processes.read, processes.READ_RULES),
    (canary.read, canary.READ_RULES),
    (sign_ins.read, sign_ins.READ_RULES),
)

SAMPLE_EVERY_S = 300
MAX_SAMPLES = 72
KEPT_CLEAR_S = (
    MAX_SAMPLES * SAMPLE_EVERY_S
)  # how long the chart of a subject without readings is kept


def evaluate(now: datetime | None = None) -> int:
    """Read every rule once and act on it.  -> how many alerts were opened, reported or resolved

    ``now`` replaces the database's time.  Raises SQLAlchemyError if the database is not available.
    """
    with database.snapshot(db.engine) as connection:
        now = now or database.now(connection)
        known = rules.effective(connection, now)
    readings, read = _read_all(known, now)
    try:
        count = _Evaluation(known, readings, read, now).apply()
        db.session.commit()
    finally:
        db.session.rollback()
    return count


def _read_all(
    known: Mapping[str, EffectiveRule], now: datetime
) -> tuple[dict[Subject, Reading], frozenset[str]]:
    """The readings, and the rules with a reader that did not fail."""
    readings: dict[Subject, Reading] = {}
    read: set[str] = set()
    for reader, names in READERS:
        try:
            # its own connection: after an error PostgreSQL runs nothing more in the transaction
            with database.snapshot(db.engine) as connection:
                found = list(reader(_context(connection, known, now)))
        except Exception as exc:
            log("alert.reader_failed", level="error", reader=reader.__module__, reason=repr(exc))
            db.session.rollback()
            continue
        readings |= {(one.rule, one.subject): one for one in found}
        read.update(names)
    return readings, frozenset(read)


def _context(connection: Any, known: Mapping[str, EffectiveRule], now: datetime) -> Context:
    return Context(
        connection,
        now,
        {name: one.threshold or 0.0 for name, one in known.items()},
        current_app.extensions["relay_broker"].client,
        current_app.extensions["relay_config"],
        frozenset(name for name, one in known.items() if one.is_set),
    )


@dataclass
class _Subject:
    """One rule and subject in this evaluation."""

    key: Subject
    reading: Reading
    row: Any
    alert: Alert | None
    waits: Waits
    step: AlertStep
    is_absent: bool

    @property
    def is_problem(self) -> bool:
        """Whether it has an open alert, or one that opens if the problem lasts."""
        is_open = self.alert is not None and self.step is not AlertStep.RESOLVE
        return is_open or self.waits.firing_since is not None


class _Evaluation:
    """What one evaluation knows, and the changes that it makes in the session."""

    def __init__(
        self,
        known: Mapping[str, EffectiveRule],
        readings: Mapping[Subject, Reading],
        read: frozenset[str],
        now: datetime,
    ):
        self.known, self.readings, self.read, self.now = known, readings, read, now
        self.alerts = {
            (alert.rule, alert.subject): alert
            for alert in db.session.scalars(
                select(Alert)
                .where(Alert.resolved_at.is_(None))
                .order_by(Alert.id)
                .with_for_update()
                .execution_options(populate_existing=True)
            )
        }
        self.rows = {
            (row.rule, row.subject): row
            for row in db.session.execute(select(AlertEvaluation.__table__))
        }

    def apply(self) -> int:
        subjects = list(self._subjects())
        problems = {one.key for one in subjects if one.is_problem}
        problems |= {key for key in self.alerts if key[0] not in self.read}
        # A rule that is muted reports nothing, so it cannot report for another one.
        problems = {key for key in problems if not self._is_muted(key[0])}
        count = sum(self._act(one, problems) for one in subjects)
        count += sum(
            state.report(alert, self._is_muted(name), self.now) is not None
            for (name, _), alert in self.alerts.items()
            if name not in self.read  # opened by a check, or its reader failed
        )
        self._save(subjects)
        return count

    def _subjects(self) -> Iterator[_Subject]:
        keys = {**self.readings, **self.rows, **self.alerts}
        for key in keys:
            name, subject = key
            if name not in self.read:
                continue
            rule, alert, row = RULES[name], self.alerts.get(key), self.rows.get(key)
            reading = self.readings.get(key)
            seen = reading or Reading(name, subject, ReadingLevel.CLEAR)
            before = Waits(row.firing_since, row.clear_since) if row else Waits()
            waits, step = before.advance(
                seen.level, alert is not None, self.now, rule.fire_after_s, rule.clear_after_s
            )
            yield _Subject(key, seen, row, alert, waits, step, reading is None)

    # ---- alerts ----------------------------------------------------------------------------------

    def _act(self, one: _Subject, problems: set[Subject]) -> bool:
        """Open, change, repeat or resolve its alert.  -> whether that is a change to report"""
        muted = self._is_muted(one.key[0])
        if one.step is AlertStep.RESOLVE and one.alert is not None:
            state.close(one.alert, self.now)
            return True
        covered_by = self._covered_by(one.key, problems)
        is_worse, was_open = False, one.alert is not None
        if one.step is AlertStep.OPEN:
            since = one.waits.firing_since
            one.alert = state.open_alert(one.reading, self.now, since, covered_by)
        elif one.alert is not None:
            self._cover(one.alert, covered_by, one.reading)
            if one.reading.level is ReadingLevel.FIRING:
                state.write_text(one.alert, one.reading)
                is_worse = self._raise_severity(one.alert, one.reading.severity)
        if one.alert is None:
            return False
        change = state.report(one.alert, muted, self.now, one.reading.newest, is_worse)
        return change is not None or not was_open

    def _covered_by(self, key: Subject, problems: set[Subject]) -> str:
        name, subject = key
        for other in RULES[name].covered_by:
            scope = RULES[other].scope
            if scope is Scope.INSTALLATION:
                is_covered = (other, "") in problems
            elif RULES[name].scope is Scope.INSTALLATION:
                is_covered = any(problem[0] == other for problem in problems)
            else:
                is_covered = (other, subject) in problems
            if is_covered:
                return other
        return ""

    def _cover(self, alert: Alert, covered_by: str, reading: Reading) -> None:
        if alert.covered_by == covered_by:
            return
        if covered_by:
            text = state.covered_sentence(covered_by)
        elif alert.notified_at is None and reading.newest and self._has_reported(alert):
            # People know of these failures.  Only later ones are news, and age is no reason to warn.
            text = N_("No longer covered by another alert, which has reported these failures.")
            alert.changes, alert.notified_at = max(1, alert.changes), self.now
            alert.severity = Severity.WARNING
        else:
            text = N_("No longer covered by another alert.")
            if alert.notified_at is None:
                alert.changes = 0  # its opening is due now
        alert.covered_by = covered_by
        state.add_entry(alert, "changed", self.now, text)

    def _has_reported(self, alert: Alert) -> bool:
        """Whether messages were sent about the alert that covered this one."""
        covering = (
            Alert.rule == alert.covered_by,
            Alert.subject.in_((alert.subject, "")),
            Alert.notified_at.is_not(None),
            or_(Alert.resolved_at.is_(None), Alert.resolved_at >= alert.opened_at),
        )
        return db.session.scalar(select(Alert.id).where(*covering).limit(1)) is not None

    def _raise_severity(self, alert: Alert, severity: Severity | None) -> bool:
        """An open alert becomes more severe, never less.  -> whether it did"""
        if severity is None or severity.rank <= alert.severity.rank:
            return False
        is_snoozed = alert.snoozed_until is not None and alert.snoozed_until > self.now
        is_seen = alert.acknowledged_at is not None or is_snoozed
        if alert.severity is Severity.NOTICE and is_seen:
            return False  # a notice becomes a warning because no one has seen it
        alert.severity = severity
        alert.snoozed_until = None
        state.need_attention(alert)
        state.add_entry(
            alert, "changed", self.now, N_("Severity: %(severity)s.") % {"severity": severity.value}
        )
        return True

    def _is_muted(self, name: str) -> bool:
        return name in self.known and self.known[name].is_muted

    # ---- what the rules see ----------------------------------------------------------------------

    def _save(self, subjects: list[_Subject]) -> None:
        rows = []
        for one in subjects:
            if self._is_over(one):
                if one.row is not None:
                    self._delete(one.key)
            elif (row := self._changed_row(one)) is not None:
                rows.append(row)
        if not rows:
            return
        statement = database.upsert(db.session, AlertEvaluation.__table__)
        changed = {
            name: statement.excluded[name] for name in rows[0] if name not in ("rule", "subject")
        }
        db.session.execute(
            statement.on_conflict_do_update(index_elements=["rule", "subject"], set_=changed), rows
        )

    def _is_over(self, one: _Subject) -> bool:
        """Whether nothing has been seen of it for so long that its chart is empty."""
        is_open = one.alert is not None and one.step is not AlertStep.RESOLVE
        if not one.is_absent or is_open:
            return False
        if one.row is None or one.waits.clear_since is None:
            return True
        return (self.now - one.waits.clear_since).total_seconds() >= KEPT_CLEAR_S

    def _delete(self, key: Subject) -> None:
        db.session.execute(
            delete(AlertEvaluation).where(
                AlertEvaluation.rule == key[0], AlertEvaluation.subject == key[1]
            )
        )

    def _changed_row(self, one: _Subject) -> dict[str, Any] | None:
        """The row to write; None if nothing worth a write changed.

        The value of a rule that is not met is written with its samples only, so that a quiet installation
        writes next to nothing.
        """
        value, row = one.reading.value, one.row
        threshold = self.known[one.key[0]].threshold or 0.0
        samples = self._samples(row.samples if row else [], value)
        is_same = (
            row is not None
            and Waits(row.firing_since, row.clear_since) == one.waits
            and row.threshold == threshold
            and row.samples == samples
            and (row.value == value or one.reading.level is not ReadingLevel.FIRING)
        )
        if is_same:
            return None
        return {
            "rule": one.key[0],
            "subject": one.key[1],
            "firing_since": one.waits.firing_since,
            "clear_since": one.waits.clear_since,
            "value": value,
            "threshold": threshold,
            "checked_at": self.now,
            "samples": samples,
        }

    def _samples(self, samples: list[list[float]], value: float) -> list[list[float]]:
        """With the present value, if it differs from the last sample and that is old enough."""
        at, shown = int(self.now.timestamp()), round(value, 3)
        if not samples:
            return [[at, shown]]
        last_at, last = samples[-1]
        if shown == last or at - last_at < SAMPLE_EVERY_S:
            return samples
        fresh = [[at, shown]]
        if at - last_at >= 2 * SAMPLE_EVERY_S:  # it had the old value until now
            fresh.insert(0, [at - SAMPLE_EVERY_S, last])
        return [*samples, *fresh][-MAX_SAMPLES:]

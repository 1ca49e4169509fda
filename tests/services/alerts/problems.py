"""Problems for the alert tests, as rows, and a clock that the test turns."""

from __future__ import annotations

import hashlib
import itertools
from datetime import datetime, timedelta

from sqlalchemy import insert, select

from relay import database
from relay.models import (
    Alert,
    AlertEntry,
    AlertEvaluation,
    DeadLetter,
    Delivery,
    DeliveryMinute,
    Event,
    Lease,
    Subscription,
    db,
)
from relay.rules.alerts import EVALUATE_EVERY_S
from relay.rules.lifecycle import State
from relay.services.alerts import evaluation
from relay.services.audit import COMMAND_LINE
from relay.services.destinations import settings as destination_settings
from relay.services.sources import settings as source_settings

NUMBERS = itertools.count(1)


class Shop:
    """A site with destinations.  ``now`` starts at a full minute and moves with ``wait``."""

    def __init__(self, *names: str):
        source, key, _ = source_settings.create_source(
            "Shop", "https://shop.example.com", COMMAND_LINE
        )
        self.source_id, self.key_id = source.id, key.id
        self.ids = [
            destination_settings.create_destination("inbox", name, {}, COMMAND_LINE).id
            for name in names or ("Hook",)
        ]
        self.now = database.now(db.session).replace(second=0, microsecond=0)
        # a scheduler runs all the time
        db.session.add(Lease(name="scheduler", holder="test", until=self.now + timedelta(days=365)))
        db.session.commit()

    def subject(self, number: int = 0) -> str:
        return f"destination:{self.ids[number]}"

    def wait(self, seconds: float, every: float = EVALUATE_EVERY_S) -> int:
        """Evaluate until that time has passed.  -> how many changes there were"""
        end, count = self.now + timedelta(seconds=seconds), 0
        while self.now < end:
            count += evaluation.evaluate(self.now)
            self.now += timedelta(seconds=every)
        return count

    # ---- deliveries ------------------------------------------------------------------------------

    def count(
        self, delivered: int, failed: int, number: int = 0, at: datetime | None = None
    ) -> None:
        """Count finished deliveries, as the results of calls do."""
        minute = (at or self.now).replace(second=0, microsecond=0)
        row = database.upsert(db.session, DeliveryMinute).values(
            destination_id=self.ids[number], minute=minute, delivered=delivered, failed=failed
        )
        db.session.execute(
            row.on_conflict_do_update(
                index_elements=["destination_id", "minute"],
                set_={
                    "delivered": DeliveryMinute.delivered + delivered,
                    "failed": DeliveryMinute.failed + failed,
                },
            )
        )
        db.session.commit()

    def deliveries(
        self, count: int, state: State, due_at: datetime | None = None, number: int = 0, **more: int
    ) -> list[int]:
        """Deliveries of one event each.  -> their ids"""
        events, found = [self._event() for _ in range(count)], []
        subscription_id = db.session.scalar(
            select(Subscription.id).where(Subscription.destination_id == self.ids[number])
        )
        for event_pk in events:
            row = Delivery(
                key=f"key-{next(NUMBERS)}",
                event_pk=event_pk,
                subscription_id=subscription_id,
                destination_id=self.ids[number],
                state=state,
                due_at=due_at,
                **more,
            )
            db.session.add(row)
            db.session.flush()
            found.append(row.id)
        db.session.commit()
        return found

    def fail(self, count: int, number: int = 0, at: datetime | None = None) -> None:
        """Failed deliveries of one event each, counted."""
        if not count:
            return
        moment = at or self.now
        ids = self.deliveries(count, State.DEAD, number=number)
        db.session.execute(
            insert(DeadLetter),
            [
                {
                    "delivery_id": one,
                    "destination_id": self.ids[number],
                    "code": "http_400",
                    "sentence": "It refused.",
                    "created_at": moment,
                }
                for one in ids
            ],
        )
        self.count(0, count, number, moment)

    def _event(self) -> int:
        name = f"event-{next(NUMBERS)}"
        row = Event(
            source_id=self.source_id,
            signing_key_id=self.key_id,
            event_id=name,
            event_type="comment.created",
            site="https://shop.example.com",
            address="203.0.113.7",
            payload="{}",
            body_sha256=hashlib.sha256(name.encode()).digest(),
            search_text="",
            routed_at=database.now(db.session),
            delivery_count=1,
        )
        db.session.add(row)
        db.session.flush()
        return row.id


def alerts(rule: str = "", is_open: bool = True) -> list[Alert]:
    """The alerts, fresh from the database, oldest first."""
    db.session.rollback()
    wanted = select(Alert).order_by(Alert.id)
    if rule:
        wanted = wanted.where(Alert.rule == rule)
    if is_open:
        wanted = wanted.where(Alert.resolved_at.is_(None))
    return list(db.session.scalars(wanted.execution_options(populate_existing=True)))


def names() -> list[str]:
    """The rules with an open alert, in the order of the alphabet."""
    return sorted(alert.rule for alert in alerts())


def reported() -> dict[str, int]:
    """How often each rule reported a change, by rule; only those that did."""
    found: dict[str, int] = {}
    for alert in alerts(is_open=False):
        if alert.changes:
            found[alert.rule] = found.get(alert.rule, 0) + alert.changes
    return found


def timeline(alert: Alert) -> list[str]:
    """The actions of its entries, oldest first."""
    wanted = select(AlertEntry.action).where(AlertEntry.alert_id == alert.id)
    return list(db.session.scalars(wanted.order_by(AlertEntry.id)))


def seen(rule: str, subject: str) -> AlertEvaluation | None:
    db.session.rollback()
    return db.session.get(AlertEvaluation, (rule, subject), populate_existing=True)


def pretend_sent(at: datetime) -> None:
    """As if a channel had taken the messages of every open alert."""
    for alert in alerts():
        alert.notified_at = alert.notified_at or at
    db.session.commit()

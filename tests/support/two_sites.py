"""Two sites with rows in every table that holds something of a site, and a destination of both.

Each text of a site's rows contains its ``mark``, so that a test finds what must not be shown.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from flask import Flask
from sqlalchemy import select

from relay.models import (
    Alert,
    AlertEvaluation,
    AllowedNetwork,
    ArchivedDeliveries,
    ArchivedEvents,
    ArchivedRejections,
    Attempt,
    CanaryRun,
    DeadLetter,
    Delivery,
    Event,
    EventHour,
    Intake,
    Rejection,
    Replay,
    SiteReport,
    User,
    UserSite,
    db,
)
from relay.models.base import Base
from relay.rules.states import DestinationState, Role
from relay.services.audit import COMMAND_LINE
from relay.services.destinations import settings as destination_settings
from relay.services.sources import settings as source_settings
from relay.services.users import passwords

SHARED_CODE = "http_400"  # of failed deliveries of both sites to the shared destination
CONTENT = "searchable"  # in every event


@dataclass(frozen=True)
class SiteRows:
    """The ids of one site's rows; ``letters`` are those of failed deliveries, the last one is shared."""

    mark: str
    slug: str
    source_id: int
    destination: int
    subscription: int
    events: tuple[int, ...]
    pending: int
    delivered: int
    letters: tuple[int, ...]
    replay: int
    alert: int


@dataclass(frozen=True)
class TwoSites:
    """``mine`` is the site of the limited person; the ``other`` one has more of everything."""

    mine: SiteRows
    other: SiteRows
    shared: int


def make(app: Flask) -> TwoSites:
    with app.app_context():
        shared = destination_settings.create_destination("inbox", "Both sites", {}, COMMAND_LINE)
        subscription = shared.subscriptions[0].id
        mine = _Site("mark-mine-5e1f", "shop-a", shared.id, subscription).add(2)
        other = _Site("mark-other-9c7d", "shop-b", shared.id, subscription).add(5)
        return TwoSites(mine, other, shared.id)


def limit(app: Flask, email: str, *source_ids: int) -> None:
    """Limit a person to these sites."""
    with app.app_context():
        user = db.session.scalars(select(User).where(User.email == email)).one()
        user.sites_limited = True
        user.sites = [UserSite(source_id=one) for one in source_ids]
        db.session.commit()


def create_person(app: Flask, email: str, password: str, role: str) -> None:
    with app.app_context():
        db.session.add(User(email=email, password_hash=_hash_of(password), role=Role(role)))
        db.session.commit()


@cache
def _hash_of(password: str) -> str:
    return passwords.hash_of(password)


def rows_of_all_tables(app: Flask) -> dict[str, list[Any]]:
    """Every row, without the sessions, whose times change with each request."""
    with app.app_context():
        return {
            table.name: [tuple(row) for row in db.session.execute(table.select())]
            for table in Base.metadata.sorted_tables
            if table.name not in ("user_session", "user_account")
        }


@dataclass
class _Site:
    mark: str
    slug: str
    shared: int
    shared_subscription: int

    def add(self, size: int) -> SiteRows:
        mark, now = self.mark, datetime.now(UTC)
        source, key, _ = source_settings.create_source(
            f"Shop {mark}", f"https://{mark}.example.com", COMMAND_LINE, slug=self.slug
        )
        self.source_id, self.key_id = source.id, key.id
        to = destination_settings.create_destination(
            "inbox", f"To {mark}", {}, COMMAND_LINE, sources=[self.slug]
        )
        own = to.subscriptions[0].id
        to.state, to.paused_reason = DestinationState.PAUSED, f"Paused by {mark}."
        to.fixed_at = now
        events = [self.event(n, now) for n in range(size)]
        replay = self.keep(Replay(token=mark, title=f"Replay {mark}", requested_by=mark, total=1))
        pending = self.delivery(events[0], to.id, own, "pending", replay_id=replay.id)
        delivered = self.delivery(events[1], to.id, own, "delivered")
        letters = [
            self.letter(self.delivery(events[0], self.shared, self.shared_subscription, "dead")),
            *(
                self.letter(self.delivery(one, to.id, own, "dead"), code=f"code_{mark}", field=mark)
                for one in events[2:]
            ),
            self.letter(self.delivery(events[1], self.shared, self.shared_subscription, "dead")),
        ]
        about = {"sentence": f"Alert {mark}", "advice": f"Look at {mark}.", "path": ""}
        alert = self.keep(Alert(rule="silent_site", subject=f"site:{self.slug}", **about))
        self.keep(Alert(rule="stale_clock", subject=f"site:{self.slug}:{mark}", **about))
        self.keep(Alert(rule="failure_rate", subject=f"destination:{to.id}", **about))
        self.keep(AlertEvaluation(rule="silent_site", subject=f"site:{self.slug}"))
        self.rest(size, now)
        db.session.commit()
        return SiteRows(
            *(mark, self.slug, source.id, to.id, own, tuple(events), pending, delivered),
            *(tuple(letters), replay.id, alert.id),
        )

    def rest(self, size: int, now: datetime) -> None:
        """The rows that no page names by an id."""
        mark, key = self.mark, {"source_id": self.source_id}
        day, hour = now.date(), now.replace(minute=0, second=0, microsecond=0)
        kind: dict[str, Any] = {**key, "day": day, "event_type": f"custom.{mark}"}
        for row in (
            AllowedNetwork(**key, cidr=f"10.{self.source_id}.0.0/16"),
            Rejection(
                **key, reason="clock", sentence=mark, status=401, address="203.0.113.7", count=size
            ),
            Intake(**kind, lane=0, received=size),
            ArchivedEvents(**kind, events=size),
            ArchivedDeliveries(**kind, destination_id=self.shared, delivered=size),
            ArchivedRejections(**key, day=day, refused=size),
            EventHour(**key, event_type=f"custom.{mark}", hour=hour, events=size),
            CanaryRun(**key, event_id=mark, error=mark),
            SiteReport(
                **key,
                event_pk=self.source_id,
                day=day - timedelta(days=1),
                until=now,
                counts={},
                plugin=mark,
            ),
        ):
            self.keep(row)

    def keep(self, row: Any) -> Any:
        db.session.add(row)
        db.session.flush()
        return row

    def event(self, number: int, now: datetime) -> int:
        kind = f"custom.{self.mark}" if number else "comment.created"
        event_id = f"event-{self.mark}-{number}"
        data = {"author": self.mark, "content": f"{CONTENT} {number}"}
        body = {"event": kind, "event_id": event_id, "site": self.mark, "data": data}
        event: Event = self.keep(
            Event(
                source_id=self.source_id,
                signing_key_id=self.key_id,
                event_id=event_id,
                event_type=kind,
                site=f"https://{self.mark}.example.com",
                address="203.0.113.7",
                payload=json.dumps(body),
                body_sha256=hashlib.sha256(event_id.encode()).digest(),
                search_text=f"{self.mark} {CONTENT}",
                received_at=now,
                routed_at=now,
                delivery_count=2,
            )
        )
        return event.id

    def delivery(
        self, event: int, destination: int, subscription: int, state: str, **columns: Any
    ) -> int:
        now = datetime.now(UTC)
        made: Delivery = self.keep(
            Delivery(
                key=f"{event}-{subscription}",
                event_pk=event,
                subscription_id=subscription,
                destination_id=destination,
                state=state,
                due_at=now if state == "pending" else None,
                settled_at=None if state == "pending" else now,
                attempts=1,
                mapping_version=1,
                version=1,
                last_error=self.mark,
                **columns,
            )
        )
        self.keep(
            Attempt(
                key=made.key,
                delivery_id=made.id,
                number=1,
                outcome="accepted" if state == "delivered" else "failed",
                sentence=f"Said {self.mark}",
                started_at=now,
                request={"method": "POST", "url": self.mark, "headers": [], "body": self.mark},
                response={"status": 400, "headers": [], "body": self.mark},
            )
        )
        return made.id

    def letter(self, delivery_id: int, code: str = SHARED_CODE, field: str = "") -> int:
        to = db.session.get_one(Delivery, delivery_id).destination_id
        made: DeadLetter = self.keep(
            DeadLetter(
                delivery_id=delivery_id,
                destination_id=to,
                code=code,
                field=field,
                sentence=f"Refused {self.mark}",
                owner=f"{self.mark}@example.com",
                note=f"Note {self.mark}",
                created_at=datetime.now(UTC) - timedelta(hours=1),
            )
        )
        return made.id


def states(app: Flask, site: SiteRows) -> list[tuple[str, str]]:
    """-> (state of the delivery, state of the dead letter) of the site's failed deliveries"""
    with app.app_context():
        rows = db.session.execute(
            select(Delivery.state, DeadLetter.state)
            .join(DeadLetter, DeadLetter.delivery_id == Delivery.id)
            .where(DeadLetter.id.in_(site.letters))
            .order_by(DeadLetter.id)
        )
        return [(str(one), str(two)) for one, two in rows]

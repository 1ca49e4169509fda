"""The first steps after the installation: what is done, by what is in the database."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, exists, func, select

from relay.destinations import KINDS
from relay.event_types import INTERNAL_TYPES, TEST
from relay.models import (
    AlertChannel,
    ArchivedEvents,
    Destination,
    DestinationTraffic,
    Event,
    Milestone,
    Setting,
    Source,
    User,
    db,
)
from relay.models.event import is_from_site
from relay.rules.states import DestinationState, SourceState, UserState
from relay.services.audit import By, record
from relay.services.operations import milestones
from relay.services.settings import stored

HIDDEN = "first_steps_hidden"  # a setting


@dataclass(frozen=True)
class FirstSteps:
    """Which steps are done."""

    site: bool
    event: bool
    destination: bool
    test: bool
    channel: bool
    person: bool
    backup: bool

    @property
    def done(self) -> list[str]:
        return [name for name, is_done in vars(self).items() if is_done]

    @property
    def count(self) -> int:
        return len(self.done)


def current() -> FirstSteps | None:
    """None if all are done, or if an admin has hidden the list.  One statement.

    What the demo of the first start made does not count, nor do test events that Relay sent to itself.
    """
    receiving = [kind.slug for kind in KINDS.values() if kind.takes_events]
    delivered = DestinationTraffic.delivered > 0
    milestone = Milestone.name
    site, destination = (_of_demo(name) for name in ("source", "destination"))
    sent = Event.event_type.not_in(INTERNAL_TYPES) & is_from_site()
    deleted = ArchivedEvents.event_type.not_in([*INTERNAL_TYPES, TEST])
    row = db.session.execute(
        select(
            exists().where(Source.state == SourceState.ACTIVE, Source.id != site),
            exists().where(sent) | exists().where(deleted, ArchivedEvents.source_id != site),
            exists().where(
                Destination.state != DestinationState.CLOSED,
                Destination.kind.in_(receiving),
                Destination.id != destination,
            ),
            exists().where(milestone == milestones.TEST)
            | exists().where(delivered, DestinationTraffic.destination_id != destination),
            exists().where(AlertChannel.enabled),
            select(func.count()).where(User.state != UserState.DISABLED).scalar_subquery() > 1,
            exists().where(milestone == milestones.BACKUP),
            select(Setting.value).where(Setting.name == HIDDEN).scalar_subquery(),
        )
    ).one()
    *done, hidden = row
    steps = FirstSteps(*(bool(one) for one in done))
    return None if hidden is True or all(done) else steps


def _of_demo(name: str) -> ColumnElement[int]:
    """The row id of what the demo made; 0 if it made nothing."""
    found = select(Milestone.detail[name].as_integer()).where(Milestone.name == milestones.DEMO)
    return func.coalesce(found.scalar_subquery(), 0)


def hide(by: By) -> None:
    """Never show the list again."""
    stored.store(HIDDEN, True, by)
    record(by, "first_steps.hide", "the first steps")
    db.session.commit()


def show(by: By) -> None:
    """Show the list until everything is done."""
    stored.store(HIDDEN, False, by)
    record(by, "first_steps.show", "the first steps")
    db.session.commit()

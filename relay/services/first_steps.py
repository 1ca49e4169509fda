"""The first steps after the installation: what is done, by what is in the database."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import exists, func, select

from relay.destinations import KINDS
from relay.event_types import INTERNAL_TYPES
from relay.models import (
    AlertChannel,
    Destination,
    DestinationTraffic,
    Intake,
    Milestone,
    Setting,
    Source,
    User,
    db,
)
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
    """None if all are done, or if an admin has hidden the list.  One statement."""
    receiving = [kind.slug for kind in KINDS.values() if kind.takes_events]
    delivered = DestinationTraffic.delivered > 0
    milestone = Milestone.name
    row = db.session.execute(
        select(
            exists().where(Source.state == SourceState.ACTIVE),
            exists().where(Intake.event_type.not_in(INTERNAL_TYPES), Intake.received > 0),
            exists().where(
                Destination.state != DestinationState.CLOSED, Destination.kind.in_(receiving)
            ),
            exists().where(milestone == milestones.TEST) | exists().where(delivered),
            exists().where(AlertChannel.enabled),
            select(func.count()).where(User.state != UserState.DISABLED).scalar_subquery() > 1,
            exists().where(milestone == milestones.BACKUP),
            select(Setting.value).where(Setting.name == HIDDEN).scalar_subquery(),
        )
    ).one()
    *done, hidden = row
    steps = FirstSteps(*(bool(one) for one in done))
    return None if hidden is True or all(done) else steps


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

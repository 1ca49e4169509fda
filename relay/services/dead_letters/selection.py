"""Which dead letters are meant, in one form for lists, cards, replays, discards and exports."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, select

from relay.i18n import N_
from relay.mapping.personal import mask_patterns
from relay.models import DeadLetter, Delivery, Destination, Event, db
from relay.rules.states import DeadLetterState
from relay.services.deliveries import UNRESOLVED, named
from relay.services.events import EventFilter

NO_FIELD = "-"  # as a field: those without one
STATES = tuple(state.value for state in DeadLetterState)


def unresolved() -> ColumnElement[bool]:
    return DeadLetter.state.in_(UNRESOLVED)


@dataclass(frozen=True)
class Selection:
    """The dead letters that match every condition given here; without any, all unresolved ones.

    ``ids`` are single ones.  ``destination`` is a number, or text as in ``deliveries.named``.
    ``field`` may be NO_FIELD.  ``text`` is an id or an e-mail address of the event; with ``anywhere`` it
    is searched in all of the event and in the reason.  ``since`` and
    ``until`` (exclusive) limit when they failed.  ``upto`` excludes later ones, so that a button
    acts on exactly as many as it showed.
    """

    ids: tuple[int, ...] = ()
    destination: int | str = ""
    subscription: int = 0
    code: str = ""
    field: str = ""
    event_type: str = ""
    source: str = ""
    text: str = ""
    state: str = ""
    since: datetime | None = None
    until: datetime | None = None
    upto: int | None = None
    anywhere: bool = False

    def statement(self) -> Select[Any]:
        """Of ``DeadLetter.id``: the unresolved ones."""
        return select(DeadLetter.id).where(unresolved(), *self.conditions())

    def listing(self) -> Select[Any]:
        """Of ``DeadLetter``: also resolved ones, if ``state`` asks for them."""
        shown = () if self.state in STATES else (unresolved(),)
        return select(DeadLetter).where(*shown, *self.conditions())

    def conditions(self) -> list[ColumnElement[bool]]:
        wanted: list[ColumnElement[bool]] = []
        if self.ids:
            wanted.append(DeadLetter.id.in_(self.ids))
        if self.destination:
            chosen = select(Destination.id).where(named(self.destination))
            wanted.append(DeadLetter.destination_id.in_(chosen))
        if self.subscription:
            wanted.append(_of_events(Delivery.subscription_id == self.subscription))
        if self.code:
            wanted.append(DeadLetter.code == self.code)
        if self.field:
            wanted.append(DeadLetter.field == ("" if self.field == NO_FIELD else self.field))
        if self.state in STATES:
            wanted.append(DeadLetter.state == self.state)
        if self.since:
            wanted.append(DeadLetter.created_at >= self.since)
        if self.until:
            wanted.append(DeadLetter.created_at < self.until)
        if self.upto:
            wanted.append(DeadLetter.id <= self.upto)
        if self.event_type or self.source:  # an internal event has no delivery
            wanted.append(_of_events(*EventFilter(self.event_type, self.source).conditions()))
        if self.text.strip():
            about_it = EventFilter(text=self.text, anywhere=self.anywhere).conditions()
            found = _of_events(*about_it)
            if self.anywhere:
                found |= DeadLetter.sentence.icontains(self.text.strip(), autoescape=True)
            wanted.append(found)
        return wanted

    def title(self) -> str:
        """The selection in words, for lists and the audit log: without e-mail addresses.

        It is stored, so it is English; pages translate it when they show it.
        """
        if self.ids:
            many = len(self.ids)
            text = (
                N_("%(count)s selected failed delivery")
                if many == 1
                else N_("%(count)s selected failed deliveries")
            )
            return text % {"count": many}
        more = [self.code, "" if self.field == NO_FIELD else self.field, self.event_type]
        more += [f"from {self.source}" if self.source else ""]
        more += [f"containing “{mask_patterns(self.text)}”" if self.text else ""]
        more += [f"since {self.since:%Y-%m-%d %H:%M} UTC" if self.since else ""]
        more += [f"before {self.until:%Y-%m-%d %H:%M} UTC" if self.until else ""]
        said = ", ".join(one for one in more if one)
        values = {"name": self._name() if self.destination else "", "conditions": said}
        if said and self.destination:
            return N_("Failed deliveries to %(name)s: %(conditions)s") % values
        if said:
            return N_("Failed deliveries: %(conditions)s") % values
        if self.destination:
            return N_("Failed deliveries to %(name)s") % values
        return N_("All failed deliveries")

    def _name(self) -> str:
        """The destination by its name, even if it was removed."""
        wanted = select(Destination.name).where(named(self.destination))
        return db.session.scalar(wanted.limit(1)) or str(self.destination)

    def bounded(self) -> Selection:
        """The same selection without dead letters that are created later."""
        newest = select(DeadLetter.id).order_by(DeadLetter.id.desc()).limit(1)
        return self if self.upto else replace(self, upto=db.session.scalar(newest))


def _of_events(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    """Tested for each dead letter: there are few of them, and millions of events."""
    return (
        select(Delivery.id)
        .join(Event, Event.id == Delivery.event_pk)
        .where(Delivery.id == DeadLetter.delivery_id, *conditions)
        .offset(0)  # otherwise PostgreSQL may turn it round and search all events first
        .correlate(DeadLetter)
        .exists()
    )

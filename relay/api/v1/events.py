"""Events: list, and one event with its deliveries."""

from __future__ import annotations

from typing import Any

from marshmallow import fields

from relay.api.v1.operations import OperationGroup
from relay.api.v1.privacy import body_of, is_masked, shown, shown_left_out
from relay.api.v1.shapes import AnswerShape, Moment, PageQuery, choice, optional, text
from relay.models import Attempt, Delivery, Event
from relay.rules.lifecycle import State
from relay.services import event_list, events
from relay.services.events import EventFilter
from relay.services.paging import Page

group = OperationGroup("Events")


class StoredEventShape(AnswerShape):
    id = fields.Integer(metadata={"description": "Relay's number of the event."})
    event_id = text("The id that the site chose.")
    type = fields.String()
    site = text("The short name of the site.")
    state = choice(list(events.STATES))
    received_at = Moment()


class AttemptShape(AnswerShape):
    request_id = text("`X-Request-Id` of the call.")
    number = fields.Integer()
    outcome = fields.String()
    status = fields.Integer(allow_none=True, metadata={"description": "The HTTP status."})
    code = fields.String()
    message = fields.String()
    notes = fields.List(fields.String(), metadata={"description": "What the call left out."})
    at = Moment()
    elapsed_ms = fields.Integer()


class DeliveryShape(AnswerShape):
    id = fields.Integer()
    destination = text("Its name.")
    destination_id = fields.Integer()
    state = choice([one.value for one in State])
    not_needed = fields.Boolean(
        metadata={"description": "Discarded, because a newer change was delivered."}
    )
    failed_delivery_id = fields.Integer(
        allow_none=True, metadata={"description": "The open failed delivery, if there is one."}
    )
    attempts = fields.List(fields.Nested(AttemptShape))
    due_at = Moment(allow_none=True)


class EventInFullShape(StoredEventShape):
    site_url = text("The address that the event names.")
    masked = fields.Boolean(metadata={"description": "Whether personal data in it is masked."})
    body = fields.Raw(metadata={"description": "The event as the site sent it.", "type": "object"})
    deliveries = fields.List(fields.Nested(DeliveryShape))


class EventQuery(PageQuery):
    type = optional("Only this event type; `order.*` for all of orders.")
    site = optional("Only of this site.")
    state = choice(["", *events.STATES], load_default="")
    text = optional("An event id or an e-mail address; with the role admin, a part of any value.")
    since = Moment(load_default=None, metadata={"description": "Received then or later."})
    until = Moment(load_default=None, metadata={"description": "Received before then."})


@group.add(
    "GET", "/events", "List events, newest first.", StoredEventShape, limited=True, query=EventQuery
)
def list_events(query: dict[str, Any]) -> Page[Any]:
    wanted = EventFilter(
        query["type"],
        query["site"],
        query["state"],
        query["text"],
        query["since"],
        query["until"],
        anywhere=not is_masked(),
    )
    page = event_list.list_events(wanted, query["limit"], query["cursor"])
    return Page([of_event(event) for event in page.items], page.total, page.next_after)


@group.add(
    "GET",
    "/events/<event_id>",
    "Show an event with its deliveries, by Relay's number or by the id that the site chose.",
    EventInFullShape,
    limited=True,
)
def show_event(event_id: str) -> Any:
    event = events.find_event(event_id)
    letters = events.open_letters(event)
    return of_event(event) | {
        "site_url": event.site,
        "masked": is_masked(),
        "body": body_of(event),
        "deliveries": [_delivery(one, event, letters.get(one.id)) for one in event.deliveries],
    }


def of_event(event: Event) -> dict[str, Any]:
    return {
        "id": event.id,
        "event_id": event.event_id,
        "type": event.event_type,
        "site": event.source.slug,
        "state": events.state_of(event),
        "received_at": event.received_at,
    }


def _delivery(delivery: Delivery, event: Event, letter: int | None) -> dict[str, Any]:
    return {
        "id": delivery.id,
        "destination": delivery.destination.name,
        "destination_id": delivery.destination_id,
        "state": delivery.state.value,
        "not_needed": delivery.shown_state == "superseded",
        "failed_delivery_id": letter,
        "attempts": [_attempt(one, event) for one in delivery.history],
        "due_at": delivery.due_at,
    }


def _attempt(attempt: Attempt, event: Event) -> dict[str, Any]:
    return {
        "request_id": attempt.key,
        "number": attempt.number,
        "outcome": attempt.outcome.value,
        "status": attempt.status,
        "code": attempt.code,
        "message": shown(attempt.sentence, event),
        "notes": [shown_left_out(note["sentence"], event) for note in attempt.notes or ()],
        "at": attempt.started_at,
        "elapsed_ms": round(attempt.elapsed_ms),
    }

"""Failed deliveries: list, show, resend, discard."""

from __future__ import annotations

from typing import Any

from marshmallow import fields, validate

from relay.api.v1.access import current_by
from relay.api.v1.operations import OperationGroup
from relay.api.v1.privacy import is_masked, shown, shown_note
from relay.api.v1.shapes import (
    AnswerShape,
    EmptyBody,
    InputShape,
    Moment,
    PageQuery,
    choice,
    optional,
    text,
)
from relay.models import DeadLetter
from relay.rules.states import DeadLetterState
from relay.services.dead_letters import actions
from relay.services.dead_letters.selection import Selection
from relay.services.paging import Page

group = OperationGroup("Failed deliveries")
STATES = [one.value for one in DeadLetterState]


class FailedDeliveryShape(AnswerShape):
    id = fields.Integer()
    delivery_id = fields.Integer()
    event_id = text("The id that the site chose.")
    event_type = fields.String()
    site = text("The short name of the site.")
    destination = text("Its name.")
    destination_id = fields.Integer()
    state = choice(STATES)
    resolution = text("`replayed` or `discarded`, once it is resolved.", allow_none=True)
    code = text("The cause, for programs.")
    field = text("The field that the destination named, if any.")
    message = text("What happened.")
    attempts = fields.Integer()
    owner = fields.String(allow_none=True)
    note = fields.String()
    created_at = Moment()


class FailedDeliveryQuery(PageQuery):
    state = choice(["", *STATES], "Without it, all that are not resolved.", load_default="")
    destination_id = fields.Integer(load_default=0, validate=validate.Range(0, 2**31 - 1))
    site = optional("Only of events of this site.")
    type = optional("Only of this event type.")
    code = optional("Only with this cause.")
    text = optional("An event id or an e-mail address; with the role admin, a part of any value.")
    since = Moment(load_default=None, metadata={"description": "Failed then or later."})
    until = Moment(load_default=None, metadata={"description": "Failed before then."})


class DiscardBody(InputShape):
    reason = fields.String(
        load_default="",
        validate=validate.Length(max=500),
        metadata={"description": "For the audit log; optional."},
    )


@group.add(
    "GET",
    "/failed-deliveries",
    "List failed deliveries, newest first.",
    FailedDeliveryShape,
    limited=True,
    query=FailedDeliveryQuery,
)
def list_failed_deliveries(query: dict[str, Any]) -> Page[Any]:
    chosen = Selection(
        destination=query["destination_id"],
        code=query["code"],
        event_type=query["type"],
        source=query["site"],
        text=query["text"],
        state=query["state"],
        since=query["since"],
        until=query["until"],
        anywhere=not is_masked(),
    )
    page = actions.list_letters(chosen, query["limit"], query["cursor"])
    return Page([of_letter(one) for one in page.items], page.total, page.next_after)


@group.add(
    "GET",
    "/failed-deliveries/<int:failed_delivery_id>",
    "Show a failed delivery.",
    FailedDeliveryShape,
    limited=True,
)
def show_failed_delivery(failed_delivery_id: int) -> Any:
    return of_letter(actions.find_dead_letter(failed_delivery_id))


@group.add(
    "POST",
    "/failed-deliveries/<int:failed_delivery_id>/resend",
    "Send a failed delivery again, with the same idempotency key.",
    FailedDeliveryShape,
    role="support",
    limited=True,
    body=EmptyBody,
)
def resend_failed_delivery(failed_delivery_id: int, body: dict[str, Any]) -> Any:
    actions.replay(failed_delivery_id, current_by())
    return of_letter(actions.find_dead_letter(failed_delivery_id))


@group.add(
    "POST",
    "/failed-deliveries/<int:failed_delivery_id>/discard",
    "Close a failed delivery without sending it.",
    FailedDeliveryShape,
    role="support",
    limited=True,
    body=DiscardBody,
)
def discard_failed_delivery(failed_delivery_id: int, body: dict[str, Any]) -> Any:
    actions.discard(failed_delivery_id, current_by(), body["reason"].strip())
    return of_letter(actions.find_dead_letter(failed_delivery_id))


def of_letter(letter: DeadLetter) -> dict[str, Any]:
    event = letter.delivery.event
    return {
        "id": letter.id,
        "delivery_id": letter.delivery_id,
        "event_id": event.event_id,
        "event_type": event.event_type,
        "site": event.source.slug,
        "destination": letter.destination.name,
        "destination_id": letter.destination_id,
        "state": letter.state.value,
        "resolution": letter.resolution.value if letter.resolution else None,
        "code": letter.code,
        "field": letter.field,
        "message": shown(letter.sentence, event),
        "attempts": letter.delivery.attempts,
        "owner": letter.owner,
        "note": shown_note(letter.note),
        "created_at": letter.created_at,
    }

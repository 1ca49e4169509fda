"""Destinations: list, show, pause and resume."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from marshmallow import fields, validate

from relay import database
from relay.api.v1.access import current_by
from relay.api.v1.operations import OperationGroup
from relay.api.v1.privacy import shown
from relay.api.v1.shapes import AnswerShape, EmptyBody, InputShape, Moment, PageQuery, choice, text
from relay.models import Destination, db
from relay.rules.counted import COUNTED
from relay.rules.status import Status, destination_status
from relay.services import deliveries
from relay.services.deliveries import Activity
from relay.services.destinations import settings as destination_settings
from relay.services.paging import Page
from relay.services.subscriptions import settings as subscription_settings

group = OperationGroup("Destinations")


class DestinationShape(AnswerShape):
    id = fields.Integer()
    name = fields.String()
    kind = fields.String()
    status = choice([one.value for one in Status], "What it does now.")
    reason = text("Why nothing is sent; empty while it is active.")
    until = Moment(
        allow_none=True, metadata={"description": "When the status ends on its own, if it does."}
    )
    waiting = fields.Integer(
        allow_none=True,
        metadata={"description": f"Deliveries that are not finished; null: more than {COUNTED}."},
    )
    failed = fields.Integer(
        allow_none=True,
        metadata={"description": f"Open failed deliveries; null: more than {COUNTED}."},
    )
    last_delivered_at = Moment(allow_none=True)
    created_at = Moment()


class SubscriptionShape(AnswerShape):
    id = fields.Integer()
    state = fields.String()
    events = fields.List(fields.String())
    sites = fields.List(fields.String(), metadata={"description": "Slugs; empty: all sites."})
    sentence = text("The subscription in words.")


class DestinationInFullShape(DestinationShape):
    config = fields.Dict(metadata={"description": "The settings of its kind, without secrets."})
    subscriptions = fields.List(fields.Nested(SubscriptionShape))


class PauseBody(InputShape):
    reason = fields.String(
        load_default="",
        validate=validate.Length(max=500),
        metadata={"description": "Shown to people; optional."},
    )


@group.add(
    "GET", "/destinations", "List destinations, newest first.", DestinationShape, query=PageQuery
)
def list_destinations(query: dict[str, Any]) -> Page[Any]:
    page = destination_settings.list_destinations(query["limit"], query["cursor"])
    activity = deliveries.activity_of([one.id for one in page.items])
    now = database.now(db.session)
    items = [of_destination(one, activity[one.id], now) for one in page.items]
    return Page(items, page.total, page.next_after)


@group.add(
    "GET",
    "/destinations/<int:destination_id>",
    "Show a destination with its subscriptions.",
    DestinationInFullShape,
)
def show_destination(destination_id: int) -> Any:
    return in_full(destination_settings.find_destination(destination_id))


@group.add(
    "POST",
    "/destinations/<int:destination_id>/pause",
    "Pause a destination; its deliveries wait.",
    DestinationInFullShape,
    role="support",
    body=PauseBody,
)
def pause_destination(destination_id: int, body: dict[str, Any]) -> Any:
    return in_full(destination_settings.pause(destination_id, current_by(), body["reason"].strip()))


@group.add(
    "POST",
    "/destinations/<int:destination_id>/resume",
    "Resume a destination; Relay sends what waited.",
    DestinationInFullShape,
    role="support",
    body=EmptyBody,
)
def resume_destination(destination_id: int, body: dict[str, Any]) -> Any:
    return in_full(destination_settings.resume(destination_id, current_by()))


def of_destination(one: Destination, activity: Activity, now: datetime) -> dict[str, Any]:
    status = destination_status(one, now)
    return {
        "id": one.id,
        "name": one.name,
        "kind": one.kind,
        "status": status.status.value,
        "reason": shown(status.reason),
        "until": status.until,
        "waiting": _count(activity.waiting),
        "failed": _count(activity.dead),
        "last_delivered_at": activity.last_delivered_at,
        "created_at": one.created_at,
    }


def _count(number: int) -> int | None:
    return number if number <= COUNTED else None


def in_full(one: Destination) -> dict[str, Any]:
    activity = deliveries.activity_of([one.id])[one.id]
    return of_destination(one, activity, database.now(db.session)) | {
        "config": one.config,
        "subscriptions": [
            {
                "id": subscription.id,
                "state": subscription.state.value,
                "events": subscription.event_types,
                "sites": [source.slug for source in subscription.sources],
                "sentence": subscription_settings.sentence_of(subscription),
            }
            for subscription in one.subscriptions
        ],
    }

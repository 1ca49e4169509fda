"""Alert channels: list them and send a test."""

from __future__ import annotations

from typing import Any

from marshmallow import fields

from relay.api.v1.access import current_by
from relay.api.v1.operations import OperationGroup
from relay.api.v1.shapes import AnswerShape, EmptyBody, Moment, PageQuery, choice, text
from relay.models import AlertChannel
from relay.rules.states import Severity
from relay.services.alerts import channels
from relay.services.paging import Page

group = OperationGroup("Alert channels")


class AlertChannelShape(AnswerShape):
    id = fields.Integer()
    name = fields.String()
    kind = text("`email`, `slack`, `webhook` or `ntfy`.")
    enabled = fields.Boolean()
    position = fields.Integer(
        metadata={"description": "Its place in the order; the next one takes over when it fails."}
    )
    severity = choice([one.value for one in Severity], "The lowest severity that it gets.")
    rules = fields.List(
        fields.String(), metadata={"description": "Only alerts of these rules; empty: all."}
    )
    last_sent_at = Moment(allow_none=True)
    failed_at = Moment(allow_none=True)
    last_error = fields.String()


class ChannelTestShape(AnswerShape):
    ok = fields.Boolean()
    message = text("What is wrong; empty if nothing is.")
    elapsed_ms = fields.Integer()


@group.add(
    "GET",
    "/alert-channels",
    "List alert channels, in their order.",
    AlertChannelShape,
    query=PageQuery,
)
def list_alert_channels(query: dict[str, Any]) -> Page[Any]:
    start = query["cursor"] or 0  # there are few, so the cursor is a place in the order
    found = channels.list_channels()
    end = start + query["limit"]
    items = [of_channel(channel) for channel in found[start:end]]
    return Page(items, len(found), end if end < len(found) else None)


@group.add(
    "POST",
    "/alert-channels/<int:channel_id>/test",
    "Send a test through an alert channel, now.",
    ChannelTestShape,
    role="support",
    body=EmptyBody,
)
def test_alert_channel(channel_id: int, body: dict[str, Any]) -> Any:
    result = channels.test_channel(channel_id, current_by())
    return {"ok": result.ok, "message": result.sentence, "elapsed_ms": round(result.elapsed_ms)}


def of_channel(channel: AlertChannel) -> dict[str, Any]:
    return {
        "id": channel.id,
        "name": channel.name,
        "kind": channel.kind,
        "enabled": channel.enabled,
        "position": channel.position + 1,
        "severity": channel.severity.value,
        "rules": channel.rules,
        "last_sent_at": channel.last_sent_at,
        "failed_at": channel.failed_at,
        "last_error": channel.last_error,
    }

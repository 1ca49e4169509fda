"""Slack: a message in a channel, by an incoming webhook.

Source: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks (answers are plain
text; the address itself is the secret; one message a second and channel).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from marshmallow import ValidationError, fields, validates

from relay.destinations.base import (
    ConfigSchema,
    Kind,
    Message,
    OutboundRequest,
    Reply,
    Rule,
    Target,
    classify,
    is_reference,
)
from relay.destinations.wire import headers_of
from relay.errors import Undeliverable
from relay.lifecycle import Accepted, Failed, Refused, Signal

MAX_SECTION = 3000
HALF_SIGN = re.compile(r"&[a-z]{0,3}\Z")  # what a cut leaves of &amp; &lt; &gt;
TEMPLATES = {
    "comment.created": "*New comment* by {{ data.author }}"
    "{% if data.post_title %} on “{{ data.post_title }}”{% endif %}\n> {{ data.content | truncate: 500 }}",
    "order.created": "*New order {{ data.number }}* over {{ data.total }} {{ data.currency }}"
    "{% if data.customer.name %} from {{ data.customer.name }}{% endif %}",
    "order.status_changed": "*Order {{ data.number }}* is now {{ data.status }}"
    "{% if data.previous_status %} (was {{ data.previous_status }}){% endif %}",
    "lead.created": "*New lead* from {{ data.form.title }}"
    "{% for field in data.fields %}\n{{ field[0] }}: {{ field[1] | truncate: 300 }}{% endfor %}",
    "user.registered": "*New user* on {{ site_name }}",
    "relay.test": "*Test event* from {{ site_name }}: the connection works.",
}
OTHER = "*{{ event }}* from {{ site_name }}"

RECONNECT = "Make a new webhook in Slack, enter its address here and resume."
ERRORS = {
    "invalid_payload": ("Slack does not understand the message. Change its text.", False),
    "user_not_found": ("Slack does not know the user this webhook writes to. " + RECONNECT, True),
    "no_text": ("The message came out empty. Change its text.", False),
    "action_prohibited": (
        "A Slack admin does not allow messages there. Ask them, then resume.",
        True,
    ),
    "posting_to_general_channel_denied": (
        "Slack allows only some people to write in the general channel. Choose another one. "
        + RECONNECT,
        True,
    ),
    "invalid_token": ("Slack does not accept this webhook any more. " + RECONNECT, True),
    "team_disabled": ("The Slack workspace is switched off. " + RECONNECT, True),
    "channel_not_found": ("The Slack channel does not exist any more. " + RECONNECT, True),
    "no_service": ("The webhook was removed in Slack. " + RECONNECT, True),
    "no_active_hooks": ("The webhook is switched off in Slack. " + RECONNECT, True),
    "no_team": ("The Slack workspace does not exist. " + RECONNECT, True),
    "channel_is_archived": ("The Slack channel is archived. Unarchive it, or: " + RECONNECT, True),
}


class SlackSchema(ConfigSchema):
    webhook_url = fields.String(
        required=True,
        error_messages={"required": "Enter the webhook address that Slack gave you."},
        metadata={
            "label": "Webhook address",
            "widget": "url",
            "secret": True,
            "placeholder": "https://hooks.slack.com/services/…",
            "help": "In Slack: your app → Incoming Webhooks → Add New Webhook to Workspace → choose the "
            "channel → copy the address. Whoever has it can write there, so Relay keeps it sealed.",
        },
    )
    text = fields.String(
        metadata={
            "label": "Message",
            "widget": "textarea",
            "template": True,
            "placeholder": "Leave empty for a ready-made message for each event.",
            "help": "Your own text. {{ data.author }} is replaced by the field author of the event; "
            "*stars* make bold.",
        }
    )

    @validates("webhook_url")
    def check_url(self, value: str, **_: Any) -> None:
        if is_reference(value):
            return
        if not urlsplit(value).path.startswith("/services/"):
            raise ValidationError(
                "A Slack webhook address looks like https://hooks.slack.com/services/T…/B…/…"
            )


class Slack(Kind):
    slug = "slack"
    name = "Slack"
    tagline = "Writes a message into a Slack channel."
    icon = "brand-slack"
    escapes = True
    repeats = "Slack has no means against doubles: what arrived before is shown there once more."
    schema = SlackSchema()

    def targets(self, config: Mapping[str, Any], account: Mapping[str, Any]) -> tuple[Target, ...]:
        return (Target("text", "Message", "long_text", required=True),)

    def ready_made(self, config: Mapping[str, Any], event_type: str) -> dict[str, Rule]:
        return {"text": {"text": config.get("text") or TEMPLATES.get(event_type, OTHER)}}

    def build(self, config: Mapping[str, Any], message: Message) -> OutboundRequest:
        text = str(message.mapped.get("text", "")).strip()
        if not text:
            raise Undeliverable("no_text", "The message came out empty. Change its text.")
        if message.is_test:
            text = f"*TEST* {text}"
        if len(text) > MAX_SECTION:
            text = HALF_SIGN.sub("", text[: MAX_SECTION - 1]) + "…"
        body = {
            "text": text,
            "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": text}}],
        }
        url = config["webhook_url"]
        path = urlsplit(url).path
        return OutboundRequest(
            "POST",
            url,
            (("Content-Type", "application/json; charset=utf-8"), *headers_of(message)),
            json.dumps(body, ensure_ascii=False).encode(),
            secrets=(
                url,
                path,
                *[part for part in path.split("/") if len(part) >= 8 and part != "services"],
            ),
        )

    def classify(self, reply: Reply) -> Signal:
        """Slack's own words first; only ``200 ok`` is success."""
        word = reply.text.strip()
        if reply.status == 200:
            if word == "ok":
                return Accepted()
            return Refused("not_slack", f"The answer was not Slack's. {RECONNECT}", pause=True)
        if (
            reply.status is not None
            and reply.status != 429
            and reply.status < 500
            and word in ERRORS
        ):
            sentence, pause = ERRORS[word]
            return Refused(word, sentence, pause=pause)
        signal = classify(reply)
        if isinstance(signal, Refused) and reply.status in (401, 403, 404, 410):
            return Refused(signal.code, f"{signal.sentence} {RECONNECT}", pause=True)
        if isinstance(signal, Failed) and reply.status == 429 and signal.retry_after_s is None:
            return Failed(signal.code, signal.sentence, 1.0)
        return signal

    def deed(self, config: Mapping[str, Any], event_type: str) -> str:
        return "write a message to {name}"

    def summary(self, config: Mapping[str, Any]) -> str:
        return "A Slack channel"


KIND = Slack()

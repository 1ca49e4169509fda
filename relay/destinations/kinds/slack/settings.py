"""What a person says about their Slack: by which way, into which channel."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from marshmallow import ValidationError, fields, validate, validates, validates_schema

from relay.destinations.base import ConfigSchema, is_reference

WEBHOOK, BOT = "webhook", "bot"
DIGEST_ABOVE = 20
NEEDS = {
    WEBHOOK: {"webhook_url": "Enter the webhook address that Slack gave you."},
    BOT: {
        "bot_token": "Enter the bot token that Slack gave you.",
        "channel": "Enter the channel that Relay writes in.",
    },
}


class SlackSchema(ConfigSchema):
    way = fields.String(
        load_default=WEBHOOK,
        validate=validate.OneOf([WEBHOOK, BOT]),
        metadata={
            "label": "How Relay writes there",
            "widget": "select",
            "choices": [
                (WEBHOOK, "By a webhook address (simplest)"),
                (BOT, "As a bot (channel chosen here)"),
            ],
        },
    )
    webhook_url = fields.String(
        metadata={
            "label": "Webhook address",
            "widget": "url",
            "secret": True,
            "placeholder": "https://hooks.slack.com/services/…",
            "help": "In Slack: your app → Incoming Webhooks → Add New Webhook to Workspace → choose the "
            "channel → copy the address. Whoever has it can write there, so Relay keeps it sealed.",
            "shown_if": {"way": WEBHOOK},
        },
    )
    bot_token = fields.String(
        metadata={
            "label": "Bot token",
            "secret": True,
            "placeholder": "xoxb-…",
            "help": "In Slack: your app → OAuth & Permissions → give the bot the scope chat:write → "
            "Install to Workspace → copy the Bot User OAuth Token.",
            "shown_if": {"way": BOT},
        }
    )
    channel = fields.String(
        metadata={
            "label": "Channel",
            "placeholder": "C0123456789",
            "help": "The channel's id: in Slack, click its name; it stands at the bottom. Then write "
            "/invite and the app's name in that channel.",
            "shown_if": {"way": BOT},
        }
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
    digest_above = fields.Integer(
        load_default=DIGEST_ABOVE,
        validate=validate.Range(0, 10_000),
        error_messages={"invalid": "Enter a number, or 0 for never."},
        metadata={
            "label": "Sum up when more than so many wait",
            "widget": "number",
            "advanced": True,
            "help": "On busy days Relay then sends one digest a minute instead of a flood. 0 means never.",
        },
    )
    api_url = fields.String(
        load_default="https://slack.com/api",
        metadata={
            "label": "Slack's address",
            "widget": "url",
            "advanced": True,
            "help": "Leave it as it is, unless Slack tells you another one.",
        },
    )

    @validates("webhook_url")
    def check_url(self, value: str, **_: Any) -> None:
        if is_reference(value):
            return
        if not urlsplit(value).path.startswith("/services/"):
            raise ValidationError(
                "A Slack webhook address looks like https://hooks.slack.com/services/T…/B…/…"
            )

    @validates("bot_token")
    def check_token(self, value: str, **_: Any) -> None:
        if not is_reference(value) and not re.fullmatch(r"xox[a-z]?[a-z.]*-[\x21-\x7e]+", value):
            raise ValidationError("A bot token begins with xoxb- and has no blanks. Copy it again.")

    @validates_schema
    def check_access(self, data: Mapping[str, Any], **_: Any) -> None:
        for name, sentence in NEEDS.get(data.get("way", WEBHOOK), {}).items():
            if not data.get(name):
                raise ValidationError(sentence, name)

"""The settings of a Slack destination."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from marshmallow import ValidationError, fields, validate, validates, validates_schema

from relay.destinations.kinds.slack.urls import service_of
from relay.destinations.schema import ConfigSchema
from relay.i18n import N_, _
from relay.rules.changes import OlderChange
from relay.secrets.references import is_reference

WEBHOOK, BOT = "webhook", "bot"
LINKS, NO_LINKS = "yes", "no"
POST, SKIP = "post", "skip"
PREVIEWS = ("unfurl_links", "unfurl_media")
DIGEST_ABOVE = 20
REQUIRED = {
    WEBHOOK: {"webhook_url": N_("Enter the webhook URL from Slack.")},
    BOT: {
        "bot_token": N_("Enter the bot token from Slack."),
        "channel": N_("Enter the channel that Relay posts to."),
    },
}


class SlackSchema(ConfigSchema):
    way = fields.String(
        load_default=WEBHOOK,
        validate=validate.OneOf([WEBHOOK, BOT]),
        metadata={
            "label": N_("Connection"),
            "widget": "select",
            "choices": [
                (WEBHOOK, N_("Incoming webhook (simplest)")),
                (BOT, N_("Bot (you choose the channel here)")),
            ],
        },
    )
    webhook_url = fields.String(
        metadata={
            "label": N_("Webhook URL"),
            "widget": "url",
            "secret": True,
            "placeholder": "https://hooks.slack.com/services/…",
            "help": N_(
                "In Slack: your app → Incoming Webhooks → Add New Webhook to Workspace → choose the "
                "channel → copy the URL. Anyone with this URL can post there, so Relay encrypts it. URLs of "
                "Mattermost, Rocket.Chat and Slack's workflows work, too; a workflow needs the variables text, "
                "event, site and link."
            ),
            "shown_if": {"way": WEBHOOK},
        },
    )
    bot_token = fields.String(
        metadata={
            "label": N_("Bot token"),
            "secret": True,
            "placeholder": "xoxb-…",
            "help": N_(
                "In Slack: your app → OAuth & Permissions → give the bot the scope chat:write → "
                "Install to Workspace → copy the Bot User OAuth Token."
            ),
            "shown_if": {"way": BOT},
        }
    )
    channel = fields.String(
        metadata={
            "label": N_("Channel"),
            "placeholder": "C0123456789",
            "help": N_(
                "The channel's id: in Slack, click the channel's name; the id is at the bottom. Then "
                "type /invite and the app's name in that channel."
            ),
            "shown_if": {"way": BOT},
        }
    )
    text = fields.String(
        metadata={
            "label": N_("Message"),
            "widget": "textarea",
            "template": True,
            "placeholder": N_("Leave empty for Relay's default message for each event."),
            "help": N_(
                "Your own text. Relay replaces {{ data.author }} with the event's field author. "
                "*Asterisks* make bold text, and a line that begins with > is a quote."
            ),
        }
    )
    links = fields.String(
        load_default=LINKS,
        validate=validate.OneOf([LINKS, NO_LINKS]),
        metadata={
            "label": N_("Links to the order, the site and Relay"),
            "widget": "select",
            "choices": [(LINKS, N_("Below the message")), (NO_LINKS, "None")],
            "advanced": True,
            "help": N_(
                "The link to Relay appears if Relay's own URL is set (RELAY_PUBLIC_URL), the one to "
                "the order or comment if the site sends it."
            ),
        },
    )
    older_changes = fields.String(
        load_default=OlderChange.MARK.value,
        validate=validate.OneOf(list(OlderChange)),
        metadata={
            "label": N_("A change that arrives after a newer one"),
            "widget": "select",
            "choices": [
                (OlderChange.MARK.value, N_("Post it, marked as earlier")),
                (OlderChange.SKIP.value, N_("Do not post it")),
                (OlderChange.SEND.value, N_("Post it like any other")),
            ],
            "advanced": True,
            "help": N_(
                "After an outage, an earlier change of an order can arrive last. Relay recognizes it "
                "if the site numbers its changes, as Relay's plugin does."
            ),
        },
    )
    first_status = fields.String(
        load_default=POST,
        validate=validate.OneOf([POST, SKIP]),
        metadata={
            "label": N_("The first status of a new order"),
            "widget": "select",
            "choices": [
                (POST, N_("Post it like any other change")),
                (SKIP, N_("Do not post it: the message about the new order is enough")),
            ],
            "advanced": True,
            "help": N_(
                "A sale is a new order and, a moment later, its first status. Relay's plugin marks "
                "that status."
            ),
        },
    )
    unfurl_links = fields.Boolean(
        load_default=False,
        metadata={
            "label": N_("Show previews of linked pages"),
            "advanced": True,
        },
    )
    unfurl_media = fields.Boolean(
        load_default=False,
        metadata={
            "label": N_("Show linked pictures and videos"),
            "advanced": True,
            "help": N_("Both apply to links that a visitor writes, too."),
        },
    )
    digest_above = fields.Integer(
        load_default=DIGEST_ABOVE,
        validate=validate.Range(0, 10_000),
        error_messages={"invalid": N_("Enter a number, or 0 for never.")},
        metadata={
            "label": N_("Send a digest above this number of pending messages"),
            "widget": "number",
            "advanced": True,
            "help": N_(
                "Relay then sends one summary per minute instead of single messages. 0 means never."
            ),
        },
    )
    api_url = fields.String(
        load_default="https://slack.com/api",
        metadata={
            "label": N_("URL of Slack's API"),
            "widget": "url",
            "advanced": True,
            "help": N_("Change it only if Slack gives you another URL."),
        },
    )

    @validates("webhook_url")
    def check_url(self, value: str, **_kwargs: Any) -> None:
        if is_reference(value):
            return
        try:
            service_of(value)
        except ValueError as exc:
            raise ValidationError(str(exc)) from exc

    @validates("bot_token")
    def check_token(self, value: str, **_kwargs: Any) -> None:
        if not is_reference(value) and not re.fullmatch(r"xox[a-z]?[a-z.]*-[\x21-\x7e]+", value):
            raise ValidationError(
                _("A bot token starts with xoxb- and has no spaces. Copy it again.")
            )

    @validates_schema
    def check_access(self, data: Mapping[str, Any], **_kwargs: Any) -> None:
        for name, sentence in REQUIRED.get(data.get("way", WEBHOOK), {}).items():
            if not data.get(name):
                raise ValidationError(sentence, name)

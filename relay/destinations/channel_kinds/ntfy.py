"""ntfy: a notification on a phone, through ntfy.sh or a server of one's own.

Sources: https://docs.ntfy.sh/publish/#publish-as-json (the fields),
https://docs.ntfy.sh/publish/#message-priority (1 to 5), https://docs.ntfy.sh/publish/#limitations
(4,096 bytes in a message; more becomes an attachment) and the codes of
https://github.com/binwiederhier/ntfy/blob/main/server/errors.go.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from marshmallow import ValidationError, fields, validate, validates

from relay.destinations.base import Kind, Message
from relay.destinations.envelope import headers_of
from relay.destinations.outcomes.http import classify
from relay.destinations.schema import ConfigSchema
from relay.errors import Undeliverable
from relay.i18n import N_, _
from relay.rules.lifecycle import Failed, Refused, Signal
from relay.transport.request import OutboundRequest, Reply, retry_after_s

SERVER = "https://ntfy.sh"
TOPIC = r"[-_A-Za-z0-9]{1,64}\Z"
MAX_MESSAGE, MAX_TITLE = 4096, 250  # bytes; characters
SENTENCES = {
    401: N_(
        "ntfy does not accept the access token. Enter it again in the settings of the channel."
    ),
    403: N_(
        "ntfy does not allow messages to this topic. It belongs to an account: enter an access token "
        "that may write to it, or choose another topic."
    ),
    413: N_("The message is too large for the ntfy server."),
}
CODES = {
    40009: N_(
        "ntfy does not accept the name of the topic. Change it in the settings of the channel."
    ),
    40010: N_("ntfy reserves this name. Choose another topic in the settings of the channel."),
}


class NtfySchema(ConfigSchema):
    server = fields.String(
        load_default=SERVER,
        metadata={
            "label": N_("Server"),
            "widget": "url",
            "advanced": True,
            "help": N_("Change it only if you run your own ntfy server."),
        },
    )
    topic = fields.String(
        required=True,
        validate=validate.Regexp(
            TOPIC,
            error=N_("A topic has 1 to 64 letters, digits, hyphens and underscores, no spaces."),
        ),
        error_messages={"required": N_("Enter the topic that your phone is subscribed to.")},
        metadata={
            "label": N_("Topic"),
            "placeholder": "my-shop-7hq2x9",
            "help": N_(
                "In the ntfy app, subscribe to the same topic. Anyone who knows its name can read the "
                "messages, so choose one that no one can guess."
            ),
        },
    )
    access_token = fields.String(
        metadata={
            "label": N_("Access token"),
            "secret": True,
            "placeholder": "tk_…",
            "help": N_(
                "Only if the topic belongs to an ntfy account. Create a token there under Account."
            ),
        }
    )

    @validates("server")
    def check_server(self, value: str, **_kwargs: Any) -> None:
        parts = urlsplit(value)
        if parts.path.strip("/") or parts.query or parts.fragment:
            raise ValidationError(_("Enter the server without a path, such as https://ntfy.sh."))


class Ntfy(Kind):
    """``message.mapped`` has ``text``, ``title``, ``priority`` (1 to 5), ``tags`` and ``click``."""

    slug = "ntfy"
    name = N_("Phone (ntfy)")
    tagline = N_("Sends a notification to your phone with the free ntfy app.")
    icon = "device-mobile"
    schema = NtfySchema()
    example_config = {"topic": "my-shop-7hq2x9"}

    def build(self, config: Mapping[str, Any], message: Message) -> OutboundRequest:
        text = str(message.mapped.get("text", ""))
        if not text:
            raise Undeliverable("no_text", _("The message is empty."))
        title = str(message.mapped.get("title", ""))[:MAX_TITLE]
        body: dict[str, Any] = {
            "topic": config["topic"],
            "title": f"[TEST] {title}" if message.is_test else title,
            "message": cut_bytes(text, MAX_MESSAGE),
            "priority": message.mapped.get("priority", 3),
            "tags": list(message.mapped.get("tags", ())),
        }
        if click := message.mapped.get("click"):
            body["click"] = click
        token = str(config.get("access_token") or "")
        login = (("Authorization", f"Bearer {token}"),) if token else ()  # i18n: keep
        return OutboundRequest(
            "POST",
            str(config.get("server", SERVER)).rstrip("/") + "/",
            (("Content-Type", "application/json"), *headers_of(message), *login),
            json.dumps(body, ensure_ascii=False).encode(),
            secrets=tuple(filter(None, (token, str(config["topic"])))),
        )

    def classify(self, reply: Reply) -> Signal:
        if reply.error is not None or reply.status is None:
            return classify(reply)
        if reply.status == 429:
            sentence = _(
                "The ntfy server gets too many messages from here, or the daily limit is used up."
            )
            return Failed("too_many", sentence, retry_after_s(reply))
        sentence = CODES.get(code_of(reply)) or SENTENCES.get(reply.status, "")
        return Refused(f"http_{reply.status}", sentence) if sentence else classify(reply)

    def summary(self, config: Mapping[str, Any]) -> str:
        return _(
            "Phone, through %(server)s", server=urlsplit(str(config.get("server", SERVER))).netloc
        )


def code_of(reply: Reply) -> int:
    """ntfy's own code of an error, such as 40009; 0 without one."""
    try:
        found = json.loads(reply.body)
    except ValueError:
        return 0
    code = found.get("code") if isinstance(found, dict) else None
    return code if isinstance(code, int) else 0


def cut_bytes(text: str, most: int) -> str:
    """A text with at most ``most`` bytes of UTF-8, cut between characters."""
    raw = text.encode()
    if len(raw) <= most:
        return text
    kept = raw[: most - len("…".encode())].decode(errors="ignore")
    return re.sub(r"\s+\Z", "", kept) + "…"

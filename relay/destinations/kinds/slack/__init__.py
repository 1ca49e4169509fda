"""Slack: a message in a channel, by an incoming webhook or as a bot; many at once as a digest.

Sources: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks (the address itself
is the secret) and https://docs.slack.dev/reference/methods/chat.postMessage.  One message a second and
channel.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from relay.destinations.base import (
    Call,
    Digest,
    Kind,
    Message,
    MessageResult,
    Rule,
    Send,
    TargetField,
)
from relay.destinations.envelope import headers_of
from relay.destinations.kinds.slack import texts
from relay.destinations.kinds.slack.errors import bot_signal, webhook_signal
from relay.destinations.kinds.slack.settings import BOT, DIGEST_ABOVE, SlackSchema
from relay.errors import Undeliverable
from relay.rules.lifecycle import Failed, Refused, Signal
from relay.transport.request import OutboundRequest, Reply


class Slack(Kind):
    slug = "slack"
    name = "Slack"
    tagline = "Writes a message into a Slack channel."
    icon = "brand-slack"
    escapes_html = True
    default_rate = (1, "second")
    duplicate_note = "Slack cannot recognize a duplicate: a message that arrived is shown again."
    schema = SlackSchema()
    example_secrets = {
        "webhook_url": "https://hooks.slack.com/services/T0EXAMPLE/B0EXAMPLE/example-webhook-key"
    }

    def targets(
        self, config: Mapping[str, Any], account: Mapping[str, Any]
    ) -> tuple[TargetField, ...]:
        return (TargetField("text", "Message", "long_text", required=True),)

    def default_mapping(self, config: Mapping[str, Any], event_type: str) -> dict[str, Rule]:
        text = config.get("text") or texts.template(event_type)
        return {"text": {"text": text}}

    def build(self, config: Mapping[str, Any], message: Message) -> OutboundRequest:
        text = text_of(message)
        if message.is_test:
            text = f"*TEST* {text}"
        return post(config, message, [texts.cut(text, texts.MAX_SECTION)])

    def deliver(
        self, config: Mapping[str, Any], messages: Sequence[Message], send: Send
    ) -> list[MessageResult]:
        if len(messages) > 1:
            return digest(config, messages, send)
        request = self.build(config, messages[0])
        reply = send(request)
        return [MessageResult(signal_of(config, reply), (Call(request, reply),))]

    def digest(self, config: Mapping[str, Any]) -> Digest | None:
        above = int(config.get("digest_above", DIGEST_ABOVE))
        return Digest(above) if above else None

    def classify(self, reply: Reply) -> Signal:
        return bot_signal(reply) if reply.body.lstrip()[:1] == b"{" else webhook_signal(reply)

    def action(self, config: Mapping[str, Any], event_type: str) -> str:
        return "write a message to {name}"

    def summary(self, config: Mapping[str, Any]) -> str:
        return f"Slack channel {config['channel']}" if config.get("channel") else "A Slack channel"


def signal_of(config: Mapping[str, Any], reply: Reply) -> Signal:
    return bot_signal(reply) if config.get("way") == BOT else webhook_signal(reply)


def text_of(message: Message) -> str:
    """Raises Undeliverable where there is none."""
    text = str(message.mapped.get("text", "")).strip()
    if not text:
        raise Undeliverable("no_text", "The message came out empty. Change its text.")
    return text


def post(config: Mapping[str, Any], message: Message, sections: Sequence[str]) -> OutboundRequest:
    """The call that writes these sections as one message; the first of them is its notification."""
    body: dict[str, Any] = {
        "text": sections[0],
        "blocks": [
            {"type": "section", "text": {"type": "mrkdwn", "text": text}} for text in sections
        ],
    }
    headers = (("Content-Type", "application/json; charset=utf-8"), *headers_of(message))
    secrets: tuple[str, ...]
    if config.get("way") == BOT:
        token = str(config["bot_token"])
        body["channel"] = config["channel"]
        url = str(config.get("api_url", "https://slack.com/api")).rstrip("/") + "/chat.postMessage"
        headers, secrets = (("Authorization", f"Bearer {token}"), *headers), (token,)
    else:
        url = str(config["webhook_url"])
        path = urlsplit(url).path
        parts = [part for part in path.split("/") if len(part) >= 8 and part != "services"]
        secrets = (url, path, *parts)
    return OutboundRequest(
        "POST", url, headers, json.dumps(body, ensure_ascii=False).encode(), secrets=secrets
    )


def digest(
    config: Mapping[str, Any], messages: Sequence[Message], send: Send
) -> list[MessageResult]:
    """Many messages in one; each is told that it went so, and keeps its own line."""
    found: dict[str, MessageResult] = {}
    lines: dict[str, tuple[str, str]] = {}
    for message in messages:
        # a text made of AI fields is empty here, where no AI is asked
        text = str(message.mapped.get("text", "")).strip() or texts.bare(
            message.event_type, message.site_name
        )
        lines[message.key] = message.event_type, text
    if lines:
        request = post(config, messages[0], texts.digest(list(lines.values())))
        reply = send(request)
        signal = signal_of(config, reply)
        if isinstance(signal, Refused) and not signal.pause:
            # One message may be at fault: none of them may die of it.
            signal = Failed("digest_refused", f"Slack refused the digest: {signal.sentence}")
        for key, (_, text) in lines.items():
            own = json.dumps(
                {"digest": len(lines), "text": texts.line_of(text)}, ensure_ascii=False
            )
            part = Call(replace(request, body=own.encode()), reply, len(lines))
            found[key] = MessageResult(signal, (part,))
    return [found[message.key] for message in messages]


KIND = Slack()

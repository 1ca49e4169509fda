"""Slack: posts messages to a channel, with an incoming webhook or as a bot; many as one digest.

Sources: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks (the URL itself is
the secret) and https://docs.slack.dev/reference/methods/chat.postMessage.  Slack allows one message
per second and channel.  Webhook URLs of Slack's workflows, of Mattermost and of Rocket.Chat work, too
(``urls``).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from relay.destinations.base import (
    AccessResult,
    Call,
    Digest,
    Kind,
    Message,
    MessageResult,
    Rule,
    Send,
    TargetField,
    standard_text,
)
from relay.destinations.envelope import headers_of
from relay.destinations.kinds.slack import access, texts
from relay.destinations.kinds.slack.errors import (
    bot_signal,
    compatible_signal,
    webhook_signal,
    workflow_signal,
)
from relay.destinations.kinds.slack.settings import (
    BOT,
    DIGEST_ABOVE,
    LINKS,
    PREVIEWS,
    SKIP,
    SlackSchema,
)
from relay.destinations.kinds.slack.urls import MAX_PLAIN, WebhookService, service_of
from relay.destinations.links import Link, links_of, links_of_all, relay_page
from relay.errors import Undeliverable
from relay.i18n import N_, _
from relay.rules.changes import OlderChange, noun_of
from relay.rules.lifecycle import Accepted, Failed, Refused, Signal
from relay.rules.notes import NOTHING_SENT, Note
from relay.transport.request import OutboundRequest, Reply


class Slack(Kind):
    slug = "slack"
    name = "Slack"
    tagline = N_("Posts a message to a Slack channel.")
    icon = "brand-slack"
    escapes_html = True
    default_rate = (1, "second")
    duplicate_note = N_(
        "Slack cannot recognize a duplicate: a message that arrived is shown again."
    )
    setup_link = (N_("Create the Slack app"), access.manifest_url())
    schema = SlackSchema()
    example_secrets = {
        "webhook_url": "https://hooks.slack.com/services/T0EXAMPLE/B0EXAMPLE/example-webhook-key"
    }

    def targets(
        self, config: Mapping[str, Any], account: Mapping[str, Any]
    ) -> tuple[TargetField, ...]:
        return (TargetField("text", "Message", "long_text", required=True),)

    def default_mapping(self, config: Mapping[str, Any], event_type: str) -> dict[str, Rule]:
        text = config.get("text")
        return {"text": {"text": text} if text else standard_text(texts.template(event_type))}

    def older_changes(self, config: Mapping[str, Any]) -> OlderChange:
        return OlderChange(config.get("older_changes", OlderChange.MARK))

    def build(self, config: Mapping[str, Any], message: Message) -> OutboundRequest:
        text = texts.escaped(text_of(message))
        if message.is_test:
            text = f"*TEST* {text}"
        if message.is_older:
            text = f"{text}\n{older_line(message)}"
        links = links_of(message) if config.get("links", LINKS) == LINKS else ()
        return post(config, message, text, links)

    def deliver(
        self, config: Mapping[str, Any], messages: Sequence[Message], send: Send
    ) -> list[MessageResult]:
        left = [message for message in messages if not is_skipped(config, message)]
        if len(left) > 1:
            results = digest(config, left, send)
        elif left:
            request = self.build(config, left[0])
            reply = send(request)
            results = [MessageResult(signal_of(config, reply), (Call(request, reply),))]
        else:
            results = []
        found = {message.key: result for message, result in zip(left, results, strict=True)}
        return [found.get(message.key, FIRST_STATUS) for message in messages]

    def notes_of(self, config: Mapping[str, Any], message: Message) -> tuple[Note, ...]:
        return FIRST_STATUS.notes if is_skipped(config, message) else ()

    def digest(self, config: Mapping[str, Any]) -> Digest | None:
        above = int(config.get("digest_above", DIGEST_ABOVE))
        return Digest(above) if above else None

    def has_access_check(self, config: Mapping[str, Any]) -> bool:
        """A webhook URL cannot be checked without a message."""
        return config.get("way") == BOT

    def check_access(self, config: Mapping[str, Any], send: Send) -> AccessResult:
        return access.check(config, send)

    def classify(self, reply: Reply) -> Signal:
        return bot_signal(reply) if reply.body.lstrip()[:1] == b"{" else webhook_signal(reply)

    def action(self, config: Mapping[str, Any], event_type: str) -> str:
        return N_("post a message to {name}")

    def summary(self, config: Mapping[str, Any]) -> str:
        return (
            _("Slack channel %(channel)s", channel=config["channel"])
            if config.get("channel")
            else _("A Slack channel")
        )


FIRST_STATUS = MessageResult(
    Accepted(),
    notes=(
        Note(
            "",
            N_("the first status of a new order"),
            N_(
                "the destination does not post the first status of a new order. To post it, change this "
                "under More settings."
            ),
            NOTHING_SENT,
        ),
    ),
)


def is_skipped(config: Mapping[str, Any], message: Message) -> bool:
    """Whether the message is about the first status of an order, which has a message of its own."""
    return config.get("first_status") == SKIP and message.data.get("initial") is True


def service_in(config: Mapping[str, Any]) -> WebhookService | None:
    """The service of the webhook; None for a bot.  Raises Undeliverable for a URL of none."""
    if config.get("way") == BOT:
        return None
    try:
        return service_of(str(config["webhook_url"]))
    except ValueError as exc:
        raise Undeliverable("bad_webhook_url", str(exc)) from exc


def signal_of(config: Mapping[str, Any], reply: Reply) -> Signal:
    service = service_in(config)
    if service is None:
        return bot_signal(reply)
    if service is WebhookService.SLACK:
        return webhook_signal(reply)
    return (
        workflow_signal(reply) if service is WebhookService.WORKFLOW else compatible_signal(reply)
    )


def text_of(message: Message) -> str:
    """The text of a message.  Raises Undeliverable if it is empty."""
    text = str(message.mapped.get("text", "")).strip()
    if not text:
        raise Undeliverable("no_text", _("The message is empty. Change its text."))
    return text


def older_line(message: Message) -> str:
    """Says below a message that it is about an earlier change."""
    return f"_Earlier change: a newer one of this {noun_of(message.event_type)} was posted before._"  # i18n: keep


def post(
    config: Mapping[str, Any],
    message: Message,
    text: str,
    links: Sequence[Link] = (),
    sections: Sequence[str] = (),
) -> OutboundRequest:
    """The request that posts a text with links below.  ``sections`` are the text, already split."""
    service = service_in(config)
    if service is WebhookService.WORKFLOW:
        body = variables(message, text)
    elif service in MAX_PLAIN:
        body = {"text": plain_text(service, message, text, links)}
    else:
        body = with_blocks(
            sections or texts.sections(text, relay_page(message)), texts.links_line(links)
        )
        body |= {name: config[name] for name in PREVIEWS if name in config}
    headers = (("Content-Type", "application/json; charset=utf-8"), *headers_of(message))
    secrets: tuple[str, ...]
    if config.get("way") == BOT:
        token = str(config["bot_token"])
        body["channel"] = config["channel"]
        url = str(config.get("api_url", "https://slack.com/api")).rstrip("/") + "/chat.postMessage"
        headers, secrets = (
            (("Authorization", f"Bearer {token}"), *headers),  # i18n: keep
            (token,),
        )
    else:
        url = str(config["webhook_url"])
        path = urlsplit(url).path
        parts = [part for part in path.split("/") if len(part) >= 8 and part != "services"]
        secrets = (url, path, *parts)
    return OutboundRequest(
        "POST", url, headers, json.dumps(body, ensure_ascii=False).encode(), secrets=secrets
    )


def with_blocks(sections: Sequence[str], links: str) -> dict[str, Any]:
    """A message of sections, with the links in small letters below.  The first section is also the
    text of its notification.
    """
    blocks: list[dict[str, Any]] = [
        {"type": "section", "text": {"type": "mrkdwn", "text": text}} for text in sections
    ]
    if links:
        blocks.append({"type": "context", "elements": [{"type": "mrkdwn", "text": links}]})
    return {"text": sections[0], "blocks": blocks}


def plain_text(service: WebhookService, message: Message, text: str, links: Sequence[Link]) -> str:
    """The text for a service without blocks."""
    line = texts.links_line(links)
    text = texts.without_mentions(text)
    if service is WebhookService.MATTERMOST:
        text = texts.in_markdown(text)
    else:
        text, line = texts.unescaped(text), texts.unescaped(line)
    room = MAX_PLAIN[service] - len(line) - 2
    return "\n\n".join([*texts.sections(text, relay_page(message), room, 1), *filter(None, [line])])


def variables(message: Message, text: str) -> dict[str, str]:
    """The variables of a workflow: always the same four texts."""
    links = links_of(message)
    shown, rest = texts.split(texts.unmarked(text), texts.MAX_SECTION)
    return {
        "text": f"{shown}…" if rest else shown,
        "event": message.event_type,
        "site": message.site_name,
        "link": relay_page(message) or (links[0].url if links else ""),
    }


def digest(
    config: Mapping[str, Any], messages: Sequence[Message], send: Send
) -> list[MessageResult]:
    """Send many messages as one.  The recorded attempt of each message has only its own line."""
    found: dict[str, MessageResult] = {}
    lines: dict[str, tuple[str, str]] = {}
    for message in messages:
        # A text of AI fields is empty here, because the AI step does not run for a digest.
        text = str(message.mapped.get("text", "")).strip() or texts.line_without_text(
            message.event_type, message.site_name
        )
        if message.is_older:
            text = f"{texts.line_of(text)} {older_line(message)}"
        lines[message.key] = message.event_type, text
    if lines:
        sections = texts.digest(list(lines.values()))
        links = links_of_all(messages) if config.get("links", LINKS) == LINKS else ()
        request = post(config, messages[0], "\n".join(sections), links, sections)
        reply = send(request)
        signal = signal_of(config, reply)
        if isinstance(signal, Refused) and not signal.pause:
            # One of the messages can be the cause, so none of them becomes a dead letter.
            signal = Failed(
                "digest_refused",
                _("Slack rejected the digest: %(why)s", why=signal.sentence),
            )
        for key, (_event, text) in lines.items():
            own = json.dumps(
                {"digest": len(lines), "text": texts.line_of(text)}, ensure_ascii=False
            )
            part = Call(replace(request, body=own.encode()), reply, len(lines))
            found[key] = MessageResult(signal, (part,))
    return [found[message.key] for message in messages]


KIND = Slack()

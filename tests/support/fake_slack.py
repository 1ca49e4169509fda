"""A local server that responds as documented by Slack, and by the services that copy its webhooks.

It refuses whatever the documentation says is refused, and is stricter where Slack drops or hides
something silently: a message that loses a part in Slack is an error here.

Sources:
- https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks (plain-text errors)
- https://docs.slack.dev/reference/methods/chat.postMessage (``ok: false``, often with status 200)
- https://docs.slack.dev/reference/block-kit/blocks (limits of each block)
- https://docs.slack.dev/apis/web-api/rate-limits (one message per second and channel)
- https://docs.slack.dev/messaging/formatting-message-text (& < > are control characters)
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from typing import Any

from tests.support.sink import Answer, Seen, Sink

TOKEN = "xoxb-0123456789-abcdefghijkl"
PATH = "/services/T00000000/B00000000/abcdefghijklmnopqrstuvwx"
CHANNEL = "C0123456789"
WORKFLOW_PATH = "/triggers/T00000000/3141592653589/c6e6c0d868b3054ca0f4611a5dbadaf"
MATTERMOST_PATH = "/chat/hooks/xk5yfh3ob3bbzj3mjxyq8zjz6o"
ROCKET_CHAT_PATH = "/hooks/64f0a9c1b2d3e4f5a6b7c8d9/Zk3Fq8Wm2Lr7Tn5Vx1Yb9Hc4"

MAX_TEXT = 40_000
MAX_BLOCKS = 50
MAX_BLOCK_TEXTS = 13_200
MAX_MATTERMOST, MAX_ROCKET_CHAT = 16_383, 5_000
WORKFLOW_VARIABLES = frozenset(("text", "event", "site", "link"))
MESSAGE_KEYS = frozenset(
    "text blocks attachments thread_ts mrkdwn unfurl_links unfurl_media metadata".split()
)
CONTROL = re.compile(
    r"<(?:(?P<url>https?://[^|<>\s]+|mailto:[^|<>\s]+)(?:\|(?P<words>[^<>]+))?"
    r"|(?P<mention>[@#][A-Z0-9]+(?:\|[^<>]*)?|!(?:here|channel|everyone|subteam\^|date\^)[^<>]*))>"
)
ENTITY = re.compile(r"&(amp|lt|gt);")


class Refused(Exception):
    """The error that Slack answers with."""


class FakeSlack(Sink):
    """``slack.webhook_url`` and ``slack.api_url`` are its two ways; ``messages`` is what was written.

    ``workflow_url``, ``mattermost_url`` and ``rocket_chat_url`` take what those take.
    ``every_s`` is the time that has to pass between two messages of one channel.
    """

    def __init__(self, every_s: float = 1.0) -> None:
        self.messages: list[dict[str, Any]] = []
        self.planned: list[Answer] = []
        self.every_s = every_s
        self.written_at: dict[str, float] = {}
        super().__init__()
        self.webhook_url = self.url + PATH
        self.api_url = f"{self.url}/api"
        self.workflow_url = self.url + WORKFLOW_PATH
        self.mattermost_url = self.url + MATTERMOST_PATH
        self.rocket_chat_url = self.url + ROCKET_CHAT_PATH

    def next(self, *answers: Answer) -> None:
        """Answer the next calls so, before anything is written."""
        with self._lock:
            self.planned += answers

    @property
    def texts(self) -> list[str]:
        return [str(one["text"]) for one in self.messages]

    @property
    def shown(self) -> list[str]:
        """Each message as a person reads it: its blocks, else its text."""
        return [as_read("\n".join(texts_in(one)) or str(one["text"])) for one in self.messages]

    def take(self, seen: Seen) -> Answer:
        with self._lock:
            self.requests.append(seen)
            if self.planned:
                return self.planned.pop(0)
            answer = {
                PATH: self._webhook,
                "/api/chat.postMessage": self._post,
                WORKFLOW_PATH: self._workflow,
                MATTERMOST_PATH: self._mattermost,
                ROCKET_CHAT_PATH: self._rocket_chat,
            }.get(seen.path)
            return answer(seen) if answer else Answer(404, b"no_service")

    def _webhook(self, seen: Seen) -> Answer:
        """Errors are plain text with a status of 400.

        Source: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
        """
        if late := self._too_soon(PATH):
            return late
        try:
            body = parse(seen)
            check_message(body, MESSAGE_KEYS)
        except Refused as exc:
            return Answer(400, str(exc).encode(), {"Content-Type": "text/plain"})
        return self._write(PATH, body, Answer())

    def _post(self, seen: Seen) -> Answer:
        """Errors have status 200 and ``ok: false``.

        Source: https://docs.slack.dev/reference/methods/chat.postMessage
        """
        if seen.headers.get("authorization") != f"Bearer {TOKEN}":
            return refusal("invalid_auth")
        try:
            body = parse(seen)
            if body.get("channel") != CHANNEL:
                raise Refused("channel_not_found")
            if late := self._too_soon(CHANNEL):
                return late
            check_message(body, MESSAGE_KEYS | {"channel"})
        except Refused as exc:
            return refusal(str(exc))
        said = {"ok": True, "channel": CHANNEL, "ts": "1503435956.000247", "message": body}
        answer = Answer(200, json.dumps(said).encode(), {"Content-Type": "application/json"})
        return self._write(CHANNEL, body, answer)

    def _workflow(self, seen: Seen) -> Answer:
        """The variables have to be declared in the workflow, flat, and texts.

        Source: https://docs.slack.dev/tools/slack-github-action/sending-techniques/sending-data-webhook-slack-workflow
        """
        body = parse(seen)
        flat = all(isinstance(value, str) for value in body.values())
        if set(body) != WORKFLOW_VARIABLES or not flat:
            return refusal("invalid_workflow_input", 400)
        answer = Answer(200, b'{"ok":true}', {"Content-Type": "application/json"})
        return self._write(WORKFLOW_PATH, body, answer)

    def _mattermost(self, seen: Seen) -> Answer:
        """Slack's links are translated, its blocks are not shown: they are refused here.

        Source: https://docs.mattermost.com/developers/integrate/slash-commands/slack
        """
        body = parse(seen)
        text = body.get("text")
        if set(body) != {"text"} or not text or len(text) > MAX_MATTERMOST:
            said = {"id": "web.incoming_webhook.parse.app_error", "status_code": 400}
            return Answer(400, json.dumps(said).encode(), {"Content-Type": "application/json"})
        return self._write(MATTERMOST_PATH, body, Answer())

    def _rocket_chat(self, seen: Seen) -> Answer:
        """Shows & < > as they are; an escaped one would be shown escaped, so it is refused here.

        Source: https://docs.rocket.chat/docs/integrations (incoming webhook: ``success``)
        """
        body = parse(seen)
        text = body.get("text")
        is_fit = text and len(text) <= MAX_ROCKET_CHAT and not ENTITY.search(text)
        if set(body) != {"text"} or not is_fit:
            said = b'{"success":false,"error":"Empty body"}'
            return Answer(400, said, {"Content-Type": "application/json"})
        answer = Answer(200, b'{"success":true}', {"Content-Type": "application/json"})
        return self._write(ROCKET_CHAT_PATH, body, answer)

    def _too_soon(self, channel: str) -> Answer | None:
        """One message per second and channel; more are answered 429 with ``Retry-After``.

        Slack tolerates short bursts "with no guarantee", so there are none here.
        Source: https://docs.slack.dev/apis/web-api/rate-limits
        """
        since = time.monotonic() - self.written_at.get(channel, float("-inf"))
        return refusal("ratelimited", 429, Retry_After="1") if since < self.every_s else None

    def _write(self, channel: str, body: dict[str, Any], answer: Answer) -> Answer:
        self.written_at[channel] = time.monotonic()
        self.messages.append(body)
        return answer


def parse(seen: Seen) -> dict[str, Any]:
    """A JSON object, sent as such.  Raises Refused."""
    if not seen.headers.get("content-type", "").startswith("application/json"):
        raise Refused("invalid_payload")
    try:
        body = seen.json()
    except ValueError:
        raise Refused("invalid_payload") from None
    if not isinstance(body, dict):
        raise Refused("invalid_payload")
    return body


def check_message(body: Mapping[str, Any], keys: frozenset[str]) -> None:
    """The limits of a message.  Raises Refused.

    Slack cuts a text after 40,000 characters; here it is an error, because a part would be lost.
    Source: https://docs.slack.dev/changelog/2018-04-truncating-really-long-messages
    """
    if set(body) - keys:
        raise Refused("invalid_arguments")
    text = body.get("text")
    if text is not None and not isinstance(text, str):
        raise Refused("invalid_arguments")
    if not (text or "").strip():
        raise Refused("no_text")
    if len(str(text)) > MAX_TEXT:
        raise Refused("msg_too_long")
    check_markup(str(text))
    for name in ("unfurl_links", "unfurl_media", "mrkdwn"):
        if not isinstance(body.get(name, True), bool):
            raise Refused("invalid_arguments")
    if "blocks" in body:
        check_blocks(body["blocks"])


def check_blocks(blocks: Any) -> None:
    """At most 50 blocks, each within its limits, and about 13,200 characters in all of them.

    Sources: https://docs.slack.dev/reference/block-kit/blocks,
    https://github.com/slackapi/bolt-js/issues/2509 (``msg_blocks_too_long``).
    """
    if not isinstance(blocks, list) or not all(isinstance(one, dict) for one in blocks):
        raise Refused("invalid_blocks_format")
    if not 1 <= len(blocks) <= MAX_BLOCKS:
        raise Refused("invalid_blocks")
    for block in blocks:
        check_block(block)
    if sum(map(len, texts_in({"blocks": blocks}))) > MAX_BLOCK_TEXTS:
        raise Refused("msg_blocks_too_long")


def check_block(block: Mapping[str, Any]) -> None:
    """Sections have a text of 3,000 characters or ten fields of 2,000; headers plain text of 150;
    contexts up to ten elements.

    Sources: https://docs.slack.dev/reference/block-kit/blocks/section-block,
    https://docs.slack.dev/reference/block-kit/blocks/header-block,
    https://docs.slack.dev/reference/block-kit/blocks/context-block
    """
    allowed = {
        "section": {"type", "text", "fields", "block_id"},
        "header": {"type", "text", "block_id"},
        "context": {"type", "elements", "block_id"},
        "divider": {"type", "block_id"},
    }.get(str(block.get("type")))
    if allowed is None or set(block) - allowed or len(block.get("block_id", "")) > 255:
        raise Refused("invalid_blocks")
    if block["type"] == "section":
        fields = block.get("fields", [])
        if not isinstance(fields, list) or len(fields) > 10 or not (fields or "text" in block):
            raise Refused("invalid_blocks")
        if "text" in block:
            check_text(block["text"], 3000)
        for field in fields:
            check_text(field, 2000)
    elif block["type"] == "header":
        check_text(block.get("text"), 150, ("plain_text",))
    elif block["type"] == "context":
        elements = block.get("elements")
        if not isinstance(elements, list) or not 1 <= len(elements) <= 10:
            raise Refused("invalid_blocks")
        for element in elements:
            check_text(element, 3000)


def check_text(found: Any, limit: int, types: tuple[str, ...] = ("mrkdwn", "plain_text")) -> None:
    """Source: https://docs.slack.dev/reference/block-kit/composition-objects/text-object"""
    if not isinstance(found, dict) or found.get("type") not in types:
        raise Refused("invalid_blocks")
    if set(found) - {"type", "text", "emoji", "verbatim"}:
        raise Refused("invalid_blocks")
    text = found.get("text")
    if not isinstance(text, str) or not 1 <= len(text) <= limit:
        raise Refused("invalid_blocks")
    if found["type"] == "mrkdwn":
        check_markup(text)


def check_markup(text: str) -> None:
    """& < > that stand for themselves have to be escaped.  Slack would show or hide a part of them.

    A ``>`` at the beginning of a line is a quote.
    Source: https://docs.slack.dev/messaging/formatting-message-text#escaping
    """
    rest = re.sub(r"(?m)^>", "", ENTITY.sub("", CONTROL.sub("", text)))
    if re.search(r"[&<>]", rest):
        raise Refused("invalid_payload")


def mentions_in(text: str) -> list[str]:
    """The people and groups that a text notifies."""
    return [found["mention"] for found in CONTROL.finditer(text) if found["mention"]]


def as_read(text: str) -> str:
    """A text as Slack shows it: links by their words, escaped characters as themselves."""
    shown = CONTROL.sub(
        lambda found: found["words"] or found["url"] or f"@{found['mention']}", text
    )
    return shown.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def texts_in(body: Mapping[str, Any]) -> list[str]:
    """The texts of all blocks."""
    found: list[str] = []
    for block in body.get("blocks", ()):
        parts = [block.get("text"), *block.get("fields", ()), *block.get("elements", ())]
        found += [part["text"] for part in parts if isinstance(part, dict) and "text" in part]
    return found


def refusal(word: str, status: int = 200, **headers: str) -> Answer:
    """The bot's way to say no: ``ok`` is false, often with status 200."""
    body = json.dumps({"ok": False, "error": word}).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, body, {"Content-Type": "application/json", **named})

"""A local ntfy server: keeps the messages, and refuses whatever ntfy documents as refused.

It is stricter where ntfy changes a message silently: one that is too long becomes an attachment there
and is an error here.

Sources:
- https://docs.ntfy.sh/publish/#publish-as-json (the fields and their types)
- https://docs.ntfy.sh/publish/#message-priority (1 to 5)
- https://docs.ntfy.sh/publish/#limitations (4,096 bytes; more becomes an attachment)
- https://docs.ntfy.sh/publish/#authentication (401 and 403)
- https://github.com/binwiederhier/ntfy/blob/main/server/errors.go (codes and sentences)
"""

from __future__ import annotations

import json
import re
from typing import Any

from tests.support.sink import Answer, Seen, Sink

TOKEN = "tk_agqtqzpl3x7yvw2x5jz1k8m0abcde"
TOPIC = re.compile(r"[-_A-Za-z0-9]{1,64}")
RESERVED = {"docs", "static", "file", "app", "account", "settings", "signup", "login"}
TYPES = {
    "topic": str,
    "message": str,
    "title": str,
    "click": str,
    "priority": int,
    "tags": list,
    "markdown": bool,
    "icon": str,
    "attach": str,
    "filename": str,
    "delay": str,
    "email": str,
}
MAX_MESSAGE = 4096


class FakeNtfy(Sink):
    """``messages`` is what came.  ``private`` topics need the token; ``next`` gives other answers."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.private: set[str] = set()
        self.planned: list[Answer] = []
        super().__init__()

    def next(self, *answers: Answer) -> None:
        with self._lock:
            self.planned += answers

    def take(self, seen: Seen) -> Answer:
        with self._lock:
            self.requests.append(seen)
            return self.planned.pop(0) if self.planned else self._publish(seen)

    def _publish(self, seen: Seen) -> Answer:
        if seen.method not in ("POST", "PUT") or seen.path != "/":
            return refusal(404, 40401, "page not found")
        login = seen.headers.get("authorization", "")
        if login and login != f"Bearer {TOKEN}":
            return refusal(401, 40101, "unauthorized")
        try:
            body = json.loads(seen.body.decode())
        except ValueError:
            return refusal(400, 40024, "invalid request: request body must be valid JSON")
        if wrong := wrong_with(body):
            return wrong
        if body["topic"] in self.private and not login:
            return refusal(403, 40301, "forbidden")
        self.messages.append(body)
        said = {"id": "sPs71M8A2T", "event": "message", **body}
        return Answer(200, json.dumps(said).encode(), {"Content-Type": "application/json"})


def wrong_with(body: Any) -> Answer | None:
    """The refusal of a message that breaks a rule."""
    if not isinstance(body, dict) or any(
        not isinstance(value, TYPES.get(name, ())) for name, value in body.items()
    ):
        return refusal(400, 40017, "invalid request: request body must be message JSON")
    if not TOPIC.fullmatch(body.get("topic", "")):
        return refusal(400, 40009, "invalid request: topic invalid")
    if body["topic"] in RESERVED:
        return refusal(400, 40010, "invalid request: topic name is disallowed")
    if not 1 <= body.get("priority", 3) <= 5:
        return refusal(400, 40007, "invalid priority parameter")
    if not all(isinstance(tag, str) for tag in body.get("tags", ())):
        return refusal(400, 40017, "invalid request: request body must be message JSON")
    if len(body.get("message", "").encode()) > MAX_MESSAGE:
        return refusal(413, 41301, "attachment too large, or bandwidth limit reached")
    if not re.match(r"https?://", body.get("click", "https://")):
        return refusal(400, 40017, "invalid request: request body must be message JSON")
    return None


def refusal(status: int, code: int, sentence: str) -> Answer:
    body = {"code": code, "http": status, "error": sentence}
    return Answer(status, json.dumps(body).encode(), {"Content-Type": "application/json"})

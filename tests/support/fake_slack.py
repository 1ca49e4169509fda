"""A local server that responds as documented by Slack: an incoming webhook, and chat.postMessage."""

from __future__ import annotations

import json
from typing import Any

from tests.support.sink import Answer, Seen, Sink

TOKEN = "xoxb-0123456789-abcdefghijkl"
PATH = "/services/T00000000/B00000000/abcdefghijklmnopqrstuvwx"
CHANNEL = "C0123456789"


class FakeSlack(Sink):
    """``slack.webhook_url`` and ``slack.api_url`` are its two ways; ``messages`` is what was written."""

    def __init__(self) -> None:
        self.messages: list[dict[str, Any]] = []
        self.planned: list[Answer] = []
        super().__init__()
        self.webhook_url = self.url + PATH
        self.api_url = f"{self.url}/api"

    def next(self, *answers: Answer) -> None:
        """Answer the next calls so, before anything is written."""
        with self._lock:
            self.planned += answers

    @property
    def texts(self) -> list[str]:
        return [str(one["text"]) for one in self.messages]

    def take(self, seen: Seen) -> Answer:
        with self._lock:
            self.requests.append(seen)
            if self.planned:
                return self.planned.pop(0)
            if seen.path == PATH:
                return self._webhook(seen)
            if seen.path == "/api/chat.postMessage":
                return self._post(seen)
            return Answer(404, b"no_service")

    def _webhook(self, seen: Seen) -> Answer:
        body = seen.json()
        if not body.get("text"):
            return Answer(400, b"no_text")
        self.messages.append(body)
        return Answer()

    def _post(self, seen: Seen) -> Answer:
        if seen.headers.get("authorization") != f"Bearer {TOKEN}":
            return refusal("invalid_auth")
        body = seen.json()
        if body.get("channel") != CHANNEL:
            return refusal("channel_not_found")
        self.messages.append(body)
        said = {"ok": True, "channel": CHANNEL, "ts": "1503435956.000247", "message": body}
        return Answer(200, json.dumps(said).encode(), {"Content-Type": "application/json"})


def refusal(word: str, status: int = 200, **headers: str) -> Answer:
    """The bot's way to say no: ``ok`` is false, often with status 200."""
    body = json.dumps({"ok": False, "error": word}).encode()
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, body, {"Content-Type": "application/json", **named})

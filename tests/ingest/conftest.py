"""A source that sends signed requests, and web processes to send to."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from relay.services.audit import COMMAND_LINE
from relay.services.sources import settings as source_settings
from tests.support.events import comment
from tests.support.stack import Stack, sign

StartWeb = Callable[..., Stack]


@dataclass
class Sender:
    """Signs and sends requests as the source ``slug``."""

    app: Flask
    slug: str
    key_id: str
    secret: str

    def send(
        self,
        event: Any = None,
        *,
        raw: bytes | None = None,
        path: str = "/webhooks/wp",
        secret: str | None = None,
        timestamp: str | None = None,
        headers: dict[str, str | None] | None = None,
        method: str = "POST",
        environ: dict[str, Any] | None = None,
    ) -> TestResponse:
        event = comment() if event is None else event
        body = raw if raw is not None else json.dumps(event).encode()
        moment = str(int(time.time())) if timestamp is None else timestamp
        sent: dict[str, str | None] = {
            "Content-Type": "application/json",
            "X-WP-Timestamp": moment,
            "X-Event-Id": event["event_id"] if isinstance(event, dict) else "evt-1",
            "X-WP-Signature": sign(secret or self.secret, moment, body),
            **(headers or {}),
        }
        return self.app.test_client().open(
            path,
            method=method,
            data=body,
            headers={name: value for name, value in sent.items() if value is not None},
            environ_overrides=environ,
        )

    def reasons(self) -> list[tuple[str, str]]:
        """Reason and sentence of every rejection, oldest first, after they are written."""
        self.app.extensions["relay_ingest"].rejections.close()
        with self.app.app_context():
            return [
                (r.reason, r.sentence) for r in reversed(source_settings.list_rejections().items)
            ]


@pytest.fixture
def sender(app: Flask) -> Iterator[Sender]:
    with app.app_context():
        source, key, secret = source_settings.create_source(
            "Shop", "https://shop.example.com", COMMAND_LINE
        )
    yield Sender(app, source.slug, key.key_id, secret)
    app.extensions["relay_ingest"].close()


def refresh(app: Flask) -> None:
    """Reload changed sources now instead of within a second."""
    app.extensions["relay_ingest"].snapshots.reload()


@pytest.fixture
def start_web(database_url: str, tmp_path: Path) -> Iterator[StartWeb]:
    """Start web processes with these settings.  There is no broker; none is needed."""
    stacks: list[Stack] = []

    def start(**settings: str) -> Stack:
        stack = Stack(tmp_path / "web", database_url, f"unix://{tmp_path}/none.sock", **settings)
        stacks.append(stack)
        stack.start("web")
        return stack

    yield start
    for stack in stacks:
        stack.close()

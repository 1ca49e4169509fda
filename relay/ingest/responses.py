"""The answers of the contract; what never varies is built once."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from flask import Response

HEADERS = (("Content-Type", "application/json"), ("Cache-Control", "no-store"))
RETRY_AFTER_S = 5


class IngestRefusal(Exception):
    """A refused request: what the sender is told, and the true reason for the source's page."""

    def __init__(
        self,
        status: int,
        error: str,
        reason: str,
        sentence: str,
        detail: Any = None,
        retry_after_s: int | None = None,
        source_id: int | None = None,
    ):
        self.status, self.error, self.reason, self.sentence = status, error, reason, sentence
        self.detail, self.retry_after_s, self.source_id = detail, retry_after_s, source_id
        super().__init__(sentence)


def unauthorized(reason: str, sentence: str, source_id: int | None = None) -> IngestRefusal:
    """The one 401, whatever the true reason."""
    return IngestRefusal(401, "unauthorized", reason, sentence, source_id=source_id)


def unavailable(source_id: int | None = None) -> IngestRefusal:
    return IngestRefusal(
        503,
        "unavailable",
        "unavailable",
        "The database could not commit. The site was asked to send the event again.",
        retry_after_s=RETRY_AFTER_S,
        source_id=source_id,
    )


@dataclass(frozen=True, slots=True)
class IngestResponse:
    """``body`` is JSON; ``more`` are headers besides its type and length."""

    status: int
    body: bytes
    more: tuple[tuple[str, str], ...] = ()

    def response(self) -> Response:
        return Response(self.body, self.status, [*HEADERS, *self.more])


def refused(away: IngestRefusal) -> IngestResponse:
    body: dict[str, Any] = {"error": away.error}
    if away.detail is not None:
        body["detail"] = away.detail
    more: tuple[tuple[str, str], ...] = ()
    if away.retry_after_s is not None:
        more = (("Retry-After", str(away.retry_after_s)),)
    elif away.status == 405:
        more = (("Allow", "POST"),)
    return IngestResponse(away.status, json.dumps(body).encode(), more)


def stored(row_id: int, event_id: str, new: bool) -> IngestResponse:
    """202 for a new event, 200 for one that had come before.  ``event_id`` needs no escaping."""
    word, status = ("accepted", 202) if new else ("duplicate", 200)
    return IngestResponse(
        status, f'{{"status":"{word}","id":{row_id},"event_id":"{event_id}"}}'.encode("ascii")
    )


def about_keys(found: dict[str, Any]) -> IngestResponse:
    """200: how the key that signed stands."""
    return IngestResponse(200, json.dumps(found).encode())

"""The HTTP responses of the ingest endpoint."""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from flask import Response

from relay.ingest.refusals import IngestRefusal

STATUS_LINES = {status.value: f"{status.value} {status.phrase.upper()}" for status in HTTPStatus}
HEADERS = (("Content-Type", "application/json"), ("Cache-Control", "no-store"))


@dataclass(frozen=True, slots=True)
class IngestResponse:
    """``body`` is JSON; ``extra_headers`` are those in addition to its type and length."""

    status: int
    body: bytes
    extra_headers: tuple[tuple[str, str], ...] = ()

    @property
    def status_line(self) -> str:
        """Such as ``202 ACCEPTED``."""
        return STATUS_LINES[self.status]

    def headers(self) -> list[tuple[str, str]]:
        return [*HEADERS, ("Content-Length", str(len(self.body))), *self.extra_headers]

    def to_flask(self) -> Response:
        return Response(self.body, self.status, [*HEADERS, *self.extra_headers])


def for_refusal(refusal: IngestRefusal) -> IngestResponse:
    body: dict[str, Any] = {"error": refusal.error}
    if refusal.detail is not None:
        body["detail"] = refusal.detail
    extra_headers: tuple[tuple[str, str], ...] = ()
    if refusal.retry_after_s is not None:
        extra_headers = (("Retry-After", str(refusal.retry_after_s)),)
    elif refusal.status == 405:
        extra_headers = (("Allow", "POST"),)
    return IngestResponse(refusal.status, json.dumps(body).encode(), extra_headers)


def for_event(row_id: int, event_id: str, new: bool) -> IngestResponse:
    """202 for a new event, 200 for a duplicate.  ``event_id`` has no characters to escape."""
    word, status = ("accepted", 202) if new else ("duplicate", 200)
    return IngestResponse(
        status, f'{{"status":"{word}","id":{row_id},"event_id":"{event_id}"}}'.encode("ascii")
    )


def for_webhook(word: str) -> IngestResponse:
    """200 for a webhook that is no event: ``ok`` for a ping, ``ignored`` for a draft."""
    return IngestResponse(200, f'{{"status":"{word}"}}'.encode("ascii"))


def for_key_status(key_status: dict[str, Any]) -> IngestResponse:
    """200 with the status of the key that signed the request."""
    return IngestResponse(200, json.dumps(key_status).encode())

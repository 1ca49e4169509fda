"""The answers of the contract, those that never vary built once."""

from __future__ import annotations

import json
from typing import Any

from flask import Response

JSON = "application/json"


class TurnedAway(Exception):
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


def unauthorized(reason: str, sentence: str, source_id: int | None = None) -> TurnedAway:
    """The one 401, whatever the true reason."""
    return TurnedAway(401, "unauthorized", reason, sentence, source_id=source_id)


def unavailable() -> TurnedAway:
    sentence = "The database could not commit. The site was asked to send the event again."
    return TurnedAway(503, "unavailable", "unavailable", sentence, retry_after_s=5)


def refusal(away: TurnedAway) -> Response:
    body: dict[str, Any] = {"error": away.error}
    if away.detail is not None:
        body["detail"] = away.detail
    response = Response(json.dumps(body), away.status, mimetype=JSON)
    if away.retry_after_s is not None:
        response.headers["Retry-After"] = str(away.retry_after_s)
    if away.status == 405:
        response.headers["Allow"] = "POST"
    return response


def stored(row_id: int, event_id: str, new: bool) -> Response:
    """202 for a new event, 200 for one that had come before.  ``event_id`` needs no escaping."""
    word, status = ("accepted", 202) if new else ("duplicate", 200)
    return Response(
        f'{{"status":"{word}","id":{row_id},"event_id":"{event_id}"}}', status, mimetype=JSON
    )

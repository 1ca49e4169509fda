"""``POST /connect/token``: a site exchanges its one-time code for a key.  See docs/connect.md."""

from __future__ import annotations

import ipaddress
import json
import math
import time
from typing import Any

from flask import Blueprint, Response, current_app, jsonify, request
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException

from relay.errors import RelayError
from relay.extensions import db
from relay.networks import network_of
from relay.observability.logging import log
from relay.services.sources import connect
from relay.services.sources import settings as source_settings

blueprint = Blueprint("connect_token", __name__)
MAX_BODY = 4096
FAILURES = RateLimitItemPerMinute(20)
# The site sends its first event at once, and a 401 would pause it for an hour. So the response waits until
# every web process knows the key: each reads new ones once a second (relay/ingest/snapshots.py).
KNOWN_AFTER_S = 1.5
COUNTS = FixedWindowRateLimiter(MemoryStorage())


@blueprint.route("/connect/token", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
def exchange() -> Response:
    try:
        return _exchange()
    except SQLAlchemyError as exc:
        db.session.rollback()
        log("connect.failed", level="error", reason=type(exc).__name__)
        return answer(503, "unavailable", "Relay cannot answer now. Try again.", retry_after_s=5)


def _exchange() -> Response:
    address = request.remote_addr or ""
    if request.method != "POST":
        refused = answer(405, "method_not_allowed", "Send a POST request.")
        refused.headers["Allow"] = "POST"
        return refused
    if not is_private():
        return answer(426, "https_required", "Send the request over https.")
    name = f"connect:{network_of(address)}"
    if not COUNTS.test(FAILURES, name):
        reset = COUNTS.get_window_stats(FAILURES, name).reset_time
        wait_s = max(1, math.ceil(reset - time.time()))
        return answer(429, "rate_limited", "Too many failed requests.", retry_after_s=wait_s)
    values, refused_body = read_body()
    if refused_body is not None:
        return refused_body
    try:
        made = connect.exchange(values["code"], values["verifier"], values["site"], address)
    except RelayError as exc:
        db.session.rollback()
        COUNTS.hit(FAILURES, name)
        log("connect.refused", level="warning", address=address)
        return answer(400, "invalid_code", str(exc))
    config = current_app.extensions["relay_config"]
    log("connect.exchanged", source=made.source.slug, key=made.key_id, address=address)
    response = jsonify(
        endpoint=source_settings.endpoint_of(made.source, config, request.host_url),
        key_id=made.key_id,
        secret=made.secret,
        source=made.source.slug,
        name=made.source.name,
    )
    db.session.remove()
    time.sleep(KNOWN_AFTER_S)
    return done(response)


def is_private() -> bool:
    """Whether nobody in between can read the secret: TLS, also if a proxy ends it, or this machine."""
    config = current_app.extensions["relay_config"]
    if request.scheme == "https" or config.public_url.startswith("https://"):
        return True
    try:
        return ipaddress.ip_address(request.remote_addr or "").is_loopback
    except ValueError:
        return False


def read_body() -> tuple[dict[str, str], Response | None]:
    """The members of the body, or the response that refuses it."""
    if (request.content_length or 0) > MAX_BODY:
        return {}, answer(413, "too_large", f"The body may have at most {MAX_BODY} bytes.")
    if request.mimetype != "application/json":
        return {}, answer(415, "unsupported_media_type", "Send Content-Type: application/json.")
    try:
        raw = request.stream.read(MAX_BODY + 1)
        body: Any = json.loads(raw) if len(raw) <= MAX_BODY else None
    except (HTTPException, ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        return {}, answer(400, "invalid_request", "The body must be one JSON object.")
    values = {name: body.get(name) for name in ("code", "verifier", "site")}
    wrong = [name for name, value in values.items() if not is_text(value)]
    if not wrong and not connect.VERIFIER.fullmatch(str(values["verifier"])):
        wrong = ["verifier"]
    if wrong:
        return {}, answer(400, "invalid_request", f"Missing or malformed: {', '.join(wrong)}.")
    return {name: str(value) for name, value in values.items()}, None


def is_text(value: Any) -> bool:
    """Whether it is a text that is not empty and has no half of a surrogate pair."""
    return isinstance(value, str) and value != "" and value.isprintable()


def answer(status: int, error: str, detail: str, retry_after_s: int | None = None) -> Response:
    response = jsonify(error=error, detail=detail)
    response.status_code = status
    if retry_after_s is not None:
        response.headers["Retry-After"] = str(retry_after_s)
    return done(response)


def done(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    return response

"""Every error of the API: ``{"error": {"code": …, "message": …}}``, never a page and never a trace."""

from __future__ import annotations

import traceback
from typing import Any

from flask import Blueprint, Response, jsonify, request
from flask.blueprints import BlueprintSetupState
from flask.globals import request_ctx
from marshmallow import ValidationError
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException

from relay.database_errors import is_unavailable
from relay.errors import Invalid, NotFound, RelayError, TooBusy, Unavailable
from relay.extensions import db
from relay.observability.logging import hidden, log

# what a status means; the OpenAPI document lists them
CODES = {
    400: "invalid_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    409: "conflict",
    413: "too_large",
    415: "unsupported_media_type",
    422: "invalid",
    429: "rate_limited",
    500: "internal_error",
    503: "unavailable",
}
WORDS = {
    400: "The request is not valid.",
    401: "Send Authorization: Bearer with an API token that exists, has not expired and is not revoked.",
    404: "This path does not exist. GET /api/openapi.json lists all paths.",
    405: "This path does not have this method. The header Allow lists those that it has.",
    413: "The body is too large.",
    500: "This is an error in Relay, not in the request. The details are in Relay's log.",
    503: "Relay's database does not answer. Send the request again in a moment.",
}
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


class ApiError(Exception):
    """A request that gets an error, with what to say about it."""

    def __init__(self, status: int, message: str = "", retry_after_s: int | None = None):
        self.status, self.retry_after_s = status, retry_after_s
        super().__init__(message or WORDS[status])


def answer(status: int, message: str = "", fields: dict[str, list[str]] | None = None) -> Response:
    """``fields`` are the reasons by field of a 422."""
    error: dict[str, Any] = {
        "code": CODES.get(status, CODES[400] if status < 500 else CODES[500]),
        "message": message or WORDS.get(status, WORDS[400] if status < 500 else WORDS[500]),
    }
    if fields:
        error["fields"] = fields
    response = jsonify(error=error)
    response.status_code = status
    if status == 401:
        response.headers["WWW-Authenticate"] = 'Bearer realm="Relay"'
    return finish(response)


def finish(response: Response) -> Response:
    response.headers["Cache-Control"] = "no-store"
    return response


def on_api_error(exc: ApiError) -> Response:
    db.session.rollback()
    response = answer(exc.status, str(exc))
    if exc.retry_after_s is not None:
        response.headers["Retry-After"] = str(exc.retry_after_s)
    return response


def on_refusal(exc: RelayError) -> Response:
    db.session.rollback()
    if isinstance(exc, Invalid):
        return answer(
            422, " ".join(why for many in exc.reasons.values() for why in many), exc.reasons
        )
    if isinstance(exc, TooBusy):
        return on_api_error(ApiError(429, str(exc), exc.retry_after))
    if isinstance(exc, Unavailable):
        return on_no_database(exc)
    return answer(404 if isinstance(exc, NotFound) else 409, str(exc))


def on_invalid(exc: ValidationError) -> Response:
    """Of a query or a body, by marshmallow."""
    messages: Any = exc.messages
    fields = {
        str(name): [str(one) for one in why] if isinstance(why, list) else [str(why)]
        for name, why in messages.items()
    }
    said = " ".join(f"{name}: {' '.join(why)}" for name, why in fields.items())
    return answer(422, said, fields)


def on_no_database(exc: Exception) -> Response:
    log("api.database_unavailable", level="error", error=type(exc).__name__)
    response = answer(503)
    response.headers["Retry-After"] = "5"
    return response


def on_http(exc: HTTPException) -> Response:
    response = answer(exc.code or 500)
    for name, value in exc.get_headers():
        if name in ("Allow", "Retry-After"):
            response.headers[name] = value
    return response


def on_fault(exc: Exception) -> Response:
    """An error of Relay's own: the trace is in the log only."""
    if isinstance(exc, SQLAlchemyError) and is_unavailable(exc):
        return on_no_database(exc)
    trace = hidden("".join(traceback.format_exception(exc)))
    log(
        "api.failed",
        level="error",
        path=hidden(request.path),
        reason=hidden(repr(exc)),
        trace=trace,
    )
    return answer(500)


def no_such_path(rest: str = "") -> Response:
    """For what no other route has below /api: 405 if the path has another method, else 404."""
    adapter = request_ctx.url_adapter
    allowed = [method for method in METHODS if _has(adapter, method)]
    response = answer(405 if allowed else 404)
    if allowed:
        response.headers["Allow"] = ", ".join(allowed)
    return response


def _has(adapter: Any, method: str) -> bool:
    try:
        rule, _ = adapter.match(request.path, method=method, return_rule=True)
    except HTTPException:
        return False
    return not rule.endpoint.endswith(".no_such_path")


def _add_paths(state: BlueprintSetupState) -> None:
    """Flask's own rules have a list of methods; these have every method, such as OPTIONS and PROPFIND."""
    endpoint = f"{state.blueprint.name}.no_such_path"
    state.app.view_functions[endpoint] = no_such_path
    for path in ("/api", "/api/", "/api/<path:rest>"):
        state.app.url_map.add(state.app.url_rule_class(path, endpoint=endpoint))


def register(blueprint: Blueprint) -> None:
    blueprint.record(_add_paths)
    blueprint.register_error_handler(ApiError, on_api_error)
    blueprint.register_error_handler(RelayError, on_refusal)
    blueprint.register_error_handler(ValidationError, on_invalid)
    blueprint.register_error_handler(HTTPException, on_http)
    blueprint.register_error_handler(DBAPIError, on_fault)
    blueprint.register_error_handler(PoolTimeout, on_fault)
    blueprint.register_error_handler(Exception, on_fault)

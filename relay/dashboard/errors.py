"""What a person reads when something did not work: a page, or a toast for htmx.

The machine-readable answers under ``/webhooks`` and ``/api`` belong to those.
"""

from __future__ import annotations

import structlog
from flask import Flask, Response, g, make_response, render_template, request
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException, InternalServerError

from relay.dashboard import guard, htmx
from relay.errors import Invalid, NotFound, Refusal, RelayError, Unavailable
from relay.extensions import db

log = structlog.get_logger(__name__)
MACHINES = ("/webhooks", "/api/")
NO_DATABASE = (500, 503)

TITLES = {
    400: "This request cannot be understood",
    403: "You may not do this",
    404: "There is nothing here",
    405: "This address does not take that",
    409: "That cannot be done now",
    413: "That is too much at once",
    422: "Something is not right yet",
    429: "Too many tries",
    500: "Relay made a mistake",
    503: "The database does not answer",
}
SENTENCES = {
    400: "Something in this request is malformed. Go back, reload the page and try again.",
    404: "The address may be mistyped, or what was here was removed.",
    405: "Open the page from the menu instead of calling its address this way.",
    413: "What you sent is larger than Relay takes. Shorten it and try again.",
    429: "For safety, signing in pauses after many tries. Wait a minute and try again.",
    500: "Nothing you did was wrong. The mistake is in Relay's log; try again, and if it stays, "
    "tell whoever runs this Relay.",
    503: "Events from your sites wait on the sites and are sent again by themselves. "
    "Try again in a moment.",
}
STALE_FORM = (
    "This form was open for too long or in another session, so nothing was done. "
    "Go back, reload the page and try again."
)


def answer(status: int, sentence: str = "") -> Response:
    """An error as this browser can show it."""
    sentence = sentence or SENTENCES.get(status, SENTENCES[400])
    if htmx.wants_fragment():
        return htmx.toast_only(sentence, status)
    if status in NO_DATABASE:
        g.person = None  # neither the name nor the menu can be trusted to be readable
    else:
        _person()
    title = TITLES.get(status, TITLES[400] if status < 500 else TITLES[500])
    html = render_template("error.html", status=status, title=title, sentence=sentence)
    return make_response(html, status)


def _person() -> None:
    try:
        db.session.rollback()
        guard.find_person()
    except SQLAlchemyError:
        g.person = None


def on_http(exc: HTTPException) -> Response | HTTPException:
    if request.path.startswith(MACHINES) or exc.code is None or exc.code < 400:
        return exc
    if isinstance(exc, InternalServerError):
        return answer(500)
    own = exc.code in (403, 409) and exc.description != type(exc).description
    response = answer(exc.code, exc.description or "" if own else "")
    for name, value in exc.get_headers():
        if name in ("Allow", "Retry-After"):
            response.headers[name] = value
    return response


def on_stale_form(_exc: CSRFError) -> Response:
    return answer(403, STALE_FORM)


def on_refusal(exc: Refusal) -> Response:
    """Where a view did not do better."""
    if isinstance(exc, Invalid):
        return answer(422, " ".join(why for reasons in exc.reasons.values() for why in reasons))
    return answer(404 if isinstance(exc, NotFound) else 409, str(exc))


def on_relay_error(exc: RelayError) -> Response:
    """A secret that cannot be opened, a delivery that cannot be built: its sentence says it."""
    log.warning("dashboard.refused", error=type(exc).__name__, sentence=str(exc))
    return answer(409, str(exc))


def on_no_database(exc: Exception) -> Response:
    if isinstance(exc, SQLAlchemyError) and not _is_away(exc):
        raise exc
    log.error("dashboard.database_away", error=type(exc).__name__)
    response = answer(503)
    response.headers["Retry-After"] = "5"
    return response


def _is_away(exc: SQLAlchemyError) -> bool:
    from_server = isinstance(exc, DBAPIError) and type(exc).__name__ in (
        "OperationalError",
        "InterfaceError",
    )
    return from_server or isinstance(exc, PoolTimeout)


def init_app(app: Flask) -> None:
    app.register_error_handler(HTTPException, on_http)
    app.register_error_handler(CSRFError, on_stale_form)
    app.register_error_handler(Refusal, on_refusal)
    app.register_error_handler(RelayError, on_relay_error)
    app.register_error_handler(Unavailable, on_no_database)
    app.register_error_handler(DBAPIError, on_no_database)
    app.register_error_handler(PoolTimeout, on_no_database)

"""Errors of the dashboard: a page, or a toast for htmx.

Ingest and the API make their own machine-readable errors under ``/webhooks`` and ``/api``.
"""

from __future__ import annotations

from flask import Flask, Response, current_app, g, make_response, render_template, request
from flask_wtf.csrf import CSRFError
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from werkzeug.exceptions import HTTPException, InternalServerError

from relay.dashboard import guard, htmx, kept_forms
from relay.database_errors import is_unavailable
from relay.errors import Invalid, NotFound, Refusal, RelayError, TooBusy, Unavailable
from relay.extensions import db
from relay.i18n import N_, _, english
from relay.observability.logging import log

# without the layout, which names the signed-in person
PLAIN = ("/webhooks", "/api/", "/static/")
NO_DATABASE = (500, 503)

TITLES = {
    400: N_("Bad request"),
    403: N_("You don't have permission"),
    404: N_("Page not found"),
    405: N_("This page can't be opened this way"),
    409: N_("This action isn't possible now"),
    413: N_("The request is too large"),
    422: N_("Some values are not valid"),
    429: N_("Too many attempts"),
    500: N_("Something went wrong in Relay"),
    503: N_("The database is unavailable"),
}
SENTENCES = {
    400: N_(
        "The browser sent a request that Relay can't read. Go back, reload the page and try again."
    ),
    404: N_(
        "The URL may be wrong, or the page was removed. Check the URL, or start from the menu."
    ),
    405: N_("This URL only accepts a form. Open the page from the menu instead."),
    413: N_("The form is larger than Relay accepts. Shorten the text and try again."),
    429: N_("Relay limits sign-in attempts to protect accounts. Wait a minute and try again."),
    500: N_(
        "This is an error in Relay, not in what you entered. Try again. If it happens again, contact your "
        "administrator: the details are in the log."
    ),
    503: N_(
        "The problem is on the server. No events are lost: your sites keep them and send them again. "
        "Try again in a moment."
    ),
}
EXPIRED_TITLE = N_("Your session has expired")
EXPIRED = N_(
    "This form was open for too long or belongs to another session, so Relay did nothing. "
    "Go back, reload the page and try again."
)


def answer(status: int, sentence: str = "", title: str = "") -> Response:
    """An error as a toast for htmx, else as a page."""
    if status in NO_DATABASE:
        g.person = None  # the user cannot be read, so the page has no menu
    else:
        _person()  # before any text: it is in the language of this person
    sentence = sentence or _(SENTENCES.get(status, SENTENCES[400]))
    if htmx.wants_fragment():
        return htmx.toast_only(sentence, status)
    title = title or _(TITLES.get(status, TITLES[400] if status < 500 else TITLES[500]))
    html = render_template("error.html", status=status, title=title, sentence=sentence)
    return make_response(html, status)


def _person() -> None:
    try:
        db.session.rollback()
        guard.find_person()
    except SQLAlchemyError:
        g.person = None


def on_http(exc: HTTPException) -> Response | HTTPException:
    if request.path.startswith(PLAIN) or exc.code is None or exc.code < 400:
        return exc
    if isinstance(exc, InternalServerError):
        return answer(500)
    own = exc.code in (403, 409) and exc.description != type(exc).description
    response = answer(exc.code, exc.description or "" if own else "")
    for name, value in exc.get_headers():
        if name in ("Allow", "Retry-After"):
            response.headers[name] = value
    return response


def on_expired_form(_exc: CSRFError) -> Response:
    """The form belongs to an earlier session.  Its fields are kept, if it is one of our own forms."""
    if htmx.is_htmx():
        _person()  # the text is in the language of this person
        response = answer(403, _(EXPIRED), _(EXPIRED_TITLE))
        response.headers["Relay-Expired"] = "1"  # the page then takes the token of the new session
        return response
    if _asks_for_a_role() and (kept := guard.kept_form()) is not None:
        _person()
        if g.person is None:
            return guard.sign_in_first()
        return make_response(kept_forms.continue_page(kept), 403)
    _person()
    return answer(403, _(EXPIRED), _(EXPIRED_TITLE))


def _asks_for_a_role() -> bool:
    """Whether the view of this request is for people who are signed in."""
    view = current_app.view_functions.get(request.endpoint or "")
    return getattr(view, "relay_role", "public") != "public"


def on_refusal(exc: Refusal) -> Response:
    """A refusal that the view did not handle."""
    if isinstance(exc, Invalid):
        return answer(422, " ".join(why for reasons in exc.reasons.values() for why in reasons))
    if isinstance(exc, TooBusy):
        return too_busy(answer(429, str(exc)), exc)
    return answer(404 if isinstance(exc, NotFound) else 409, str(exc))


def too_busy(page: str | Response, exc: TooBusy) -> Response:
    """The page with the sentence of ``exc``, as the answer to too many attempts."""
    response = make_response(page, 429)
    response.headers["Retry-After"] = str(exc.retry_after)
    return response


def on_relay_error(exc: RelayError) -> Response:
    """An error with a sentence for people, such as a secret that cannot be decrypted."""
    log("dashboard.refused", level="warning", error=type(exc).__name__, sentence=english(exc))
    return answer(409, str(exc))


def on_no_database(exc: Exception) -> Response:
    if isinstance(exc, SQLAlchemyError) and not is_unavailable(exc):
        raise exc
    log("dashboard.database_unavailable", level="error", error=type(exc).__name__)
    response = answer(503)
    response.headers["Retry-After"] = "5"
    return response


def init_app(app: Flask) -> None:
    app.register_error_handler(HTTPException, on_http)
    app.register_error_handler(CSRFError, on_expired_form)
    app.register_error_handler(Refusal, on_refusal)
    app.register_error_handler(RelayError, on_relay_error)
    app.register_error_handler(Unavailable, on_no_database)
    app.register_error_handler(DBAPIError, on_no_database)
    app.register_error_handler(PoolTimeout, on_no_database)

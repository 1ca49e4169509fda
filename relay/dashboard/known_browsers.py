"""A signed cookie that names the people who signed in from this browser before.

It proves nothing about who uses the browser.  It gives the browser a counter of its own for failed
attempts, so that someone who guesses elsewhere cannot keep the owner out.
"""

from __future__ import annotations

import secrets

from flask import Response, current_app, request
from itsdangerous import BadData, URLSafeTimedSerializer

MAX_AGE_S = 180 * 24 * 3600
MOST = 5


def _serializer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(current_app.config["SECRET_KEY"], salt="known-browser")


def _name() -> str:
    return f"{current_app.config['SESSION_COOKIE_NAME']}-browser"


def read() -> dict[int, str]:
    """The users who signed in from this browser, each with an id of the browser."""
    try:
        pairs = _serializer().loads(request.cookies.get(_name(), ""), max_age=MAX_AGE_S)
        return {int(user_id): str(browser_id) for user_id, browser_id in pairs}
    except (BadData, ValueError, TypeError):
        return {}


def remember(response: Response, user_id: int) -> Response:
    """Add the user to the cookie."""
    known = read()
    browser_id = known.pop(user_id, "") or secrets.token_urlsafe(12)
    pairs = [*known.items(), (user_id, browser_id)][-MOST:]
    response.set_cookie(
        _name(),
        _serializer().dumps(pairs),
        max_age=MAX_AGE_S,
        secure=current_app.config["SESSION_COOKIE_SECURE"],
        httponly=True,
        samesite="Lax",
        path="/",
    )
    return response

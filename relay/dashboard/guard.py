"""Access control of the dashboard.

Each view has ``@guard.requires(role)``, or ``@guard.public`` for the pages before sign-in.  The guard
checks the session (30 minutes idle, 12 hours at most), the role, and for unsafe methods that the
request comes from our own pages.  Flask-WTF checks the CSRF token of those before any view runs.
"""

from __future__ import annotations

import functools
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from flask import Flask, Response, g, request, session, url_for
from flask_login import current_user, login_user, logout_user
from flask_wtf.csrf import generate_csrf
from werkzeug.exceptions import Forbidden

from relay.dashboard import htmx
from relay.database import READ_ONLY
from relay.extensions import db, login
from relay.models import ROLES, User
from relay.services.audit import By
from relay.services.users import accounts as user_accounts

IDLE_S = 30 * 60
ABSOLUTE_S = 12 * 3600
SAFE = ("GET", "HEAD", "OPTIONS")
LOCAL_PATH = re.compile(r"/(?![/\\])[^\\\x00-\x20\x7f]*")
View = Callable[..., Any]


@dataclass(frozen=True)
class Person:
    """The signed-in user, for templates and views; not a database row."""

    id: int
    email: str
    role: str

    def may(self, role: str) -> bool:
        """Whether this person's role includes ``role``."""
        return ROLES.index(self.role) >= ROLES.index(role)


def requires(role: str) -> Callable[[View], View]:
    """Allow users who are signed in with ``role`` or a higher one."""
    if role not in ROLES:
        raise ValueError(f"{role} is not a role.")

    def wrap(view: View) -> View:
        @functools.wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            prepare()
            person = find_person()
            if person is None:
                return sign_in_first()
            if not person.may(role):
                raise Forbidden(
                    f"This needs the role {role}, and yours is {person.role}. Ask an admin for access."
                )
            return view(*args, **kwargs)

        guarded.relay_role = role  # type: ignore[attr-defined]
        return guarded

    return wrap


def public(view: View) -> View:
    """Allow everyone: for the pages before sign-in."""

    @functools.wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        prepare()
        return view(*args, **kwargs)

    guarded.relay_role = "public"  # type: ignore[attr-defined]
    return guarded


def prepare() -> None:
    """Refuse requests from other websites; open a read-only transaction for safe methods.

    On SQLite, a reader then does not wait for a writer.
    """
    if request.method in SAFE:
        db.session.connection(execution_options=READ_ONLY)
    elif not from_our_pages():
        raise Forbidden(
            "This request came from another website, so Relay did nothing. "
            "Open the page in Relay and try again."
        )


def from_our_pages() -> bool:
    """Whether the browser reports that the request comes from our own pages."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site in ("same-origin", "none")
    origin = request.headers.get("Origin")
    return origin is None or urlsplit(origin).netloc == request.host


def find_person() -> Person | None:
    """The signed-in user within both time limits; cached for this request."""
    if "person" not in g:
        g.person = None
        if "_user_id" in session:
            now = int(time.time())
            fresh = now - session.get("seen_at", 0) < IDLE_S
            if fresh and now - session.get("signed_in_at", 0) < ABSOLUTE_S:
                _load_person(now)
            if g.person is None:
                session.clear()
    return g.person  # type: ignore[no-any-return]


def _load_person(now: int) -> None:
    if not current_user.is_authenticated:
        return
    g.person = Person(current_user.id, current_user.email, current_user.role)
    # polling does not keep a session alive
    if now - session["seen_at"] >= 60 and "Relay-Poll" not in request.headers:
        session["seen_at"] = now


def sign_in(user: User) -> None:
    """Start a new session; nothing of the previous one remains."""
    session.clear()
    login_user(user)
    session["signed_in_at"] = session["seen_at"] = int(time.time())
    g.pop("csrf_token", None)
    generate_csrf()
    g.person = Person(user.id, user.email, user.role)


def forget() -> None:
    """End this browser's session."""
    logout_user()
    session.clear()
    g.person = None


def sign_in_first() -> Response:
    """Redirect to the sign-in page, which leads back to the current page."""
    here = request.full_path.rstrip("?") if request.method == "GET" else ""
    if htmx.is_htmx():
        current = urlsplit(request.headers.get("HX-Current-URL", ""))
        here = current.path + (f"?{current.query}" if current.query else "")
    path = local_path(here)
    response = htmx.redirect(
        url_for("auth.sign_in_page", next=path) if path != "/" else url_for("auth.sign_in_page")
    )
    if htmx.is_htmx():
        response.status_code = 401
    return response


def local_path(text: str) -> str:
    """``text`` if it is a path on this site, else the home page."""
    plain = unquote(text)
    fine = LOCAL_PATH.fullmatch(text) and LOCAL_PATH.fullmatch(plain.replace(" ", "+"))
    return text if fine and not urlsplit(text).netloc else "/"


def current_by() -> By:
    """The signed-in user and their address, for the audit log."""
    person = find_person()
    return By(person.email if person else "nobody", request.remote_addr or "")


def init_app(app: Flask) -> None:
    login.user_loader(user_accounts.user_of_session)
    app.context_processor(lambda: {"person": g.get("person")})

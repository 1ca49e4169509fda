"""Access control of the dashboard.

Each view has ``@guard.requires(role)``, or ``@guard.public`` for the pages before sign-in.  The guard
checks the session (30 minutes idle, 12 hours at most), the role, and for unsafe methods that the
request comes from our own pages.  Flask-WTF checks the CSRF token of those before any view runs.

A view with ``proof=True`` asks for the password or second factor again if the last proof is older than
10 minutes.  A person who is limited to some sites reaches only views with ``limited=True``, which
promise that everything they read and change belongs to the sites in ``Person.sites``.  A view with
``replica=True`` only reads (see ``replica``).  A person with a
role that needs a second factor is led to set one up before any page without ``before_factor=True``.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import unquote, urlsplit

from flask import (
    Flask,
    Response,
    current_app,
    g,
    make_response,
    render_template,
    request,
    session,
    url_for,
)
from flask.globals import request_ctx
from flask_login import current_user, login_user, logout_user
from flask_wtf.csrf import generate_csrf
from werkzeug.exceptions import Forbidden, HTTPException

from relay.dashboard import htmx, kept_forms, passkey_forms, sign_in_form
from relay.dashboard.replica import read_from_replica
from relay.database import READ_ONLY
from relay.errors import TooBusy
from relay.extensions import db
from relay.i18n import _
from relay.models import ROLES, User, UserSession
from relay.networks import network_of
from relay.page_extensions import login
from relay.rules.roles import includes
from relay.rules.states import SignInMethod
from relay.services.audit import By
from relay.services.users import devices, oidc, proof, sessions, site_limit
from relay.services.users.second_factor.check import Shown
from relay.services.users.sessions import Browser
from relay.services.users.throttle import PER_LINK, AttemptCounter, too_many

SAFE = ("GET", "HEAD", "OPTIONS")
LOCAL_PATH = re.compile(r"/(?![/\\])[^\\\x00-\x20\x7f]*")
LONGEST_PATH = 1500
View = Callable[..., Any]
PROVIDER_CHECKED = "provider-checked"  # in the session: the provider asked for a second factor


@dataclass(frozen=True)
class Person:
    """The signed-in user, for templates and views; not a database row.

    ``sites`` are the ids of the sites that this person sees; None for all.
    """

    id: int
    email: str
    role: str
    name: str = ""
    time_zone: str = ""
    language: str = ""
    sites: frozenset[int] | None = None
    session_id: int = 0
    has_fresh_proof: bool = False
    needs_factor: bool = False

    def may(self, role: str) -> bool:
        """Whether this person's role includes ``role``."""
        return includes(self.role, role, sees_all_sites=self.sees_all_sites)

    @property
    def sees_all_sites(self) -> bool:
        return self.sites is None


def requires(
    role: str,
    *,
    proof: bool = False,
    limited: bool = False,
    before_factor: bool = False,
    replica: bool = False,
    download: bool = False,
) -> Callable[[View], View]:
    """Allow users who are signed in with ``role`` or a higher one; see the module for the rest."""
    if role not in ROLES:
        raise ValueError(f"{role} is not a role.")

    def wrap(view: View) -> View:
        @functools.wraps(view)
        def guarded(*args: Any, **kwargs: Any) -> Any:
            prepare()
            person = find_person()
            if person is None:
                return sign_in_first()
            if person.needs_factor and not before_factor:
                return htmx.redirect(url_for("second_factor.page"))
            if not (limited or person.sees_all_sites):
                raise Forbidden(
                    _(
                        "Your account is limited to some sites, and this page is for people who see all sites. "
                        "Ask an admin for access."
                    )
                )
            if not person.may(role):
                raise Forbidden(
                    _(
                        "This needs the role %(role)s, and yours is %(own)s. Ask an admin for access.",
                        role=_(role),
                        own=_(person.role),
                    )
                )
            if proof and (asked := ask_for_proof(person, download)) is not None:
                return asked
            if replica:
                read_from_replica()
            return view(*args, **kwargs)

        guarded.relay_role = role  # type: ignore[attr-defined]
        guarded.relay_proof = proof  # type: ignore[attr-defined]
        guarded.relay_limited = limited  # type: ignore[attr-defined]
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


def rate_limited(view: View) -> View:
    """Allow an address 20 attempts a minute, also those that succeed.  Raises TooBusy."""

    @functools.wraps(view)
    def counted(*args: Any, **kwargs: Any) -> Any:
        address = network_of(request.remote_addr or "")
        attempts = AttemptCounter(PER_LINK, view.__name__, address)
        if not attempts.add():
            raise too_many(attempts.wait_s())
        return view(*args, **kwargs)

    return counted


def prepare() -> None:
    """Refuse requests from other websites; open a read-only transaction for safe methods.

    On SQLite, a reader then does not wait for a writer.
    """
    if request.method in SAFE:
        db.session.connection(execution_options=READ_ONLY)
    elif not from_our_pages():
        raise Forbidden(
            _(
                "This request came from another website, so Relay did nothing. "
                "Open the page in Relay and try again."
            )
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
            if current_user.is_authenticated:
                _load_person(current_user)
            else:
                ended = session["_user_id"]
                session.clear()
                kept_forms.remember_ended(ended)
    return g.person  # type: ignore[no-any-return]


def signed_in() -> Person:
    """The person of a view with ``@requires``, which answers no one else."""
    person = find_person()
    assert person is not None
    return person


def _load_person(found: UserSession) -> None:
    _know(person_of(found))
    # polling does not keep a session alive
    if "Relay-Poll" not in request.headers and sessions.needs_touch(found):
        sessions.touch(found.id, is_reading=request.method in SAFE)


def _know(person: Person) -> None:
    """From now on the request is this person's, and reads and changes only what they see."""
    g.person = person
    if person.sites is not None:
        site_limit.apply(person.sites, person.email)


def person_of(found: UserSession) -> Person:
    user = found.user
    return Person(
        id=user.id,
        email=user.email,
        role=user.role,
        name=user.name,
        time_zone=user.time_zone,
        language=user.language,
        sites=user.site_ids,
        session_id=found.id,
        has_fresh_proof=sessions.has_fresh_proof(found),
        needs_factor=found.needs_factor and not session.get(PROVIDER_CHECKED),
    )


def browser() -> Browser:
    """The browser of this request."""
    return Browser(
        request.remote_addr or "", devices.device_of(request.headers.get("User-Agent", ""))
    )


def sign_in(user: User, method: SignInMethod) -> None:
    """Start a new session; nothing of the previous one remains.  Commits."""
    session.clear()
    started = sessions.start(user, method, browser())
    db.session.commit()
    login_user(started)
    g.pop("csrf_token", None)
    generate_csrf()
    _know(person_of(started))


def forget() -> None:
    """End this browser's session."""
    logout_user()
    session.clear()
    g.person = None


def ask_for_proof(person: Person, download: bool) -> Response | None:
    """None if the last proof is fresh, or if this request brings one; else the page that asks for it.

    A posted form is kept in hidden fields, so that nothing that was typed is lost.  A ``download`` would
    leave the browser on the page that asked, so a page of its own starts it.
    """
    if person.has_fresh_proof:
        return None
    if request.method == "POST" and not htmx.is_htmx() and has_proof():
        try:
            why = check_proof(person)
        except TooBusy as exc:
            why = str(exc)
        if why is not None:
            return _proof_page(person, why)
        return make_response(_download_page()) if download else None
    if request.method == "POST" and not htmx.is_htmx():
        return _proof_page(person)
    return _proof_elsewhere()


def has_proof() -> bool:
    """Whether the form holds the fields of the page that asks for a proof."""
    return any(name.startswith("proof_") for name in request.form)


def check_proof(person: Person) -> str | None:
    """None if the posted proof is right, else a sentence.  Raises TooBusy."""
    return proof.check(
        person.id,
        person.session_id,
        request.form.get("proof_password", "")[:1000],
        Shown(
            code=request.form.get("proof_code", "")[:64].strip(),
            passkey=passkey_forms.answer("proof_passkey"),
        ),
        current_by(),
    )


def _proof_page(person: Person, why: str = "") -> Response:
    back = local_path(request.form.get("proof_back") or _sent_from())
    page = proof_form(person, request.full_path.rstrip("?"), kept_forms.posted_fields(), back, why)
    return make_response(page, 422 if why else 403)


def _download_page() -> str:
    post_to = request.full_path.rstrip("?")
    return render_template("auth/download.html", post_to=post_to, kept=kept_forms.posted_fields())


def proof_form(
    person: Person, post_to: str, kept: list[tuple[str, str]], back: str, why: str
) -> str:
    """The page that asks for a proof.

    It posts to ``post_to`` with the fields ``kept``.  A provider leads to ``back`` instead.
    """
    found = proof.factors_of(person.id)
    factors = replace(found, provider=found.provider and oidc.find_provider() is not None)
    return render_template(
        "auth/proof.html", post_to=post_to, kept=kept, why=why, factors=factors, next=back
    )


def _proof_elsewhere() -> Response:
    """Ask on a page of its own, which leads back to the current page."""
    return htmx.redirect(url_for("auth.proof_page", next=local_path(_current_page())))


def _current_page() -> str:
    """The path and query of the page that the browser shows, which htmx names."""
    if not htmx.is_htmx():
        return request.full_path.rstrip("?")
    current = urlsplit(request.headers.get("HX-Current-URL", ""))
    return current.path + (f"?{current.query}" if current.query else "")


def sign_in_first() -> Response:
    """Lead to the sign-in page, and from there back to the current page.

    A form that a person sent from one of our pages is kept.
    """
    if not htmx.is_htmx() and (kept := kept_form()) is not None:
        sealed, why = kept_forms.keep(kept)
        return make_response(sign_in_form.render(kept.back, kept=sealed, why_lost=why), 401)
    is_page = request.method == "GET" or htmx.is_htmx()
    path = local_path(_current_page()) if is_page else "/"
    response = htmx.redirect(
        url_for("auth.sign_in_page", next=path) if path != "/" else url_for("auth.sign_in_page")
    )
    if htmx.is_htmx():
        response.status_code = 401
    return response


def kept_form() -> kept_forms.KeptForm | None:
    """The form of this request, for after the sign-in."""
    return kept_forms.of_request(local_path(_sent_from()))


def _sent_from() -> str:
    """The path and query of the page with the form that this request brings."""
    found = urlsplit(request.referrer or "")
    return found.path + (f"?{found.query}" if found.query else "")


def local_path(text: str) -> str:
    """``text`` if it is a path on this site that fits into the session's cookie, else the home page."""
    if len(text) > LONGEST_PATH:
        return "/"
    plain = unquote(text)
    fine = LOCAL_PATH.fullmatch(text) and LOCAL_PATH.fullmatch(plain.replace(" ", "+"))
    return text if fine else "/"


def current_by() -> By:
    """The signed-in user and their address, for the audit log."""
    person = find_person()
    return By(person.email if person else "nobody", request.remote_addr or "")


def may_open(url: str, method: str = "GET") -> bool:
    """Whether the person of this request may open a path of Relay, for links and buttons."""
    person, adapter = g.get("person"), request_ctx.url_adapter
    if person is None or adapter is None:
        return False
    try:
        endpoint, _values = adapter.match(
            urlsplit(url).path.removeprefix(request.script_root), method
        )
    except HTTPException:
        return False
    view: Any = current_app.view_functions[endpoint]
    role = getattr(view, "relay_role", None)  # static files have none
    return role in ROLES and person.may(role) and (view.relay_limited or person.sees_all_sites)


def init_app(app: Flask) -> None:
    login.user_loader(sessions.find)
    site_limit.init_app(app)
    app.add_template_global(may_open)
    app.context_processor(lambda: {"person": g.get("person")})

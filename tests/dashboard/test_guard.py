"""The guard: session times, roles, requests from other sites and local redirects."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask, g, session
from sqlalchemy import select, update
from werkzeug.exceptions import Forbidden

from relay.dashboard import guard
from relay.models import User, UserSession, db
from relay.rules.states import SignInMethod
from relay.services.audit import By
from relay.services.users import oidc, proof
from relay.services.users.second_factor.check import Shown
from relay.services.users.sessions import Browser
from relay.services.users.site_limit import SiteLimit
from tests.dashboard.conftest import PASSWORD, Visitor
from tests.services.users.second_factor.test_totp import code_of, set_up

SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
HTMX = {"HX-Request": "true"}
PROOF_NEEDED = "/alerts/channels/1/remove"  # there is none: 404 once the proof is accepted


def age(app: Flask, **minutes: float) -> None:
    """Make all sessions older."""
    with app.app_context():
        for row in db.session.scalars(select(UserSession)):
            for name, by in minutes.items():
                setattr(row, name, getattr(row, name) - timedelta(minutes=by))
        db.session.commit()


def is_signed_in(visitor: Visitor, **kw: Any) -> bool:
    return visitor.get("/sources", **kw).status_code == 200


@SQLITE
def test_a_session_ends_after_30_minutes_without_a_request(app: Flask, admin: Visitor) -> None:
    age(app, seen_at=29)
    assert is_signed_in(admin)
    age(app, seen_at=29)
    assert is_signed_in(admin)
    age(app, seen_at=31)
    assert not is_signed_in(admin)
    assert not is_signed_in(admin)


@SQLITE
def test_a_session_ends_after_12_hours(app: Flask, admin: Visitor) -> None:
    age(app, created_at=12 * 60 - 1)
    assert is_signed_in(admin)
    age(app, created_at=2)
    assert not is_signed_in(admin)


@SQLITE
def test_polling_does_not_extend_a_session(app: Flask, admin: Visitor) -> None:
    for _ in range(2):
        age(app, seen_at=20)
        answer = admin.get("/", headers={**HTMX, "Relay-Poll": "1"})
    assert answer.status_code == 401
    assert answer.headers["HX-Redirect"] == "/sign-in"


@SQLITE
def test_a_copied_cookie_is_useless_after_sign_out(
    visit: Callable[..., Visitor], admin: Visitor
) -> None:
    thief, cookie = visit(), admin.client.get_cookie("relay")
    assert cookie is not None
    thief.client.set_cookie("relay", cookie.value)
    assert is_signed_in(thief)
    admin.post("/sign-out")
    assert not is_signed_in(thief)


@SQLITE
def test_signing_out_ends_the_session_of_this_browser_only(
    visit: Callable[..., Visitor], admin: Visitor
) -> None:
    other = visit()
    other.sign_in(admin.email)
    admin.post("/sign-out")
    assert is_signed_in(other)


@SQLITE
def test_a_sensitive_change_asks_for_the_password_after_10_minutes(
    app: Flask, admin: Visitor
) -> None:
    """The form that was posted is kept, and is carried out with the right password only."""
    age(app, proved_at=9)
    assert admin.post(PROOF_NEEDED, {"reason": "x"}).status_code == 404
    age(app, proved_at=2)
    asked = admin.post(PROOF_NEEDED, {"reason": "two\nlines"})
    assert asked.status_code == 403
    assert 'name="reason" value="two\nlines"' in asked.text
    assert PASSWORD not in asked.text
    assert admin.post(PROOF_NEEDED, {"proof_password": "wrong"}).status_code == 422
    assert admin.post(PROOF_NEEDED, {"proof_password": PASSWORD}).status_code == 404
    assert admin.post(PROOF_NEEDED, {}).status_code == 404


@SQLITE
def test_htmx_and_pages_ask_for_the_password_on_a_page_of_its_own(
    app: Flask, admin: Visitor
) -> None:
    age(app, proved_at=11)
    here = {**HTMX, "HX-Current-URL": "http://localhost/sources?a=b"}
    answer = admin.post(PROOF_NEEDED, headers=here)
    assert answer.headers["HX-Redirect"] == "/proof?next=/sources?a%3Db"
    assert admin.post("/proof", {"proof_password": "wrong", "next": "/sources"}).status_code == 422
    right = admin.post("/proof", {"proof_password": PASSWORD, "next": "//evil.example"})
    assert (right.status_code, right.headers["Location"]) == (303, "/")
    assert admin.post(PROOF_NEEDED).status_code == 404


@SQLITE
def test_guessing_the_proof_is_limited(app: Flask, admin: Visitor) -> None:
    age(app, proved_at=11)
    answers = [admin.post("/proof", {"proof_password": "wrong"}) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [422] * 5 + [429]
    assert int(answers[-1].headers["Retry-After"]) > 0
    late = admin.post(PROOF_NEEDED, {"proof_password": PASSWORD})
    assert late.status_code == 422 and "There were too many failed attempts." in late.text


@SQLITE
def test_guesses_of_one_session_do_not_count_for_the_next(app: Flask, admin: Visitor) -> None:
    """SQLite would use the id of the deleted session again."""
    for _ in range(5):
        admin.post("/proof", {"proof_password": "wrong"})
    assert admin.post("/proof", {"proof_password": PASSWORD}).status_code == 429
    admin.post("/sign-out")
    admin.sign_in()
    assert admin.post("/proof", {"proof_password": PASSWORD}).status_code == 303


@SQLITE
def test_disabling_a_user_ends_the_session_at_once(app: Flask, admin: Visitor) -> None:
    with app.app_context():
        db.session.query(User).update({"state": "disabled"})
        db.session.commit()
    assert not is_signed_in(admin)


@SQLITE
def test_htmx_is_redirected_to_sign_in_and_back_to_its_page(
    visit: Callable[..., Visitor],
) -> None:
    answer = visit().get(
        "/events", headers={**HTMX, "HX-Current-URL": "http://localhost/events?state=dead"}
    )
    assert answer.status_code == 401
    assert answer.headers["HX-Redirect"] == "/sign-in?next=/events?state%3Ddead"


@SQLITE
def test_the_current_url_of_htmx_never_leads_to_another_site(visit: Callable[..., Visitor]) -> None:
    for url in ("http://localhost//evil.example/x", "http://evil.example", "javascript:alert(1)"):
        answer = visit().get("/events", headers={**HTMX, "HX-Current-URL": url})
        assert answer.headers["HX-Redirect"] == "/sign-in"


@SQLITE
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 303),
        ({"Sec-Fetch-Site": "same-origin"}, 303),
        ({"Sec-Fetch-Site": "none"}, 303),
        ({"Origin": "http://localhost"}, 303),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "http://localhost.evil.example"}, 403),
        ({"Origin": "http://localhost:81"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
def test_a_post_is_accepted_from_our_own_pages_only(
    admin: Visitor, headers: dict[str, str], status: int
) -> None:
    assert admin.post("/sign-out", headers=headers).status_code == status


@SQLITE
def test_htmx_gets_a_refusal_as_a_toast(visit: Callable[..., Visitor]) -> None:
    answer = visit("viewer").post("/sources/new", {"name": "x"}, headers=HTMX)
    assert answer.status_code == 403
    assert answer.headers["HX-Retarget"] == "#toasts"
    assert "needs the role admin, and yours is viewer" in answer.text
    assert "<html" not in answer.text


@SQLITE
def test_a_form_that_is_sent_after_a_minute_of_reading_extends_the_session(
    app: Flask, admin: Visitor
) -> None:
    form = {"name": "Shop", "url": "https://shop.example.com", "csrf_token": admin.token()}
    age(app, seen_at=2)
    before = last_seen(app)
    assert admin.client.post("/sources/new", data=form).status_code == 303
    assert last_seen(app) > before


@SQLITE
def test_a_session_in_use_is_extended_once_a_minute(app: Flask, admin: Visitor) -> None:
    age(app, seen_at=0.9)
    before = last_seen(app)
    assert is_signed_in(admin)
    assert last_seen(app) == before
    age(app, seen_at=0.2)
    assert is_signed_in(admin)
    assert last_seen(app) > before
    assert "Set-Cookie" not in admin.get("/sources").headers


def last_seen(app: Flask) -> datetime:
    with app.app_context():
        return db.session.scalars(select(UserSession.seen_at)).one()


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("/events?state=dead&text=a%20b", "/events?state=dead&text=a%20b"),
        ("/sources/käse", "/sources/käse"),
        ("", "/"),
        ("events", "/"),
        ("//evil", "/"),
        ("/\\evil", "/"),
        ("/%5cevil", "/"),
        ("/%2fevil", "/"),
        ("/%09/evil", "/"),
        ("/\t/evil", "/"),
        ("https:evil", "/"),
        ("https://evil", "/"),
        ("javascript:alert(1)", "/"),
        (" /events", "/"),
        ("/events\n", "/"),
        ("/" + "a" * 1500, "/"),
    ],
)
def test_only_local_paths_are_followed(text: str, path: str) -> None:
    assert guard.local_path(text) == path


ADMIN = guard.Person(1, "ann@example.com", "admin")
LIMITED = guard.Person(2, "lim@example.com", "support", sites=frozenset({1}))


@pytest.mark.parametrize(
    ("role", "sites", "may"),
    [
        ("viewer", None, ["viewer"]),
        ("support", None, ["viewer", "support"]),
        ("admin", None, ["viewer", "support", "admin"]),
        ("admin", frozenset({1}), ["viewer", "support"]),
        ("viewer", frozenset(), ["viewer"]),
    ],
)
def test_a_role_includes_those_before_it(
    role: str, sites: frozenset[int] | None, may: list[str]
) -> None:
    person = guard.Person(1, "a@example.com", role, sites=sites)
    assert [one for one in ("viewer", "support", "admin") if person.may(one)] == may
    assert person.sees_all_sites is (sites is None)


def test_a_view_says_what_it_needs() -> None:
    def view() -> str:
        """Its text."""
        return "done"

    made: Any = guard.requires("support", proof=True, limited=True)(view)
    assert (made.relay_role, made.relay_proof, made.relay_limited) == ("support", True, True)
    assert (made.__name__, made.__doc__) == ("view", "Its text.")
    plain: Any = guard.requires("viewer")(view)
    assert (plain.relay_proof, plain.relay_limited) == (False, False)
    public: Any = guard.public(view)
    assert (public.relay_role, public.__name__) == ("public", "view")
    with pytest.raises(ValueError, match=r"^boss is not a role\.$"):
        guard.requires("boss")


def ask(app: Flask, view: Any, person: Any, method: str = "GET", **request: Any) -> Any:
    """What a guarded view answers to this person, without a session."""
    with app.test_request_context("/here?a=b", method=method, **request):
        g.person = person
        return view(1, two=2)


@SQLITE
def test_what_a_guarded_view_asks_of_a_person(app: Flask) -> None:
    def view(one: int, two: int) -> str:
        return f"{one} {two}"

    support, every = guard.requires("support"), guard.requires("viewer", limited=True)
    assert ask(app, support(view), ADMIN) == ask(app, every(view), LIMITED) == "1 2"
    with pytest.raises(Forbidden) as refused:
        ask(app, support(view), replace(ADMIN, role="viewer"))
    assert refused.value.description == (
        "This needs the role support, and yours is viewer. Ask an admin for access."
    )
    with pytest.raises(Forbidden) as refused:
        ask(app, guard.requires("viewer")(view), LIMITED)
    assert refused.value.description == (
        "Your account is limited to some sites, and this page is for people who see all sites. "
        "Ask an admin for access."
    )
    with pytest.raises(Forbidden) as refused:
        ask(app, guard.public(view), None, "POST", headers={"Sec-Fetch-Site": "cross-site"})
    assert refused.value.description == (
        "This request came from another website, so Relay did nothing. "
        "Open the page in Relay and try again."
    )
    assert ask(app, guard.public(view), None) == "1 2"
    no_factor = replace(ADMIN, needs_factor=True)
    assert ask(app, support(view), no_factor).location == "/account/second-factor"
    before = guard.requires("viewer", before_factor=True)
    assert ask(app, before(view), no_factor) == "1 2"
    assert ask(app, support(view), None).location == "/sign-in?next=/here?a%3Db"
    assert ask(app, support(view), None, "POST").location == "/sign-in"
    proof = guard.requires("viewer", proof=True)
    assert ask(app, proof(view), ADMIN).location == "/proof?next=/here?a%3Db"
    assert ask(app, proof(view), replace(ADMIN, has_fresh_proof=True)) == "1 2"


@SQLITE
@pytest.mark.parametrize(
    ("path", "method", "person", "may"),
    [
        ("/team", "GET", ADMIN, True),
        ("/team?a=b", "GET", ADMIN, True),
        ("/team", "POST", ADMIN, False),
        ("/team", "GET", replace(ADMIN, role="support"), False),
        ("/events", "GET", LIMITED, True),
        ("/audit", "GET", replace(LIMITED, role="admin"), False),
        ("/destinations", "GET", LIMITED, False),
        ("/sign-in", "GET", ADMIN, False),
        ("/nowhere", "GET", ADMIN, False),
        ("/static/relay.css", "GET", ADMIN, False),
        ("/team", "GET", None, False),
    ],
)
def test_links_are_shown_to_those_who_may_open_them(
    app: Flask, path: str, method: str, person: guard.Person | None, may: bool
) -> None:
    with app.test_request_context("/"):
        g.person = person
        assert guard.may_open(path, method) is may
        if method == "GET":
            assert guard.may_open(path) is may


@SQLITE
def test_a_link_starts_with_the_path_under_which_relay_is_served(app: Flask) -> None:
    with app.test_request_context("/", base_url="http://localhost/relay"):
        g.person = ADMIN
        assert guard.may_open("/relay/team") and not guard.may_open("/team/relay")


@SQLITE
def test_who_acts_and_from_where(app: Flask) -> None:
    chrome = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/130.0 Safari/537.36"
    where = {"REMOTE_ADDR": "192.0.2.7"}
    with app.test_request_context("/", environ_base=where, headers={"User-Agent": chrome}):
        g.person = ADMIN
        assert guard.current_by() == By("ann@example.com", "192.0.2.7")
        assert guard.browser() == Browser("192.0.2.7", "Chrome on Linux")
        g.person = None
        assert guard.current_by() == By("nobody", "192.0.2.7")
    with app.test_request_context("/", environ_base={"REMOTE_ADDR": ""}):
        g.person = ADMIN
        assert guard.current_by().address == guard.browser().address == ""
        assert guard.browser().device == "Unknown browser"


@SQLITE
def test_the_proof_page_posts_to_where_the_form_went_and_leads_back(
    app: Flask, admin: Visitor
) -> None:
    age(app, proved_at=11)
    path = f"{PROOF_NEEDED}?a=b"
    asked = admin.post(
        path, {"x": "y"}, headers={"Referer": "http://localhost/alerts/channels?z=1"}
    )
    assert f'action="{path}"' in asked.text and asked.status_code == 403
    wrong = admin.post(path, {"x": "y", "proof_password": "wrong"})
    assert wrong.status_code == 422 and "This password is not right." in wrong.text
    assert 'name="x" value="y"' in wrong.text
    by_htmx = admin.post(path, {"proof_password": PASSWORD}, headers=HTMX)
    assert by_htmx.headers["HX-Redirect"] == "/proof?next=/"
    assert admin.post(path, {"proof_code": "000000"}).status_code == 422
    assert is_signed_in(admin)


@SQLITE
def test_signing_in_starts_a_new_session_with_nothing_of_the_old_one(
    app: Flask, admin: Visitor
) -> None:
    with app.test_request_context("/", environ_base={"REMOTE_ADDR": "192.0.2.7"}):
        session["left"] = "over"
        g.csrf_token = "old"
        user = db.session.scalars(select(User)).one()
        guard.sign_in(user, SignInMethod.LINK)
        assert "left" not in session and session["csrf_token"]
        person = guard.find_person()
        assert person is not None and person == guard.signed_in()
        assert (person.email, person.role, person.id) == (admin.email, "admin", user.id)
        assert person.sites is None and person.has_fresh_proof and not person.needs_factor
        row = db.session.get_one(UserSession, person.session_id)
        assert (row.address, row.method) == ("192.0.2.7", SignInMethod.LINK)
        guard.forget()
        assert guard.find_person() is None and "_user_id" not in session


@SQLITE
def test_a_person_is_what_the_account_says(app: Flask, admin: Visitor) -> None:
    with app.test_request_context("/"):
        row = db.session.scalars(select(UserSession)).one()
        row.user.name, row.user.time_zone = "Ann", "Europe/Vienna"
        row.user.role, row.user.sites_limited = "support", True
        row.needs_factor = True
        found = guard.person_of(row)
        assert found == guard.Person(
            *(row.user.id, admin.email, "support", "Ann", "Europe/Vienna", "", frozenset()),
            session_id=row.id,
            has_fresh_proof=True,
            needs_factor=True,
        )
        session[guard.PROVIDER_CHECKED] = True
        assert not guard.person_of(row).needs_factor
        db.session.rollback()


@SQLITE
@pytest.mark.parametrize(
    ("headers", "page"),
    [
        ({}, "/here?a=X"),
        ({**HTMX, "HX-Current-URL": "http://localhost/there?c=d"}, "/there?c=d"),
        ({**HTMX, "HX-Current-URL": "http://localhost/there"}, "/there"),
        (HTMX, ""),
    ],
)
def test_the_page_that_the_browser_shows(app: Flask, headers: dict[str, str], page: str) -> None:
    with app.test_request_context("/here?a=X", headers=headers):
        assert guard._current_page() == page


def test_a_path_may_have_1500_characters() -> None:
    longest = "/" + "a" * 1499
    assert guard.local_path(longest) == longest and guard.local_path(longest + "a") == "/"
    assert guard.local_path("/a%20b") == "/a%20b" and guard.local_path("/a b") == "/"


@SQLITE
def test_a_person_can_cancel_the_proof_and_is_told_that_nothing_is_lost(
    app: Flask, admin: Visitor
) -> None:
    age(app, proved_at=11)
    sent_from = {"Referer": "http://localhost/destinations/new?kind=inbox"}
    page = admin.post(PROOF_NEEDED, {"name": "Box"}, headers=sent_from).text
    assert "What you entered is kept." in page
    back = 'href="/destinations/new?kind=inbox">Cancel'
    assert back in page
    again = {"proof_password": "wrong", "proof_back": "/destinations/new?kind=inbox"}
    assert back in admin.post(PROOF_NEEDED, again, headers={"Referer": PROOF_NEEDED}).text
    page = admin.get("/proof?next=/sources").text
    assert "is kept" not in page and 'href="/sources">Cancel' in page


@SQLITE
def test_a_download_after_a_proof_is_a_page_that_starts_it(app: Flask, admin: Visitor) -> None:
    age(app, proved_at=11)
    path, proof = "/dead-letters/list.csv", {"proof_password": PASSWORD}
    page = admin.post(path, {"type": "x", **proof})
    assert page.mimetype == "text/html" and f'action="{path}"' in page.text
    assert 'name="type" value="x"' in page.text and "proof_" not in page.text
    assert admin.post(path, {"type": "x"}).mimetype == "text/csv"
    age(app, proved_at=11)
    assert f'action="{path}?a=X"' in admin.post(f"{path}?a=X", proof).text


@SQLITE
def test_a_path_without_a_query_has_no_question_mark(app: Flask, admin: Visitor) -> None:
    with app.test_request_context("/here"):
        assert guard._current_page() == "/here"
    age(app, proved_at=11)
    assert f'action="{PROOF_NEEDED}"' in admin.post(PROOF_NEEDED).text
    with app.test_request_context("/here", method="POST"):
        assert guard.sign_in_first().location == "/sign-in"


@SQLITE
def test_a_code_is_a_proof_and_a_wrong_passkey_says_so(app: Flask, admin: Visitor) -> None:
    with app.app_context():
        secret = set_up(db.session.scalars(select(User)).one())
    age(app, proved_at=11)
    wrong = admin.post(PROOF_NEEDED, {"proof_passkey": "{}"})
    assert wrong.status_code == 422 and "This passkey was not accepted." in wrong.text
    assert admin.post(PROOF_NEEDED, {"proof_code": f" {code_of(secret)} "}).status_code == 404


@SQLITE
@pytest.mark.parametrize("replica", [{}, {"replica": False}, {"replica": True}])
def test_only_views_that_say_so_read_from_the_replica(
    app: Flask, monkeypatch: pytest.MonkeyPatch, replica: dict[str, bool]
) -> None:
    asked: list[bool] = []
    monkeypatch.setattr(guard, "read_from_replica", lambda: asked.append(True))
    view = guard.requires("viewer", **replica)(lambda one, two: "done")
    assert ask(app, view, ADMIN) == "done"
    assert asked == [True] * replica.get("replica", False)


@SQLITE
def test_a_view_with_a_proof_is_no_download_unless_it_says_so(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "check_proof", lambda person: None)
    view = guard.requires("viewer", proof=True)(lambda one, two: "done")
    assert ask(app, view, ADMIN, "POST", data={"proof_code": "1"}) == "done"


@SQLITE
def test_a_limited_person_reads_only_their_sites_from_then_on(app: Flask) -> None:
    with app.test_request_context("/"):
        guard._know(LIMITED)
        assert g.person == LIMITED
        assert g.site_limit == SiteLimit(frozenset({1}), "lim@example.com")
    with app.test_request_context("/"):
        guard._know(ADMIN)
        assert "site_limit" not in g


@SQLITE
def test_a_posted_proof_is_cut_to_a_length_that_is_cheap_to_check(
    app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []
    monkeypatch.setattr(proof, "check", lambda *args: seen.append(args))
    long = {"proof_password": "p" * 9999, "proof_code": "7" * 9999}
    for form in (long, {}):
        with app.test_request_context("/", method="POST", data=form):
            g.person = ADMIN
            guard.check_proof(ADMIN)
    by = By(ADMIN.email)
    assert seen == [
        (ADMIN.id, ADMIN.session_id, "p" * 1000, Shown(code="7" * 64), by),
        (ADMIN.id, ADMIN.session_id, "", Shown(), by),
    ]


PASSWORD_FIELD, CODE_FIELD = 'id="f-proof-password"', 'id="f-proof-code"'
PROVIDER_LINK = "Sign in again at your provider"


@SQLITE
@pytest.mark.parametrize(
    ("has", "provider", "offered"),
    [
        ({"name": "Ann"}, True, [PASSWORD_FIELD]),
        ({"totp_sealed": "x"}, True, [PASSWORD_FIELD, CODE_FIELD]),
        ({"password_hash": "", "oidc_subject": "issuer me"}, True, [PROVIDER_LINK]),
        ({"password_hash": "", "oidc_subject": "issuer me"}, False, []),
    ],
)
def test_the_proof_page_offers_what_the_person_has(
    app: Flask,
    admin: Visitor,
    monkeypatch: pytest.MonkeyPatch,
    has: dict[str, str],
    provider: bool,
    offered: list[str],
) -> None:
    monkeypatch.setattr(oidc, "find_provider", lambda: object() if provider else None)
    with app.app_context():
        db.session.execute(update(User).values(has))
        db.session.commit()
    age(app, proved_at=11)
    from_there = {"Referer": "http://localhost/alerts/channels?z=1"}
    page = admin.post(f"{PROOF_NEEDED}?a=X", headers=from_there).text
    assert [one for one in (PASSWORD_FIELD, CODE_FIELD, PROVIDER_LINK) if one in page] == offered
    assert ("You have no password and no second factor." in page) == (not offered)
    assert f'action="{PROOF_NEEDED}?a=X"' in page
    assert "is-invalid" not in page and "XX" not in page
    assert ("next=/alerts/channels" in page) == (PROVIDER_LINK in offered)
    if offered == [PROVIDER_LINK]:
        assert "next=/&quot;" not in page
        assert 'next=/"' in admin.post(PROOF_NEEDED).text  # a browser without a Referer


@SQLITE
def test_a_page_names_its_person(admin: Visitor) -> None:
    assert admin.email in admin.get("/sources").text

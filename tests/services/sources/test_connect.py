"""Permissions to connect a site: who gets a key for which code."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select, update

from relay.errors import Invalid, NotFound, Refusal
from relay.models import AuditEntry, ConnectGrant, SigningKey, Source, User, db
from relay.rules.states import SourceType
from relay.services.audit import COMMAND_LINE, By
from relay.services.sources import connect
from relay.services.sources import settings as source_settings
from relay.services.users import accounts

ADA = By("ada@example.com", "203.0.113.7")
VERIFIER = "v" * 43
SITE = "https://shop.example.com"
VALUES = {
    "site": SITE,
    "return": f"{SITE}/wp-admin/options-general.php?page=relay-connector",
    "state": "s" * 22,
    "challenge": connect.challenge_of(VERIFIER),
    "name": "Tea shop",
}


@pytest.fixture
def admin(app: Flask) -> Iterator[Flask]:
    with app.app_context():
        accounts.create_user(ADA.actor, "correct horse battery staple", "admin", COMMAND_LINE)
        yield app


def allow(slug: str = "", **changes: str) -> str:
    return connect.allow(connect.read(VALUES | changes), slug, "", ADA)


def exchange(code: str, verifier: str = VERIFIER, site: str = SITE) -> connect.ConnectedSite:
    return connect.exchange(code, verifier, site, "198.51.100.9")


def test_the_challenge_is_that_of_the_standard() -> None:
    """RFC 7636, appendix B."""
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    assert connect.challenge_of(verifier) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"site": "ftp://shop.example.com"}, "site"),
        ({"site": "https://user@shop.example.com"}, "site"),
        ({"site": f"{SITE}?a=b"}, "site"),
        ({"site": f"{SITE}#x"}, "site"),
        ({"site": f"{SITE}/{'x' * 300}"}, "site"),
        ({"return": "https://evil.example.com/wp-admin"}, "return"),
        ({"return": "https://shop.example.com.evil.example.com/"}, "return"),
        ({"return": "https://shop.example.com@evil.example.com/"}, "return"),
        ({"return": "https://shop.example.com:8443/"}, "return"),
        ({"return": "http://shop.example.com/"}, "return"),
        ({"return": "//shop.example.com/"}, "return"),
        ({"return": "https:\\\\shop.example.com/"}, "return"),
        ({"return": "javascript:alert(1)"}, "return"),
        ({"return": f"{SITE}/?relay_code=mine"}, "return"),
        ({"return": f"{SITE}/\r\nSet-Cookie: a=b"}, "return"),
        ({"state": "short"}, "state"),
        ({"challenge": "x" * 44}, "challenge"),
        ({"name": "x" * 121}, "name"),
    ],
)
def test_a_request_that_could_lead_elsewhere_is_refused(
    changes: dict[str, str], wrong: str
) -> None:
    with pytest.raises(Invalid) as refused:
        connect.read(VALUES | changes)
    assert list(refused.value.reasons) == [wrong]


def test_a_new_site_is_created_by_the_exchange_and_in_the_name_of_the_admin(admin: Flask) -> None:
    code = allow()
    assert db.session.scalars(select(Source)).all() == [], "nothing before the exchange"
    made = exchange(code)
    assert (made.source.name, made.source.url, made.source.slug) == ("Tea shop", SITE, "tea-shop")
    key = db.session.scalars(select(SigningKey)).one()
    assert made.key_id == key.key_id
    entries = db.session.scalars(select(AuditEntry).order_by(AuditEntry.id)).all()
    assert [(one.action, one.actor) for one in entries if one.actor == ADA.actor] == [
        ("connect.allow", ADA.actor),
        ("source.create", ADA.actor),
        ("connect.exchange", ADA.actor),
    ]
    stored = db.session.scalars(select(ConnectGrant)).one()
    assert code not in repr(vars(stored)), "only its hash"


def test_an_existing_site_gets_another_key_and_the_old_one_its_window(admin: Flask) -> None:
    old, key, _ = source_settings.create_source("Shop", "http://shop.example.com/blog", ADA)
    webhooks, *_ = source_settings.create_source("W", SITE, ADA, type_=SourceType.WOOCOMMERCE)
    other, *_ = source_settings.create_source("Other", "https://other.example.com", ADA)
    asked = connect.read(VALUES)
    assert connect.matching_sources(asked) == [old], "also if it has https now"
    for slug in (other.slug, webhooks.slug, "none"):
        with pytest.raises(NotFound):
            connect.allow(asked, slug, "", ADA)
    made = exchange(allow(old.slug))
    assert made.source.id == old.id and made.key_id != key.key_id
    db.session.refresh(key)
    assert (key.state, key.not_after is not None) == ("retiring", True)


@pytest.mark.parametrize("wrong", ["code", "verifier", "site", "expired", "used", "demoted"])
def test_a_code_works_once_in_time_and_for_its_site_only(admin: Flask, wrong: str) -> None:
    code = allow()
    values: dict[str, Any] = {"code": code}
    if wrong == "code":
        values["code"] = "x" * 43
    elif wrong == "verifier":
        values["verifier"] = "w" * 43
    elif wrong == "site":
        values["site"] = "https://other.example.com"
    elif wrong == "used":
        exchange(code)
    elif wrong == "demoted":
        db.session.execute(update(User).values(role="support"))
    else:
        grant = db.session.scalars(select(ConnectGrant)).one()
        grant.expires_at -= timedelta(minutes=6)
    db.session.commit()
    before = len(db.session.scalars(select(SigningKey)).all())
    with pytest.raises(Refusal):
        exchange(**values)
    assert len(db.session.scalars(select(SigningKey)).all()) == before


def test_after_five_wrong_exchanges_the_code_is_void(admin: Flask) -> None:
    code = allow()
    for _ in range(5):
        with pytest.raises(Refusal):
            exchange(code, "w" * 43)
    with pytest.raises(Refusal):
        exchange(code)


def test_of_two_exchanges_at_once_one_gets_the_key(admin: Flask) -> None:
    code = allow()

    def one(_: int) -> str:
        with admin.app_context():
            try:
                return exchange(code).key_id
            except Refusal:
                return ""

    with ThreadPoolExecutor(4) as threads:
        found = [key for key in threads.map(one, range(4)) if key]
    assert len(found) == 1
    db.session.rollback()
    assert [key.key_id for key in db.session.scalars(select(SigningKey))] == found

"""The page of a person's own second factors, and the proof by a code."""

from __future__ import annotations

import html
import re
from collections.abc import Callable

import pyotp
import pytest
from flask import Flask
from sqlalchemy import select, update

from relay.models import User, db
from tests.dashboard.conftest import PASSWORD, Visitor
from tests.dashboard.test_guard import PROOF_NEEDED, age
from tests.dashboard.test_second_step import actions, code, owner

__all__ = ["owner"]
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
HERE = "/account/second-factor"


def test_an_app_is_set_up_and_its_recovery_codes_are_shown_once(app: Flask, admin: Visitor) -> None:
    page = admin.get(f"{HERE}/app").text
    assert "<svg" in page and "style=" not in page
    found = re.search(r'id="totp-secret" value="([A-Z2-7 ]+)"', page)
    assert found
    secret = found[1].replace(" ", "")
    assert len(secret) == 32
    assert admin.post(f"{HERE}/app", {"code": "000000"}).status_code == 422
    assert found[1] in admin.get(f"{HERE}/app").text  # still the same
    done = admin.post(f"{HERE}/app", {"code": pyotp.TOTP(secret).now()})
    assert done.location == f"{HERE}/recovery-codes"
    shown = html.unescape(admin.get(done.location).text)
    codes = re.findall(r"^(?:.*>)?((?:[a-z2-7]{4}-){5}[a-z2-7]{4})", shown, re.M)
    assert len(set(codes)) == 10
    assert admin.get(done.location).location == HERE, "a reload makes no new codes"
    page = admin.get(HERE).text
    assert codes[0] not in page and secret not in page and "Unused codes: 10" in page
    assert admin.post(f"{HERE}/app/remove").status_code == 303
    assert "Set up an app" in admin.get(HERE).text
    assert {"user.totp_add", "user.recovery_codes", "user.totp_remove"} <= set(actions(app))


def test_adding_a_factor_and_removing_one_needs_a_fresh_proof(app: Flask, admin: Visitor) -> None:
    admin.get(f"{HERE}/app")
    age(app, proved_at=11)
    assert admin.get(f"{HERE}/app").location == f"/proof?next={HERE}/app"
    for path in ("app", "app/remove", "passkeys/options", "passkeys", "recovery-codes"):
        assert admin.post(f"{HERE}/{path}").status_code == 403, path
    assert admin.post(f"{HERE}/passkeys/1/remove").status_code == 403
    assert admin.get(HERE).status_code == 200


def test_few_recovery_codes_are_a_warning(app: Flask, owner: Visitor) -> None:
    owner.sign_in()
    owner.post("/sign-in/second-step", {"code": code()})
    assert "no recovery codes left" in owner.get(HERE).text
    owner.post(f"{HERE}/recovery-codes")
    assert "codes are left" not in owner.get(HERE).text
    with app.app_context():
        db.session.connection().exec_driver_sql(
            "UPDATE recovery_code SET used_at = CURRENT_TIMESTAMP WHERE id > 2"
        )
        db.session.commit()
    assert "Only 2 recovery codes are left" in owner.get(HERE).text


def test_a_code_is_a_proof_once(app: Flask, owner: Visitor) -> None:
    owner.sign_in()
    first = code()
    assert owner.post("/sign-in/second-step", {"code": first}).status_code == 303
    age(app, proved_at=11)
    assert "proof_code" in owner.post(PROOF_NEEDED).text
    assert owner.post(PROOF_NEEDED, {"proof_code": first}).status_code == 422
    assert owner.post(PROOF_NEEDED, {"proof_passkey": "{}"}).status_code == 422
    assert owner.post(PROOF_NEEDED, {"proof_code": code(1)}).status_code == 404


def test_a_person_without_a_password_is_not_asked_for_one(app: Flask, owner: Visitor) -> None:
    owner.sign_in()
    owner.post("/sign-in/second-step", {"code": code()})
    age(app, proved_at=11)
    with app.app_context():
        db.session.execute(update(User).values(password_hash=""))
        db.session.commit()
    page = owner.get("/proof").text
    assert "proof_password" not in page and "proof_code" in page
    assert owner.post("/proof", {"proof_password": PASSWORD}).status_code == 422
    with app.app_context():
        db.session.scalars(select(User)).one().totp_sealed = None
        db.session.commit()
    assert "You have no password and no second factor" in owner.get("/proof").text


def test_passkeys_of_others_cannot_be_changed(visit: Callable[..., Visitor]) -> None:
    viewer = visit("viewer")
    assert viewer.post(f"{HERE}/passkeys/1/rename", {"name": "x"}).status_code == 404
    assert viewer.post(f"{HERE}/passkeys/1/remove").status_code == 404
    assert viewer.post(f"{HERE}/passkeys", {"name": "x"}).status_code == 422

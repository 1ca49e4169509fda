"""Roles that need a second factor: no page before it is set up."""

from __future__ import annotations

from collections.abc import Callable

import pyotp
import pytest
from flask import Flask

from tests.dashboard.conftest import Visitor
from tests.dashboard.test_second_step import actions

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
OWN = "/account/second-factor"


def test_a_role_that_needs_a_second_factor_sets_one_up_first(
    app: Flask, admin: Visitor, visit: Callable[..., Visitor]
) -> None:
    support, viewer = visit("support"), visit("viewer")
    assert "support@example.com" in admin.get("/team/sign-in").text
    assert admin.post("/team/sign-in", {"roles": ["support", "nonsense"]}).status_code == 422
    assert admin.post("/team/sign-in", {"roles": ["support"]}).status_code == 303
    assert viewer.get("/sources").status_code == admin.get("/sources").status_code == 200
    for answer in (support.get("/sources"), support.get("/"), support.post("/sources/shop/test")):
        assert (answer.status_code, answer.location) == (303, OWN)
    page = support.get(OWN).text
    assert "Your role needs a second factor" in page
    assert support.get("/proof").status_code == 200
    secret = support.get(f"{OWN}/app").text.split('id="totp-secret" value="')[1].split('"')[0]
    support.post(f"{OWN}/app", {"code": pyotp.TOTP(secret.replace(" ", "")).now()})
    assert support.get("/sources").status_code == 200
    assert admin.post("/team/sign-in").status_code == 303
    assert "user.second_factor_policy" in actions(app)
    support.post(f"{OWN}/app/remove")
    assert support.get("/sources").status_code == 200

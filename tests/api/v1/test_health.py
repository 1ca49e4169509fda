"""Health and the token of a request."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from flask import Flask

from tests.api.v1.conftest import ApiClient

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def test_health_has_what_the_doctor_finds(app: Flask, api: Callable[..., ApiClient]) -> None:
    found = api("support").get("/health")
    assert found["ok"] is True  # a new Relay has warnings only
    checks = {one["check"]: one for one in found["findings"]}
    assert checks["database"]["level"] == "ok"
    assert checks["worker"]["level"] == "warning" and "Procfile" in checks["worker"]["do"]


def test_a_program_sees_what_its_token_may_do(api: Callable[..., ApiClient]) -> None:
    client = api("viewer")
    assert client.get("/token") == {
        "name": "CI viewer",
        "role": "viewer",
        "user": client.email,
        "sites": None,
        "expires_at": None,
    }

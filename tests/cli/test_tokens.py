"""``flask tokens``."""

from __future__ import annotations

import pytest
from flask import Flask

from tests.cli.conftest import TIMESTAMP, Run, create_source

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
ANN = "ann@example.com"


def test_a_token_is_created_listed_used_and_revoked(run: Run, app: Flask) -> None:
    words = ("users", "create", ANN, "--role", "support", "--password-stdin")
    run(*words, input="correct horse battery staple\n")
    slug = create_source(run)["slug"]
    create = ("tokens", "create", "CI", "--user", ANN, "--json")
    made = run(*create, "--role", "viewer", "--site", slug, "--expires", "12h")
    token = made["token"]
    assert (made["role"], made["sites"], made["state"]) == ("viewer", [slug], "active")
    assert TIMESTAMP.fullmatch(made["expires_at"])
    answer = app.test_client().get("/api/v1/sites", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 200
    [listed] = run("tokens", "list", "--user", ANN, "--json")["items"]
    assert listed["token"] == f"{token[:10]}…" and TIMESTAMP.fullmatch(listed["last_used_at"])
    assert token not in run("tokens", "list")
    assert "already a token called CI" in run(*create, "--role", "viewer", code=1)
    assert "more rights" in run(*create[:2], "B", *create[3:], "--role", "admin", code=1)
    assert "90d or 12h" in run(*create, "--role", "viewer", "--expires", "soon", code=1)
    run("tokens", "create", "B", "--user", ANN, code=2)  # without a role
    assert run("tokens", "revoke", str(made["id"]), "--json")["state"] == "revoked"
    assert "already revoked" in run("tokens", "revoke", str(made["id"]), code=1)
    assert "no API token 99" in run("tokens", "revoke", "99", code=1)
    shown = run("tokens", "create", "C", "--user", ANN, "--role", "viewer", "--expires", "never")
    assert shown.startswith("relay_") and "It does not expire." in shown

"""Checking the token of a request."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cryptography.fernet import Fernet
from flask import Flask
from sqlalchemy import event, select, update

from relay.models import ApiToken, db, db_now
from relay.services.tokens import digests, settings
from relay.services.tokens.checking import check_token
from relay.services.tokens.settings import TokenChoice
from tests.services.users.conftest import ADDRESS, Team


def create(team: Team) -> str:
    return settings.create_token(team.vic_id, TokenChoice("CI", "viewer"), team.by).secret


def test_the_last_use_is_stored_once_per_minute(team: Team) -> None:
    token = create(team)
    found = check_token(token, ADDRESS)
    assert found is not None and (found.name, found.role, found.email) == (
        *("CI", "viewer", "vic@example.com"),
    )
    used = db.session.execute(select(ApiToken.last_used_at, ApiToken.last_address)).one()
    assert used.last_used_at is not None and used.last_address == ADDRESS
    check_token(token, "203.0.113.99")
    db.session.rollback()
    assert db.session.execute(select(ApiToken.last_used_at, ApiToken.last_address)).one() == used


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_token_survives_a_rotation_of_the_encryption_keys(app: Flask, team: Team) -> None:
    token = create(team)
    config, new_key = app.extensions["relay_config"], Fernet.generate_key().decode()
    (old_key,) = config.encryption_keys
    app.extensions["relay_config"] = replace(config, encryption_keys=(new_key, old_key))
    assert check_token(token, ADDRESS) is not None
    app.extensions["relay_config"] = replace(config, encryption_keys=(new_key,))
    assert check_token(token, ADDRESS) is not None  # it was used while both keys were there
    app.extensions["relay_config"] = config
    assert check_token(token, ADDRESS) is None


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_every_token_that_is_refused_costs_the_same_work(
    team: Team, monkeypatch: pytest.MonkeyPatch
) -> None:
    revoked = create(team)
    db.session.execute(update(ApiToken).values(revoked_at=db_now()))
    db.session.commit()
    hashed: list[int] = []
    real = digests.all_digests
    monkeypatch.setattr(digests, "all_digests", lambda t: (hashed.append(len(t)), real(t))[1])
    statements: list[str] = []
    event.listen(db.engine, "before_cursor_execute", lambda *args: statements.append(args[2]))
    counts = set()
    for text in ("", "x", "relay_", revoked[:-1] + "-", "é" * 300):
        statements.clear()
        hashed.clear()
        assert check_token(text, ADDRESS) is None
        counts.add((len(hashed), tuple(statements)))
    assert len(counts) == 1
    statements.clear()
    assert check_token(revoked, ADDRESS) is None  # even one that existed
    assert counts == {(1, tuple(statements))}

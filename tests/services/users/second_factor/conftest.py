"""A person with a password, in an application context."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask

from relay.models import User, db
from relay.rules.states import Role


@pytest.fixture
def user(app: Flask) -> Iterator[User]:
    with app.app_context():
        person = User(email="ada@example.com", password_hash="x", role=Role.ADMIN)
        db.session.add(person)
        db.session.commit()
        yield person

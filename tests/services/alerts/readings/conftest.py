"""A shop, and what a reader sees of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import pytest
from flask import Flask, current_app

from relay import database
from relay.models import db
from relay.rules.alerts import Reading
from relay.services.alerts import rules
from relay.services.alerts.readings import Context
from tests.services.alerts.problems import Shop

Read = Callable[[Callable[[Context], Iterable[Reading]]], dict[str, Reading]]


@pytest.fixture
def shop(app: Flask) -> Iterator[Shop]:
    with app.app_context():
        yield Shop("Hook", "Team channel")
        db.session.remove()


@pytest.fixture
def read(shop: Shop) -> Read:
    """Calls a reader at the shop's time.  -> its readings by rule; one subject of each"""

    def call(reader: Callable[[Context], Iterable[Reading]]) -> dict[str, Reading]:
        db.session.rollback()
        with database.snapshot(db.engine) as connection:
            known = rules.effective(connection, shop.now)
            context = Context(
                connection,
                shop.now,
                {name: one.threshold or 0.0 for name, one in known.items()},
                None,
                current_app.extensions["relay_config"],
                frozenset(name for name, one in known.items() if one.is_set),
            )
            return {one.rule: one for one in reader(context)}

    return call

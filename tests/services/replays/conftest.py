"""Deliveries that a replay can send."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask

from relay.models import db
from tests.support.events import comment
from tests.support.sink import Sink
from tests.support.world import World, make, move, put


@pytest.fixture
def world(app: Flask, sink: Sink) -> Iterator[World]:
    """Five dead deliveries at the hook, all of them delivered at the inbox."""
    world = make(app, sink)
    for _ in range(4):
        put(app, world.slug, comment())
    move(app, world.inbox, world.hook)
    with app.app_context():
        yield world
        db.session.remove()
    app.extensions["relay_ingest"].close()
